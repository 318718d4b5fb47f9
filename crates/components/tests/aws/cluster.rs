use crate::fixture::{Fixture, at, native, policy, readable, small_cluster, told, unfolded};
use serde_json::{Value as Json, json};

fn with(more: Json) -> Json {
    let mut inputs = small_cluster();
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

#[test]
fn a_small_cluster() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    insta::assert_snapshot!(unfolded(&expansion));
}

#[test]
fn nodes_are_private_and_so_is_the_api() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    let api = at(&expansion, "aws_eks_cluster.this", "/vpc_config");
    assert_eq!(api["endpoint_private_access"], true);
    assert_eq!(api["endpoint_public_access"], false);
    assert_eq!(api["subnet_ids"], "${network.main.private_subnet_ids}");
    assert_eq!(
        at(&expansion, "aws_eks_node_group.general", "/subnet_ids"),
        json!(["${network.main.private_subnet_ids[each.value.zone]}"])
    );
}

#[test]
fn the_api_is_open_only_to_those_named() {
    let inputs = with(json!({ "api": { "public_from": ["203.0.113.7/32", "?"] } }));
    let expansion = Fixture::with_network().add("cluster", "main", &inputs);
    let api = at(&expansion, "aws_eks_cluster.this", "/vpc_config");
    assert_eq!(api["endpoint_public_access"], true);
    assert_eq!(
        api["public_access_cidrs"],
        json!([
            "203.0.113.7/32",
            "${flatten([input.api])[0].public_from[1]}"
        ])
    );
    assert_eq!(told(&expansion.diagnostics), "");
}

#[test]
fn an_api_that_nobody_outside_reaches_or_everybody_is_said_aloud() {
    let mut inputs = small_cluster();
    inputs.as_object_mut().expect("inputs").remove("api");
    let silent = Fixture::with_network().add("cluster", "main", &inputs);
    let open = with(json!({ "api": { "public_from": ["0.0.0.0/0"] } }));
    let open = Fixture::with_network().add("cluster", "main", &open);
    insta::assert_snapshot!(told(&[silent.diagnostics, open.diagnostics].concat()));
}

/// Whoever runs the plan reaches what it makes, and nobody else, on every cloud.
#[test]
fn where_nobody_is_named_the_caller_reaches_the_api() {
    let mut inputs = small_cluster();
    inputs.as_object_mut().expect("inputs").remove("api");
    let caller = "${data.caller_address.this.cidr}";
    for (cloud, block, ranges, wanted) in [
        (
            "aws",
            "aws_eks_cluster.this",
            "/vpc_config/public_access_cidrs",
            json!([caller]),
        ),
        (
            "google",
            "google_container_cluster.this",
            "/master_authorized_networks_config/cidr_blocks",
            json!([{ "cidr_block": caller }]),
        ),
        (
            "azure",
            "azurerm_kubernetes_cluster.this",
            "/api_server_access_profile/authorized_ip_ranges",
            json!(
                "${concat([data.caller_address.this.cidr], [for address in network.main.egress_addresses : \"${address}/32\"])}"
            ),
        ),
    ] {
        let expansion = Fixture::with_network_on(cloud).add("cluster", "main", &inputs);
        assert_eq!(at(&expansion, block, ranges), wanted);
        native(&expansion, "data.caller_address.this");
    }
}

#[test]
fn secrets_are_encrypted_with_a_key_that_rotates() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    let encryption = at(&expansion, "aws_eks_cluster.this", "/encryption_config");
    assert_eq!(encryption["resources"], json!(["secrets"]));
    assert_eq!(encryption["provider"]["key_arn"], "${aws_kms_key.this.arn}");
    assert_eq!(
        at(&expansion, "aws_kms_key.this", "/enable_key_rotation"),
        true
    );
}

