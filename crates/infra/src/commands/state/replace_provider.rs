//! `infra state replace-provider`

use super::Edit;
use crate::cli::StateReplaceProvider;
use crate::error::{CommandError, Outcome};
use crate::ui::Ui;
use infra_model::ProviderAddress;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_state::{StateChange, edit};

pub(super) fn run(arguments: &StateReplaceProvider, ui: Ui) -> Outcome {
    let (stack, names) = super::super::words(&arguments.words);
    let [from, to] = names.as_slice() else {
        return Err(CommandError::hint(
            Code::Usage,
            "two provider configurations are needed",
            "infra state replace-provider aws aws.us",
        ));
    };
    let parse = |text: &str| {
        text.parse::<ProviderAddress>()
            .map_err(|e| CommandError::from(Diagnostic::error(Code::Usage, e.to_string())))
    };
    let (from, to) = (parse(from)?, parse(to)?);
    let edit = Edit {
        command: "state replace-provider",
        done: "given",
        dry_run: arguments.dry_run,
        copy: &arguments.copy,
    };
    let changes = edit.make(stack.as_deref(), |state| {
        edit::replace_provider(state, &from, &to)
    })?;
    let lines: Vec<String> = changes
        .iter()
        .filter_map(|change| match change {
            StateChange::Provider { address, .. } => Some(address.to_string()),
            _ => None,
        })
        .collect();
    Ok(super::tell(
        ui,
        &lines,
        &format!("given from {from} to {to}"),
        arguments.dry_run,
    ))
}
