//! `cluster` on Azure: an AKS cluster with private nodes, its identity and key, its administrators, and its logs.

use super::pool::{Pool, Taint};
use super::{Inputs, Offer};
use crate::azure::{self, LOCATION};
use crate::draft::Draft;
use crate::input::{escape, literal};
use crate::names;
use crate::network::Site;
use crate::sizes::{self, Sizes};
use infra_model::Value;
use infra_model::record::FieldValue;
use ipnet::Ipv4Net;
use serde_json::{Map, Value as Json, json};

/// The minor versions of Kubernetes that AKS offers, as known when this was written.
const OFFER: Offer = Offer {
    service: "AKS",
    minors: 31..=36,
    attribute: "azurerm_kubernetes_cluster = { kubernetes_version",
};

/// What the portable sizes are here.
pub(super) const SIZES: Sizes = [
    ("small", "Standard_B2s_v2"),
    ("medium", "Standard_D2s_v5"),
    ("large", "Standard_D8s_v5"),
];

/// The longest name of a cluster, and of a pool.
const NAME: usize = 63;
const POOL_NAME: usize = 12;

/// Addresses of pods and of Services: outside of all networks, unless a network has just these.
const INSIDE: [[&str; 3]; 2] = [
    ["10.244.0.0/16", "10.245.0.0/16", "10.245.0.10"],
    ["10.246.0.0/16", "10.247.0.0/16", "10.247.0.10"],
];

/// The control plane's logs worth keeping (the audit log among them).
const LOGS: [&str; 7] = [
    "kube-apiserver",
    "kube-audit",
    "kube-controller-manager",
    "kube-scheduler",
    "cluster-autoscaler",
    "cloud-controller-manager",
    "guard",
];

pub(super) fn expand(
    inputs: &Inputs,
    site: &Site,
    pools: &[(String, Pool)],
    draft: &mut Draft<'_>,
) {
    inputs.check_version(&OFFER, draft);
    if !site.has("nat") {
        draft.refuse(
            "network",
            format!(
                "the nodes of an AKS cluster need a way out, and {} has none",
                site.reference
            ),
            format!("write `nat = \"single\"` in [{}]", site.reference),
        );
    }
    let Some(system) = system_pool(pools, draft) else {
        return;
    };
    let group = azure::group_of(site, draft);
    identity(site, &group, draft);
    control_plane(inputs, site, &group, &pools[system], draft);
    admins(inputs, draft);
    if inputs.control_plane_logs {
        logs(&group, draft);
    }
    let others = pools.iter().enumerate().filter(|(i, _)| *i != system);
    for (_, (name, pool)) in others {
        node_pool(name, pool, inputs, site, draft);
    }
    outputs(inputs, site, pools, system, draft);
}

/// The pool in which AKS runs what the cluster itself needs: the one called `system`, else the first that can be.
fn system_pool(pools: &[(String, Pool)], draft: &mut Draft<'_>) -> Option<usize> {
    let can =
        |pool: &Pool| !pool.spot && pool.min >= 1 && (pool.taints.is_empty() || critical(pool));
    let found = pools
        .iter()
        .position(|(name, pool)| name == "system" && can(pool))
        .or_else(|| pools.iter().position(|(_, pool)| can(pool)));
    if found.is_none() {
        draft.refuse(
            "pools",
            "AKS needs a pool for what the cluster itself runs: one of at least one node, not of spot nodes, and without taints",
            "add one, such as [cluster.main.pools.system] with `size = \"small\"` and `min = 2`",
        );
    }
    found
}

/// Whether only what the cluster itself needs runs there.
fn critical(pool: &Pool) -> bool {
    let ours = |t: &Taint| t.key == "CriticalAddonsOnly" && t.effect == "NoSchedule";
    !pool.taints.is_empty() && pool.taints.iter().all(ours)
}

