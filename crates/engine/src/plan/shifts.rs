//! What a plan does to the objects inside a host that becomes of another version, and to what runs on machines that are replaced.

use super::instance::recorded;
use super::named::Named;
use super::{Change, ChangeAction, Step, StepKind};
use crate::engine::Engine;
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::hash::{HashMap, HashSet, IndexMap};
use infra_model::provider::{Finding, Shift};
use infra_model::schema::Traits;
use infra_model::value::Value;
use infra_state::{DependencyRef, State};

/// What hosts' changes mean for what is inside them.
#[derive(Default)]
pub(super) struct Shifts {
    /// What moves everything that runs in a host, by the provider configuration that reaches it.
    pub(super) moved: IndexMap<ProviderAddress, Address>,
    /// Objects that the new version of their host does not serve.
    pub(super) unserved: Vec<Finding>,
}

/// Finds them among the changes.
pub(super) fn find(engine: &Engine, state: &State, changes: &[Change], steps: &[Step]) -> Shifts {
    let hosts = Hosts::new(engine, changes);
    let mut out = Shifts::default();
    if hosts.becoming.is_empty() && hosts.moved.is_empty() && hosts.carriers.is_empty() {
        return out;
    }
    let mut moved: HashMap<&Address, &Address> = hosts.moved.iter().map(|h| (*h, *h)).collect();
    for carrier in &hosts.carriers {
        for host in hosts.of(state, carrier) {
            moved.entry(host).or_insert(&carrier.address);
        }
    }
    let first = before_hosts(&hosts, changes, steps);
    for (i, change) in changes.iter().enumerate() {
        let provider = engine.provider(&change.provider.name);
        let (Some(provider), Some(after)) = (provider, &change.after) else {
            continue;
        };
        let Some(host) = hosts.host_of(state, change) else {
            continue;
        };
        if let Some(by) = moved.get(host) {
            let moves = out.moved.entry(change.provider.clone());
            moves.or_insert_with(|| (*by).clone());
        }
        let refused = hosts.becoming.get(host).and_then(|(from, to)| {
            provider.unserved(&Shift {
                type_name: &change.address.block.type_name,
                before: change.before.as_ref(),
                after,
                from: from.filter(|_| hosts.moved.contains(host)),
                to,
                ahead: first.get(host).is_some_and(|all| all.contains(&i)),
            })
        });
        if let Some(error) = refused {
            out.unserved.push(Finding {
                address: change.address.clone(),
                error,
                fatal: true,
            });
        }
    }
    out
}

/// The changes that are made before a host becomes of another version, by host.
fn before_hosts<'c>(
    hosts: &Hosts<'c>,
    changes: &'c [Change],
    steps: &[Step],
) -> HashMap<&'c Address, HashSet<usize>> {
    let mut out: HashMap<&Address, HashSet<usize>> = HashMap::default();
    for (start, step) in steps.iter().enumerate() {
        let StepKind::Update(i) = step.kind else {
            continue;
        };
        let host = &changes[i as usize].address;
        if !hosts.moved.contains(host) {
            continue;
        }
        let made = out.entry(host).or_default();
        let mut seen: HashSet<usize> = HashSet::default();
        let mut queue = vec![start];
        while let Some(at) = queue.pop() {
            let needs = steps[at].needs.iter().map(|n| *n as usize);
            for need in needs.filter(|n| seen.insert(*n)) {
                if let StepKind::Create(i) | StepKind::Update(i) = steps[need].kind {
                    made.insert(i as usize);
                }
                queue.push(need);
            }
        }
    }
    out
}

/// What a changed resource's type says of itself.
pub(super) fn traits<'e>(engine: &'e Engine, change: &Change) -> Option<&'e Traits> {
    let type_name = &change.address.block.type_name;
    let schema = engine.schema(&change.provider.name, Mode::Managed, type_name);
    schema.map(|schema| &schema.traits)
}

/// What hosts objects, and what of that changes.
pub(super) struct Hosts<'c> {
    named: Named<&'c Address>,
    /// The provider whose objects are inside.
    pub(super) hosted: HashMap<&'c Address, &'static str>,
    /// Versions that hosts have, if any, and those that they are to have, where that is another one.
    becoming: HashMap<&'c Address, (Option<&'c str>, &'c str)>,
    /// Hosts whose version changes.
    pub(super) moved: HashSet<&'c Address>,
    /// Machines that are replaced.
    carriers: Vec<&'c Change>,
}

impl<'c> Hosts<'c> {
    pub(super) fn new(engine: &Engine, changes: &'c [Change]) -> Hosts<'c> {
        let mut hosts = Hosts {
            named: Named::default(),
            hosted: HashMap::default(),
            becoming: HashMap::default(),
            moved: HashSet::default(),
            carriers: Vec::new(),
        };
        for change in changes.iter().filter(|c| c.deposed.is_none()) {
            let Some(traits) = traits(engine, change) else {
                continue;
            };
            if !traits.carries.is_empty() && replaces(change, traits) {
                hosts.carriers.push(change);
            }
            if traits.hosts.is_empty() {
                continue;
            }
            hosts.named.add(&change.address, &&change.address);
            hosts.hosted.insert(&change.address, traits.hosts);
            let version = |value: &'c Option<Value>| value.as_ref()?.get(traits.version)?.as_str();
            let (before, after) = (version(&change.before), version(&change.after));
            if let Some(after) = after.filter(|after| Some(*after) != before) {
                hosts.becoming.insert(&change.address, (before, after));
                if change.action == ChangeAction::Update {
                    hosts.moved.insert(&change.address);
                }
            }
        }
        hosts
    }

    /// The host that something is in. Of several it is not known which one that is.
    pub(super) fn host_of(&self, state: &State, change: &Change) -> Option<&'c Address> {
        let inside = |host: &&Address| self.hosted.get(*host) == Some(&&*change.provider.name);
        let mut all = self.of(state, change).into_iter().filter(inside);
        all.next().filter(|_| all.next().is_none())
    }

    /// The hosts that something is in, or belongs to.
    pub(super) fn of(&self, state: &State, change: &Change) -> Vec<&'c Address> {
        let dependencies: &[DependencyRef] = if change.dependencies.is_empty() {
            recorded(state, change)
        } else {
            &change.dependencies
        };
        let mut out: Vec<&Address> = dependencies
            .iter()
            .flat_map(|d| self.named.of(d).iter().copied())
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// Whether a change moves what runs on a pool to other machines.
fn replaces(change: &Change, traits: &Traits) -> bool {
    if change.action != ChangeAction::Update {
        return change.action.takes_away();
    }
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return false;
    };
    let differs = |name: &&&str| before.get(name) != after.get(name);
    traits.moves.iter().any(|name| differs(&name))
}
