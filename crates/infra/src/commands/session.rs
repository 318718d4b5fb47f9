//! A run over a stack: its program, state, world and engine, opened together and closed together.

use crate::cli::{Choice, Crossplane, Planning, Variables};
use crate::error::{CommandError, Exit};
use crate::kept::KeptFiles;
use crate::live::Running;
use crate::place::Place;
use crate::providers::Providers;
use crate::render::json::stream::word;
use crate::render::plan::{is_visible, plan_text};
use crate::stack::{Loading, working_directory};
use crate::system::{SystemClock, SystemRandom};
use crate::ui::Ui;
use crate::world::Surroundings;
use infra_engine::{ApplyReport, Engine, EngineError, Input, Plan, PlanMode, PlanOptions};
use infra_lang::Evaluator;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Sources};
use infra_model::outside::Fate;
use infra_model::pattern::{AddressPattern, PatternError};
use infra_model::program::Program;
use infra_model::provider::Environment;
use infra_model::value::Str;
use infra_state::history::RunResult;
use infra_state::{StateChange, Store, World};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

/// Everything that a run works with.
pub(super) struct Session {
    pub(super) ui: Ui,
    pub(super) place: Place,
    pub(super) providers: Providers,
    pub(super) engine: Engine,
    /// None for commands that look at the state alone.
    pub(super) program: Option<Program>,
    pub(super) store: Store,
    /// What expressions have read.
    pub(super) files: Arc<KeptFiles>,
    surroundings: Surroundings,
    /// The flags that name the same copy in the same world again.
    again: String,
}

/// How to open one.
pub(super) struct Opening<'a> {
    pub(super) ui: Ui,
    pub(super) place: Place,
    pub(super) providers: Providers,
    pub(super) program: Option<Program>,
    /// `--sandbox`
    pub(super) sandbox: Option<&'a str>,
    pub(super) parallelism: Option<u16>,
    /// Takes the lock, so that the state can be changed.
    pub(super) lock: bool,
    /// For whoever waits for the lock.
    pub(super) command: &'a str,
    /// How expressions read files.
    pub(super) files: Arc<KeptFiles>,
    /// The state, where it was read while the stack file was.
    pub(super) state: Option<Result<Store, CommandError>>,
}

impl<'a> Opening<'a> {
    /// With the flags that plan, apply, destroy and drift share.
    pub(super) fn new(
        ui: Ui,
        place: Place,
        planning: &'a Planning,
        command: &'a str,
    ) -> Opening<'a> {
        Opening {
            ui,
            place,
            providers: Providers::new(),
            program: None,
            sandbox: planning.place.sandbox.as_deref(),
            parallelism: planning.parallelism,
            lock: false,
            command,
            files: Arc::new(KeptFiles::default()),
            state: None,
        }
    }

    /// With the program of the stack file. Meanwhile the state is read, if only to look at it, and if it is known where: either
    /// takes long when there is much.
    pub(super) fn loaded(mut self, variables: &Variables) -> Result<Opening<'a>, CommandError> {
        let mut loading = Loading::new(&self.providers, variables)?;
        loading.files = self.files.clone();
        let (place, command) = (&self.place, self.command);
        let early = !self.lock && self.sandbox.is_none();
        let (program, state) = thread::scope(|scope| {
            let state = early.then(|| scope.spawn(|| place.open(World::Cloud, false, command)));
            let program = loading.program(place, self.ui);
            (program, state.map(thread::ScopedJoinHandle::join))
        });
        self.program = Some(program?);
        self.state = state.map(|joined| joined.unwrap_or_else(|panic| resume_unwind(panic)));
        Ok(self)
    }

    /// Opens world and state.
    pub(super) async fn open(self) -> Result<Session, CommandError> {
        let surroundings = Surroundings::open(&self.place, self.sandbox).await?;
        let sandbox = match self.sandbox {
            None => String::new(),
            Some("") => " --sandbox".to_owned(),
            Some(url) => format!(" --sandbox={url}"),
        };
        let instance = self
            .place
            .instance
            .as_ref()
            .map(|i| format!(" --instance {i}"))
            .unwrap_or_default();
        let open = || {
            let world = surroundings.world.clone();
            self.place.open(world, self.lock, self.command)
        };
        let store = self.state.unwrap_or_else(open)?;
        let engine = Engine {
            providers: self.providers.map(),
            evaluator: Arc::new(Evaluator::new(
                self.files.clone(),
                working_directory().join(self.place.folder()),
            )),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            environment: Environment {
                variables: surroundings.variables.clone(),
                directory: self.place.folder(),
                logins: crate::clusters::logins(),
            },
            parallelism: self.parallelism.map(usize::from),
        };
        Ok(Session {
            ui: self.ui,
            place: self.place,
            providers: self.providers,
            engine,
            program: self.program,
            store,
            files: self.files,
            surroundings,
            again: format!("{sandbox}{instance}"),
        })
    }
}

