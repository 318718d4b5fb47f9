//! The live tree on a terminal: what is running with its elapsed time and the cloud's word for it, what lies on the critical
//! path, how much is done and about how long the rest takes. What is done scrolls away above.

use super::lines::line;
use super::words::{duration, going};
use super::{Live, Operation, Table};
use crate::render::literal::tame;
use crate::ui::Ui;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use infra_engine::{Event, Observer};
use infra_model::address::Address;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// At most so many operations are drawn; the rest are counted.
const SHOWN: usize = 16;
/// How often it is drawn anew.
const FRAME: Duration = Duration::from_millis(120);
/// What is done before this is never drawn, only told: thousands of quick ones would only flicker.
const NOTICEABLE: Duration = Duration::from_millis(150);

/// An id is not cut below this: less would not tell it from another.
const SHORTEST_ID: usize = 12;

/// Draws to standard error.
pub(super) struct Terminal {
    ui: Ui,
    bars: MultiProgress,
    running: Table,
    drawn: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    total: Option<ProgressBar>,
    rows: BTreeMap<Address, ProgressBar>,
    steps: u64,
    done: u64,
    expected: Duration,
    started: Option<Instant>,
}

impl Terminal {
    pub(super) fn new(ui: Ui) -> Terminal {
        Terminal {
            ui,
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            running: Table::default(),
            drawn: Mutex::default(),
        }
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line above what is drawn.
    fn above(&self, event: &Event, symbol: &str) {
        let Some(text) = line(event) else {
            return;
        };
        let gap = if symbol.is_empty() { "" } else { " " };
        let room = self.ui.columns().saturating_sub(2 * gap.len());
        let text = format!("{symbol}{gap}{}", fitted(&text, room));
        // A terminal that cannot be drawn on still gets the line.
        if self.bars.println(&text).is_err() {
            self.ui.talk(&text);
        }
    }

    fn bar(&self, bar: ProgressBar, template: &str) -> ProgressBar {
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .progress_chars("━━─");
        self.bars.add(bar.with_style(style))
    }

    fn describe(&self, address: &Address, operation: &Operation) -> String {
        let paint = self.ui.err;
        let status = operation
            .status
            .as_deref()
            .map(|s| format!("  {}", paint.cyan(tame(s))))
            .unwrap_or_default();
        let critical = if operation.critical {
            format!("  {}", paint.yellow("◆ critical path"))
        } else {
            String::new()
        };
        let elapsed = duration(operation.started.elapsed());
        format!(
            "{address}: {}  {elapsed}{status}{critical}",
            going(operation.action)
        )
    }

    fn ended(&self, event: &Event, address: &Address, symbol: &str) {
        self.running.end(address);
        let mut drawn = self.drawn();
        if let Some(bar) = drawn.rows.remove(address) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        drawn.done += 1;
        drop(drawn);
        self.above(event, symbol);
    }
}

/// The line with a long id cut in its middle, so that it stays on one row: `infra state show` has all of it.
fn fitted(text: &str, columns: usize) -> String {
    const OPENING: &str = "[id=";
    let excess = text.chars().count().saturating_sub(columns);
    let id = text
        .rfind(OPENING)
        .zip(text.strip_suffix(']'))
        .map(|(at, inner)| &inner[at + OPENING.len()..]);
    let Some(id) = id.filter(|_| excess > 0) else {
        return text.to_owned();
    };
    let letters: Vec<char> = id.chars().collect();
    let kept = letters.len().saturating_sub(excess + 1);
    if kept < SHORTEST_ID {
        return text.to_owned();
    }
    // The end of an id tells more than its beginning.
    let head: String = letters[..kept / 3].iter().collect();
    let tail: String = letters[letters.len() - (kept - kept / 3)..]
        .iter()
        .collect();
    let before = &text[..text.len() - id.len() - 1];
    format!("{before}{head}…{tail}]")
}

impl Drawn {
    fn describe_total(&self) {
        let Some(bar) = &self.total else {
            return;
        };
        if let Some(started) = self.started {
            bar.set_position(self.done.min(self.steps));
            let elapsed = started.elapsed();
            let left = self.expected.saturating_sub(elapsed);
            let estimate = if left >= Duration::from_secs(1) {
                format!(", about {} left", duration(left))
            } else {
                String::new()
            };
            bar.set_message(format!("{}{estimate}", duration(elapsed)));
        }
        bar.tick();
    }
}

impl Observer for Terminal {
    fn event(&self, event: Event) {
        let paint = self.ui.err;
        match &event {
            Event::RefreshStarted { resources } if *resources > 0 => {
                let bar = self.bar(ProgressBar::new_spinner(), "{spinner} {msg}");
                bar.set_message(line(&event).unwrap_or_default());
                self.drawn().total = Some(bar);
            }
            Event::ApplyStarted {
                steps,
                critical_path,
            } => {
                let mut drawn = self.drawn();
                if let Some(old) = drawn.total.take() {
                    old.finish_and_clear();
                }
                let steps = u64::try_from(*steps).unwrap_or(u64::MAX);
                drawn.total = Some(self.bar(
                    ProgressBar::new(steps),
                    "{bar:24.green/dim} {pos}/{len}  {msg}",
                ));
                drawn.steps = steps;
                drawn.expected = *critical_path;
                drawn.started = Some(Instant::now());
            }
            Event::Started {
                address,
                action,
                id,
                critical,
            } => {
                self.running.begin(address, *action, id.clone(), *critical);
            }
            Event::Identified { address, id } => self.running.identify(address, id),
            Event::Status { address, status } => {
                self.running.status(address, status);
            }
            Event::Finished { address, .. } => self.ended(&event, address, &paint.green("✓")),
            Event::Imported { .. } => self.above(&event, &paint.green("✓")),
            Event::Failed { address, .. } => self.ended(&event, address, &paint.red("✗")),
            Event::Skipped { .. } => self.above(&event, &paint.yellow("•")),
            Event::Recovering { .. } => self.above(&event, ""),
            Event::RefreshStarted { .. }
            | Event::Refreshed { .. }
            | Event::DataRead { .. }
            | Event::Planned { .. } => {}
        }
    }
}

impl Live for Terminal {
    fn tick(&self) {
        let running = self.running.all();
        let mut drawn = self.drawn();
        for (address, operation) in &running {
            if !drawn.rows.contains_key(address) {
                if drawn.rows.len() >= SHOWN || operation.started.elapsed() < NOTICEABLE {
                    continue;
                }
                let bar = self.bar(ProgressBar::new_spinner(), "  {spinner} {msg}");
                drawn.rows.insert(address.clone(), bar);
            }
            if let Some(bar) = drawn.rows.get(address) {
                bar.set_message(self.describe(address, operation));
                bar.tick();
            }
        }
        drawn.describe_total();
    }

    fn every(&self) -> Duration {
        FRAME
    }

    fn finish(&self) {
        let mut drawn = self.drawn();
        for bar in std::mem::take(&mut drawn.rows).into_values() {
            bar.finish_and_clear();
        }
        if let Some(total) = drawn.total.take() {
            total.finish_and_clear();
        }
        // What could not be cleared stays on the screen, and nothing is lost by it.
        let _ = self.bars.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_are_cut_in_the_middle_and_short_lines_stay() {
        let line = "x: Creation complete after 0s [id=arn:aws:thing/0123456789abcdef]";
        assert_eq!(fitted(line, 80), line);
        let cut = fitted(line, 55);
        assert_eq!(
            cut,
            "x: Creation complete after 0s [id=arn:aw…3456789abcdef]"
        );
        assert_eq!(cut.chars().count(), 55);
        assert_eq!(fitted(line, 40), line, "too narrow to say anything");
        assert_eq!(
            fitted("no id in it, and longer", 10),
            "no id in it, and longer"
        );
    }
}
