//! The steps of apply and what each needs: creates after what they refer to, deletes after what refers to them.

mod early;
mod empties;

use super::ahead::Ahead;
use super::instance::recorded;
use super::named::Named;
use super::{Change, ChangeAction, Reason, Step, StepKind};
use crate::engine::Engine;
use early::Early;
use infra_model::address::{Address, BlockAddress, Mode};
use infra_model::defect::Defect;
use infra_model::hash::{HashMap, HashSet, IndexMap};
use infra_model::value::Value;
use infra_state::{DependencyRef, State};
use petgraph::graph::{DiGraph, NodeIndex};

/// Orders the changes.
pub(super) fn steps(
    engine: &Engine,
    state: &State,
    changes: &[Change],
    ahead: &Ahead,
) -> Vec<Step> {
    if changes.iter().all(Change::needs_no_step) {
        return Vec::new();
    }
    let mut order = Order {
        by_name: Named::with_capacity(changes.len()),
        ..Order::default()
    };
    for (i, change) in changes.iter().enumerate() {
        order.add(u32::try_from(i).unwrap_or(u32::MAX), change);
    }
    order.leaves(changes);
    order.empties(engine, state, changes);
    order.forwards(changes, ahead);
    order.hand_overs(changes);
    order.take_overs(changes);
    if !Defect::DeletesUnordered.is_present() {
        order.backwards(state, changes);
        order.farewells(state, changes);
    }
    order.go_ahead(changes, ahead);
    let successions = order.successions(engine, changes);
    let (soft, ahead, weak) = (
        std::mem::take(&mut order.soft),
        std::mem::take(&mut order.ahead),
        std::mem::take(&mut order.weak),
    );
    order.keep(&successions);
    order.keep(&soft);
    order.keep(&ahead);
    order.keep(&weak);
    order.finish(engine, state, changes)
}

#[derive(Default)]
struct Order {
    kinds: Vec<StepKind>,
    /// (before, after)
    hard: HashSet<(u32, u32)>,
    soft: HashSet<(u32, u32)>,
    /// From what goes ahead of something to that.
    ahead: HashSet<(u32, u32)>,
    /// Gives way to all others.
    weak: HashSet<(u32, u32)>,
    /// The step that gives a change its new value.
    makes: IndexMap<Address, u32>,
    /// The step that takes its old object away.
    takes: HashMap<usize, u32>,
    /// The step with which that begins, where it is another one.
    begins: HashMap<usize, u32>,
    /// Those of them that take many objects away.
    shared: HashSet<u32>,
    /// The step that something unchanged waits for, so that its dependents wait too.
    passes: HashMap<Address, u32>,
    /// The step after which a dependency has its new value, if any has one.
    known: HashMap<DependencyRef, Option<u32>>,
    /// The same for what goes ahead.
    early: Early,
    /// Changes by all that a dependency can call them.
    by_name: Named<usize>,
}

impl Change {
    /// Whether apply has nothing to do for it, nor anything to wait for on its behalf.
    fn needs_no_step(&self) -> bool {
        self.action == ChangeAction::NoOp
            && self.previous_address.is_none()
            && self.importing.is_none()
    }
}

impl Order {
    fn push(&mut self, kind: StepKind) -> u32 {
        self.kinds.push(kind);
        u32::try_from(self.kinds.len() - 1).unwrap_or(u32::MAX)
    }

    fn add(&mut self, i: u32, change: &Change) {
        let at = i as usize;
        self.by_name.add(&change.address, &at);
        let import = change.importing.is_some().then(|| {
            let step = self.push(StepKind::Import(i));
            self.makes.insert(change.address.clone(), step);
            step
        });
        let first = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        match change.action {
            ChangeAction::NoOp => {
                if change.previous_address.is_some() {
                    let step = self.push(StepKind::Record(i));
                    self.makes.insert(change.address.clone(), step);
                }
            }
            ChangeAction::Read => {
                let step = self.push(StepKind::Read(i));
                self.makes.insert(change.address.clone(), step);
            }
            ChangeAction::Create => {
                let step = self.push(StepKind::Create(i));
                self.makes.insert(change.address.clone(), step);
            }
            ChangeAction::Update => {
                let step = self.push(StepKind::Update(i));
                self.makes.insert(change.address.clone(), step);
            }
            ChangeAction::Delete => {
                self.take(i, change);
            }
            ChangeAction::Forget => {
                let step = self.push(StepKind::Forget(i));
                self.takes.insert(at, step);
            }
            ChangeAction::DeleteThenCreate => {
                let (_, delete) = self.take(i, change);
                let create = self.push(StepKind::Create(i));
                self.hard.insert((delete, create));
                self.makes.insert(change.address.clone(), create);
            }
            ChangeAction::CreateThenDelete => {
                let create = self.push(StepKind::Create(i));
                let (first, _) = self.take(i, change);
                self.hard.insert((create, first));
                self.makes.insert(change.address.clone(), create);
            }
        }
        if let Some(import) = import
            && (first as usize) < self.kinds.len()
        {
            self.hard.insert((import, first));
        }
    }

