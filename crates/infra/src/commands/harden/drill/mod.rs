//! `infra harden drill`: proves that a hardened cluster and its data could be made again. From the sealing keys, the repository and the
//! archives of the real stack a copy is made beside it, as the instance `drill`; it is looked at, and taken away again. What is the real
//! stack's is only read, and a plan that would do more is refused.

mod archive;
mod check;
mod clouds;
mod copy;
mod databases;
mod keys;
mod lost;
mod origin;
mod reach;
mod report;
mod repository;

use self::check::Wanted;
use self::clouds::Clouds;
use self::origin::Search;
use self::report::Report;
use super::audit::of_hardening;
use super::seen::{Seen, cluster_config};
use crate::cli::HardenDrill;
use crate::commands::apply::apply;
use crate::commands::approve;
use crate::commands::destroy;
use crate::commands::session::{Opening, Session};
use crate::error::{CommandError, Exit, Outcome};
use crate::instance::DRILL;
use crate::kept::KeptFiles;
use crate::live::duration;
use crate::place::Place;
use crate::providers::Providers;
use crate::stack::Loading;
use crate::system::SystemClock;
use crate::ui::Ui;
use crate::world::Surroundings;
use infra_engine::{ChangeAction, Plan, PlanMode, PlanOptions};
use infra_hardening::audit::audit;
use infra_hardening::{Drill, Origin, is_moment};
use infra_model::codes::Code;
use infra_model::program::{ComponentInstance, Program};
use infra_model::provider::Environment;
use infra_model::time::Clock;
use infra_state::World;
use std::sync::Arc;
use std::time::Instant;

/// How the lock and the history call it.
const COMMAND: &str = "harden drill";

pub(super) fn run(arguments: &HardenDrill, ui: Ui) -> Outcome {
    approve::require_terminal(ui, arguments.auto_approve, COMMAND)?;
    if let Some(moment) = arguments.to.as_deref().filter(|m| !is_moment(m)) {
        return Err(CommandError::hint(
            Code::Usage,
            format!("`{moment}` is no moment"),
            "write it as `-to 2026-01-31T12:00:00Z`",
        ));
    }
    let stack = arguments.stack.as_deref();
    let real = Place::find(stack, None)?;
    let seen = seen(&real, arguments, ui)?;
    if seen.own_hardenings().next().is_none() {
        return Err(CommandError::hint(
            Code::Usage,
            "this stack hardens no cluster",
            "write `[hardening.main]` with `cluster = \"main\"`; what modules harden has no drill",
        ));
    }
    let held = Held {
        arguments,
        copy: Place::find(stack, Some(DRILL))?,
        real,
        seen,
        ui,
    };
    crate::commands::runtime()?.block_on(held.hold())
}

/// The real stack by its state; without one, for the moment, by its file alone.
fn seen(real: &Place, arguments: &HardenDrill, ui: Ui) -> Result<Seen, CommandError> {
    let variables = &arguments.variables;
    if arguments.without_state {
        return Seen::without_state(real, variables, ui);
    }
    if real.look(COMMAND)?.is_none() {
        let file = real.file.display();
        ui.talk(&format!(
            "{file} has no state here: what it has made is looked for in the clouds, by its marks."
        ));
        return Seen::without_state(real, variables, ui);
    }
    Seen::load(arguments.stack.as_deref(), None, variables, ui)
}

/// A drill that is held.
struct Held<'a> {
    arguments: &'a HardenDrill,
    real: Place,
    copy: Place,
    seen: Seen,
    ui: Ui,
}

/// How far the copy came.
enum Rebuilt {
    /// Nobody wanted it.
    Unwanted,
    /// It was stopped.
    Stopped,
    /// It is as whole as it gets.
    Looked,
}

