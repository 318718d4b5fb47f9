//! `infra output`: what a stack exports. Sensitive values show only when one is asked for by its name with `-raw` or `-json`.

use crate::cli::Output;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::render::json::state::outputs_json;
use crate::render::literal::SENSITIVE;
use crate::render::state::{outputs_text, value_text};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, did_you_mean};
use infra_model::json::to_json;
use infra_model::value::Value;
use infra_state::{OutputState, State};

pub(super) fn run(arguments: &Output, ui: Ui) -> Outcome {
    let (stack, names) = super::words(&arguments.words);
    let place = Place::find(stack.as_deref(), arguments.instance.as_deref())?;
    let Some(store) = place.look("output")? else {
        return Err(CommandError::hint(
            Code::NoState,
            format!("{} has no state yet", place.file.display()),
            "outputs are there after the first `infra apply`",
        ));
    };
    let state = store.state();
    match names.as_slice() {
        [] if arguments.raw => Err(CommandError::hint(
            Code::Usage,
            "-raw prints one output",
            "give its name: infra output -raw NAME",
        )),
        [] if arguments.json => {
            ui.json(&outputs_json(&state));
            Ok(Exit::Done)
        }
        [] => {
            if state.outputs.is_empty() {
                ui.talk("There are no outputs.");
            }
            ui.result(&outputs_text(&state, ui.out));
            Ok(Exit::Done)
        }
        [name] => one(&state, name, arguments, ui),
        more => Err(Diagnostic::error(
            Code::Usage,
            format!("one output at a time, and {} names were given", more.len()),
        )
        .into()),
    }
}

fn one(state: &State, name: &str, arguments: &Output, ui: Ui) -> Outcome {
    let Some(output) = state.outputs.get(name) else {
        let near = did_you_mean(name, state.outputs.keys().map(|k| &**k));
        let mut diagnostic =
            Diagnostic::error(Code::NotInState, format!("there is no output `{name}`"));
        diagnostic.help = near.map(|n| format!("did you mean `{n}`?"));
        return Err(diagnostic.into());
    };
    if output.is_sealed() {
        return Err(CommandError::hint(
            Code::KeyMissing,
            format!("the output `{name}` is encrypted, and there is no key"),
            "set INFRA_STATE_KEY, or put the key file back: ~/.config/infra/key",
        ));
    }
    if arguments.raw {
        ui.result(&raw(name, output)?);
    } else if arguments.json {
        ui.json(&to_json(&output.value));
    } else if output.sensitive {
        ui.result(&format!("{SENSITIVE}\n"));
    } else {
        ui.result(&value_text(&output.value, ui.out));
    }
    Ok(Exit::Done)
}

/// Text as it is, without a line break of our own: it goes into other programs.
fn raw(name: &str, output: &OutputState) -> Result<String, CommandError> {
    match &output.value {
        Value::String(text) => Ok(text.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        other => {
            let message = format!(
                "the output `{name}` is a {}, and -raw prints text",
                other.ty().friendly()
            );
            Err(CommandError::hint(Code::Usage, message, "use -json"))
        }
    }
}