    /// The steps that take an object away: the first and the last. Its protection is lifted only when nothing keeps it from
    /// being deleted any more, so that a run that stops before leaves it protected.
    fn take(&mut self, i: u32, change: &Change) -> (u32, u32) {
        let at = i as usize;
        let lift = (!change.lifts.is_empty()).then(|| self.push(StepKind::Lift(i)));
        let delete = self.push(StepKind::Delete(i));
        self.takes.insert(at, delete);
        if let Some(lift) = lift {
            self.hard.insert((lift, delete));
            self.begins.insert(at, lift);
        }
        (lift.unwrap_or(delete), delete)
    }

    /// What ends with its host is forgotten after that. What it would leave behind is taken away in one step for all of a
    /// host, which is their last: before it goes what depends on them, after it what they depend on.
    fn leaves(&mut self, changes: &[Change]) {
        let ending = |change: &Change| match &change.reason {
            Some(Reason::WithHost(host)) => Some(host.clone()),
            _ => None,
        };
        let mut hosts: HashMap<Address, Option<(u32, u32)>> = changes
            .iter()
            .filter_map(|c| Some((ending(c)?, None)))
            .collect();
        if hosts.is_empty() {
            return;
        }
        for (i, change) in changes.iter().enumerate() {
            let Some(host) = hosts
                .get_mut(&change.address)
                .filter(|_| change.deposed.is_none())
            else {
                continue;
            };
            let Some(gone) = self.takes.get(&i).copied() else {
                continue;
            };
            let leave = self.push(StepKind::Leave(u32::try_from(i).unwrap_or(u32::MAX)));
            let first = self.begins.get(&i).copied().unwrap_or(gone);
            self.hard.insert((leave, first));
            *host = Some((leave, gone));
        }
        for (i, change) in changes.iter().enumerate() {
            let steps = ending(change).and_then(|host| hosts[&host]);
            if let Some((leave, gone)) = steps
                && let Some(forget) = self.takes.insert(i, leave)
            {
                self.hard.insert((gone, forget));
                self.shared.insert(leave);
            }
        }
    }

    /// The step after which a dependency has its new value; a junction where it means several instances.
    fn ready(&mut self, dependency: &DependencyRef, changes: &[Change]) -> Option<u32> {
        if let Some(known) = self.known.get(dependency) {
            return *known;
        }
        let step = |i: &usize| {
            let address = &changes[*i].address;
            let own = self.makes.get(address).or(self.passes.get(address));
            own.copied()
        };
        let named = self.by_name.of(dependency).iter();
        let steps = named.filter_map(step).collect();
        let all = self.joined(steps, dependency.parts().0);
        self.known.insert(dependency.clone(), all);
        all
    }

    /// One step that stands for several.
    fn joined(&mut self, mut steps: Vec<u32>, block: &BlockAddress) -> Option<u32> {
        steps.sort_unstable();
        steps.dedup();
        if steps.len() <= 1 {
            return steps.first().copied();
        }
        let junction = self.push(StepKind::Junction(block.clone()));
        self.hard.extend(steps.into_iter().map(|s| (s, junction)));
        Some(junction)
    }

