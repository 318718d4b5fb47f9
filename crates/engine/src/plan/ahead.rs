//! What goes ahead of what it refers to. When a host becomes of another version, what is in it is changed first, as far as that
//! needs nothing of the host's change; then the host, then what its cloud adds to it, then the machines that carry it.

use super::repeat::instances;
use super::shifts::{Hosts, traits};
use super::{Change, ChangeAction, Named};
use crate::configure;
use crate::engine::Engine;
use crate::graph::ProgramGraph;
use crate::scope::{Frame, World};
use infra_model::address::{BlockAddress, InstanceKey, ProviderAddress};
use infra_model::expr::Expr;
use infra_model::hash::{HashMap, HashSet};
use infra_model::program::{Program, ResourceBlock};
use infra_model::schema::Traits;
use infra_model::value::{Marks, Str, Value};
use infra_state::{DependencyRef, State};
use std::collections::BTreeSet;

/// Who goes ahead of whom, as far as values decide. By index of changes.
#[derive(Default)]
pub(super) struct Ahead {
    /// In their order.
    pub(super) stages: Vec<Stage>,
    /// What goes for good, and the host that changes after that.
    pub(super) gone: Vec<(usize, usize)>,
}

/// Some changes that go ahead of others that they depend on.
pub(super) struct Stage {
    /// What they do not wait for.
    pub(super) hurdles: BTreeSet<usize>,
    /// Those of the hurdles that wait for them.
    pub(super) after: Vec<usize>,
    /// Everything that depends on a hurdle.
    pub(super) behind: BTreeSet<usize>,
    /// What of that goes ahead, and what stays as it is in between.
    pub(super) ahead: BTreeSet<usize>,
}

/// What the plan was made from.
pub(super) struct Made<'a> {
    pub(super) engine: &'a Engine,
    pub(super) program: &'a Program,
    pub(super) graph: &'a ProgramGraph,
    pub(super) state: &'a State,
    /// With the planned values.
    pub(super) world: &'a World<'a>,
}

/// Finds them; none where no host changes its version.
pub(super) fn find(made: &Made<'_>, changes: &[Change]) -> Ahead {
    let hosts = Hosts::new(made.engine, changes);
    let mut out = Ahead::default();
    if hosts.moved.is_empty() {
        return out;
    }
    let links = Links::new(changes);
    for (i, host) in changes.iter().enumerate() {
        if !hosts.moved.contains(&host.address) || host.deposed.is_some() {
            continue;
        }
        let behind = links.behind(changes, [i]);
        let kin = |of: fn(&Traits) -> &'static str| -> BTreeSet<usize> {
            let is_kin = |j: &&usize| {
                let traits = traits(made.engine, &changes[**j]);
                traits.is_some_and(|t| of(t) == hosts.hosted[&host.address] && !of(t).is_empty())
            };
            behind.iter().filter(is_kin).copied().collect()
        };
        let (extensions, carriers) = (kin(|t| t.extends), kin(|t| t.carries));
        let inside = |j: usize| {
            let there = changes[j].before.is_some() && changes[j].action != ChangeAction::NoOp;
            there && hosts.host_of(made.state, &changes[j]) == Some(&host.address)
        };
        let mut hurdles = &extensions | &carriers;
        hurdles.insert(i);
        let first = links.stage(made, changes, hurdles, vec![i], behind, inside);
        let adds = |j: usize| extensions.contains(&j) && changes[j].action == ChangeAction::Update;
        let on_machines = links.behind(changes, carriers.iter().copied());
        let machines = carriers.iter().copied().collect();
        let second = links.stage(made, changes, carriers, machines, on_machines, adds);
        out.stages.extend(first.into_iter().chain(second));
    }
    let places: HashMap<_, _> = (changes.iter().enumerate())
        .filter(|(_, c)| c.deposed.is_none())
        .map(|(i, c)| (&c.address, i))
        .collect();
    for (i, change) in changes.iter().enumerate() {
        if change.action == ChangeAction::Delete
            && let Some(host) = hosts.host_of(made.state, change)
            && hosts.moved.contains(host)
        {
            out.gone.push((i, places[host]));
        }
    }
    out
}

