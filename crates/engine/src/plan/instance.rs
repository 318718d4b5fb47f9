//! One block at a time: what each of its instances becomes, and why.

use super::config::{
    about, at_attribute, conditions, config_errors, foretold, ignore, prevent_destroy,
    unknown_where_null,
};
use super::held::{Held, HeldReason, Holding};
use super::imports::Importing;
use super::moves::Moves;
use super::named::Named;
use super::reason::{Seen, Triggered};
use super::repeat::instances;
use super::takeover::{Holder, holders};
use super::target::{LeftOut, Selection};
use super::{Change, ChangeAction, PlanOptions, Reason};
use crate::codec;
use crate::engine::Engine;
use crate::scope::{Frame, Touched, World};
use crate::sessions::{Connected, Sessions};
use crate::values::{BlockValues, Keying};
use infra_model::address::{Address, BlockAddress, Mode, ProviderAddress};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::hash::{HashMap, HashSet, IndexMap};
use infra_model::operation::Action;
use infra_model::program::{Program, ResourceBlock};
use infra_model::provider::PlanRequest;
use infra_model::schema::Schema;
use infra_model::value::Value;
use infra_state::{DependencyRef, State};
use std::sync::Arc;

/// Everything that planning blocks builds up.
pub(crate) struct Planner<'a> {
    pub(super) engine: &'a Engine,
    pub(super) program: &'a Program,
    pub(super) state: &'a State,
    pub(super) options: &'a PlanOptions,
    /// What is there, by present address (moves done).
    pub(super) prior: IndexMap<Address, Value>,
    /// The address in the state, where it differs.
    pub(super) previous: HashMap<Address, Address>,
    pub(super) moved_to: HashMap<Address, Address>,
    pub(super) by_block: HashMap<BlockAddress, Vec<Address>>,
    pub(super) changes: IndexMap<Address, Change>,
    /// What of them changes, by block.
    pub(super) seen: Seen,
    /// What stays as it is.
    pub(super) held: Holding,
    pub(super) selection: Selection<'a>,
    /// What comes under management, by its address.
    pub(super) importing: HashMap<Address, Importing>,
    /// What provider configurations depend on.
    pub(super) providers: HashMap<ProviderAddress, Touched>,
    /// Creations that an interrupted run began, and their ids as far as known.
    pub(super) begun: HashMap<Address, Option<String>>,
    /// What has brought others and goes.
    pub(super) holders: Vec<Holder>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        program: &'a Program,
        state: &'a State,
        options: &'a PlanOptions,
        selection: Selection<'a>,
        prior: IndexMap<Address, Value>,
        moves: Moves,
    ) -> Planner<'a> {
        let moves = moves.to;
        let previous: HashMap<Address, Address> = moves
            .iter()
            .map(|(from, to)| (to.clone(), from.clone()))
            .collect();
        let prior: IndexMap<Address, Value> = if moves.is_empty() {
            prior
        } else {
            let moved = |(a, v): (Address, Value)| (moves.get(&a).cloned().unwrap_or(a), v);
            prior.into_iter().map(moved).collect()
        };
        let mut by_block: HashMap<BlockAddress, Vec<Address>> = HashMap::default();
        for address in prior.keys() {
            by_block
                .entry(address.block.clone())
                .or_default()
                .push(address.clone());
        }
        let known = (&prior, &previous);
        let holders = holders(engine, program, state, options, &selection, known);
        let begun = state
            .unfinished
            .values()
            .filter(|u| u.intent.action == Action::Create)
            .map(|u| (u.intent.address.clone(), u.id.clone()))
            .collect();
        Planner {
            engine,
            program,
            state,
            options,
            prior,
            previous,
            moved_to: moves,
            by_block,
            changes: IndexMap::with_capacity_and_hasher(program.blocks.len(), Default::default()),
            seen: Seen::default(),
            held: Holding::default(),
            selection,
            importing: HashMap::default(),
            providers: HashMap::default(),
            begun,
            holders,
        }
    }

    /// Remembers what a provider configuration depends on: all that it manages does too.
    pub(crate) fn provider_needs(&mut self, provider: &ProviderAddress, touched: Touched) {
        self.providers.insert(provider.clone(), touched);
    }

    /// What is there, by its address in the state.
    pub(crate) fn prior(&self, in_state: &Address) -> Option<&Value> {
        self.prior
            .get(self.moved_to.get(in_state).unwrap_or(in_state))
    }

    /// Takes what a refresh found, by the address in the state. What is not there any more goes all at once: taking one
    /// out of the middle moves all that follow.
    pub(crate) fn refreshed(&mut self, found: Vec<(Address, Option<Value>)>) {
        let mut gone: HashSet<Address> = HashSet::default();
        for (in_state, value) in found {
            let address = self.moved_to.get(&in_state).cloned().unwrap_or(in_state);
            match value {
                Some(value) => {
                    self.prior.insert(address, value);
                }
                None => {
                    gone.insert(address);
                }
            }
        }
        if gone.is_empty() {
            return;
        }
        self.prior.retain(|address, _| !gone.contains(address));
        let blocks: HashSet<&BlockAddress> = gone.iter().map(|a| &a.block).collect();
        for block in blocks {
            if let Some(list) = self.by_block.get_mut(block) {
                list.retain(|a| !gone.contains(a));
            }
        }
    }

    /// Destroying or only refreshing: what is there is all that counts.
    pub(crate) fn values_from_prior(&mut self, world: &World<'_>, i: usize) {
        let block = &self.program.blocks[i];
        let keying = Keying::of(&block.repeat);
        let mut values = BlockValues::new(keying);
        for address in self.by_block.get(&block.address).into_iter().flatten() {
            if let Some(value) = self.prior.get(address) {
                values.set(address.key.clone(), value.clone());
            }
        }
        world.values().declare(block.address.clone(), values);
    }

    /// Plans all instances of a managed block.
    pub(crate) fn block(
        &mut self,
        world: &World<'_>,
        i: usize,
        sessions: &Sessions,
        errors: &mut Diagnostics,
    ) {
        let program = self.program;
        let block = &program.blocks[i];
        let Some(schema) = self
            .engine
            .schema(
                &block.provider.name,
                Mode::Managed,
                &block.address.type_name,
            )
            .cloned()
        else {
            errors.push(
                Diagnostic::error(
                    Code::UnknownType,
                    format!("there is no resource type {}", block.address.type_name),
                )
                .at(block.span, ""),
            );
            return;
        };
        let (keying, list, repeat_touched) = match instances(world, block) {
            Ok(found) => found,
            Err(found) => {
                errors.extend(found);
                world
                    .values()
                    .declare(block.address.clone(), BlockValues::unknown(Keying::Single));
                return;
            }
        };
        let static_deps = Self::static_dependencies(world, block);
        let held = self
            .held
            .reason(&repeat_touched)
            .or_else(|| self.held.reason(&static_deps));
        let list = match (held, list) {
            (Some(reason), _) => {
                self.hold_block(world, block, keying, reason);
                return;
            }
            (None, Some(list)) => list,
            (None, None) if self.is_pending(&repeat_touched) => {
                self.hold_block(world, block, keying, HeldReason::Instances);
                return;
            }
            (None, None) => {
                errors.push(never_known(block));
                world
                    .values()
                    .declare(block.address.clone(), BlockValues::unknown(keying));
                return;
            }
        };
        world
            .values()
            .declare(block.address.clone(), BlockValues::new(keying));
        let triggered = self.triggered(world, block);
        // Most blocks have one configuration for all instances.
        let mut connection: Option<(ProviderAddress, Option<Connected>)> = None;
        for (key, frame) in list {
            let unknown = || Value::Unknown(schema.implied_type().clone());
            let address = block.address.instance(key);
            let provider = match world.provider_of(block, &frame) {
                Ok(provider) => provider,
                Err(found) => {
                    errors.extend(found);
                    world.values().set(&address, unknown());
                    continue;
                }
            };
            if connection.as_ref().is_none_or(|(at, _)| *at != provider) {
                connection = Some((provider.clone(), sessions.get(&provider)));
            }
            let (itself, own) = match self.triggered_itself(world, block, &frame) {
                Ok(found) => found,
                Err(found) => {
                    errors.extend(found);
                    world.values().set(&address, unknown());
                    continue;
                }
            };
            let mut touched = static_deps.clone();
            touched.extend(own);
            touched.extend(repeat_touched.iter().cloned());
            touched.extend(self.providers.get(&provider).into_iter().flatten().cloned());
            let instance = Instance {
                block,
                schema: &schema,
                address,
                frame,
                provider,
                connected: connection.as_ref().and_then(|(_, own)| own.as_ref()),
                triggered: triggered.as_ref().or(itself.as_ref()),
            };
            match self.instance(world, &instance, touched) {
                // What is not there and is not made has no value.
                Ok(change) if change.untouched && change.before.is_none() => {
                    world.values().set(&instance.address, unknown());
                }
                Ok(change) => {
                    let after = change.after.clone().unwrap_or(Value::NULL);
                    world.values().set(&instance.address, after);
                    self.insert(instance.address, change);
                }
                Err(found) => {
                    errors.extend(found);
                    world.values().set(&instance.address, unknown());
                }
            }
        }
    }

    /// What all instances of a block depend on, whatever their configuration says.
    pub(super) fn static_dependencies(world: &World<'_>, block: &ResourceBlock) -> Touched {
        let scope = &block.address.scope;
        let triggers = block.lifecycle.replace_triggered_by.iter();
        let explicit = block.depends_on.iter();
        explicit
            .chain(triggers.filter(|t| t.key.is_none()))
            .flat_map(|d| world.dependency(d, scope))
            .chain(world.gate(scope).iter().cloned())
            .collect()
    }

    pub(super) fn insert(&mut self, address: Address, change: Change) {
        self.seen.add(&change);
        self.changes.insert(address, change);
    }

    /// Whether any of these will have another value after apply.
    pub(super) fn is_pending(&self, touched: &Touched) -> bool {
        touched
            .iter()
            .any(|d| self.seen.changed(d, &self.changes).is_some())
    }

    /// Leaves a block with all its instances as it is: which there should be is not known.
    pub(super) fn hold_block(
        &mut self,
        world: &World<'_>,
        block: &ResourceBlock,
        keying: Keying,
        reason: HeldReason,
    ) {
        world
            .values()
            .declare(block.address.clone(), BlockValues::unknown(keying));
        self.held.hold(Held {
            address: block.address.instance(None),
            whole: true,
            provider: block.provider.clone(),
            reason,
            before: None,
            after: None,
            place: self
                .program
                .sources
                .place(block.repeat.expr().map_or(block.span, |e| e.span)),
        });
        for address in self
            .by_block
            .get(&block.address)
            .cloned()
            .unwrap_or_default()
        {
            let mut change = self.unchanged(block, &address, None);
            change.untouched = true;
            self.insert(address, change);
        }
    }

    /// Leaves an instance as it is.
    fn hold(&mut self, mut change: Change, block: &ResourceBlock, reason: HeldReason) -> Change {
        let after = std::mem::replace(&mut change.after, change.before.clone());
        self.held.hold(Held {
            address: change.address.clone(),
            whole: false,
            provider: change.provider.clone(),
            reason,
            before: change.before.clone(),
            after: after.filter(|_| change.before.is_none()),
            place: self.program.sources.place(block.span),
        });
        change.untouched = true;
        change
    }

    /// An instance as it is.
    fn unchanged(
        &self,
        block: &ResourceBlock,
        address: &Address,
        provider: Option<&ProviderAddress>,
    ) -> Change {
        let previous = self.previous.get(address).cloned();
        let in_state = self.state.resource(previous.as_ref().unwrap_or(address));
        let prior = self.prior.get(address).cloned();
        Change {
            address: address.clone(),
            previous_address: previous,
            deposed: None,
            provider: provider
                .or(in_state.map(|r| &r.provider))
                .unwrap_or(&block.provider)
                .clone(),
            action: ChangeAction::NoOp,
            reason: None,
            before: prior.clone(),
            after: prior,
            replace_paths: Vec::new(),
            lifts: Vec::new(),
            importing: None,
            resuming: None,
            create_before_destroy: block.lifecycle.create_before_destroy,
            dependencies: in_state.map(|r| r.dependencies.clone()).unwrap_or_default(),
            private: in_state.and_then(|r| r.private.clone()),
            untouched: false,
            span: Some(block.span),
        }
    }

    fn instance(
        &mut self,
        world: &World<'_>,
        instance: &Instance<'_>,
        mut touched: Touched,
    ) -> Result<Change, Diagnostics> {
        let Instance {
            block,
            schema,
            address,
            frame,
            provider: configuration,
            connected,
            triggered,
        } = instance;
        let provider = self
            .engine
            .provider(&block.provider.name)
            .ok_or_else(Diagnostics::new)?
            .clone();
        let mut change = self.unchanged(block, address, Some(configuration));
        let prior = change.before.clone();
        match self.selection.left_out(address) {
            Some(LeftOut::NotTargeted) if prior.is_some() => {
                change.untouched = true;
                return Ok(change);
            }
            Some(_) => return Ok(self.hold(change, block, HeldReason::LeftOut)),
            None => {}
        }
        let (value, config_touched) = world
            .evaluate(&block.config, frame)
            .map_err(|e| about(e, address))?;
        touched.extend(config_touched);
        conditions(
            world,
            &block.lifecycle.preconditions,
            frame,
            address,
            "precondition",
            Some(&mut touched),
        )?;
        let config = schema
            .block
            .coerce(&value)
            .map_err(|e| config_errors(e, &block.config, address))?;
        let mut invalid: Diagnostics = Vec::new();
        for error in provider.validate(&block.address.type_name, &config) {
            invalid.push(at_attribute(error, block, address));
        }
        if !invalid.is_empty() {
            return Err(invalid);
        }
        if let Some(importing) = self.importing.get(address) {
            match importing {
                Importing::Read { id, .. } => change.importing = Some(id.clone()),
                Importing::Later => {
                    change.after = Some(unknown_where_null(schema, &config));
                    return Ok(self.hold(change, block, HeldReason::Import));
                }
            }
        }
        if let Some(reason) = self.held.reason(&touched) {
            change.after = Some(unknown_where_null(schema, &config));
            return Ok(self.hold(change, block, reason));
        }
        let config = ignore(
            config,
            prior.as_ref(),
            &block.lifecycle.ignore_changes,
            schema,
        );
        let request = PlanRequest {
            type_name: &block.address.type_name,
            prior: prior.as_ref(),
            config: &config,
            private: change.private.as_ref(),
            provider: connected.map(|c| &c.value),
        };
        let mut planned = foretold(&*provider, &request, block, address)?;
        change.dependencies = touched
            .iter()
            .filter(|d| d.parts().0 != &address.block)
            .cloned()
            .collect();
        let tainted = self
            .state
            .resource(change.previous_address.as_ref().unwrap_or(address))
            .is_some_and(|r| r.tainted);
        let forced = self.forced_reason(address, tainted, *triggered);
        let holder = self.taken_from(configuration, &block.address.type_name, &planned.value);
        match &prior {
            None => {
                change.action = ChangeAction::Create;
                let differs = Vec::new();
                change.reason = holder.map(|by| Reason::TakenOver { by, differs });
                change.resuming = self.begun.get(address).cloned();
            }
            Some(_) if forced.is_some() || !planned.replace.is_empty() => {
                change.reason =
                    forced.or_else(|| Some(self.why_replaced(world, instance, &planned.replace)));
                if planned.replace.is_empty() {
                    let anew = PlanRequest {
                        prior: None,
                        ..request
                    };
                    planned = foretold(&*provider, &anew, block, address)?;
                }
                change.action = ChangeAction::replacing(block);
                prevent_destroy(world, block, address, frame)?;
            }
            Some(prior) if codec::same(prior, &planned.value) => change.action = ChangeAction::NoOp,
            Some(_) => change.action = ChangeAction::Update,
        }
        let this = Frame {
            this: Some(planned.value.clone()),
            ..frame.clone()
        };
        conditions(
            world,
            &block.lifecycle.postconditions,
            &this,
            address,
            "postcondition",
            None,
        )?;
        // Large values that stay as they are stand in memory once.
        change.after = match prior {
            Some(prior) if change.action == ChangeAction::NoOp && prior == planned.value => {
                Some(prior)
            }
            _ => Some(planned.value),
        };
        change.replace_paths = planned.replace;
        change.private = planned.private;
        Ok(change)
    }

    /// Everything that happens, create-before-destroy spread to what it depends on; and what is left as it is.
    pub(crate) fn into_changes(self) -> (Vec<Change>, Vec<Held>) {
        let mut changes: Vec<Change> = self.changes.into_values().collect();
        changes.shrink_to_fit();
        let mut queue: Vec<usize> = (0..changes.len())
            .filter(|i| changes[*i].create_before_destroy && changes[*i].after.is_some())
            .collect();
        if queue.is_empty() {
            return (changes, self.held.into_list());
        }
        let mut by_name = Named::with_capacity(changes.len());
        for (i, change) in changes.iter().enumerate() {
            by_name.add(&change.address, &i);
        }
        let mut seen: HashSet<usize> = queue.iter().copied().collect();
        while let Some(i) = queue.pop() {
            changes[i].create_before_destroy = true;
            if changes[i].action == ChangeAction::DeleteThenCreate {
                changes[i].action = ChangeAction::CreateThenDelete;
            }
            for dependency in changes[i].dependencies.clone() {
                for j in by_name.of(&dependency) {
                    if changes[*j].after.is_some() && seen.insert(*j) {
                        queue.push(*j);
                    }
                }
            }
        }
        (changes, self.held.into_list())
    }
}

