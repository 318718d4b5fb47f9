//! What a run is made of: the providers, the language's evaluator, and the world as it is passed in.

use crate::error::EngineError;
use crate::events::Observer;
use crate::plan::{self, Plan, PlanOptions};
use crate::sessions::Sessions;
use infra_model::evaluate::Evaluate;
use infra_model::program::Program;
use infra_model::provider::{Environment, Provider};
use infra_model::random::Random;
use infra_model::schema::{Block, Schema, Schemas};
use infra_model::time::Clock;
use infra_state::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Providers, evaluator, clock, randomness: everything but the stack and its state.
#[derive(Clone)]
pub struct Engine {
    /// By name: `aws`, `builtin`, …
    pub providers: BTreeMap<&'static str, Arc<dyn Provider>>,
    /// The language.
    pub evaluator: Arc<dyn Evaluate>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness: operation ids.
    pub random: Arc<dyn Random>,
    /// What providers may know of the world around the process.
    pub environment: Environment,
    /// At most so many operations at once; none for no limit but the providers' own.
    pub parallelism: Option<usize>,
}

/// A stack and its state.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What the stack file says; none when only the state is at hand (destroying a stack whose file no longer parses).
    pub program: Option<&'a Program>,
    /// Its state.
    pub store: &'a Store,
}

impl Engine {
    /// Makes a plan: reads the clouds and the data sources, changes nothing.
    ///
    /// # Errors
    /// Problems in values, in the clouds' answers, or in the state.
    pub async fn plan(
        &self,
        input: Input<'_>,
        options: &PlanOptions,
        observer: &dyn Observer,
    ) -> Result<Plan, EngineError> {
        let sessions = Sessions::new(self);
        plan::run(self, &sessions, input, options, observer).await
    }

    pub(crate) fn provider(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.providers.get(name)
    }

    /// The schema of a managed type, data source or ephemeral resource.
    pub(crate) fn schema(
        &self,
        provider: &str,
        mode: infra_model::Mode,
        type_name: &str,
    ) -> Option<&Arc<Schema>> {
        let schema = self.providers.get(provider)?.schema();
        match mode {
            infra_model::Mode::Managed => schema.resources.get(type_name),
            infra_model::Mode::Data => schema.data.get(type_name),
            infra_model::Mode::Ephemeral => schema.ephemeral.get(type_name),
        }
    }
}

/// The schemas of all the engine's providers, for `lang`.
impl Schemas for Engine {
    fn resource(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.providers
            .values()
            .find_map(|p| p.schema().resources.get(type_name))
    }

    fn data(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.providers
            .values()
            .find_map(|p| p.schema().data.get(type_name))
    }

    fn ephemeral(&self, type_name: &str) -> Option<&Arc<Schema>> {
        self.providers
            .values()
            .find_map(|p| p.schema().ephemeral.get(type_name))
    }

    fn provider(&self, name: &str) -> Option<&Block> {
        self.providers.get(name).map(|p| &p.schema().config)
    }

    fn resource_names(&self) -> Vec<&str> {
        self.providers
            .values()
            .flat_map(|p| p.schema().resources.keys().map(|k| &**k as &str))
            .collect()
    }

    fn data_names(&self) -> Vec<&str> {
        self.providers
            .values()
            .flat_map(|p| p.schema().data.keys().map(|k| &**k as &str))
            .collect()
    }

    fn ephemeral_names(&self) -> Vec<&str> {
        self.providers
            .values()
            .flat_map(|p| p.schema().ephemeral.keys().map(|k| &**k as &str))
            .collect()
    }

    fn provider_names(&self) -> Vec<&str> {
        self.providers.keys().copied().collect()
    }
}