#[test]
fn logs_are_kept_for_a_while_in_a_group_that_is_there_before_the_cluster_and_goes_after_it() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    let group = native(&expansion, "aws_cloudwatch_log_group.cluster");
    assert_eq!(group["name"], "/aws/eks/shop-main/cluster");
    assert_eq!(group["retention_in_days"], 90);
    assert_eq!(group["kms_key_id"], "${aws_kms_key.this.arn}");
    let after = at(&expansion, "aws_eks_cluster.this", "/depends_on");
    let after = after.as_array().expect("dependencies");
    assert!(after.contains(&json!("aws_cloudwatch_log_group.cluster")));
    let silent = with(json!({ "control_plane_logs": false }));
    let expansion = Fixture::with_network().add("cluster", "main", &silent);
    let natives = readable(&expansion)["natives"].clone();
    assert_eq!(natives.get("aws_cloudwatch_log_group.cluster"), None);
    assert_eq!(at(&expansion, "aws_kms_key.this", "/policy"), Json::Null);
}

#[test]
fn nodes_have_encrypted_disks_and_keep_their_identity_from_pods() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    let template = native(&expansion, "aws_launch_template.general");
    assert_eq!(template["block_device_mappings"]["ebs"]["encrypted"], true);
    assert_eq!(
        template["block_device_mappings"]["ebs"]["volume_type"],
        "gp3"
    );
    assert_eq!(template["metadata_options"]["http_tokens"], "required");
    assert_eq!(
        template["metadata_options"]["http_put_response_hop_limit"],
        1
    );
}

#[test]
fn nodes_may_join_and_pull_images_and_nothing_else() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    assert_eq!(
        at(
            &expansion,
            "aws_iam_role_policy_attachment.node",
            "/for_each"
        ),
        json!({ "worker": "AmazonEKSWorkerNodePolicy", "images": "AmazonEC2ContainerRegistryPullOnly" })
    );
    let trust = policy(&expansion, "aws_iam_role.node", "assume_role_policy");
    assert_eq!(
        trust["Statement"][0]["Principal"]["Service"],
        "ec2.amazonaws.com"
    );
}

#[test]
fn addons_take_roles_through_pod_identity() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    for (addon, account) in [
        ("vpc_cni", "aws-node"),
        ("ebs_csi", "ebs-csi-controller-sa"),
    ] {
        let identity = at(
            &expansion,
            &format!("aws_eks_addon.{addon}"),
            "/pod_identity_association",
        );
        assert_eq!(identity["service_account"], account);
        let trust = policy(
            &expansion,
            &format!("aws_iam_role.{addon}"),
            "assume_role_policy",
        );
        assert_eq!(
            trust["Statement"][0]["Principal"]["Service"],
            "pods.eks.amazonaws.com"
        );
    }
    assert!(
        readable(&expansion)["natives"]
            .get("aws_iam_openid_connect_provider.this")
            .is_some()
    );
}

#[test]
fn network_policies_are_enforced() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    let values = policy(&expansion, "aws_eks_addon.vpc_cni", "configuration_values");
    assert_eq!(values["enableNetworkPolicy"], "true");
    assert_eq!(values["env"]["ENABLE_PREFIX_DELEGATION"], "true");
}

#[test]
fn the_control_plane_reaches_webhooks() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    let ports = at(
        &expansion,
        "aws_vpc_security_group_ingress_rule.nodes_from_cluster",
        "/for_each",
    );
    let ports: Vec<i64> = ports
        .as_object()
        .expect("ports")
        .values()
        .filter_map(Json::as_i64)
        .collect();
    for port in [8443, 9443, 10250] {
        assert!(ports.contains(&port), "{port}");
    }
}

#[test]
fn every_control_plane_log_is_kept() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    assert_eq!(
        at(
            &expansion,
            "aws_eks_cluster.this",
            "/enabled_cluster_log_types"
        ),
        json!([
            "api",
            "audit",
            "authenticator",
            "controllerManager",
            "scheduler"
        ])
    );
    let expansion = Fixture::with_network().add(
        "cluster",
        "main",
        &with(json!({ "control_plane_logs": false })),
    );
    assert_eq!(
        at(
            &expansion,
            "aws_eks_cluster.this",
            "/enabled_cluster_log_types"
        ),
        Json::Null
    );
}

#[test]
fn access_is_by_entries_alone() {
    let admins = json!({ "admins": ["arn:aws:iam::123456789012:role/ops", "?"] });
    let expansion = Fixture::with_network().add("cluster", "main", &with(admins));
    assert_eq!(
        at(
            &expansion,
            "aws_eks_cluster.this",
            "/access_config/authentication_mode"
        ),
        "API"
    );
    assert_eq!(
        at(&expansion, "aws_eks_access_entry.admin", "/for_each"),
        json!({ "arn:aws:iam::123456789012:role/ops": "arn:aws:iam::123456789012:role/ops", "1": "${input.admins[1]}" })
    );
}

