//! Steps that go ahead of what they refer to: see [`ahead`](super::super::ahead).

use super::Order;
use crate::plan::ahead::{Ahead, Stage};
use crate::plan::{Change, StepKind};
use infra_model::address::Address;
use infra_model::hash::HashMap;
use infra_state::DependencyRef;

/// What a stage's changes wait for, as far as it is found.
#[derive(Default)]
pub(super) struct Early {
    /// By stage, the step that something unchanged waits for when it is not for the hurdles.
    passes: HashMap<(usize, Address), u32>,
    /// The same of a dependency.
    known: HashMap<(usize, DependencyRef), Option<u32>>,
}

impl Order {
    /// The steps that a change of a stage waits for.
    pub(super) fn before_early(
        &mut self,
        (number, stage): (usize, &Stage),
        change: &Change,
        changes: &[Change],
    ) -> Vec<u32> {
        let mut before = Vec::new();
        for dependency in &change.dependencies {
            before.extend(self.ready_early((number, stage), dependency, changes));
        }
        before
    }

    /// What something unchanged hands on to the changes of a stage.
    pub(super) fn pass_early(&mut self, number: usize, change: &Change, before: Vec<u32>) {
        if let Some(step) = self.joined(before, &change.address.block) {
            let key = (number, change.address.clone());
            self.early.passes.insert(key, step);
        }
    }

    /// The step after which a dependency has the value that a stage's changes need.
    fn ready_early(
        &mut self,
        (number, stage): (usize, &Stage),
        dependency: &DependencyRef,
        changes: &[Change],
    ) -> Option<u32> {
        let named = self.by_name.of(dependency);
        let behind = |i: &usize| stage.hurdles.contains(i) || stage.behind.contains(i);
        if !named.iter().any(behind) {
            return self.ready(dependency, changes);
        }
        let key = (number, dependency.clone());
        if let Some(known) = self.early.known.get(&key) {
            return *known;
        }
        let step = |i: &usize| {
            let address = &changes[*i].address;
            let passes = || match behind(i) {
                true => self.early.passes.get(&(number, address.clone())),
                false => self.passes.get(address),
            };
            self.makes.get(address).or_else(passes).copied()
        };
        let waited = named.iter().filter(|i| !stage.hurdles.contains(i));
        let steps = waited.filter_map(step).collect();
        let all = self.joined(steps, dependency.parts().0);
        self.early.known.insert(key, all);
        all
    }

    /// What goes ahead comes before what it goes ahead of, where that is no circle.
    pub(super) fn go_ahead(&mut self, changes: &[Change], ahead: &Ahead) {
        for stage in &ahead.stages {
            let make = |i: &usize| self.makes.get(&changes[*i].address).copied();
            let first: Vec<u32> = stage.ahead.iter().filter_map(make).collect();
            let second: Vec<u32> = stage.after.iter().filter_map(make).collect();
            let Some(last) = stage.after.first().filter(|_| !second.is_empty()) else {
                continue;
            };
            // Many to many: through a junction, so that edges stay linear.
            let door = match second[..] {
                [one] => one,
                _ => {
                    let block = changes[*last].address.block.clone();
                    let junction = self.push(StepKind::Junction(block));
                    self.hard.extend(second.into_iter().map(|s| (junction, s)));
                    junction
                }
            };
            // What a replacement leaves goes too.
            let gone = stage
                .ahead
                .iter()
                .filter_map(|i| self.takes.get(i).copied());
            let gone: Vec<u32> = gone.collect();
            let all = first.into_iter().chain(gone).map(|step| (step, door));
            self.ahead.extend(all);
        }
        for (i, host) in &ahead.gone {
            if let Some(take) = self.takes.get(i)
                && let Some(make) = self.makes.get(&changes[*host].address)
            {
                self.ahead.insert((*take, *make));
            }
        }
    }
}
