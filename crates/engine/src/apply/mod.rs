//! Apply walks the plan: a step starts when all it needs is done, the most urgent first; a failure stops what depends on it
//! and nothing else. Decisions were made while planning.

mod ephemeral;
mod fits;
mod moves;
mod news;
mod outcome;
mod outputs;
mod quiet;
mod remove;
mod settle;
mod step;

use crate::codec;
use crate::engine::{Engine, Input};
use crate::ephemeral::{Leases, Needs};
use crate::error::EngineError;
use crate::events::{Event, Observer};
use crate::graph::ProgramGraph;
use crate::lock::lock;
use crate::plan::{self, ChangeAction, Plan, PlanMode, StepKind};
use crate::scope::{Frame, World};
use crate::sessions::Sessions;
use crate::values::{BlockValues, Keying, Values};
use futures::stream::{FuturesUnordered, StreamExt};
use infra_model::address::{Address, BlockAddress, InstanceKey, Mode};
use infra_model::defect::Defect;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::evaluate::Phase;
use infra_model::hash::HashMap;
use infra_model::operation::Action;
use infra_model::program::Program;
use infra_model::provider_error::ProviderError;
use infra_model::value::Value;
use infra_state::{DeposedKey, ResourceState, StateChange};
use news::News;
pub(crate) use outcome::{half_made, unharmed};
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// A request to stop: start nothing new, finish what is in flight.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(AtomicBool, Notify)>);

impl Stop {
    /// Not requested yet.
    #[must_use]
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Requests it.
    pub fn request(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
        self.0.1.notify_one();
    }

    /// Whether it was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    async fn requested(&self) {
        while !self.is_requested() {
            self.0.1.notified().await;
        }
    }
}

/// An operation that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which.
    pub address: Address,
    /// What was tried.
    pub action: Action,
    /// Why.
    pub error: ProviderError,
    /// Where it is declared.
    pub span: Option<infra_model::Span>,
}

/// An operation that was not begun.
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Which.
    pub address: Address,
    /// The failed one that it needs; none when the run was stopped.
    pub because: Option<Address>,
}

/// What an apply did.
#[derive(Clone, Debug, Default)]
pub struct ApplyReport {
    /// Created.
    pub added: usize,
    /// Updated.
    pub changed: usize,
    /// Deleted.
    pub destroyed: usize,
    /// Imported.
    pub imported: usize,
    /// Forgotten.
    pub forgotten: usize,
    /// Taken over from another resource.
    pub taken_over: usize,
    /// What failed.
    pub failures: Vec<Failure>,
    /// What was not begun.
    pub skipped: Vec<Skipped>,
    /// The run was stopped.
    pub interrupted: bool,
    /// Failed conditions and outputs.
    pub diagnostics: Diagnostics,
}

impl ApplyReport {
    /// Whether everything was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
            && self.skipped.is_empty()
            && !self.interrupted
            && !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Everything that the steps of one apply share.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) sessions: &'a Sessions,
    pub(crate) input: Input<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) program: &'a Program,
    pub(crate) graph: &'a ProgramGraph,
    pub(crate) world: World<'a>,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) news: Arc<News>,
    /// The frames of a block's instances, made once.
    frames: Mutex<HashMap<BlockAddress, Arc<HashMap<Option<InstanceKey>, Frame>>>>,
    /// Under which key a replacement has deposed the old object.
    deposed: Mutex<HashMap<Address, DeposedKey>>,
    pub(crate) critical: u64,
    /// What is open for the time of the run.
    leases: Leases,
    needs: Needs,
    users: Mutex<ephemeral::Users>,
    /// Whether an ephemeral block is open, behind a gate for those who need it at the same time.
    opened: Mutex<HashMap<usize, Arc<tokio::sync::Mutex<bool>>>>,
}

