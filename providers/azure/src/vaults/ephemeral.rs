//! The ephemeral `azurerm_key_vault_secret`: a secret that is read when a run needs it, and never stored.

use super::object::{self, request};
use super::secret::SECRETS;
use super::uri_of;
use crate::client::{Client, Method};
use async_trait::async_trait;
use infra_model::resource::EphemeralResource;
use infra_model::{CallContext, ProviderError, Record};

/// A secret of a vault, read when it is needed and never stored.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct OpenedRecord {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The vault.
    #[record(required)]
    pub(crate) key_vault_id: String,
    /// Its version; by default the newest.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// What is secret.
    #[record(computed, sensitive)]
    pub(crate) value: Option<String>,
    /// From when on it can be read.
    #[record(computed)]
    pub(crate) not_before_date: Option<String>,
    /// Until when it can be read.
    #[record(computed)]
    pub(crate) expiration_date: Option<String>,
}

pub(crate) struct Opened;

#[async_trait]
impl EphemeralResource<Client> for Opened {
    type Record = OpenedRecord;
    const TYPE: &'static str = "azurerm_key_vault_secret";

    async fn open(
        client: &Client,
        context: &CallContext,
        config: OpenedRecord,
    ) -> Result<OpenedRecord, ProviderError> {
        let uri = uri_of(client, context, &config.key_vault_id).await?;
        let version = config.version.as_deref().unwrap_or_default();
        let url = format!("{uri}/secrets/{}/{version}", config.name);
        let look = request(Method::Get, SECRETS, url.trim_end_matches('/'));
        let found = client.call(context, &look).await?;
        let id = object::id_in(&found).unwrap_or_default();
        let newest = object::Address::parse(id, SECRETS).map(|address| address.version);
        Ok(OpenedRecord {
            version: config.version.or(newest),
            value: found["value"].as_str().map(str::to_owned),
            not_before_date: object::moment(&found["attributes"]["nbf"], None),
            expiration_date: object::moment(&found["attributes"]["exp"], None),
            ..config
        })
    }
}
