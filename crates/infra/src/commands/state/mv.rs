//! `infra state mv`

use super::Edit;
use crate::cli::StateMv;
use crate::error::{CommandError, Outcome};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_state::{StateChange, edit};

pub(super) fn run(arguments: &StateMv, ui: Ui) -> Outcome {
    let (stack, addresses) = super::super::words(&arguments.words);
    let [from, to] = addresses.as_slice() else {
        return Err(CommandError::hint(
            Code::Usage,
            "two addresses are needed",
            "infra state mv FROM TO",
        ));
    };
    let edit = Edit {
        command: "state mv",
        done: "moved",
        dry_run: arguments.dry_run,
        copy: &arguments.copy,
    };
    let changes = edit.make(stack.as_deref(), |state| edit::relocate(state, from, to))?;
    let lines: Vec<String> = changes
        .iter()
        .filter_map(|change| match change {
            StateChange::Move { from, to } => Some(format!("{from} -> {to}")),
            _ => None,
        })
        .collect();
    Ok(super::tell(ui, &lines, "moved", arguments.dry_run))
}
