//! `azurerm_key_vault_secret`.

use super::object::{self, Address, Collection, request};
use super::{once_granted, settled, uri_of};
use crate::client::{Client, Method};
use crate::family;
use async_trait::async_trait;
use futures::future::join_all;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A secret in a vault. Azure keeps a deleted secret for a while: it is purged where that is allowed.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecretRecord {
    /// Its name: letters, digits and hyphens.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The vault.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) key_vault_id: String,
    /// What is secret, stored encrypted. Another one is a new version.
    #[record(optional, sensitive)]
    pub(crate) value: Option<String>,
    /// What is secret, never stored.
    #[record(optional, write_only, sensitive)]
    pub(crate) value_wo: Option<String>,
    /// Change it to send `value_wo` as a new version.
    #[record(optional)]
    pub(crate) value_wo_version: Option<i64>,
    /// What it is: `password`, `text/plain`, …
    #[record(optional)]
    pub(crate) content_type: Option<String>,
    /// From when on it can be read: `2030-01-31T00:00:00Z`.
    #[record(optional)]
    pub(crate) not_before_date: Option<String>,
    /// Until when it can be read.
    #[record(optional)]
    pub(crate) expiration_date: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its newest version.
    #[record(computed)]
    pub(crate) version: Option<String>,
    /// Its address without a version.
    #[record(computed)]
    pub(crate) versionless_id: Option<String>,
    /// The resource id of its newest version.
    #[record(computed)]
    pub(crate) resource_id: Option<String>,
    /// Its resource id without a version.
    #[record(computed)]
    pub(crate) resource_versionless_id: Option<String>,
    /// The address of its newest version.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Secret;

pub(crate) const SECRETS: Collection = Collection {
    name: "secrets",
    of: "Microsoft.KeyVault/vaults/secrets",
    deleted: "deletedsecrets",
};

/// The resource id without a version of what is planned in a vault.
pub(crate) fn resource(planned: &Planned, collection: &str) -> Option<String> {
    let text = |name: &str| planned.value.get(name).and_then(Value::as_str);
    Some(format!(
        "{}/{collection}/{}",
        text("key_vault_id")?,
        text("name")?
    ))
}

fn attributes(record: &SecretRecord) -> Result<Json, ProviderError> {
    let mut out = json!({ "enabled": true });
    if let Some(seconds) = object::seconds(record.not_before_date.as_ref())? {
        out["nbf"] = seconds.into();
    }
    if let Some(seconds) = object::seconds(record.expiration_date.as_ref())? {
        out["exp"] = seconds.into();
    }
    Ok(out)
}

/// The body of a new version.
fn version(record: &SecretRecord, tags: Json) -> Result<Json, ProviderError> {
    let value = record.value_wo.as_ref().or(record.value.as_ref());
    let mut body = json!({
        "value": value.map_or("", |v| v),
        "attributes": attributes(record)?,
        "tags": tags,
    });
    if let Some(kind) = &record.content_type {
        body["contentType"] = kind.as_str().into();
    }
    Ok(body)
}

async fn record(
    client: &Client,
    context: &CallContext,
    address: &Address,
    found: &Json,
    prior: Option<&SecretRecord>,
) -> Result<SecretRecord, ProviderError> {
    let said = prior.cloned().unwrap_or_default();
    let id = object::id_in(found).unwrap_or_default().to_owned();
    let newest = Address::parse(&id, SECRETS).unwrap_or_else(|| address.clone());
    let vault = if said.key_vault_id.is_empty() {
        object::vault_of(client, context, &address.vault)
            .await?
            .unwrap_or_default()
    } else {
        said.key_vault_id.clone()
    };
    let (own, all) = object::split_tags(client, found, &said.to_value());
    let resource = format!("{vault}/secrets/{}", newest.name);
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    // What is write-only is not read either; on import it is not known which it will be.
    let stored = said.value.is_some();
    Ok(SecretRecord {
        name: newest.name.clone(),
        key_vault_id: vault,
        value: text("value").filter(|_| stored),
        value_wo: None,
        value_wo_version: said.value_wo_version,
        content_type: text("contentType").filter(|t| !t.is_empty()),
        not_before_date: object::moment(&found["attributes"]["nbf"], said.not_before_date.as_ref()),
        expiration_date: object::moment(&found["attributes"]["exp"], said.expiration_date.as_ref()),
        tags: own,
        tags_all: all,
        version: Some(newest.version.clone()),
        versionless_id: Some(newest.versionless(SECRETS)),
        resource_id: Some(format!("{resource}/versions/{}", newest.version)),
        resource_versionless_id: Some(resource),
        id: Some(id),
    })
}

#[async_trait]
impl Resource<Client> for Secret {
    type Record = SecretRecord;
    const TYPE: &'static str = "azurerm_key_vault_secret";

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 8).family(family::VAULT)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        if said("value") == said("value_wo") {
            return vec![ProviderError::invalid(
                "value",
                "a secret needs either `value` or `value_wo`",
            )];
        }
        Vec::new()
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let block = SecretRecord::block();
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            if let Some(resource) = resource(planned, "secrets") {
                let value = std::mem::replace(&mut planned.value, Value::NULL);
                planned.value = value.with_attribute("resource_versionless_id", resource.into());
            }
            return Ok(());
        };
        let changes = |name: &str| prior.get(name) != planned.value.get(name);
        if changes("value") || changes("value_wo_version") {
            planning::mark_unknown(planned, &block, &["id", "version", "resource_id"]);
        }
        Ok(())
    }

    fn id(record: &SecretRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<SecretRecord>],
    ) -> Vec<Result<Option<SecretRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async move {
            let Some(address) = Address::parse(&item.id, SECRETS) else {
                return Err(ProviderError::new(
                    ErrorKind::Invalid,
                    format!("`{}` is no secret's address", item.id),
                ));
            };
            let prior = item.prior.as_ref();
            let vault = prior.map(|p| &*p.key_vault_id).filter(|v| !v.is_empty());
            let url = address.versionless(SECRETS);
            let Some(found) = object::find_in(client, context, SECRETS, &url, vault).await? else {
                return Ok(None);
            };
            record(client, context, &address, &found, prior)
                .await
                .map(Some)
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: SecretRecord,
    ) -> Result<SecretRecord, ProviderError> {
        let uri = uri_of(client, context, &desired.key_vault_id).await?;
        let url = format!("{uri}/secrets/{}", desired.name);
        let id = match &operation.known_id {
            Some(id) => id.clone(),
            None => {
                let tags = object::new_tags(client, &desired.to_value(), operation);
                let send = request(Method::Put, SECRETS, &*url).body(version(&desired, tags)?);
                object::make(client, context, operation, SECRETS, &url, send).await?
            }
        };
        settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SecretRecord,
        desired: SecretRecord,
    ) -> Result<SecretRecord, ProviderError> {
        let id = Self::id(&prior);
        let url = prior.versionless_id.clone().unwrap_or_else(|| id.clone());
        let look = request(Method::Get, SECRETS, &*url);
        let look = &look;
        let found = once_granted(context, operation, || client.send(context, look))
            .await?
            .body;
        let tags = object::changed_tags(client, &desired.to_value(), operation, &found);
        let again =
            prior.value != desired.value || prior.value_wo_version != desired.value_wo_version;
        let send = if again {
            request(Method::Put, SECRETS, &*url).body(version(&desired, tags)?)
        } else {
            let newest = object::id_in(&found).unwrap_or(&id);
            let kind = desired.content_type.as_deref().unwrap_or_default();
            let body =
                json!({ "contentType": kind, "attributes": attributes(&desired)?, "tags": tags });
            request(Method::Patch, SECRETS, newest).body(body)
        };
        let answer = client.send(context, &send).await?;
        let newest = object::id_in(&answer.body).unwrap_or(&id).to_owned();
        settled::<Self>(client, context, operation, &newest, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SecretRecord,
    ) -> Result<(), ProviderError> {
        let Some(address) = Address::parse(&Self::id(&prior), SECRETS) else {
            return Ok(());
        };
        let vault = Some(&*prior.key_vault_id);
        object::remove(client, context, operation, SECRETS, &address, vault).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: SecretRecord,
    ) -> Result<Recovered, ProviderError> {
        let (vault, name) = (&desired.key_vault_id, &desired.name);
        object::recovered(client, context, operation, SECRETS, vault, name).await
    }

    fn import(id: &str) -> Result<Imported<SecretRecord>, ProviderError> {
        match Address::parse(id, SECRETS) {
            Some(_) => Ok(Imported {
                id: id.to_owned(),
                prior: None,
            }),
            None => Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not `https://VAULT.vault.azure.net/secrets/NAME/VERSION`"),
            )),
        }
    }
}
