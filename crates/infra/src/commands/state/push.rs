//! `infra state push`

use crate::cli::StatePush;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::{Place, keyring};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_state::{Incoming, Pushed};
use std::io::Read;
use std::path::Path;

pub(super) fn run(arguments: &StatePush, ui: Ui) -> Outcome {
    let (stack, files) = super::super::words(&arguments.words);
    let [file] = files.as_slice() else {
        return Err(CommandError::hint(
            Code::Usage,
            "one file is needed",
            "infra state push copy.json",
        ));
    };
    let incoming = Incoming::read(&bytes(file)?, file, &keyring())?;
    let place = Place::find(stack.as_deref(), arguments.copy.instance.as_deref())?;
    let store = match place.edit("state push")? {
        Some(store) => store,
        None => place.open(incoming.world().clone(), true, "state push")?,
    };
    let resources = incoming.state().resources.len();
    let version = env!("CARGO_PKG_VERSION");
    let push = store.push(incoming, arguments.force, version);
    let pushed = super::super::runtime()?.block_on(push)?;
    match pushed {
        Pushed::Same => ui.talk("The state is that one already."),
        Pushed::Written(serial) => ui.talk(&format!(
            "Pushed: {}, serial {serial}. The state before is the backup.",
            super::count(resources)
        )),
    }
    Ok(Exit::Done)
}

fn bytes(file: &str) -> Result<Vec<u8>, CommandError> {
    if file != "-" {
        let path = Path::new(file);
        return std::fs::read(path).map_err(|e| CommandError::io("read", path, &e));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|e| {
            Diagnostic::error(Code::FileAccess, format!("cannot read standard input: {e}"))
        })?;
    Ok(bytes)
}
