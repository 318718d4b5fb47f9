//! `infra sandbox`: serves until it is told to stop.

use crate::cli::Sandbox;
use crate::error::{Exit, Outcome};
use crate::system::signals;
use crate::ui::Ui;
use infra_sandbox::{Latency, Options};
use serde_json::{Map, Value as Json, json};

pub(super) fn run(arguments: &Sandbox, ui: Ui) -> Outcome {
    let options = Options {
        listen: arguments.listen,
        world: arguments.world.clone(),
        seed: arguments.seed,
        latency: if arguments.realistic {
            Latency::Realistic
        } else {
            arguments.latency
        },
        faults: arguments.faults.clone().unwrap_or_default(),
        ..Options::default()
    };
    super::runtime()?.block_on(async {
        let sandbox = infra_sandbox::Sandbox::start(options).await?;
        let environment = sandbox.environment();
        if arguments.env {
            let lines: Vec<String> = environment
                .iter()
                .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
                .collect();
            ui.result(&lines.concat());
        } else {
            let variables: Map<_, _> = environment
                .into_iter()
                .map(|(k, v)| (k, Json::String(v)))
                .collect();
            let ready = json!({
                "endpoints": sandbox.endpoints(),
                "world": sandbox.world_id().to_string(),
                "environment": variables,
            });
            ui.result(&format!("{ready}\n"));
        }
        signals::received().await;
        sandbox.shutdown().await;
        Ok(Exit::Done)
    })
}

/// Text as a POSIX shell takes it literally.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
