//! Asks the clouds about what the real stack has, by the configurations that its state recorded. Nothing is changed by it.

use crate::providers::Providers;
use crate::system::SystemClock;
use infra_model::provider::{Environment, NoEvents, NoLimits, ReadItem, Session};
use infra_model::{CallContext, ErrorKind, ProviderError, Value, json, schema};
use infra_state::ResourceState;
use serde_json::Value as Json;
use std::sync::Arc;

/// The clouds of a world.
pub(super) struct Clouds {
    pub(super) providers: Providers,
    pub(super) environment: Environment,
}

impl Clouds {
    /// An object of the state's, read as if nothing were known of it.
    pub(super) async fn whole(
        &self,
        type_name: &str,
        resource: &ResourceState,
    ) -> Result<Value, ProviderError> {
        let (session, context) = self.session(resource).await?;
        session.import(&context, type_name, &resource.id).await
    }

    /// An object of the state's as it is now, by what the state has of it; none when it is gone.
    pub(super) async fn now(
        &self,
        type_name: &str,
        resource: &ResourceState,
        prior: &Value,
    ) -> Result<Option<Value>, ProviderError> {
        let (session, context) = self.session(resource).await?;
        let item = ReadItem {
            id: resource.id.clone(),
            prior: prior.unmark_deep(),
        };
        let answers = session.read_many(&context, type_name, &[item]).await;
        answers.into_iter().next().unwrap_or(Ok(None))
    }

    /// The objects of a cluster, by the configuration that reaches it.
    pub(super) async fn objects(
        &self,
        config: &Json,
        kinds: impl IntoIterator<Item = (&str, &str)>,
    ) -> Result<Vec<Json>, ProviderError> {
        let context = context("kubernetes");
        infra_kubernetes::list_of(config, &self.environment, &context, kinds).await
    }

    async fn session(
        &self,
        resource: &ResourceState,
    ) -> Result<(Arc<dyn Session>, CallContext), ProviderError> {
        let all = self.providers.map();
        let name = &*resource.provider.name;
        let provider = all.get(name).ok_or_else(|| {
            ProviderError::new(ErrorKind::Invalid, format!("there is no provider {name}"))
        })?;
        let config = provider
            .schema()
            .config
            .coerce(&json::implied(&resource.provider_config))
            .map_err(|e| ProviderError::new(ErrorKind::Invalid, schema::in_words(&e)))?;
        let session = provider.configure(&config, &self.environment).await?;
        Ok((session, context(provider.name())))
    }
}

fn context(provider: &'static str) -> CallContext {
    CallContext {
        clock: Arc::new(SystemClock),
        gate: Arc::new(NoLimits),
        events: Arc::new(NoEvents),
        provider,
    }
}
