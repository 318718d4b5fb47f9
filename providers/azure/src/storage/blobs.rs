//! What holds for the blobs of a storage account: a resource of its own in the API, and a block of the account here.

use super::VERSION;
use super::account::AccountRecord;
use crate::client::{Client, Method, Request};
use crate::operation;
use crate::wire::{self, Rule, Rules};
use infra_cloud::absence::there;
use infra_cloud::wait::MINUTES;
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use serde_json::{Value as Json, json};

/// What holds for the blobs of an account.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct BlobProperties {
    /// Whether old versions are kept.
    #[record(optional, default = false)]
    pub(crate) versioning_enabled: bool,
    /// Whether changes are recorded.
    #[record(optional, default = false)]
    pub(crate) change_feed_enabled: bool,
    /// For how many days they are.
    #[record(optional)]
    pub(crate) change_feed_retention_in_days: Option<i64>,
    /// The version of the API that requests without one use.
    #[record(optional)]
    pub(crate) default_service_version: Option<String>,
    /// Whether the time of the last access is recorded.
    #[record(optional, default = false)]
    pub(crate) last_access_time_enabled: bool,
    /// From which web pages blobs are reached.
    #[record(block)]
    pub(crate) cors_rule: Vec<CorsRule>,
    /// Keeps deleted blobs.
    #[record(block, max = 1)]
    pub(crate) delete_retention_policy: Vec<DeleteRetention>,
    /// Lets blobs be set back to any moment.
    #[record(block, max = 1)]
    pub(crate) restore_policy: Vec<Restore>,
    /// Keeps deleted containers.
    #[record(block, max = 1)]
    pub(crate) container_delete_retention_policy: Vec<ContainerRetention>,
}

/// From which web pages blobs are reached.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct CorsRule {
    /// Headers that requests may have.
    #[record(required)]
    pub(crate) allowed_headers: Vec<String>,
    /// Methods: `GET`, `PUT`, …
    #[record(required)]
    pub(crate) allowed_methods: Vec<String>,
    /// The pages' origins.
    #[record(required)]
    pub(crate) allowed_origins: Vec<String>,
    /// Headers of answers that pages see.
    #[record(required)]
    pub(crate) exposed_headers: Vec<String>,
    /// For how many seconds browsers remember it.
    #[record(required)]
    pub(crate) max_age_in_seconds: i64,
}

/// Keeps deleted blobs.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct DeleteRetention {
    /// For so many days, 1 to 365.
    #[record(optional, default = 7)]
    pub(crate) days: i64,
    /// Whether a deleted blob can be deleted for good before.
    #[record(optional, default = false)]
    pub(crate) permanent_delete_enabled: bool,
}

/// Lets blobs be set back.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Restore {
    /// As far as so many days.
    #[record(required)]
    pub(crate) days: i64,
}

/// Keeps deleted containers.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct ContainerRetention {
    /// For so many days, 1 to 365.
    #[record(optional, default = 7)]
    pub(crate) days: i64,
}

const OF: &str = "Microsoft.Storage/storageAccounts/blobServices";

const RULES: Rules = &[
    (
        "versioning_enabled",
        Rule::At("properties/isVersioningEnabled"),
    ),
    (
        "change_feed_enabled",
        Rule::At("properties/changeFeed/enabled"),
    ),
    (
        "change_feed_retention_in_days",
        Rule::At("properties/changeFeed/retentionInDays"),
    ),
    (
        "last_access_time_enabled",
        Rule::At("properties/lastAccessTimeTrackingPolicy/enable"),
    ),
    ("cors_rule", Rule::At("properties/cors/corsRules")),
    (
        "delete_retention_policy.permanent_delete_enabled",
        Rule::At("allowPermanentDelete"),
    ),
];

/// What is on and off by a field of its own.
const POLICIES: [&str; 3] = [
    "deleteRetentionPolicy",
    "restorePolicy",
    "containerDeleteRetentionPolicy",
];

fn path(account: &str) -> String {
    format!("{account}/blobServices/default")
}

/// The body that asks for it; what nobody speaks of is off.
fn body(properties: &BlobProperties) -> Json {
    let block = BlobProperties::block();
    let mut body = wire::body(&block, &properties.to_value(), RULES, "", &[]);
    for policy in POLICIES {
        let said = body["properties"].get(policy).is_some();
        wire::put(
            &mut body,
            &format!("properties/{policy}/enabled"),
            said.into(),
        );
    }
    if properties.cors_rule.is_empty() {
        wire::put(&mut body, "properties/cors/corsRules", json!([]));
    }
    body
}

/// Asks for it.
pub(crate) async fn set(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    account: &str,
    properties: &BlobProperties,
) -> Result<(), ProviderError> {
    let request = Request::new(Method::Put, OF, VERSION, path(account)).body(body(properties));
    operation::run(client, context, operation, MINUTES, request)
        .await
        .map(|_| ())
}

/// What is there.
pub(crate) async fn get(
    client: &Client,
    context: &CallContext,
    account: &str,
) -> Result<Json, ProviderError> {
    let request = Request::get(OF, VERSION, path(account));
    Ok(there(client.call(context, &request).await)?.unwrap_or_default())
}

/// The block; none of what nobody spoke of and is as it is by itself.
pub(crate) fn shown(found: &Json, prior: Option<&AccountRecord>) -> Vec<BlobProperties> {
    let said = prior.and_then(|p| p.blob_properties.first());
    let mut found = found.clone();
    for policy in POLICIES {
        if found["properties"][policy]["enabled"] != true {
            wire::remove(&mut found, &format!("properties/{policy}"));
        }
    }
    let block = BlobProperties::block();
    let prior = said.map_or(Value::NULL, Record::to_value);
    let shown = wire::shown(&block, &found, &prior, RULES);
    let value = infra_model::json::from_json(&shown, &block.implied_type());
    let record = value.ok().and_then(|v| BlobProperties::from_value(&v).ok());
    let default = BlobProperties::default();
    record
        .into_iter()
        .filter(|record| said.is_some() || *record != default)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_speaks_of_is_off() {
        let properties = BlobProperties {
            versioning_enabled: true,
            delete_retention_policy: vec![DeleteRetention {
                days: 30,
                permanent_delete_enabled: false,
            }],
            ..BlobProperties::default()
        };
        let body = body(&properties);
        let sent = &body["properties"];
        assert_eq!(sent["isVersioningEnabled"], true);
        assert_eq!(sent["deleteRetentionPolicy"]["enabled"], true);
        assert_eq!(sent["deleteRetentionPolicy"]["days"], 30);
        assert_eq!(sent["restorePolicy"], json!({ "enabled": false }));
        let said = AccountRecord {
            blob_properties: vec![properties.clone()],
            ..AccountRecord::default()
        };
        assert_eq!(shown(&body, Some(&said)), [properties]);
        assert_eq!(shown(&super::body(&BlobProperties::default()), None), []);
    }
}
