//! Changes of clusters: `update` with one desired field, and the older methods for one setting each.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, merge, text, without_nulls};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::super::schema::catalogue;
use super::cluster::CLUSTERS;
use super::{bad, cluster, operation, pool, version};
use crate::http::HttpReply;
use crate::latency::Work;

/// A maintenance policy as it is shown.
pub(super) fn maintenance(policy: &Value) -> Value {
    let mut shown = policy.as_object().cloned().unwrap_or_default();
    shown.remove("resourceVersion");
    if shown.get("window") == Some(&json!({})) {
        shown.remove("window");
    }
    let print = crate::token::fingerprint(&Value::Object(shown.clone()).to_string());
    shown.insert("resourceVersion".into(), print[..8].into());
    Value::Object(shown)
}

/// Answers a change.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let item = cluster::find(ctx, input)?;
    operation::idle(ctx, &item)?;
    let mut item = item.edit();
    item.settle(ctx.now);
    let before = item.doc.clone();
    let body = &input.body;
    let kind = match input.method.verb {
        "update" => update(ctx, &mut item, &body["update"])?,
        "setResourceLabels" | "resourceLabels" => {
            let labels = body["resourceLabels"].clone();
            super::super::labels::check(Some(&labels))?;
            if body["labelFingerprint"] != before["labelFingerprint"] {
                let message = "Labels could not be set due to fingerprint mismatch.";
                return Err(GoogleError::condition(message));
            }
            item.doc["labelFingerprint"] = cluster::labels_print(&labels).into();
            item.doc["resourceLabels"] = labels;
            "UPDATE_CLUSTER"
        }
        "setMaintenancePolicy" => {
            let policy = &body["maintenancePolicy"];
            let version = text(policy, "/resourceVersion");
            let current = text(&before, "/maintenancePolicy/resourceVersion");
            if !version.is_empty() && version != current {
                let message = "The maintenance policy has changed: resource version mismatch.";
                return Err(GoogleError::condition(message));
            }
            item.doc["maintenancePolicy"] = maintenance(policy);
            "SET_MAINTENANCE_POLICY"
        }
        "setLegacyAbac" | "legacyAbac" => {
            let on = body["enabled"] == true;
            item.doc["legacyAbac"] = if on {
                json!({ "enabled": true })
            } else {
                json!({})
            };
            "UPDATE_CLUSTER"
        }
        "setNetworkPolicy" => {
            item.doc["networkPolicy"] = body["networkPolicy"].clone();
            "SET_NETWORK_POLICY"
        }
        "setLocations" | "locations" => {
            cluster::check_zones(input.location(), &body["locations"])?;
            item.doc["locations"] = body["locations"].clone();
            "UPDATE_CLUSTER"
        }
        "setLogging" | "logging" => {
            item.doc["loggingService"] = body["loggingService"].clone();
            "UPDATE_CLUSTER"
        }
        "setMonitoring" | "monitoring" => {
            item.doc["monitoringService"] = body["monitoringService"].clone();
            "UPDATE_CLUSTER"
        }
        "setAddons" | "addons" => {
            merge_into(&mut item, "addonsConfig", &body["addonsConfig"]);
            "UPDATE_CLUSTER"
        }
        "updateMaster" | "master" => {
            upgrade(&mut item, text(body, "/masterVersion"))?;
            "UPGRADE_MASTER"
        }
        _ => {
            return Err(bad(
                "Basic authentication and client certificates are no longer supported.",
            ));
        }
    };
    let done = ctx.due(Work::GkeClusterUpdate);
    let id = item.id.clone();
    let after = std::mem::replace(&mut item.doc, before);
    if !ctx.fails() {
        let labels = after.get("resourceLabels").cloned();
        let links = item.links.clone();
        item.become_at(Some((after, links)), done, ctx.now);
        ctx.put(CLUSTERS, item, labels.as_ref());
    }
    Ok(operation::begin(ctx, &id, kind, &id, done))
}

