//! `infra schema`

use crate::cli::Schema;
use crate::error::{Exit, Outcome};
use crate::reference::Catalogue;
use crate::reference::json_schema::{stack_schema, subject_schema};
use crate::ui::Ui;

pub(super) fn run(arguments: &Schema, ui: Ui) -> Outcome {
    let catalogue = Catalogue::new();
    ui.json(&match &arguments.name {
        Some(name) => subject_schema(&catalogue.find(name)?),
        None => stack_schema(&catalogue),
    });
    Ok(Exit::Done)
}
