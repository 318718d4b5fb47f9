//! What a drill tells: a line for each thing that it looked at.

use crate::error::Exit;
use crate::ui::Ui;
use serde_json::{Map, Value as Json, json};

/// How it stands with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It could be made again.
    Holds,
    /// It could not.
    Lost,
    /// It could, but not as it should be.
    Warning,
    /// Nothing was proved either way.
    Aside,
}

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    lines: Vec<(Sign, &'static str, String)>,
    /// How far each archive reaches, for programs.
    archives: Vec<Json>,
    /// How each managed database is backed up, for programs.
    databases: Vec<Json>,
}

impl Report {
    pub(super) fn holds(&mut self, what: &'static str, text: impl Into<String>) {
        self.lines.push((Sign::Holds, what, text.into()));
    }

    pub(super) fn lost(&mut self, what: &'static str, text: impl Into<String>) {
        self.lines.push((Sign::Lost, what, text.into()));
    }

    pub(super) fn warn(&mut self, what: &'static str, text: impl Into<String>) {
        self.lines.push((Sign::Warning, what, text.into()));
    }

    pub(super) fn aside(&mut self, what: &'static str, text: impl Into<String>) {
        self.lines.push((Sign::Aside, what, text.into()));
    }

    pub(super) fn archive(&mut self, facts: Json) {
        self.archives.push(facts);
    }

    pub(super) fn database(&mut self, facts: Json) {
        self.databases.push(facts);
    }

    /// What others have found.
    pub(super) fn append(&mut self, other: Report) {
        self.lines.extend(other.lines);
        self.archives.extend(other.archives);
        self.databases.extend(other.databases);
    }

    /// The last moment to which every archive reaches, where all of them tell.
    pub(super) fn last_recoverable(&self) -> Option<&str> {
        let each = self.archives.iter();
        let all = each.map(|facts| facts["last_archived_change"].as_str());
        let all: Option<Vec<&str>> = all.collect();
        // They are written alike, in UTC.
        all?.into_iter().min()
    }

    /// Whether something could not be made again.
    pub(super) fn has_losses(&self) -> bool {
        self.losses() > 0
    }

    fn losses(&self) -> usize {
        let lost = self.lines.iter().filter(|(s, ..)| *s == Sign::Lost);
        lost.count()
    }

    /// As the command ends.
    pub(super) fn exit(&self) -> Exit {
        if self.has_losses() {
            Exit::Changes
        } else {
            Exit::Done
        }
    }

    fn sentence(&self) -> String {
        match self.losses() {
            0 => "All that was looked at can be made again.".to_owned(),
            1 => "One thing could not be made again.".to_owned(),
            n => format!("{n} things could not be made again."),
        }
    }

    /// Tells the whole, with a sentence that says it.
    pub(super) fn tell(&self, ui: Ui) {
        if !ui.is_stream() {
            return ui.result(&self.told(ui));
        }
        let level = if self.has_losses() { "error" } else { "info" };
        ui.event(level, "drill_report", &self.sentence(), self.facts());
    }

    fn told(&self, ui: Ui) -> String {
        let mut out = String::from("\n");
        for (sign, what, text) in &self.lines {
            let sign = match sign {
                Sign::Holds => ui.out.green("✓"),
                Sign::Lost => ui.out.red("✗"),
                Sign::Warning => ui.out.yellow("!"),
                Sign::Aside => "-".to_owned(),
            };
            out.push_str(&format!("  {sign} {what:<12} {text}\n"));
        }
        out.push_str(&format!("\n{}\n", self.sentence()));
        out
    }

    /// The same for programs.
    fn facts(&self) -> Map<String, Json> {
        let line = |(sign, what, text): &(Sign, &str, String)| {
            let sign = match sign {
                Sign::Holds => "holds",
                Sign::Lost => "lost",
                Sign::Warning => "warning",
                Sign::Aside => "aside",
            };
            json!({ "sign": sign, "about": what, "text": text })
        };
        let lines: Vec<Json> = self.lines.iter().map(line).collect();
        [
            ("lost", json!(self.losses())),
            ("lines", json!(lines)),
            ("archives", json!(self.archives)),
            ("databases", json!(self.databases)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