fn merge_into(item: &mut Item, field: &str, patch: &Value) {
    let mut value = item.doc[field].clone();
    if !value.is_object() {
        value = json!({});
    }
    merge(&mut value, patch);
    item.doc[field] = value;
}

/// Puts the master on another version.
fn upgrade(item: &mut Item, wanted: &str) -> GoogleResult<()> {
    let current = text(&item.doc, "/currentMasterVersion").to_owned();
    let channel = text(&item.doc, "/releaseChannel/channel");
    let found = version::resolve(wanted, channel)
        .ok_or_else(|| bad(format!("Master version \"{wanted}\" is unsupported.")))?;
    if version::newer(&current, found) && version::minors_ahead(&current, found) > 0 {
        let message = format!(
            "Master cannot be upgraded to \"{found}\": cannot downgrade from \"{current}\"."
        );
        return Err(bad(message));
    }
    if version::minors_ahead(found, &current) > 1 {
        let message =
            format!("Master cannot be upgraded to \"{found}\": minor versions cannot be skipped.");
        return Err(bad(message));
    }
    item.doc["currentMasterVersion"] = found.into();
    Ok(())
}

/// Desired fields whose settings are named otherwise.
const RENAMED: [(&str, &str); 8] = [
    (
        "desiredIntraNodeVisibilityConfig",
        "networkConfig/enableIntraNodeVisibility",
    ),
    (
        "desiredL4ilbSubsettingConfig",
        "networkConfig/enableL4ilbSubsetting",
    ),
    ("desiredClusterAutoscaling", "autoscaling"),
    ("desiredK8sBetaApis", "enableK8sBetaApis"),
    (
        "desiredNodePoolLoggingConfig",
        "nodePoolDefaults/nodeConfigDefaults/loggingConfig",
    ),
    ("desiredStackType", "ipAllocationPolicy/stackType"),
    (
        "desiredNodePoolAutoConfigNetworkTags",
        "nodePoolAutoConfig/networkTags",
    ),
    (
        "desiredNodePoolAutoConfigKubeletConfig",
        "nodePoolAutoConfig/nodeKubeletConfig",
    ),
];