impl Engine {
    /// Does what a plan says. What happened is in the state, whatever the outcome.
    ///
    /// # Errors
    /// A stale plan, or a state that cannot be written. Failed operations are in the report.
    pub async fn apply(
        &self,
        input: Input<'_>,
        plan: &Plan,
        observer: &dyn Observer,
        stop: &Stop,
    ) -> Result<ApplyReport, EngineError> {
        let state = input.store.state();
        fits::still_fits(plan, &state)?;
        let empty = Program {
            now: plan.created,
            ..Program::default()
        };
        let program = input.program.unwrap_or(&empty);
        let graph = ProgramGraph::new(program);
        let sessions = Sessions::new(self);
        let mut world = World::new(
            program,
            &graph,
            &*self.evaluator,
            starting_values(program, plan),
            Phase::Apply,
            self.clock.now(),
        );
        world.conditions = plan.mode == PlanMode::Normal;
        let (sender, receiver) = mpsc::unbounded_channel();
        let run = Run {
            engine: self,
            sessions: &sessions,
            input,
            plan,
            program,
            graph: &graph,
            world,
            observer,
            news: Arc::new(News::new(sender)),
            frames: Mutex::default(),
            deposed: Mutex::default(),
            critical: plan.steps.iter().map(|s| s.remaining).max().unwrap_or(0),
            leases: Leases::new(self),
            needs: Needs::new(program, &graph),
            users: Mutex::default(),
            opened: Mutex::default(),
        };
        run.count_users();
        let mut report = ApplyReport::default();
        let mut first = Vec::new();
        run.state_only_changes(&mut first);
        input.store.apply_changes(first).await?;
        tokio::select! {
            biased;
            () = run.walk(&mut report, receiver, stop) => {}
            () = run.leases.keep() => {}
        }
        report.diagnostics.extend(run.close_all().await);
        run.outputs(&mut report)?;
        run.conditions()?;
        if plan.mode == PlanMode::Normal && report.failures.is_empty() && !report.interrupted {
            let mut failed = plan::failed_checks(program, &run.world);
            // Those that the plan has shown are not said twice.
            failed.retain(|d| !plan.diagnostics.contains(d));
            report.diagnostics.extend(failed);
        }
        input.store.sync().await?;
        Ok(report)
    }
}

/// The values before the first step: what is there, what was read, and unknown where something will change.
fn starting_values(program: &Program, plan: &Plan) -> Values {
    let mut values = Values::default();
    for block in &program.blocks {
        let keying = Keying::of(&block.repeat);
        let nothing = match block.address.mode {
            // Opened when a step needs it.
            Mode::Ephemeral => BlockValues::unknown(keying),
            Mode::Managed | Mode::Data => BlockValues::new(keying),
        };
        values.declare(block.address.clone(), nothing);
    }
    for read in &plan.reads {
        values.set(&read.address, read.value.clone());
    }
    for change in plan.changes.iter().filter(|c| c.deposed.is_none()) {
        let value = if plan.mode == PlanMode::Destroy {
            change.before.as_ref()
        } else {
            change.after.as_ref()
        };
        if let Some(value) = value {
            values.set(&change.address, value.clone());
        }
    }
    // What is left as it is and not there has no value, and what refers to it none either.
    for held in &plan.held {
        if held.whole {
            let block = &held.address.block;
            let keying = values.block(block).map(BlockValues::keying);
            values.declare(
                block.clone(),
                BlockValues::unknown(keying.unwrap_or_default()),
            );
        } else if held.before.is_none() {
            values.set(&held.address, Value::UNKNOWN);
        }
    }
    values
}

/// How a step ended.
enum End {
    Done,
    Failed(Box<Failure>),
}

