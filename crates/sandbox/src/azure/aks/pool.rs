//! Agent pools: nodes of a cluster, each a scale set in the cluster's own resource group.

use serde_json::{Value, json};

use super::cluster::{self, refuse};
use super::{managed, version};
use crate::azure::context::{Ctx, Input, check_reference, default, items, set, text, unset};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Etag, Kind, Write};
use crate::azure::{authorization, compute, engine, identity, lro, places};
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::latency::Work;

pub(crate) const NAME: &str = "Microsoft.ContainerService/managedClusters/agentPools";

pub(crate) const KIND: Kind = Kind {
    tracked: false,
    create: Work::AksPoolCreate,
    update: Work::AksPoolUpdate,
    delete: Work::AksPoolDelete,
    etag: Etag::Inner("eTag"),
    prepare,
    guard,
    removed,
    ..Kind::new(NAME, "azurerm_kubernetes_cluster_node_pool")
};

/// The image that nodes run.
const IMAGE: &str = "202611.03.0";

/// The cluster that a pool belongs to.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) id: Id,
    pub(super) doc: Value,
}

/// Checks and completes the properties of a pool.
fn complete(
    ctx: &Ctx<'_>,
    owner: &Owner,
    name: &str,
    mut properties: Value,
    before: &Value,
) -> ArmResult<Value> {
    let windows = text(&properties, "/osType") == "Windows";
    let most = if windows { 6 } else { 12 };
    let good = (1..=most).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !good {
        return refuse(
            format!(
                "The agent pool name '{name}' is invalid: it must begin with a lower-case letter, hold lower-case letters and digits only, and be of 1 to {most} characters."
            ),
            "agentPoolProfile.name",
        );
    }
    let old = |member: &str| before.get(member).filter(|value| !value.is_null());
    for member in [
        "vmSize",
        "osType",
        "osSKU",
        "osDiskSizeGB",
        "osDiskType",
        "maxPods",
        "mode",
        "type",
        "count",
        "vnetSubnetID",
        "orchestratorVersion",
        "kubeletDiskType",
        "availabilityZones",
        "scaleDownMode",
        "upgradeSettings",
        "powerState",
        "nodeImageVersion",
        "currentOrchestratorVersion",
        "enableFIPS",
    ] {
        if let Some(value) = old(member) {
            default(&mut properties, &format!("/{member}"), value.clone());
        }
    }
    let base = "/properties/currentKubernetesVersion";
    let control = text(&owner.doc, base).to_owned();
    for (member, value) in [
        ("mode", json!("User")),
        ("type", json!("VirtualMachineScaleSets")),
        ("osType", json!("Linux")),
        ("osDiskSizeGB", json!(128)),
        ("osDiskType", json!("Managed")),
        ("kubeletDiskType", json!("OS")),
        ("enableFIPS", json!(false)),
        ("enableAutoScaling", json!(false)),
        ("scaleDownMode", json!("Delete")),
        ("powerState", json!({ "code": "Running" })),
        ("upgradeSettings", json!({ "maxSurge": "10%" })),
    ] {
        default(&mut properties, &format!("/{member}"), value);
    }
    default(
        &mut properties,
        "/osSKU",
        if windows { "Windows2022" } else { "Ubuntu" },
    );
    let overlay = text(&owner.doc, "/properties/networkProfile/networkPluginMode") == "overlay";
    let usual = match text(&owner.doc, "/properties/networkProfile/networkPlugin") {
        "kubenet" => 110,
        _ if overlay => 250,
        _ => 30,
    };
    default(&mut properties, "/maxPods", usual);
    let size = text(&properties, "/vmSize").to_owned();
    let Some(machine) = compute::size(&size) else {
        return Err(ArmError::bad(
            "InvalidVMSize",
            format!(
                "The VM size of {size} is not allowed in your subscription in location '{}'.",
                text(&owner.doc, "/location")
            ),
        )
        .target("agentPoolProfile.vmSize"));
    };
    if machine.cores < 2 && text(&properties, "/mode") == "System" {
        return refuse(
            format!(
                "System agent pools need a VM size of 2 cores and 4 GB at least: {size} is smaller."
            ),
            "agentPoolProfile.vmSize",
        );
    }
    counts(&mut properties)?;
    let location = text(&owner.doc, "/location").to_owned();
    let more = properties["count"].as_u64().unwrap_or_default();
    let own = managed::scale_set_id(owner, name);
    compute::check_quota(ctx, &location, &size, more, &own)?;
    check_zones(owner, &properties)?;
    subnets(ctx, owner, &properties)?;
    fixed(&properties, before)?;
    let asked = text(&properties, "/orchestratorVersion").to_owned();
    let wanted = if asked.is_empty() {
        Some(control.as_str())
    } else {
        version::patch(&asked)
    };
    let running = text(before, "/currentOrchestratorVersion").to_owned();
    // A minor version alone keeps the patch that runs, or takes that of the control plane.
    let minor = |patch: &str| {
        patch
            .rsplit_once('.')
            .map_or("", |(minor, _)| minor)
            .to_owned()
    };
    let wanted = match wanted {
        Some(_) if !asked.is_empty() && minor(&running) == asked => running.clone(),
        Some(_) if !asked.is_empty() && minor(&control) == asked => control.clone(),
        Some(wanted) => wanted.to_owned(),
        None => {
            return Err(ArmError::bad(
                "K8sVersionNotSupported",
                format!("Version {asked} is not supported in this region."),
            ));
        }
    };
    let (minors, older) = version::distance(&control, &wanted);
    if wanted != control && (!older || minors > 3) {
        return Err(ArmError::bad(
            "NodePoolMcVersionIncompatible",
            format!(
                "Node pool version {wanted} and control plane version {control} are incompatible. Minor version of node pool cannot be bigger than control plane version. Minor version of node pool is more than 3 versions away from control plane version. For more information, please check https://aka.ms/aks/UpgradeVersionRules."
            ),
        ));
    }
    default(&mut properties, "/orchestratorVersion", wanted.as_str());
    set(&mut properties, "/currentOrchestratorVersion", wanted);
    let image = if windows {
        "AKSWindows-2022-containerd"
    } else {
        "AKSUbuntu-2204gen2containerd"
    };
    default(
        &mut properties,
        "/nodeImageVersion",
        format!("{image}-{IMAGE}"),
    );
    Ok(properties)
}

