//! `azurerm_key_vault_secret`.

use super::kept::Object;
use super::object::{self, Collection, Seen, request};
use crate::client::{Client, Method, Request};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, Planned, ProviderError, Record, Value, planning};
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
    one: "secret",
    name: "secrets",
    of: "Microsoft.KeyVault/vaults/secrets",
    deleted: "deletedsecrets",
};

fn attributes(record: &SecretRecord) -> Result<Json, ProviderError> {
    let (from, until) = (&record.not_before_date, &record.expiration_date);
    object::attributes(from.as_ref(), until.as_ref())
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

#[async_trait]
impl Object for Secret {
    type Record = SecretRecord;
    const TYPE: &'static str = "azurerm_key_vault_secret";
    const COLLECTION: Collection = SECRETS;

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 8)
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

    fn plan(_: &Value, prior: &Value, planned: &mut Planned) {
        let changes = |name: &str| prior.get(name) != planned.value.get(name);
        if changes("value") || changes("value_wo_version") {
            let block = SecretRecord::block();
            planning::mark_unknown(planned, &block, &["id", "version", "resource_id"]);
        }
    }

    fn making(
        client: &Client,
        operation: &Operation,
        url: &str,
        desired: &SecretRecord,
    ) -> Result<Request, ProviderError> {
        let tags = object::new_tags(client, &desired.to_value(), operation);
        Ok(request(Method::Put, SECRETS, url).body(version(desired, tags)?))
    }

    async fn change(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        url: &str,
        prior: &SecretRecord,
        desired: &SecretRecord,
    ) -> Result<String, ProviderError> {
        let again =
            prior.value != desired.value || prior.value_wo_version != desired.value_wo_version;
        let send = |newest: &str, tags: Json| {
            if again {
                return Ok(request(Method::Put, SECRETS, url).body(version(desired, tags)?));
            }
            let kind = desired.content_type.as_deref().unwrap_or_default();
            let body =
                json!({ "contentType": kind, "attributes": attributes(desired)?, "tags": tags });
            Ok(request(Method::Patch, SECRETS, newest).body(body))
        };
        let look = request(Method::Get, SECRETS, url);
        let of = (prior.id.as_deref(), &desired.to_value());
        object::changed(client, context, operation, look, of, send).await
    }

    async fn record(
        _: &Client,
        _: &CallContext,
        seen: Seen,
        found: &Json,
        prior: Option<&SecretRecord>,
    ) -> Result<SecretRecord, ProviderError> {
        let text = |name: &str| found[name].as_str().map(str::to_owned);
        // What is write-only is not read either; on import it is not known which it will be.
        let stored = prior.is_some_and(|p| p.value.is_some());
        Ok(SecretRecord {
            value: text("value").filter(|_| stored),
            value_wo: None,
            value_wo_version: prior.and_then(|p| p.value_wo_version),
            content_type: text("contentType").filter(|t| !t.is_empty()),
            resource_id: Some(seen.resource_id()),
            name: seen.newest.name,
            key_vault_id: seen.vault,
            not_before_date: seen.not_before,
            expiration_date: seen.expiration,
            tags: seen.tags,
            tags_all: seen.tags_all,
            version: Some(seen.newest.version),
            versionless_id: Some(seen.versionless),
            resource_versionless_id: Some(seen.resource),
            id: Some(seen.id),
        })
    }
}
