//! What policies allow, judged by a program that others wrote: cyclonus, which simulates every connection between pods
//! (<https://github.com/mattfenwick/cyclonus>, `analyze --mode probe`). To it a range of addresses also stands for pods that have
//! such an address, so that it allows more than most clusters do.

use crate::alternatives::{choices, objects, on, with_database};
use crate::fixture::with;
use crate::kube::tool;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// A pod: namespace, name, labels.
type Pod = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Pods as the controllers and operators of the shop make them, and strangers. Labels are those that each of them sets.
const PODS: &[Pod] = &[
    (
        "shop",
        "front",
        &[
            ("app.kubernetes.io/name", "front"),
            ("pod-template-hash", "5d9f"),
        ],
    ),
    (
        "shop",
        "back",
        &[("app", "back"), ("pod-template-hash", "7c4b")],
    ),
    ("shop", "stranger", &[("app", "other")]),
    ("default", "elsewhere", &[("app", "elsewhere")]),
    (
        "envoy-gateway-system",
        "proxy",
        &[
            ("app.kubernetes.io/name", "envoy"),
            ("app.kubernetes.io/component", "proxy"),
            ("app.kubernetes.io/managed-by", "envoy-gateway"),
            ("gateway.envoyproxy.io/owning-gateway-name", "main"),
            ("gateway.envoyproxy.io/owning-gateway-namespace", "gateway"),
        ],
    ),
    (
        "gateway",
        "solver",
        &[
            ("acme.cert-manager.io/http-domain", "1234"),
            ("acme.cert-manager.io/http-token", "5678"),
            ("acme.cert-manager.io/http01-solver", "true"),
        ],
    ),
    (
        "monitoring",
        "prometheus",
        &[
            ("app.kubernetes.io/name", "prometheus"),
            ("app.kubernetes.io/managed-by", "prometheus-operator"),
            (
                "operator.prometheus.io/name",
                "kube-prometheus-stack-prometheus",
            ),
            ("prometheus", "kube-prometheus-stack-prometheus"),
        ],
    ),
];

/// Pods of the database, as its operator makes them, and the operator; by choice.
const DATABASES: &[(&str, &[Pod])] = &[
    (
        "first",
        &[
            (
                "shop",
                "postgres-1",
                &[
                    ("cnpg.io/cluster", "postgres"),
                    ("cnpg.io/instanceName", "postgres-1"),
                    ("cnpg.io/instanceRole", "primary"),
                    ("cnpg.io/podRole", "instance"),
                    ("role", "primary"),
                ],
            ),
            (
                "shop",
                "postgres-2",
                &[
                    ("cnpg.io/cluster", "postgres"),
                    ("cnpg.io/instanceName", "postgres-2"),
                    ("cnpg.io/instanceRole", "replica"),
                    ("cnpg.io/podRole", "instance"),
                    ("role", "replica"),
                ],
            ),
            (
                "cnpg-system",
                "operator",
                &[("app.kubernetes.io/name", "cloudnative-pg")],
            ),
        ],
    ),
    (
        "second",
        &[
            (
                "shop",
                "postgres-0",
                &[
                    ("application", "spilo"),
                    ("cluster-name", "postgres"),
                    ("spilo-role", "master"),
                    ("team", "shop"),
                ],
            ),
            (
                "postgres-operator",
                "operator",
                &[("app.kubernetes.io/name", "postgres-operator")],
            ),
        ],
    ),
];

/// The ports that are tried, on every pod.
const PORTS: &[u16] = &[80, 443, 3000, 5432, 8000, 8008, 8089, 9187, 10443];

/// What cyclonus reads: every pod listens on every port, so that only policies decide.
fn model(pods: &[Pod]) -> Json {
    let namespaces: BTreeSet<&str> = pods.iter().map(|p| p.0).collect();
    let namespaces: Map<String, Json> = namespaces
        .into_iter()
        .map(|n| (n.to_owned(), json!({ "kubernetes.io/metadata.name": n })))
        .collect();
    let containers = PORTS.iter().map(|port| {
        json!({ "Name": format!("c{port}"), "Port": port, "PortName": format!("p{port}"), "Protocol": "TCP" })
    });
    let containers: Vec<Json> = containers.collect();
    let pods = pods
        .iter()
        .enumerate()
        .map(|(i, (namespace, name, labels))| {
            let labels: BTreeMap<_, _> = labels.iter().copied().collect();
            json!({
                "Namespace": namespace, "Name": name, "Labels": labels,
                "IP": format!("10.0.7.{}", i + 1), "Containers": containers,
            })
        });
    let probes = PORTS
        .iter()
        .map(|p| json!({ "Protocol": "TCP", "Port": p }));
    json!({
        "Probes": probes.collect::<Vec<_>>(),
        "Resources": { "Namespaces": namespaces, "Pods": pods.collect::<Vec<_>>() },
    })
}

