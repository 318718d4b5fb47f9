//! `azurerm_postgresql_flexible_server_configuration`.

use super::VERSION;
use crate::api::{self, Api};
use crate::client::{Client, Method, Request};
use crate::kind::{Kind, Update};
use crate::{found, operation, wire};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::{Value as Json, json};

/// A parameter of a PostgreSQL flexible server. Deleting it gives the server its own value back. Where a parameter takes
/// effect only with a restart, the server is restarted.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ConfigurationRecord {
    /// Its name, such as `azure.extensions`.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The server.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) server_id: String,
    /// Its value.
    #[record(required, compare = case_insensitive)]
    pub(crate) value: String,
    /// `{server_id}/configurations/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Configuration;

/// Who says that it has its value.
const OURS: &str = "user-override";

#[async_trait]
impl Kind for Configuration {
    type Record = ConfigurationRecord;
    const TYPE: &'static str = "azurerm_postgresql_flexible_server_configuration";
    const API: Api = Api::new(
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        VERSION,
        "{server_id}/configurations/{name}",
    )
    .untagged();
    const UPDATE: Update = Update::Patch;

    fn traits() -> Traits {
        Traits::default().seconds(30, 30, 30)
    }

    fn turn(id: &str) -> Option<&str> {
        Some(api::parent(id))
    }

    fn always_there() -> bool {
        true
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        _: &ConfigurationRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        wire::put(body, "properties/source", OURS.into());
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        _: &ConfigurationRecord,
        _: &ConfigurationRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        wire::put(body, "properties/source", OURS.into());
        Ok(())
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &ConfigurationRecord,
    ) -> Result<(), ProviderError> {
        restart_if_pending(client, context, operation, id).await
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &ConfigurationRecord,
        _: &ConfigurationRecord,
    ) -> Result<(), ProviderError> {
        restart_if_pending(client, context, operation, id).await
    }

    async fn deleted(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &ConfigurationRecord,
    ) -> Result<(), ProviderError> {
        {
            let _turn = client.turn(api::parent(id)).await;
            // With its server it is gone.
            let Some(found) = found::fetch(client, context, &Self::API, id).await? else {
                return Ok(());
            };
            let own = &found["properties"]["defaultValue"];
            if own.is_null() || *own == found["properties"]["value"] {
                return Ok(());
            }
            let body = json!({ "properties": { "value": own, "source": OURS } });
            let request = Request::new(Method::Patch, Self::API.name, VERSION, id).body(body);
            operation::run(client, context, operation, Self::PACE, request).await?;
        }
        restart_if_pending(client, context, operation, id).await
    }
}

async fn restart_if_pending(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    let server = api::parent(id);
    let _turn = client.turn(server).await;
    let found = found::fetch(client, context, &Configuration::API, id).await?;
    let pending = found.is_some_and(|f| f["properties"]["isConfigPendingRestart"] == true);
    if !pending {
        return Ok(());
    }
    let of = "Microsoft.DBforPostgreSQL/flexibleServers";
    let request = Request::new(Method::Post, of, VERSION, format!("{server}/restart"));
    let pace = infra_cloud::wait::MINUTES;
    operation::run(client, context, operation, pace, request)
        .await
        .map(|_| ())
}
