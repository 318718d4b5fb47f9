//! The providers that this binary has, each made when it is first asked for: a schema of hundreds of types is not built for a
//! command that never looks at it.

use async_trait::async_trait;
use infra_model::address::ProviderAddress;
use infra_model::provider::{Environment, Provider, Session, Shift};
use infra_model::schema::{Block, ProviderSchema, Schema, Schemas};
use infra_model::{PlanRequest, Planned, ProviderError, Str, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// All of them, by name.
#[derive(Clone)]
pub(crate) struct Providers(BTreeMap<&'static str, Arc<dyn Provider>>);

impl Providers {
    /// Everything that was compiled in.
    pub(crate) fn new() -> Providers {
        let mut all: BTreeMap<&'static str, Arc<dyn Provider>> = BTreeMap::new();
        let mut add = |name: &'static str, make: fn() -> Arc<dyn Provider>| {
            all.insert(
                name,
                Arc::new(Lazy {
                    name,
                    make,
                    made: OnceLock::new(),
                }),
            );
        };
        add("builtin", || {
            infra_builtin::provider(
                Arc::new(crate::system::SystemRandom),
                Arc::new(infra_builtin::OsFiles),
            )
        });
        #[cfg(feature = "aws")]
        add("aws", infra_aws::provider);
        add("google", infra_google::provider);
        add("kubernetes", infra_kubernetes::provider);
        add("azure", infra_azure::provider);
        Providers(all)
    }

    /// For the engine.
    pub(crate) fn map(&self) -> BTreeMap<&'static str, Arc<dyn Provider>> {
        self.0.clone()
    }

    /// The schema of the provider that a type belongs to by its prefix.
    fn of_type(&self, type_name: &str) -> Option<&ProviderSchema> {
        let provider = ProviderAddress::of_type(type_name)?;
        self.0.get(&*provider.name).map(|p| p.schema())
    }
}

impl Schemas for Providers {
    fn resource(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.of_type(type_name)?.resources.get(type_name)
    }

    fn data(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.of_type(type_name)?.data.get(type_name)
    }

    fn ephemeral(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.of_type(type_name)?.ephemeral.get(type_name)
    }

    fn provider(&self, name: &str) -> Option<&Block> {
        self.0.get(name).map(|p| &p.schema().config)
    }

    fn resource_names(&self) -> Vec<&str> {
        self.0
            .values()
            .flat_map(|p| p.schema().resources.keys().map(|k| &**k))
            .collect()
    }

    fn data_names(&self) -> Vec<&str> {
        self.0
            .values()
            .flat_map(|p| p.schema().data.keys().map(|k| &**k))
            .collect()
    }

    fn ephemeral_names(&self) -> Vec<&str> {
        self.0
            .values()
            .flat_map(|p| p.schema().ephemeral.keys().map(|k| &**k))
            .collect()
    }

    fn provider_names(&self) -> Vec<&str> {
        self.0.keys().copied().collect()
    }
}

/// A provider that does not exist before someone needs it.
struct Lazy {
    name: &'static str,
    make: fn() -> Arc<dyn Provider>,
    made: OnceLock<Arc<dyn Provider>>,
}

impl Lazy {
    fn get(&self) -> &dyn Provider {
        &**self.made.get_or_init(self.make)
    }
}

#[async_trait]
impl Provider for Lazy {
    fn name(&self) -> &'static str {
        self.name
    }

    fn schema(&self) -> &ProviderSchema {
        self.get().schema()
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        self.get().plan(request)
    }

    fn validate(&self, type_name: &str, config: &Value) -> Vec<ProviderError> {
        self.get().validate(type_name, config)
    }

    fn data(&self, type_name: &str, value: &Value) -> Option<&'static str> {
        self.get().data(type_name, value)
    }

    fn brings(&self, type_name: &str, value: &Value) -> Vec<Str> {
        self.get().brings(type_name, value)
    }

    fn known_as(&self, type_name: &str, planned: &Value) -> Vec<Str> {
        self.get().known_as(type_name, planned)
    }

    fn tends(&self, type_name: &str, value: &Value) -> bool {
        self.get().tends(type_name, value)
    }

    fn unserved(&self, shift: &Shift<'_>) -> Option<ProviderError> {
        self.get().unserved(shift)
    }

    fn upgrade(
        &self,
        type_name: &str,
        version: u32,
        raw: serde_json::Value,
    ) -> Result<serde_json::Value, ProviderError> {
        self.get().upgrade(type_name, version, raw)
    }

    async fn configure(
        &self,
        config: &Value,
        environment: &Environment,
    ) -> Result<Arc<dyn Session>, ProviderError> {
        self.get().configure(config, environment).await
    }
}
