//! Clusters: made, shown, deleted. Changes are in `update`.

use serde_json::{Map, Value, json};

use super::super::compute::kind::table;
use super::super::compute::reference::PREFIX;
use super::super::context::{
    Ctx, Input, default, fingerprint, project_number, text, without_empty, without_nulls,
};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::super::places;
use super::{bad, kubernetes, network, operation, pool, version};
use crate::certificate;
use crate::clock::{Millis, iso8601};
use crate::http::HttpReply;
use crate::latency::Work;
use crate::world::Stored;

/// The table of clusters.
pub(super) const CLUSTERS: &str = "container.clusters";

/// The full name of the request's cluster.
pub(super) fn id(input: &Input<'_>) -> String {
    let name = input.names().first().copied().unwrap_or_default();
    format!(
        "projects/{}/locations/{}/clusters/{name}",
        input.project(),
        input.location()
    )
}

/// The request's cluster.
pub(super) fn find(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<Stored<Item>> {
    let id = id(input);
    ctx.get(CLUSTERS, &id).ok_or_else(|| missing(&id))
}

/// 404; of a zone by the older name of its place.
fn missing(id: &str) -> GoogleError {
    let location = id.split('/').nth(3).unwrap_or_default();
    let id = if places::is_zone(location) {
        id.replace("/locations/", "/zones/")
    } else {
        id.to_owned()
    };
    GoogleError::not_found(format!("Not found: {id}."))
}

/// Whether a name is one: lower-case letters, digits and hyphens, at most 40.
pub(super) fn check_name(what: &str, name: &str) -> GoogleResult<()> {
    let good = !name.is_empty()
        && name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if good {
        return Ok(());
    }
    Err(bad(format!(
        "Invalid value for field \"{what}\": \"{name}\". Must be a match of regex (?:[a-z](?:[-a-z0-9]{{0,38}}[a-z0-9])?)."
    )))
}

/// A service account of a node: `default`, or one that exists.
pub(super) fn check_account(ctx: &Ctx<'_>, account: &str) -> GoogleResult<()> {
    if account.is_empty()
        || account == "default"
        || account.ends_with("-compute@developer.gserviceaccount.com")
    {
        return Ok(());
    }
    if super::super::iam::account_known(ctx, account) {
        return Ok(());
    }
    Err(bad(format!(
        "Service account \"{account}\" does not exist."
    )))
}

/// The zones of a location, at most three.
fn zones(location: &str) -> Vec<String> {
    if places::is_zone(location) {
        return vec![location.to_owned()];
    }
    places::zones(location).into_iter().take(3).collect()
}

/// Checks the zones of nodes.
pub(super) fn check_zones(location: &str, zones: &Value) -> GoogleResult<()> {
    let region = places::region_of(location);
    for zone in zones.as_array().into_iter().flatten() {
        let zone = zone.as_str().unwrap_or_default();
        if !places::is_zone(zone) || places::region_of(zone) != region {
            return Err(bad(format!(
                "Location \"{zone}\" is not a zone of the cluster's region."
            )));
        }
    }
    Ok(())
}

/// `create`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let mut cluster = input.body["cluster"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut whole = Value::Object(std::mem::take(&mut cluster));
    without_nulls(&mut whole);
    without_empty(&mut whole);
    let mut cluster = whole.as_object().cloned().unwrap_or_default();
    let name = text(&whole, "/name").to_owned();
    check_name("cluster.name", &name)?;
    let location = input.location().to_owned();
    let id = format!(
        "projects/{}/locations/{location}/clusters/{name}",
        input.project()
    );
    if ctx.get(CLUSTERS, &id).is_some() {
        let shown = if places::is_zone(&location) {
            id.replace("/locations/", "/zones/")
        } else {
            id
        };
        return Err(GoogleError::exists(format!("Already exists: {shown}.")));
    }
    super::super::labels::check(whole.get("resourceLabels"))?;
    let autopilot = whole["autopilot"]["enabled"] == true;
    let pools = pools(&whole, autopilot, &location)?;
    let channel = match text(&whole, "/releaseChannel/channel") {
        "" | "UNSPECIFIED" if whole["releaseChannel"].is_object() => "UNSPECIFIED",
        "" => "REGULAR",
        channel => channel,
    };
    let wanted = text(&whole, "/initialClusterVersion");
    let version = version::resolve(wanted, channel)
        .ok_or_else(|| bad(format!("Master version \"{wanted}\" is unsupported.")))?;
    check_zones(&location, &whole["locations"])?;
    check_account(ctx, text(&whole, "/nodeConfig/serviceAccount"))?;
    check_workload_pool(input.project(), &whole["workloadIdentityConfig"])?;
    check_encryption(ctx, &whole["databaseEncryption"])?;
    let network = network::settle(ctx, &id, &mut cluster)?;
    cluster.insert("releaseChannel".into(), json!({ "channel": channel }));
    fill(ctx, &mut cluster, &id, version, autopilot);
    let done = ctx.due(Work::GkeClusterCreate);
    for name in ["nodePools", "nodeConfig", "initialNodeCount"] {
        cluster.remove(name);
    }
    let mut item = Item::new(id.clone(), Value::Object(cluster));
    item.hidden = json!({ "initialNodeCount": whole["initialNodeCount"], "failed": ctx.fails() });
    item.links = network.links();
    let key = text(&whole, "/databaseEncryption/keyName");
    item.links.extend((!key.is_empty()).then(|| key.to_owned()));
    item.ready_at = done;
    item.list_as("google_container_cluster", &location, None);
    let labels = item.doc.get("resourceLabels").cloned();
    ctx.put(CLUSTERS, item, labels.as_ref());
    for wanted in pools {
        pool::make(ctx, &id, wanted, done, false)?;
    }
    firewalls(ctx, &id, &network.network, done);
    Ok(operation::begin(ctx, &id, "CREATE_CLUSTER", &id, done))
}

