//! One block at a time: its instances, what each becomes, and why.

use super::{Change, ChangeAction, PlanMode, PlanOptions, Reason};
use crate::codec;
use crate::engine::Engine;
use crate::graph::ProgramGraph;
use crate::scope::{Frame, Touched, World};
use crate::sessions::Connected;
use crate::values::{BlockValues, Keying};
use indexmap::IndexMap;
use infra_model::address::{Address, BlockAddress, InstanceKey, Mode, ProviderAddress};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::expr::Expr;
use infra_model::operation::Action;
use infra_model::path::{Path, Step as PathStep};
use infra_model::program::{Condition, IgnoreChanges, Program, Repeat, ResourceBlock};
use infra_model::provider::PlanRequest;
use infra_model::provider_error::ProviderError;
use infra_model::schema::{ConfigError, Schema};
use infra_model::value::{Marks, Str, Value};
use infra_state::{DependencyRef, State};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Where the state's resources are now, by `[[moved]]`. Chains are followed.
pub(crate) fn moves(program: &Program, state: &State) -> HashMap<Address, Address> {
    let mut moves = HashMap::new();
    if program.moved.is_empty() {
        return moves;
    }
    for address in state.resources.keys() {
        let mut at = address.clone();
        for moved in &program.moved {
            if moved.from == at {
                at = moved.to.clone();
            } else if moved.from.key.is_none() && moved.from.block == at.block {
                at = Address {
                    block: moved.to.block.clone(),
                    key: moved.to.key.clone().or(at.key),
                };
            }
        }
        if at != *address && !state.resources.contains_key(&at) {
            moves.insert(address.clone(), at);
        }
    }
    moves
}

/// Problems of a configuration as diagnostics at the places of the attributes.
pub(crate) fn config_errors(
    errors: Vec<ConfigError>,
    config: &Expr,
    about: impl ToString,
) -> Diagnostics {
    let about = about.to_string();
    errors
        .into_iter()
        .map(|e| {
            let message = if e.path.0.is_empty() {
                e.message
            } else {
                format!("`{}`: {}", e.path, e.message)
            };
            Diagnostic::error(message)
                .at(span_of(config, &e.path), "")
                .about(&about)
        })
        .collect()
}

/// Where an attribute is written; the whole configuration when it is not.
pub(crate) fn span_of(config: &Expr, path: &Path) -> Span {
    let mut at = config;
    for step in &path.0 {
        let next = match step {
            PathStep::Attribute(name) | PathStep::Key { key: name } => at.attribute(name),
            PathStep::Index(i) => match &*at.kind {
                infra_model::expr::ExprKind::Tuple(items) => items.get(*i),
                _ => None,
            },
        };
        match next {
            Some(next) => at = next,
            // A table written once stands for a list of one.
            None if matches!(step, PathStep::Index(0)) => {}
            None => break,
        }
    }
    at.span
}

/// The configuration with `ignore_changes` applied: ignored attributes keep what is there.
pub(crate) fn ignore(
    config: Value,
    prior: Option<&Value>,
    ignored: &IgnoreChanges,
    schema: &Schema,
) -> Value {
    let Some(prior) = prior else { return config };
    let settable = |name: &str| {
        schema
            .block
            .attributes
            .get(name)
            .is_none_or(|a| a.required || a.optional)
    };
    let keep = |config: Value, path: &Path| -> Value {
        let (Some(root), Some(old)) = (
            path.root(),
            path.0
                .first()
                .and_then(|_| prior.get(path.root().unwrap_or_default())),
        ) else {
            return config;
        };
        let merged = match (path.0.get(1), config.get(root)) {
            (
                Some(PathStep::Attribute(key) | PathStep::Key { key }),
                Some(Value::Map(t, entries)),
            ) => {
                let mut entries = (**entries).clone();
                match old.get(key) {
                    Some(old) => entries.insert(key.clone(), old.clone()),
                    None => entries.remove(key),
                };
                Value::Map(t.clone(), Arc::new(entries))
            }
            _ => old.clone(),
        };
        config.with_attribute(root, merged)
    };
    match ignored {
        IgnoreChanges::None => config,
        IgnoreChanges::Paths(paths) => paths.iter().fold(config, keep),
        IgnoreChanges::All => {
            let names: Vec<Str> = config
                .entries()
                .map(|e| e.keys().cloned().collect())
                .unwrap_or_default();
            names
                .iter()
                .filter(|n| settable(n))
                .fold(config, |c, n| keep(c, &Path::attribute(n.clone())))
        }
    }
}

