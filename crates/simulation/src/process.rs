//! One command as the binary runs it: open the state, take up what was left, plan, apply, close. It may die at any point.

use crate::clock::{self, Ended, SimClock};
use crate::cloud::{Cloud, SimProvider};
use crate::disk::SimDisk;
use crate::fate::{Death, Fate};
use crate::log::Log;
use crate::program::{load_text, words};
use infra_engine::{
    ApplyReport, Engine, EngineError, Event, Input, Observer, Plan, PlanMode, PlanOptions,
    SavedPlan, Stop,
};
use infra_lang::Evaluator;
use infra_lang::files::MemoryFiles;
use infra_model::diagnostic::Diagnostic;
use infra_model::program::Program;
use infra_model::time::Clock;
use infra_model::{Address, Random};
use infra_state::memory::CountingRandom;
use infra_state::{Key, Keyring, OpenOptions, Owner, State, StateError, Storage, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `infra plan`
    Plan,
    /// `infra apply`; with a saved plan between planning and applying.
    Apply {
        /// Through a plan file.
        saved: bool,
    },
    /// `infra destroy`
    Destroy,
    /// `infra apply -refresh-only`
    RefreshOnly,
    /// `infra import ADDRESS ID`
    Import(String, String),
}

/// What came of a command that was not ended by its fate.
#[derive(Debug, Default)]
pub struct Done {
    /// Why it could not go on.
    pub error: Option<String>,
    /// Whether the plan would do anything; none when there was no plan.
    pub changes: Option<bool>,
    /// What the plan would do, in words.
    pub planned: Vec<String>,
    /// What apply reported.
    pub report: Option<ApplyReport>,
    /// Deletions that recovery asked for.
    pub deletions_of_recovery: u64,
}

/// The machine on which commands run.
pub struct Machine {
    /// Its clock.
    pub clock: SimClock,
    /// The fate of the process that runs.
    pub fate: Arc<Fate>,
    /// Its disk.
    pub disk: SimDisk,
    /// The cloud it talks to.
    pub cloud: Cloud,
    /// What happened.
    pub log: Log,
    engine: Engine,
    key: Key,
    random: Arc<CountingRandom>,
    /// The last stack file as a program: most commands run over the same one.
    loaded: Mutex<Option<(String, Arc<Program>)>>,
    /// The state's files when they were last looked at, and the state that they were.
    seen: Mutex<Option<(Files, Arc<State>)>>,
}

/// The bytes of files by name.
type Files = BTreeMap<String, Vec<u8>>;

/// The name of the state.
pub const STATE: &str = "sim";

/// Writes the engine's news into the log.
struct Watcher<'a> {
    log: &'a Log,
    clock: &'a SimClock,
}

impl Observer for Watcher<'_> {
    fn event(&self, event: Event) {
        self.log
            .line(self.clock.now(), format_args!("event {event:?}"));
    }
}

impl Machine {
    /// With an empty disk and an empty cloud.
    #[must_use]
    pub fn new(seed: u64, log: &Log) -> Machine {
        let (clock, fate) = (SimClock::default(), Arc::new(Fate::default()));
        clock.pass(Duration::from_secs(1_000_000));
        let disk = SimDisk::new(seed, fate.clone(), clock.clone(), log.clone());
        let cloud = Cloud::new(seed, fate.clone(), clock.clone(), log.clone());
        cloud.watch(disk.memory().clone());
        let random = Arc::new(CountingRandom::new(seed));
        let files = Arc::new(MemoryFiles::default());
        let provider = Arc::new(SimProvider::new(cloud.clone(), random.clone()));
        let mut key = [0; 32];
        random.fill(&mut key);
        let engine = Engine {
            providers: BTreeMap::from([("sim", provider as _)]),
            evaluator: Arc::new(Evaluator::new(files, PathBuf::from("."))),
            clock: Arc::new(clock.clone()),
            random: random.clone(),
            environment: Default::default(),
            parallelism: None,
        };
        Machine {
            clock,
            fate,
            disk,
            cloud,
            log: log.clone(),
            engine,
            key: Key::from_bytes(key),
            random,
            loaded: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// The program of a stack file.
    fn program(&self, text: &str) -> Result<Arc<Program>, String> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, program)) = &*loaded
            && known == text
        {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(load_text(&self.engine, "stacks/sim.toml", text)?);
        *loaded = Some((text.to_owned(), Arc::clone(&program)));
        Ok(program)
    }