impl Run<'_> {
    /// What changes in the state alone before the first step: drift, moves, new dependencies of what stays.
    fn state_only_changes(&self, changes: &mut Vec<StateChange>) {
        let state = self.input.store.state();
        let mut refreshed: HashMap<&Address, Option<ResourceState>> = HashMap::default();
        for found in &self.plan.refreshed {
            let Some(old) = state.resource(&found.address) else {
                continue;
            };
            let new = found
                .value
                .as_ref()
                .and_then(|value| self.with_value(old, &found.address, value));
            changes.push(match &new {
                Some(resource) => StateChange::Put {
                    address: found.address.clone(),
                    resource: resource.clone(),
                    depose: None,
                },
                None => StateChange::Remove {
                    address: found.address.clone(),
                },
            });
            refreshed.insert(&found.address, new);
        }
        let is_gone = |address: &Address| matches!(refreshed.get(address), Some(None));
        for (address, dependencies) in state.handed_on(is_gone) {
            let found = refreshed.get(&address).cloned().flatten();
            let Some(base) = found.or_else(|| state.resource(&address).cloned()) else {
                continue;
            };
            changes.push(StateChange::Put {
                address,
                resource: ResourceState {
                    dependencies,
                    ..base
                },
                depose: None,
            });
        }
        if self.plan.mode == PlanMode::RefreshOnly {
            return;
        }
        moves::record(&self.plan.changes, &state, changes);
        for change in &self.plan.changes {
            if change.action != ChangeAction::NoOp
                || change.untouched
                || Defect::DependenciesNotKept.is_present()
            {
                continue;
            }
            let at = change.previous_address.as_ref().unwrap_or(&change.address);
            let Some(old) = state.resource(at) else {
                continue;
            };
            if old.dependencies != change.dependencies
                || old.create_before_destroy != change.create_before_destroy
            {
                let base = refreshed
                    .get(at)
                    .cloned()
                    .flatten()
                    .unwrap_or_else(|| old.clone());
                let resource = ResourceState {
                    dependencies: change.dependencies.clone(),
                    create_before_destroy: change.create_before_destroy,
                    ..base
                };
                changes.push(StateChange::Put {
                    address: change.address.clone(),
                    resource,
                    depose: None,
                });
            }
        }
    }

    /// Starts steps as they become ready until nothing runs and nothing may start.
    async fn walk(
        &self,
        report: &mut ApplyReport,
        mut receiver: mpsc::UnboundedReceiver<news::Message>,
        stop: &Stop,
    ) {
        let steps = &self.plan.steps;
        let mut dependents: Vec<Vec<u32>> = vec![Vec::new(); steps.len()];
        let mut missing: Vec<u32> = vec![0; steps.len()];
        for (i, step) in steps.iter().enumerate() {
            missing[i] = u32::try_from(step.needs.len()).unwrap_or(u32::MAX);
            for need in &step.needs {
                dependents[*need as usize].push(u32::try_from(i).unwrap_or(u32::MAX));
            }
        }
        // Most urgent first; the plan's order decides between equals.
        let mut ready: BinaryHeap<(u64, std::cmp::Reverse<usize>)> = (0..steps.len())
            .filter(|i| missing[*i] == 0)
            .map(|i| (steps[i].remaining, std::cmp::Reverse(i)))
            .collect();
        let mut begun = vec![false; steps.len()];
        let mut blame: HashMap<usize, Address> = HashMap::default();
        let mut running = FuturesUnordered::new();
        let mut writing = FuturesUnordered::new();
        let clouds = steps
            .iter()
            .filter(|s| {
                matches!(
                    s.kind,
                    StepKind::Create(_)
                        | StepKind::Update(_)
                        | StepKind::Lift(_)
                        | StepKind::Delete(_)
                        | StepKind::Leave(_)
                        | StepKind::Empty(_)
                        | StepKind::Release(_)
                )
            })
            .count();
        self.observer.event(Event::ApplyStarted {
            steps: clouds,
            critical_path: Duration::from_millis(self.critical),
        });
        let limit = self.engine.parallelism.unwrap_or(usize::MAX);
        loop {
            while !stop.is_requested() && running.len() < limit {
                let Some((_, std::cmp::Reverse(i))) = ready.pop() else {
                    break;
                };
                begun[i] = true;
                running.push(async move { (i, self.step(i).await) });
            }
            if running.is_empty() && writing.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some(message) = receiver.recv() => match message {
                    news::Message::Status { address, status } => self.observer.event(Event::Status { address, status }),
                    news::Message::Id { operation, address, id, reply } => {
                        self.observer.event(Event::Identified { address, id: id.clone() });
                        writing.push(async move {
                            let _ = reply.send(self.input.store.early_id(&operation, &id).await.map_err(|e| news::unwritable(&e)));
                        });
                    }
                },
                Some(()) = writing.next(), if !writing.is_empty() => {}
                Some((i, end)) = running.next(), if !running.is_empty() => {
                    match end {
                        End::Done => {
                            self.count(i, report);
                            for next in &dependents[i] {
                                let next = *next as usize;
                                missing[next] -= 1;
                                if missing[next] == 0 && !blame.contains_key(&next) {
                                    ready.push((steps[next].remaining, std::cmp::Reverse(next)));
                                }
                            }
                        }
                        End::Failed(failure) => {
                            let mut queue = vec![i];
                            while let Some(at) = queue.pop() {
                                for next in &dependents[at] {
                                    let next = *next as usize;
                                    if blame.insert(next, failure.address.clone()).is_none() {
                                        queue.push(next);
                                    }
                                }
                            }
                            report.failures.push(*failure);
                        }
                    }
                }
                () = stop.requested(), if !stop.is_requested() => {}
            }
        }
        report.interrupted = stop.is_requested();
        let mut named = infra_model::hash::HashSet::default();
        for (i, step) in steps.iter().enumerate().filter(|(i, _)| !begun[*i]) {
            let Some(change) = step.kind.change().map(|c| &self.plan.changes[c]) else {
                continue;
            };
            if named.insert(&change.address)
                && !report.failures.iter().any(|f| f.address == change.address)
            {
                let because = blame.get(&i).cloned();
                self.observer.event(Event::Skipped {
                    address: change.address.clone(),
                    because: because.clone(),
                });
                report.skipped.push(Skipped {
                    address: change.address.clone(),
                    because,
                });
            }
        }
    }

    fn count(&self, step: usize, report: &mut ApplyReport) {
        match self.plan.steps[step].kind {
            StepKind::Create(i) if self.plan.changes[i as usize].changes_hands() => {
                report.taken_over += 1;
            }
            StepKind::Create(_) => report.added += 1,
            StepKind::Update(_) => report.changed += 1,
            StepKind::Delete(_) => report.destroyed += 1,
            StepKind::Import(_) => report.imported += 1,
            StepKind::Forget(_) => report.forgotten += 1,
            // Lifting a protection, leaving a host, emptying a pool and stopping a resource are parts of the deletion that follows.
            StepKind::Lift(_)
            | StepKind::Leave(_)
            | StepKind::Empty(_)
            | StepKind::Release(_)
            | StepKind::Read(_)
            | StepKind::Record(_)
            | StepKind::Junction(_) => {}
        }
    }

    fn frame(&self, address: &Address) -> Result<Frame, ProviderError> {
        let missing = || {
            ProviderError::new(
                infra_model::ErrorKind::Other,
                format!("{address} is not in the stack file any more"),
            )
        };
        if let Some(frames) = lock(&self.frames).get(&address.block) {
            return frames.get(&address.key).cloned().ok_or_else(missing);
        }
        let block = self
            .graph
            .block_at(&address.block)
            .map(|i| &self.program.blocks[i])
            .ok_or_else(missing)?;
        if block.repeat.expr().is_none() && address.key.is_none() {
            return Ok(Frame::at(&block.address.scope));
        }
        let (_, list, _) = crate::plan::instances(&self.world, block).map_err(settle::in_words)?;
        let frames: Arc<HashMap<_, _>> = Arc::new(list.unwrap_or_default().into_iter().collect());
        lock(&self.frames).insert(address.block.clone(), frames.clone());
        frames.get(&address.key).cloned().ok_or_else(missing)
    }

    /// A value as a resource of the state, other things as they were.
    pub(crate) fn with_value(
        &self,
        old: &ResourceState,
        address: &Address,
        value: &Value,
    ) -> Option<ResourceState> {
        let schema = self.engine.schema(
            &old.provider.name,
            infra_model::Mode::Managed,
            &address.block.type_name,
        )?;
        let (attributes, sensitive_paths) = codec::encode(schema, value);
        Some(ResourceState {
            attributes,
            sensitive_paths,
            schema_version: schema.version,
            ..old.clone()
        })
    }
}
