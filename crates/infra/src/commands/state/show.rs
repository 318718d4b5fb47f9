//! `infra state show`

use crate::cli::StateShow;
use crate::error::{CommandError, Exit, Outcome};
use crate::providers::Providers;
use crate::render::state::resource_text;
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_state::edit;

pub(super) fn run(arguments: &StateShow, ui: Ui) -> Outcome {
    let (stack, addresses) = super::super::words(&arguments.words);
    let [text] = addresses.as_slice() else {
        return Err(CommandError::hint(
            Code::Usage,
            "one address is needed",
            "infra state list prints them",
        ));
    };
    let (_, state) = super::read(stack.as_deref(), &arguments.copy)?;
    let address = edit::present(&state, text)?;
    if let Some(resource) = state.resource(&address) {
        let providers = Providers::new();
        ui.result(&resource_text(&address, resource, &providers, ui.out));
    }
    Ok(Exit::Done)
}