/// `NAMESPACE/POD -> NAMESPACE/POD:PORT` for every connection that it lets through, from the tables that it prints.
fn allowed(printed: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    // The last of what it prints is a table of what is in a cluster that it was not asked about.
    let tables = printed.split("Combined:\n").skip(1).zip(PORTS);
    for (table, port) in tables {
        let rows: Vec<Vec<&str>> = table
            .lines()
            .take_while(|line| !line.is_empty())
            .filter(|line| line.starts_with('|'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        // Columns are the pods of the rows, in their order; the head has them in capitals.
        let rows = rows.get(1..).expect("a table with a head");
        for row in rows {
            for (to, cell) in rows.iter().map(|to| to[0]).zip(&row[1..]) {
                assert!(matches!(*cell, "." | "X"), "another verdict: {cell}");
                if *cell == "." && row[0] != to {
                    out.insert(format!("{} -> {to}:{port}", row[0]));
                }
            }
        }
    }
    out
}

/// What cyclonus says of the pods of a choice.
fn judged(choice: &str, test: &str) -> Option<BTreeSet<String>> {
    let cyclonus = tool("cyclonus", test)?;
    let (_, inputs) = choices().into_iter().find(|(n, _)| *n == choice)?;
    let mut shop = with_database();
    shop["apps"]["shop"]["pod_security"] = json!("baseline");
    let controls = ["network", "tls", "database", "monitoring"];
    let chosen: Map<String, Json> = inputs
        .as_object()?
        .iter()
        .filter(|(name, _)| controls.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let expansion = on("aws").harden(&controls, with(shop, Json::Object(chosen)));
    let mut policies = objects(&expansion);
    policies.retain(|o| o["kind"] == "NetworkPolicy");
    let (_, databases) = DATABASES.iter().find(|(n, _)| *n == choice)?;
    let pods = [PODS, databases].concat();

    let dir = tempfile::tempdir().expect("a scratch folder");
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let list = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": policies });
    let policies = write("policies.yaml", list.to_string());
    let model = write("model.json", model(&pods).to_string());
    let output = Command::new(cyclonus)
        .args(["analyze", "--mode", "probe", "--policy-path"])
        .arg(policies)
        .arg("--probe-path")
        .arg(model)
        .env_clear()
        .output()
        .expect("cyclonus runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    Some(allowed(&printed))
}

/// What reaches a place, of what it says.
fn to<'f>(flows: &'f BTreeSet<String>, place: &str) -> Vec<&'f str> {
    let end = format!("-> {place}");
    let found = flows.iter().filter(|f| f.ends_with(&end));
    found.filter_map(|f| f.split(" -> ").next()).collect()
}

/// Flows into and within the app are those that are declared, and what its database needs.
#[test]
fn cyclonus_finds_the_declared_flows_and_no_others() {
    let test = "cyclonus_finds_the_declared_flows_and_no_others";
    for choice in ["first", "second"] {
        let Some(flows) = judged(choice, test) else {
            return;
        };
        let shop: Vec<&String> = flows.iter().filter(|f| f.contains("-> shop/")).collect();
        insta::assert_snapshot!(format!("cyclonus_{choice}"), format!("{shop:#?}"));
        assert_eq!(
            to(&flows, "shop/front:3000"),
            ["envoy-gateway-system/proxy"]
        );
        assert_eq!(to(&flows, "shop/back:8000"), ["shop/front"]);
        assert!(to(&flows, "shop/stranger:80").is_empty());
    }
}

/// Of all that is not the database itself or what runs it, only `back` reaches Postgres.
#[test]
fn cyclonus_finds_that_only_back_reaches_postgres() {
    let test = "cyclonus_finds_that_only_back_reaches_postgres";
    for (choice, instance, own) in [
        (
            "first",
            "shop/postgres-1:5432",
            &["cnpg-system/operator", "shop/back", "shop/postgres-2"][..],
        ),
        (
            "second",
            "shop/postgres-0:5432",
            &["postgres-operator/operator", "shop/back"][..],
        ),
    ] {
        let Some(flows) = judged(choice, test) else {
            return;
        };
        assert_eq!(to(&flows, instance), own);
    }
}
