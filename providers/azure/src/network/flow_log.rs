//! `azurerm_network_watcher_flow_log`.

use super::{VERSION, watcher};
use crate::api::{self, Api, grouped};
use crate::client::Client;
use crate::found::fetch;
use crate::identity::{self, Identity};
use crate::kind::Kind;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A record of the traffic of a virtual network, a subnet or a network interface, kept in the blobs of a storage account.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct FlowLogRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The network watcher of the region.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) network_watcher_name: String,
    /// The watcher's resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is. By default where the watcher is.
    #[record(optional, computed, force_new, compare = blanks)]
    pub(crate) location: Option<String>,
    /// Whose traffic: the id of a virtual network, a subnet or a network interface.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) target_resource_id: String,
    /// The storage account, in the same region, of the standard tier.
    #[record(required, compare = case_insensitive)]
    pub(crate) storage_account_id: String,
    /// Whether traffic is recorded.
    #[record(required)]
    pub(crate) enabled: bool,
    /// The version of the records' format, 1 or 2: the second one tells bytes and packets.
    #[record(optional, default = 1)]
    pub(crate) version: i64,
    /// How long records are kept.
    #[record(block, min = 1, max = 1)]
    pub(crate) retention_policy: Vec<Retention>,
    /// What is made of the records.
    #[record(block, max = 1)]
    pub(crate) traffic_analytics: Vec<Analytics>,
    /// The user-assigned identity that writes the records; by the account's keys without one.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// How long records are kept.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Retention {
    /// Whether they are ever deleted.
    #[record(required)]
    pub(crate) enabled: bool,
    /// After how many days; 0 means never.
    #[record(required)]
    pub(crate) days: i64,
}

/// What a workspace of Log Analytics makes of the records.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Analytics {
    /// Whether it does.
    #[record(required)]
    pub(crate) enabled: bool,
    /// The workspace, by its GUID.
    #[record(required)]
    pub(crate) workspace_id: String,
    /// Where the workspace is.
    #[record(required, compare = blanks)]
    pub(crate) workspace_region: String,
    /// The workspace, by its resource id.
    #[record(required, compare = case_insensitive)]
    pub(crate) workspace_resource_id: String,
    /// How often, in minutes: 10 or 60.
    #[record(optional, default = 60)]
    pub(crate) interval_in_minutes: i64,
}

pub(crate) struct FlowLog;

const ANALYTICS: &str =
    "properties/flowAnalyticsConfiguration/networkWatcherFlowAnalyticsConfiguration";

/// How long Azure may take to make a region's watcher after the first network there.
const APPEARS: Duration = Duration::from_mins(3);

/// The watcher's location, once it is there: Azure makes it by itself, a moment after the network.
async fn watched(
    client: &Client,
    context: &CallContext,
    watcher: &str,
) -> Result<Json, ProviderError> {
    let start = context.clock.now();
    loop {
        if let Some(found) = fetch(client, context, &watcher::API, watcher).await? {
            return Ok(found["location"].clone());
        }
        if context.clock.now().since(start) > APPEARS {
            return Err(ProviderError::invalid(
                "network_watcher_name",
                format!(
                    "there is no network watcher `{}`: Azure makes NetworkWatcher_REGION in NetworkWatcherRG with the first virtual \
                     network of a region, unless that was switched off or the region has one of another name (`az network watcher list` \
                     tells); name that one, or make one with `azurerm_network_watcher`",
                    api::short(watcher)
                ),
            ));
        }
        context.clock.sleep(Duration::from_secs(5)).await;
    }
}

#[async_trait]
impl Kind for FlowLog {
    type Record = FlowLogRecord;
    const TYPE: &'static str = "azurerm_network_watcher_flow_log";
    const API: Api = Api::new(
        "Microsoft.Network/networkWatchers/flowLogs",
        VERSION,
        grouped!("Microsoft.Network/networkWatchers/{network_watcher_name}/flowLogs/{name}"),
    );
    const RULES: Rules = &[
        ("storage_account_id", Rule::At("properties/storageId")),
        ("version", Rule::At("properties/format/version")),
        ("traffic_analytics", Rule::At(ANALYTICS)),
        (
            "traffic_analytics.interval_in_minutes",
            Rule::At("trafficAnalyticsInterval"),
        ),
        ("identity", Rule::Own),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(15, 15, 15)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut wrong = Vec::new();
        let version = config.get("version").and_then(Value::as_i64);
        if version.is_some_and(|version| ![1, 2].contains(&version)) {
            wrong.push(ProviderError::invalid("version", "`version` is 1 or 2"));
        }
        let blocks = config.get("traffic_analytics").and_then(Value::elements);
        for block in blocks.unwrap_or_default() {
            let every = block.get("interval_in_minutes").and_then(Value::as_i64);
            if every.is_some_and(|every| ![10, 60].contains(&every)) {
                let text = "`interval_in_minutes` is 10 or 60";
                wrong.push(ProviderError::invalid("traffic_analytics", text));
            }
        }
        wrong
    }

    /// Flow logs of a watcher are written one after the other.
    fn turn(id: &str) -> Option<&str> {
        Some(api::parent(id))
    }

    async fn body(
        client: &Client,
        context: &CallContext,
        id: &str,
        desired: &FlowLogRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        let location = watched(client, context, api::parent(id)).await?;
        if desired.location.is_none() {
            wire::put(body, "location", location);
        }
        wire::put(body, "properties/format/type", json!("JSON"));
        identity::put(body, &[], &desired.identity);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &FlowLogRecord,
        desired: &FlowLogRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        wire::remove(body, "properties/targetResourceGuid");
        // The whole names what the directory knows of the identity, which only answers do.
        identity::put(body, &[], &desired.identity);
        if desired.identity.is_empty() && !prior.identity.is_empty() {
            wire::put(body, "identity", json!({ "type": "None" }));
        }
        if desired.traffic_analytics.is_empty() && !prior.traffic_analytics.is_empty() {
            wire::put(body, &format!("{ANALYTICS}/enabled"), json!(false));
        }
        Ok(())
    }

    fn shown(found: &mut Json) {
        // One that has no workspace was never asked for.
        let there = wire::get(found, &format!("{ANALYTICS}/workspaceResourceId"));
        if there.and_then(Json::as_str).is_none_or(str::is_empty) {
            wire::remove(found, "properties/flowAnalyticsConfiguration");
        }
    }

    fn complete(
        _: &Client,
        found: &Json,
        prior: Option<&FlowLogRecord>,
        record: &mut FlowLogRecord,
    ) {
        let said = prior.map(|p| &*p.identity).unwrap_or_default();
        record.identity = identity::found(found, said);
        // Every one has it, also where it keeps records for ever.
        if record.retention_policy.is_empty() {
            let policy = &found["properties"]["retentionPolicy"];
            record.retention_policy.push(Retention {
                enabled: policy["enabled"] == true,
                days: policy["days"].as_i64().unwrap_or_default(),
            });
        }
    }
}
