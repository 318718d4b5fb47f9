//! `infra state …`: the state alone, without a cloud. What an edit means is decided in `infra_state::edit`.

mod list;
mod mv;
mod pull;
mod push;
mod replace_provider;
mod rm;
mod show;

use crate::cli::{Copy, State as Arguments};
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::ui::Ui;
use infra_state::history::RunResult;
use infra_state::{EditError, State, StateChange, Store};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(arguments: &Arguments, ui: Ui) -> Outcome {
    match arguments {
        Arguments::List(arguments) => list::run(arguments, ui),
        Arguments::Show(arguments) => show::run(arguments, ui),
        Arguments::Mv(arguments) => mv::run(arguments, ui),
        Arguments::Rm(arguments) => rm::run(arguments, ui),
        Arguments::Pull(arguments) => pull::run(arguments, ui),
        Arguments::Push(arguments) => push::run(arguments, ui),
        Arguments::ReplaceProvider(arguments) => replace_provider::run(arguments, ui),
    }
}

/// The place of a stack and its state, to look at.
fn read(stack: Option<&Path>, copy: &Copy) -> Result<(Place, Arc<State>), CommandError> {
    let place = Place::find(stack, copy.instance.as_deref())?;
    let store = place.look("state")?.ok_or_else(|| place.no_state())?;
    let state = store.state();
    Ok((place, state))
}

/// What a command over the state is called in the lock and in the history, and whether it only says what it would do.
#[derive(Clone, Copy)]
pub(super) struct Edit<'a> {
    /// `state mv`
    pub(super) command: &'static str,
    /// The word of its count in the history: `moved`.
    pub(super) done: &'static str,
    pub(super) dry_run: bool,
    pub(super) copy: &'a Copy,
}

impl Edit<'_> {
    /// Plans changes from the state, makes them unless it is a dry run, and gives them back to be shown.
    pub(super) fn make(
        self,
        stack: Option<&Path>,
        plan: impl FnOnce(&State) -> Result<Vec<StateChange>, EditError>,
    ) -> Result<Vec<StateChange>, CommandError> {
        let place = Place::find(stack, self.copy.instance.as_deref())?;
        let opened = if self.dry_run {
            place.look(self.command)?
        } else {
            place.edit(self.command)?
        };
        let store = opened.ok_or_else(|| place.no_state())?;
        let changes = plan(&store.state())?;
        if !self.dry_run && !changes.is_empty() {
            let runtime = super::runtime()?;
            runtime.block_on(self.write(store, changes.clone()))?;
        }
        Ok(changes)
    }

    async fn write(self, store: Store, changes: Vec<StateChange>) -> Result<(), CommandError> {
        let named: Vec<_> = changes.iter().filter_map(|c| named(c, self.done)).collect();
        let counts = BTreeMap::from([(self.done.into(), named.len())]);
        let run = store.note_begin(env!("CARGO_PKG_VERSION"), named)?;
        store.apply_changes(changes).await?;
        store.fold().await?;
        store.note_end(run, RunResult::Complete, counts)?;
        Ok(())
    }
}

/// How the history names a change; those that only follow from others are not named.
fn named(change: &StateChange, word: &'static str) -> Option<(&'static str, String)> {
    match change {
        StateChange::Move { from, to } => Some((word, format!("{from} -> {to}"))),
        StateChange::Forget { address }
        | StateChange::Taint { address, .. }
        | StateChange::Provider { address, .. } => Some((word, address.to_string())),
        _ => None,
    }
}

/// `1 resource`, `2 resources`.
fn count(number: usize) -> String {
    format!("{number} resource{}", if number == 1 { "" } else { "s" })
}

/// The result of an edit: a line for each resource, and how many there were.
fn tell(ui: Ui, lines: &[String], verb: &str, dry_run: bool) -> Exit {
    let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
    ui.result(&text);
    let number = count(lines.len());
    ui.talk(&if dry_run {
        format!("\nA dry run: nothing was changed. It would be {number} {verb}.")
    } else {
        format!("\n{number} {verb}.")
    });
    Exit::Done
}
