//! Whether the pools have room for what is installed.

use crate::alternatives::{CONTROLS, choices, with_database};
use crate::expansions::{Instances, told};
use crate::fixture::with;
use crate::kube::process::shared;
use infra_components::components;
use infra_hardening::{hardening, table_of_charts};
use infra_model::expand::Together;
use serde_json::{Value as Json, json};

/// What a person is told who hardens a cluster of these pools with these controls; nothing when it has room.
fn judged(cloud: &str, pools: &Json, controls: &[&str], more: Json) -> String {
    judged_at("1.34", cloud, pools, controls, more)
}

/// The same on a version of Kubernetes.
fn judged_at(version: &str, cloud: &str, pools: &Json, controls: &[&str], more: Json) -> String {
    let all = Together::new(vec![Box::new(components()), Box::new(hardening())]);
    let mut stack = Instances::new();
    let mut add =
        |kind: &str, name: &str, inputs: &Json| stack.expand(&all, kind, name, None, inputs);
    let network = json!({ "cloud": cloud, "zones": 3 });
    let cluster = json!({
        "network": "main", "kubernetes": version, "pools": pools, "api": { "public_from": [] },
    });
    let buckets = ["backups", "logs"].map(|b| ("bucket", b, json!({ "cloud": cloud })));
    for (kind, name, inputs) in [("network", "main", network), ("cluster", "main", cluster)]
        .into_iter()
        .chain(buckets)
    {
        if let Err(errors) = add(kind, name, &inputs) {
            panic!("{kind}.{name}: {}", told(&errors));
        }
    }
    let inputs = with(json!({ "cluster": "main", "profile": controls }), more);
    match add("hardening", "main", &inputs) {
        Ok(_) => String::new(),
        Err(errors) => told(&errors),
    }
}

/// All controls of the first choice.
fn everything() -> Json {
    let [(_, first), _] = choices();
    with(with_database(), first)
}

#[test]
fn what_has_no_room_is_refused_with_numbers() {
    for (cloud, machine) in [
        (
            "aws",
            "t3.medium with 1.9 CPUs and 3.4 GiB and 110 pods each",
        ),
        (
            "google",
            "e2-standard-2 with 1.9 CPUs and 6.1 GiB and 110 pods each",
        ),
        (
            "azure",
            "Standard_B2s_v2 with 1.9 CPUs and 5.9 GiB and 250 pods each",
        ),
    ] {
        let pools =
            |size: &str, min: i64| json!({ "general": { "size": size, "min": min, "max": 12 } });
        let text = judged(cloud, &pools("small", 3), CONTROLS, everything());
        assert!(
            text.contains("what is installed asks for ")
                && text.contains("the pools of cluster.main have at their minimum room for 5.")
                && text.contains(&format!("`general` 3 × {machine}"))
                && text.contains("in [cluster.main.pools.general], or a larger `size`"),
            "{cloud}: {text}"
        );
        // As many as it says are enough, and one less is not.
        let min: i64 = text
            .split("write `min = ")
            .nth(1)
            .and_then(|rest| rest.split('`').next()?.parse().ok())
            .expect("a number of nodes");
        let enough = judged(cloud, &pools("small", min), CONTROLS, everything());
        assert_eq!(enough, "", "{cloud}");
        assert_ne!(
            judged(cloud, &pools("small", min - 1), CONTROLS, everything()),
            ""
        );
        assert_eq!(
            judged(cloud, &pools("large", 3), CONTROLS, everything()),
            ""
        );
    }
}

#[test]
fn instances_that_must_be_apart_need_so_many_zones_or_nodes() {
    let large = |min: i64| json!({ "general": { "size": "large", "min": min, "max": 6 } });
    let controls = ["tls", "database"];
    let text = judged("aws", &large(2), &controls, with_database());
    assert!(
        text.contains("the 3 pods of Cluster/postgres are never two in one of the zones")
            && text.contains("nodes in 2")
            && text.contains("`min = 3` in [cluster.main.pools.general]"),
        "{text}"
    );
    assert_eq!(judged("aws", &large(3), &controls, with_database()), "");
    let vault =
        json!({ "secrets": { "engine": "vault", "vault": { "recovery_recipients": ["bQ=="] } } });
    let text = judged("aws", &large(2), &["secrets", "tls"], vault);
    assert!(
        text.contains("the 3 pods of StatefulSet/vault are never two in one of the nodes"),
        "{text}"
    );
}

#[test]
fn a_pod_that_is_larger_than_every_node_is_named() {
    let small = json!({ "general": { "size": "small", "min": 30, "max": 40 } });
    let elk = json!({ "logging": { "engine": "elk" } });
    let text = judged("aws", &small, &["logging"], elk);
    assert!(
        text.contains("a pod of Elasticsearch/")
            && text.contains("asks for 0.5 CPUs and 4.0 GiB, which no node has")
            && text.contains("write a larger `size` or `instance`"),
        "{text}"
    );
}

