//! `cluster` on Google Cloud: a regional GKE cluster with private nodes, its key, and an identity for its nodes that may do no
//! more than run them.

mod firewall;

use super::pool::{Pool, spread};
use super::{Inputs, Offer};
use crate::draft::Draft;
use crate::google::{self, PODS, PROJECT};
use crate::input::{escape, literal};
use crate::network::Site;
use crate::sizes::{self, Sizes};
use infra_model::Value;
use infra_model::record::FieldValue;
use serde_json::{Value as Json, json};

/// The minor versions of Kubernetes that GKE offers, as known when this was written.
const OFFER: Offer = Offer {
    service: "GKE",
    minors: 30..=36,
    attribute: "google_container_cluster = { min_master_version",
};

/// What the portable sizes are here.
pub(super) const SIZES: Sizes = [
    ("small", "e2-standard-2"),
    ("medium", "n2-standard-2"),
    ("large", "n2-standard-8"),
];

/// The longest name of a cluster.
const NAME: usize = 40;
/// The longest beginning of a pool's name: a hyphen and 16 digits follow.
const MADE_UP_FROM: usize = NAME - 17;

pub(super) fn expand(
    inputs: &Inputs,
    site: &Site,
    pools: &[(String, Pool)],
    draft: &mut Draft<'_>,
) {
    inputs.check_version(&OFFER, draft);
    google::key(draft, "cluster", google::Agent::Clusters);
    disk_grant(draft);
    node_identity(draft);
    control_plane(inputs, site, draft);
    admins(inputs, draft);
    node_pools(site, pools, draft);
    firewall::expand(site, &node_tag(draft), draft);
    outputs(draft);
    super::kubernetes_provider(
        "\"https://${google_container_cluster.this.endpoint}\"",
        "google_container_cluster.this.master_auth[0].cluster_ca_certificate",
        (
            "gke",
            json!({ "cluster": "${google_container_cluster.this.id}" }),
        ),
        draft,
    );
}

/// The nodes' disks are Compute Engine's, which uses the key by an agent of its own: it is there since the API was enabled.
/// <https://cloud.google.com/kubernetes-engine/docs/how-to/using-cmek>
fn disk_grant(draft: &mut Draft<'_>) {
    draft.resource(
        "google_kms_crypto_key_iam_member",
        "disks",
        json!({
            "crypto_key_id": "${google_kms_crypto_key.this.id}",
            "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
            "member": "serviceAccount:service-${data.google_project.this.number}@compute-system.iam.gserviceaccount.com",
        }),
    );
}

/// An account for nodes: the default one may do nearly everything in a project.
fn node_identity(draft: &mut Draft<'_>) {
    let body = json!({
        "account_id": draft.name("nodes", 30),
        "display_name": format!("Nodes of {}", draft.name("", 80)),
    });
    draft.resource("google_service_account", "nodes", body);
    draft.resource(
        "google_project_iam_member",
        "nodes",
        json!({
            "for_each": "${toset([\"roles/container.defaultNodeServiceAccount\", \"roles/artifactregistry.reader\"])}",
            "project": PROJECT,
            "role": "${each.value}",
            "member": "${google_service_account.nodes.member}",
        }),
    );
}

fn control_plane(inputs: &Inputs, site: &Site, draft: &mut Draft<'_>) {
    let ranges = inputs.public_ranges();
    let public = !ranges.is_empty();
    let ranges: Vec<Json> = ranges
        .into_iter()
        .map(|range| json!({ "cidr_block": range }))
        .collect();
    let mut logs = vec!["SYSTEM_COMPONENTS", "WORKLOADS"];
    if inputs.control_plane_logs {
        logs.extend(["APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"]);
    }
    let body = json!({
        "name": draft.name("", NAME),
        "network": site.output("id"),
        "subnetwork": format!("${{{}.private_subnet_ids[0]}}", site.reference),
        "node_locations": site.output("zones"),
        "min_master_version": inputs.kubernetes,
        // Pools are resources of their own; the one that every cluster begins with goes.
        "initial_node_count": 1,
        "remove_default_node_pool": true,
        "deletion_protection": draft.protect(),
        "networking_mode": "VPC_NATIVE",
        "datapath_provider": "ADVANCED_DATAPATH",
        "ip_allocation_policy": { "cluster_secondary_range_name": PODS },
        "private_cluster_config": { "enable_private_nodes": true, "enable_private_endpoint": !public },
        "master_authorized_networks_config": {
            "gcp_public_cidrs_access_enabled": false,
            "cidr_blocks": ranges,
        },
        "workload_identity_config": { "workload_pool": format!("{PROJECT}.svc.id.goog") },
        "release_channel": { "channel": "REGULAR" },
        "database_encryption": { "state": "ENCRYPTED", "key_name": "${google_kms_crypto_key.this.id}" },
        "logging_config": { "enable_components": logs },
        "monitoring_config": { "enable_components": ["SYSTEM_COMPONENTS"] },
        // The Gateway controller comes with the hardening.
        "gateway_api_config": { "channel": "CHANNEL_DISABLED" },
        "service_external_ips_config": { "enabled": false },
        "enable_shielded_nodes": true,
        "resource_labels": draft.labels(),
        // Without the grant the cluster cannot use its key, and without a way out its nodes find no images.
        "depends_on": ["google_kms_crypto_key_iam_member.this", "google_project_iam_member.nodes", site.reference],
    });
    draft.resource("google_container_cluster", "this", body);
}

