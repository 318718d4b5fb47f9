//! Node pools: made, shown, deleted. Changes are in `pool_update`.

use serde_json::{Map, Value, json};

use super::super::compute::group::{self, Managed};
use super::super::compute::kind::{Place, table};
use super::super::compute::machine_type;
use super::super::compute::reference::{PREFIX, path_of};
use super::super::context::{Ctx, Input, default, fingerprint, text, without_empty, without_nulls};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::{Item, short};
use super::{bad, cluster, operation, version};
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::latency::Work;
use crate::world::Stored;

/// The table of node pools.
pub(super) const POOLS: &str = "container.nodePools";

/// The pools of a cluster.
pub(super) fn of(ctx: &Ctx<'_>, cluster: &str) -> Vec<Stored<Item>> {
    ctx.list(POOLS, &format!("{cluster}/nodePools/"))
}

/// The request's pool.
pub(super) fn find(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<Stored<Item>> {
    cluster::find(ctx, input)?;
    let id = format!("{}/nodePools/{}", cluster::id(input), input.name());
    ctx.get(POOLS, &id)
        .ok_or_else(|| GoogleError::not_found(format!("nodePool \"{id}\" not found")))
}

/// What nodes may do by default.
pub(super) const SCOPES: [&str; 6] = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/logging.write",
    "https://www.googleapis.com/auth/monitoring",
    "https://www.googleapis.com/auth/service.management.readonly",
    "https://www.googleapis.com/auth/servicecontrol",
    "https://www.googleapis.com/auth/trace.append",
];

/// Whether the zone offers a machine type.
pub(super) fn check_machine(name: &str, zone: &str) -> GoogleResult<()> {
    if machine_type::offered(name, zone) {
        return Ok(());
    }
    Err(bad(format!(
        "Machine type with name \"{name}\" does not exist in zone \"{zone}\"."
    )))
}

/// Checks the configuration of nodes and fills in what is not given.
pub(super) fn node_config(ctx: &Ctx<'_>, config: &Value, zone: &str) -> GoogleResult<Value> {
    let mut members = config.as_object().cloned().unwrap_or_default();
    default(&mut members, "machineType", "e2-medium");
    check_machine(members["machineType"].as_str().unwrap_or_default(), zone)?;
    default(&mut members, "diskType", "pd-balanced");
    let disk = members["diskType"].as_str().unwrap_or_default().to_owned();
    let known = ["pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced"];
    if !known.contains(&disk.as_str()) {
        return Err(bad(format!("Disk type \"{disk}\" is not supported.")));
    }
    default(&mut members, "diskSizeGb", 100);
    let size = members["diskSizeGb"].as_i64().unwrap_or(0);
    if !(10..=65536).contains(&size) {
        return Err(bad(format!(
            "Disk size {size} GB is out of range: it must be between 10 and 65536."
        )));
    }
    check_hardware(&members)?;
    check_disk_key(ctx, &members)?;
    cluster::check_account(
        ctx,
        members
            .get("serviceAccount")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    )?;
    default(&mut members, "imageType", "COS_CONTAINERD");
    let image = members["imageType"]
        .as_str()
        .unwrap_or_default()
        .to_uppercase();
    let images = [
        "COS_CONTAINERD",
        "UBUNTU_CONTAINERD",
        "WINDOWS_LTSC_CONTAINERD",
        "WINDOWS_SAC_CONTAINERD",
        "COS",
        "UBUNTU",
    ];
    if !images.contains(&image.as_str()) {
        return Err(bad(format!("Image type \"{image}\" is not supported.")));
    }
    members.insert("imageType".into(), image.into());
    members.insert(
        "bootDisk".into(),
        json!({ "diskType": disk, "sizeGb": size.to_string() }),
    );
    default(&mut members, "oauthScopes", json!(SCOPES));
    default(&mut members, "serviceAccount", "default");
    default(
        &mut members,
        "effectiveCgroupMode",
        "EFFECTIVE_CGROUP_MODE_V2",
    );
    default(&mut members, "windowsNodeConfig", json!({}));
    cluster::merge_default(
        &mut members,
        "metadata",
        &json!({ "disable-legacy-endpoints": "true" }),
    );
    cluster::merge_default(
        &mut members,
        "kubeletConfig",
        &json!({ "insecureKubeletReadonlyPortEnabled": false, "maxParallelImagePulls": 2 }),
    );
    cluster::merge_default(
        &mut members,
        "shieldedInstanceConfig",
        &json!({ "enableIntegrityMonitoring": true }),
    );
    let model = if members.get("spot") == Some(&true.into()) {
        "spot"
    } else if members.get("preemptible") == Some(&true.into()) {
        "preemptible"
    } else {
        "on-demand"
    };
    cluster::merge_default(
        &mut members,
        "resourceLabels",
        &json!({ "goog-gke-node-pool-provisioning-model": model }),
    );
    for name in ["spot", "preemptible"] {
        if members.get(name) == Some(&false.into()) {
            members.remove(name);
        }
    }
    Ok(Value::Object(members))
}

