//! Kubernetes as a [`Cloud`].

use crate::client::Client;
use crate::config::Config;
use crate::helm::supported;
use crate::{
    crossplane, data_loss, evictions, family, leave, refine, registry, removals, takeover, vacate,
};
use async_trait::async_trait;
use infra_cloud::Cloud;
use infra_cloud::defaults::Names;
use infra_model::outside::{Ending, Fate, Made};
use infra_model::provider::{Environment, Finding, PreflightItem, RefineItem, Refined, Shift};
use infra_model::resource::{DynDataSource, DynResource};
use infra_model::schema::ApiFamily;
use infra_model::{Address, Block, CallContext, Operation, ProviderError, Record, Str, Value};

/// The provider.
pub(crate) struct Kubernetes;

#[async_trait]
impl Cloud for Kubernetes {
    type Client = Client;
    const NAME: &'static str = "kubernetes";
    const REALM: &'static [&'static str] = &["host", "config_path", "config_context"];
    /// No type has default labels.
    const DEFAULTS: Names = Names {
        own: &[],
        all: "labels_all",
        provider: "labels",
    };

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

    async fn connect(config: &Value, environment: &Environment) -> Result<Client, ProviderError> {
        Client::new(Config::from_value(config)?, environment)
    }

    fn resolved(client: &Client) -> serde_json::Value {
        client.config().to_json()
    }

    fn holds(type_name: &str, value: &Value) -> Option<&'static str> {
        data_loss::holds(type_name, value)
    }

    fn brings(type_name: &str, value: &Value) -> Vec<Str> {
        takeover::brings(type_name, value)
    }

    fn known_as(type_name: &str, planned: &Value) -> Vec<Str> {
        takeover::known_as(type_name, planned)
    }

    async fn refine(
        client: &Client,
        context: &CallContext,
        type_name: &str,
        items: &[RefineItem],
    ) -> Vec<Result<Refined, ProviderError>> {
        refine::many(client, context, type_name, items).await
    }

    async fn leave(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
    ) -> Result<(), ProviderError> {
        leave::all(client, context, operation).await
    }

    fn tends(type_name: &str, value: &Value) -> bool {
        crossplane::scope(type_name, value).is_some()
    }

    async fn made_outside(
        client: &Client,
        context: &CallContext,
        endings: &[Ending<'_>],
    ) -> Result<Vec<Made>, ProviderError> {
        crossplane::made(client, context, endings).await
    }

    async fn settle(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        ending: Ending<'_>,
        fate: Fate,
    ) -> Result<(), ProviderError> {
        if let Ending::Host = ending {
            // What deploys would bring anew what is deleted.
            leave::stop(client, context, operation).await?;
        }
        crossplane::settle(client, context, operation, ending, fate).await
    }

    async fn vacate(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        label: (&str, &str),
    ) -> Result<(), ProviderError> {
        vacate::nodes(client, context, operation, label).await
    }

    fn unserved(shift: &Shift<'_>) -> Option<ProviderError> {
        removals::refused(shift).or_else(|| supported::refused(shift))
    }

    async fn moving(client: &Client, context: &CallContext, moved: &Address) -> Vec<Finding> {
        evictions::forbidden(client, context, moved).await
    }

    async fn preflight(_: &Client, _: &CallContext, _: &[PreflightItem]) -> Vec<Finding> {
        Vec::new()
    }
}