/// `update`: exactly one desired field.
fn update(ctx: &mut Ctx<'_>, item: &mut Item, update: &Value) -> GoogleResult<&'static str> {
    let mut update = update.clone();
    without_nulls(&mut update);
    let mut fields: Map<String, Value> = update.as_object().cloned().unwrap_or_default();
    fields.remove("etag");
    let pool = fields.remove("desiredNodePoolId");
    let image = fields.remove("desiredImageType");
    fields.retain(|_, value| !value.as_str().is_some_and(str::is_empty));
    let mut fields = fields.into_iter();
    let (field, value) = match (fields.next(), fields.next()) {
        (Some(field), None) => field,
        (None, _) if image.is_some() => ("desiredNodeVersion".to_owned(), "-".into()),
        (None, _) => return Err(bad("Must specify a field to update.")),
        (Some((one, _)), Some((other, _))) => {
            return Err(bad(format!(
                "Exactly one update can be applied to a cluster with each request, not \"{one}\" and \"{other}\"."
            )));
        }
    };
    let project = item.id.split('/').nth(1).unwrap_or_default().to_owned();
    match field.as_str() {
        "desiredMasterVersion" => {
            upgrade(item, value.as_str().unwrap_or_default())?;
            return Ok("UPGRADE_MASTER");
        }
        "desiredNodeVersion" => {
            node_version(ctx, item, value.as_str().unwrap_or_default(), pool.as_ref())?;
            return Ok("UPGRADE_NODES");
        }
        "desiredLocations" => {
            cluster::check_zones(item.id.split('/').nth(3).unwrap_or_default(), &value)?;
            item.doc["locations"] = value;
        }
        "desiredWorkloadIdentityConfig" => {
            cluster::check_workload_pool(&project, &value)?;
            item.doc["workloadIdentityConfig"] = value;
        }
        "desiredDatabaseEncryption" => {
            cluster::check_encryption(ctx, &value)?;
            item.doc["databaseEncryption"] = value;
            let state = if item.doc["databaseEncryption"]["state"] == "ENCRYPTED" {
                "ENCRYPTED"
            } else {
                "DECRYPTED"
            };
            item.doc["databaseEncryption"]["currentState"] =
                format!("CURRENT_STATE_{state}").into();
        }
        "desiredEnablePrivateEndpoint" => {
            item.doc["privateClusterConfig"]["enablePrivateEndpoint"] = value;
        }
        "desiredIntraNodeVisibilityConfig" => {
            item.doc["networkConfig"]["enableIntraNodeVisibility"] = value["enabled"].clone();
        }
        "desiredL4ilbSubsettingConfig" => {
            item.doc["networkConfig"]["enableL4ilbSubsetting"] = value["enabled"].clone();
        }
        field => settle(item, field, &value)?,
    }
    Ok("UPDATE_CLUSTER")
}

/// Puts a desired setting where the cluster, or its network, has it.
fn settle(item: &mut Item, field: &str, value: &Value) -> GoogleResult<()> {
    let bare = field.strip_prefix("desired").unwrap_or(field);
    let mut name = bare.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let renamed = RENAMED
        .iter()
        .find(|(from, _)| *from == field)
        .map(|(_, to)| *to);
    let path = match renamed {
        Some(path) => path.to_owned(),
        None if catalogue().has("container.v1", "Cluster", &name) => name,
        None if catalogue().has("container.v1", "NetworkConfig", &name) => {
            format!("networkConfig/{name}")
        }
        None => {
            return Err(bad(format!(
                "Field \"{field}\" cannot be updated on this cluster."
            )));
        }
    };
    let mut at = &mut item.doc;
    for part in path.split('/') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[part];
    }
    let mergeable = at.is_object()
        && value.is_object()
        && matches!(
            path.as_str(),
            "addonsConfig"
                | "controlPlaneEndpointsConfig"
                | "monitoringConfig"
                | "privateClusterConfig"
        );
    if mergeable {
        merge(at, value);
    } else {
        *at = value.clone();
    }
    Ok(())
}

/// Puts the nodes of one pool or all on another version.
fn node_version(
    ctx: &mut Ctx<'_>,
    item: &mut Item,
    wanted: &str,
    only: Option<&Value>,
) -> GoogleResult<()> {
    let master = text(&item.doc, "/currentMasterVersion").to_owned();
    let found = match wanted {
        "-" => Some(master.as_str()),
        _ => version::resolve(wanted, text(&item.doc, "/releaseChannel/channel")),
    };
    let found = found
        .filter(|node| version::fits(node, &master))
        .ok_or_else(|| bad(format!("Node version \"{wanted}\" is unsupported.")))?
        .to_owned();
    let only = only.and_then(Value::as_str).filter(|name| !name.is_empty());
    let pools = pool::of(ctx, &item.id);
    if let Some(name) = only
        && !pools.iter().any(|pool| pool.short() == name)
    {
        return Err(GoogleError::not_found(format!(
            "nodePool \"{}/nodePools/{name}\" not found",
            item.id
        )));
    }
    let done = ctx.due(Work::GkeClusterUpdate);
    for pool in pools {
        if ctx.fails() || only.is_some_and(|name| pool.short() != name) {
            continue;
        }
        let mut pool = pool.edit();
        pool.settle(ctx.now);
        let mut doc = pool.doc.clone();
        doc["version"] = found.clone().into();
        let links = pool.links.clone();
        pool.become_at(Some((doc, links)), done, ctx.now);
        ctx.keep(pool::POOLS, pool);
    }
    item.doc["currentNodeVersion"] = found.into();
    Ok(())
}