/// The node pools of a new cluster: those given, or one of the size given.
fn pools(cluster: &Value, autopilot: bool, location: &str) -> GoogleResult<Vec<Value>> {
    let given = cluster["nodePools"].as_array().cloned().unwrap_or_default();
    let count = cluster["initialNodeCount"].as_i64().unwrap_or(0);
    if autopilot {
        if places::is_zone(location) {
            return Err(bad("Autopilot clusters must be regional clusters."));
        }
        let pool = json!({ "name": "default-pool", "initialNodeCount": 1 });
        return Ok(vec![pool]);
    }
    match (given.is_empty(), count) {
        (false, 0) => Ok(given),
        (false, _) => Err(bad(
            "Cluster.initial_node_count and Cluster.node_pools cannot be set at the same time.",
        )),
        (true, count) if count > 0 => {
            let mut pool = json!({ "name": "default-pool", "initialNodeCount": count });
            if cluster["nodeConfig"].is_object() {
                pool["config"] = cluster["nodeConfig"].clone();
            }
            Ok(vec![pool])
        }
        _ => Err(bad("Cluster.initial_node_count must be greater than zero.")),
    }
}

pub(super) fn check_workload_pool(project: &str, config: &Value) -> GoogleResult<()> {
    let pool = text(config, "/workloadPool");
    if pool.is_empty() || pool == format!("{project}.svc.id.goog") {
        return Ok(());
    }
    Err(bad(format!(
        "Currently, the only supported workload pool is \"{project}.svc.id.goog\", but got \"{pool}\"."
    )))
}

pub(super) fn check_encryption(ctx: &Ctx<'_>, config: &Value) -> GoogleResult<()> {
    let key = text(config, "/keyName");
    if config["state"] == "ENCRYPTED" && key.is_empty() {
        return Err(bad(
            "databaseEncryption.keyName is required with state ENCRYPTED.",
        ));
    }
    if !key.is_empty() && ctx.get(super::super::kms::KEYS, key).is_none() {
        return Err(bad(format!(
            "Cloud KMS key \"{key}\" does not exist or cannot be used."
        )));
    }
    // In the words of Cloud KMS itself, as reported in https://github.com/hashicorp/terraform-provider-google/issues/15415.
    if !key.is_empty() && !super::super::kms::usable(ctx, key, "container-engine-robot") {
        return Err(GoogleError::forbidden(format!(
            "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{key}' (or it may not exist)."
        )));
    }
    Ok(())
}