fn counts(properties: &mut Value) -> ArmResult<()> {
    let scales = properties["enableAutoScaling"] == true;
    let (least, most) = (
        properties["minCount"].as_i64(),
        properties["maxCount"].as_i64(),
    );
    if scales {
        let (Some(least), Some(most)) = (least, most) else {
            return refuse(
                "minCount and maxCount are needed where auto-scaling is on.".to_owned(),
                "agentPoolProfile.minCount",
            );
        };
        if least > most || most > 1000 || least < 0 {
            return refuse(
                format!("minCount {least} and maxCount {most} are not a range within 0 to 1000."),
                "agentPoolProfile.minCount",
            );
        }
        let count = properties["count"]
            .as_i64()
            .unwrap_or(least)
            .clamp(least, most);
        properties["count"] = count.into();
    } else if least.is_some() || most.is_some() {
        return refuse(
            "minCount and maxCount are for pools with auto-scaling only.".to_owned(),
            "agentPoolProfile.minCount",
        );
    }
    default(properties, "/count", 1);
    let count = properties["count"].as_i64().unwrap_or_default();
    let least = i64::from(text(properties, "/mode") == "System");
    if !(least..=1000).contains(&count) {
        return refuse(
            format!(
                "The count {count} of an agent pool of mode {} must be from {least} to 1000.",
                text(properties, "/mode")
            ),
            "agentPoolProfile.count",
        );
    }
    let pods = properties["maxPods"].as_i64().unwrap_or_default();
    if !(10..=250).contains(&pods) {
        return refuse(
            format!("The value of maxPods {pods} must be from 10 to 250."),
            "agentPoolProfile.maxPods",
        );
    }
    Ok(())
}

