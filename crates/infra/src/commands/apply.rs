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
use infra_engine::{Plan, PlanMode, PlanOptions, Stop};
use infra_model::AddressPattern;
use infra_model::codes::Code;
use std::mem::ManuallyDrop;

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
    let mut opening = Opening::new(ui, place, planning, "apply");
    opening.lock = true;
    let opening = opening.loaded(&planning.variables)?;
    super::runtime()?.block_on(async {
        plan_and_apply(opening.open().await?, &options, arguments.auto_approve).await
    })
}

/// The whole of a run that changes something: a plan, and where that leaves something for later, a second one, …
pub(super) async fn plan_and_apply(
    session: Session,
    options: &PlanOptions,
    auto_approve: bool,
) -> Outcome {
    let mut options = options.clone();
    let mut first = true;
    loop {
        let plan = match session.plan(&options, true).await {
            // Not taken apart: the process ends soon.
            Ok(plan) => ManuallyDrop::new(plan),
            Err(error) => {
                // What recovery recorded is folded all the same; the first error is the one to tell.
                let _ = session.close().await;
                return Err(error);
            }
        };
        if !first {
            session.ui.talk("\nWhat was left is known now.\n");
        }
        session.show(&plan);
        if plan.has_changes() {
            if !first && auto_approve && !plan.only_creates() {
                let again = format!("infra apply {}", session.stack());
                session.close().await?;
                return Err(CommandError::hint(
                    Code::NeedsApproval,
                    "the second plan changes or destroys what exists, which -auto-approve does not cover: nothing more was done",
                    format!("look at it, then run `{again}` to do it"),
                ));
            }
            if !auto_approve && !approve::ask(session.ui, plan.mode) {
                let more = if first { "" } else { " more" };
                session.ui.talk(&format!("Nothing{more} was changed."));
                session.close().await?;
                return Ok(Exit::Error);
            }
        }
        let (exit, complete) = match apply(&session, &plan).await {
            Ok(done) => done,
            Err(error) => {
                let _ = session.close().await;
                return Err(error);
            }
        };
        if !complete || plan.deferred().next().is_none() {
            session.close().await?;
            return Ok(exit);
        }
        options.replace = still_to_replace(&options, &plan);
        session.files.forget();
        first = false;
    }
}

/// What `-replace` names and the plan has left for later: the rest is done.
fn still_to_replace(options: &PlanOptions, plan: &Plan) -> Vec<AddressPattern> {
    let left = plan.changes.iter().filter(|c| c.untouched);
    let named = left.filter(|c| options.replace.iter().any(|p| p.matches(&c.address)));
    named
        .filter_map(|c| c.address.to_string().parse().ok())
        .collect()
}

/// Does what a saved plan says, closes the session and says what happened.
pub(super) async fn finish(session: Session, plan: &Plan) -> Outcome {
    let applied = apply(&session, plan).await;
    let (ui, stack) = (session.ui, session.stack());
    let closed = session.close().await;
    let (exit, complete) = applied?;
    closed?;
    if complete && plan.deferred().next().is_some() {
        ui.talk(&format!(
            "\nThis plan was the first of two. To go on: infra plan {stack}"
        ));
    }
    Ok(exit)
}

/// Does what a plan says and says what happened; also, whether all of it was done.
pub(super) async fn apply(session: &Session, plan: &Plan) -> Result<(Exit, bool), CommandError> {
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
        .apply(session.input(), plan, &running, &stop)
        .await;
    running.finish();
    listening.abort();
    let state = session.store.state();
    let stack = session.stack();
    let noted = session.note_end(noted, applied.as_ref().ok()).await;
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
        let left = [report::outliving(plan, &stack), report::orphaned(plan)];
        for left in left.into_iter().flatten() {
            ui.result(&format!("\n{left}"));
        }
        let last = plan.deferred().next().is_none() || !report.is_complete();
        if mode != PlanMode::Destroy && last && !state.outputs.is_empty() {
            let outputs = crate::render::state::outputs_text(&state, ui.out);
            ui.result(&format!("\n{}\n\n{outputs}", ui.out.bold("Outputs:")));
        }
    }
    let exit = if report.interrupted {
        Exit::Interrupted
    } else if report.is_complete() {
        Exit::Done
    } else {
        Exit::Error
    };
    noted?;
    Ok((exit, report.is_complete()))
}