/// The cluster's identity, which may join its nodes to their subnet and use its key, and nothing else.
fn identity(site: &Site, group: &str, draft: &mut Draft<'_>) {
    azure::identity(draft, "this", "cluster", group);
    let subnet = format!("${{{}.private_subnet_ids[0]}}", site.reference);
    azure::grant(draft, "subnet", "this", "Network Contributor", &subnet);
    azure::vault(draft, group);
    // Its version is fixed in the cluster, so that a new one is a decision.
    azure::key(draft, "cluster", false);
    azure::grant(
        draft,
        "key",
        "this",
        "Key Vault Crypto User",
        "${azurerm_key_vault.this.id}",
    );
    disks(group, draft);
}

/// The key that disks of nodes and volumes are encrypted with, in a set that follows to its newest version; an identity uses it, and
/// the cluster may see the set. Volumes are encrypted with it where their class names no other
/// (<https://learn.microsoft.com/azure/aks/azure-disk-customer-managed-keys>).
fn disks(group: &str, draft: &mut Draft<'_>) {
    azure::key_as(draft, "disks", "disks", true);
    azure::identity(draft, "disks", "disks", group);
    azure::grant(
        draft,
        "disk_key",
        "disks",
        "Key Vault Crypto Service Encryption User",
        "${azurerm_key_vault_key.disks.resource_versionless_id}",
    );
    let body = json!({
        "name": draft.name("disks", 80),
        "resource_group_name": group,
        "location": LOCATION,
        "key_vault_key_id": "${azurerm_key_vault_key.disks.versionless_id}",
        "auto_key_rotation_enabled": true,
        "identity": { "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.disks.id}"] },
        "tags": draft.plain_tags(),
        "depends_on": ["azurerm_role_assignment.disk_key"],
    });
    draft.resource("azurerm_disk_encryption_set", "this", body);
    let set = "${azurerm_disk_encryption_set.this.id}";
    azure::grant(draft, "disks", "this", "Reader", set);
}

fn control_plane(
    inputs: &Inputs,
    site: &Site,
    group: &str,
    (name, pool): &(String, Pool),
    draft: &mut Draft<'_>,
) {
    let public = inputs.is_public();
    let [pods, services, dns] = inside(site);
    let body = json!({
        "name": draft.name("", NAME),
        "resource_group_name": group,
        "location": LOCATION,
        // Beside the network's group: AKS keeps machines, disks and addresses there, and nobody else anything.
        "node_resource_group": draft.name("nodes", 80),
        "dns_prefix": draft.name("", 54),
        "kubernetes_version": inputs.kubernetes,
        "sku_tier": "Standard",
        "automatic_upgrade_channel": "patch",
        "node_os_upgrade_channel": "NodeImage",
        "private_cluster_enabled": !public,
        "api_server_access_profile": authorized(inputs, site).map(|ranges| json!({ "authorized_ip_ranges": ranges })),
        "local_account_disabled": true,
        "role_based_access_control_enabled": true,
        "azure_active_directory_role_based_access_control": {
            "azure_rbac_enabled": true,
            "tenant_id": "${data.azurerm_client_config.this.tenant_id}",
        },
        "oidc_issuer_enabled": true,
        "workload_identity_enabled": true,
        "run_command_enabled": false,
        "identity": { "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.this.id}"] },
        "key_management_service": {
            "key_vault_key_id": "${azurerm_key_vault_key.this.id}",
            "key_vault_network_access": "Public",
        },
        "disk_encryption_set_id": "${azurerm_disk_encryption_set.this.id}",
        "network_profile": {
            "network_plugin": "azure",
            "network_plugin_mode": "overlay",
            "network_data_plane": "cilium",
            "network_policy": "cilium",
            "load_balancer_sku": "standard",
            "outbound_type": "userAssignedNATGateway",
            "pod_cidr": pods,
            "service_cidr": services,
            "dns_service_ip": dns,
        },
        "default_node_pool": default_pool(name, pool, inputs, site, draft),
        "tags": draft.plain_tags(),
        // Without the grants the cluster can neither join its nodes to the subnet nor use its keys, and without a way out its
        // nodes find no images.
        "depends_on": [
            "azurerm_role_assignment.subnet",
            "azurerm_role_assignment.key",
            "azurerm_role_assignment.disks",
            site.reference,
        ],
        // An autoscaler decides how many nodes there are, and a cluster that was made without a key for its disks cannot get one.
        "lifecycle": { "ignore_changes": ["default_node_pool[0].node_count", "disk_encryption_set_id"] },
    });
    draft.resource("azurerm_kubernetes_cluster", "this", body);
}

