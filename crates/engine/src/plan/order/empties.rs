//! Pools are emptied before they go, and after the new ones of their cluster are there.

use super::Order;
use crate::engine::Engine;
use crate::plan::pools::Leaving;
use crate::plan::{Change, StepKind};
use infra_state::State;

impl Order {
    /// A step before each pool that goes while its cluster stays.
    pub(super) fn empties(&mut self, engine: &Engine, state: &State, changes: &[Change]) {
        let Some(leaving) = Leaving::find(engine, state, changes) else {
            return;
        };
        for (i, clusters) in &leaving.pools {
            let Some(gone) = (self.begins.get(i).or_else(|| self.takes.get(i))).copied() else {
                continue;
            };
            let step = self.push(StepKind::Empty(u32::try_from(*i).unwrap_or(u32::MAX)));
            self.hard.insert((step, gone));
            self.begins.insert(*i, step);
            for j in leaving.coming(clusters) {
                if let Some(make) = self.makes.get(&changes[j].address) {
                    self.soft.insert((*make, step));
                }
            }
        }
    }
}
