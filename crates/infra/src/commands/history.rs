//! `infra history`

use crate::cli::History;
use crate::error::{Exit, Outcome};
use crate::place::Place;
use crate::render::history::{history_json, history_text};
use crate::ui::Ui;

pub(super) fn run(arguments: &History, ui: Ui) -> Outcome {
    let place = Place::find(
        arguments.stack.as_deref(),
        arguments.copy.instance.as_deref(),
    )?;
    let runs = place.history()?;
    let skipped = arguments.limit.map_or(0, |n| runs.len().saturating_sub(n));
    let runs = &runs[skipped..];
    if arguments.json {
        ui.json(&history_json(runs));
    } else if runs.is_empty() {
        ui.talk("Nothing was changed yet.");
    } else {
        ui.result(&history_text(runs, arguments.changes, ui.out));
    }
    Ok(Exit::Done)
}
