//! `infra state list`

use crate::cli::StateList;
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::diagnostic::did_you_mean;
use infra_model::{Address, AddressPattern};
use infra_state::State;

pub(super) fn run(arguments: &StateList, ui: Ui) -> Outcome {
    let (stack, targets) = super::super::words(&arguments.words);
    let (_, state) = super::read(stack.as_deref(), &arguments.copy)?;
    let addresses = sorted(&state);
    let mut shown = String::new();
    let mut patterns: Vec<AddressPattern> = Vec::with_capacity(targets.len());
    for text in targets {
        let pattern: AddressPattern = text.parse()?;
        if !addresses.iter().any(|a| pattern.matches(a)) {
            return Err(missing(text, &addresses));
        }
        patterns.push(pattern);
    }
    for address in addresses {
        let wanted = patterns.is_empty() || patterns.iter().any(|p| p.matches(address));
        let id = arguments.id.as_ref();
        if wanted && id.is_none_or(|id| state.resource(address).is_some_and(|r| r.id == *id)) {
            shown.push_str(&format!("{address}\n"));
        }
    }
    ui.result(&shown);
    Ok(Exit::Done)
}

fn sorted(state: &State) -> Vec<&Address> {
    let mut addresses: Vec<&Address> = state.resources.keys().collect();
    addresses.sort();
    addresses
}

fn missing(text: &str, addresses: &[&Address]) -> CommandError {
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let near = did_you_mean(text, names.iter().map(String::as_str));
    let help = near.map_or_else(
        || "infra state list prints what there is".to_owned(),
        |n| format!("did you mean `{n}`?"),
    );
    CommandError::hint(
        Code::NotInState,
        format!("there is no {text} in the state"),
        help,
    )
}