/// Checks what is in the machines besides processors (<https://cloud.google.com/kubernetes-engine/docs/concepts/gpus>).
fn check_hardware(config: &Map<String, Value>) -> GoogleResult<()> {
    const ACCELERATORS: [&str; 9] = [
        "nvidia-tesla-t4",
        "nvidia-tesla-v100",
        "nvidia-tesla-p100",
        "nvidia-tesla-p4",
        "nvidia-l4",
        "nvidia-tesla-a100",
        "nvidia-a100-80gb",
        "nvidia-h100-80gb",
        "nvidia-h100-mega-80gb",
    ];
    let machine = config.get("machineType").and_then(Value::as_str);
    let family = machine
        .and_then(|name| name.split('-').next())
        .unwrap_or_default();
    let accelerators = config.get("accelerators").and_then(Value::as_array);
    for accelerator in accelerators.into_iter().flatten() {
        let kind = text(accelerator, "/acceleratorType");
        if !ACCELERATORS.contains(&kind) {
            return Err(bad(format!("Accelerator type \"{kind}\" does not exist.")));
        }
        if !["n1", "a2", "a3", "g2"].contains(&family) {
            return Err(bad(format!(
                "Accelerators are not supported on machine family \"{family}\"."
            )));
        }
    }
    let disks = config
        .get("localSsdCount")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    if disks > 0 && family == "e2" {
        return Err(bad(
            "Local SSDs are not supported on machine family \"e2\".",
        ));
    }
    Ok(())
}

/// Checks the key of boot disks, which Compute Engine's agent uses
/// (<https://cloud.google.com/kubernetes-engine/docs/how-to/using-cmek>).
fn check_disk_key(ctx: &Ctx<'_>, config: &Map<String, Value>) -> GoogleResult<()> {
    let Some(key) = config.get("bootDiskKmsKey").and_then(Value::as_str) else {
        return Ok(());
    };
    if key.is_empty() {
        return Ok(());
    }
    if ctx.get(super::super::kms::KEYS, key).is_none()
        || !super::super::kms::usable(ctx, key, "compute-system")
    {
        return Err(GoogleError::forbidden(format!(
            "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{key}' (or it may not exist)."
        )));
    }
    Ok(())
}

/// Checks autoscaling limits.
pub(super) fn check_autoscaling(autoscaling: &Value) -> GoogleResult<()> {
    if autoscaling["enabled"] != true {
        return Ok(());
    }
    let number = |name: &str| autoscaling[name].as_i64().unwrap_or(0);
    let total = number("totalMaxNodeCount") > 0;
    let (low, high) = if total {
        (number("totalMinNodeCount"), number("totalMaxNodeCount"))
    } else {
        (number("minNodeCount"), number("maxNodeCount"))
    };
    if high < 1 || low < 0 || low > high {
        return Err(bad(format!(
            "Autoscaling limits are not valid: minimum {low}, maximum {high}."
        )));
    }
    Ok(())
}

