//! `infra show`

use super::saved;
use crate::cli::Show;
use crate::error::{Exit, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::render::json::plan::plan_json;
use crate::render::json::state::state_json;
use crate::render::plan::plan_text;
use crate::render::state::state_text;
use crate::ui::Ui;
use infra_state::{State, World};

pub(super) fn run(arguments: &Show, ui: Ui) -> Outcome {
    let providers = Providers::new();
    if let Some(file) = &arguments.path
        && saved::is_plan(file)?
    {
        let saved = saved::read(file)?;
        if arguments.json {
            ui.json(&plan_json(&saved.plan, &saved.variables, &providers));
        } else {
            ui.result(&plan_text(&saved.plan, &providers, ui.out));
        }
        return Ok(Exit::Done);
    }
    let place = Place::find(arguments.path.as_deref(), arguments.instance.as_deref())?;
    let store = place.look("show")?;
    let empty = || State::empty("", "", World::Cloud).into();
    let state = store.map_or_else(empty, |s| s.state());
    if arguments.json {
        ui.json(&state_json(&state, &providers));
    } else {
        ui.result(&state_text(&state, &providers, ui.out));
    }
    Ok(Exit::Done)
}
