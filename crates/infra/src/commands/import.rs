//! `infra import`

use super::generate;
use super::session::Opening;
use crate::cli::Import;
use crate::error::{CommandError, Exit, Outcome};
use crate::live::Running;
use crate::place::Place;
use crate::providers::Providers;
use crate::ui::Ui;
use infra_model::Address;
use infra_model::codes::Code;
use std::sync::Arc;

pub(super) fn run(arguments: &Import, ui: Ui) -> Outcome {
    let (stack, rest) = super::words(&arguments.words);
    let [address, id] = rest.as_slice() else {
        return Err(CommandError::hint(
            Code::Usage,
            "an address and an id are needed",
            "infra import aws_vpc.main vpc-0a1b2c3d",
        ));
    };
    let address: Address = address.parse()?;
    let place = Place::find(stack.as_deref(), arguments.place.instance.as_deref())?;
    let opening = Opening {
        ui,
        place,
        providers: Providers::new(),
        program: None,
        sandbox: arguments.place.sandbox.as_deref(),
        parallelism: None,
        lock: arguments.generate_config_out.is_none(),
        command: "import",
        files: Arc::default(),
        state: None,
    };
    let opening = opening.loaded(&arguments.variables)?;
    if let Some(file) = &arguments.generate_config_out {
        return generate::run(opening, &[(address, (*id).to_owned())], file, ui);
    }
    super::runtime()?.block_on(async {
        let session = opening.open().await?;
        let sources = session.sources();
        let running = Running::start(ui);
        let imported = session
            .engine
            .import(session.input(), &address, id, &running)
            .await;
        running.finish();
        let stack = session.stack();
        let closed = session.close().await;
        let report = imported.map_err(|e| CommandError::from(e).within(&sources))?;
        closed?;
        ui.result(&format!(
            "{} is now managed [id={}]\n",
            report.address, report.id
        ));
        ui.talk(&format!(
            "`infra plan {stack}` shows where the stack file and the resource differ."
        ));
        Ok(Exit::Done)
    })
}
