//! `infra taint` and `infra untaint`

use super::state::Edit;
use crate::cli::Taint;
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_state::edit;

pub(super) fn run(arguments: &Taint, tainted: bool, ui: Ui) -> Outcome {
    let (stack, addresses) = super::words(&arguments.words);
    let [address] = addresses.as_slice() else {
        return Err(CommandError::hint(
            Code::Usage,
            "one address is needed",
            "infra state list prints them",
        ));
    };
    let edit = Edit {
        command: if tainted { "taint" } else { "untaint" },
        done: if tainted { "tainted" } else { "untainted" },
        dry_run: false,
        copy: &arguments.copy,
    };
    let changes = edit.make(stack.as_deref(), |state| {
        edit::taint(state, address, tainted)
    })?;
    ui.talk(&match (changes.is_empty(), tainted) {
        (true, true) => format!("{address} is tainted already."),
        (true, false) => format!("{address} is not tainted."),
        (false, true) => format!("{address} is tainted: the next apply replaces it."),
        (false, false) => format!("{address} is not tainted any more."),
    });
    Ok(Exit::Done)
}