/// Makes a pool, ready at `done`. The cluster itself is in the table already.
pub(super) fn make(
    ctx: &mut Ctx<'_>,
    cluster_id: &str,
    mut pool: Value,
    done: Millis,
    alone: bool,
) -> GoogleResult<String> {
    without_nulls(&mut pool);
    without_empty(&mut pool);
    let name = text(&pool, "/name").to_owned();
    cluster::check_name("node_pool.name", &name)?;
    let id = format!("{cluster_id}/nodePools/{name}");
    if ctx.get(POOLS, &id).is_some() {
        return Err(GoogleError::exists(format!("Already exists: {id}.")));
    }
    let Some(owner) = ctx.get(cluster::CLUSTERS, cluster_id) else {
        return Err(GoogleError::not_found(format!("Not found: {cluster_id}.")));
    };
    let parent = owner.at(ctx.now).clone();
    let location = cluster_id.split('/').nth(3).unwrap_or_default();
    let autoscaled = pool["autoscaling"]["enabled"] == true;
    if pool["initialNodeCount"].as_i64().unwrap_or(0) < 1
        && !autoscaled
        && pool["initialNodeCount"].is_null()
    {
        pool["initialNodeCount"] = 0.into();
    }
    let count = pool["initialNodeCount"].as_i64().unwrap_or(0);
    if !(0..=1000).contains(&count) {
        return Err(bad(format!(
            "NodePool.initial_node_count {count} must be between 0 and 1000."
        )));
    }
    check_autoscaling(&pool["autoscaling"])?;
    cluster::check_zones(location, &pool["locations"])?;
    let master = text(&parent, "/currentMasterVersion").to_owned();
    let wanted = text(&pool, "/version");
    let node = match wanted {
        "" | "-" => master.clone(),
        _ => version::resolve(wanted, text(&parent, "/releaseChannel/channel"))
            .filter(|node| version::fits(node, &master))
            .ok_or_else(|| bad(format!("Node version \"{wanted}\" is unsupported.")))?
            .to_owned(),
    };
    let mut members: Map<String, Value> = pool.as_object().cloned().unwrap_or_default();
    default(&mut members, "locations", parent["locations"].clone());
    let zone = members["locations"][0]
        .as_str()
        .unwrap_or(location)
        .to_owned();
    let config = node_config(ctx, &pool["config"], &zone)?;
    members.insert("config".into(), config);
    members.insert("version".into(), node.into());
    cluster::merge_default(
        &mut members,
        "management",
        &json!({ "autoRepair": true, "autoUpgrade": true }),
    );
    cluster::merge_default(
        &mut members,
        "upgradeSettings",
        &json!({ "maxSurge": 1, "strategy": "SURGE" }),
    );
    default(
        &mut members,
        "maxPodsConstraint",
        parent["defaultMaxPodsConstraint"].clone(),
    );
    members.insert("podIpv4CidrSize".into(), 24.into());
    let subnetwork = subnetwork(ctx, &parent, &pool)?;
    let range = text(&pool, "/networkConfig/podRange").to_owned();
    let default_range = text(&parent, "/ipAllocationPolicy/clusterSecondaryRangeName").to_owned();
    let range = if range.is_empty() {
        default_range
    } else {
        range
    };
    cluster::merge_default(
        &mut members,
        "networkConfig",
        &json!({
            "podRange": range,
            "podIpv4CidrBlock": parent["clusterIpv4Cidr"],
            "podIpv4RangeUtilization": 0.001,
        }),
    );
    members["networkConfig"]["subnetwork"] = subnetwork.clone().into();
    members.insert(
        "selfLink".into(),
        format!("https://container.googleapis.com/v1/{id}").into(),
    );
    let network = text(&parent, "/networkConfig/network").to_owned();
    let mut item = Item::new(id.clone(), Value::Object(members));
    item.links = vec![network, subnetwork.clone(), format!("{subnetwork}#{range}")];
    item.ready_at = done;
    item.hidden = json!({ "failed": ctx.fails(), "size": count });
    if ctx.fails() && !alone {
        item.hidden["failed"] = false.into();
    }
    item.list_as(
        "google_container_node_pool",
        location,
        (!alone).then(|| cluster_id.to_owned()),
    );
    let labels = item.doc["config"]["resourceLabels"].clone();
    build_groups(ctx, &mut item, cluster_id, done);
    ctx.put(POOLS, item, Some(&labels));
    Ok(id)
}

/// The subnetwork of a pool: its own, or the cluster's.
fn subnetwork(ctx: &Ctx<'_>, cluster: &Value, pool: &Value) -> GoogleResult<String> {
    let own = text(cluster, "/networkConfig/subnetwork");
    let wanted = text(pool, "/networkConfig/subnetwork");
    let project = own.split('/').nth(1).unwrap_or_default();
    let path = if wanted.is_empty() {
        own.to_owned()
    } else {
        path_of(ctx, wanted, project).unwrap_or_else(|| wanted.to_owned())
    };
    let subnet = ctx.get(&table("subnetworks"), &path);
    let Some(subnet) = subnet else {
        return Err(bad(format!("Subnetwork \"{path}\" does not exist.")));
    };
    let range = text(pool, "/networkConfig/podRange");
    let known = subnet.at(ctx.now)["secondaryIpRanges"]
        .as_array()
        .is_some_and(|list| list.iter().any(|one| one["rangeName"] == range));
    let create = pool["networkConfig"]["createPodRange"] == true;
    if !range.is_empty() && !known && !create {
        let name = short(&path);
        return Err(bad(format!(
            "Pod secondary range \"{range}\" does not exist in subnetwork \"{name}\"."
        )));
    }
    Ok(path)
}