impl Held<'_> {
    async fn hold(mut self) -> Outcome {
        let mut report = Report::default();
        let drill = self.found(&mut report).await?;
        if let Some(moment) = &self.arguments.to {
            reach::check(moment, report.last_recoverable(), SystemClock.now())?;
        }
        let begun = self.is_begun()?;
        if report.has_losses() {
            report.aside(
                "copy",
                "none was made: it would begin without what is missing",
            );
            if begun && !self.arguments.keep {
                self.take_away(&mut report).await?;
            }
            report.tell(self.ui);
            return Ok(report.exit());
        }
        let rebuilt = self.rebuild(&drill, begun, &mut report).await;
        match rebuilt {
            Ok(Rebuilt::Unwanted) => {
                self.ui.talk("Nothing was made.");
                return Ok(Exit::Error);
            }
            Ok(Rebuilt::Stopped) => {
                self.remains();
                return Ok(Exit::Interrupted);
            }
            // What was refused was never begun.
            Err(error) if !self.is_begun()? => return Err(error),
            Err(error) => {
                self.remains();
                return Err(error);
            }
            Ok(Rebuilt::Looked) => {}
        }
        if self.arguments.keep {
            report.aside("copy", format!("it is kept: {}", self.away()));
        } else {
            self.take_away(&mut report).await?;
        }
        report.tell(self.ui);
        Ok(report.exit())
    }

    /// How the copy is taken away by hand.
    fn away(&self) -> String {
        let sandbox = match self.arguments.sandbox.as_deref() {
            None => String::new(),
            Some("") => " --sandbox".to_owned(),
            Some(url) => format!(" --sandbox={url}"),
        };
        let file = self.real.file.display();
        format!("infra destroy{sandbox} --instance {DRILL} {file}")
    }

    /// That something of the copy is still there.
    fn remains(&self) {
        let away = self.away();
        self.ui.talk(&format!(
            "The copy is left as it is. To go on, run the same drill again; to take it away: {away}"
        ));
    }

    /// Whether there is something of a copy.
    fn is_begun(&self) -> Result<bool, CommandError> {
        let store = self.copy.look(COMMAND)?;
        Ok(store.is_some_and(|store| {
            store.read(|state| !state.resources.is_empty() || !state.unfinished.is_empty())
        }))
    }

    /// What the copy is made from.
    async fn found(&mut self, report: &mut Report) -> Result<Drill, CommandError> {
        let sandbox = self.arguments.sandbox.as_deref();
        let surroundings = Surroundings::open(&self.real, sandbox).await?;
        let clouds = Clouds::new(Environment {
            variables: surroundings.variables.clone(),
            directory: self.real.folder(),
            logins: crate::clusters::logins(),
        });
        let world = surroundings.world.clone();
        if self.seen.is_without_state() {
            self.find_again(world, &clouds, report).await?;
        } else if self.seen.state().world != world {
            // A state of another world is refused.
            self.real.open(world, false, COMMAND)?;
        }
        let mut drill = Drill::default();
        for hardening in self.seen.own_hardenings() {
            let origin = self.origin(hardening, &clouds, report).await?;
            drill.origins.insert(name(hardening), origin);
        }
        databases::look(&self.seen, &clouds, SystemClock.now(), report).await;
        surroundings.close().await;
        Ok(drill)
    }

    /// Puts what is found in the clouds in the place of the state that is lost.
    async fn find_again(
        &mut self,
        world: World,
        clouds: &Clouds,
        report: &mut Report,
    ) -> Result<(), CommandError> {
        if lost::find(&mut self.seen, world, clouds, report).await {
            return Ok(());
        }
        let file = self.real.file.display();
        Err(CommandError::hint(
            Code::NoState,
            format!("{file} has no state, and nothing in its clouds carries its marks"),
            "it was never applied; or log in to the account, and write the region and the variables, that it was applied with",
        ))
    }

    async fn origin(
        &self,
        hardening: &ComponentInstance,
        clouds: &Clouds,
        report: &mut Report,
    ) -> Result<Origin, CommandError> {
        let (seen, arguments) = (&self.seen, self.arguments);
        let keys = if arguments.key.is_empty() {
            keys::find(seen, hardening, clouds, report).await
        } else {
            keys::of_files(seen, hardening, &arguments.key, report)?
        };
        repository::open(seen, hardening, &keys, clouds, report);
        let search = Search {
            seen,
            clouds,
            moment: arguments.to.as_deref(),
            now: SystemClock.now(),
        };
        Ok(Origin {
            keys,
            archives: search.archives(hardening, report).await,
            registries: origin::registries(seen),
            moment: arguments.to.clone(),
        })
    }

    /// The copy's program, with what of it is made: the hardenings, and what they need.
    fn load(&self, drill: &Drill) -> Result<(Program, Arc<KeptFiles>), CommandError> {
        let providers = Providers::new();
        let files = Arc::new(KeptFiles::default());
        let mut loading = Loading::new(&providers, &self.arguments.variables)?;
        loading.files = files.clone();
        loading.drill = Some(drill.clone());
        let program = loading.program(&self.copy, self.ui)?;
        Ok((copy::of(program), files))
    }

    async fn open(&self, program: Program, files: Arc<KeptFiles>) -> Result<Session, CommandError> {
        let opening = Opening {
            ui: self.ui,
            place: self.copy.clone(),
            providers: Providers::new(),
            program: Some(program),
            sandbox: self.arguments.sandbox.as_deref(),
            parallelism: self.arguments.parallelism,
            lock: true,
            command: COMMAND,
            files,
            state: None,
        };
        opening.open().await
    }

    async fn rebuild(
        &self,
        drill: &Drill,
        begun: bool,
        report: &mut Report,
    ) -> Result<Rebuilt, CommandError> {
        let (program, files) = self.load(drill)?;
        let session = self.open(program, files).await?;
        let rebuilt = self.within(&session, drill, begun, report).await;
        let closed = session.close().await;
        let rebuilt = rebuilt?;
        closed?;
        Ok(rebuilt)
    }

    /// Makes the copy and looks at it.
    async fn within(
        &self,
        session: &Session,
        drill: &Drill,
        begun: bool,
        report: &mut Report,
    ) -> Result<Rebuilt, CommandError> {
        let mut options = PlanOptions::default();
        for hardening in self.seen.own_hardenings() {
            options.targets.push(hardening.scope().to_string().parse()?);
        }
        let started = Instant::now();
        let (mut made, mut first) = (0, true);
        loop {
            let plan = session.plan(&options, true).await?;
            copy::check(&plan, self.seen.state(), begun || !first)?;
            if first {
                self.announce(session, &plan, report);
                if !self.arguments.auto_approve && !approve::ask(self.ui, PlanMode::Normal) {
                    return Ok(Rebuilt::Unwanted);
                }
            }
            let (exit, whole) = apply(session, &plan).await?;
            made += plan
                .changes
                .iter()
                .filter(|c| c.action == ChangeAction::Create)
                .count();
            if exit == Exit::Interrupted {
                return Ok(Rebuilt::Stopped);
            }
            if !whole {
                report.lost("rebuilt", "not whole: what failed is told above");
                break;
            }
            if plan.deferred().next().is_none() {
                let time = duration(started.elapsed());
                let told = if begun {
                    "beside those that an earlier drill had made: no recovery time"
                } else {
                    "(recovery time)"
                };
                report.holds("rebuilt", format!("{made} resources in {time} {told}"));
                break;
            }
            session.files.forget();
            first = false;
        }
        self.look(session, drill, report).await;
        Ok(Rebuilt::Looked)
    }

    /// What is about to be made, and what is not.
    fn announce(&self, session: &Session, plan: &Plan, report: &mut Report) {
        if self.arguments.auto_approve {
            session
                .ui
                .diagnostics(&plan.diagnostics, &session.sources());
        } else {
            session.show(plan);
        }
        let Some(program) = &session.program else {
            return;
        };
        let left = copy::left_out(program, plan);
        if !left.is_empty() {
            let why = "the clusters do not need it, and the copy is without it";
            report.aside("not covered", format!("{}: {why}", left.join(", ")));
        }
        let empty: Vec<String> = program
            .components
            .iter()
            .filter(|c| c.parent.is_root() && ["database", "bucket"].contains(&&*c.step.kind))
            .map(|c| c.scope().to_string())
            .filter(|name| !left.contains(name))
            .collect();
        if !empty.is_empty() {
            let why = "made empty: what is in the real one is not looked at";
            report.aside("not covered", format!("{}: {why}", empty.join(", ")));
        }
        for hardening in self.seen.own_hardenings() {
            let mut nodes = self.seen.nodes(hardening).into_iter();
            if nodes.any(|n| n.type_name == "helm_release" && n.text("chart") == "vault") {
                let why = "Vault begins empty: what is kept in the real one is not looked at";
                report.aside("not covered", why);
            }
        }
    }

    /// Holds the copies against what the stack asks for.
    async fn look(&self, session: &Session, drill: &Drill, report: &mut Report) {
        let clouds = Clouds::new(session.engine.environment.clone());
        for hardening in self.seen.own_hardenings() {
            let Some(origin) = drill.origins.get(&name(hardening)) else {
                continue;
            };
            let Some(config) = cluster_config(&session.store.state(), hardening) else {
                report.lost("cluster", "nothing was made in it");
                continue;
            };
            let rows = audit(&of_hardening(&self.seen, hardening));
            let wanted = Wanted {
                rows: &rows,
                origin,
            };
            report.append(check::copy(&config, &wanted, &clouds).await);
        }
    }

    /// Destroys the copy, as `infra destroy` does.
    async fn take_away(&self, report: &mut Report) -> Result<(), CommandError> {
        let (providers, variables) = (Providers::new(), &self.arguments.variables);
        let program = destroy::program(&self.copy, &providers, variables, self.ui)?;
        let session = self.open(copy::of(program), Arc::default()).await?;
        let gone = self.destroy(&session).await;
        let left = session.store.read(|state| state.resources.len());
        let closed = session.close().await;
        if gone.is_err() || left > 0 {
            self.remains();
        }
        gone?;
        closed?;
        if left > 0 {
            let message = format!("{left} resources of the copy could not be taken away");
            let help = format!("see what is told above, then run `{}`", self.away());
            return Err(CommandError::hint(Code::System, message, help));
        }
        report.holds("gone", "nothing of the copy is left");
        Ok(())
    }

    async fn destroy(&self, session: &Session) -> Result<(), CommandError> {
        let options = PlanOptions {
            mode: PlanMode::Destroy,
            ..PlanOptions::default()
        };
        let plan = session.plan(&options, true).await?;
        apply(session, &plan).await?;
        Ok(())
    }
}

/// A hardening's name with its key.
fn name(hardening: &ComponentInstance) -> String {
    let key = hardening.step.key.as_ref().map(ToString::to_string);
    format!("{}{}", hardening.step.name, key.unwrap_or_default())
}