/// What the server decides.
fn fill(
    ctx: &mut Ctx<'_>,
    cluster: &mut Map<String, Value>,
    id: &str,
    version: &str,
    autopilot: bool,
) {
    let location = id.split('/').nth(3).unwrap_or_default();
    let project = id.split('/').nth(1).unwrap_or_default();
    let hex = ctx.hex(64);
    let public = super::super::compute::address_of(&hex);
    let private = "172.16.0.2";
    for (name, value) in [
        ("locations", json!(zones(location))),
        ("loggingService", json!("logging.googleapis.com/kubernetes")),
        (
            "monitoringService",
            json!("monitoring.googleapis.com/kubernetes"),
        ),
        ("legacyAbac", json!({})),
        ("shieldedNodes", json!({ "enabled": true })),
        ("binaryAuthorization", json!({})),
        ("autopilot", json!({})),
        (
            "databaseEncryption",
            json!({ "state": "DECRYPTED", "currentState": "CURRENT_STATE_DECRYPTED" }),
        ),
        (
            "defaultMaxPodsConstraint",
            json!({ "maxPodsPerNode": "110" }),
        ),
        ("enterpriseConfig", json!({ "clusterTier": "STANDARD" })),
        (
            "anonymousAuthenticationConfig",
            json!({ "mode": "ENABLED" }),
        ),
        (
            "securityPostureConfig",
            json!({ "mode": "BASIC", "vulnerabilityMode": "VULNERABILITY_MODE_UNSPECIFIED" }),
        ),
        (
            "rbacBindingConfig",
            json!({ "enableInsecureBindingSystemUnauthenticated": true, "enableInsecureBindingSystemAuthenticated": true }),
        ),
        ("notificationConfig", json!({ "pubsub": {} })),
        ("podAutoscaling", json!({ "hpaProfile": "PERFORMANCE" })),
        ("userManagedKeysConfig", json!({})),
        (
            "nodePoolAutoConfig",
            json!({ "nodeKubeletConfig": { "insecureKubeletReadonlyPortEnabled": false } }),
        ),
        (
            "nodePoolDefaults",
            json!({ "nodeConfigDefaults": {
            "loggingConfig": { "variantConfig": { "variant": "DEFAULT" } },
            "nodeKubeletConfig": { "insecureKubeletReadonlyPortEnabled": false },
        } }),
        ),
        (
            "loggingConfig",
            json!({ "componentConfig": { "enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"] } }),
        ),
        (
            "monitoringConfig",
            json!({
                "componentConfig": { "enableComponents": ["SYSTEM_COMPONENTS", "DAEMONSET", "DEPLOYMENT", "STATEFULSET", "JOBSET", "STORAGE", "HPA", "POD", "CADVISOR", "KUBELET", "DCGM"] },
                "managedPrometheusConfig": { "enabled": true },
                "advancedDatapathObservabilityConfig": {},
            }),
        ),
        (
            "masterAuthorizedNetworksConfig",
            json!({ "gcpPublicCidrsAccessEnabled": true }),
        ),
    ] {
        default(cluster, name, value);
    }
    drop_false(cluster, &["legacyAbac", "binaryAuthorization", "autopilot"]);
    if cluster["databaseEncryption"]["state"] == "ENCRYPTED" {
        cluster["databaseEncryption"]["currentState"] = "CURRENT_STATE_ENCRYPTED".into();
    }
    merge_default(
        cluster,
        "addonsConfig",
        &json!({
            "gcePersistentDiskCsiDriverConfig": { "enabled": true },
            "kubernetesDashboard": { "disabled": true },
            "networkPolicyConfig": { "disabled": true },
        }),
    );
    merge_default(
        cluster,
        "autoscaling",
        &json!({
            "autoscalingProfile": "BALANCED",
            "autoprovisioningNodePoolDefaults": {
                "imageType": "COS_CONTAINERD", "serviceAccount": "default", "oauthScopes": pool::SCOPES,
                "management": { "autoRepair": true, "autoUpgrade": true },
            },
        }),
    );
    merge_default(
        cluster,
        "privateClusterConfig",
        &json!({ "privateEndpoint": private, "publicEndpoint": public }),
    );
    merge_default(
        cluster,
        "controlPlaneEndpointsConfig",
        &json!({
            "dnsEndpointConfig": { "allowExternalTraffic": false, "endpoint": format!("gke-{}-{}.{location}.gke.goog", &hex[..12], project_number(project)) },
            "ipEndpointsConfig": {
                "enabled": true, "enablePublicEndpoint": true, "globalAccess": false,
                "authorizedNetworksConfig": { "gcpPublicCidrsAccessEnabled": true },
                "privateEndpoint": private, "publicEndpoint": public,
            },
        }),
    );
    if cluster["autoscaling"]["enableNodeAutoprovisioning"] == false
        && let Some(autoscaling) = cluster["autoscaling"].as_object_mut()
    {
        autoscaling.remove("enableNodeAutoprovisioning");
    }
    if autopilot {
        cluster.insert("verticalPodAutoscaling".into(), json!({ "enabled": true }));
        let pool = json!({ "workloadPool": format!("{project}.svc.id.goog") });
        cluster.insert("workloadIdentityConfig".into(), pool);
    }
    let window = cluster
        .get("maintenancePolicy")
        .cloned()
        .unwrap_or(json!({}));
    cluster.insert(
        "maintenancePolicy".into(),
        super::update::maintenance(&window),
    );
    if !cluster.contains_key("networkPolicy") || cluster["networkPolicy"] == json!({}) {
        cluster.remove("networkPolicy");
    }
    let endpoint = if cluster["privateClusterConfig"]["enablePrivateEndpoint"] == true {
        private
    } else {
        &public
    };
    cluster.insert("endpoint".into(), endpoint.into());
    cluster.insert(
        "masterAuth".into(),
        json!({
            "clientCertificateConfig": {}, "clusterCaCertificate": certificate::authority(&ctx.frame.tx),
        }),
    );
    cluster.insert("id".into(), hex.into());
    cluster.insert("location".into(), location.into());
    cluster.insert("zone".into(), location.into());
    cluster.insert(
        "createTime".into(),
        iso8601(ctx.now).replace('Z', "+00:00").into(),
    );
    for name in [
        "initialClusterVersion",
        "currentMasterVersion",
        "currentNodeVersion",
    ] {
        cluster.insert(name.into(), version.into());
    }
    let word = if places::is_zone(location) {
        "zones"
    } else {
        "locations"
    };
    let link = format!(
        "https://container.googleapis.com/v1/{}",
        id.replacen("locations", word, 1)
    );
    cluster.insert("selfLink".into(), link.into());
    let labels = cluster.get("resourceLabels").cloned().unwrap_or(json!({}));
    cluster.insert("labelFingerprint".into(), labels_print(&labels).into());
    if labels == json!({}) {
        cluster.remove("resourceLabels");
    }
}

