//! An engine with the real language over a state in memory.

use async_trait::async_trait;
use infra_engine::{
    ApplyReport, ChangeAction, Engine, EngineError, Input, Plan, PlanOptions, Recovery, Silent,
    Stop,
};
use infra_lang::files::MemoryFiles;
use infra_lang::{Evaluator, LoadRequest, load};
use infra_model::expand::NoComponents;
use infra_model::program::Program;
use infra_model::provider::Provider;
use infra_model::random::Random;
use infra_model::time::{Clock, Timestamp};
use infra_model::{AddressPattern, Value};
use infra_state::{Keyring, MemoryStorage, OpenOptions, Owner, Store, generate_key};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Time that passes only by waiting.
#[derive(Default)]
pub(crate) struct TestClock(AtomicU64);

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.0.load(Ordering::SeqCst)).expect("small"))
    }
    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(
            u64::try_from(duration.as_millis()).expect("small"),
            Ordering::SeqCst,
        );
    }
}

/// Counts: never twice the same.
#[derive(Default)]
pub(crate) struct TestRandom(AtomicU64);

impl Random for TestRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self
                .0
                .fetch_add(1, Ordering::SeqCst)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) storage: Arc<MemoryStorage>,
    pub(crate) runtime: tokio::runtime::Runtime,
    random: Arc<TestRandom>,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with(Vec::new())
    }

    /// With further providers beside the builtin one.
    pub(crate) fn with(providers: Vec<Arc<dyn Provider>>) -> Bench {
        let random = Arc::new(TestRandom::default());
        let files = Arc::new(MemoryFiles::default());
        let builtin = infra_builtin::provider(random.clone(), Arc::new(infra_builtin::OsFiles));
        let providers = std::iter::once(builtin).chain(providers);
        Bench {
            engine: Engine {
                providers: providers.map(|p| (p.name(), p)).collect(),
                evaluator: Arc::new(Evaluator::new(files, PathBuf::from("."))),
                clock: Arc::new(TestClock::default()),
                random: random.clone(),
                environment: Default::default(),
                parallelism: None,
            },
            storage: Arc::new(MemoryStorage::new()),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
            random,
        }
    }

    pub(crate) fn store(&self) -> Store {
        let key = generate_key(&*self.random);
        let options = OpenOptions {
            stack_file: "stacks/test.toml".into(),
            world: infra_state::document::World::Cloud,
            keyring: Keyring::with_key(key, self.random.clone()),
            clock: self.engine.clock.clone(),
            random: self.random.clone(),
            lock: true,
            accept_moved: false,
            who: Owner::default(),
        };
        Store::open(self.storage.clone(), "test", options).expect("a state")
    }

    pub(crate) fn program(&self, text: &str) -> Program {
        self.program_with(text, MemoryFiles::default())
    }

    pub(crate) fn program_with(&self, text: &str, files: MemoryFiles) -> Program {
        let loaded = load(&LoadRequest {
            path: Path::new("stacks/test.toml"),
            name: "stacks/test.toml",
            text,
            schemas: &self.engine,
            expand: &NoComponents,
            given: &[],
            environment: &[],
            require_variables: true,
            instance: None,
            passing: None,
            files: Arc::new(files),
            working_directory: PathBuf::from("."),
            fetch: &infra_lang::modules::NoFetch,
            now: Timestamp(0),
        });
        let messages: Vec<String> = loaded
            .diagnostics
            .iter()
            .map(|d| d.message.clone())
            .collect();
        loaded
            .program
            .unwrap_or_else(|| panic!("does not load: {messages:?}"))
    }

    pub(crate) fn plan(
        &self,
        store: &Store,
        program: &Program,
        options: &PlanOptions,
    ) -> Result<Plan, EngineError> {
        self.runtime.block_on(self.engine.plan(
            Input {
                program: Some(program),
                store,
            },
            options,
            &Silent,
        ))
    }

    pub(crate) fn apply(&self, store: &Store, program: &Program, plan: &Plan) -> ApplyReport {
        let input = Input {
            program: Some(program),
            store,
        };
        self.runtime
            .block_on(self.engine.apply(input, plan, &Silent, &Stop::new()))
            .expect("applies")
    }

    /// Takes up what an interrupted run began, and finishes it.
    pub(crate) fn recover(&self, store: &Store, program: &Program) -> Recovery {
        let input = Input {
            program: Some(program),
            store,
        };
        self.runtime
            .block_on(self.engine.recover(input, true, &Silent))
            .expect("the state can be written")
    }

    /// Plans with the options that a change of the default ones gives; it must succeed.
    pub(crate) fn planned(
        &self,
        store: &Store,
        text: &str,
        change: impl FnOnce(&mut PlanOptions),
    ) -> Plan {
        let mut options = PlanOptions::default();
        change(&mut options);
        self.plan(store, &self.program(text), &options)
            .unwrap_or_else(|e| panic!("does not plan: {e}"))
    }

    /// The messages of a plan that must fail, with their remedies.
    pub(crate) fn refused(
        &self,
        store: &Store,
        text: &str,
        change: impl FnOnce(&mut PlanOptions),
    ) -> String {
        let mut options = PlanOptions::default();
        change(&mut options);
        let error = self
            .plan(store, &self.program(text), &options)
            .expect_err("is refused");
        let EngineError::Invalid(problems) = error else {
            panic!("{error}");
        };
        let lines: Vec<String> = problems
            .into_iter()
            .map(|d| format!("{} ({})", d.message, d.help.unwrap_or_default()))
            .collect();
        lines.join("\n")
    }

    /// Applies; all of it must be done.
    pub(crate) fn done(&self, store: &Store, text: &str, plan: &Plan) -> ApplyReport {
        self.finished(store, &self.program(text), plan)
    }

    fn finished(&self, store: &Store, program: &Program, plan: &Plan) -> ApplyReport {
        let report = self.apply(store, program, plan);
        assert!(report.is_complete(), "{report:?}");
        report
    }

    /// Plans and applies, again as long as something is left for later; afterwards nothing is left to do. Returns the first
    /// plan.
    pub(crate) fn settle(&self, store: &Store, text: &str) -> Plan {
        self.settle_with(store, text, MemoryFiles::default())
    }

    /// As [`Bench::settle`], with modules in files.
    pub(crate) fn settle_with(&self, store: &Store, text: &str, files: MemoryFiles) -> Plan {
        let program = self.program_with(text, files);
        let planned = || {
            self.plan(store, &program, &PlanOptions::default())
                .unwrap_or_else(|e| panic!("does not plan: {e}"))
        };
        let first = planned();
        self.finished(store, &program, &first);
        let mut plan = first.clone();
        while plan.deferred().next().is_some() {
            plan = planned();
            self.finished(store, &program, &plan);
        }
        let again = planned();
        assert!(!again.has_changes(), "{:?}", actions(&again));
        first
    }
}

