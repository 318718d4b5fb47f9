//! A small cloud with one type, whose objects can be protected from deletion, and which can be stopped in the middle of a call.

use async_trait::async_trait;
use infra_model::provider::{Environment, Finding, Opened, PreflightItem, Renewed};
use infra_model::schema::{ProviderSchema, Traits};
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, Provider, ProviderError, ReadItem,
    Record, Recovered, Schema, Session, Str, Type, Value, planning,
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
    /// What stands around it.
    #[record(optional)]
    pub(crate) near: Option<Vec<String>>,
    /// Its id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A gate, which forgets the combination that it is told.
#[derive(Clone, Debug, Record)]
pub(crate) struct Gate {
    /// Its name, and its id.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What opens it.
    #[record(optional, sensitive, write_only)]
    pub(crate) combination: Option<String>,
    /// Its id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A house: safes that stand in it end with it. Beside safes there are pipes, which a house gets with its version, and floors and
/// cellars, which what is in it stands on; they are as safes are. Only one cellar can have so much in it.
#[derive(Clone, Debug, Record)]
pub(crate) struct House {
    /// Its name, and its id.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it stands on.
    #[record(optional)]
    pub(crate) on: Option<String>,
    /// Which house it is.
    #[record(optional)]
    pub(crate) version: Option<String>,
    /// What is written of this version.
    #[record(computed)]
    pub(crate) deed: Option<String>,
    /// Its id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

impl House {
    fn written(&mut self) {
        self.deed = Some(format!(
            "deed of {}",
            self.version.as_deref().unwrap_or("none")
        ));
    }
}

/// A key that lasts only for a while.
#[derive(Clone, Debug, Record)]
pub(crate) struct Key {
    /// What it is for; a `short` one must be renewed.
    #[record(required)]
    pub(crate) purpose: String,
    /// What it says.
    #[record(computed, sensitive)]
    pub(crate) secret: Option<String>,
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
    gates: BTreeMap<String, Gate>,
    houses: BTreeMap<String, House>,
    /// Every call that changed something.
    pub(crate) calls: Vec<String>,
    pub(crate) halt: Option<Halt>,
    /// What the calls named here answer.
    pub(crate) failing: BTreeMap<&'static str, ProviderError>,
    /// What preflight was last told that each refers to: attribute, and addresses.
    pub(crate) refers: BTreeMap<String, Vec<String>>,
    made: usize,
    keys: usize,
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
        let refers = traits.clone().referring(&["on", "near"]);
        let schema = Schema::new("test_safe", 0, Safe::doc(), Safe::block(), refers);
        let mut offered = ProviderSchema::default();
        offered
            .resources
            .insert("test_safe".into(), Arc::new(schema));
        let gate = Schema::new("test_gate", 0, Gate::doc(), Gate::block(), traits.clone());
        let house = Schema::new(
            "test_house",
            0,
            House::doc(),
            House::block(),
            traits.clone().hosting("test").versioned("version"),
        );
        let carries = traits.clone().carrying("test", &[]);
        let carries = carries.labelling("floor", "name");
        for (name, traits) in [
            ("test_pipe", traits.clone().extending("test")),
            ("test_floor", carries.clone()),
            ("test_cellar", carries.unique(&["content"])),
        ] {
            let schema = Schema::new(name, 0, Safe::doc(), Safe::block(), traits);
            offered.resources.insert(name.into(), Arc::new(schema));
        }
        offered
            .resources
            .insert("test_house".into(), Arc::new(house));
        offered.resources.insert("test_gate".into(), Arc::new(gate));
        let key = Schema::new("test_key", 0, Key::doc(), Key::block(), Traits::default());
        offered.ephemeral.insert("test_key".into(), Arc::new(key));
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
        let mut planned = planning::by_schema(schema, request);
        let version = |value: &Value| value.get("version").cloned();
        if request.type_name == "test_house"
            && request
                .prior
                .is_some_and(|p| version(p) != version(&planned.value))
        {
            planning::mark_unknown(&mut planned, &House::block(), &["deed"]);
        }
        Ok(planned)
    }

    fn validate(&self, _: &str, _: &Value) -> Vec<ProviderError> {
        Vec::new()
    }

    fn data(&self, _: &str, value: &Value) -> Option<&'static str> {
        let kept = value.get("content").and_then(Value::as_i64);
        kept.filter(|n| *n > 99).map(|_| "what is in it")
    }