/// The fingerprint of labels, as hexadecimal digits.
pub(super) fn labels_print(labels: &Value) -> String {
    crate::token::fingerprint(&labels.to_string())[..8].to_owned()
}

/// Booleans that are off are not shown.
fn drop_false(cluster: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(settings) = cluster.get_mut(*name).and_then(Value::as_object_mut) {
            settings.retain(|_, value| *value != false);
        }
    }
}

/// Fills what is not given, at any depth.
pub(super) fn merge_default(doc: &mut Map<String, Value>, name: &str, defaults: &Value) {
    let mut whole = defaults.clone();
    if let Some(given) = doc.get(name) {
        super::super::context::merge(&mut whole, given);
    }
    doc.insert(name.to_owned(), whole);
}

/// The firewall rules that GKE makes in the network.
fn firewalls(ctx: &mut Ctx<'_>, id: &str, network: &str, done: Millis) {
    let name = super::super::item::short(id);
    let project = id.split('/').nth(1).unwrap_or_default();
    let hash = crate::token::fingerprint(id)[..8].to_owned();
    for (suffix, allowed) in [
        (
            "all",
            json!([{ "IPProtocol": "tcp" }, { "IPProtocol": "udp" }, { "IPProtocol": "icmp" }]),
        ),
        (
            "vms",
            json!([{ "IPProtocol": "icmp" }, { "IPProtocol": "tcp", "ports": ["1-65535"] }]),
        ),
    ] {
        let rule = format!("gke-{name}-{hash}-{suffix}");
        let path = format!("projects/{project}/global/firewalls/{rule}");
        let doc = json!({
            "kind": "compute#firewall", "id": ctx.number(), "name": rule,
            "creationTimestamp": super::super::context::pacific(ctx.now),
            "network": format!("{PREFIX}{network}"), "selfLink": format!("{PREFIX}{path}"),
            "direction": "INGRESS", "priority": 1000, "disabled": false, "allowed": allowed,
            "sourceRanges": ["10.0.0.0/8"], "targetTags": [format!("gke-{name}-{hash}-node")],
            "logConfig": { "enable": false },
        });
        let mut item = Item::new(path, doc);
        item.links = vec![network.to_owned()];
        item.ready_at = done;
        item.list_as("google_compute_firewall", "", Some(id.to_owned()));
        ctx.put(&table("firewalls"), item, None);
    }
}

