//! `infra force-unlock`: for a lock whose owner is gone while the file system does not know it.

use crate::cli::ForceUnlock;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::render::moment::moment;
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_state::{LockInfo, LockState};

pub(super) fn run(arguments: &ForceUnlock, ui: Ui) -> Outcome {
    let (stack, ids) = super::words(&arguments.words);
    let place = Place::find(stack.as_deref(), arguments.copy.instance.as_deref())?;
    let LockState::Held(holder) = place.lock_state()? else {
        ui.talk("The state is not locked.");
        return Ok(Exit::Done);
    };
    let who = holder
        .as_ref()
        .map_or_else(|| "somebody who does not say".to_owned(), describe);
    if let [id, ..] = ids.as_slice()
        && holder.as_ref().is_none_or(|h| process(h) != Some(*id))
    {
        return Err(CommandError::hint(
            Code::StateLocked,
            format!("the lock is not that of process {id}: it is held by {who}"),
            "leave the number out to be asked, or give the right one",
        ));
    }
    ui.talk(&format!("The state is locked by {who}."));
    if !arguments.force {
        if !ui.is_interactive() {
            return Err(CommandError::hint(
                Code::NeedsApproval,
                "`infra force-unlock` asks first, and there is no terminal to ask at",
                "make sure that the run is gone, then add -force",
            ));
        }
        let answer = ui.ask(&format!(
            "\n{}\n  Two runs at work on one state can lose resources.\n  Only 'yes' will be accepted: ",
            ui.err.bold("Is that run really gone?")
        ));
        if answer.as_deref() != Some("yes") {
            ui.talk("\nNothing was changed.");
            return Ok(Exit::Error);
        }
    }
    place.break_lock()?;
    ui.talk("Unlocked. The next apply takes up what that run left.");
    Ok(Exit::Done)
}

fn describe(holder: &LockInfo) -> String {
    format!(
        "{} on {} since {}",
        holder.who,
        holder.place,
        moment(holder.since)
    )
}

/// The process's number, at the end of the place.
fn process(holder: &LockInfo) -> Option<&str> {
    holder.place.rsplit(' ').next()
}
