//! The engine with the real language and the builtin provider over a state in memory: whole lives of small stacks.

use async_trait::async_trait;
use infra_engine::{
    ApplyOptions, ApplyReport, ChangeAction, Engine, EngineError, Input, Plan, PlanMode,
    PlanOptions, Silent, Stop,
};
use infra_lang::files::MemoryFiles;
use infra_lang::{Evaluator, LoadRequest, load};
use infra_model::expand::{ComponentKind, Expand, Expansion, Instance};
use infra_model::program::Program;
use infra_model::random::Random;
use infra_model::time::{Clock, Timestamp};
use infra_model::{Diagnostics, Value};
use infra_state::{Keyring, MemoryStorage, OpenOptions, Owner, Store, generate_key};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Time that passes only by waiting.
#[derive(Default)]
struct TestClock(AtomicU64);

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
struct TestRandom(AtomicU64);

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

struct NoComponents;

impl Expand for NoComponents {
    fn kinds(&self) -> &[ComponentKind] {
        &[]
    }
    fn expand(&self, _: &Instance<'_>) -> Result<Expansion, Diagnostics> {
        Ok(Expansion::default())
    }
}

struct Bench {
    engine: Engine,
    storage: Arc<MemoryStorage>,
    runtime: tokio::runtime::Runtime,
    random: Arc<TestRandom>,
}

