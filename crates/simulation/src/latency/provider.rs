//! The provider of the latency bench: creates, polls at the pace of the real ones, and sends again what was throttled.

use super::cloud::{Bucket, Cloud};
use async_trait::async_trait;
use infra_model::provider::{Environment, Finding, PreflightItem, Session};
use infra_model::schema::{ApiFamily, ProviderSchema, Schema, Traits};
use infra_model::time::next_pause;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, Provider, ProviderError, ReadItem,
    Record, Recovered, Value, planning,
};
use std::sync::Arc;
use std::time::Duration;

/// A type, and how long its things take, in milliseconds.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) type_name: &'static str,
    pub(super) shortest: i64,
    pub(super) longest: i64,
}

const fn minutes(type_name: &'static str, shortest: i64, longest: i64) -> Kind {
    Kind {
        type_name,
        shortest: shortest * 60_000,
        longest: longest * 60_000,
    }
}

/// What real clouds need; the last is the quick one.
pub(super) const KINDS: &[Kind] = &[
    minutes("lat_cluster", 8, 12),
    minutes("lat_node_group", 2, 4),
    minutes("lat_database", 5, 10),
    minutes("lat_nat_gateway", 1, 2),
    minutes("lat_load_balancer", 2, 3),
    Kind {
        type_name: "lat_thing",
        shortest: 0,
        longest: 0,
    },
];

/// What everything here looks like.
#[derive(Clone, Debug, Default, Record)]
struct Thing {
    /// Its name.
    #[record(required, force_new)]
    name: String,
    /// Ids of what it stands on.
    #[record(optional)]
    needs: Option<Vec<String>>,
    /// The cloud's id.
    #[record(computed)]
    id: Option<String>,
}

/// The provider's configuration.
#[derive(Clone, Debug, Default, Record)]
struct Config {
    /// Where everything is.
    #[record(optional)]
    region: Option<String>,
}

pub(super) struct LatencyProvider {
    schema: ProviderSchema,
    cloud: Cloud,
}

const FAMILY: &str = "lat";

impl LatencyProvider {
    pub(super) fn new(cloud: Cloud, documented: Bucket) -> LatencyProvider {
        let mut schema = ProviderSchema {
            config: Config::block(),
            ..ProviderSchema::default()
        };
        for kind in KINDS {
            let middle = (kind.shortest + kind.longest).unsigned_abs() / 2;
            let traits = Traits {
                create: Duration::from_millis(middle.max(1_000)),
                family: FAMILY,
                ..Traits::default()
            };
            let one = Schema::new(kind.type_name, 0, Thing::doc(), Thing::block(), traits);
            let name = kind.type_name.into();
            schema.resources.insert(name, Arc::new(one));
        }
        schema.families.push(ApiFamily {
            name: FAMILY,
            concurrent: documented.concurrent,
            burst: documented.burst,
            per_second: documented.per_second,
        });
        LatencyProvider { schema, cloud }
    }
}

#[async_trait]
impl Provider for LatencyProvider {
    fn name(&self) -> &'static str {
        "lat"
    }

    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        let schema = self.schema.resources.get(request.type_name);
        let schema =
            schema.ok_or_else(|| ProviderError::new(ErrorKind::Invalid, "no such type"))?;
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
        Ok(Arc::new(LatencySession {
            cloud: self.cloud.clone(),
        }))
    }
}

struct LatencySession {
    cloud: Cloud,
}

impl LatencySession {
    /// Makes a call, and again while it is throttled, as `infra-aws` does.
    async fn calling<T, F>(
        &self,
        context: &CallContext,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>> + Send,
    {
        let mut throttled = 0_u32;
        loop {
            let permit = context.enter(FAMILY).await?;
            let result = call().await;
            drop(permit);
            match result {
                Err(error) if error.kind == ErrorKind::Throttled && throttled < 11 => {
                    context.gate.throttled(context.provider, FAMILY);
                    throttled += 1;
                    let pause = Duration::from_millis(100 << throttled.min(6));
                    context.clock.sleep(pause).await;
                }
                other => return other,
            }
        }
    }
}

fn unused<T>() -> Result<T, ProviderError> {
    Err(ProviderError::new(
        ErrorKind::Invalid,
        "the bench only creates",
    ))
}

#[async_trait]
impl Session for LatencySession {
    fn resolved(&self) -> serde_json::Value {
        serde_json::json!({ "region": "lat-1" })
    }

    async fn read_many(
        &self,
        _: &CallContext,
        _: &str,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>> {
        items.iter().map(|_| unused()).collect()
    }

    async fn read_data(&self, _: &CallContext, _: &str, _: &Value) -> Result<Value, ProviderError> {
        unused()
    }

    async fn create(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let thing = Thing::from_value(desired)?;
        let id = self
            .calling(context, || self.cloud.create(&thing.name))
            .await?;
        context.events.id_known(operation, &id).await?;
        let kind = KINDS.iter().find(|k| k.type_name == type_name);
        if kind.is_some_and(|k| k.longest > 0) {
            let began = context.clock.now();
            let mut pause = Duration::from_millis(200);
            while !self.calling(context, || self.cloud.is_ready(&id)).await? {
                context.clock.sleep(pause).await;
                let waited = context.clock.now().since(began);
                pause = next_pause(pause, waited, Duration::from_secs(15));
            }
        }
        let id = Some(id);
        Ok(Thing { id, ..thing }.to_value())
    }

    async fn update(
        &self,
        _: &CallContext,
        _: &Operation,
        _: &str,
        _: &Value,
        _: &Value,
    ) -> Result<Value, ProviderError> {
        unused()
    }

    async fn delete(
        &self,
        _: &CallContext,
        _: &Operation,
        _: &str,
        _: &Value,
    ) -> Result<(), ProviderError> {
        unused()
    }

    async fn recover(
        &self,
        _: &CallContext,
        _: &Operation,
        _: &str,
        _: &Value,
    ) -> Result<Recovered, ProviderError> {
        unused()
    }

    async fn import(&self, _: &CallContext, _: &str, _: &str) -> Result<Value, ProviderError> {
        unused()
    }

    async fn preflight(&self, _: &CallContext, _: &[PreflightItem]) -> Vec<Finding> {
        Vec::new()
    }
}