fn check_zones(owner: &Owner, properties: &Value) -> ArmResult<()> {
    let location = text(&owner.doc, "/location");
    for zone in items(properties, "/availabilityZones") {
        let zone = zone.as_str().unwrap_or_default();
        if !places::has_zone(location, zone) {
            let most = places::zones(location);
            return Err(ArmError::bad(
                "AvailabilityZoneNotSupported",
                format!(
                    "Preflight validation check for resource(s) failed. Message: The zone(s) '{zone}' for resource is not supported. The supported zones for location '{location}' are 1 to {most}"
                ),
            ));
        }
    }
    Ok(())
}

/// The cluster's identity must be let into a subnet; otherwise it is refused in the words of what makes its machines, as reported in
/// <https://github.com/Azure/aad-pod-identity/pull/550>.
fn joined(ctx: &Ctx<'_>, owner: &Owner, subnet: &str) -> ArmResult<()> {
    let principals = identity::principals(&owner.doc);
    if principals.is_empty() || authorization::reaches(ctx, &principals, subnet) {
        return Ok(());
    }
    let client = principals[0];
    Err(ArmError::new(
        403,
        "LinkedAuthorizationFailed",
        format!(
            "The client '{client}' with object id '{client}' has permission to perform action 'Microsoft.Compute/virtualMachineScaleSets/write' on scope '{}'; however, it does not have permission to perform action 'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '{subnet}' or the linked scope(s) are invalid.",
            owner.id.text
        ),
    ))
}

fn subnets(ctx: &Ctx<'_>, owner: &Owner, properties: &Value) -> ArmResult<()> {
    for member in ["vnetSubnetID", "podSubnetID"] {
        let id = text(properties, &format!("/{member}"));
        if id.is_empty() {
            continue;
        }
        check_reference(id, &format!("properties.{member}"))?;
        let Some(element) = crate::azure::parts::get(ctx, &Id::new(id)) else {
            return Err(ArmError::new(
                404,
                "SubnetNotFound",
                format!("The subnet {id} of agent pool was not found. Please make sure the subnet exists."),
            )
            .target(format!("agentPoolProfile.{member}")));
        };
        joined(ctx, owner, id)?;
        let delegated = items(&element, "/properties/delegations").find(|one| {
            member != "podSubnetID"
                || text(one, "/properties/serviceName")
                    != "Microsoft.ContainerService/managedClusters"
        });
        if let Some(other) = delegated {
            return Err(ArmError::bad(
                "SubnetIsDelegated",
                format!(
                    "Subnet {id} cannot be used as it's a delegated subnet: {}. Please check https://aka.ms/adv-network-prerequest for more details.",
                    text(other, "/properties/serviceName")
                ),
            ));
        }
        let network = Id::new(id).parent();
        let location = ctx
            .get(&network.text)
            .map(|item| text(&item.doc, "/location").to_owned());
        if location.is_some_and(|location| location != text(&owner.doc, "/location")) {
            return Err(ArmError::bad(
                "VnetLocationMismatch",
                format!(
                    "The virtual network {} is not in the location of the cluster.",
                    network.text
                ),
            ));
        }
    }
    Ok(())
}

/// What a pool keeps.
fn fixed(properties: &Value, before: &Value) -> ArmResult<()> {
    if before.is_null() {
        return Ok(());
    }
    for member in [
        "vmSize",
        "osType",
        "osDiskSizeGB",
        "osDiskType",
        "maxPods",
        "vnetSubnetID",
        "podSubnetID",
        "availabilityZones",
        "kubeletDiskType",
        "type",
    ] {
        let (old, new) = (&before[member], &properties[member]);
        if !old.is_null() && old != new {
            return Err(ArmError::bad(
                "PropertyChangeNotAllowed",
                format!("Changing property 'properties.{member}' is not allowed."),
            )
            .target(format!("properties.{member}")));
        }
    }
    Ok(())
}

