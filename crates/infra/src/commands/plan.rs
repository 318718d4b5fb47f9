//! `infra plan`

use super::generate;
use super::saved;
use super::session::{Opening, exit, options};
use crate::cli::Plan;
use crate::error::{CommandError, Outcome};
use crate::place::Place;
use crate::stack::text_of;
use crate::system::write_for_owner;
use crate::ui::Ui;
use std::mem::ManuallyDrop;
use std::panic::resume_unwind;
use std::thread;

pub(super) fn run(arguments: &Plan, ui: Ui) -> Outcome {
    let planning = &arguments.planning;
    let place = Place::find(
        arguments.stack.as_deref(),
        planning.place.instance.as_deref(),
    )?;
    if let Some(file) = &arguments.generate_config_out {
        let mut place = place;
        let (text, wanted) = generate::without_target(text_of(&place)?)?;
        place.text = Some(text);
        let opening = Opening::new(ui, place, planning, "plan").loaded(&planning.variables)?;
        return generate::run(opening, &wanted, file, ui);
    }
    let options = options(planning, &arguments.choice)?;
    let opening = Opening::new(ui, place, planning, "plan").loaded(&planning.variables)?;
    super::runtime()?.block_on(async {
        let mut session = opening.open().await?;
        if arguments.out.is_some() {
            session = session.settle_lineage("plan").await?;
        }
        // Not taken apart: the process ends soon.
        let plan = ManuallyDrop::new(session.plan(&options, false).await?);
        let changes = plan.has_changes();
        let stack = session.stack();
        if let Some(out) = &arguments.out {
            let saved = saved::with_all(&session, ManuallyDrop::into_inner(plan));
            // To show a large plan takes as long as to write it: both at the same time.
            let bytes = thread::scope(|scope| {
                let bytes = scope.spawn(|| saved::to_bytes(&saved));
                session.show(&saved.plan);
                bytes.join()
            });
            let bytes = bytes.unwrap_or_else(|panic| resume_unwind(panic))?;
            write_for_owner(out, &bytes).map_err(|e| CommandError::io("write", out, &e))?;
            ui.talk(&format!(
                "\nSaved. To do exactly this: infra apply {}",
                out.display()
            ));
        } else {
            session.show(&plan);
        }
        if changes && arguments.out.is_none() && !arguments.detailed_exitcode {
            ui.talk(&format!(
                "\nTo do it: infra apply {stack}. To do exactly this later, save it with -out FILE."
            ));
        }
        session.close().await?;
        Ok(exit(changes && arguments.detailed_exitcode))
    })
}
