//! Pools of nodes that are replaced or go while the cluster stays: the new pool is made first where both can be there at once,
//! and what runs on the old one is moved to others before that goes.

use super::named::Named;
use super::order::identity;
use super::shifts::{Hosts, traits};
use super::{Change, ChangeAction};
use crate::engine::Engine;
use crate::sessions::{self, Recorded};
use infra_model::address::Address;
use infra_model::hash::HashSet;
use infra_model::schema::Traits;
use infra_state::State;
use std::collections::BTreeSet;

/// Makes pools anew before the old ones go, where no other object has the new one's name, and nothing they depend on is itself
/// replaced the other way round: the new pool could not be made while that is away.
pub(super) fn create_first(engine: &Engine, changes: &mut [Change]) {
    let replaced: Vec<usize> = (0..changes.len())
        .filter(|i| is_replaced_pool(engine, &changes[*i]))
        .collect();
    if replaced.is_empty() {
        return;
    }
    let mut named: Named<usize> = Named::default();
    for (i, change) in changes.iter().enumerate() {
        if change.deposed.is_none() {
            named.add(&change.address, &i);
        }
    }
    // In the order of their planning, so that a pool on which another depends is decided first.
    for i in replaced {
        if !stands_on_gap(&named, changes, i) {
            changes[i].action = ChangeAction::CreateThenDelete;
        }
    }
}

/// Whether a change replaces a pool, the old one first, by one that can stand beside it.
fn is_replaced_pool(engine: &Engine, change: &Change) -> bool {
    let Some(traits) = of_pool(engine, change) else {
        return false;
    };
    let name = |value: &Option<_>| identity(traits.unique, value.as_ref()?);
    let after = name(&change.after);
    change.action == ChangeAction::DeleteThenCreate
        && (after.is_none() || after != name(&change.before))
}

/// What the type of a pool says of itself; none of what is no pool.
fn of_pool<'e>(engine: &'e Engine, change: &Change) -> Option<&'e Traits> {
    traits(engine, change).filter(|t| !t.carries.is_empty())
}

/// Whether something that a change depends on, directly or not, is away for a while.
fn stands_on_gap(named: &Named<usize>, changes: &[Change], of: usize) -> bool {
    let mut seen: HashSet<usize> = HashSet::from_iter([of]);
    let mut queue = vec![of];
    while let Some(i) = queue.pop() {
        for j in changes[i].dependencies.iter().flat_map(|d| named.of(d)) {
            if seen.insert(*j) {
                if changes[*j].action == ChangeAction::DeleteThenCreate {
                    return true;
                }
                queue.push(*j);
            }
        }
    }
    false
}

/// Pools that go while their clusters stay.
pub(super) struct Leaving<'c> {
    /// Their changes, each with its clusters.
    pub(super) pools: Vec<(usize, BTreeSet<&'c Address>)>,
    /// The changes that make pools, each with the clusters that it depends on.
    coming: Vec<(usize, Vec<&'c Address>)>,
}

impl<'c> Leaving<'c> {
    /// Finds those that can be emptied. What reaches a cluster is what the state has of the objects in it: where there are none,
    /// nothing is moved.
    pub(super) fn find(engine: &Engine, state: &State, changes: &'c [Change]) -> Option<Self> {
        let goes = |change: &Change| {
            change.action.takes_away()
                && of_pool(engine, change).is_some_and(|t| !t.nodes.0.is_empty())
        };
        let mut going = (0..changes.len()).filter(|i| goes(&changes[*i])).peekable();
        going.peek()?;
        let hosts = Hosts::new(engine, changes);
        let stays = |host: &&Address| {
            let gone = |c: &Change| c.address == **host && c.action.takes_away();
            !changes.iter().any(|c| c.deposed.is_none() && gone(c))
        };
        let of = |i: usize| hosts.of(state, &changes[i]);
        let pools = going
            .map(|i| (i, of(i).into_iter().filter(stays).collect()))
            .filter(|(_, clusters)| !configurations(&hosts, state, changes, clusters).is_empty())
            .collect();
        let makes = |change: &Change| {
            matches!(
                change.action,
                ChangeAction::Create | ChangeAction::CreateThenDelete
            ) && of_pool(engine, change).is_some()
        };
        let coming = (0..changes.len()).filter(|i| makes(&changes[*i]));
        let coming = coming.map(|i| (i, of(i))).collect();
        Some(Leaving { pools, coming })
    }

    /// Changes that make pools of some clusters.
    pub(super) fn coming(&self, clusters: &BTreeSet<&Address>) -> impl Iterator<Item = usize> {
        let beside = |hosts: &[&Address]| hosts.iter().any(|host| clusters.contains(host));
        (self.coming.iter())
            .filter(move |(_, hosts)| beside(hosts))
            .map(|(i, _)| *i)
    }
}

/// The configurations through which what runs on a pool is reached, as the state has them.
pub(crate) fn ways(
    engine: &Engine,
    state: &State,
    changes: &[Change],
    pool: &Change,
) -> Vec<Recorded> {
    let hosts = Hosts::new(engine, changes);
    let own = hosts.of(state, pool).into_iter().collect();
    configurations(&hosts, state, changes, &own)
}

fn configurations(
    hosts: &Hosts<'_>,
    state: &State,
    changes: &[Change],
    clusters: &BTreeSet<&Address>,
) -> Vec<Recorded> {
    let inside = changes.iter().filter(|change| {
        change.deposed.is_none()
            && (hosts.host_of(state, change)).is_some_and(|host| clusters.contains(host))
    });
    sessions::recorded(inside.filter_map(|change| {
        let at = change.previous_address.as_ref().unwrap_or(&change.address);
        state.resource(at)
    }))
}
