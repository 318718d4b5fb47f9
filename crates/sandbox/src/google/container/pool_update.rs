//! Changes of node pools: size, autoscaling, management, and what `update` takes.

use serde_json::Value;

use super::super::context::{Ctx, Input, merge, text, without_nulls};
use super::super::error::GoogleResult;
use super::super::item::Item;
use super::{bad, cluster, operation, pool, version};
use crate::http::HttpReply;
use crate::latency::Work;

/// Answers a change.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let owner = cluster::find(ctx, input)?;
    let item = pool::find(ctx, input)?;
    operation::idle(ctx, &owner)?;
    let mut item = item.edit();
    item.settle(ctx.now);
    let done = ctx.due(Work::GkePoolUpdate);
    let before = item.doc.clone();
    let body = &input.body;
    let kind = match input.method.verb {
        "setSize" => {
            let count = body["nodeCount"].as_i64().unwrap_or(0);
            if !(0..=1000).contains(&count) {
                return Err(bad(format!(
                    "NodePool.node_count {count} must be between 0 and 1000."
                )));
            }
            if before["autoscaling"]["enabled"] == true {
                let autoscaling = &before["autoscaling"];
                let (low, high) = (
                    autoscaling["minNodeCount"].as_i64(),
                    autoscaling["maxNodeCount"].as_i64(),
                );
                if low.is_some_and(|low| count < low) || high.is_some_and(|high| count > high) {
                    return Err(bad(format!(
                        "Size {count} is outside the autoscaling limits of the node pool."
                    )));
                }
            }
            item.hidden["size"] = count.into();
            "SET_NODE_POOL_SIZE"
        }
        "setAutoscaling" | "autoscaling" => {
            pool::check_autoscaling(&body["autoscaling"])?;
            item.doc["autoscaling"] = body["autoscaling"].clone();
            if body["autoscaling"]["enabled"] != true
                && let Some(doc) = item.doc.as_object_mut()
            {
                doc.remove("autoscaling");
            }
            "UPDATE_CLUSTER"
        }
        "setManagement" => {
            item.doc["management"] = body["management"].clone();
            let channel = text(owner.at(ctx.now), "/releaseChannel/channel");
            if body["management"]["autoUpgrade"] != true && !matches!(channel, "" | "UNSPECIFIED") {
                let message =
                    format!("Auto_upgrade must be true when release_channel {channel} is used.");
                return Err(bad(message));
            }
            "SET_NODE_POOL_MANAGEMENT"
        }
        "rollback" => {
            return Err(bad(
                "There is no failed or incomplete upgrade to roll back.",
            ));
        }
        _ => update(ctx, &owner, &mut item, body)?,
    };
    let id = item.id.clone();
    if !ctx.fails() {
        if item.hidden["size"] != Value::Null
            && matches!(kind, "SET_NODE_POOL_SIZE" | "UPDATE_CLUSTER")
        {
            pool::build_groups(ctx, &mut item, &owner.id, 0);
        }
        let after = std::mem::replace(&mut item.doc, before);
        let links = item.links.clone();
        item.become_at(Some((after, links)), done, ctx.now);
        item.hidden["until"] = done.into();
        let labels = item.doc["config"]["resourceLabels"].clone();
        ctx.put(pool::POOLS, item, Some(&labels));
    }
    Ok(operation::begin(ctx, &owner.id, kind, &id, done))
}

/// `update`: versions, places and the configuration of nodes.
fn update(
    ctx: &Ctx<'_>,
    owner: &Item,
    item: &mut Item,
    body: &Value,
) -> GoogleResult<&'static str> {
    let mut body = body.clone();
    without_nulls(&mut body);
    let members = body.as_object().cloned().unwrap_or_default();
    const NAMES: [&str; 6] = [
        "name",
        "projectId",
        "zone",
        "clusterId",
        "nodePoolId",
        "etag",
    ];
    let sent = members.iter().filter(|(name, value)| {
        !NAMES.contains(&name.as_str()) && !value.as_str().is_some_and(str::is_empty)
    });
    let mut kind = "UPDATE_CLUSTER";
    let mut any = false;
    for (name, value) in sent {
        any = true;
        match name.as_str() {
            "nodeVersion" => {
                let parent = owner.at(ctx.now);
                let master = text(parent, "/currentMasterVersion");
                let wanted = value.as_str().unwrap_or_default();
                let found = match wanted {
                    "-" => Some(master),
                    _ => version::resolve(wanted, text(parent, "/releaseChannel/channel")),
                };
                let found = found.filter(|node| version::fits(node, master));
                let found = found
                    .ok_or_else(|| bad(format!("Node version \"{wanted}\" is unsupported.")))?;
                item.doc["version"] = found.into();
                kind = "UPGRADE_NODES";
            }
            "locations" => {
                let location = owner.id.split('/').nth(3).unwrap_or_default();
                cluster::check_zones(location, value)?;
                item.doc["locations"] = value.clone();
            }
            "upgradeSettings" | "queuedProvisioning" | "nodeDrainConfig" | "maintenancePolicy" => {
                item.doc[name] = value.clone();
            }
            "nodeNetworkConfig" => {
                let mut config = item.doc["networkConfig"].clone();
                merge(&mut config, value);
                item.doc["networkConfig"] = config;
            }
            // Wrapped, so that an empty one can be told from none.
            "tags" => item.doc["config"]["tags"] = list(&value["tags"]),
            "taints" => item.doc["config"]["taints"] = list(&value["taints"]),
            "labels" => item.doc["config"]["labels"] = value["labels"].clone(),
            "resourceLabels" => item.doc["config"]["resourceLabels"] = value["labels"].clone(),
            "diskSizeGb" => {
                let size = value.as_str().and_then(|size| size.parse::<i64>().ok());
                item.doc["config"]["diskSizeGb"] = size.into();
            }
            other => item.doc["config"][other] = value.clone(),
        }
    }
    if !any {
        return Err(bad(
            "At least one of the fields of the node pool must be set.",
        ));
    }
    let zone = text(&item.doc, "/locations/0").to_owned();
    let config = pool::node_config(ctx, &item.doc["config"], &zone)?;
    item.doc["config"] = config;
    if let Some(config) = item.doc["config"].as_object_mut() {
        config.retain(|_, value| !value.is_null());
    }
    Ok(kind)
}

fn list(value: &Value) -> Value {
    match value {
        Value::Array(items) if !items.is_empty() => value.clone(),
        _ => Value::Null,
    }
}
