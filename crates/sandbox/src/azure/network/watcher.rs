//! Network watchers, and the records of traffic that they keep
//! (<https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview>).

use serde_json::{Value, json};

use super::{check_name, virtual_network};
use crate::azure::context::{Ctx, check_reference, default, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Write};
use crate::azure::{engine, identity, resources, storage};
use crate::latency::Work;

const NAME: &str = "Microsoft.Network/networkWatchers";

pub(crate) const KIND: Kind = Kind {
    prepare,
    ..Kind::network(NAME, "azurerm_network_watcher")
};

pub(crate) const FLOW_LOG: Kind = Kind {
    create: Work::ArmNetwork,
    update: Work::ArmNetwork,
    delete: Work::ArmNetwork,
    prepare: prepare_log,
    ..Kind::network(
        "Microsoft.Network/networkWatchers/flowLogs",
        "azurerm_network_watcher_flow_log",
    )
};

/// The group in which Azure makes watchers by itself.
const GROUP: &str = "NetworkWatcherRG";

/// The watchers of a subscription in a region.
fn of_region(ctx: &Ctx<'_>, subscription: &str, region: &str) -> Vec<String> {
    let all = ctx.of_kind(&format!("/subscriptions/{subscription}/"), NAME);
    all.iter()
        .filter(|item| text(&item.doc, "/location") == region)
        .map(|item| item.id.clone())
        .collect()
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    check_name(write.id)?;
    let region = text(&write.doc, "/location");
    let others = of_region(ctx, write.id.subscription(), region);
    if write.creates() && !others.is_empty() {
        return Err(ArmError::network(
            "NetworkWatcherCountLimitReached",
            "Cannot create more than 1 network watchers for this subscription in this region.",
        ));
    }
    Ok(())
}

/// Whoever makes or changes a virtual network gets a watcher in its region, unless there is one. It is the subscription's, and stays.
pub(super) fn enable(ctx: &mut Ctx<'_>, write: &Write<'_>) {
    let region = text(&write.doc, "/location").to_owned();
    let subscription = write.id.subscription().to_owned();
    if !of_region(ctx, &subscription, &region).is_empty() {
        return;
    }
    let group = Id::new(format!(
        "/subscriptions/{subscription}/resourceGroups/{GROUP}"
    ));
    if ctx.get(&group.text).is_none() {
        let doc = json!({
            "id": group.text, "name": GROUP, "type": resources::GROUPS, "location": region,
            "properties": { "provisioningState": "Succeeded" },
        });
        let item = Item::new(&group.text, doc, ctx.now);
        ctx.put(item);
    }
    let id = Id::new(format!(
        "{}/providers/{NAME}/NetworkWatcher_{region}",
        group.text
    ));
    let mut doc = engine::document(&id, json!({ "provisioningState": "Succeeded" }));
    doc["location"] = region.into();
    let etag = ctx.uuid();
    doc["etag"] = format!("W/\"{etag}\"").into();
    let item = Item::new(&id.text, doc, ctx.now);
    ctx.put(item);
}

/// Types whose traffic is recorded. New ones of network security groups are refused since 30 June 2025.
const TARGETS: [&str; 3] = [
    virtual_network::NAME,
    "Microsoft.Network/virtualNetworks/subnets",
    "Microsoft.Network/networkInterfaces",
];

fn prepare_log(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    check_name(write.id)?;
    let refuse = |message: String| Err(ArmError::bad("BadRequest", message));
    if write.patch {
        // Only tags are changed so.
        return Ok(());
    }
    let region = text(&write.doc, "/location").to_owned();
    let watched = engine::location_of(ctx, &write.id.parent());
    if region != watched {
        return refuse(format!(
            "The flow log {} is in {region}, and its network watcher in {watched}.",
            write.id.name()
        ));
    }
    let target = text(&write.doc, "/properties/targetResourceId").to_owned();
    check_reference(&target, "properties.targetResourceId")?;
    let kind = Id::new(target.as_str()).kind();
    if !TARGETS.iter().any(|one| one.eq_ignore_ascii_case(&kind)) {
        return refuse(format!("Flow logs of {kind} cannot be created."));
    }
    if !engine::exists(ctx, &target) {
        return Err(engine::missing(ctx, &kind, &Id::new(target)));
    }
    if write.changed("/properties/targetResourceId") {
        return refuse(format!(
            "The target resource of flow log {} cannot be changed.",
            write.id.name()
        ));
    }
    if engine::location_of(ctx, &Id::new(target.as_str())) != region {
        return refuse(format!("The target resource {target} is not in {region}."));
    }
    let others = ctx.of_kind(&format!("{}/", write.id.parent().text), FLOW_LOG.name);
    let same = |other: &&_| {
        let other: &Item = other;
        other.id != write.id.key()
            && text(&other.doc, "/properties/targetResourceId").eq_ignore_ascii_case(&target)
    };
    if let Some(other) = others.iter().map(|item| &**item).find(same) {
        return refuse(format!(
            "The target resource {target} has the flow log {} already.",
            text(&other.doc, "/name")
        ));
    }
    let guid = engine::shown(ctx, &target).map(|doc| doc["properties"]["resourceGuid"].clone());
    if let Some(guid @ Value::String(_)) = guid {
        set(&mut write.doc, "/properties/targetResourceGuid", guid);
    }
    identity::assign(ctx, write)?;
    destination(ctx, write, &region)?;
    let doc = &mut write.doc;
    default(doc, "/properties/enabled", true);
    default(doc, "/properties/retentionPolicy/days", 0);
    default(doc, "/properties/retentionPolicy/enabled", false);
    default(doc, "/properties/format/type", "JSON");
    default(doc, "/properties/format/version", 2);
    Ok(())
}

/// Where the records go: blobs of an account in the same region, and perhaps a workspace that makes something of them.
fn destination(ctx: &Ctx<'_>, write: &mut Write<'_>, region: &str) -> ArmResult<()> {
    let refuse = |message: String| Err(ArmError::bad("BadRequest", message));
    let account = text(&write.doc, "/properties/storageId").to_owned();
    check_reference(&account, "properties.storageId")?;
    let id = Id::new(account.as_str());
    let Some(found) = ctx
        .get(&account)
        .filter(|_| id.kind().eq_ignore_ascii_case(storage::NAME))
    else {
        return Err(engine::missing(ctx, storage::NAME, &id));
    };
    let found = found.at(ctx.now);
    if text(found, "/location") != region {
        return refuse(format!("The storage account {account} is not in {region}."));
    }
    if !text(found, "/sku/name").starts_with("Standard") {
        return refuse(format!(
            "The storage account {account} must be of the standard tier."
        ));
    }
    let assigned = write.doc["identity"]["userAssignedIdentities"].is_object();
    if found["properties"]["allowSharedKeyAccess"] == false && !assigned {
        return refuse(format!(
            "The storage account {account} does not allow keys, and the flow log has no user-assigned identity."
        ));
    }
    let analytics =
        "/properties/flowAnalyticsConfiguration/networkWatcherFlowAnalyticsConfiguration";
    let analytics = write.doc.pointer(analytics).cloned().unwrap_or_default();
    let workspace = text(&analytics, "/workspaceResourceId");
    if analytics["enabled"] == true && !engine::exists(ctx, workspace) {
        return refuse(format!("The workspace '{workspace}' was not found."));
    }
    let every = &analytics["trafficAnalyticsInterval"];
    if !every.is_null() && every != 10 && every != 60 {
        return refuse("Traffic analytics are made every 10 or 60 minutes.".to_owned());
    }
    Ok(())
}
