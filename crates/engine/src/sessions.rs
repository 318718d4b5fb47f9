//! Configured providers, each made once: from the program's configuration, or from what the state recorded.

use crate::engine::Engine;
use infra_model::address::ProviderAddress;
use infra_model::hash::{HashMap, HashSet};
use infra_model::provider::{CallContext, Events, Session};
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::value::Value;
use infra_model::{json, planning, schema};
use infra_state::ResourceState;
use serde_json::Value as Json;
use std::sync::{Arc, Mutex};

use crate::limits::Limits;
use crate::lock::lock;

/// A configured provider and what identifies its configuration.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) session: Arc<dyn Session>,
    /// The resolved configuration, shared by all resources of it.
    pub(crate) resolved: Arc<Json>,
    /// The same as a value, for planning.
    pub(crate) value: Value,
}

/// A configuration as the state recorded it, and whose it is.
pub(crate) type Recorded = (ProviderAddress, Arc<Json>);

/// The configurations that resources are managed with, each once.
pub(crate) fn recorded<'r>(
    resources: impl IntoIterator<Item = &'r ResourceState>,
) -> Vec<Recorded> {
    let mut seen = HashSet::default();
    resources
        .into_iter()
        .filter(|r| seen.insert((r.provider.name.clone(), r.provider_config.to_string())))
        .map(|r| (r.provider.clone(), r.provider_config.clone()))
        .collect()
}

/// The sessions of one run, and its limits.
pub(crate) struct Sessions {
    engine: Engine,
    pub(crate) limits: Arc<Limits>,
    by_address: Mutex<HashMap<ProviderAddress, Connected>>,
    by_config: Mutex<HashMap<(String, String), Connected>>,
}

impl Sessions {
    pub(crate) fn new(engine: &Engine) -> Sessions {
        Sessions {
            limits: Arc::new(Limits::new(engine)),
            engine: engine.clone(),
            by_address: Mutex::default(),
            by_config: Mutex::default(),
        }
    }

    /// The session of a provider configuration, if it could be made already.
    pub(crate) fn get(&self, address: &ProviderAddress) -> Option<Connected> {
        lock(&self.by_address).get(address).cloned()
    }

    /// Connects with a configuration from the program: wholly known and coerced to the provider's schema.
    pub(crate) async fn connect(
        &self,
        address: &ProviderAddress,
        config: &Value,
    ) -> Result<Connected, ProviderError> {
        if let Some(known) = self.get(address) {
            return Ok(known);
        }
        let provider = self
            .engine
            .provider(&address.name)
            .ok_or_else(|| missing(&address.name))?;
        let config = planning::with_defaults(&provider.schema().config, config);
        let session = provider
            .configure(&config, &self.engine.environment)
            .await?;
        let connected = self.share(&address.name, session);
        lock(&self.by_address).insert(address.clone(), connected.clone());
        Ok(connected)
    }

    /// Connects with a configuration that the state recorded. The same configuration is the same session.
    pub(crate) async fn reconnect(
        &self,
        address: &ProviderAddress,
        recorded: &Json,
    ) -> Result<Connected, ProviderError> {
        let key = (address.name.to_string(), recorded.to_string());
        if let Some(known) = lock(&self.by_config).get(&key) {
            return Ok(known.clone());
        }
        let provider = self
            .engine
            .provider(&address.name)
            .ok_or_else(|| missing(&address.name))?;
        let config = provider
            .schema()
            .config
            .coerce(&json::implied(recorded))
            .map_err(|errors| {
                ProviderError::new(
                    ErrorKind::Invalid,
                    format!(
                        "the state's configuration of provider {address} cannot be used: {}",
                        schema::in_words(&errors)
                    ),
                )
            })?;
        let session = provider
            .configure(&config, &self.engine.environment)
            .await?;
        let connected = self.share(&address.name, session);
        lock(&self.by_config).insert(key, connected.clone());
        Ok(connected)
    }

    fn share(&self, provider: &str, session: Arc<dyn Session>) -> Connected {
        let resolved = session.resolved();
        let key = (provider.to_owned(), resolved.to_string());
        let mut known = lock(&self.by_config);
        let value = json::implied(&resolved);
        known
            .entry(key)
            .or_insert_with(|| Connected {
                session,
                resolved: Arc::new(resolved),
                value,
            })
            .clone()
    }

    /// What a call may use.
    pub(crate) fn context(
        &self,
        provider: &str,
        session: &dyn Session,
        events: Arc<dyn Events>,
    ) -> CallContext {
        CallContext {
            clock: self.engine.clock.clone(),
            gate: self.limits.of(provider, session),
            events,
            provider: self.engine.provider(provider).map_or("", |p| p.name()),
        }
    }
}

fn missing(name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Invalid,
        format!("this build of infra has no provider `{name}`"),
    )
}