impl Session {
    pub(super) fn input(&self) -> Input<'_> {
        Input {
            program: self.program.as_ref(),
            store: &self.store,
        }
    }

    /// What follows `infra apply` to do it again: the stack file, and the flags that name this copy in this world.
    pub(super) fn stack(&self) -> String {
        format!("{}{}", self.place.file.display(), self.again)
    }

    /// The texts that diagnostics point into.
    pub(super) fn sources(&self) -> Sources {
        self.program
            .as_ref()
            .map(|p| p.sources.clone())
            .unwrap_or_default()
    }

    /// Makes the identity of a state that is new durable, so that a saved plan can name it.
    pub(super) async fn settle_lineage(self, command: &str) -> Result<Session, CommandError> {
        if !self.store.is_new() {
            return Ok(self);
        }
        let world = self.surroundings.world.clone();
        let writing = self.place.open(world.clone(), true, command)?;
        let path = writing.state().stack_file.clone();
        writing
            .apply_changes(vec![StateChange::StackFile { path }])
            .await?;
        writing.close().await?;
        let store = self.place.open(world, false, command)?;
        Ok(Session { store, ..self })
    }

    /// Takes up what interrupted runs left, then plans. With a lock what was left is finished, otherwise only looked up.
    pub(super) async fn plan(
        &self,
        options: &PlanOptions,
        finish: bool,
    ) -> Result<Plan, CommandError> {
        let sources = self.sources();
        let within = |error: EngineError| CommandError::from(error).within(&sources);
        // Before what an interrupted run began is finished: a refusal touches nothing.
        self.engine
            .check_protection(self.input(), options)
            .map_err(within)?;
        self.recover(finish).await?;
        let running = Running::start(self.ui);
        let plan = self.engine.plan(self.input(), options, &running).await;
        running.finish();
        plan.map_err(within)
    }

    async fn recover(&self, finish: bool) -> Result<(), CommandError> {
        if self.store.read(|state| state.unfinished.is_empty()) {
            return Ok(());
        }
        let sources = self.sources();
        let running = Running::start(self.ui);
        let recovery = self.engine.recover(self.input(), finish, &running).await;
        running.finish();
        let recovery = recovery.map_err(|e| CommandError::from(e).within(&sources))?;
        for (address, id) in &recovery.adopted {
            self.ui.talk(&format!(
                "{address}: taken up from an interrupted run [id={id}]"
            ));
        }
        if finish && recovery.diagnostics.iter().any(Diagnostic::is_error) {
            return Err(CommandError::new(recovery.diagnostics, sources));
        }
        self.ui.diagnostics(&recovery.diagnostics, &sources);
        Ok(())
    }

    /// Shows a plan and its warnings.
    pub(super) fn show(&self, plan: &Plan) {
        if self.ui.is_stream() {
            crate::render::json::stream::plan_events(plan, self.ui);
        } else {
            self.ui
                .result(&plan_text(plan, &self.providers, self.ui.out));
        }
        self.ui.diagnostics(&plan.diagnostics, &self.sources());
    }

    /// Notes in the history what a plan sets out to do.
    pub(super) fn note_begin(&self, plan: &Plan) -> Result<Str, CommandError> {
        let changes = plan
            .changes
            .iter()
            .filter(|c| is_visible(c))
            .map(|c| (word(c.action), c.address.to_string()));
        Ok(self.store.note_begin(env!("CARGO_PKG_VERSION"), changes)?)
    }

    /// Writes into the history how a run went; without a report it failed before it began.
    pub(super) async fn note_end(
        &self,
        run: Option<Str>,
        report: Option<&ApplyReport>,
    ) -> Result<(), CommandError> {
        let Some(run) = run else {
            return Ok(());
        };
        let folded = self.store.fold().await;
        let (result, counts) = report.map_or_else(
            || (RunResult::Failed, BTreeMap::new()),
            |r| (result_of(r), counts_of(r)),
        );
        self.store.note_end(run, result, counts)?;
        Ok(folded?)
    }

    /// Folds the journal, lets go of the lock and of the sandbox. The first error counts.
    pub(super) async fn close(self) -> Result<(), CommandError> {
        // The process is about to end: taking large states and programs apart piece by piece would only keep it.
        std::mem::forget(self.store.state());
        std::mem::forget(self.program);
        let closed = self.store.close().await;
        self.surroundings.close().await;
        Ok(closed?)
    }
}

