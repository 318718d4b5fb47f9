//! `azurerm_key_vault_key`.

use super::kept::Object;
use super::object::{self, Collection, Seen, request};
use super::once_granted;
use crate::client::{Client, Method, Request};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A key in a vault. Azure keeps a deleted key for a while: it is purged where that is allowed.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct KeyRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The vault.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) key_vault_id: String,
    /// `RSA`, `RSA-HSM`, `EC` or `EC-HSM`.
    #[record(required, force_new)]
    pub(crate) key_type: String,
    /// How long an RSA key is: 2048, 3072 or 4096.
    #[record(optional, force_new)]
    pub(crate) key_size: Option<i64>,
    /// The curve of an EC key: `P-256`, `P-256K`, `P-384` or `P-521`.
    #[record(optional, computed, force_new)]
    pub(crate) curve: Option<String>,
    /// What it may do: `decrypt`, `encrypt`, `sign`, `unwrapKey`, `verify`, `wrapKey`.
    #[record(required)]
    pub(crate) key_opts: Vec<String>,
    /// From when on it can be used: `2030-01-31T00:00:00Z`.
    #[record(optional)]
    pub(crate) not_before_date: Option<String>,
    /// Until when it can be used.
    #[record(optional)]
    pub(crate) expiration_date: Option<String>,
    /// When it gets a new version by itself.
    #[record(block, max = 1)]
    pub(crate) rotation_policy: Vec<Rotation>,
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
    /// The modulus of an RSA key.
    #[record(computed)]
    pub(crate) n: Option<String>,
    /// The public exponent of an RSA key.
    #[record(computed)]
    pub(crate) e: Option<String>,
    /// The first coordinate of an EC key.
    #[record(computed)]
    pub(crate) x: Option<String>,
    /// The second coordinate of an EC key.
    #[record(computed)]
    pub(crate) y: Option<String>,
    /// The address of its newest version.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// When a key gets a new version by itself.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Rotation {
    /// The time.
    #[record(block, max = 1)]
    pub(crate) automatic: Vec<Automatic>,
    /// How long a version lasts: `P90D`.
    #[record(optional)]
    pub(crate) expire_after: Option<String>,
    /// How long before that Azure tells of it: `P29D`.
    #[record(optional)]
    pub(crate) notify_before_expiry: Option<String>,
}

/// The time of a new version.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Automatic {
    /// So long after the last one: `P90D`.
    #[record(optional)]
    pub(crate) time_after_creation: Option<String>,
    /// So long before the last one ends.
    #[record(optional)]
    pub(crate) time_before_expiry: Option<String>,
}

pub(crate) struct Key;

pub(crate) const KEYS: Collection = Collection {
    one: "key",
    name: "keys",
    of: "Microsoft.KeyVault/vaults/keys",
    deleted: "deletedkeys",
};

fn attributes(record: &KeyRecord) -> Result<Json, ProviderError> {
    let (from, until) = (&record.not_before_date, &record.expiration_date);
    object::attributes(from.as_ref(), until.as_ref())
}

/// Fields of which nobody spoke are left out.
fn spoken(mut json: Json) -> Json {
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|_, v| !v.is_null());
        for field in fields.values_mut().filter(|f| f.is_object()) {
            *field = spoken(field.take());
        }
    }
    json
}

fn policy(rotation: &Rotation) -> Json {
    let mut actions = Vec::new();
    if let Some(automatic) = rotation.automatic.first() {
        actions.push(spoken(json!({
            "action": { "type": "Rotate" },
            "trigger": {
                "timeAfterCreate": automatic.time_after_creation,
                "timeBeforeExpiry": automatic.time_before_expiry,
            },
        })));
    }
    if let Some(before) = &rotation.notify_before_expiry {
        actions.push(json!({
            "action": { "type": "Notify" },
            "trigger": { "timeBeforeExpiry": before },
        }));
    }
    spoken(
        json!({ "lifetimeActions": actions, "attributes": { "expiryTime": rotation.expire_after } }),
    )
}

fn rotation(found: &Json, said: bool) -> Option<Rotation> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let actions = || found["lifetimeActions"].as_array().into_iter().flatten();
    let of = |kind: &str| {
        let is = |a: &&Json| {
            let found = a["action"]["type"].as_str();
            found.is_some_and(|found| found.eq_ignore_ascii_case(kind))
        };
        actions().find(is)
    };
    let automatic = of("Rotate").map(|rotate| Automatic {
        time_after_creation: text(&rotate["trigger"]["timeAfterCreate"]),
        time_before_expiry: text(&rotate["trigger"]["timeBeforeExpiry"]),
    });
    let expire_after = text(&found["attributes"]["expiryTime"]);
    // Every key has a policy that tells its owner before the end; it counts only beside something that was asked for.
    let asked = automatic.is_some() || expire_after.is_some();
    (asked || said).then(|| Rotation {
        automatic: automatic.into_iter().collect(),
        notify_before_expiry: of("Notify")
            .and_then(|notify| text(&notify["trigger"]["timeBeforeExpiry"]))
            .filter(|_| expire_after.is_some()),
        expire_after,
    })
}