/// A cluster as readers see it.
pub(super) fn show(ctx: &Ctx<'_>, item: &Item) -> Value {
    let mut doc = item.at(ctx.now).clone();
    let busy = item.hidden["busy"]["until"].as_i64().unwrap_or(0) > ctx.now;
    let failed = item.hidden["failed"] == true;
    let status = if item.deleting {
        "STOPPING"
    } else if item.ready_at > ctx.now {
        "PROVISIONING"
    } else if failed {
        "ERROR"
    } else if busy {
        "RECONCILING"
    } else {
        "RUNNING"
    };
    doc["status"] = status.into();
    if failed && status == "ERROR" {
        doc["statusMessage"] = "The cluster could not be created.".into();
    }
    if status == "PROVISIONING"
        && let Some(members) = doc.as_object_mut()
    {
        members.remove("endpoint");
    }
    // Its API is the sandbox's, not at the address that its network has for it.
    if doc.get("endpoint").is_some() {
        doc["endpoint"] = kubernetes::address_of(ctx, &item.id).into();
    }
    let pools = pool::of(ctx, &item.id);
    let shown: Vec<_> = pools.iter().map(|pool| pool::show(ctx, pool)).collect();
    let urls: Vec<Value> = shown
        .iter()
        .flat_map(|pool| {
            pool["instanceGroupUrls"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        .collect();
    let count: i64 = pools.iter().map(|pool| pool::nodes(ctx, pool)).sum();
    if count > 0 {
        doc["currentNodeCount"] = count.into();
    }
    if let Some(first) = shown
        .iter()
        .find(|pool| pool["name"] == "default-pool")
        .or(shown.first())
    {
        doc["nodeConfig"] = first["config"].clone();
    }
    if !item.hidden["initialNodeCount"].is_null() {
        doc["initialNodeCount"] = item.hidden["initialNodeCount"].clone();
    }
    if !shown.is_empty() {
        doc["nodePools"] = shown.into();
        doc["instanceGroupUrls"] = urls.into();
    }
    doc["etag"] = fingerprint(&doc).into();
    doc
}

/// `get`.
pub(super) fn get(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let item = find(ctx, input)?;
    Ok(HttpReply::json(200, &show(ctx, &item)))
}

/// `list`; the location `-` is all.
pub(super) fn list(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let project = input.project();
    let prefix = match input.location() {
        "-" => format!("projects/{project}/locations/"),
        location => format!("projects/{project}/locations/{location}/clusters/"),
    };
    let shown: Vec<_> = ctx
        .list(CLUSTERS, &prefix)
        .iter()
        .map(|item| show(ctx, item))
        .collect();
    let answer = if shown.is_empty() {
        json!({})
    } else {
        json!({ "clusters": shown })
    };
    Ok(HttpReply::json(200, &answer))
}

/// `delete`: its pools, groups, firewall rules and ranges go with it.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let item = find(ctx, input)?;
    operation::idle(ctx, &item)?;
    let id = item.id.clone();
    let done = ctx.due(Work::GkeClusterDelete);
    let mut item = item.edit();
    item.settle(ctx.now);
    if !ctx.fails() {
        for pool in pool::of(ctx, &id) {
            pool::take_away(ctx, pool.edit(), done);
        }
        network::remove_ranges(ctx, &item);
        let project = input.project();
        let hash = crate::token::fingerprint(&id)[..8].to_owned();
        let rules = format!(
            "projects/{project}/global/firewalls/gke-{}-{hash}-",
            item.short()
        );
        for rule in ctx.list(&table("firewalls"), &rules) {
            let mut rule = rule.edit();
            rule.gone_at = Some(done);
            rule.deleting = true;
            ctx.keep(&table("firewalls"), rule);
        }
        item.gone_at = Some(done);
        item.deleting = true;
        ctx.keep(CLUSTERS, item);
    }
    Ok(operation::begin(ctx, &id, "DELETE_CLUSTER", &id, done))
}