    /// What is made comes after what it refers to. Changes stand in the order of their planning, dependencies first.
    fn forwards(&mut self, changes: &[Change], ahead: &Ahead) {
        for (i, change) in changes.iter().enumerate() {
            let own = self.makes.get(&change.address).copied();
            if own.is_none() && (change.action != ChangeAction::NoOp || change.untouched) {
                continue;
            }
            let stages = ahead.stages.iter().enumerate();
            let mut early = stages.filter(|(_, s)| s.ahead.contains(&i)).peekable();
            let mut before = Vec::new();
            if own.is_some()
                && let Some(stage) = early.peek()
            {
                before = self.before_early(*stage, change, changes);
            } else {
                for dependency in &change.dependencies {
                    before.extend(self.ready(dependency, changes));
                }
            }
            match own {
                Some(step) => {
                    let before = before.into_iter().filter(|b| *b != step);
                    self.hard.extend(before.map(|b| (b, step)));
                }
                // What stays as it is passes the order on to what depends on it.
                None => {
                    if let Some(step) = self.joined(before, &change.address.block) {
                        self.passes.insert(change.address.clone(), step);
                    }
                    for stage in early {
                        let before = self.before_early(stage, change, changes);
                        self.pass_early(stage.0, change, before);
                    }
                }
            }
        }
    }

    /// What another resource brings now is forgotten when that one is there, and not before.
    fn hand_overs(&mut self, changes: &[Change]) {
        for (i, change) in changes.iter().enumerate() {
            if let Some(Reason::HandedOver(taker)) = &change.reason
                && let (Some(taken), Some(forget)) = (self.makes.get(taker), self.takes.get(&i))
            {
                self.hard.insert((*taken, *forget));
            }
        }
    }

    /// What has brought others is stopped before the first of them is taken over, and goes after the last.
    fn take_overs(&mut self, changes: &[Change]) {
        let mut holders: HashMap<&Address, (u32, u32)> = HashMap::default();
        for (i, change) in changes.iter().enumerate() {
            let gone = self.begins.get(&i).or_else(|| self.takes.get(&i)).copied();
            if let (Some(Reason::GivenBack), Some(gone)) = (&change.reason, gone) {
                let release = self.push(StepKind::Release(u32::try_from(i).unwrap_or(u32::MAX)));
                self.hard.insert((release, gone));
                holders.insert(&change.address, (release, gone));
            }
        }
        for change in changes {
            if let Some(Reason::TakenOver { by, .. }) = &change.reason
                && let Some((release, gone)) = holders.get(by)
                && let Some(make) = self.makes.get(&change.address).copied()
            {
                self.hard.extend([(*release, make), (make, *gone)]);
            }
        }
    }

    /// An object goes after everything that depends on it has gone or let go of it.
    fn backwards(&mut self, state: &State, changes: &[Change]) {
        let mut gone: HashMap<DependencyRef, u32> = HashMap::default();
        // What goes, by all that a dependency can call it, now and, where it has moved, at the address that the state still has.
        let mut going: Named<(usize, u32)> = Named::default();
        let mut moved: Named<(usize, u32)> = Named::default();
        for (j, change) in changes.iter().enumerate() {
            let Some(take) = self.begins.get(&j).or_else(|| self.takes.get(&j)) else {
                continue;
            };
            going.add(&change.address, &(j, *take));
            if let Some(old) = &change.previous_address
                && !Defect::MovesForgotten.is_present()
            {
                moved.add(old, &(j, *take));
            }
        }
        if going.is_empty() && moved.is_empty() {
            return;
        }
        let mut shared_needs: HashSet<(u32, &DependencyRef)> = HashSet::default();
        // What is gone already has no change, and hands on what it depended on.
        let there: HashSet<&Address> = changes
            .iter()
            .map(|c| c.previous_address.as_ref().unwrap_or(&c.address))
            .collect();
        let handed_on = state.handed_on(|address| !there.contains(address));
        for (i, change) in changes.iter().enumerate() {
            let recorded = if change.deposed.is_some() {
                change.dependencies.as_slice()
            } else {
                let at = change.previous_address.as_ref().unwrap_or(&change.address);
                let handed_on = handed_on.get(at).map(Vec::as_slice);
                handed_on.unwrap_or_else(|| recorded(state, change))
            };
            let planned = change.dependencies.as_slice();
            for (dependency, is_recorded) in recorded
                .iter()
                .map(|d| (d, true))
                .chain(planned.iter().map(|d| (d, false)))
            {
                let others = |named: &Named<(usize, u32)>| {
                    let all = named.of(dependency).iter();
                    all.filter(|(j, _)| *j != i).copied().collect::<Vec<_>>()
                };
                let mut taken = others(&going);
                if is_recorded {
                    // The state names what has moved by its old address.
                    taken.extend(others(&moved));
                    taken.sort_unstable();
                    taken.dedup();
                }
                if taken.is_empty() {
                    continue;
                }
                // The dependent's own last step: its delete, or else its update.
                let own_delete = self.takes.get(&i).copied();
                let own_update = self.makes.get(&change.address).copied();
                let shared = own_delete.filter(|step| self.shared.contains(step));
                if let Some(leave) = shared {
                    // One step for very many: each dependency once, so that edges stay linear.
                    if shared_needs.insert((leave, dependency)) {
                        let others = taken.iter().filter(|(_, take)| *take != leave);
                        let edges = others.map(|(_, take)| (leave, *take));
                        self.lets_go(is_recorded).extend(edges);
                    }
                    continue;
                }
                if taken.len() > 2 && own_delete.is_some() {
                    // Many to many: through a junction, so that edges stay linear.
                    let junction = match gone.get(dependency) {
                        Some(junction) => *junction,
                        None => {
                            let block = dependency.parts().0.clone();
                            let junction = self.push(StepKind::Junction(block));
                            gone.insert(dependency.clone(), junction);
                            taken.iter().for_each(|(_, s)| {
                                self.hard.insert((junction, *s));
                            });
                            junction
                        }
                    };
                    if let Some(delete) = own_delete {
                        self.lets_go(is_recorded).insert((delete, junction));
                    }
                    continue;
                }
                for (j, take) in taken {
                    if let Some(delete) = own_delete
                        && delete != take
                    {
                        self.lets_go(is_recorded).insert((delete, take));
                    }
                    if let Some(update) = own_update
                        && (changes[j].action == ChangeAction::CreateThenDelete
                            || changes[j].action == ChangeAction::Delete)
                        && update != take
                    {
                        self.soft.insert((update, take));
                    }
                }
            }
        }
    }

