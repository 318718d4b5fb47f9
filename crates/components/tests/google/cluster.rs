use crate::fixture::{Fixture, at, native, small_cluster, unfolded};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const THIS: &str = "google_container_cluster.this";
const POOL: &str = "google_container_node_pool.general";

fn with(more: Json) -> Expansion {
    let mut inputs = small_cluster();
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    Fixture::with_network_on("google").add("cluster", "main", &inputs)
}

fn small() -> Expansion {
    with(json!({}))
}

#[test]
fn a_small_cluster() {
    insta::assert_snapshot!(unfolded(&small()));
}

#[test]
fn nodes_are_private_and_so_is_the_api() {
    let expansion = small();
    let private = at(&expansion, THIS, "/private_cluster_config");
    assert_eq!(private["enable_private_nodes"], true);
    assert_eq!(private["enable_private_endpoint"], true);
    let authorized = at(&expansion, THIS, "/master_authorized_networks_config");
    assert_eq!(authorized["cidr_blocks"], json!([]));
    assert_eq!(authorized["gcp_public_cidrs_access_enabled"], false);
}

#[test]
fn the_api_is_open_only_to_those_named() {
    let expansion = with(json!({ "api": { "public_from": ["203.0.113.7/32"] } }));
    assert_eq!(
        at(
            &expansion,
            THIS,
            "/private_cluster_config/enable_private_endpoint"
        ),
        false
    );
    assert_eq!(
        at(
            &expansion,
            THIS,
            "/master_authorized_networks_config/cidr_blocks"
        ),
        json!([{ "cidr_block": "203.0.113.7/32" }])
    );
}

#[test]
fn disks_of_nodes_are_encrypted_with_the_key_which_their_service_may_use() {
    let expansion = small();
    assert_eq!(
        at(&expansion, POOL, "/node_config/boot_disk_kms_key"),
        "${google_kms_crypto_key.this.id}"
    );
    let grant = "google_kms_crypto_key_iam_member.disks";
    assert_eq!(
        at(&expansion, grant, "/member"),
        "serviceAccount:service-${data.google_project.this.number}@compute-system.iam.gserviceaccount.com"
    );
    assert_eq!(at(&expansion, POOL, "/depends_on"), json!([grant]));
}

#[test]
fn secrets_are_encrypted_with_a_key_of_its_own_that_rotates() {
    let expansion = small();
    assert_eq!(
        at(&expansion, THIS, "/database_encryption"),
        json!({ "state": "ENCRYPTED", "key_name": "${google_kms_crypto_key.this.id}" })
    );
    assert_eq!(
        at(&expansion, "google_kms_crypto_key.this", "/rotation_period"),
        "7776000s"
    );
    // The grant comes first.
    let after = at(&expansion, THIS, "/depends_on");
    let grant = json!("google_kms_crypto_key_iam_member.this");
    assert!(after.as_array().expect("a list").contains(&grant));
}

#[test]
fn network_policies_are_kept_by_dataplane_v2() {
    let expansion = small();
    assert_eq!(
        at(&expansion, THIS, "/datapath_provider"),
        "ADVANCED_DATAPATH"
    );
    assert_eq!(at(&expansion, THIS, "/networking_mode"), "VPC_NATIVE");
}

#[test]
fn nodes_are_shielded_and_keep_their_identity_from_pods() {
    let expansion = small();
    assert_eq!(at(&expansion, THIS, "/enable_shielded_nodes"), true);
    let node = at(&expansion, POOL, "/node_config");
    assert_eq!(
        node["shielded_instance_config"],
        json!({ "enable_secure_boot": true, "enable_integrity_monitoring": true })
    );
    assert_eq!(node["workload_metadata_config"]["mode"], "GKE_METADATA");
    assert_eq!(node["metadata"]["disable-legacy-endpoints"], "true");
}

#[test]
fn pods_have_identities_of_their_own() {
    assert_eq!(
        at(&small(), THIS, "/workload_identity_config/workload_pool"),
        "${data.google_project.this.project_id}.svc.id.goog"
    );
}

#[test]
fn nodes_may_run_and_pull_images_and_nothing_else() {
    let expansion = small();
    assert_eq!(
        at(&expansion, POOL, "/node_config/service_account"),
        "${google_service_account.nodes.email}"
    );
    assert_eq!(
        at(&expansion, "google_project_iam_member.nodes", "/for_each"),
        "${toset([\"roles/container.defaultNodeServiceAccount\", \"roles/artifactregistry.reader\"])}"
    );
}

#[test]
fn the_control_plane_is_logged() {
    let logs = at(&small(), THIS, "/logging_config/enable_components");
    assert_eq!(
        logs,
        json!([
            "SYSTEM_COMPONENTS",
            "WORKLOADS",
            "APISERVER",
            "CONTROLLER_MANAGER",
            "SCHEDULER"
        ])
    );
    let silent = with(json!({ "control_plane_logs": false }));
    assert_eq!(
        at(&silent, THIS, "/logging_config/enable_components"),
        json!(["SYSTEM_COMPONENTS", "WORKLOADS"])
    );
}

#[test]
fn only_the_network_reaches_webhooks() {
    let rule = native(&small(), "google_compute_firewall.webhooks");
    assert_eq!(rule["source_ranges"], json!(["${network.main.cidr}"]));
    assert_eq!(rule["target_tags"], json!(["shop-main-nodes"]));
    assert_eq!(
        rule["allow"][0]["ports"],
        json!(["443", "8443", "9443", "10250", "10251"])
    );
}

#[test]
fn a_protected_one_is_not_deleted_by_chance() {
    let mut fixture = Fixture::protected();
    fixture.add("network", "main", &json!({ "cloud": "google" }));
    let protected = fixture.add("cluster", "main", &small_cluster());
    assert_eq!(at(&protected, THIS, "/deletion_protection"), true);
    assert_eq!(at(&small(), THIS, "/deletion_protection"), false);
}