#[test]
fn a_protected_cluster_is_not_deleted() {
    let mut fixture = Fixture::protected();
    fixture.add("network", "main", &json!({ "cloud": "aws" }));
    let expansion = fixture.add("cluster", "main", &small_cluster());
    assert_eq!(
        at(&expansion, "aws_eks_cluster.this", "/deletion_protection"),
        true
    );
    // Left out, a cluster would keep the protection that it has when the stack gives it up.
    let free = Fixture::with_network().add("cluster", "main", &small_cluster());
    assert_eq!(
        at(&free, "aws_eks_cluster.this", "/deletion_protection"),
        false
    );
    assert_eq!(
        at(&expansion, "aws_kms_key.this", "/deletion_window_in_days"),
        30
    );
}

#[test]
fn totals_are_spread_over_zones() {
    let mut fixture = Fixture::new();
    fixture.add("network", "main", &json!({ "cloud": "aws", "zones": 3 }));
    let pools = json!({ "pools": {
        "web": { "instance": "m7g.large", "min": 4, "max": 8, "desired": 5, "spot": true },
        "one": { "size": "small", "min": 1, "max": 1 },
    } });
    let expansion = fixture.add("cluster", "main", &with(pools));
    assert_eq!(
        at(&expansion, "aws_eks_node_group.web", "/for_each"),
        json!({
            "a": { "zone": 0, "min": 2, "max": 3, "desired": 2 },
            "b": { "zone": 1, "min": 1, "max": 3, "desired": 2 },
            "c": { "zone": 2, "min": 1, "max": 2, "desired": 1 },
        })
    );
    assert_eq!(
        at(&expansion, "aws_eks_node_group.one", "/for_each"),
        json!({ "a": { "zone": 0, "min": 1, "max": 1, "desired": 1 } })
    );
    assert_eq!(
        at(&expansion, "aws_eks_node_group.web", "/ami_type"),
        "AL2023_ARM_64_STANDARD"
    );
    assert_eq!(
        at(&expansion, "aws_eks_node_group.web", "/capacity_type"),
        "SPOT"
    );
    assert_eq!(
        readable(&expansion)["facts"]["node_groups"],
        json!(["one-a", "web-a", "web-b", "web-c"])
    );
}

#[test]
fn labels_and_taints() {
    let pools = json!({ "pools": { "gpu": {
        "instance": "g5.xlarge", "labels": { "accelerator": "nvidia" },
        "taints": [{ "key": "gpu", "value": "yes" }, { "key": "slow", "effect": "PreferNoSchedule" }],
    } } });
    let expansion = Fixture::with_network().add("cluster", "main", &with(pools));
    let group = native(&expansion, "aws_eks_node_group.gpu");
    assert_eq!(group["labels"], json!({ "accelerator": "nvidia" }));
    assert_eq!(
        group["taint"],
        json!([{ "key": "gpu", "value": "yes", "effect": "NO_SCHEDULE" }, { "key": "slow", "effect": "PREFER_NO_SCHEDULE" }])
    );
    assert_eq!(group["ami_type"], "AL2023_x86_64_NVIDIA");
}

#[test]
fn a_network_is_found_by_key() {
    let mut fixture = Fixture::new();
    fixture.add_keyed("network", "main", Some("eu"), &json!({ "cloud": "aws.eu" }));
    for name in ["main[\"eu\"]", "network.main[\"eu\"]"] {
        let expansion = fixture.add("cluster", "main", &with(json!({ "network": name })));
        assert_eq!(
            at(&expansion, "aws_eks_cluster.this", "/vpc_config/subnet_ids"),
            "${network.main[\"eu\"].private_subnet_ids}"
        );
        assert!(
            expansion
                .blocks
                .iter()
                .all(|b| b.provider.to_string() == "aws.eu")
        );
    }
}

