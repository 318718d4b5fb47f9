//! `azurerm_storage_account_customer_managed_key`: a part of a storage account.

use super::VERSION;
use super::account::Account;
use crate::client::{Client, Method, Request};
use crate::kind::Kind;
use crate::vaults;
use crate::{error, found, operation, part};
use async_trait::async_trait;
use infra_cloud::wait::{self, MINUTES};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource, Value};
use serde_json::{Value as Json, json};

/// The key that encrypts a storage account. Deleting it gives the account Azure's own key back.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ManagedKeyRecord {
    /// The storage account.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) storage_account_id: String,
    /// The vault that the key is in.
    #[record(optional, compare = case_insensitive)]
    pub(crate) key_vault_id: Option<String>,
    /// The vault's address, where `key_vault_id` is not given.
    #[record(optional, computed)]
    pub(crate) key_vault_uri: Option<String>,
    /// The key's name.
    #[record(required)]
    pub(crate) key_name: String,
    /// Its version; without one the account follows the newest.
    #[record(optional)]
    pub(crate) key_version: Option<String>,
    /// The identity that the account uses the key with; without one its system-assigned one.
    #[record(optional, compare = case_insensitive)]
    pub(crate) user_assigned_identity_id: Option<String>,
    /// The application that reaches a vault of another tenant.
    #[record(optional)]
    pub(crate) federated_identity_client_id: Option<String>,
    /// The storage account's id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct ManagedKey;

fn shown(id: &str, account: &Json, prior: Option<&ManagedKeyRecord>) -> Option<ManagedKeyRecord> {
    let encryption = &account["properties"]["encryption"];
    let source = encryption["keySource"].as_str().unwrap_or_default();
    if !source.eq_ignore_ascii_case("Microsoft.Keyvault") {
        return None;
    }
    let text = |json: &Json| json.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let key = &encryption["keyvaultproperties"];
    let identity = &encryption["identity"];
    let as_said = |found: Option<String>, said: Option<&String>| match (found, said) {
        (Some(found), Some(said)) if found.eq_ignore_ascii_case(said) => Some(said.clone()),
        (found, _) => found,
    };
    let uri = text(&key["keyvaulturi"]);
    let bare = |uri: &str| uri.trim_end_matches('/').to_ascii_lowercase();
    let said_uri = prior.and_then(|p| p.key_vault_uri.clone());
    let kept_uri = match (&uri, said_uri) {
        (Some(uri), Some(said)) if bare(uri) == bare(&said) => Some(said),
        _ => uri.clone(),
    };
    // The account tells the vault's address alone.
    let same_vault = prior.is_some_and(|p| {
        let said = p.key_vault_uri.as_deref();
        said.is_none_or(|said| uri.as_deref().is_some_and(|uri| bare(uri) == bare(said)))
    });
    Some(ManagedKeyRecord {
        storage_account_id: prior.map_or_else(|| id.to_owned(), |p| p.storage_account_id.clone()),
        key_vault_id: prior
            .and_then(|p| p.key_vault_id.clone())
            .filter(|_| same_vault),
        key_vault_uri: kept_uri,
        key_name: text(&key["keyname"]).unwrap_or_default(),
        key_version: text(&key["keyversion"]),
        user_assigned_identity_id: as_said(
            text(&identity["userAssignedIdentity"]),
            prior.and_then(|p| p.user_assigned_identity_id.as_ref()),
        ),
        federated_identity_client_id: text(&identity["federatedIdentityClientId"]),
        id: Some(id.to_owned()),
    })
}

/// Sends the encryption of an account.
async fn encrypt(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    encryption: Json,
) -> Result<(), ProviderError> {
    let _turn = client.turn(id).await;
    let body = json!({ "properties": { "encryption": encryption } });
    let request = Request::new(Method::Patch, Account::API.name, VERSION, id).body(body);
    operation::run(client, context, operation, MINUTES, request)
        .await
        .map(|_| ())
}