pub(crate) fn actions(plan: &Plan) -> Vec<(String, ChangeAction)> {
    plan.changes
        .iter()
        .filter(|c| c.action != ChangeAction::NoOp)
        .map(|c| (c.address.to_string(), c.action))
        .collect()
}

pub(crate) fn output(store: &Store, name: &str) -> Option<Value> {
    store.read(|s| s.outputs.get(name).map(|o| o.value.clone()))
}

/// The addresses in the state.
pub(crate) fn addresses(store: &Store) -> Vec<String> {
    store.read(|s| {
        let mut all: Vec<String> = s.resources.keys().map(ToString::to_string).collect();
        all.sort();
        all
    })
}

/// An attribute of a resource in the state, as JSON.
pub(crate) fn attribute(store: &Store, address: &str, name: &str) -> serde_json::Value {
    let address = address.parse().expect("an address");
    store.read(|s| {
        s.resource(&address)
            .and_then(|r| r.attributes.get(name))
            .map(|json| match json.get("value") {
                // Of type `any`: stored with its type.
                Some(value) if json.get("type").is_some() => value.clone(),
                _ => json.clone(),
            })
            .unwrap_or_default()
    })
}

/// Patterns of addresses.
pub(crate) fn patterns(texts: &[&str]) -> Vec<AddressPattern> {
    texts
        .iter()
        .map(|t| t.parse().expect("a pattern"))
        .collect()
}