/// Those named, and the nodes themselves, which come through the network's way out; none where nobody or everybody may.
fn authorized(inputs: &Inputs, site: &Site) -> Option<Json> {
    let named = inputs.public_ranges();
    if named.is_empty() || named.iter().any(|range| range == "0.0.0.0/0") {
        return None;
    }
    let written: Vec<String> = named
        .iter()
        .map(|range| {
            let text = range.as_str().unwrap_or_default();
            let inner = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'));
            inner.map_or_else(|| range.to_string(), str::to_owned)
        })
        .collect();
    Some(json!(format!(
        "${{concat([{}], [for address in {}.egress_addresses : \"${{address}}/32\"])}}",
        written.join(", "),
        site.reference
    )))
}

/// Ranges of pods and Services that are not the network's.
fn inside(site: &Site) -> [&'static str; 3] {
    let network: Option<Ipv4Net> = site.fact("cidr").parse().ok();
    let clear = |ranges: &&[&'static str; 3]| {
        let free = |range: &str| {
            let range: Ipv4Net = range.parse().expect("a range");
            network.is_none_or(|n| !n.contains(&range) && !range.contains(&n))
        };
        free(ranges[0]) && free(ranges[1])
    };
    *INSIDE.iter().find(clear).unwrap_or(&INSIDE[0])
}

/// What all pools say.
fn common(
    name: &str,
    pool: &Pool,
    inputs: &Inputs,
    site: &Site,
    draft: &mut Draft<'_>,
) -> Map<String, Json> {
    let body = json!({
        "name": names::compact(name, POOL_NAME),
        // Without it nodes would stay behind when the cluster moves on.
        "orchestrator_version": inputs.kubernetes,
        "vm_size": machine(name, pool, draft),
        "vnet_subnet_id": format!("${{{}.private_subnet_ids[0]}}", site.reference),
        // Counted over all zones.
        "zones": azure::zones(site),
        "auto_scaling_enabled": true,
        "min_count": pool.min,
        "max_count": pool.most(),
        "node_count": pool.first(),
        "node_public_ip_enabled": false,
        "os_disk_size_gb": pool.disk_gb,
        "tags": draft.plain_tags(),
    });
    match body {
        Json::Object(entries) => entries,
        _ => Map::new(),
    }
}

fn default_pool(
    name: &str,
    pool: &Pool,
    inputs: &Inputs,
    site: &Site,
    draft: &mut Draft<'_>,
) -> Json {
    let mut body = common(name, pool, inputs, site, draft);
    let labels = (!pool.labels.is_empty()).then(|| literal(&pool.labels.to_value(), ""));
    body.insert("node_labels".into(), json!(labels));
    body.insert(
        "only_critical_addons_enabled".into(),
        json!(critical(pool).then_some(true)),
    );
    // What can only change in new nodes goes through a pool that stands in for a while.
    body.insert("temporary_name_for_rotation".into(), json!("standin"));
    body.insert("upgrade_settings".into(), json!({ "max_surge": "33%" }));
    Json::Object(body)
}

/// The mark that AKS itself puts on spot nodes, as label and taint.
const SPOT: &str = "kubernetes.azure.com/scalesetpriority";