fn result_of(report: &ApplyReport) -> RunResult {
    if report.interrupted {
        RunResult::Interrupted
    } else if report.is_complete() {
        RunResult::Complete
    } else {
        RunResult::Failed
    }
}

fn counts_of(report: &ApplyReport) -> BTreeMap<Str, usize> {
    [
        ("imported", report.imported),
        ("added", report.added),
        ("changed", report.changed),
        ("destroyed", report.destroyed),
        ("failed", report.failures.len()),
        ("skipped", report.skipped.len()),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(word, count)| (word.into(), count))
    .collect()
}

/// The engine's options from the flags.
pub(super) fn options(planning: &Planning, choice: &Choice) -> Result<PlanOptions, CommandError> {
    Ok(PlanOptions {
        mode: match (choice.destroy, choice.refresh_only) {
            (true, _) => PlanMode::Destroy,
            (_, true) => PlanMode::RefreshOnly,
            _ => PlanMode::Normal,
        },
        refresh: planning.refresh,
        targets: patterns(&planning.target, &planning.target_file)?,
        excludes: patterns(&planning.exclude, &planning.exclude_file)?,
        replace: patterns(&choice.replace, &[])?,
        unprotect: choice.unprotect,
        data_loss: patterns(&choice.losing.allow_data_loss, &[])?,
        fate: choice.losing.crossplane.map(|fate| match fate {
            Crossplane::Delete => Fate::Delete,
            Crossplane::Orphan => Fate::Orphan,
        }),
    })
}

/// Patterns from flags and from files.
fn patterns(texts: &[String], files: &[PathBuf]) -> Result<Vec<AddressPattern>, CommandError> {
    let mut patterns = Vec::with_capacity(texts.len());
    for text in texts {
        patterns.push(text.parse()?);
    }
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|e| CommandError::io("read", file, &e))?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // An address has no `#` but in a quoted key.
            let line = line.split(" #").next().unwrap_or(line);
            patterns.push(line.parse().map_err(|e: PatternError| {
                Diagnostic::error(
                    Code::BadAddress,
                    format!("{}:{}: {e}", file.display(), number + 1),
                )
                .help("one address or pattern a line; `#` begins a comment")
            })?);
        }
    }
    Ok(patterns)
}

/// `Changes` when asked to say so and there are some.
pub(super) fn exit(changes: bool) -> Exit {
    if changes { Exit::Changes } else { Exit::Done }
}
