//! A small cloud with one type, whose objects can be protected from deletion, and which can be stopped in the middle of a call.

use async_trait::async_trait;
use infra_model::provider::{Environment, Finding, PreflightItem};
use infra_model::schema::{ProviderSchema, Traits};
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, Provider, ProviderError, ReadItem,
    Record, Recovered, Schema, Session, Type, Value, planning,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// A safe.
#[derive(Clone, Debug, Record)]
pub(crate) struct Safe {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// How much is in it.
    #[record(optional, default = 0)]
    pub(crate) content: i64,
    /// Whether it refuses to be deleted.
    #[record(optional, default = false, protects)]
    pub(crate) locked: bool,
    /// What it stands on.
    #[record(optional)]
    pub(crate) on: Option<String>,
    /// Its id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Where a call stops and never returns, as in a process that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Before(&'static str),
    After(&'static str),
}

/// What there is.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) safes: BTreeMap<String, Safe>,
    /// Every call that changed something.
    pub(crate) calls: Vec<String>,
    pub(crate) halt: Option<Halt>,
    /// What the calls named here answer.
    pub(crate) failing: BTreeMap<&'static str, ProviderError>,
    made: usize,
}

/// The cloud, as provider and as its session.
#[derive(Clone)]
pub(crate) struct Cloud {
    schema: Arc<ProviderSchema>,
    world: Arc<Mutex<World>>,
    /// Told when a call has stopped.
    pub(crate) halted: Arc<Notify>,
}

impl Cloud {
    pub(crate) fn new() -> Cloud {
        let traits = Traits {
            settle: std::time::Duration::ZERO,
            ..Traits::default()
        };
        let schema = Schema::new("test_safe", 0, Safe::doc(), Safe::block(), traits);
        let mut offered = ProviderSchema::default();
        offered
            .resources
            .insert("test_safe".into(), Arc::new(schema));
        Cloud {
            schema: Arc::new(offered),
            world: Arc::default(),
            halted: Arc::default(),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics in it")
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.world().calls)
    }

    /// Stops here for ever, if it is told to.
    async fn pass(&self, at: Halt) {
        let here = self.world().halt == Some(at);
        if here {
            self.halted.notify_one();
            std::future::pending::<()>().await;
        }
    }

    fn failure(&self, call: &str) -> Result<(), ProviderError> {
        self.world().failing.get(call).cloned().map_or(Ok(()), Err)
    }
}

fn id_of(value: &Value) -> String {
    let id = value.get("id").and_then(Value::as_str);
    id.unwrap_or_default().to_owned()
}

#[async_trait]
impl Provider for Cloud {
    fn name(&self) -> &'static str {
        "test"
    }

    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        let schema = &self.schema.resources[request.type_name];
        Ok(planning::by_schema(schema, request))
    }

    fn validate(&self, _: &str, _: &Value) -> Vec<ProviderError> {
        Vec::new()
    }

    fn upgrade(
        &self,
        _: &str,
        _: u32,
        raw: serde_json::Value,
    ) -> Result<serde_json::Value, ProviderError> {
        Ok(raw)
    }

    async fn configure(
        &self,
        _: &Value,
        _: &Environment,
    ) -> Result<Arc<dyn Session>, ProviderError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Session for Cloud {
    fn resolved(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    async fn read_many(
        &self,
        _: &CallContext,
        _: &str,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>> {
        let read = |item: &ReadItem| {
            self.failure("read")?;
            Ok(self.world().safes.get(&item.id).map(Record::to_value))
        };
        items.iter().map(read).collect()
    }

    async fn read_data(&self, _: &CallContext, _: &str, _: &Value) -> Result<Value, ProviderError> {
        Ok(Value::Null(Type::String))
    }

    async fn create(
        &self,
        context: &CallContext,
        operation: &Operation,
        _: &str,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let mut safe = Safe::from_value(desired)?;
        let id = match &operation.known_id {
            Some(id) => id.clone(),
            None => {
                let mut world = self.world();
                world.made += 1;
                let id = format!("safe-{}", world.made);
                world.calls.push(format!("create {id}"));
                safe.id = Some(id.clone());
                world.safes.insert(id.clone(), safe);
                id
            }
        };
        context.events.id_known(operation, &id).await?;
        self.failure("create")?;
        Ok(self.world().safes[&id].to_value())
    }

    async fn update(
        &self,
        _: &CallContext,
        _: &Operation,
        _: &str,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        self.pass(Halt::Before("update")).await;
        self.failure("update")?;
        let id = id_of(prior);
        let safe = Safe::from_value(desired)?;
        {
            let mut world = self.world();
            let locked = safe.locked;
            world.calls.push(format!("update {id} locked={locked}"));
            world.safes.insert(id, safe);
        }
        self.pass(Halt::After("update")).await;
        Ok(desired.clone())
    }

    async fn delete(
        &self,
        _: &CallContext,
        _: &Operation,
        _: &str,
        prior: &Value,
    ) -> Result<(), ProviderError> {
        self.pass(Halt::Before("delete")).await;
        self.failure("delete")?;
        let id = id_of(prior);
        {
            let mut world = self.world();
            if world.safes.get(&id).is_some_and(|s| s.locked) {
                return Err(ProviderError::new(ErrorKind::Conflict, "it is locked"));
            }
            world.calls.push(format!("delete {id}"));
            world.safes.remove(&id);
        }
        self.pass(Halt::After("delete")).await;
        Ok(())
    }

    async fn recover(
        &self,
        _: &CallContext,
        _: &Operation,
        _: &str,
        _: &Value,
    ) -> Result<Recovered, ProviderError> {
        Ok(Recovered::Absent)
    }

    async fn import(&self, _: &CallContext, _: &str, id: &str) -> Result<Value, ProviderError> {
        let world = self.world();
        let found = world.safes.get(id).map(Record::to_value);
        found.ok_or_else(|| ProviderError::new(ErrorKind::NotFound, "there is no such safe"))
    }

    async fn preflight(&self, _: &CallContext, _: &[PreflightItem]) -> Vec<Finding> {
        Vec::new()
    }
}
