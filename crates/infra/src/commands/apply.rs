//! `infra apply`: take up what was left, plan, show, ask, do it, say what happened.

use super::approve;
use super::saved;
use super::session::{Opening, Session, options};
use crate::cli::Apply;
use crate::error::{CommandError, Exit, Outcome};
use crate::live::Running;
use crate::place::Place;
use crate::render::report;
use crate::system::signals;
use crate::ui::Ui;
use infra_engine::{ApplyOptions, Plan, PlanMode, PlanOptions, Stop};

pub(super) fn run(arguments: &Apply, ui: Ui) -> Outcome {
    let planning = &arguments.planning;
    if let Some(file) = &arguments.stack
        && saved::is_plan(file)?
    {
        return saved::apply(file, planning, ui);
    }
    if arguments.choice.destroy {
        return super::destroy::run_as(
            arguments.stack.as_deref(),
            planning,
            arguments.auto_approve,
            options(planning, &arguments.choice)?,
            ui,
        );
    }
    approve::require_terminal(ui, arguments.auto_approve, "apply")?;
    let place = Place::find(
        arguments.stack.as_deref(),
        planning.place.instance.as_deref(),
    )?;
    let options = options(planning, &arguments.choice)?;
    let mut opening = Opening::new(ui, place, planning, "apply").loaded(&planning.variables)?;
    opening.lock = true;
    super::runtime()?.block_on(async {
        plan_and_apply(opening.open().await?, &options, arguments.auto_approve).await
    })
}

/// The whole of a run that changes something.
pub(super) async fn plan_and_apply(
    session: Session,
    options: &PlanOptions,
    auto_approve: bool,
) -> Outcome {
    let planned = session.plan(options, true).await;
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => {
            // What recovery recorded is folded all the same; the first error is the one to tell.
            let _ = session.close().await;
            return Err(error);
        }
    };
    session.show(&plan);
    if plan.has_changes() && !auto_approve && !approve::ask(session.ui, plan.mode) {
        session.ui.talk("Nothing was changed.");
        session.close().await?;
        return Ok(Exit::Error);
    }
    finish(session, &plan).await
}

/// Does what a plan says, closes the session and says what happened.
pub(super) async fn finish(session: Session, plan: &Plan) -> Outcome {
    let (ui, sources, mode) = (session.ui, session.sources(), plan.mode);
    let quiet = !plan.has_changes();
    let noted = if quiet {
        None
    } else {
        Some(session.note_begin(plan)?)
    };
    let stop = Stop::new();
    let running = Running::start(ui);
    let listening = tokio::spawn(signals::stop(stop.clone(), ui));
    let applied = session
        .engine
        .apply(
            session.input(),
            plan,
            &ApplyOptions::default(),
            &running,
            &stop,
        )
        .await;
    running.finish();
    listening.abort();
    let state = session.store.state();
    let stack = session.stack();
    let closed = session.close_noted(noted, applied.as_ref().ok()).await;
    let report = applied.map_err(|e| CommandError::from(e).within(&sources))?;
    ui.diagnostics(&report::problems(&report), &sources);
    if ui.is_stream() {
        crate::render::json::stream::report_events(&report, &state, mode, ui);
    } else {
        for line in report::skipped(&report) {
            ui.talk(&line);
        }
        if !quiet || !report.is_complete() {
            ui.result(&format!(
                "\n{}\n",
                report::summary(&report, mode, &stack, ui.out)
            ));
        }
        if mode != PlanMode::Destroy && !state.outputs.is_empty() {
            let outputs = crate::render::state::outputs_text(&state, ui.out);
            ui.result(&format!("\n{}\n\n{outputs}", ui.out.bold("Outputs:")));
        }
    }
    closed?;
    Ok(if report.interrupted {
        Exit::Interrupted
    } else if report.is_complete() {
        Exit::Done
    } else {
        Exit::Error
    })
}
