//! `infra drift`

use super::session::{Opening, exit, options};
use crate::cli::{Choice, Drift};
use crate::error::Outcome;
use crate::place::Place;
use crate::ui::Ui;

pub(super) fn run(arguments: &Drift, ui: Ui) -> Outcome {
    let planning = &arguments.planning;
    let place = Place::find(
        arguments.stack.as_deref(),
        planning.place.instance.as_deref(),
    )?;
    let choice = Choice {
        refresh_only: true,
        ..Choice::default()
    };
    let options = options(planning, &choice)?;
    let opening = Opening::new(ui, place, planning, "drift").loaded(&planning.variables)?;
    super::runtime()?.block_on(async {
        let session = opening.open().await?;
        let plan = session.plan(&options, false).await?;
        session.show(&plan);
        session.close().await?;
        Ok(exit(!plan.drift.is_empty()))
    })
}
