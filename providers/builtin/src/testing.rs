//! A provider on a bench: a seeded generator, files in memory, a clock that only sleeping moves. For tests.

use crate::files::Files;
use crate::provider::{Builtin, Client};
use async_trait::async_trait;
use infra_model::operation::Marking;
use infra_model::provider::{Environment, NoEvents, NoLimits, Opened, Session};
use infra_model::{
    Action, CallContext, Clock, Operation, OperationId, PlanRequest, Planned, Provider,
    ProviderError, Random, ReadItem, Recovered, Timestamp, Token, Value,
};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct Bench {
    pub(crate) provider: Builtin,
    pub(crate) files: Arc<MemoryFiles>,
    pub(crate) clock: Arc<SleepClock>,
    session: Arc<dyn Session>,
    context: CallContext,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let files = Arc::new(MemoryFiles::default());
        let clock = Arc::new(SleepClock(AtomicI64::new(1_700_000_000_000)));
        let provider = Builtin::new(Arc::new(Seeded(AtomicU64::new(1))), files.clone());
        let environment = Environment {
            directory: PathBuf::from("/stack"),
            ..Environment::default()
        };
        let session = run(provider.configure(&Value::NULL, &environment)).expect("configures");
        let context = CallContext {
            clock: clock.clone(),
            gate: Arc::new(NoLimits),
            events: Arc::new(NoEvents),
            provider: "builtin",
        };
        Bench {
            provider,
            files,
            clock,
            session,
            context,
        }
    }

    /// What the types may use, for those that are called directly.
    pub(crate) fn client(&self) -> Client {
        Client {
            random: Arc::new(Seeded(AtomicU64::new(1))),
            files: self.files.clone(),
            directory: PathBuf::from("/stack"),
            caller: None,
        }
    }

    pub(crate) fn context(&self) -> &CallContext {
        &self.context
    }

    /// As the engine coerces a configuration.
    fn config(&self, type_name: &str, config: &Value) -> Value {
        let schema = &self.provider.schema().resources[type_name];
        schema.block.coerce(config).expect("a configuration")
    }

    pub(crate) fn validate(&self, type_name: &str, config: &Value) -> Vec<String> {
        let config = self.config(type_name, config);
        let errors = self.provider.validate(type_name, &config);
        errors.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn plan(&self, type_name: &str, prior: Option<&Value>, config: Value) -> Planned {
        let config = self.config(type_name, &config);
        let request = PlanRequest {
            type_name,
            prior,
            config: &config,
            private: None,
            provider: None,
        };
        self.provider.plan(&request).expect("plans")
    }

    pub(crate) fn operation(&self, action: Action, type_name: &str) -> Operation {
        let id = OperationId("0123456789abcdef".into());
        Operation {
            token: Token::new("lineage", &id),
            id,
            address: format!("{type_name}.x").parse().expect("an address"),
            action,
            started: self.clock.now(),
            known_id: None,
            hands_over: false,
            marking: Marking::default(),
            private: None,
        }
    }

    /// Plans and creates.
    pub(crate) fn make(&self, type_name: &str, config: Value) -> Value {
        self.try_make(type_name, config).expect("makes it")
    }

    pub(crate) fn try_make(&self, type_name: &str, config: Value) -> Result<Value, ProviderError> {
        let planned = self.plan(type_name, None, config);
        let desired = without_unknown(&planned.value);
        let operation = self.operation(Action::Create, type_name);
        let made = run(self
            .session
            .create(&self.context, &operation, type_name, &desired))?;
        assert_kept(&planned.value, &made);
        Ok(made)
    }

    /// Plans and changes in place.
    pub(crate) fn change(&self, type_name: &str, prior: &Value, config: Value) -> Value {
        let planned = self.plan(type_name, Some(prior), config);
        assert!(planned.replace.is_empty(), "{:?}", planned.replace);
        let desired = without_unknown(&planned.value);
        let operation = self.operation(Action::Update, type_name);
        let changed =
            run(self
                .session
                .update(&self.context, &operation, type_name, prior, &desired));
        let changed = changed.expect("changes it");
        assert_kept(&planned.value, &changed);
        changed
    }

    pub(crate) fn read(&self, type_name: &str, prior: &Value) -> Option<Value> {
        let item = ReadItem {
            id: text(prior, "id").to_owned(),
            prior: prior.clone(),
        };
        let mut answers = run(self.session.read_many(&self.context, type_name, &[item]));
        answers.pop().expect("an answer").expect("reads")
    }

    pub(crate) fn delete(&self, type_name: &str, prior: &Value) {
        let operation = self.operation(Action::Delete, type_name);
        run(self
            .session
            .delete(&self.context, &operation, type_name, prior))
        .expect("deletes");
    }

    pub(crate) fn recover(&self, type_name: &str, config: Value) -> Recovered {
        let planned = self.plan(type_name, None, config);
        let desired = without_unknown(&planned.value);
        let operation = self.operation(Action::Create, type_name);
        run(self
            .session
            .recover(&self.context, &operation, type_name, &desired))
        .expect("looks")
    }

    pub(crate) fn import(&self, type_name: &str, id: &str) -> Result<Value, ProviderError> {
        run(self.session.import(&self.context, type_name, id))
    }

    pub(crate) fn open(&self, type_name: &str, config: &Value) -> Result<Opened, ProviderError> {
        let schema = &self.provider.schema().ephemeral[type_name];
        let config = schema.block.coerce(config).expect("fits the schema");
        run(self.session.open(&self.context, type_name, &config))
    }

    pub(crate) fn data(&self, type_name: &str, config: &Value) -> Result<Value, ProviderError> {
        let schema = &self.provider.schema().data[type_name];
        let config = schema.block.coerce(config).expect("a configuration");
        run(self.session.read_data(&self.context, type_name, &config))
    }
}

