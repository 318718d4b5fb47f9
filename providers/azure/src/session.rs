//! Azure as a [`Cloud`].

use crate::client::Client;
use crate::config::Config;
use crate::{family, preflight, registry, tags};
use async_trait::async_trait;
use infra_cloud::Cloud;
use infra_cloud::defaults::Names;
use infra_model::provider::{Environment, Finding, PreflightItem};
use infra_model::resource::{DynDataSource, DynEphemeral, DynResource};
use infra_model::schema::ApiFamily;
use infra_model::{Block, CallContext, ProviderError, Record, Value};

/// The cloud.
pub(crate) struct Azure;

#[async_trait]
impl Cloud for Azure {
    type Client = Client;
    const NAME: &'static str = "azure";
    const REALM: &'static [&'static str] = &["subscription_id"];
    const DEFAULTS: Names = tags::NAMES;

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
        Client::connect(Config::from_value(config)?, environment)
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