/// Makes the managed instance groups of a pool, one in each zone, or changes their size.
pub(super) fn build_groups(ctx: &mut Ctx<'_>, item: &mut Item, cluster_id: &str, done: Millis) {
    let project = cluster_id.split('/').nth(1).unwrap_or_default().to_owned();
    let hash = crate::token::fingerprint(&item.id)[..8].to_owned();
    let base: String = format!("gke-{}-{}", short(cluster_id), item.short())
        .chars()
        .take(40)
        .collect();
    let name = format!("{}-{hash}-grp", base.trim_end_matches('-'));
    let size = item.hidden["size"].as_i64().unwrap_or(0);
    let zones = item.doc["locations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let (network, subnetwork) = (item.links[0].clone(), item.links[1].clone());
    let mut urls = Vec::new();
    for zone in zones {
        let place = Place {
            project: project.clone(),
            location: zone.as_str().unwrap_or_default().to_owned(),
        };
        urls.push(group::manage(
            ctx,
            &place,
            &Managed {
                name: &name,
                network: &network,
                subnetwork: &subnetwork,
                size,
                owner: &item.id,
                ready_at: done,
                gone_at: None,
            },
        ));
    }
    let old = item.doc["instanceGroupUrls"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for gone in old.iter().filter_map(Value::as_str) {
        if !urls.iter().any(|url| url == gone) {
            group::unmanage(ctx, gone, done);
        }
    }
    item.doc["instanceGroupUrls"] = urls.into();
}

/// How many nodes a pool has.
pub(super) fn nodes(ctx: &Ctx<'_>, pool: &Item) -> i64 {
    let urls = pool.at(ctx.now)["instanceGroupUrls"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let sizes = urls.iter().filter_map(|url| {
        let manager = url.as_str()?.trim_start_matches(PREFIX).to_owned();
        ctx.get(&group::MANAGERS.table(), &manager)?.at(ctx.now)["targetSize"].as_i64()
    });
    sizes.sum()
}

/// A pool as readers see it.
pub(super) fn show(ctx: &Ctx<'_>, item: &Item) -> Value {
    let mut doc = item.at(ctx.now).clone();
    let changing = item
        .change
        .as_ref()
        .is_some_and(|change| change.at > ctx.now)
        || item.hidden["until"].as_i64().unwrap_or(0) > ctx.now;
    let status = if item.deleting {
        "STOPPING"
    } else if item.ready_at > ctx.now {
        "PROVISIONING"
    } else if item.hidden["failed"] == true {
        "ERROR"
    } else if changing {
        "RECONCILING"
    } else {
        "RUNNING"
    };
    doc["status"] = status.into();
    doc["etag"] = fingerprint(&doc).into();
    doc
}

/// `create`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let owner = cluster::find(ctx, input)?;
    operation::idle(ctx, &owner)?;
    if owner.at(ctx.now)["autopilot"]["enabled"] == true {
        return Err(bad(
            "Autopilot clusters do not support mutating node pools.",
        ));
    }
    let done = ctx.due(Work::GkePoolCreate);
    let owner = owner.id.clone();
    let id = make(ctx, &owner, input.body["nodePool"].clone(), done, true)?;
    Ok(operation::begin(ctx, &owner, "CREATE_NODE_POOL", &id, done))
}

/// `get`.
pub(super) fn get(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let item = find(ctx, input)?;
    Ok(HttpReply::json(200, &show(ctx, &item)))
}

/// `list`.
pub(super) fn list(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let owner = cluster::find(ctx, input)?;
    let shown: Vec<_> = of(ctx, &owner.id)
        .iter()
        .map(|item| show(ctx, item))
        .collect();
    let answer = if shown.is_empty() {
        json!({})
    } else {
        json!({ "nodePools": shown })
    };
    Ok(HttpReply::json(200, &answer))
}

/// `delete`.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let owner = cluster::find(ctx, input)?;
    let item = find(ctx, input)?;
    operation::idle(ctx, &owner)?;
    let done = ctx.due(Work::GkePoolDelete);
    let (owner, id) = (owner.id.clone(), item.id.clone());
    if !ctx.fails() {
        take_away(ctx, item.edit(), done);
    }
    Ok(operation::begin(ctx, &owner, "DELETE_NODE_POOL", &id, done))
}

/// Takes a pool and its groups away at `done`.
pub(super) fn take_away(ctx: &mut Ctx<'_>, mut pool: Item, done: Millis) {
    pool.settle(ctx.now);
    for url in pool.doc["instanceGroupUrls"]
        .as_array()
        .cloned()
        .unwrap_or_default()
    {
        group::unmanage(ctx, url.as_str().unwrap_or_default(), done);
    }
    pool.gone_at = Some(done);
    pool.deleting = true;
    ctx.keep(POOLS, pool);
}