/// What is known while planning is a promise.
fn assert_kept(planned: &Value, made: &Value) {
    for (name, value) in planned.entries().expect("an object") {
        if value.is_wholly_known() {
            let made = made.get(name).expect("the attribute");
            assert_eq!(made.unmark_deep(), value.unmark_deep(), "{name}");
        }
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("`{name}` of {value:?}"))
}

/// As the engine hands a plan to a provider: what will be known after apply is not there yet.
fn without_unknown(value: &Value) -> Value {
    match value {
        Value::Unknown(ty) => Value::Null(ty.clone()),
        Value::Marked(marks, inner) => without_unknown(inner).with_marks(*marks),
        Value::Object(items) => {
            Value::object(items.iter().map(|(k, v)| (k.clone(), without_unknown(v))))
        }
        other => other.clone(),
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// Numbers that follow from a seed.
struct Seeded(AtomicU64);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice =
            crate::dice::Dice::seeded(&self.0.fetch_add(1, Ordering::Relaxed).to_string());
        dice.fill(bytes);
    }
}

/// Files and their modes.
#[derive(Default)]
pub(crate) struct MemoryFiles(pub(crate) Mutex<BTreeMap<PathBuf, (Vec<u8>, u32)>>);

impl MemoryFiles {
    pub(crate) fn put(&self, path: &str, text: &str) {
        let mut files = self.0.lock().expect("not poisoned");
        files.insert(path.into(), (text.as_bytes().to_vec(), 0o644));
    }

    pub(crate) fn get(&self, path: &str) -> Option<(String, u32)> {
        let files = self.0.lock().expect("not poisoned");
        let (bytes, mode) = files.get(Path::new(path))?;
        Some((String::from_utf8_lossy(bytes).into_owned(), *mode))
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let files = self.0.lock().expect("not poisoned");
        Ok(files.get(path).map(|(bytes, _)| bytes.clone()))
    }

    fn write(&self, path: &Path, bytes: &[u8], file_mode: u32, _: u32) -> io::Result<()> {
        let mut files = self.0.lock().expect("not poisoned");
        files.insert(path.to_path_buf(), (bytes.to_vec(), file_mode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().expect("not poisoned").remove(path);
        Ok(())
    }
}

pub(crate) struct SleepClock(AtomicI64);

#[async_trait]
impl Clock for SleepClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
    async fn sleep(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).expect("a short sleep");
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}