/// Who depends on whom.
struct Links<'c> {
    /// Changes by all that a dependency can call them.
    named: Named<usize>,
    dependents: HashMap<&'c DependencyRef, Vec<usize>>,
}

impl<'c> Links<'c> {
    fn new(changes: &'c [Change]) -> Links<'c> {
        let mut links = Links {
            named: Named::with_capacity(changes.len()),
            dependents: HashMap::default(),
        };
        for (i, change) in changes.iter().enumerate() {
            if change.deposed.is_none() {
                links.named.add(&change.address, &i);
            }
            for dependency in &change.dependencies {
                links.dependents.entry(dependency).or_default().push(i);
            }
        }
        links
    }

    /// Everything that depends on some changes, directly or not. Each name is looked at once, so that this is linear.
    fn behind(&self, changes: &[Change], from: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut seen: HashSet<DependencyRef> = HashSet::default();
        let mut queue: Vec<usize> = from.into_iter().collect();
        while let Some(i) = queue.pop() {
            for name in DependencyRef::naming(&changes[i].address) {
                if let Some(dependents) = self.dependents.get(&name)
                    && seen.insert(name)
                {
                    let new = dependents.iter().filter(|j| found.insert(**j));
                    queue.extend(new);
                }
            }
        }
        found
    }

    /// The changes that go ahead of hurdles: those asked for that can, and what they need to come first. None when there are none.
    fn stage(
        &self,
        made: &Made<'_>,
        changes: &'c [Change],
        hurdles: BTreeSet<usize>,
        after: Vec<usize>,
        behind: BTreeSet<usize>,
        asked_for: impl Fn(usize) -> bool,
    ) -> Option<Stage> {
        let mut roots = behind.iter().copied().filter(|i| asked_for(*i)).peekable();
        roots.peek()?;
        let can = self.can(made, changes, &hurdles, &behind);
        let mut ahead: BTreeSet<usize> = roots.filter(|i| can.contains(i)).collect();
        let mut queue: Vec<usize> = ahead.iter().copied().collect();
        let mut seen: HashSet<&DependencyRef> = HashSet::default();
        while let Some(i) = queue.pop() {
            let dependencies = changes[i].dependencies.iter();
            for dependency in dependencies.filter(|d| seen.insert(d)) {
                let named = self.named.of(dependency).iter().copied();
                let new = named.filter(|j| can.contains(j) && ahead.insert(*j));
                queue.extend(new);
            }
        }
        (!ahead.is_empty()).then_some(Stage {
            hurdles,
            after,
            behind,
            ahead,
        })
    }

    /// What can go ahead of the hurdles: it is the same with the hurdles as they are, and so is what it depends on. Changes stand
    /// in the order of their planning, dependencies first.
    fn can(
        &self,
        made: &Made<'_>,
        changes: &'c [Change],
        hurdles: &BTreeSet<usize>,
        behind: &BTreeSet<usize>,
    ) -> HashSet<usize> {
        let mut twice = Twice::new(made, changes, hurdles);
        let mut can: HashSet<usize> = HashSet::default();
        let mut fine: HashMap<&DependencyRef, bool> = HashMap::default();
        for i in behind.iter().filter(|i| !hurdles.contains(i)) {
            let change = &changes[*i];
            let remains = !matches!(
                change.action,
                ChangeAction::Read | ChangeAction::Delete | ChangeAction::Forget
            );
            let free = remains && change.importing.is_none() && {
                let mut all = change.dependencies.iter();
                all.all(|dependency| {
                    *fine.entry(dependency).or_insert_with(|| {
                        let mut named = self.named.of(dependency).iter();
                        named.all(|j| hurdles.contains(j) || !behind.contains(j) || can.contains(j))
                    })
                })
            };
            if free && (change.action == ChangeAction::NoOp || twice.same(change)) {
                can.insert(*i);
            }
        }
        can
    }
}

/// A hurdle as it is now, with a mark on all that its change makes another, and on the whole of it where it comes or goes.
fn as_it_is(change: &Change) -> Option<Value> {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        let one = change.before.as_ref().or(change.after.as_ref());
        return one.map(|value| value.clone().with_marks(Marks::EPHEMERAL));
    };
    let names: Vec<_> = before.entries()?.keys().cloned().collect();
    let marked = |value: Value, name: Str| match (before.get(&name), after.get(&name)) {
        (Some(was), Some(is)) if was.unmark_deep() == is.unmark_deep() => value,
        (Some(was), _) => value.with_attribute(&name, was.clone().with_marks(Marks::EPHEMERAL)),
        (None, _) => value,
    };
    Some(names.into_iter().fold(before.clone(), marked))
}