impl Bench {
    fn new() -> Bench {
        let random = Arc::new(TestRandom::default());
        let files = Arc::new(MemoryFiles::default());
        let builtin = infra_builtin::provider(random.clone(), Arc::new(infra_builtin::OsFiles));
        Bench {
            engine: Engine {
                providers: BTreeMap::from([("builtin", builtin)]),
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

    fn store(&self) -> Store {
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

    fn program(&self, text: &str) -> Program {
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
            files: Arc::new(MemoryFiles::default()),
            working_directory: PathBuf::from("."),
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

    fn plan(
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

    fn apply(&self, store: &Store, program: &Program, plan: &Plan) -> ApplyReport {
        let input = Input {
            program: Some(program),
            store,
        };
        self.runtime
            .block_on(self.engine.apply(
                input,
                plan,
                &ApplyOptions::default(),
                &Silent,
                &Stop::new(),
            ))
            .expect("applies")
    }

    /// Plans and applies; afterwards nothing is left to do.
    fn settle(&self, store: &Store, text: &str) -> Plan {
        let program = self.program(text);
        let plan = self
            .plan(store, &program, &PlanOptions::default())
            .expect("plans");
        let report = self.apply(store, &program, &plan);
        assert!(report.is_complete(), "{report:?}");
        let again = self
            .plan(store, &program, &PlanOptions::default())
            .expect("plans again");
        assert!(!again.has_changes(), "{:?}", actions(&again));
        plan
    }
}

fn actions(plan: &Plan) -> Vec<(String, ChangeAction)> {
    plan.changes
        .iter()
        .filter(|c| c.action != ChangeAction::NoOp)
        .map(|c| (c.address.to_string(), c.action))
        .collect()
}

fn output(store: &Store, name: &str) -> Option<Value> {
    store.read(|s| s.outputs.get(name).map(|o| o.value.clone()))
}

#[test]
fn instances_use_the_configuration_of_their_key() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[variables.keys]
default = { a = 1, b = 2 }
[clouds.builtin.alias.each]
for_each = "${var.keys}"
[resource.terraform_data.x]
for_each = "${var.keys}"
provider = "builtin.each[each.key]"
input = "${each.value}"
"#;
    bench.settle(&store, text);
    let providers: Vec<String> = store.read(|s| {
        s.resources
            .values()
            .map(|r| r.provider.to_string())
            .collect()
    });
    assert_eq!(providers, ["builtin.each[\"a\"]", "builtin.each[\"b\"]"]);
    let wrong = text.replace("[each.key]", "[upper(each.key)]");
    let program = bench.program(&wrong);
    let refused = bench.plan(&store, &program, &PlanOptions::default());
    let message = format!("{:?}", refused.expect_err("there is no such configuration"));
    assert!(
        message.contains("there is no provider configuration builtin.each[\\\"A\\\"]"),
        "{message}"
    );
    bench.settle(&store, "");
}

#[test]
fn a_stack_is_created_changed_and_destroyed() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.a]
input = "one"
[resource.terraform_data.b]
input = "${terraform_data.a.output}-b"
[outputs.b]
value = "${terraform_data.b.output}"
"#;
    let plan = bench.settle(&store, text);
    assert_eq!(actions(&plan).len(), 2);
    assert_eq!(output(&store, "b"), Some(Value::from("one-b")));
    let plan = bench.settle(&store, &text.replace("one", "two"));
    assert_eq!(
        actions(&plan),
        [
            ("terraform_data.a".to_owned(), ChangeAction::Update),
            ("terraform_data.b".to_owned(), ChangeAction::Update)
        ]
    );
    assert_eq!(output(&store, "b"), Some(Value::from("two-b")));
    let program = bench.program(text);
    let destroy = PlanOptions {
        mode: PlanMode::Destroy,
        ..PlanOptions::default()
    };
    let plan = bench.plan(&store, &program, &destroy).expect("plans");
    assert_eq!(plan.summary().destroy, 2);
    assert!(bench.apply(&store, &program, &plan).is_complete());
    assert!(store.state().is_empty());
    assert_eq!(output(&store, "b"), None);
}

#[test]
fn instances_come_and_go_by_key() {
    let bench = Bench::new();
    let store = bench.store();
    let text = |keys: &str| {
        format!(
            r#"
[resource.terraform_data.each]
for_each = '${{toset([{keys}])}}'
input = "${{each.key}}"
[resource.terraform_data.all]
input = '${{join(",", [for k, v in terraform_data.each : v.output])}}'
[outputs.all]
value = "${{terraform_data.all.output}}"
"#
        )
    };
    bench.settle(&store, &text("\"a\", \"b\""));
    assert_eq!(output(&store, "all"), Some(Value::from("a,b")));
    let plan = bench.settle(&store, &text("\"b\", \"c\""));
    let mut seen = actions(&plan);
    seen.sort();
    assert_eq!(
        seen,
        [
            ("terraform_data.all".to_owned(), ChangeAction::Update),
            (
                "terraform_data.each[\"a\"]".to_owned(),
                ChangeAction::Delete
            ),
            (
                "terraform_data.each[\"c\"]".to_owned(),
                ChangeAction::Create
            ),
        ]
    );
    assert_eq!(output(&store, "all"), Some(Value::from("b,c")));
}

#[test]
fn replacement_goes_through_create_before_destroy_where_asked() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.base]
triggers_replace = "1"
[resource.terraform_data.user]
triggers_replace = "${terraform_data.base.id}"
lifecycle = { create_before_destroy = true }
"#;
    bench.settle(&store, text);
    let plan = bench.settle(&store, &text.replace('1', "2"));
    assert_eq!(
        actions(&plan),
        [
            (
                "terraform_data.base".to_owned(),
                ChangeAction::CreateThenDelete
            ),
            (
                "terraform_data.user".to_owned(),
                ChangeAction::CreateThenDelete
            )
        ]
    );
}

#[test]
fn secrets_flow_and_outputs_must_admit_them() {
    let bench = Bench::new();
    let store = bench.store();
    let text = "
[resource.random_password.p]
length = 20
[resource.terraform_data.d]
input = \"${random_password.p.result}\"
";
    bench.settle(&store, text);
    let program = bench.program(&format!(
        "{text}\n[outputs.p]\nvalue = \"${{terraform_data.d.output}}\"\n"
    ));
    let error = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect_err("is refused");
    assert!(
        error.to_string().contains("would show a sensitive value"),
        "{error}"
    );
    let secret = store.read(|s| {
        s.resources.values().find_map(|r| {
            r.attributes
                .get("result")
                .and_then(|v| v.as_str().map(str::to_owned))
        })
    });
    let secret = secret.expect("a password");
    bench.runtime.block_on(store.fold()).expect("folds");
    for (name, bytes) in bench.storage.files() {
        assert!(
            !String::from_utf8_lossy(&bytes).contains(&secret),
            "{name} has the secret in clear"
        );
    }
}

#[test]
fn targets_take_their_dependencies_along() {
    let bench = Bench::new();
    let store = bench.store();
    let program = bench.program(
        "
[resource.terraform_data.a]
[resource.terraform_data.b]
input = \"${terraform_data.a.id}\"
[resource.terraform_data.c]
",
    );
    let options = PlanOptions {
        targets: vec![infra_engine::plan::Target("terraform_data.b".to_owned())],
        ..PlanOptions::default()
    };
    let plan = bench.plan(&store, &program, &options).expect("plans");
    assert_eq!(
        actions(&plan),
        [
            ("terraform_data.a".to_owned(), ChangeAction::Create),
            ("terraform_data.b".to_owned(), ChangeAction::Create)
        ]
    );
    assert!(plan.partial);
    assert!(bench.apply(&store, &program, &plan).is_complete());
}

#[test]
fn a_stale_plan_is_refused() {
    let bench = Bench::new();
    let store = bench.store();
    let program = bench.program("[resource.terraform_data.a]\n");
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    assert!(bench.apply(&store, &program, &plan).is_complete());
    bench.runtime.block_on(store.fold()).expect("folds");
    let input = Input {
        program: Some(&program),
        store: &store,
    };
    let again = bench.runtime.block_on(bench.engine.apply(
        input,
        &plan,
        &ApplyOptions::default(),
        &Silent,
        &Stop::new(),
    ));
    assert!(again.expect_err("is stale").to_string().contains("stale"));
}
