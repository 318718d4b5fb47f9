//! The history of a state: a line for each run, the last one at the end.

use super::literal::tame;
use super::moment::moment;
use super::paint::Paint;
use crate::live::duration;
use infra_state::history::{Run, RunResult};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// The order in which counts are told.
const ORDER: [&str; 12] = [
    "imported",
    "added",
    "changed",
    "destroyed",
    "moved",
    "forgotten",
    "given",
    "pushed",
    "tainted",
    "untainted",
    "failed",
    "skipped",
];

/// For a person; with the addresses if asked for.
pub(crate) fn history_text(runs: &[Run], changes: bool, paint: Paint) -> String {
    let rows: Vec<[String; 5]> = runs.iter().map(row).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (run, row) in runs.iter().zip(&rows) {
        let [when, who, command, took, what] = row;
        let [a, b, c, d, _] = widths;
        let what = match run.ended.as_ref().map(|e| e.result) {
            Some(RunResult::Complete) => what.clone(),
            Some(_) => paint.red(what),
            None => paint.yellow(what),
        };
        let line = format!(
            "{}  {who:b$}  {command:c$}  {took:>d$}  {what}",
            paint.dim(format!("{when:a$}"))
        );
        out.push_str(line.trim_end());
        out.push('\n');
        if changes {
            out.push_str(&addresses(run, paint));
        }
    }
    out
}

fn addresses(run: &Run, paint: Paint) -> String {
    let mut out = String::new();
    for (action, addresses) in &run.began.changes {
        for address in addresses {
            out.push_str(&format!("    {action} {}\n", tame(address)));
        }
    }
    if run.began.unnamed > 0 {
        let more = paint.dim(format!("and {} more", run.began.unnamed));
        out.push_str(&format!("    {more}\n"));
    }
    out
}

fn row(run: &Run) -> [String; 5] {
    let began = &run.began;
    let (who, command) = began.who.split_once(": infra ").unwrap_or((&began.who, ""));
    // The process's number says nothing any more.
    let place = began.place.split(", process").next().unwrap_or_default();
    let (took, what) = match &run.ended {
        None => (
            String::new(),
            "did not end: killed, or still at work".to_owned(),
        ),
        Some(ended) => {
            let length = u64::try_from(ended.time.0 - began.time.0).unwrap_or_default();
            let mut counts: Vec<(usize, String)> = ended
                .counts
                .iter()
                .map(|(word, count)| {
                    let at = ORDER
                        .iter()
                        .position(|o| *o == &**word)
                        .unwrap_or(ORDER.len());
                    (at, format!("{count} {word}"))
                })
                .collect();
            counts.sort();
            let mut words: Vec<String> = counts.into_iter().map(|(_, text)| text).collect();
            if words.is_empty() {
                words.push("nothing done".to_owned());
            }
            if ended.result == RunResult::Interrupted {
                words.push("interrupted".to_owned());
            }
            (duration(Duration::from_millis(length)), words.join(", "))
        }
    };
    [
        moment(began.time),
        tame(&format!("{who} on {place}")),
        tame(command),
        took,
        tame(&what),
    ]
}

/// For programs: every field of every run.
pub(crate) fn history_json(runs: &[Run]) -> Json {
    let runs: Vec<Json> = runs
        .iter()
        .map(|run| {
            let began = &run.began;
            let ended = run.ended.as_ref();
            json!({
                "run": began.run,
                "began": moment(began.time).replacen(' ', "T", 1),
                "ended": ended.map(|e| moment(e.time).replacen(' ', "T", 1)),
                "who": began.who,
                "where": began.place,
                "infra_version": began.version,
                "serial_before": began.serial,
                "serial_after": ended.map(|e| e.serial),
                "result": ended.map(|e| e.result),
                "counts": ended.map(|e| &e.counts),
                "changes": began.changes,
                "unnamed_changes": began.unnamed,
            })
        })
        .collect();
    json!({ "format_version": "1.0", "runs": runs })
}
