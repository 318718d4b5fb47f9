//! `infra state rm`

use super::Edit;
use crate::cli::StateRm;
use crate::error::{CommandError, Outcome};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_state::{StateChange, edit};

pub(super) fn run(arguments: &StateRm, ui: Ui) -> Outcome {
    let (stack, addresses) = super::super::words(&arguments.words);
    if addresses.is_empty() {
        return Err(CommandError::hint(
            Code::Usage,
            "an address is needed",
            "infra state list prints them",
        ));
    }
    let edit = Edit {
        command: "state rm",
        done: "forgotten",
        dry_run: arguments.dry_run,
        copy: &arguments.copy,
    };
    let changes = edit.make(stack.as_deref(), |state| edit::forget(state, &addresses))?;
    let lines: Vec<String> = changes
        .iter()
        .filter_map(|change| match change {
            StateChange::Forget { address } => Some(address.to_string()),
            _ => None,
        })
        .collect();
    let exit = super::tell(ui, &lines, "forgotten", arguments.dry_run);
    if !arguments.dry_run {
        ui.talk("They still exist in the cloud, and the next apply makes new ones unless their blocks are gone too.");
    }
    Ok(exit)
}