/// One instance of a block: its key and what is bound in its expressions.
pub(crate) type Instances = Vec<(Option<InstanceKey>, Frame)>;

/// The instances of a block, or `None` when `for_each` or `count` is not known yet.
pub(crate) fn instances(
    world: &World<'_>,
    block: &ResourceBlock,
) -> Result<(Keying, Option<Instances>, Touched), Diagnostics> {
    let frame = Frame::at(&block.address.scope);
    let Some(expr) = block.repeat.expr() else {
        return Ok((Keying::Single, Some(vec![(None, frame)]), Touched::new()));
    };
    let (value, touched) = world.evaluate(expr, &frame)?;
    let wrong = |message: &str| {
        vec![
            Diagnostic::error(message)
                .at(expr.span, "")
                .about(&block.address),
        ]
    };
    let (bare, marks) = value.unmark();
    if marks.sensitive {
        return Err(wrong(
            "a sensitive value cannot decide which instances exist: their addresses would show it",
        ));
    }
    let keying = match &block.repeat {
        Repeat::Single | Repeat::Enabled(_) => Keying::Single,
        Repeat::Count(_) => Keying::Count,
        Repeat::ForEach(_) => Keying::ForEach,
    };
    if bare.is_unknown() {
        return Ok((keying, None, touched));
    }
    let list = match (&block.repeat, bare) {
        (Repeat::Enabled(_), Value::Bool(on)) => {
            if *on {
                vec![(None, frame)]
            } else {
                Vec::new()
            }
        }
        (Repeat::Enabled(_), _) => return Err(wrong("`enabled` must be true or false")),
        (Repeat::Count(_), _) => {
            let number = infra_model::convert::convert(bare, &infra_model::Type::Number).ok();
            let Some(count) = number
                .as_ref()
                .and_then(Value::as_i64)
                .and_then(|n| u64::try_from(n).ok())
            else {
                return Err(wrong("`count` must be a whole number from 0"));
            };
            (0..count)
                .map(|i| {
                    (
                        Some(InstanceKey::Index(i)),
                        Frame {
                            count: Some(i),
                            ..frame.clone()
                        },
                    )
                })
                .collect()
        }
        (_, Value::Map(..) | Value::Object(_)) => {
            let entries = bare.entries().into_iter().flatten();
            entries
                .map(|(k, v)| {
                    (
                        Some(InstanceKey::Name(k.clone())),
                        Frame {
                            each: Some((Value::String(k.clone()), v.clone())),
                            ..frame.clone()
                        },
                    )
                })
                .collect()
        }
        (_, Value::Set(_, items)) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items.iter() {
                let Value::String(key) = item else {
                    return Err(wrong(
                        "`for_each` takes a map, or a set of strings that are not null",
                    ));
                };
                list.push((
                    Some(InstanceKey::Name(key.clone())),
                    Frame {
                        each: Some((item.clone(), item.clone())),
                        ..frame.clone()
                    },
                ));
            }
            list
        }
        _ => {
            return Err(vec![
                wrong("`for_each` takes a map, or a set of strings")
                    .remove(0)
                    .help("use toset([...]) to make a set of a list"),
            ]);
        }
    };
    Ok((keying, Some(list), touched))
}

