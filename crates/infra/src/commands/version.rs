//! `infra version`

use crate::cli::Version;
use crate::error::{Exit, Outcome};
use crate::render::json::tree::TERRAFORM_VERSION;
use crate::ui::Ui;
use serde_json::{Map, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of the event stream that is followed.
const EVENTS: &str = "1.2";

pub(super) fn run(arguments: &Version, ui: Ui) -> Outcome {
    if arguments.json {
        ui.json(&json!({
            "infra_version": VERSION,
            "terraform_version": TERRAFORM_VERSION,
            "platform": format!("{}_{}", std::env::consts::OS, std::env::consts::ARCH),
        }));
    } else {
        ui.result(&format!("infra {VERSION}\n"));
    }
    Ok(Exit::Done)
}

/// The first event of every stream.
pub(super) fn event(ui: Ui) {
    let mut fields = Map::new();
    fields.insert("infra".into(), VERSION.into());
    fields.insert("terraform".into(), TERRAFORM_VERSION.into());
    fields.insert("ui".into(), EVENTS.into());
    ui.event("info", "version", &format!("infra {VERSION}"), fields);
}
