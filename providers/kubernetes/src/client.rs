//! The connection to one cluster.

use crate::config::Config;
use infra_model::ProviderError;
use infra_model::provider::Environment;

/// A cluster.
pub(crate) struct Client {
    config: Config,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(config: Config, _: &Environment) -> Result<Client, ProviderError> {
        Ok(Client { config })
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}