    /// A safe that is called so has brought others, which it names.
    fn brings(&self, _: &str, value: &Value) -> Vec<Str> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("name") != "keeper" {
            return Vec::new();
        }
        text("on").split(',').map(Str::from).collect()
    }

    fn known_as(&self, _: &str, planned: &Value) -> Vec<Str> {
        let name = planned.get("name").and_then(Value::as_str);
        name.map(Str::from).into_iter().collect()
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
            if let Some(gate) = self.world().gates.get(&item.id) {
                return Ok(Some(gate.to_value()));
            }
            if let Some(house) = self.world().houses.get(&item.id) {
                return Ok(Some(house.to_value()));
            }
            Ok(self.world().safes.get(&item.id).map(Record::to_value))
        };
        items.iter().map(read).collect()
    }

    async fn read_data(&self, _: &CallContext, _: &str, _: &Value) -> Result<Value, ProviderError> {
        Ok(Value::Null(Type::String))
    }

    async fn open(
        &self,
        context: &CallContext,
        _: &str,
        config: &Value,
    ) -> Result<Opened, ProviderError> {
        self.failure("open")?;
        let mut key = Key::from_value(config)?;
        let mut world = self.world();
        world.keys += 1;
        let secret = format!("key-{}", world.keys);
        world.calls.push(format!("open {secret} {}", key.purpose));
        let second = std::time::Duration::from_secs(1);
        let short = key.purpose.starts_with("short");
        key.secret = Some(secret.clone());
        Ok(Opened {
            value: key.to_value(),
            renew_at: short.then(|| context.clock.now().plus(second)),
            private: Some(secret.into()),
        })
    }

    async fn renew(
        &self,
        _: &CallContext,
        _: &str,
        private: Option<&serde_json::Value>,
    ) -> Result<Renewed, ProviderError> {
        self.failure("renew")?;
        let secret = private.and_then(|p| p.as_str()).unwrap_or_default();
        self.world().calls.push(format!("renew {secret}"));
        Ok(Renewed {
            renew_at: None,
            private: Some(format!("{secret}'").into()),
        })
    }

    async fn close(
        &self,
        _: &CallContext,
        _: &str,
        private: Option<&serde_json::Value>,
    ) -> Result<(), ProviderError> {
        self.failure("close")?;
        let secret = private.and_then(|p| p.as_str()).unwrap_or_default();
        self.world().calls.push(format!("close {secret}"));
        Ok(())
    }

    async fn create(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        if type_name == "test_gate" {
            let mut gate = Gate::from_value(desired)?;
            let with = gate.combination.take().unwrap_or_default();
            gate.id = Some(gate.name.clone());
            let mut world = self.world();
            world
                .calls
                .push(format!("create {} with {with}", gate.name));
            world.gates.insert(gate.name.clone(), gate.clone());
            return Ok(gate.to_value());
        }
        if type_name == "test_house" {
            let mut house = House::from_value(desired)?;
            house.written();
            house.id = Some(house.name.clone());
            let mut world = self.world();
            world.calls.push(format!("create {}", house.name));
            world.houses.insert(house.name.clone(), house.clone());
            return Ok(house.to_value());
        }
        let mut safe = Safe::from_value(desired)?;
        let id = match &operation.known_id {
            Some(id) => id.clone(),
            None => {
                let mut world = self.world();
                world.made += 1;
                let id = format!("safe-{}", world.made);
                world.calls.push(match operation.hands_over {
                    true => format!("take over {}", safe.name),
                    false => format!("create {id}"),
                });
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
        operation: &Operation,
        type_name: &str,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        if type_name == "test_house" {
            self.pass(Halt::Before("raise")).await;
            let mut house = House::from_value(desired)?;
            house.written();
            let mut world = self.world();
            world.calls.push(format!("raise {}", house.name));
            world.houses.insert(house.name.clone(), house.clone());
            return Ok(house.to_value());
        }
        self.pass(Halt::Before("update")).await;
        self.failure("update")?;
        let id = id_of(prior);
        if operation.hands_over {
            self.world().calls.push(format!("stop {id}"));
            return Ok(prior.clone());
        }
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
        operation: &Operation,
        _: &str,
        prior: &Value,
    ) -> Result<(), ProviderError> {
        self.pass(Halt::Before("delete")).await;
        self.failure("delete")?;
        let id = id_of(prior);
        {
            let mut world = self.world();
            world.gates.remove(&id);
            world.houses.remove(&id);
            if world.safes.get(&id).is_some_and(|s| s.locked) {
                return Err(ProviderError::new(ErrorKind::Conflict, "it is locked"));
            }
            let word = if operation.hands_over {
                "let go"
            } else {
                "delete"
            };
            world.calls.push(format!("{word} {id}"));
            world.safes.remove(&id);
        }
        self.pass(Halt::After("delete")).await;
        Ok(())
    }

    async fn leave(&self, _: &CallContext, operation: &Operation) -> Result<(), ProviderError> {
        self.pass(Halt::Before("leave")).await;
        self.failure("leave")?;
        let host = operation.known_id.clone().unwrap_or_default();
        self.world().calls.push(format!("leave {host}"));
        self.pass(Halt::After("leave")).await;
        Ok(())
    }

    async fn vacate(
        &self,
        _: &CallContext,
        _: &Operation,
        (label, value): (&str, &str),
    ) -> Result<(), ProviderError> {
        self.pass(Halt::Before("vacate")).await;
        self.failure("vacate")?;
        self.world().calls.push(format!("vacate {label} {value}"));
        self.pass(Halt::After("vacate")).await;
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

    async fn preflight(&self, _: &CallContext, items: &[PreflightItem]) -> Vec<Finding> {
        let told = items.iter().flat_map(|item| {
            let each = item.refers.iter();
            each.map(|(name, of)| {
                let of = of.iter().map(ToString::to_string).collect();
                (format!("{}.{name}", item.address), of)
            })
        });
        self.world().refers = told.collect();
        Vec::new()
    }
}