    /// What an object depends on stays until it has gone; what only its replacement will depend on may go before.
    fn lets_go(&mut self, is_recorded: bool) -> &mut HashSet<(u32, u32)> {
        if is_recorded {
            &mut self.hard
        } else {
            &mut self.soft
        }
    }

    /// What goes for good goes before what it depended on becomes another, as in Terraform.
    fn farewells(&mut self, state: &State, changes: &[Change]) {
        let mut before: HashMap<DependencyRef, Option<u32>> = HashMap::default();
        for (i, change) in changes.iter().enumerate() {
            let goes = matches!(
                change.action,
                ChangeAction::Delete | ChangeAction::DeleteThenCreate
            );
            let Some(delete) = self.takes.get(&i).copied() else {
                continue;
            };
            if !goes || change.deposed.is_some() || change.create_before_destroy {
                continue;
            }
            for dependency in recorded(state, change) {
                let after = match before.get(dependency) {
                    Some(known) => *known,
                    None => {
                        let after = self.becoming(dependency, changes);
                        before.insert(dependency.clone(), after);
                        after
                    }
                };
                self.weak.extend(after.map(|step| (delete, step)));
            }
        }
    }

    /// The step with which something becomes another; a junction before all where it means several instances.
    fn becoming(&mut self, dependency: &DependencyRef, changes: &[Change]) -> Option<u32> {
        let makes = |i: &usize| {
            let change = &changes[*i];
            let another = matches!(
                change.action,
                ChangeAction::Create | ChangeAction::Update | ChangeAction::CreateThenDelete
            );
            let make = self.makes.get(&change.address).copied();
            make.filter(|_| another)
        };
        let named = self.by_name.of(dependency).iter();
        let makes: Vec<u32> = named.filter_map(makes).collect();
        if makes.len() <= 1 {
            return makes.first().copied();
        }
        let junction = self.push(StepKind::Junction(dependency.parts().0.clone()));
        self.hard.extend(makes.into_iter().map(|m| (junction, m)));
        Some(junction)
    }

    /// What takes the name of something that goes comes after it: its block was renamed, and no `[[moved]]` says so.
    fn successions(&self, engine: &Engine, changes: &[Change]) -> HashSet<(u32, u32)> {
        let goes = |c: &Change| c.action == ChangeAction::Delete && c.deposed.is_none();
        let named = |change: &Change, value: &Option<Value>| {
            let type_name = &change.address.block.type_name;
            let schema = engine.schema(&change.provider.name, Mode::Managed, type_name)?;
            let parts = identity(schema.traits.unique, value.as_ref()?)?;
            Some((change.provider.clone(), type_name.clone(), parts))
        };
        let coming = changes.iter().filter(|c| c.action == ChangeAction::Create);
        let mut coming = coming.peekable();
        if coming.peek().is_none() {
            return HashSet::default();
        }
        let going: HashMap<_, usize> = (changes.iter().enumerate())
            .filter(|(_, change)| goes(change))
            .filter_map(|(i, change)| Some((named(change, &change.before)?, i)))
            .collect();
        if going.is_empty() {
            return HashSet::default();
        }
        coming
            .filter_map(|change| {
                let gone = going.get(&named(change, &change.after)?)?;
                let make = self.makes.get(&change.address)?;
                Some((*self.takes.get(gone)?, *make))
            })
            .collect()
    }