#[test]
fn what_is_refused() {
    let cases = [
        with(json!({ "network": "mian" })),
        with(json!({ "network": "?" })),
        with(json!({ "kubernetes": "1.12" })),
        with(json!({ "kubernetes": "latest" })),
        with(json!({ "pools": {} })),
        with(json!({ "pools": { "general": { "size": "meduim", "szie": 1 } } })),
        with(json!({ "pools": { "general": { "size": "meduim" } } })),
        with(json!({ "pools": { "general": { "instance": "big" } } })),
        with(
            json!({ "pools": { "general": { "size": "small", "instance": "m7i.large", "min": 3, "max": 2, "disk_gb": 1 } } }),
        ),
        with(json!({ "pools": { "general": { "min": "?" } } })),
        with(json!({ "pools": { "9lives": {} } })),
        with(json!({ "pools": { "general": { "taints": [{ "key": "a", "effect": "No" }] } } })),
        with(json!({ "api": { "public_from": ["here"] } })),
        with(json!({ "admins": ["ops"] })),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|c| Fixture::with_network().refused("cluster", c))
        .collect();
    let mut one_zone = Fixture::new();
    one_zone.add("network", "main", &json!({ "cloud": "aws", "zones": 1 }));
    let one_zone = one_zone.refused("cluster", &small_cluster());
    insta::assert_snapshot!(format!("{}\n\n{one_zone}", told.join("\n\n")));
}

/// Nodes are exchanged a few at a time, new ones first where the cloud lets that be said: on EKS a managed group always begins with
/// a new node, and says how many may be missing.
#[test]
fn nodes_are_exchanged_within_bounds_on_every_cloud() {
    let pools = json!({ "pools": {
        "general": { "size": "medium", "min": 3, "max": 6 },
        "batch": { "size": "medium", "min": 1, "max": 3 },
    } });
    for (cloud, address, path, expected) in [
        (
            "aws",
            "aws_eks_node_group.batch",
            "/update_config",
            json!({ "max_unavailable": 1 }),
        ),
        (
            "google",
            "google_container_node_pool.batch",
            "/upgrade_settings",
            json!({ "max_surge": 1, "max_unavailable": 0 }),
        ),
        (
            "azure",
            "azurerm_kubernetes_cluster_node_pool.general",
            "/upgrade_settings",
            json!({ "max_surge": "33%" }),
        ),
        (
            "azure",
            "azurerm_kubernetes_cluster.this",
            "/default_node_pool/upgrade_settings",
            json!({ "max_surge": "33%" }),
        ),
    ] {
        let expansion =
            Fixture::with_network_on(cloud).add("cluster", "main", &with(pools.clone()));
        assert_eq!(at(&expansion, address, path), expected, "{cloud}");
    }
}

/// What the control plane calls reaches the nodes, on the same ports wherever they have a firewall of their own.
#[test]
fn webhooks_are_reached_on_every_cloud_with_a_firewall() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    let rule = at(
        &expansion,
        "aws_vpc_security_group_ingress_rule.nodes_from_cluster",
        "/for_each",
    );
    let ports = rule.as_object().expect("ports").values();
    let mut aws: Vec<String> = ports.map(ToString::to_string).collect();
    let expansion = Fixture::with_network_on("google").add("cluster", "main", &small_cluster());
    let rule = at(&expansion, "google_compute_firewall.webhooks", "");
    let mut google: Vec<String> =
        serde_json::from_value(rule["allow"][0]["ports"].clone()).expect("ports");
    aws.sort();
    google.sort();
    assert_eq!(aws, google);
    assert!(google.contains(&"9443".to_owned()) && google.contains(&"8443".to_owned()));
    // From the network alone, which is known while planning, to the nodes of this cluster.
    assert_eq!(rule["source_ranges"], json!(["${network.main.cidr}"]));
    assert_eq!(
        rule["target_tags"],
        at(
            &expansion,
            "google_container_node_pool.general",
            "/node_config/tags"
        )
    );
}

#[test]
fn add_ons_follow_the_control_plane() {
    let expansion = Fixture::with_network().add("cluster", "main", &small_cluster());
    for name in ["kube_proxy", "vpc_cni", "coredns", "ebs_csi"] {
        let address = format!("aws_eks_addon.{name}");
        assert_eq!(
            at(&expansion, &address, "/cluster_version"),
            "${aws_eks_cluster.this.version}"
        );
        // A version of one's own stays what is said.
        assert_eq!(at(&expansion, &address, "/addon_version"), Json::Null);
    }
}
