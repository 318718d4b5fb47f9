//! `google_kms_key_ring` and `google_kms_crypto_key`. Google keeps key rings and keys for ever; what can be destroyed is the
//! versions of a key.

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::{Client, Request};
use crate::family::KMS;
use crate::kind::Kind;
use crate::labels::{self, MARKS};
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::absence::{absent_is_done, there};
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A group of keys in a place. It cannot be deleted: infra only forgets it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct KeyRingRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// A region, `europe`, `us` or `global`. By default the provider's region.
    #[record(optional, computed, force_new)]
    pub(crate) location: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/locations/{location}/keyRings/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A key. It cannot be deleted: its versions are destroyed, and infra forgets it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct KeyRecord {
    /// Its name, which no other key of the ring can have, ever.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The key ring's id.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) key_ring: String,
    /// `ENCRYPT_DECRYPT`, `ASYMMETRIC_SIGN`, `ASYMMETRIC_DECRYPT` or `MAC`.
    #[record(optional, force_new, default = "ENCRYPT_DECRYPT")]
    pub(crate) purpose: String,
    /// Seconds after which a new version comes into use, such as `7776000s`.
    #[record(optional)]
    pub(crate) rotation_period: Option<String>,
    /// Seconds between the order to destroy a version and its end.
    #[record(optional, computed, force_new)]
    pub(crate) destroy_scheduled_duration: Option<String>,
    /// How versions are made.
    #[record(block, max = 1, computed)]
    pub(crate) version_template: Vec<Template>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// `projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// How versions are made.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Template {
    /// `GOOGLE_SYMMETRIC_ENCRYPTION`, …
    #[record(required)]
    pub(crate) algorithm: String,
    /// `SOFTWARE`, `HSM`, `EXTERNAL`.
    #[record(optional, computed)]
    pub(crate) protection_level: Option<String>,
}

const fn api(name: &'static str, collection: &'static str, parameter: &'static str) -> Api {
    Api {
        service: KMS,
        name,
        collection,
        key: "name",
        create: Create::Named(parameter),
        update: Update::Masked,
        items: "",
        operations: Operations::None,
        labels: Labelled::No,
    }
}

pub(crate) struct KeyRing;

#[async_trait]
impl Kind for KeyRing {
    type Record = KeyRingRecord;
    const TYPE: &'static str = "google_kms_key_ring";
    const API: Api = Api {
        items: "keyRings",
        update: Update::None,
        ..api(
            "cloudkms.projects.locations.keyRings",
            "projects/{project}/locations/{location}/keyRings",
            "keyRingId",
        )
    };
    const RULES: Rules = &[("name", Rule::ShownOnly)];

    fn traits() -> Traits {
        Traits::default().seconds(2, 2, 1)
    }

    fn shown(found: &mut Json) {
        shorten(found);
    }

    fn stays() -> bool {
        true
    }

    /// A key ring has nothing that could be anybody's: one that is there is as good as a new one.
    async fn revive(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: &str,
        _: &KeyRingRecord,
    ) -> Result<bool, ProviderError> {
        Ok(true)
    }
}

pub(crate) struct Key;

/// Google's names are full ones.
fn shorten(found: &mut Json) {
    if let Some(name) = found["name"].as_str().map(str::to_owned) {
        found["name"] = crate::api::short(&name).into();
    }
}

#[async_trait]
impl Kind for Key {
    type Record = KeyRecord;
    const TYPE: &'static str = "google_kms_crypto_key";
    const API: Api = Api {
        items: "cryptoKeys",
        labels: Labelled::At("labels", "/labels"),
        ..api(
            KEYS,
            "projects/{project}/locations/{location}/keyRings/{key_ring}/cryptoKeys",
            "cryptoKeyId",
        )
    };
    const RULES: Rules = &[("name", Rule::ShownOnly)];

    fn traits() -> Traits {
        Traits::default().seconds(2, 2, 2)
    }

    fn body(_: &Client, _: &KeyRecord, body: &mut Map<String, Json>) {
        // It needs the first moment of rotation beside it: a call of its own.
        body.remove("rotationPeriod");
    }

    fn shown(found: &mut Json) {
        shorten(found);
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &KeyRecord,
    ) -> Result<(), ProviderError> {
        if desired.rotation_period.is_none() {
            return Ok(());
        }
        rotate(
            client,
            context,
            operation,
            id,
            desired.rotation_period.as_deref(),
        )
        .await
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &KeyRecord,
        desired: &KeyRecord,
    ) -> Result<(), ProviderError> {
        if prior.rotation_period == desired.rotation_period {
            return Ok(());
        }
        rotate(
            client,
            context,
            operation,
            id,
            desired.rotation_period.as_deref(),
        )
        .await
    }

    fn patch(_: &KeyRecord, _: &KeyRecord, patch: &mut Map<String, Json>) {
        patch.remove("rotationPeriod");
    }

    /// A key without a version in use is as good as gone.
    fn is_there(found: &Json) -> bool {
        found["primary"]["state"]
            .as_str()
            .is_none_or(|state| !state.starts_with("DESTROY"))
    }

