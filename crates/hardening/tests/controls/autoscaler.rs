//! `autoscaler`.

use crate::fixture::{Fixture, comes_after, node, nodes, object, shop};
use serde_json::{Value as Json, json};

const DEPLOYMENT: &str = "kubernetes_manifest.deployment_cluster_autoscaler_cluster_autoscaler";

/// A pool of an EKS cluster with no node in it would never have one.
#[test]
fn pools_grow_on_every_cloud() {
    for cloud in ["google", "azure"] {
        let own = Fixture::on(cloud).harden(&["autoscaler"], shop());
        let made = nodes(&own)
            .into_iter()
            .filter(|(a, _)| a.contains("autoscaler"));
        assert_eq!(made.count(), 0, "{cloud} does it itself");
    }
    let expansion = Fixture::new().harden(&["autoscaler", "network"], shop());
    let deployment = object(
        &expansion,
        "deployment_cluster_autoscaler_cluster_autoscaler",
    );
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].to_string();
    assert!(
        arguments.contains(
            "k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/${cluster.main.name}"
        ),
        "{arguments}"
    );
    assert!(
        arguments.contains("--scale-down-unneeded-time=10m"),
        "{arguments}"
    );
    // Neither without its rights in the cloud, nor without those in the cluster.
    for earlier in [
        "aws_iam_role_policy.cluster_autoscaler",
        "kubernetes_manifest.serviceaccount_cluster_autoscaler_cluster_autoscaler",
        "kubernetes_manifest.clusterrolebinding_cluster_autoscaler",
        "kubernetes_manifest.clusterrole_cluster_autoscaler",
    ] {
        assert!(comes_after(&expansion, DEPLOYMENT, earlier), "{earlier}");
    }
    assert!(
        nodes(&expansion)
            .keys()
            .any(|a| a.contains("networkpolicy_cluster_autoscaler_cluster_autoscaler"))
    );
}

/// What it may change is the cluster's own groups.
#[test]
fn only_groups_of_the_cluster_are_scaled() {
    let expansion = Fixture::new().harden(&["autoscaler"], shop());
    let role = node(&expansion, "aws_iam_role_policy.cluster_autoscaler");
    let policy: Json =
        serde_json::from_str(role["policy"].as_str().expect("a policy")).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements");
    let writes: Vec<&Json> = statements
        .iter()
        .filter(|s| {
            let actions = s["Action"].as_array().expect("actions");
            let reads = |a: &Json| {
                a.as_str()
                    .is_some_and(|a| a.contains(":Describe") || a.contains(":Get"))
            };
            !actions.iter().all(reads)
        })
        .collect();
    let [write] = writes.as_slice() else {
        panic!("{writes:#?}")
    };
    assert_eq!(
        write["Condition"]["StringEquals"],
        json!({
            "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled": "true",
            "aws:ResourceTag/k8s.io/cluster-autoscaler/${cluster.main.name}": "owned",
        })
    );
}

/// Without one of these rights it runs and never does anything: it waits until it has seen all of them.
#[test]
fn it_sees_what_it_waits_for() {
    let expansion = Fixture::new().harden(&["autoscaler"], shop());
    let role = object(&expansion, "clusterrole_cluster_autoscaler");
    let looks = |group: &str, resource: &str| {
        let rules = role["rules"].as_array().into_iter().flatten();
        rules.into_iter().any(|r| {
            let has = |field: &str, value: &str| {
                r[field]
                    .as_array()
                    .is_some_and(|a| a.contains(&json!(value)))
            };
            has("apiGroups", group)
                && has("resources", resource)
                && has("verbs", "list")
                && has("verbs", "watch")
        })
    };
    for (group, resource) in [
        ("", "nodes"),
        ("", "pods"),
        ("apps", "daemonsets"),
        ("policy", "poddisruptionbudgets"),
        ("resource.k8s.io", "resourceslices"),
        ("storage.k8s.io", "volumeattachments"),
    ] {
        assert!(looks(group, resource), "{group}/{resource}");
    }
}

/// It is built with the scheduler of one minor of Kubernetes.
#[test]
fn it_is_of_the_clusters_minor() {
    for minor in 30..=36 {
        let mut fixture = Fixture::new();
        let cluster = json!({
            "network": "main", "kubernetes": format!("1.{minor}"), "api": { "public_from": [] },
            "pools": { "general": { "size": "large", "min": 3, "max": 6 } },
        });
        fixture.add("cluster", "other", &cluster);
        let expansion = fixture.harden(&["autoscaler"], json!({ "cluster": "other" }));
        let body = node(&expansion, DEPLOYMENT).to_string();
        assert!(
            body.contains(&format!("cluster-autoscaler:v1.{minor}.")),
            "{body}"
        );
    }
    let told = Fixture::new().refused(
        &["autoscaler"],
        json!({ "autoscaler": { "idle_minutes": 0 } }),
    );
    assert!(told.contains("write from 1 to 1440"), "{told}");
}
