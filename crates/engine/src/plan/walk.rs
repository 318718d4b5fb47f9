//! The walk over the program: provider configurations, batches of reads and data sources run concurrently; every block is
//! planned as soon as all that it refers to is.

use super::config::unreadable;
use super::imports::Imported;
use super::instance::Planner;
use super::moves::moves;
use super::online::Answered;
use super::target::Selection;
use super::{DataRead, Drift, OutputChange, Plan, PlanMode, PlanOptions, Refreshed};
use super::{outside, preflight};
use crate::codec;
use crate::configure;
use crate::engine::{Engine, Input};
use crate::ephemeral::Leases;
use crate::error::EngineError;
use crate::events::{Event, Observer};
use crate::graph::{ProgramGraph, ProgramNode};
use crate::refresh::{self, Batch, Found};
use crate::scope::World;
use crate::sessions::{Connected, Sessions};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use indexmap::IndexMap;
use infra_model::address::{Address, Mode};
use infra_model::codes::Code;
use infra_model::defect::Defect;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use infra_model::hash::{self, HashMap, HashSet};
use infra_model::program::{Program, ProviderBlock};
use infra_model::provider::NoEvents;
use infra_model::provider_error::ProviderError;
use infra_model::value::{Str, Value};
use infra_model::versions;
use infra_state::State;
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a background task brings back.
pub(super) enum Done {
    Connected(usize, Result<Connected, ProviderError>),
    Batch(usize, Result<Vec<Found>, ProviderError>),
    Data(Address, Box<Result<Value, ProviderError>>),
    /// What asking adds to the plan of a block.
    Refined(usize, Vec<Answered>),
    /// An ephemeral resource.
    Opened(Address, Box<Result<Value, ProviderError>>),
    /// The imports of a block.
    Imported(usize, Vec<Imported>),
}

/// Plans: reads the clouds, evaluates the program block by block, compares, and orders what is to be done.
pub(crate) async fn run(
    engine: &Engine,
    sessions: &Sessions,
    input: Input<'_>,
    options: &PlanOptions,
    observer: &dyn Observer,
) -> Result<Plan, EngineError> {
    let empty = Program {
        now: engine.clock.now(),
        ..Program::default()
    };
    let program = input.program.unwrap_or(&empty);
    engine.check_protection(input, options)?;
    let state = input.store.state();
    let graph = ProgramGraph::new(program);
    if let Some(cycle) = graph.cycle(program) {
        return Err(cycle.into());
    }
    let leases = Leases::new(engine);
    let mut walk = Walk::new(
        engine, sessions, program, &graph, &state, options, observer, &leases,
    )
    // What cannot be decrypted looks damaged.
    .map_err(|error| input.store.lacks_key().map_or(error, EngineError::State))?;
    walk.go().await;
    for (address, error) in leases.end().await {
        walk.cannot(&address, &error);
    }
    let refers = walk.refers();
    let mut plan = walk.finish()?;
    preflight::check(engine, sessions, program, &state, &refers, &mut plan).await?;
    outside::check(engine, sessions, program, &state, options, &mut plan).await?;
    Ok(plan)
}

pub(super) struct Walk<'a> {
    pub(super) engine: &'a Engine,
    pub(super) sessions: &'a Sessions,
    pub(super) program: &'a Program,
    pub(super) graph: &'a ProgramGraph,
    pub(super) state: &'a State,
    pub(super) options: &'a PlanOptions,
    pub(super) observer: &'a dyn Observer,
    /// What is open while planning.
    pub(super) leases: &'a Leases,
    pub(super) world: World<'a>,
    pub(super) planner: Planner<'a>,
    pub(super) batches: Vec<Batch>,
    /// Batches that a block waits for, by block index.
    pub(super) waits: HashMap<usize, Vec<usize>>,
    pub(super) open_batches: HashSet<usize>,
    pub(super) drift: Vec<Drift>,
    pub(super) refreshed: Vec<Refreshed>,
    pub(super) reads: Vec<DataRead>,
    pub(super) outputs: IndexMap<Str, OutputChange>,
    pub(super) errors: Diagnostics,
    pub(super) warnings: Diagnostics,
    /// Instances of data sources still being read, by block.
    pub(super) reading: HashMap<usize, usize>,
    /// Imports that were not read yet, by the block that they fill.
    pub(super) imports: HashMap<usize, Vec<usize>>,
}