async fn rotate(
    client: &Client,
    context: &CallContext,
    url: &str,
    rotation: &Rotation,
) -> Result<(), ProviderError> {
    let put = request(Method::Put, KEYS, format!("{url}/rotationpolicy")).body(policy(rotation));
    client.send(context, &put).await.map(|_| ())
}

#[async_trait]
impl Object for Key {
    type Record = KeyRecord;
    const TYPE: &'static str = "azurerm_key_vault_key";
    const COLLECTION: Collection = KEYS;

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 10)
    }

    fn making(
        client: &Client,
        operation: &Operation,
        url: &str,
        desired: &KeyRecord,
    ) -> Result<Request, ProviderError> {
        let body = spoken(json!({
            "kty": desired.key_type,
            "key_size": desired.key_size,
            "crv": desired.curve,
            "key_ops": desired.key_opts,
            "attributes": attributes(desired)?,
            "tags": object::new_tags(client, &desired.to_value(), operation),
        }));
        Ok(request(Method::Post, KEYS, format!("{url}/create")).body(body))
    }

    async fn made(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        url: &str,
        desired: &KeyRecord,
    ) -> Result<(), ProviderError> {
        match desired.rotation_policy.first() {
            Some(rotation) => rotate(client, context, url, rotation).await,
            None => Ok(()),
        }
    }

    async fn change(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        url: &str,
        prior: &KeyRecord,
        desired: &KeyRecord,
    ) -> Result<String, ProviderError> {
        let look = request(Method::Get, KEYS, url);
        let found = client.call(context, &look).await?;
        let known = prior.id.as_deref().unwrap_or_default();
        let newest = object::id_in(&found).unwrap_or(known).to_owned();
        let body = json!({
            "key_ops": desired.key_opts,
            "attributes": attributes(desired)?,
            "tags": object::changed_tags(client, &desired.to_value(), operation, &found),
        });
        let patch = request(Method::Patch, KEYS, &*newest).body(body);
        once_granted(client, context, operation, &patch).await?;
        if prior.rotation_policy != desired.rotation_policy {
            let none = Rotation::default();
            let rotation = desired.rotation_policy.first().unwrap_or(&none);
            rotate(client, context, url, rotation).await?;
        }
        Ok(newest)
    }

    async fn record(
        client: &Client,
        context: &CallContext,
        seen: Seen,
        found: &Json,
        prior: Option<&KeyRecord>,
    ) -> Result<KeyRecord, ProviderError> {
        let said = prior.cloned().unwrap_or_default();
        let policy = if prior.is_none_or(|p| !p.rotation_policy.is_empty()) {
            let url = format!("{}/rotationpolicy", seen.url);
            client
                .call(context, &request(Method::Get, KEYS, url))
                .await?
        } else {
            Json::Null
        };
        let key = &found["key"];
        let text = |name: &str| key[name].as_str().map(str::to_owned);
        let options = key["key_ops"].as_array().into_iter().flatten();
        let options: Vec<String> = options
            .filter_map(|o| o.as_str().map(str::to_owned))
            .collect();
        let mut sorted = (options.clone(), said.key_opts.clone());
        sorted.0.sort();
        sorted.1.sort();
        // Six bits a digit of the modulus.
        let size =
            text("n").and_then(|n| i64::try_from(n.trim_end_matches('=').len() * 6 / 8 * 8).ok());
        Ok(KeyRecord {
            key_type: text("kty").unwrap_or_default(),
            key_size: said.key_size.or(size.filter(|_| prior.is_none())),
            curve: text("crv"),
            key_opts: if sorted.0 == sorted.1 {
                said.key_opts
            } else {
                options
            },
            rotation_policy: rotation(&policy, !said.rotation_policy.is_empty())
                .into_iter()
                .collect(),
            n: text("n"),
            e: text("e"),
            x: text("x"),
            y: text("y"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_goes_and_comes_back() {
        let said = Rotation {
            automatic: vec![Automatic {
                time_after_creation: Some("P90D".to_owned()),
                time_before_expiry: None,
            }],
            expire_after: Some("P1Y".to_owned()),
            notify_before_expiry: Some("P30D".to_owned()),
        };
        let sent = policy(&said);
        assert_eq!(
            sent["lifetimeActions"][0],
            json!({ "action": { "type": "Rotate" }, "trigger": { "timeAfterCreate": "P90D" } })
        );
        assert_eq!(rotation(&sent, true), Some(said));
        let by_itself = json!({ "lifetimeActions": [
            { "action": { "type": "Notify" }, "trigger": { "timeBeforeExpiry": "P30D" } },
        ], "attributes": {} });
        assert_eq!(rotation(&by_itself, false), None);
    }
}