/// Everything evaluated twice: with the hurdles as they will be, and as they are.
struct Twice<'m> {
    made: &'m Made<'m>,
    now: World<'m>,
    providers: HashMap<ProviderAddress, bool>,
    /// The instances of a block with what is bound in their expressions; none where that follows from a hurdle.
    frames: HashMap<BlockAddress, Option<HashMap<Option<InstanceKey>, Frame>>>,
}

impl<'m> Twice<'m> {
    fn new(made: &'m Made<'m>, changes: &[Change], hurdles: &BTreeSet<usize>) -> Twice<'m> {
        let as_they_are: Vec<_> = hurdles
            .iter()
            .map(|i| (&changes[*i].address, as_it_is(&changes[*i])))
            .collect();
        let given = as_they_are.iter().map(|(a, value)| (*a, value.as_ref()));
        Twice {
            made,
            now: made.world.supposing(given),
            providers: HashMap::default(),
            frames: HashMap::default(),
        }
    }

    /// Whether a change is the same either way.
    fn same(&mut self, change: &Change) -> bool {
        let Some(i) = self.made.graph.block_at(&change.address.block) else {
            return false;
        };
        let block = &self.made.program.blocks[i];
        if !self.same_provider(&change.provider) {
            return false;
        }
        let Some(frame) = self.frame(block, &change.address.key) else {
            return false;
        };
        let itself = Frame {
            this: change.after.clone(),
            ..frame.clone()
        };
        let lifecycle = &block.lifecycle;
        let held = |mut all: std::slice::Iter<'_, infra_model::program::Condition>,
                    frame: &Frame| {
            all.all(|c| self.agree(&c.condition, frame))
        };
        let key = block.provider_key.as_ref();
        key.is_none_or(|key| self.agree(key, &frame))
            && self.agree(&block.config, &frame)
            && held(lifecycle.preconditions.iter(), &frame)
            && held(lifecycle.postconditions.iter(), &itself)
    }

    fn agree(&self, expr: &Expr, frame: &Frame) -> bool {
        let planned = self.made.world.evaluate(expr, frame);
        let now = self.now.evaluate(expr, frame);
        // What is unknown for another reason would hide a difference: a mark does not get lost.
        matches!((planned, now), (Ok((a, _)), Ok((b, _))) if a == b && !b.deep_marks().ephemeral)
    }

    /// A provider configuration that is known, and the same.
    fn same_provider(&mut self, address: &ProviderAddress) -> bool {
        if let Some(known) = self.providers.get(address) {
            return *known;
        }
        let found = self.made.graph.provider(address);
        let same = found.is_some_and(|i| {
            let block = &self.made.program.providers[i];
            let planned = configure::configuration(self.made.engine, self.made.world, block);
            planned.is_ok_and(|c| c.value.is_some())
                && self.agree(&block.config, &Frame::at(&block.scope))
        });
        self.providers.insert(address.clone(), same);
        same
    }

    fn frame(&mut self, block: &ResourceBlock, key: &Option<InstanceKey>) -> Option<Frame> {
        if !self.frames.contains_key(&block.address) {
            let scope = Frame::at(&block.address.scope);
            let settled = block.repeat.expr().is_none_or(|e| self.agree(e, &scope));
            let all = settled.then(|| instances(self.made.world, block).ok()?.1);
            let all = all.flatten().map(|list| list.into_iter().collect());
            self.frames.insert(block.address.clone(), all);
        }
        self.frames[&block.address].as_ref()?.get(key).cloned()
    }
}