impl<'a> Walk<'a> {
    #[expect(clippy::too_many_arguments, reason = "what one plan is made from")]
    fn new(
        engine: &'a Engine,
        sessions: &'a Sessions,
        program: &'a Program,
        graph: &'a ProgramGraph,
        state: &'a State,
        options: &'a PlanOptions,
        observer: &'a dyn Observer,
        leases: &'a Leases,
    ) -> Result<Walk<'a>, EngineError> {
        let mut imports: HashMap<usize, Vec<usize>> = HashMap::default();
        if options.mode == PlanMode::Normal {
            for (i, import) in program.imports.iter().enumerate() {
                if let Some(block) = graph.block_at(&import.to.block) {
                    imports.entry(block).or_default().push(i);
                }
            }
        }
        let selection = Selection::new(program, graph, state, options)?;
        let moves = moves(program, graph, state)?;
        let mut prior: hash::IndexMap<Address, Value> =
            hash::IndexMap::with_capacity_and_hasher(state.resources.len(), Default::default());
        let mut errors = Diagnostics::new();
        for (address, resource) in &state.resources {
            if !resource.has_current() || address.block.mode == Mode::Data {
                continue;
            }
            let (Some(provider), Some(schema)) = (
                engine.provider(&resource.provider.name),
                engine.schema(
                    &resource.provider.name,
                    Mode::Managed,
                    &address.block.type_name,
                ),
            ) else {
                errors.push(
                    Diagnostic::error(
                        Code::UnmanageableType,
                        format!(
                            "this build of infra does not know the type {}",
                            address.block.type_name
                        ),
                    )
                    .about(address),
                );
                continue;
            };
            match codec::decode_resource(&**provider, schema, resource) {
                Ok(value) => {
                    prior.insert(address.clone(), value);
                }
                Err(error) => errors
                    .push(Diagnostic::error(Code::StateDamaged, error.to_string()).about(address)),
            }
        }
        if !errors.is_empty() {
            return Err(errors.into());
        }
        let batches = if options.refresh {
            refresh::batches(engine, state, &prior)
        } else {
            Vec::new()
        };
        let mut waits: HashMap<usize, Vec<usize>> = HashMap::default();
        for (i, batch) in batches.iter().enumerate() {
            for (address, _) in &batch.items {
                let now_at = moves.to.get(address).unwrap_or(address);
                if let Some(block) = graph.block_at(&now_at.block) {
                    let list = waits.entry(block).or_default();
                    if list.last() != Some(&i) {
                        list.push(i);
                    }
                }
            }
        }
        observer.event(Event::RefreshStarted {
            resources: batches.iter().map(|b| b.items.len()).sum(),
        });
        let mut world = World::planning(engine, program, graph);
        world.conditions = options.mode == PlanMode::Normal;
        Ok(Walk {
            warnings: moves.warnings.clone(),
            planner: Planner::new(engine, program, state, options, selection, prior, moves),
            open_batches: (0..batches.len()).collect(),
            engine,
            sessions,
            program,
            graph,
            state,
            options,
            observer,
            leases,
            world,
            batches,
            waits,
            drift: Vec::new(),
            refreshed: Vec::new(),
            reads: Vec::new(),
            outputs: IndexMap::new(),
            errors: Diagnostics::new(),
            reading: HashMap::default(),
            imports,
        })
    }

    async fn go(&mut self) {
        let mut running: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
        let nodes = &self.graph.graph;
        let mut missing: Vec<usize> = nodes
            .node_indices()
            .map(|n| nodes.neighbors_directed(n, Direction::Incoming).count())
            .collect();
        let mut ready: VecDeque<_> = nodes
            .node_indices()
            .filter(|n| missing[n.index()] == 0)
            .collect();
        let mut parked: Vec<petgraph::graph::NodeIndex> = Vec::new();
        // Batches whose provider the program does not configure are read with what the state recorded.
        let sessions = self.sessions;
        let leases = self.leases;
        let keeping = leases.keep();
        tokio::pin!(keeping);
        for i in 0..self.batches.len() {
            if self.graph.provider(&self.batches[i].provider).is_none() {
                running.push(Self::read_batch(sessions, i, self.batches[i].clone(), None));
            }
        }
        loop {
            while let Some(node) = ready.pop_front() {
                let mut complete = true;
                match &nodes[node] {
                    ProgramNode::Provider(i) => match self.provider_config(*i) {
                        Some(config) => {
                            let address = self.program.providers[*i].address.clone();
                            let i = *i;
                            running.push(Box::pin(async move {
                                Done::Connected(i, sessions.connect(&address, &config).await)
                            }));
                            complete = false;
                        }
                        // Not known until apply: what it manages is planned without asking.
                        None => self.release_batches_of(*i),
                    },
                    ProgramNode::Block(i) => {
                        let blocked = self
                            .waits
                            .get(i)
                            .is_some_and(|b| b.iter().any(|b| self.open_batches.contains(b)));
                        if blocked {
                            parked.push(node);
                            complete = false;
                        } else if self.program.blocks[*i].address.mode != Mode::Managed {
                            let reads = match self.program.blocks[*i].address.mode {
                                Mode::Ephemeral => self.open_ephemeral(*i),
                                _ => self.plan_data(*i),
                            };
                            self.reading.insert(*i, reads.len());
                            complete = reads.is_empty();
                            reads.into_iter().for_each(|read| running.push(read));
                        } else if let Some(imports) = self.start_imports(*i) {
                            running.push(imports);
                            complete = false;
                        } else if let Some(asked) = self.plan_block(*i) {
                            running.push(asked);
                            complete = false;
                        }
                    }
                    ProgramNode::Output(i) => self.plan_output(*i),
                    ProgramNode::ModuleVariable(i, j) => self.module_variable(*i, *j),
                    ProgramNode::ComponentOutput(i, name) => self.module_output(*i, name),
                    ProgramNode::Local(_)
                    | ProgramNode::ModuleLocal(..)
                    | ProgramNode::Gate(_)
                    | ProgramNode::Whole(_) => {}
                }
                if complete {
                    release(nodes, node, &mut missing, &mut ready);
                }
            }
            let done = tokio::select! {
                biased;
                done = running.next() => done,
                () = &mut keeping => None,
            };
            let Some(done) = done else {
                break;
            };
            match done {
                Done::Connected(i, result) => {
                    let address = &self.program.providers[i].address;
                    match result {
                        Ok(connected) => {
                            for b in 0..self.batches.len() {
                                if self.batches[b].provider == *address {
                                    running.push(Self::read_batch(
                                        sessions,
                                        b,
                                        self.batches[b].clone(),
                                        Some(connected.clone()),
                                    ));
                                }
                            }
                        }
                        Err(error) => {
                            let span = self.program.providers[i].span;
                            let diagnostic = Diagnostic::error(
                                Code::of_provider(error.kind),
                                format!("provider {address} cannot be used: {error}"),
                            )
                            .about(address)
                            .help(error.kind.remedy());
                            self.errors.push(if span == Default::default() {
                                diagnostic
                            } else {
                                diagnostic.at(span, "")
                            });
                            self.release_batches_of(i);
                        }
                    }
                    if let Some(node) = self.graph.index(&ProgramNode::Provider(i)) {
                        release(nodes, node, &mut missing, &mut ready);
                    }
                    ready.extend(parked.drain(..));
                }
                Done::Batch(i, found) => {
                    self.open_batches.remove(&i);
                    self.take_batch(i, found);
                    ready.extend(parked.drain(..));
                }
                Done::Imported(i, imported) => {
                    self.take_imports(imported);
                    ready.extend(self.graph.index(&ProgramNode::Block(i)));
                }
                Done::Refined(i, answers) => {
                    self.take_refined(i, answers);
                    if let Some(node) = self.graph.index(&ProgramNode::Block(i)) {
                        release(nodes, node, &mut missing, &mut ready);
                    }
                }
                Done::Data(address, result) => {
                    self.take_data(&address, *result);
                    if let Some(node) = self.one_less(&address) {
                        release(nodes, node, &mut missing, &mut ready);
                    }
                }
                Done::Opened(address, result) => {
                    self.take_opened(&address, *result);
                    if let Some(node) = self.one_less(&address) {
                        release(nodes, node, &mut missing, &mut ready);
                    }
                }
            }
        }
    }

    /// One instance of a block has been read or opened; the block, if it was the last.
    fn one_less(&mut self, address: &Address) -> Option<NodeIndex> {
        let block = self.graph.block_at(&address.block)?;
        let left = self.reading.entry(block).or_insert(1);
        *left -= 1;
        (*left == 0).then(|| self.graph.index(&ProgramNode::Block(block)))?
    }

    fn read_batch(
        sessions: &'a Sessions,
        index: usize,
        batch: Batch,
        connected: Option<Connected>,
    ) -> BoxFuture<'a, Done> {
        Box::pin(async move {
            let connected = match connected {
                Some(connected) if *connected.resolved == *batch.recorded => Ok(connected),
                // The stack file's configuration has changed: what exists is where the state says.
                _ => sessions.reconnect(&batch.provider, &batch.recorded).await,
            };
            match connected {
                Ok(connected) => {
                    Done::Batch(index, Ok(refresh::read(sessions, &connected, &batch).await))
                }
                Err(error) => Done::Batch(index, Err(error)),
            }
        })
    }

    fn release_batches_of(&mut self, provider: usize) {
        let address = &self.program.providers[provider].address;
        self.open_batches
            .retain(|b| self.batches[*b].provider != *address);
    }

    fn provider_config(&mut self, i: usize) -> Option<Value> {
        let block = &self.program.providers[i];
        match configure::configuration(self.engine, &self.world, block) {
            Ok(configuration) => {
                self.planner
                    .provider_needs(&block.address, configuration.touched);
                configuration.value
            }
            // What it needs may have gone before, with all that it was for.
            Err(_) if self.options.mode == PlanMode::Destroy && !self.has_any_of(block) => None,
            Err(errors) => {
                self.errors.extend(errors);
                None
            }
        }
    }

    /// Whether anything of a provider configuration is left.
    fn has_any_of(&self, block: &ProviderBlock) -> bool {
        let mut left = self.state.resources.values();
        left.any(|resource| resource.provider == block.address)
    }

    /// What was found is not what was known. A version that the cloud has moved by itself is taken over without a word.
    fn drifted(&mut self, address: &Address, before: Value, after: Option<&Value>) {
        let schema = self.state.resource(address).and_then(|resource| {
            let type_name = &address.block.type_name;
            let provider = &resource.provider.name;
            self.engine.schema(provider, Mode::Managed, type_name)
        });
        let after = match (schema, after) {
            (Some(schema), Some(after)) => Some(versions::as_before(&schema.block, &before, after)),
            (_, after) => after.cloned(),
        };
        if after
            .as_ref()
            .is_none_or(|after| !codec::same(&before, after))
        {
            self.drift.push(Drift {
                address: address.clone(),
                before,
                after,
            });
        }
    }

    fn take_batch(&mut self, i: usize, found: Result<Vec<Found>, ProviderError>) {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let batch = &self.batches[i];
                self.errors
                    .push(unreadable(&batch.type_name, &error).about(&batch.provider));
                return;
            }
        };
        self.observer.event(Event::Refreshed {
            resources: found.len(),
        });
        let mut taken = Vec::new();
        for (address, answer) in found {
            match answer {
                Ok(value) => {
                    let Some(before) = self.planner.prior(&address).cloned() else {
                        continue;
                    };
                    if value
                        .as_ref()
                        .is_none_or(|after| !codec::same(&before, after))
                    {
                        self.drifted(&address, before, value.as_ref());
                        self.refreshed.push(Refreshed {
                            address: address.clone(),
                            value: value.clone(),
                        });
                    }
                    if !Defect::DriftIgnored.is_present() {
                        taken.push((address, value));
                    }
                }
                Err(error) => {
                    let help =
                        "it is left as it is; run again once it can be read, or use -refresh=false";
                    self.errors
                        .push(unreadable(&address, &error).about(&address).help(help));
                }
            }
        }
        self.planner.refreshed(taken);
    }

    /// Plans a managed block, and asks the cloud about it where its type plans online.
    fn plan_block(&mut self, i: usize) -> Option<BoxFuture<'a, Done>> {
        let mut errors = Diagnostics::new();
        let before = self.planner.changes.len();
        if self.options.mode == PlanMode::Normal {
            self.planner
                .block(&self.world, i, self.sessions, &mut errors);
        } else {
            self.planner.values_from_prior(&self.world, i);
        }
        self.errors.append(&mut errors);
        self.ask_online(i, before)
    }

    /// Plans a data source: what can be read now is read now, the rest during apply.
    fn plan_data(&mut self, i: usize) -> Vec<BoxFuture<'a, Done>> {
        if self.options.mode == PlanMode::Destroy {
            return Vec::new();
        }
        let block = &self.program.blocks[i];
        let mut errors = Diagnostics::new();
        let instances = self
            .planner
            .data(&self.world, i, self.sessions, &mut errors);
        self.errors.append(&mut errors);
        let mut reads: Vec<BoxFuture<'a, Done>> = Vec::new();
        for (address, provider, config) in instances {
            let Some(connected) = self.sessions.get(&provider) else {
                continue;
            };
            self.observer.event(Event::DataRead {
                address: address.clone(),
            });
            let (session, type_name) = (connected.session.clone(), block.address.type_name.clone());
            let events = Arc::new(NoEvents);
            let context = (self.sessions).context(&block.provider.name, &*session, events);
            reads.push(Box::pin(async move {
                let result = session.read_data(&context, &type_name, &config).await;
                Done::Data(
                    address,
                    Box::new(result.map(|value| codec::carry_marks(&config, value))),
                )
            }));
        }
        reads
    }

    fn take_data(&mut self, address: &Address, result: Result<Value, ProviderError>) {
        match result {
            Ok(value) => {
                self.world.values().set(address, value.clone());
                if let Err(failed) = self.postconditions(address, &value) {
                    self.errors.extend(failed);
                }
                self.reads.push(DataRead {
                    address: address.clone(),
                    value,
                });
            }
            Err(error) => {
                let block = self.graph.block_at(&address.block);
                let block = block.map(|i| &self.program.blocks[i]);
                // A check that cannot look is a check that fails.
                let check = block.is_some_and(|b| b.check.is_some());
                let mut diagnostic = unreadable(address, &error).about(address);
                if check {
                    diagnostic.severity = Severity::Warning;
                }
                if let Some(block) = block {
                    diagnostic = diagnostic.at(block.span, "");
                }
                if check {
                    self.warnings.push(diagnostic);
                } else {
                    self.errors.push(diagnostic);
                }
                self.world.values().set(address, Value::UNKNOWN);
            }
        }
    }
}

fn release(
    nodes: &petgraph::graph::DiGraph<ProgramNode, ()>,
    node: petgraph::graph::NodeIndex,
    missing: &mut [usize],
    ready: &mut VecDeque<petgraph::graph::NodeIndex>,
) {
    // petgraph gives the newest edge first: plans read in the order of the program.
    let mut free: Vec<petgraph::graph::NodeIndex> = Vec::new();
    for next in nodes.neighbors_directed(node, Direction::Outgoing) {
        missing[next.index()] -= 1;
        if missing[next.index()] == 0 {
            free.push(next);
        }
    }
    free.sort_unstable();
    ready.extend(free);
}
