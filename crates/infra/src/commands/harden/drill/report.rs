//! What a drill tells: a line for each thing that it looked at.

use crate::error::Exit;
use crate::ui::Ui;

/// How it stands with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It could be made again.
    Holds,
    /// It could not.
    Lost,
    /// Nothing was proved either way.
    Aside,
}

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<(Sign, &'static str, String)>);

impl Report {
    pub(super) fn holds(&mut self, what: &'static str, text: impl Into<String>) {
        self.0.push((Sign::Holds, what, text.into()));
    }

    pub(super) fn lost(&mut self, what: &'static str, text: impl Into<String>) {
        self.0.push((Sign::Lost, what, text.into()));
    }

    pub(super) fn aside(&mut self, what: &'static str, text: impl Into<String>) {
        self.0.push((Sign::Aside, what, text.into()));
    }

    /// What others have found.
    pub(super) fn append(&mut self, other: Report) {
        self.0.extend(other.0);
    }

    /// Whether something could not be made again.
    pub(super) fn has_losses(&self) -> bool {
        self.0.iter().any(|(sign, ..)| *sign == Sign::Lost)
    }

    /// As the command ends.
    pub(super) fn exit(&self) -> Exit {
        if self.has_losses() {
            Exit::Changes
        } else {
            Exit::Done
        }
    }

    /// The whole, with a sentence that says it.
    pub(super) fn told(&self, ui: Ui) -> String {
        let mut out = String::from("\n");
        for (sign, what, text) in &self.0 {
            let sign = match sign {
                Sign::Holds => ui.out.green("✓"),
                Sign::Lost => ui.out.red("✗"),
                Sign::Aside => "-".to_owned(),
            };
            out.push_str(&format!("  {sign} {what:<12} {text}\n"));
        }
        let lost = self.0.iter().filter(|(s, ..)| *s == Sign::Lost).count();
        let sentence = match lost {
            0 => "All that was looked at can be made again.".to_owned(),
            1 => "One thing could not be made again.".to_owned(),
            n => format!("{n} things could not be made again."),
        };
        out.push_str(&format!("\n{sentence}\n"));
        out
    }
}
