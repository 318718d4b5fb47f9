//! One block at a time: what each of its instances becomes, and why.

use super::config::{about, at_attribute, conditions, config_errors, ignore, prevent_destroy};
use super::order::meanings;
use super::repeat::instances;
use super::target::targeted_blocks;
use super::{Change, ChangeAction, PlanOptions, Reason};
use crate::codec;
use crate::engine::Engine;
use crate::graph::ProgramGraph;
use crate::scope::{Frame, Touched, World};
use crate::sessions::{Connected, Sessions};
use crate::values::{BlockValues, Keying};
use indexmap::IndexMap;
use infra_model::address::{Address, BlockAddress, Mode, ProviderAddress};
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::operation::Action;
use infra_model::path::Path;
use infra_model::program::{Program, Repeat, ResourceBlock};
use infra_model::provider::PlanRequest;
use infra_model::schema::Schema;
use infra_model::value::Value;
use infra_state::{DependencyRef, State};
use std::collections::{HashMap, HashSet};
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
    /// Blocks that stay as they are because which instances they have is not known yet.
    pub(super) frozen: HashSet<BlockAddress>,
    pub(super) targeted: Option<HashSet<BlockAddress>>,
    /// What provider configurations depend on.
    pub(super) providers: HashMap<ProviderAddress, Touched>,
    /// Creations that an interrupted run began, and their ids as far as known.
    pub(super) begun: HashMap<Address, Option<String>>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        program: &'a Program,
        state: &'a State,
        options: &'a PlanOptions,
        prior: IndexMap<Address, Value>,
        moves: HashMap<Address, Address>,
    ) -> Planner<'a> {
        let previous = moves
            .iter()
            .map(|(from, to)| (to.clone(), from.clone()))
            .collect();
        let prior: IndexMap<Address, Value> = prior
            .into_iter()
            .map(|(a, v)| (moves.get(&a).cloned().unwrap_or(a), v))
            .collect();
        let mut by_block: HashMap<BlockAddress, Vec<Address>> = HashMap::new();
        for address in prior.keys() {
            by_block
                .entry(address.block.clone())
                .or_default()
                .push(address.clone());
        }
        let targeted =
            (!options.targets.is_empty()).then(|| targeted_blocks(program, state, options));
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
            changes: IndexMap::new(),
            frozen: HashSet::new(),
            targeted,
            providers: HashMap::new(),
            begun,
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

    /// Takes what a refresh found, by the address in the state.
    pub(crate) fn refreshed(&mut self, in_state: &Address, value: Option<Value>) {
        let address = self.moved_to.get(in_state).unwrap_or(in_state).clone();
        match value {
            Some(value) => {
                self.prior.insert(address, value);
            }
            None => {
                self.prior.shift_remove(&address);
                if let Some(list) = self.by_block.get_mut(&address.block) {
                    list.retain(|a| *a != address);
                }
            }
        }
    }

    /// Whether `-target` leaves this in: it is named, or something named depends on it.
    pub(crate) fn targeted(&self, address: &Address) -> bool {
        self.targeted.as_ref().is_none_or(|blocks| {
            blocks.contains(&address.block)
                && (!self
                    .options
                    .targets
                    .iter()
                    .any(|t| t.0.starts_with(&address.block.to_string()))
                    || self.options.targets.iter().any(|t| t.matches(address))
                    || !self
                        .options
                        .targets
                        .iter()
                        .any(|t| t.0.starts_with(&format!("{}[", address.block))))
        })
    }

    pub(super) fn left_out(&self, address: &Address) -> bool {
        !self.targeted(address) || self.options.excludes.iter().any(|t| t.matches(address))
    }

    /// Destroying or only refreshing: what is there is all that counts.
    pub(crate) fn values_from_prior(&mut self, world: &World<'_>, i: usize) {
        let block = &self.program.blocks[i];
        let keying = match &block.repeat {
            Repeat::Single | Repeat::Enabled(_) => Keying::Single,
            Repeat::Count(_) => Keying::Count,
            Repeat::ForEach(_) => Keying::ForEach,
        };
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
        graph: &ProgramGraph,
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
                Diagnostic::error(format!(
                    "there is no resource type {}",
                    block.address.type_name
                ))
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
        let Some(list) = list else {
            // Existing instances stay untouched until it is known which there should be.
            self.frozen.insert(block.address.clone());
            errors.push(
                Diagnostic::error(format!("which instances {} has depends on values that are known only after apply", block.address))
                    .at(block.repeat.expr().map_or(block.span, |e| e.span), "not known while planning")
                    .help("use keys that are written in the stack file, or apply what it depends on first with -target"),
            );
            world
                .values()
                .declare(block.address.clone(), BlockValues::unknown(keying));
            return;
        };
        world
            .values()
            .declare(block.address.clone(), BlockValues::new(keying));
        let mut static_deps: Touched = block
            .depends_on
            .iter()
            .flat_map(|d| world.dependency(d, &block.address.scope))
            .collect();
        static_deps.extend(repeat_touched);
        static_deps.extend(world.gate(&block.address.scope).iter().cloned());
        // Most blocks have one configuration for all instances.
        let mut connected: Option<(ProviderAddress, Option<Connected>)> = None;
        for (key, frame) in list {
            let address = block.address.instance(key);
            let planned = world.provider_of(block, &frame).and_then(|provider| {
                if connected.as_ref().is_none_or(|(at, _)| *at != provider) {
                    connected = Some((provider.clone(), sessions.get(&provider)));
                }
                let own = connected.as_ref().and_then(|(_, own)| own.as_ref());
                let mut touched = static_deps.clone();
                touched.extend(self.providers.get(&provider).into_iter().flatten().cloned());
                self.instance(
                    world, graph, block, &schema, &address, &frame, touched, provider, own,
                )
            });
            match planned {
                Ok(change) => {
                    let after = change.after.clone().unwrap_or(Value::NULL);
                    world.values().set(&address, after);
                    self.changes.insert(address, change);
                }
                Err(found) => {
                    errors.extend(found);
                    world
                        .values()
                        .set(&address, Value::Unknown(schema.implied_type().clone()));
                }
            }
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only rename them"
    )]
    fn instance(
        &mut self,
        world: &World<'_>,
        graph: &ProgramGraph,
        block: &ResourceBlock,
        schema: &Arc<Schema>,
        address: &Address,
        frame: &Frame,
        mut touched: Touched,
        configuration: ProviderAddress,
        connected: Option<&Connected>,
    ) -> Result<Change, Diagnostics> {
        let provider = self
            .engine
            .provider(&block.provider.name)
            .ok_or_else(Diagnostics::new)?
            .clone();
        let previous = self.previous.get(address).cloned();
        let in_state = self.state.resource(previous.as_ref().unwrap_or(address));
        let prior = self.prior.get(address).cloned();
        let mut change = Change {
            address: address.clone(),
            previous_address: previous,
            deposed: None,
            provider: configuration,
            action: ChangeAction::NoOp,
            reason: None,
            before: prior.clone(),
            after: prior.clone(),
            replace_paths: Vec::new(),
            lifts: Vec::new(),
            importing: None,
            resuming: None,
            create_before_destroy: block.lifecycle.create_before_destroy,
            dependencies: Vec::new(),
            private: in_state.and_then(|r| r.private.clone()),
            span: Some(block.span),
        };
        if self.left_out(address) {
            change.dependencies = in_state.map(|r| r.dependencies.clone()).unwrap_or_default();
            if change.after.is_none() {
                change.after = Some(Value::Unknown(schema.implied_type().clone()));
            }
            return Ok(change);
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
        let mut planned = provider
            .plan(&request)
            .map_err(|e| vec![at_attribute(e, block, address)])?;
        planned.value = codec::carry_marks(&config, planned.value);
        change.dependencies = touched
            .iter()
            .filter(|d| d.parts().0 != &address.block)
            .cloned()
            .collect();
        let forced = self.forced_reason(world, block, address, in_state.is_some_and(|r| r.tainted));
        match &prior {
            None => {
                change.action = ChangeAction::Create;
                change.resuming = self.begun.get(address).cloned();
            }
            Some(_) if forced.is_some() || !planned.replace.is_empty() => {
                change.reason = forced
                    .or_else(|| Some(self.why_replaced(world, graph, block, &planned.replace)));
                if planned.replace.is_empty() {
                    let anew = PlanRequest {
                        prior: None,
                        ..request
                    };
                    planned = provider
                        .plan(&anew)
                        .map_err(|e| vec![at_attribute(e, block, address)])?;
                    planned.value = codec::carry_marks(&config, planned.value);
                }
                change.action = if block.lifecycle.create_before_destroy {
                    ChangeAction::CreateThenDelete
                } else {
                    ChangeAction::DeleteThenCreate
                };
                prevent_destroy(world, block, address, frame)?;
            }
            Some(prior) if codec::same(prior, &planned.value) => change.action = ChangeAction::NoOp,
            Some(_) => change.action = ChangeAction::Update,
        }
        change.after = Some(planned.value);
        change.replace_paths = planned.replace;
        change.private = planned.private;
        Ok(change)
    }

    fn forced_reason(
        &self,
        world: &World<'_>,
        block: &ResourceBlock,
        address: &Address,
        tainted: bool,
    ) -> Option<Reason> {
        if self.options.replace.contains(address) {
            return Some(Reason::Requested);
        }
        if tainted {
            return Some(Reason::Tainted);
        }
        for trigger in &block.lifecycle.replace_triggered_by {
            for dependency in world.dependency(trigger, &block.address.scope) {
                let fired = self.changes.values().any(|c| {
                    dependency.covers(&c.address) && {
                        let attribute = trigger.steps.iter().find_map(|s| match s {
                            infra_model::expr::StaticStep::Attribute(name) => Some(name),
                            _ => None,
                        });
                        match (attribute, &c.before, &c.after) {
                            (Some(name), Some(before), Some(after)) => {
                                before.get(name) != after.get(name)
                            }
                            _ => matches!(c.action, ChangeAction::Update) || c.action.is_replace(),
                        }
                    }
                });
                if fired {
                    return Some(Reason::TriggeredBy(dependency.to_string()));
                }
            }
        }
        None
    }

    /// The place of the attribute that forces the replacement, and the replaced resource that it comes from, if one does.
    fn why_replaced(
        &self,
        world: &World<'_>,
        graph: &ProgramGraph,
        block: &ResourceBlock,
        paths: &[Path],
    ) -> Reason {
        let expr = paths
            .iter()
            .find_map(|p| p.root().and_then(|root| block.config.attribute(root)));
        let mut because = None;
        if let Some(expr) = expr {
            expr.references(&mut |root, _, _| {
                if let infra_model::expr::Root::Resource {
                    at,
                    mode,
                    type_name,
                    name,
                } = root
                    && let Some(i) = graph.block(*at, *mode, type_name, name, &block.address.scope)
                {
                    let source = &self.program.blocks[i].address;
                    if let Some(change) = self
                        .changes
                        .values()
                        .find(|c| c.address.block == *source && c.action.is_replace())
                    {
                        because = Some(change.address.clone());
                    }
                }
            });
        }
        Reason::CannotUpdate {
            place: world
                .program
                .sources
                .place(expr.map_or(block.span, |e| e.span)),
            because,
        }
    }

    /// Everything that happens, create-before-destroy spread to what it depends on.
    pub(crate) fn into_changes(self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.changes.into_values().collect();
        let mut by_block: HashMap<BlockAddress, Vec<usize>> = HashMap::new();
        for (i, change) in changes.iter().enumerate() {
            for means in meanings(&change.address.block) {
                by_block.entry(means).or_default().push(i);
            }
        }
        let mut queue: Vec<usize> = (0..changes.len())
            .filter(|i| changes[*i].create_before_destroy && changes[*i].after.is_some())
            .collect();
        let mut seen: HashSet<usize> = queue.iter().copied().collect();
        while let Some(i) = queue.pop() {
            changes[i].create_before_destroy = true;
            if changes[i].action == ChangeAction::DeleteThenCreate {
                changes[i].action = ChangeAction::CreateThenDelete;
            }
            for dependency in changes[i].dependencies.clone() {
                for j in by_block.get(dependency.parts().0).into_iter().flatten() {
                    if dependency.covers(&changes[*j].address)
                        && changes[*j].after.is_some()
                        && seen.insert(*j)
                    {
                        queue.push(*j);
                    }
                }
            }
        }
        changes
    }
}

/// The dependencies that the state records, for [`order`](super::order).
pub(crate) fn recorded<'s>(state: &'s State, change: &Change) -> &'s [DependencyRef] {
    let at = change.previous_address.as_ref().unwrap_or(&change.address);
    state
        .resource(at)
        .map_or(&[], |r| r.dependencies.as_slice())
}
