//! `infra state list`

use crate::cli::StateList;
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_engine::plan::Target;
use infra_model::Address;
use infra_model::diagnostic::did_you_mean;
use infra_state::State;

pub(super) fn run(arguments: &StateList, ui: Ui) -> Outcome {
    let (stack, targets) = super::super::words(&arguments.words);
    let (_, state) = super::read(stack.as_deref(), &arguments.copy)?;
    let addresses = sorted(&state);
    let mut shown = String::new();
    for target in &targets {
        let target = Target((*target).to_owned());
        if !addresses.iter().any(|a| target.matches(a)) {
            return Err(missing(&target.0, &addresses));
        }
    }
    let targets: Vec<Target> = targets.into_iter().map(|t| Target(t.to_owned())).collect();
    for address in addresses {
        let wanted = targets.is_empty() || targets.iter().any(|t| t.matches(address));
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
    CommandError::hint(format!("there is no {text} in the state"), help)
}
