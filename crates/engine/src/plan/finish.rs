//! The end of planning: what goes, what was named and is not there, and the steps.

use super::ahead::{self, Ahead, Made};
use super::outputs::output_value;
use super::walk::Walk;
use super::{ChangeAction, OutputChange, Plan, PlanMode, Reason, late, order, pools};
use crate::error::EngineError;
use crate::events::Event;
use indexmap::IndexSet;
use infra_model::address::Address;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::hash::HashSet;

impl Walk<'_> {
    /// The plan of everything that was walked over.
    pub(super) fn finish(mut self) -> Result<Plan, EngineError> {
        for (name, output) in &self.state.outputs {
            if !self.outputs.contains_key(name) {
                let (before, untouched) = (output_value(output), self.keeps_outputs());
                let change = OutputChange {
                    after: Some(before.clone()).filter(|_| untouched),
                    before: Some(before),
                    sensitive: output.sensitive,
                    untouched,
                };
                self.outputs.insert(name.clone(), change);
            }
        }
        self.planner
            .orphans(&self.world, self.graph, &mut self.errors);
        self.planner.protections(self.graph, &mut self.errors);
        self.planner.data_losses(self.graph, &mut self.errors);
        self.planner.end_with_hosts();
        self.warnings.extend(self.planner.left_behind());
        self.check_imports();
        self.check_names();
        self.checks();
        if self.errors.iter().any(Diagnostic::is_error) {
            self.errors.extend(self.warnings);
            return Err(EngineError::Invalid(dedup(self.errors)));
        }
        let checked = match self.options.mode {
            PlanMode::Normal => super::checked(self.program, &self.world),
            PlanMode::Destroy | PlanMode::RefreshOnly => Vec::new(),
        };
        let (mut changes, held) = self.planner.into_changes();
        pools::create_first(self.engine, &mut changes);
        if self.options.mode == PlanMode::RefreshOnly {
            changes.clear();
        }
        for change in changes.iter().filter(|c| c.action != ChangeAction::NoOp) {
            self.observer.event(Event::Planned {
                address: change.address.clone(),
                action: change.action,
            });
        }
        let vanished: HashSet<&Address> = self
            .drift
            .iter()
            .filter(|d| d.after.is_none())
            .map(|d| &d.address)
            .collect();
        for change in changes
            .iter_mut()
            .filter(|c| c.action == ChangeAction::Create && c.reason.is_none())
        {
            if vanished.contains(&change.address) {
                change.reason = Some(Reason::Vanished);
            }
        }
        let made = Made {
            engine: self.engine,
            program: self.program,
            graph: self.graph,
            state: self.state,
            world: &self.world,
        };
        let ahead = match self.options.mode {
            PlanMode::Normal => ahead::find(&made, &changes),
            PlanMode::Destroy | PlanMode::RefreshOnly => Ahead::default(),
        };
        let mut steps = order::steps(self.engine, self.state, &changes, &ahead);
        late::reads(self.program, &changes, &mut steps);
        if steps.is_empty()
            && let Some(held) = held.iter().find(|h| h.is_deferred())
        {
            return Err(Diagnostic::error(Code::UnknownInstances, format!(
                "{} cannot be planned: what it needs to know is not known before apply, and nothing in this plan makes it known",
                held.address
            ))
            .about(&held.address)
            .help("use values that are written in the stack file, or that a resource keeps in the state; timestamp(), uuid() and bcrypt() are new in every run")
            .into());
        }
        Ok(Plan {
            made_inside: Vec::new(),
            fate: None,
            mode: self.options.mode,
            created: self.program.now,
            lineage: self.state.lineage.clone(),
            serial: self.state.serial,
            changes,
            drift: self.drift,
            outputs: self.outputs,
            steps,
            partial: !self.options.targets.is_empty() || !self.options.excludes.is_empty(),
            held,
            diagnostics: self.warnings,
            refreshed: self.refreshed,
            reads: self.reads,
            checked,
        })
    }

    /// `-target` and its kin may name instances; by now all are known.
    fn check_names(&mut self) {
        let planner = &self.planner;
        let unnamed = planner.selection.without_instances(|pattern| {
            planner.changes.keys().any(|a| pattern.matches(a))
                || planner.prior.keys().any(|a| pattern.matches(a))
                || planner.held.reached(pattern)
                || self.reads.iter().any(|r| pattern.matches(&r.address))
                || self.state.resources.keys().any(|a| pattern.matches(a))
        });
        if self.options.mode == PlanMode::Normal && self.errors.is_empty() {
            self.errors.extend(unnamed);
        }
    }
}

/// One fault often shows in several places; each message once.
fn dedup(diagnostics: Diagnostics) -> Diagnostics {
    let mut seen = IndexSet::new();
    diagnostics
        .into_iter()
        .filter(|d| seen.insert((d.message.clone(), d.labels.first().map(|(s, _)| *s))))
        .collect()
}