fn admins(inputs: &Inputs, draft: &mut Draft<'_>) {
    if inputs.admins.is_empty() {
        return;
    }
    let wrong = |member: &str| {
        (!member.contains(':')).then(|| {
            (
                format!("`{member}` does not say what it is"),
                "write it with its kind: \"group:ops@example.com\", \"user:…\", \"serviceAccount:…\"",
            )
        })
    };
    let each = inputs.admins(wrong, draft);
    draft.resource(
        "google_project_iam_member",
        "admin",
        json!({
            "for_each": each,
            "project": PROJECT,
            "role": "roles/container.admin",
            "member": "${each.value}",
        }),
    );
}

/// The machine type of a pool.
fn machine(name: &str, pool: &Pool, draft: &mut Draft<'_>) -> Option<String> {
    if let Some(instance) = &pool.instance {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if instance.split('-').count() >= 2 && instance.chars().all(legal) {
            return Some(instance.clone());
        }
        draft.refuse(
            &format!("pools.{name}.instance"),
            format!("`{instance}` is not a machine type of Google Cloud"),
            "write one such as `instance = \"n2-standard-4\"`, or a size: `size = \"medium\"`",
        );
        return None;
    }
    let size = pool.size.as_deref().unwrap_or("medium");
    sizes::machine(
        &SIZES,
        size,
        &format!("pools.{name}.size"),
        "any machine type",
        draft,
    )
}

fn node_pools(site: &Site, pools: &[(String, Pool)], draft: &mut Draft<'_>) {
    let mut groups = Vec::new();
    for (name, pool) in pools {
        let Some(machine) = machine(name, pool, draft) else {
            continue;
        };
        let taints: Vec<Json> = pool
            .taints
            .iter()
            .map(|taint| {
                let value = taint.value.as_deref().map(escape).unwrap_or_default();
                json!({ "key": escape(&taint.key), "value": value, "effect": taint.api_effect() })
            })
            .collect();
        // Counted for each zone: as many as the fullest zone needs, which the autoscaler takes back.
        let first = spread(pool.first(), site.zones.len()).into_iter().max();
        let body = json!({
            // Made up from it, so that another pool can be there before this one goes.
            "name_prefix": format!("{}-", draft.name(name, MADE_UP_FROM)),
            "cluster": "${google_container_cluster.this.id}",
            "initial_node_count": first,
            "autoscaling": {
                "total_min_node_count": pool.min,
                "total_max_node_count": pool.most(),
                "location_policy": if pool.spot { "ANY" } else { "BALANCED" },
            },
            "management": { "auto_repair": true, "auto_upgrade": true },
            "upgrade_settings": { "max_surge": 1, "max_unavailable": 0 },
            "node_config": {
                "machine_type": machine,
                "disk_size_gb": pool.disk_gb,
                "disk_type": "pd-balanced",
                "boot_disk_kms_key": "${google_kms_crypto_key.this.id}",
                "image_type": "COS_CONTAINERD",
                "service_account": "${google_service_account.nodes.email}",
                "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],
                "labels": (!pool.labels.is_empty()).then(|| literal(&pool.labels.to_value(), "")),
                "resource_labels": draft.labels(),
                "tags": [node_tag(draft)],
                "taint": (!taints.is_empty()).then_some(taints),
                "spot": pool.spot.then_some(true),
                "metadata": { "disable-legacy-endpoints": "true" },
                "shielded_instance_config": { "enable_secure_boot": true, "enable_integrity_monitoring": true },
                // Pods have identities of their own, and not the node's.
                "workload_metadata_config": { "mode": "GKE_METADATA" },
            },
            // A pool that was there before its disks had a key keeps them: they would be made anew, and all its nodes with them.
            "lifecycle": { "ignore_changes": ["initial_node_count", "node_config[0].boot_disk_kms_key"] },
            // Without the grant the disks cannot be made.
            "depends_on": ["google_kms_crypto_key_iam_member.disks"],
        });
        draft.resource("google_container_node_pool", name, body);
        for zone in 0..site.zones.len() {
            let key = format!("{name}-{}", site.zones[zone]);
            let group = format!(
                "one([for url in google_container_node_pool.{name}.managed_instance_group_urls : url if strcontains(url, \"/zones/${{{}.zones[{zone}]}}/\")])",
                site.reference
            );
            groups.push((key, group));
        }
    }
    draft.fact(
        "node_groups",
        Value::strings(groups.iter().map(|(key, _)| key.as_str())),
    );
    draft.fact("node_tag", Value::from(node_tag(draft).as_str()));
    let entries: Vec<String> = groups
        .iter()
        .map(|(key, group)| format!("\"{key}\" = {group}"))
        .collect();
    draft.output("node_groups", format!("{{ {} }}", entries.join(", ")));
}

/// The network tag of the cluster's nodes, for firewall rules.
fn node_tag(draft: &Draft<'_>) -> String {
    draft.name("nodes", google::NAME)
}

fn outputs(draft: &mut Draft<'_>) {
    let tag = format!("\"{}\"", node_tag(draft));
    let issuer = "\"https://container.googleapis.com/v1/${google_container_cluster.this.id}\"";
    for (name, expression) in [
        ("id", "google_container_cluster.this.id"),
        ("name", "google_container_cluster.this.name"),
        (
            "endpoint",
            "\"https://${google_container_cluster.this.endpoint}\"",
        ),
        (
            "ca",
            "google_container_cluster.this.master_auth[0].cluster_ca_certificate",
        ),
        ("version", "google_container_cluster.this.master_version"),
        ("oidc_issuer_url", issuer),
        (
            "oidc_provider_arn",
            "google_container_cluster.this.workload_identity_config[0].workload_pool",
        ),
        ("security_group_id", &tag),
        ("node_security_group_id", &tag),
        ("node_role", "google_service_account.nodes.email"),
    ] {
        draft.output(name, expression);
    }
}