/// Makes or changes a pool that is written with its cluster.
pub(super) fn put(
    ctx: &mut Ctx<'_>,
    owner: &Owner,
    name: &str,
    properties: Value,
    until: Millis,
) -> ArmResult<()> {
    let id = owner.id.child("agentPools", name);
    let old = ctx.get(&id.text).map(|item| item.edit());
    let before = old
        .as_ref()
        .map_or(Value::Null, |item| item.at(ctx.now)["properties"].clone());
    let mut properties = complete(ctx, owner, name, properties, &before)?;
    properties["eTag"] = ctx.uuid().into();
    let unchanged = |mut a: Value, mut b: Value| {
        for value in [&mut a, &mut b] {
            unset(value, "/eTag");
            unset(value, "/provisioningState");
        }
        a == b
    };
    if unchanged(properties.clone(), before.clone()) {
        return Ok(());
    }
    managed::scale(ctx, owner, name, &properties)?;
    properties["provisioningState"] = "Succeeded".into();
    let doc = engine::document(&id, properties);
    let verb = if old.is_some() {
        "Updating"
    } else {
        "Creating"
    };
    // Pools that came with their cluster are part of it, not live resources of their own.
    let mut item = old.unwrap_or_else(|| Item::new(&id.text, Value::Null, ctx.now));
    item.doc = doc.clone();
    engine::work(&mut item, verb, until, "", doc);
    item.settle(ctx.now);
    ctx.put(item);
    Ok(())
}

/// Takes a pool away that its cluster no longer has.
pub(super) fn take(ctx: &mut Ctx<'_>, item: &Item, until: Millis) -> ArmResult<()> {
    removed(ctx, item, until)?;
    engine::vanish(ctx, item.clone(), "Deleting", until, "");
    Ok(())
}

fn owner_of(ctx: &Ctx<'_>, id: &Id) -> ArmResult<Owner> {
    let parent = id.parent();
    let item = engine::find(ctx, &cluster::KIND, &parent)?;
    let doc = item.at(ctx.now).clone();
    Ok(Owner {
        id: Id::new(text(&doc, "/id")),
        doc,
    })
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let owner = owner_of(ctx, write.id)?;
    let name = write.id.name().to_owned();
    let sent = match write.doc["properties"].take() {
        Value::Null => json!({}),
        sent => sent,
    };
    let before = &write.before["properties"];
    let properties = complete(ctx, &owner, &name, sent, before)?;
    let system = |value: &Value| text(value, "/mode") == "System";
    if system(before) && !system(&properties) {
        last_system(ctx, write.id)?;
    }
    managed::scale(ctx, &owner, &name, &properties)?;
    write.doc["properties"] = properties;
    Ok(())
}

/// A cluster keeps at least one pool for its own pods.
fn last_system(ctx: &Ctx<'_>, id: &Id) -> ArmResult<()> {
    let others = ctx
        .of_kind(&format!("{}/", id.parent().text), NAME)
        .iter()
        .any(|pool| {
            pool.id != id.key()
                && !pool.deleting()
                && text(&pool.doc, "/properties/mode") == "System"
        });
    if others {
        return Ok(());
    }
    Err(ArmError::bad(
        "OperationNotAllowed",
        "There has to be at least one system agent pool.",
    ))
}

fn guard(ctx: &Ctx<'_>, item: &Item, id: &Id) -> ArmResult<()> {
    if text(&item.doc, "/properties/mode") == "System" {
        return last_system(ctx, id);
    }
    Ok(())
}

fn removed(ctx: &mut Ctx<'_>, item: &Item, until: Millis) -> ArmResult<()> {
    let id = Id::new(text(&item.doc, "/id"));
    let owner = owner_of(ctx, &id)?;
    managed::unscale(ctx, &owner, id.name(), until);
    Ok(())
}

/// Gives the nodes of a pool the newest image.
pub(super) fn upgrade_image(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let mut item = engine::find(ctx, &KIND, &input.id)?;
    if item.busy(ctx.now).is_some() {
        return Err((KIND.busy)(ctx, &item, &input.id));
    }
    item.settle(ctx.now);
    let until = ctx.due(Work::AksPoolUpdate);
    let location = engine::location_of(ctx, &input.id);
    let id = input.id.clone();
    let begun = lro::begin(ctx, input, &id, &location, until, None);
    let then = item.doc.clone();
    engine::work(
        &mut item,
        "UpgradingNodeImageVersion",
        until,
        &begun.operation,
        then,
    );
    item.settle(ctx.now);
    ctx.put(item);
    Ok(begun.onto(HttpReply::new(202, "application/json", "")))
}