    /// The state as it would be opened now; equal files are the same state.
    ///
    /// # Errors
    /// A secret is readable, or the state cannot be opened.
    pub(crate) fn state(&self) -> Result<Arc<State>, String> {
        let files = self.disk.memory().files();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, state)) = &*seen
            && *known == files
        {
            return Ok(Arc::clone(state));
        }
        for (name, bytes) in &files {
            if crate::check::holds_secret(bytes) {
                return Err(format!("a secret is readable in {name}"));
            }
        }
        let store = self
            .open(Arc::new(self.disk.memory().clone()), false)
            .map_err(|e| format!("the state of `{STATE}` cannot be opened: {e}"))?;
        let state = store.state();
        *seen = Some((files, Arc::clone(&state)));
        Ok(state)
    }

    /// Writes a line into the log.
    pub fn note(&self, text: std::fmt::Arguments<'_>) {
        self.log.line(self.clock.now(), text);
    }

    /// At most so many operations at once.
    pub fn set_parallelism(&mut self, parallelism: Option<usize>) {
        self.engine.parallelism = parallelism;
    }

    /// Opens the state over some storage.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn open(&self, storage: Arc<dyn Storage>, lock: bool) -> Result<Store, StateError> {
        let options = OpenOptions {
            stack_file: "stacks/sim.toml".into(),
            world: infra_state::World::Cloud,
            keyring: Keyring::with_key(self.key.clone(), self.random.clone()),
            clock: self.engine.clock.clone(),
            random: self.random.clone(),
            lock,
            accept_moved: false,
            who: Owner::default(),
        };
        Store::open(storage, STATE, options)
    }

    /// Runs one command to its end, or to its fate's. `stop_after` is when somebody presses Ctrl-C.
    pub fn run(
        &self,
        command: &Command,
        text: &str,
        death: Option<Death>,
        stop_after: Option<Duration>,
    ) -> Ended<Done> {
        self.note(format_args!(
            "run   {command:?} death={death:?} stop_after={stop_after:?}"
        ));
        self.fate.begin(death);
        let ended = clock::run(
            &self.clock,
            &self.fate,
            self.whole(command, text, stop_after),
        );
        match &ended {
            Ended::Returned(done) => self.note(format_args!(
                "ended changes={:?} error={:?} failures={:?} skipped={}",
                done.changes,
                done.error,
                done.report.as_ref().map(|r| r
                    .failures
                    .iter()
                    .map(|f| format!("{}: {}", f.address, f.error))
                    .collect::<Vec<_>>()),
                done.report.as_ref().map_or(0, |r| r.skipped.len()),
            )),
            Ended::Crashed => self.note(format_args!("CRASH at point {}", self.fate.passed().0)),
            Ended::Stuck => self.note(format_args!("STUCK")),
            Ended::Panicked(message) => self.note(format_args!("PANIC {message}")),
        }
        ended
    }

    async fn whole(&self, command: &Command, text: &str, stop_after: Option<Duration>) -> Done {
        let mut done = Done::default();
        if let Err(error) = self.steps(command, text, stop_after, &mut done).await {
            done.error = Some(error);
        }
        done
    }

    async fn steps(
        &self,
        command: &Command,
        text: &str,
        stop_after: Option<Duration>,
        done: &mut Done,
    ) -> Result<(), String> {
        let program = self.program(text)?;
        let writes = *command != Command::Plan;
        let store = self
            .open(Arc::new(self.disk.clone()), writes)
            .map_err(|e| e.to_string())?;
        let result = self
            .with_store(&store, &program, command, stop_after, done)
            .await;
        // What was recorded is folded whatever happened, as the binary does.
        let closed = store.close().await.map_err(|e| e.to_string());
        result.and(closed)
    }

    async fn with_store(
        &self,
        store: &Store,
        program: &Program,
        command: &Command,
        stop_after: Option<Duration>,
        done: &mut Done,
    ) -> Result<(), String> {
        let watcher = Watcher {
            log: &self.log,
            clock: &self.clock,
        };
        let input = Input {
            program: Some(program),
            store,
        };
        if let Command::Import(address, id) = command {
            let address: Address = address.parse().map_err(|_| "no address".to_owned())?;
            let imported = self.engine.import(input, &address, id, &watcher).await;
            return imported.map(drop).map_err(|e| e.to_string());
        }
        let finish = *command != Command::Plan;
        if !store.unfinished().is_empty() {
            let _ = self.cloud.take_deletions();
            let recovery = self
                .engine
                .recover(input, finish, &watcher)
                .await
                .map_err(|e| e.to_string())?;
            done.deletions_of_recovery = self.cloud.take_deletions();
            self.note(format_args!(
                "recovered adopted={:?} abandoned={:?} pending={:?}: {}",
                recovery.adopted,
                recovery.abandoned,
                recovery.pending,
                words(&recovery.diagnostics)
            ));
            if finish && recovery.diagnostics.iter().any(Diagnostic::is_error) {
                return Err(words(&recovery.diagnostics));
            }
        }
        let options = PlanOptions {
            mode: match command {
                Command::Destroy => PlanMode::Destroy,
                Command::RefreshOnly => PlanMode::RefreshOnly,
                _ => PlanMode::Normal,
            },
            ..PlanOptions::default()
        };
        let plan = self.engine.plan(input, &options, &watcher).await;
        let mut plan = plan.map_err(said)?;
        done.changes = Some(plan.has_changes() || !plan.drift.is_empty());
        done.planned = planned(&plan);
        self.note(format_args!("plan  {:?}", done.planned));
        if *command == Command::Plan {
            return Ok(());
        }
        if *command == (Command::Apply { saved: true }) {
            plan = self.through_a_file(store, plan)?;
        }
        let stop = Stop::new();
        let applying = self.engine.apply(input, &plan, &watcher, &stop);
        let report = match stop_after {
            None => applying.await,
            Some(after) => self.until(applying, after, &stop).await,
        };
        done.report = Some(report.map_err(said)?);
        Ok(())
    }

    /// Runs apply, with a request to stop after a while.
    async fn until<T>(&self, applying: impl Future<Output = T>, after: Duration, stop: &Stop) -> T {
        let mut applying = std::pin::pin!(applying);
        let mut bell = self.clock.sleep(after);
        let mut rung = false;
        std::future::poll_fn(|context| {
            if !rung && bell.as_mut().poll(context).is_ready() {
                rung = true;
                stop.request();
            }
            applying.as_mut().poll(context)
        })
        .await
    }

    /// Saves the plan, looks for secrets in its bytes, and reads it again.
    fn through_a_file(&self, store: &Store, plan: Plan) -> Result<Plan, String> {
        let saved = SavedPlan {
            plan,
            stack_file: "stacks/sim.toml".into(),
            instance: None,
            sources: Vec::new(),
            files: Vec::new(),
            variables: Vec::new(),
        };
        let bytes = saved.to_bytes(&store.sealer()).map_err(|e| e.to_string())?;
        if crate::check::holds_secret(&bytes) {
            self.cloud
                .violated("a secret is readable in the plan file".to_owned());
        }
        let read = SavedPlan::from_bytes(&bytes, &store.sealer()).map_err(|e| e.to_string())?;
        Ok(read.plan)
    }
}

fn planned(plan: &Plan) -> Vec<String> {
    let changes = plan
        .changes
        .iter()
        .filter(|c| c.action != infra_engine::ChangeAction::NoOp)
        .map(|c| {
            format!(
                "{:?} {}{}",
                c.action,
                c.address,
                if c.deposed.is_some() {
                    " (deposed)"
                } else {
                    ""
                }
            )
        });
    let drift = plan.drift.iter().map(|d| format!("drift {}", d.address));
    let outputs = plan
        .outputs
        .iter()
        .filter(|(_, o)| o.is_change())
        .map(|(name, _)| format!("output {name}"));
    changes.chain(drift).chain(outputs).collect()
}

fn said(error: EngineError) -> String {
    match error {
        EngineError::Invalid(diagnostics) => words(&diagnostics),
        EngineError::State(error) => error.to_string(),
    }
}
