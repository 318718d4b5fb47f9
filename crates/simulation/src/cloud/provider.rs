//! The simulated provider: schemas, and planning by them alone.

use super::Cloud;
use super::kinds::{self, SECRET, Thing};
use super::session::SimSession;
use async_trait::async_trait;
use infra_model::provider::{Environment, Session};
use infra_model::schema::ProviderSchema;
use infra_model::{
    ErrorKind, PlanRequest, Planned, Provider, ProviderError, Random, Record, Value, planning,
};
use std::sync::Arc;

/// `sim`
pub struct SimProvider {
    schema: ProviderSchema,
    cloud: Cloud,
    random: Arc<dyn Random>,
}

impl SimProvider {
    /// Over a cloud.
    #[must_use]
    pub fn new(cloud: Cloud, random: Arc<dyn Random>) -> SimProvider {
        SimProvider {
            schema: kinds::schema(),
            cloud,
            random,
        }
    }
}

#[async_trait]
impl Provider for SimProvider {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        let schema = self.schema.resources.get(request.type_name);
        let schema =
            schema.ok_or_else(|| ProviderError::new(ErrorKind::Invalid, "no such type"))?;
        let mut planned = planning::by_schema(schema, request);
        if let Some(prior) = request.prior
            && planned.replace.is_empty()
            && request.type_name != SECRET
            && planned.value.unmark_deep() != prior.unmark_deep()
        {
            planning::mark_unknown(&mut planned, &Thing::block(), &["revision"]);
        }
        Ok(planned)
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
        Ok(Arc::new(SimSession {
            cloud: self.cloud.clone(),
            random: self.random.clone(),
        }))
    }
}