/// Everything that planning blocks builds up.
pub(crate) struct Planner<'a> {
    engine: &'a Engine,
    program: &'a Program,
    state: &'a State,
    options: &'a PlanOptions,
    /// What is there, by present address (moves done).
    prior: IndexMap<Address, Value>,
    /// The address in the state, where it differs.
    previous: HashMap<Address, Address>,
    moved_to: HashMap<Address, Address>,
    by_block: HashMap<BlockAddress, Vec<Address>>,
    changes: IndexMap<Address, Change>,
    /// Blocks that stay as they are because which instances they have is not known yet.
    frozen: HashSet<BlockAddress>,
    targeted: Option<HashSet<BlockAddress>>,
    /// What provider configurations depend on.
    providers: HashMap<ProviderAddress, Touched>,
    /// Creations that an interrupted run began, and their ids as far as known.
    begun: HashMap<Address, Option<String>>,
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

    fn left_out(&self, address: &Address) -> bool {
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
        connected: Option<&Connected>,
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
        static_deps.extend(
            self.providers
                .get(&block.provider)
                .into_iter()
                .flatten()
                .cloned(),
        );
        for (key, frame) in list {
            let address = block.address.instance(key);
            let mut touched = static_deps.clone();
            touched.extend(repeat_touched.iter().cloned());
            match self.instance(
                world, graph, block, &schema, &address, &frame, touched, connected,
            ) {
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
            provider: block.provider.clone(),
            action: ChangeAction::NoOp,
            reason: None,
            before: prior.clone(),
            after: prior.clone(),
            replace_paths: Vec::new(),
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
                let (at, key) = dependency.parts();
                let fired = self.changes.values().any(|c| {
                    c.address.block == *at
                        && key.is_none_or(|k| Some(k) == c.address.key.as_ref())
                        && {
                            let attribute = trigger.steps.iter().find_map(|s| match s {
                                infra_model::expr::StaticStep::Attribute(name) => Some(name),
                                _ => None,
                            });
                            match (attribute, &c.before, &c.after) {
                                (Some(name), Some(before), Some(after)) => {
                                    before.get(name) != after.get(name)
                                }
                                _ => {
                                    matches!(c.action, ChangeAction::Update)
                                        || c.action.is_replace()
                                }
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

    /// The instances of a data source that can be read now, with their configuration. Those that cannot are planned to be
    /// read during apply.
    pub(crate) fn data(
        &mut self,
        world: &World<'_>,
        i: usize,
        errors: &mut Diagnostics,
    ) -> Vec<(Address, Value)> {
        let block = &self.program.blocks[i];
        let Some(schema) = self
            .engine
            .schema(&block.provider.name, Mode::Data, &block.address.type_name)
            .cloned()
        else {
            return Vec::new();
        };
        let (keying, list, repeat_touched) = match instances(world, block) {
            Ok(found) => found,
            Err(found) => {
                errors.extend(found);
                return Vec::new();
            }
        };
        let Some(list) = list else {
            world
                .values()
                .declare(block.address.clone(), BlockValues::unknown(keying));
            return Vec::new();
        };
        world
            .values()
            .declare(block.address.clone(), BlockValues::new(keying));
        let explicit: Touched = block
            .depends_on
            .iter()
            .flat_map(|d| world.dependency(d, &block.address.scope))
            .collect();
        let mut now = Vec::new();
        for (key, frame) in list {
            let address = block.address.instance(key);
            let evaluated = world
                .evaluate(&block.config, &frame)
                .map_err(|e| about(e, &address))
                .and_then(|(value, touched)| {
                    Ok((
                        schema
                            .block
                            .coerce(&value)
                            .map_err(|e| config_errors(e, &block.config, &address))?,
                        touched,
                    ))
                });
            let (config, mut touched) = match evaluated {
                Ok(found) => found,
                Err(found) => {
                    errors.extend(found);
                    continue;
                }
            };
            touched.extend(explicit.iter().chain(&repeat_touched).cloned());
            let pending = explicit.iter().any(|d| {
                self.changes
                    .values()
                    .any(|c| d.covers(&c.address) && c.action != ChangeAction::NoOp)
            });
            if config.is_wholly_known() && !pending {
                now.push((address, config));
                continue;
            }
            // What the configuration does not say stays unknown until it is read.
            let after = unknown_where_null(&schema, &config);
            world.values().set(&address, after.clone());
            let change = Change {
                address: address.clone(),
                previous_address: None,
                deposed: None,
                provider: block.provider.clone(),
                action: ChangeAction::Read,
                reason: Some(if pending {
                    Reason::DependencyPending
                } else {
                    Reason::ConfigUnknown
                }),
                before: None,
                after: Some(after),
                replace_paths: Vec::new(),
                importing: None,
                resuming: None,
                create_before_destroy: false,
                dependencies: touched.into_iter().collect(),
                private: None,
                span: Some(block.span),
            };
            self.changes.insert(address, change);
        }
        now
    }

    /// What is in the state and not in the program any more, and what replacements left over.
    pub(crate) fn orphans(&mut self, graph: &ProgramGraph, errors: &mut Diagnostics) {
        if self.options.mode == PlanMode::RefreshOnly {
            return;
        }
        let gone: Vec<Address> = self
            .prior
            .keys()
            .filter(|a| !self.changes.contains_key(*a) && !self.frozen.contains(&a.block))
            .cloned()
            .collect();
        for address in gone {
            if self.left_out(&address) {
                continue;
            }
            let removed = self.program.removed.iter().find(|r| {
                r.from.block == address.block && (r.from.key.is_none() || r.from.key == address.key)
            });
            let block = graph
                .block_at(&address.block)
                .map(|i| &self.program.blocks[i]);
            let reason = match (self.options.mode, removed, block) {
                (PlanMode::Destroy, ..) => Reason::Destroy,
                (_, Some(_), _) => Reason::Removed,
                (_, None, Some(_)) => Reason::NoSuchInstance,
                (_, None, None) => Reason::NotInConfiguration,
            };
            let action = if removed.is_some_and(|r| !r.destroy) {
                ChangeAction::Forget
            } else {
                ChangeAction::Delete
            };
            if let Some(block) = block
                && action == ChangeAction::Delete
                && block
                    .lifecycle
                    .prevent_destroy
                    .as_ref()
                    .and_then(Expr::as_literal)
                    .and_then(Value::as_bool)
                    == Some(true)
            {
                errors.push(refused(block, &address));
                continue;
            }
            self.delete(&address, action, reason, None);
        }
        let deposed: Vec<_> = self
            .state
            .resources
            .iter()
            .flat_map(|(a, r)| r.deposed.keys().map(move |k| (a.clone(), k.clone())))
            .collect();
        for (address, key) in deposed {
            self.delete(&address, ChangeAction::Delete, Reason::Deposed, Some(key));
        }
    }

    fn delete(
        &mut self,
        address: &Address,
        action: ChangeAction,
        reason: Reason,
        deposed: Option<infra_state::DeposedKey>,
    ) {
        let previous = self.previous.get(address).cloned();
        let Some(resource) = self.state.resource(previous.as_ref().unwrap_or(address)) else {
            return;
        };
        let before = match &deposed {
            None => self.prior.get(address).cloned(),
            Some(key) => resource.deposed.get(key).and_then(|d| {
                let provider = self.engine.provider(&d.provider.name)?;
                let schema = self.engine.schema(
                    &d.provider.name,
                    Mode::Managed,
                    &address.block.type_name,
                )?;
                codec::decode(
                    &**provider,
                    schema,
                    d.schema_version,
                    &d.attributes,
                    &d.sensitive_paths,
                )
                .ok()
            }),
        };
        let change = Change {
            address: address.clone(),
            previous_address: previous.clone(),
            deposed: deposed.clone(),
            provider: resource.provider.clone(),
            action,
            reason: Some(reason),
            before,
            after: None,
            replace_paths: Vec::new(),
            importing: None,
            resuming: None,
            create_before_destroy: resource.create_before_destroy,
            dependencies: resource.dependencies.clone(),
            private: resource.private.clone(),
            span: None,
        };
        // A deposed object stands beside the change of its successor: it gets a key of its own in the list.
        let slot = match &deposed {
            None => address.clone(),
            Some(key) => Address {
                block: address.block.clone(),
                key: Some(InstanceKey::Name(format!("deposed {key} {address}").into())),
            },
        };
        self.changes.insert(slot, change);
    }

    /// Everything that happens, create-before-destroy spread to what it depends on.
    pub(crate) fn into_changes(self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.changes.into_values().collect();
        let mut by_block: HashMap<BlockAddress, Vec<usize>> = HashMap::new();
        for (i, change) in changes.iter().enumerate() {
            by_block
                .entry(change.address.block.clone())
                .or_default()
                .push(i);
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
                let (block, key) = dependency.parts();
                for j in by_block.get(block).into_iter().flatten() {
                    if key.is_none_or(|k| Some(k) == changes[*j].address.key.as_ref())
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

/// The blocks that targets name and all that these depend on.
fn targeted_blocks(
    program: &Program,
    state: &State,
    options: &PlanOptions,
) -> HashSet<BlockAddress> {
    let graph = ProgramGraph::new(program);
    let mut edges: HashMap<BlockAddress, Vec<BlockAddress>> = HashMap::new();
    if options.mode == PlanMode::Destroy {
        // Destroying a target takes along what depends on it.
        for (address, resource) in &state.resources {
            for dependency in &resource.dependencies {
                edges
                    .entry(dependency.parts().0.clone())
                    .or_default()
                    .push(address.block.clone());
            }
        }
    } else {
        for (from, to) in graph.block_edges(program) {
            edges.entry(from).or_default().push(to);
        }
    }
    let named = |block: &BlockAddress| {
        let text = block.to_string();
        options.targets.iter().any(|t| {
            t.matches(&block.instance(None))
                || t.0
                    .strip_prefix(text.as_str())
                    .is_some_and(|r| r.starts_with('['))
        })
    };
    let all = program
        .blocks
        .iter()
        .map(|b| &b.address)
        .chain(state.resources.keys().map(|a| &a.block));
    let mut queue: Vec<BlockAddress> = all.filter(|b| named(b)).cloned().collect();
    let mut found: HashSet<BlockAddress> = queue.iter().cloned().collect();
    while let Some(block) = queue.pop() {
        for next in edges.get(&block).into_iter().flatten() {
            if found.insert(next.clone()) {
                queue.push(next.clone());
            }
        }
    }
    found
}

fn unknown_where_null(schema: &Schema, config: &Value) -> Value {
    let Some(entries) = config.entries() else {
        return Value::Unknown(schema.implied_type().clone());
    };
    Value::object(entries.iter().map(|(name, value)| {
        let computed = schema
            .block
            .attributes
            .get(name)
            .is_some_and(|a| a.computed)
            || schema.block.blocks.get(name).is_some_and(|b| b.computed);
        (
            name.clone(),
            if computed && value.is_null() {
                Value::Unknown(value.ty())
            } else {
                value.clone()
            },
        )
    }))
}

/// Checks conditions; an unknown one is left for apply.
pub(crate) fn conditions(
    world: &World<'_>,
    conditions: &[Condition],
    frame: &Frame,
    address: &Address,
    what: &str,
    mut touched: Option<&mut Touched>,
) -> Result<(), Diagnostics> {
    let mut failed = Diagnostics::new();
    for condition in conditions {
        let (value, seen) = world
            .evaluate(&condition.condition, frame)
            .map_err(|e| about(e, address))?;
        if let Some(touched) = touched.as_deref_mut() {
            touched.extend(seen);
        }
        if value.as_bool() == Some(false) {
            let (message, _) = world
                .evaluate(&condition.message, frame)
                .map_err(|e| about(e, address))?;
            let text = if message.deep_marks() == Marks::NONE {
                message.as_str().unwrap_or_default().to_owned()
            } else {
                "(sensitive message)".to_owned()
            };
            failed.push(
                Diagnostic::error(format!("{what} failed: {text}"))
                    .at(condition.condition.span, "")
                    .about(address),
            );
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed)
    }
}

fn prevent_destroy(
    world: &World<'_>,
    block: &ResourceBlock,
    address: &Address,
    frame: &Frame,
) -> Result<(), Diagnostics> {
    let Some(expr) = &block.lifecycle.prevent_destroy else {
        return Ok(());
    };
    let (value, _) = world.evaluate(expr, frame)?;
    if value.as_bool() == Some(true) {
        Err(vec![refused(block, address)])
    } else {
        Ok(())
    }
}

fn refused(block: &ResourceBlock, address: &Address) -> Diagnostic {
    Diagnostic::error(format!(
        "{address} has prevent_destroy, and this plan would destroy it"
    ))
    .at(
        block
            .lifecycle
            .prevent_destroy
            .as_ref()
            .map_or(block.span, |e| e.span),
        "set here",
    )
    .help("take prevent_destroy away first, or change the plan with -target")
    .about(address)
}

fn about(diagnostics: Diagnostics, address: &Address) -> Diagnostics {
    diagnostics
        .into_iter()
        .map(|d| {
            if d.address.is_some() {
                d
            } else {
                d.about(address)
            }
        })
        .collect()
}

fn at_attribute(error: ProviderError, block: &ResourceBlock, address: &Address) -> Diagnostic {
    let path = error.attribute.clone().unwrap_or_default();
    let message = if path.0.is_empty() {
        error.to_string()
    } else {
        format!("`{path}`: {error}")
    };
    Diagnostic::error(message)
        .at(span_of(&block.config, &path), "")
        .about(address)
}

/// The dependencies that the state records, for [`order`](super::order).
pub(crate) fn recorded<'s>(state: &'s State, change: &Change) -> &'s [DependencyRef] {
    let at = change.previous_address.as_ref().unwrap_or(&change.address);
    state
        .resource(at)
        .map_or(&[], |r| r.dependencies.as_slice())
}