fn node_pool(name: &str, pool: &Pool, inputs: &Inputs, site: &Site, draft: &mut Draft<'_>) {
    let mut body = common(name, pool, inputs, site, draft);
    // What only new nodes can have is in the name, so that another pool can be there before this one goes.
    let nodes = format!("{} {} {}", body["vm_size"], pool.disk_gb, pool.spot);
    let unique = names::number(&nodes) >> 16;
    let stem = names::compact(name, POOL_NAME - 4);
    body.insert("name".into(), json!(format!("{stem}{unique:04x}")));
    let mut taints: Vec<String> = pool
        .taints
        .iter()
        .map(|t| {
            let value = t.value.as_deref().unwrap_or_default();
            escape(&format!("{}={value}:{}", t.key, t.effect))
        })
        .collect();
    let mut labels = match literal(&pool.labels.to_value(), "") {
        Json::Object(labels) => labels,
        _ => Map::new(),
    };
    if pool.spot {
        taints.push(format!("{SPOT}=spot:NoSchedule"));
        labels.insert(SPOT.into(), json!("spot"));
        body.insert("priority".into(), json!("Spot"));
        body.insert("eviction_policy".into(), json!("Delete"));
        body.insert("spot_max_price".into(), json!(-1));
    } else {
        body.insert("upgrade_settings".into(), json!({ "max_surge": "33%" }));
    }
    body.insert(
        "mode".into(),
        json!(if name == "system" { "System" } else { "User" }),
    );
    body.insert(
        "kubernetes_cluster_id".into(),
        json!("${azurerm_kubernetes_cluster.this.id}"),
    );
    body.insert(
        "node_labels".into(),
        json!((!labels.is_empty()).then_some(labels)),
    );
    body.insert(
        "node_taints".into(),
        json!((!taints.is_empty()).then_some(taints)),
    );
    body.insert(
        "lifecycle".into(),
        json!({ "ignore_changes": ["node_count"] }),
    );
    draft.resource(
        "azurerm_kubernetes_cluster_node_pool",
        name,
        Json::Object(body),
    );
}

/// The machine of a pool.
fn machine(name: &str, pool: &Pool, draft: &mut Draft<'_>) -> Option<String> {
    if let Some(instance) = &pool.instance {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if instance.starts_with("Standard_") && instance.chars().all(legal) {
            return Some(instance.clone());
        }
        draft.refuse(
            &format!("pools.{name}.instance"),
            format!("`{instance}` is not a size of Azure's virtual machines"),
            "write one such as `instance = \"Standard_D4s_v5\"`, or a size: `size = \"medium\"`",
        );
        return None;
    }
    let size = pool.size.as_deref().unwrap_or("medium");
    let path = format!("pools.{name}.size");
    sizes::machine(&SIZES, size, &path, "any size of virtual machines", draft)
}

/// Whoever creates the cluster administers it, as on the other clouds, and those who are named.
fn admins(inputs: &Inputs, draft: &mut Draft<'_>) {
    const ROLE: &str = "Azure Kubernetes Service RBAC Cluster Admin";
    draft.resource(
        "azurerm_role_assignment",
        "creator",
        json!({
            "scope": "${azurerm_kubernetes_cluster.this.id}",
            "role_definition_name": ROLE,
            "principal_id": "${data.azurerm_client_config.this.object_id}",
            // It stays with the one who made it.
            "lifecycle": { "ignore_changes": ["principal_id"] },
        }),
    );
    if inputs.admins.is_empty() {
        return;
    }
    let wrong = |id: &str| {
        let hex = |part: &str| part.chars().all(|c| c.is_ascii_hexdigit());
        let parts: Vec<&str> = id.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|p| p.len()).collect();
        let is_one = lengths == [8, 4, 4, 4, 12] && parts.iter().all(|p| hex(p));
        (!is_one).then(|| {
            (
                format!("`{id}` is not the object id of a user or group in Entra"),
                "write it as `az ad group show --query id` prints it: \"0f0e0d0c-0b0a-0908-0706-050403020100\"",
            )
        })
    };
    let each = inputs.admins(wrong, draft);
    draft.resource(
        "azurerm_role_assignment",
        "admin",
        json!({
            "for_each": each,
            "scope": "${azurerm_kubernetes_cluster.this.id}",
            "role_definition_name": ROLE,
            "principal_id": "${each.value}",
        }),
    );
}