/// One instance on its way into the plan.
pub(super) struct Instance<'b> {
    pub(super) block: &'b ResourceBlock,
    pub(super) schema: &'b Arc<Schema>,
    pub(super) address: Address,
    pub(super) frame: Frame,
    pub(super) provider: ProviderAddress,
    pub(super) connected: Option<&'b Connected>,
    pub(super) triggered: Option<&'b Triggered>,
}

/// Instances that apply would not make known either.
pub(super) fn never_known(block: &ResourceBlock) -> Diagnostic {
    Diagnostic::error(Code::UnknownInstances, format!(
        "which instances {} has is not known before apply, and will not be in the next plan either",
        block.address
    ))
    .at(
        block.repeat.expr().map_or(block.span, |e| e.span),
        "nothing in this plan makes it known",
    )
    .about(&block.address)
    .help("use keys that are written in the stack file, or that a resource keeps in the state; timestamp(), uuid() and bcrypt() are new in every run")
}

/// The dependencies that the state records, for [`order`](super::order).
pub(crate) fn recorded<'s>(state: &'s State, change: &Change) -> &'s [DependencyRef] {
    let at = change.previous_address.as_ref().unwrap_or(&change.address);
    state
        .resource(at)
        .map_or(&[], |r| r.dependencies.as_slice())
}
