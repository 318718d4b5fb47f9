//! Google Cloud as a [`Cloud`].

use crate::client::Client;
use crate::config::Config;
use crate::{family, labels, preflight, registry};
use async_trait::async_trait;
use infra_cloud::Cloud;
use infra_cloud::defaults::Names;
use infra_model::provider::{Environment, Finding, PreflightItem};
use infra_model::resource::{DynDataSource, DynEphemeral, DynResource};
use infra_model::schema::ApiFamily;
use infra_model::{Block, CallContext, ProviderError, Record, Value};

/// The cloud.
pub(crate) struct Google;

#[async_trait]
impl Cloud for Google {
    type Client = Client;
    const NAME: &'static str = "google";
    const REALM: &'static [&'static str] = &["project"];
    const DEFAULTS: Names = labels::NAMES;

    fn config() -> Block {
        Config::block()
    }

    fn families() -> Vec<ApiFamily> {
        family::limits()
    }

    fn resources() -> Vec<Box<dyn DynResource<Client>>> {
        registry::resources()
    }

    fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
        registry::data()
    }

    fn ephemeral() -> Vec<Box<dyn DynEphemeral<Client>>> {
        registry::ephemeral()
    }

    async fn connect(config: &Value, environment: &Environment) -> Result<Client, ProviderError> {
        Client::connect(Config::from_value(config)?, environment).await
    }

    fn resolved(client: &Client) -> serde_json::Value {
        client.config().to_json()
    }

    async fn preflight(
        client: &Client,
        context: &CallContext,
        items: &[PreflightItem],
    ) -> Vec<Finding> {
        preflight::check(client, context, items).await
    }
}