fn logs(group: &str, draft: &mut Draft<'_>) {
    let body = json!({
        "name": draft.name("", 63),
        "resource_group_name": group,
        "location": LOCATION,
        "sku": "PerGB2018",
        "retention_in_days": 90,
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_log_analytics_workspace", "this", body);
    let enabled: Vec<Json> = LOGS.iter().map(|log| json!({ "category": log })).collect();
    let body = json!({
        "name": "control-plane",
        "target_resource_id": "${azurerm_kubernetes_cluster.this.id}",
        "log_analytics_workspace_id": "${azurerm_log_analytics_workspace.this.id}",
        "log_analytics_destination_type": "Dedicated",
        "enabled_log": enabled,
    });
    draft.resource("azurerm_monitor_diagnostic_setting", "this", body);
}

fn outputs(
    inputs: &Inputs,
    site: &Site,
    pools: &[(String, Pool)],
    system: usize,
    draft: &mut Draft<'_>,
) {
    let groups: Vec<String> = pools
        .iter()
        .enumerate()
        .map(|(index, (name, _))| {
            let id = if index == system {
                let name = names::compact(name, POOL_NAME);
                format!("\"${{azurerm_kubernetes_cluster.this.id}}/agentPools/{name}\"")
            } else {
                format!("azurerm_kubernetes_cluster_node_pool.{name}.id")
            };
            format!("\"{name}\" = {id}")
        })
        .collect();
    draft.fact(
        "node_groups",
        Value::strings(pools.iter().map(|(name, _)| name.as_str())),
    );
    draft.output("node_groups", format!("{{ {} }}", groups.join(", ")));
    let name = if inputs.is_public() {
        "fqdn"
    } else {
        "private_fqdn"
    };
    let endpoint = format!("\"https://${{azurerm_kubernetes_cluster.this.{name}}}:443\"");
    let group = azure::beside(site, "networkSecurityGroups", site.fact("private_name"));
    let group = format!("\"{group}\"");
    for (name, expression) in [
        ("id", "azurerm_kubernetes_cluster.this.id"),
        ("name", "azurerm_kubernetes_cluster.this.name"),
        ("endpoint", &*endpoint),
        (
            "ca",
            "nonsensitive(azurerm_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate)",
        ),
        (
            "version",
            "azurerm_kubernetes_cluster.this.current_kubernetes_version",
        ),
        (
            "oidc_issuer_url",
            "azurerm_kubernetes_cluster.this.oidc_issuer_url",
        ),
        (
            "oidc_provider_arn",
            "azurerm_kubernetes_cluster.this.oidc_issuer_url",
        ),
        ("security_group_id", &group),
        ("node_security_group_id", &group),
        (
            "node_role",
            "azurerm_kubernetes_cluster.this.kubelet_identity[0].object_id",
        ),
    ] {
        draft.output(name, expression);
    }
    super::kubernetes_provider(
        // What a kubeconfig of it says; the name alone does not say where a sandbox's is.
        "nonsensitive(azurerm_kubernetes_cluster.this.kube_config[0].host)",
        "nonsensitive(azurerm_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate)",
        (
            "aks",
            // Tokens come from the directory of the cluster's tenant, in whichever Azure that is.
            json!({
                "cluster": "${azurerm_kubernetes_cluster.this.id}",
                "tenant": "${data.azurerm_client_config.this.tenant_id}",
                "environment": "${data.azurerm_client_config.this.environment}",
            }),
        ),
        draft,
    );
}
