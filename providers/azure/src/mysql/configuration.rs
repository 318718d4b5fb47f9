//! `azurerm_mysql_flexible_server_configuration`.

use super::VERSION;
use crate::api::{self, Api, grouped};
use crate::client::Client;
use crate::flexible::{self, OURS, Parameter};
use crate::kind::{Kind, Update};
use crate::wire;
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::{Value as Json, json};

/// A parameter of a MySQL flexible server. Deleting it gives the server its own value back. Where a parameter takes
/// effect only with a restart, the server is restarted.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ConfigurationRecord {
    /// Its name, such as `require_secure_transport`.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group of the server.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// The name of the server.
    #[record(required, force_new)]
    pub(crate) server_name: String,
    /// Its value.
    #[record(required, compare = case_insensitive)]
    pub(crate) value: String,
    /// The server's resource id, and `/configurations/{name}`.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Configuration;

#[async_trait]
impl Kind for Configuration {
    type Record = ConfigurationRecord;
    const TYPE: &'static str = "azurerm_mysql_flexible_server_configuration";
    const API: Api = Api::new(
        "Microsoft.DBforMySQL/flexibleServers/configurations",
        VERSION,
        grouped!("Microsoft.DBforMySQL/flexibleServers/{server_name}/configurations/{name}"),
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
        flexible::restart_if_pending::<Self>(client, context, operation, id).await
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &ConfigurationRecord,
        _: &ConfigurationRecord,
    ) -> Result<(), ProviderError> {
        flexible::restart_if_pending::<Self>(client, context, operation, id).await
    }

    async fn deleted(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &ConfigurationRecord,
    ) -> Result<(), ProviderError> {
        flexible::reset::<Self>(client, context, operation, id).await
    }
}

impl Parameter for Configuration {
    const SERVER: &'static str = "Microsoft.DBforMySQL/flexibleServers";

    /// A standby is no reason to fail over: both restart.
    fn restart() -> Option<Json> {
        Some(json!({ "restartWithFailover": "Disabled" }))
    }
}