    /// Keeps of these edges those with which no step waits for itself.
    fn keep(&mut self, loose: &HashSet<(u32, u32)>) {
        if loose.is_empty() {
            return;
        }
        let mut graph: DiGraph<(), ()> = DiGraph::new();
        self.kinds.iter().for_each(|_| {
            graph.add_node(());
        });
        for (a, b) in self.hard.iter().chain(loose) {
            graph.add_edge(NodeIndex::new(*a as usize), NodeIndex::new(*b as usize), ());
        }
        let mut component = vec![0usize; self.kinds.len()];
        for (c, members) in petgraph::algo::tarjan_scc(&graph).into_iter().enumerate() {
            members.into_iter().for_each(|m| component[m.index()] = c);
        }
        let free = |(a, b): &&(u32, u32)| component[*a as usize] != component[*b as usize];
        self.hard.extend(loose.iter().filter(free));
    }

    fn finish(self, engine: &Engine, state: &State, changes: &[Change]) -> Vec<Step> {
        let mut steps: Vec<Step> = self
            .kinds
            .into_iter()
            .map(|kind| Step {
                kind,
                needs: Vec::new(),
                remaining: 0,
            })
            .collect();
        for (before, after) in &self.hard {
            steps[*after as usize].needs.push(*before);
        }
        let mut missing: Vec<usize> = vec![0; steps.len()];
        for step in &mut steps {
            step.needs.sort_unstable();
            step.needs.dedup();
            step.needs.iter().for_each(|n| missing[*n as usize] += 1);
        }
        // Longest path to the end, from the last steps backwards.
        let mut ready: Vec<usize> = (0..steps.len()).filter(|i| missing[*i] == 0).collect();
        let mut longest: Vec<u64> = vec![0; steps.len()];
        while let Some(i) = ready.pop() {
            let remaining = longest[i] + expected(engine, state, changes, &steps[i].kind);
            steps[i].remaining = remaining;
            for n in steps[i].needs.clone() {
                let n = n as usize;
                longest[n] = longest[n].max(remaining);
                missing[n] -= 1;
                if missing[n] == 0 {
                    ready.push(n);
                }
            }
        }
        steps
    }
}

/// What only one object can have; none where that is not known yet, or where nothing is set.
pub(super) fn identity(unique: &[&str], value: &Value) -> Option<Vec<Option<String>>> {
    let part = |name: &&str| {
        let part = value.get(name)?;
        let text = part.as_str().map(str::to_owned);
        let text = text.or_else(|| part.as_i64().map(|n| n.to_string()));
        (text.is_some() || part.is_null()).then_some(text)
    };
    let parts: Vec<Option<String>> = unique.iter().map(part).collect::<Option<_>>()?;
    parts.iter().any(Option::is_some).then_some(parts)
}

/// Expected milliseconds of a step: learnt from past runs, or the type's own estimate.
fn expected(engine: &Engine, state: &State, changes: &[Change], kind: &StepKind) -> u64 {
    let Some(change) = kind.change().map(|i| &changes[i]) else {
        return 0;
    };
    let type_name = &change.address.block.type_name;
    let Some(schema) = engine.schema(&change.provider.name, Mode::Managed, type_name) else {
        return 0;
    };
    let (action, estimate) = match kind {
        StepKind::Create(_) => ("create", schema.traits.create),
        // As they are learnt.
        StepKind::Update(_)
        | StepKind::Lift(_)
        | StepKind::Leave(_)
        | StepKind::Empty(_)
        | StepKind::Release(_) => ("update", schema.traits.update),
        StepKind::Delete(_) => ("delete", schema.traits.delete),
        StepKind::Read(_)
        | StepKind::Import(_)
        | StepKind::Forget(_)
        | StepKind::Record(_)
        | StepKind::Junction(_) => return 0,
    };
    let duration = state.duration(type_name, action).unwrap_or(estimate);
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