    async fn deleting(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &KeyRecord,
    ) -> Result<(), ProviderError> {
        // No new versions from now on.
        if prior.rotation_period.is_some() {
            absent_is_done(rotate(client, context, operation, id, None).await)?;
        }
        let versions = versions(client, context, id).await?;
        let alive = versions.iter().filter(|v| is_alive(v));
        let ended = join_all(
            alive
                .filter_map(|v| v["name"].as_str())
                .map(|version| destroy(client, context, version)),
        )
        .await;
        ended.into_iter().collect()
    }

    fn stays() -> bool {
        true
    }

    /// A key of which no version is left gets a new one.
    async fn revive(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &KeyRecord,
    ) -> Result<bool, ProviderError> {
        let request = Request::get(KMS, format!("{KEYS}.get"), id);
        let Some(found) = there(client.call(context, &request).await)? else {
            return Ok(false);
        };
        if Self::is_there(&found) || found["purpose"] != desired.purpose.as_str() {
            return Ok(false);
        }
        // Marked before it comes to life: a run that is killed in between finds either a dead key or its own.
        let labels = MARKS.for_create(&client.config().labels, &desired.labels, operation);
        let body = json!({ "labels": labels::json(&labels) });
        let request = Request::send(KMS, format!("{KEYS}.patch"), Method::PATCH, id, body)
            .query("updateMask", "labels");
        client.call(context, &request).await?;
        let made = versions(client, context, id).await?;
        let version = match made.into_iter().find(|v| v["state"] == "ENABLED") {
            Some(version) => version,
            None => {
                let path = format!("{id}/cryptoKeyVersions");
                let name = format!("{KEYS}.cryptoKeyVersions.create");
                let request = Request::send(KMS, name, Method::POST, path, json!({}));
                client.call(context, &request).await?
            }
        };
        if desired.purpose == "ENCRYPT_DECRYPT" {
            let version = crate::api::short(version["name"].as_str().unwrap_or_default());
            let body = json!({ "cryptoKeyVersionId": version });
            let name = format!("{KEYS}.updatePrimaryVersion");
            let path = format!("{id}:updatePrimaryVersion");
            let request = Request::send(KMS, name, Method::POST, path, body);
            client.call(context, &request).await?;
        }
        Ok(true)
    }
}

/// The versions of a key; none of one that is not there.
async fn versions(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Vec<Json>, ProviderError> {
    let name = format!("{KEYS}.cryptoKeyVersions.list");
    let request = Request::get(KMS, name, format!("{id}/cryptoKeyVersions"));
    let listed = client.list(context, request, "cryptoKeyVersions").await;
    Ok(there(listed)?.unwrap_or_default())
}

fn is_alive(version: &Json) -> bool {
    matches!(
        version["state"].as_str(),
        Some("ENABLED" | "DISABLED" | "PENDING_GENERATION")
    )
}

/// Destroys a version, which is done only once: a refusal may be about an attempt whose answer was lost.
async fn destroy(
    client: &Client,
    context: &CallContext,
    version: &str,
) -> Result<(), ProviderError> {
    let name = format!("{KEYS}.cryptoKeyVersions.destroy");
    let path = format!("{version}:destroy");
    let request = Request::send(KMS, name, Method::POST, path, json!({}));
    let Err(refused) = client.call(context, &request).await else {
        return Ok(());
    };
    if refused.kind != ErrorKind::Conflict {
        return Err(refused);
    }
    let key = version.split("/cryptoKeyVersions/").next();
    let found = versions(client, context, key.unwrap_or(version)).await?;
    match found.iter().any(|v| v["name"] == version && is_alive(v)) {
        true => Err(refused),
        false => Ok(()),
    }
}

/// How audit logs name calls on keys.
const KEYS: &str = "cloudkms.projects.locations.keyRings.cryptoKeys";

/// Sets or ends rotation. The first one is a period after the operation began: Google wants both or neither.
async fn rotate(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    period: Option<&str>,
) -> Result<(), ProviderError> {
    let seconds = period.and_then(|p| {
        let whole = p.strip_suffix('s')?.split('.').next()?;
        whole.parse::<i64>().ok()
    });
    let first = seconds.and_then(|seconds| {
        let millis = operation
            .started
            .0
            .checked_add(seconds.checked_mul(1000)?)?;
        jiff::Timestamp::from_millisecond(millis).ok()
    });
    if period.is_some() && first.is_none() {
        return Err(ProviderError::invalid(
            "rotation_period",
            "a period is a number of seconds with an `s`, such as `7776000s`",
        ));
    }
    let body = json!({
        "rotationPeriod": period,
        "nextRotationTime": first.map(|t| t.to_string()),
    });
    let request = Request::send(KMS, format!("{KEYS}.patch"), Method::PATCH, id, body)
        .query("updateMask", "rotationPeriod,nextRotationTime");
    client.call(context, &request).await.map(|_| ())
}
