//! `infra destroy`: works from the state alone when the stack file no longer parses.

use super::apply::plan_and_apply;
use super::approve;
use super::session::{Opening, options};
use crate::cli::{Choice, Destroy, Planning, Variables};
use crate::error::{CommandError, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::stack::Loading;
use crate::system::SystemClock;
use crate::ui::Ui;
use infra_engine::PlanOptions;
use infra_model::Clock;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::program::Program;
use std::path::Path;

pub(super) fn run(arguments: &Destroy, ui: Ui) -> Outcome {
    let choice = Choice {
        destroy: true,
        unprotect: arguments.unprotect,
        losing: arguments.losing.clone(),
        ..Choice::default()
    };
    let planning = &arguments.planning;
    run_as(
        arguments.stack.as_deref(),
        planning,
        arguments.auto_approve,
        options(planning, &choice)?,
        ui,
    )
}

/// As `infra destroy`, or `infra apply -destroy`.
pub(super) fn run_as(
    stack: Option<&Path>,
    planning: &Planning,
    auto_approve: bool,
    options: PlanOptions,
    ui: Ui,
) -> Outcome {
    approve::require_terminal(ui, auto_approve, "destroy")?;
    let place = Place::find(stack, planning.place.instance.as_deref())?;
    let mut opening = Opening::new(ui, place, planning, "destroy");
    let (place, providers) = (&opening.place, &opening.providers);
    opening.program = Some(program(place, providers, &planning.variables, ui)?);
    opening.lock = true;
    super::runtime()?
        .block_on(async { plan_and_apply(opening.open().await?, &options, auto_approve).await })
}

/// The program; what little can be read of it, with a warning, when the file is broken or gone: the state knows enough.
pub(super) fn program(
    place: &Place,
    providers: &Providers,
    variables: &Variables,
    ui: Ui,
) -> Result<Program, CommandError> {
    let Some(text) = &place.text else {
        let message = format!(
            "there is no file {}: destroying what the state knows",
            place.file.display()
        );
        ui.diagnostics(
            &[Diagnostic::warning(Code::StateAlone, message)],
            &Default::default(),
        );
        return Ok(bare(place));
    };
    let mut loading = Loading::new(providers, variables)?;
    // What is destroyed needs no variables, except where a provider's configuration does.
    loading.require_variables = false;
    let loaded = loading.load(&place.file, text, place.instance.as_deref());
    if loaded.program.is_none() {
        let mut diagnostics = loaded.diagnostics;
        for diagnostic in &mut diagnostics {
            diagnostic.severity = infra_model::diagnostic::Severity::Warning;
        }
        diagnostics.push(Diagnostic::warning(
            Code::StateAlone,
            format!(
                "{} has errors: destroying what the state knows, in the order that it recorded",
                place.file.display()
            ),
        ));
        ui.diagnostics(&diagnostics, &loaded.sources);
    }
    Ok(loaded.program.unwrap_or_else(|| bare(place)))
}

/// A program of nothing but the stack's name and whether it is protected, as far as they can be read.
fn bare(place: &Place) -> Program {
    Program {
        stack: place.stack(),
        now: SystemClock.now(),
        ..Program::default()
    }
}
