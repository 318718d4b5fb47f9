//! `infra state list` and `infra state show`

use crate::cli::{StateList, StateShow};
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::render::state::resource_text;
use crate::ui::Ui;
use infra_model::diagnostic::{Diagnostic, did_you_mean};
use infra_model::{Address, AddressPattern};
use infra_state::State;
use std::path::Path;
use std::sync::Arc;

pub(super) fn list(arguments: &StateList, ui: Ui) -> Outcome {
    let (stack, targets) = super::words(&arguments.words);
    let state = state(stack.as_deref(), arguments.instance.as_deref())?;
    let addresses = sorted(&state);
    let mut shown = String::new();
    let mut patterns: Vec<AddressPattern> = Vec::with_capacity(targets.len());
    for text in targets {
        let pattern: AddressPattern = text
            .parse()
            .map_err(|e| Diagnostic::error(format!("{e}")))?;
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

pub(super) fn show(arguments: &StateShow, ui: Ui) -> Outcome {
    let (stack, addresses) = super::words(&arguments.words);
    let [text] = addresses.as_slice() else {
        return Err(CommandError::hint(
            "one address is needed",
            "infra state list prints them",
        ));
    };
    let address: Address = text
        .parse()
        .map_err(|e| Diagnostic::error(format!("{e}")))?;
    let state = state(stack.as_deref(), arguments.instance.as_deref())?;
    let Some(resource) = state.resource(&address) else {
        return Err(missing(text, &sorted(&state)));
    };
    ui.result(&resource_text(
        &address,
        resource,
        &Providers::new(),
        ui.out,
    ));
    Ok(Exit::Done)
}

fn state(stack: Option<&Path>, instance: Option<&str>) -> Result<Arc<State>, CommandError> {
    let place = Place::find(stack, instance)?;
    let store = place.look("state")?.ok_or_else(|| {
        CommandError::hint(
            format!("{} has no state yet", place.file.display()),
            "it has one after the first `infra apply`",
        )
    })?;
    Ok(store.state())
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