#[test]
fn what_is_not_known_decides_nothing() {
    // Nothing is known of such a machine, and of what an override makes of a pool.
    let accelerated = json!({ "general": { "instance": "g5.xlarge", "min": 1, "max": 1 } });
    assert_eq!(judged("aws", &accelerated, &["monitoring"], json!({})), "");
    // Pods without tolerations do not run on nodes with a taint.
    let tainted = json!({
        "general": { "size": "large", "min": 3, "max": 3, "taints": [{ "key": "gpu", "value": "yes" }] },
    });
    let text = judged("aws", &tainted, &["monitoring"], json!({}));
    assert!(text.contains("add a pool without taints"), "{text}");
}

#[test]
fn charts_are_installed_only_on_versions_that_they_support() {
    let large = json!({ "general": { "size": "large", "min": 3, "max": 6 } });
    let judged = |version: &str, controls: &[&str], more: Json| {
        judged_at(version, "aws", &large, controls, more)
    };
    let controls = ["tls", "database"];
    let text = judged("1.33", &controls, with_database());
    assert!(
        text.contains("cloudnative-pg 0.29.0 is supported on Kubernetes 1.34 to 1.36, and cluster.main is to have 1.33")
            && text.contains("write `kubernetes = \"1.34\"` in [cluster.main]")
            && text.contains("[hardening.main.charts.cloudnative-pg]")
            && text.contains("(0.26 is supported on 1.31 to 1.33, 0.27 is supported on 1.32 to 1.34)")
            && !text.contains("cert-manager v"),
        "{text}"
    );
    assert_eq!(judged("1.36", &controls, with_database()), "");
    // What is not installed is not judged, nor a version that nobody says anything about.
    assert_eq!(judged("1.33", &["tls"], json!({})), "");
    let pinned = |version: &str| {
        with(
            with_database(),
            json!({ "charts": { "cloudnative-pg": { "version": version } } }),
        )
    };
    assert_eq!(judged("1.33", &controls, pinned("0.27.0")), "");
    assert_eq!(judged("1.33", &controls, pinned("0.22.1")), "");
    let text = judged("1.36", &controls, pinned("0.27.0"));
    assert!(
        text.contains("cloudnative-pg 0.27.0 is supported on Kubernetes 1.32 to 1.34, and cluster.main is to have 1.36")
            && text.contains("(0.29 is supported on 1.34 to 1.36)"),
        "{text}"
    );
}

/// The table names workloads, containers and anti-affinity of charts as upstream renders them.
#[test]
fn the_table_of_charts_is_what_they_render() {
    let test = "the_table_of_charts_is_what_they_render";
    let Some(folder) = shared("reference/rendered", test) else {
        return;
    };
    // Ours is a StatefulSet.
    let other = |name: &str| name == "StatefulSet/alloy";
    // Switched off by our values.
    const OFF: &[&str] = &[
        "Deployment/argo-cd-argocd-notifications-controller",
        "DaemonSet/loki-canary",
    ];
    let mut seen = 0;
    let mut charts: Vec<&str> = table_of_charts().map(|(chart, ..)| chart).collect();
    charts.dedup();
    // There is none rendered of Elastic's.
    charts.retain(|c| *c != "eck-operator");
    for chart in charts {
        let file = match chart {
            "zalando-postgres-operator" => "zalando",
            other => other,
        };
        let text = std::fs::read_to_string(folder.join(format!("{file}.yaml"))).expect(chart);
        let objects = crate::charts::documents(&text);
        let ours = |name: &str| table_of_charts().find(|(c, n, ..)| *c == chart && *n == name);
        for object in &objects {
            let kind = object["kind"].as_str().unwrap_or_default();
            if ![
                "Deployment",
                "StatefulSet",
                "DaemonSet",
                "Prometheus",
                "Alertmanager",
            ]
            .contains(&kind)
            {
                continue;
            }
            let name = format!(
                "{kind}/{}",
                object["metadata"]["name"].as_str().expect("a name")
            );
            if OFF.contains(&name.as_str()) || (chart == "alloy" && name == "Deployment/alloy") {
                continue;
            }
            let (.., containers, apart) = ours(&name).unwrap_or_else(|| panic!("{chart}: {name}"));
            seen += 1;
            let pod = &object["spec"]["template"]["spec"];
            let Some(all) = pod["containers"].as_array() else {
                continue;
            };
            // The sidecars of Loki's are switched off.
            let left = all
                .iter()
                .filter(|c| c["name"] != "loki-sc-rules" && c["name"] != "exporter");
            assert_eq!(left.count(), containers, "{chart}: {name}");
            let required =
                pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                    .is_array()
                    || pod["affinity"]
                        .as_str()
                        .is_some_and(|text| text.contains("required"));
            assert_eq!(required, apart, "{chart}: {name}");
        }
        for (_, name, ..) in table_of_charts().filter(|(c, ..)| *c == chart) {
            let there = objects.iter().any(|o| {
                format!(
                    "{}/{}",
                    o["kind"].as_str().unwrap_or_default(),
                    o["metadata"]["name"].as_str().unwrap_or_default()
                ) == name
            });
            assert!(there || other(name), "{chart} renders no {name}");
        }
    }
    assert!(seen > 30, "{seen}");
}