async fn set(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &ManagedKeyRecord,
) -> Result<(), ProviderError> {
    let uri = match (&desired.key_vault_id, &desired.key_vault_uri) {
        (Some(vault), _) => vaults::uri_of(client, context, vault).await?,
        (None, Some(uri)) => uri.clone(),
        (None, None) => {
            return Err(ProviderError::invalid(
                "key_vault_id",
                "`key_vault_id` or `key_vault_uri` must be set",
            ));
        }
    };
    let mut encryption = json!({
        "keySource": "Microsoft.Keyvault",
        "services": { "blob": { "enabled": true }, "file": { "enabled": true } },
        "keyvaultproperties": {
            "keyname": desired.key_name,
            "keyversion": desired.key_version.as_deref().unwrap_or_default(),
            "keyvaulturi": uri,
        },
    });
    if let Some(identity) = &desired.user_assigned_identity_id {
        encryption["identity"]["userAssignedIdentity"] = identity.as_str().into();
    }
    if let Some(application) = &desired.federated_identity_client_id {
        encryption["identity"]["federatedIdentityClientId"] = application.as_str().into();
    }
    encrypt(
        client,
        context,
        operation,
        &desired.storage_account_id,
        encryption,
    )
    .await
}

#[async_trait]
impl Resource<Client> for ManagedKey {
    type Record = ManagedKeyRecord;
    const TYPE: &'static str = "azurerm_storage_account_customer_managed_key";

    fn traits() -> Traits {
        Traits::default()
            .seconds(5, 5, 5)
            .family(crate::family::WRITE)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        if said("key_vault_id") == said("key_vault_uri") {
            return vec![ProviderError::invalid(
                "key_vault_id",
                "the vault is given by `key_vault_id` or by `key_vault_uri`",
            )];
        }
        Vec::new()
    }

    fn id(record: &ManagedKeyRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ManagedKeyRecord>],
    ) -> Vec<Result<Option<ManagedKeyRecord>, ProviderError>> {
        let ids = items.iter().map(|i| &*i.id);
        let accounts = part::once(ids, |id| found::fetch(client, context, &Account::API, id)).await;
        items
            .iter()
            .map(|item| {
                let account = accounts[&*item.id].clone()?;
                Ok(account.and_then(|account| shown(&item.id, &account, item.prior.as_ref())))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ManagedKeyRecord,
    ) -> Result<ManagedKeyRecord, ProviderError> {
        let id = desired.storage_account_id.clone();
        if operation.known_id.is_none() {
            let Some(account) = found::fetch(client, context, &Account::API, &id).await? else {
                return Err(error::gone(&id));
            };
            if shown(&id, &account, None).is_some() {
                return Err(error::foreign(&id));
            }
            context.events.id_known(operation, &id).await?;
        }
        set(client, context, operation, &desired).await?;
        wait::settled::<_, Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ManagedKeyRecord,
        desired: ManagedKeyRecord,
    ) -> Result<ManagedKeyRecord, ProviderError> {
        set(client, context, operation, &desired).await?;
        wait::settled::<_, Self>(client, context, operation, &Self::id(&prior), desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ManagedKeyRecord,
    ) -> Result<(), ProviderError> {
        let own = json!({ "keySource": "Microsoft.Storage" });
        let sent = encrypt(client, context, operation, &Self::id(&prior), own).await;
        infra_cloud::absence::absent_is_done(sent)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ManagedKeyRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = desired.storage_account_id;
        let account = found::fetch(client, context, &Account::API, &id).await?;
        let there = account.is_some_and(|account| shown(&id, &account, None).is_some());
        Ok(match (there, operation.known_id.is_some()) {
            (false, _) => Recovered::Absent,
            (true, true) => Recovered::Found(id),
            (true, false) => Recovered::Foreign(id),
        })
    }

    fn import(id: &str) -> Result<Imported<ManagedKeyRecord>, ProviderError> {
        Account::API.import(id)
    }
}
