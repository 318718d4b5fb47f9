//! `infra state pull`

use crate::cli::StatePull;
use crate::error::{Exit, Outcome};
use crate::place::Place;
use crate::ui::Ui;

pub(super) fn run(arguments: &StatePull, ui: Ui) -> Outcome {
    let place = Place::find(
        arguments.stack.as_deref(),
        arguments.copy.instance.as_deref(),
    )?;
    let store = place.look("state pull")?.ok_or_else(|| place.no_state())?;
    ui.result(&String::from_utf8_lossy(&store.pull()?));
    Ok(Exit::Done)
}
