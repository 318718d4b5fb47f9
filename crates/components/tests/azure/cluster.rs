use crate::fixture::{Fixture, at, native, readable, small_cluster, told, unfolded};
use serde_json::{Value as Json, json};

const THIS: &str = "azurerm_kubernetes_cluster.this";

fn with(more: Json) -> Json {
    let mut inputs = small_cluster();
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

fn small() -> infra_model::expand::Expansion {
    Fixture::with_network_on("azure").add("cluster", "main", &small_cluster())
}

#[test]
fn a_small_cluster() {
    insta::assert_snapshot!(unfolded(&small()));
}

#[test]
fn nodes_are_private_and_so_is_the_api() {
    let expansion = small();
    assert_eq!(at(&expansion, THIS, "/private_cluster_enabled"), true);
    assert_eq!(
        at(&expansion, THIS, "/api_server_access_profile"),
        Json::Null
    );
    let pool = at(&expansion, THIS, "/default_node_pool");
    assert_eq!(pool["node_public_ip_enabled"], false);
    assert_eq!(
        pool["vnet_subnet_id"],
        "${network.main.private_subnet_ids[0]}"
    );
    assert_eq!(
        at(&expansion, THIS, "/network_profile/outbound_type"),
        "userAssignedNATGateway"
    );
}

#[test]
fn the_api_is_open_only_to_those_named_and_to_the_nodes() {
    let inputs = with(json!({ "api": { "public_from": ["203.0.113.7/32", "?"] } }));
    let expansion = Fixture::with_network_on("azure").add("cluster", "main", &inputs);
    assert_eq!(at(&expansion, THIS, "/private_cluster_enabled"), false);
    assert_eq!(
        at(
            &expansion,
            THIS,
            "/api_server_access_profile/authorized_ip_ranges"
        ),
        "${concat([\"203.0.113.7/32\", flatten([input.api])[0].public_from[1]], [for address in network.main.egress_addresses : \"${address}/32\"])}"
    );
    assert_eq!(told(&expansion.diagnostics), "");
    let everybody = with(json!({ "api": { "public_from": ["0.0.0.0/0"] } }));
    let expansion = Fixture::with_network_on("azure").add("cluster", "main", &everybody);
    assert_eq!(
        at(&expansion, THIS, "/api_server_access_profile"),
        Json::Null
    );
    assert!(told(&expansion.diagnostics).contains("the whole internet"));
}

#[test]
fn secrets_are_encrypted_with_a_key_of_its_own() {
    let expansion = small();
    assert_eq!(
        at(&expansion, THIS, "/key_management_service/key_vault_key_id"),
        "${azurerm_key_vault_key.this.id}"
    );
    assert_eq!(
        at(
            &expansion,
            "azurerm_key_vault.this",
            "/purge_protection_enabled"
        ),
        true
    );
    assert_eq!(
        at(
            &expansion,
            "azurerm_key_vault.this",
            "/rbac_authorization_enabled"
        ),
        true
    );
}

#[test]
fn disks_are_encrypted_with_a_key_of_their_own() {
    let expansion = small();
    assert_eq!(
        at(&expansion, THIS, "/disk_encryption_set_id"),
        "${azurerm_disk_encryption_set.this.id}"
    );
    let set = native(&expansion, "azurerm_disk_encryption_set.this");
    assert_eq!(
        set["key_vault_key_id"],
        "${azurerm_key_vault_key.disks.versionless_id}"
    );
    assert_eq!(set["auto_key_rotation_enabled"], true);
    // Who may use the key, and who may see the set, is settled before.
    assert_eq!(
        set["depends_on"],
        json!(["azurerm_role_assignment.disk_key"])
    );
    let grant = native(&expansion, "azurerm_role_assignment.disks");
    assert_eq!(grant["scope"], "${azurerm_disk_encryption_set.this.id}");
    assert_eq!(grant["role_definition_name"], "Reader");
    let before = at(&expansion, THIS, "/depends_on");
    let before = before.as_array().expect("a list");
    assert!(before.contains(&json!("azurerm_role_assignment.disks")));
    // A cluster that has none is not made anew.
    let ignored = at(&expansion, THIS, "/lifecycle/ignore_changes");
    let ignored = ignored.as_array().expect("a list");
    assert!(ignored.contains(&json!("disk_encryption_set_id")));
}

#[test]
fn network_policies_are_enforced() {
    let profile = at(&small(), THIS, "/network_profile");
    for (name, value) in [
        ("network_plugin", "azure"),
        ("network_plugin_mode", "overlay"),
        ("network_data_plane", "cilium"),
        ("network_policy", "cilium"),
    ] {
        assert_eq!(profile[name], value, "{name}");
    }
}

#[test]
fn pods_and_services_have_addresses_that_are_not_the_networks() {
    for (cidr, pods) in [
        ("10.0.0.0/16", "10.244.0.0/16"),
        ("10.245.0.0/16", "10.246.0.0/16"),
    ] {
        let mut fixture = Fixture::new();
        fixture.add(
            "network",
            "main",
            &json!({ "cloud": "azure", "cidr": cidr }),
        );
        let expansion = fixture.add("cluster", "main", &small_cluster());
        assert_eq!(at(&expansion, THIS, "/network_profile/pod_cidr"), pods);
    }
}

#[test]
fn pods_have_identities_of_their_own() {
    let expansion = small();
    assert_eq!(at(&expansion, THIS, "/oidc_issuer_enabled"), true);
    assert_eq!(at(&expansion, THIS, "/workload_identity_enabled"), true);
}

#[test]
fn access_is_through_entra_alone() {
    let group = "0f0e0d0c-0b0a-0908-0706-050403020100";
    let inputs = with(json!({ "admins": [group, "?"] }));
    let expansion = Fixture::with_network_on("azure").add("cluster", "main", &inputs);
    assert_eq!(at(&expansion, THIS, "/local_account_disabled"), true);
    assert_eq!(
        at(
            &expansion,
            THIS,
            "/azure_active_directory_role_based_access_control/azure_rbac_enabled"
        ),
        true
    );
    let admin = native(&expansion, "azurerm_role_assignment.admin");
    assert_eq!(
        admin["for_each"],
        json!({ group: group, "1": "${input.admins[1]}" })
    );
    assert_eq!(admin["scope"], "${azurerm_kubernetes_cluster.this.id}");
    assert_eq!(
        admin["role_definition_name"],
        "Azure Kubernetes Service RBAC Cluster Admin"
    );
}

#[test]
fn its_identity_may_join_nodes_to_their_subnet_and_use_its_key_and_nothing_else() {
    let natives = readable(&small())["natives"].clone();
    let roles: Vec<(&str, &str)> = natives
        .as_object()
        .expect("natives")
        .values()
        .filter(|b| b["principal_id"] == "${azurerm_user_assigned_identity.this.principal_id}")
        .filter_map(|b| Some((b["role_definition_name"].as_str()?, b["scope"].as_str()?)))
        .collect();
    assert_eq!(
        roles,
        [
            (
                "Network Contributor",
                "${network.main.private_subnet_ids[0]}"
            ),
            ("Key Vault Crypto User", "${azurerm_key_vault.this.id}"),
            ("Reader", "${azurerm_disk_encryption_set.this.id}"),
        ]
    );
}

#[test]
fn every_control_plane_log_is_kept() {
    let expansion = small();
    let setting = native(&expansion, "azurerm_monitor_diagnostic_setting.this");
    assert_eq!(
        setting["target_resource_id"],
        "${azurerm_kubernetes_cluster.this.id}"
    );
    let logs: Vec<&str> = setting["enabled_log"]
        .as_array()
        .expect("logs")
        .iter()
        .filter_map(|log| log["category"].as_str())
        .collect();
    for log in [
        "kube-apiserver",
        "kube-audit",
        "guard",
        "kube-controller-manager",
        "kube-scheduler",
    ] {
        assert!(logs.contains(&log), "{log}");
    }
    let inputs = with(json!({ "control_plane_logs": false }));
    let expansion = Fixture::with_network_on("azure").add("cluster", "main", &inputs);
    let natives = readable(&expansion)["natives"].clone();
    assert_eq!(natives.get("azurerm_log_analytics_workspace.this"), None);
}

#[test]
fn pool_sizes_are_totals() {
    let pools = json!({ "pools": {
        "general": { "min": 3, "max": 12 },
        "batch": {
            "instance": "Standard_D4s_v5", "min": 0, "max": 9, "spot": true,
            "labels": { "workload": "batch" }, "taints": [{ "key": "workload", "value": "batch" }],
        },
        "system": { "size": "small", "min": 3, "taints": [{ "key": "CriticalAddonsOnly", "effect": "PreferNoSchedule" }] },
    } });
    let expansion = Fixture::with_network_on("azure").add("cluster", "main", &with(pools));
    let first = at(&expansion, THIS, "/default_node_pool");
    // A pool whose taint keeps nothing away cannot be the default one, where there are no taints.
    assert_eq!(first["name"], "general");
    assert_eq!(
        (&first["min_count"], &first["max_count"]),
        (&json!(3), &json!(12))
    );
    assert_eq!(first["zones"], json!(["1", "2"]));
    let batch = native(&expansion, "azurerm_kubernetes_cluster_node_pool.batch");
    assert_eq!(
        (&batch["min_count"], &batch["max_count"]),
        (&json!(0), &json!(9))
    );
    assert_eq!(batch["priority"], "Spot");
    assert_eq!(
        batch["node_taints"],
        json!([
            "workload=batch:NoSchedule",
            "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"
        ])
    );
    let system = native(&expansion, "azurerm_kubernetes_cluster_node_pool.system");
    assert_eq!(system["mode"], "System");
    assert_eq!(
        readable(&expansion)["outputs"]["node_groups"],
        "${{ \"batch\" = azurerm_kubernetes_cluster_node_pool.batch.id, \"general\" = \"${azurerm_kubernetes_cluster.this.id}/agentPools/general\", \"system\" = azurerm_kubernetes_cluster_node_pool.system.id }}"
    );
}

#[test]
fn nodes_disks_take_a_key_where_asked() {
    let inputs = with(
        json!({ "override": { "azurerm_kubernetes_cluster": { "disk_encryption_set_id": "?" } } }),
    );
    let expansion = Fixture::with_network_on("azure").add("cluster", "main", &inputs);
    assert_eq!(
        at(&expansion, THIS, "/disk_encryption_set_id"),
        "${input.override[\"azurerm_kubernetes_cluster\"][\"disk_encryption_set_id\"]}"
    );
}

#[test]
fn what_is_refused() {
    let cases = [
        with(json!({ "kubernetes": "1.12" })),
        with(json!({ "pools": { "general": { "spot": true } } })),
        with(json!({ "pools": { "general": { "instance": "m7i.large" } } })),
        with(json!({ "admins": ["ops@example.com"] })),
    ];
    let mut told: Vec<String> = cases
        .iter()
        .map(|c| Fixture::with_network_on("azure").refused("cluster", c))
        .collect();
    let mut closed = Fixture::new();
    closed.add(
        "network",
        "main",
        &json!({ "cloud": "azure", "nat": "none" }),
    );
    told.push(closed.refused("cluster", &small_cluster()));
    insta::assert_snapshot!(told.join("\n\n"));
}
