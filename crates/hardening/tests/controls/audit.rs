//! The audit: what a stack makes closes its rows, and what nobody made leaves them open.

use crate::fixture::{Fixture, nodes, shop, with};
use infra_hardening::audit::{Row, audit};
use infra_hardening::yaml;
use serde_json::{Value as Json, json};

fn row<'a>(rows: &'a [Row], name: &str) -> &'a Row {
    rows.iter()
        .find(|r| r.name == name)
        .unwrap_or_else(|| panic!("no row {name}"))
}

/// The objects of a stack, as `infra harden audit` sees them.
fn objects(controls: &[&str]) -> Vec<Json> {
    let expansion = Fixture::new().harden(controls, shop());
    let mut out = Vec::new();
    for (address, body) in nodes(&expansion) {
        if address.starts_with("kubernetes_manifest.") {
            out.push(body["manifest"].clone());
        } else if address.starts_with("kubernetes_namespace.") {
            out.push(
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": body["metadata"] }),
            );
        } else if address.starts_with("helm_release.") {
            out.push(json!({ "kind": "HelmRelease", "metadata": { "name": body["name"] } }));
        }
    }
    out
}

#[test]
fn a_row_is_closed_by_its_control_and_open_without() {
    for (control, name) in [
        ("tls", "HTTPS / TLS"),
        ("secrets", "Secret Management"),
        ("network", "Network Policies"),
        ("quotas", "Resource Quotas"),
    ] {
        let with = audit(&objects(&["tls", control]));
        assert!(
            !row(&with, name).is_open(),
            "{name}: {:?}",
            row(&with, name).open
        );
        let others: Vec<&str> = ["tls", "secrets", "network", "quotas"]
            .into_iter()
            .filter(|c| *c != control)
            .collect();
        let without = audit(&objects(&others));
        assert!(row(&without, name).is_open(), "{name}");
        assert!(row(&without, name).remedy.contains(control), "{name}");
    }
}

/// The state that the roadmap starts from.
fn from_before() -> Vec<Json> {
    let workload = |kind: &str, name: &str, image: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": name, "namespace": "shop" },
            "spec": { "replicas": 1, "template": { "spec": { "containers": [{ "name": "a", "image": image }] } } },
        })
    };
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }),
        workload("Deployment", "back-deployment", "shop/back:latest"),
        workload("StatefulSet", "postgres-statefulset", "postgres:16"),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "database", "namespace": "shop" }, "data": {} }),
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "rules": [] },
        }),
    ]
}

#[test]
fn where_the_roadmap_starts_every_row_is_open() {
    let rows = audit(&from_before());
    let told: Vec<String> = rows
        .iter()
        .map(|r| format!("{}: {:#?}", r.name, r.open))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(rows.iter().all(Row::is_open));
}

#[test]
fn what_looks_right_and_is_not_leaves_a_row_open() {
    let mut half = objects(&["tls", "network", "quotas"]);
    half.retain(|o| {
        o["metadata"]["namespace"] != "shop" || o["metadata"]["name"] != "default-deny"
    });
    assert!(row(&audit(&half), "Network Policies").is_open());

    let mut open = objects(&["network"]);
    open.push(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "all", "namespace": "shop" },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}] },
    }));
    assert!(row(&audit(&open), "Network Policies").is_open());

    let mut waiting = objects(&["tls"]);
    for object in &mut waiting {
        if object["kind"] == "Certificate" {
            object["status"] = json!({ "conditions": [{ "type": "Ready", "status": "False" }] });
        }
    }
    assert!(row(&audit(&waiting), "HTTPS / TLS").is_open());

    let mut clear = objects(&["tls"]);
    for object in &mut clear {
        if object["kind"] == "HTTPRoute" && object["metadata"]["name"] == "front" {
            object["spec"]["parentRefs"][0]["sectionName"] = json!("http");
        }
    }
    assert!(row(&audit(&clear), "HTTPS / TLS").is_open());
}

/// What is written as YAML is read as the same again, by the language's own reader.
#[test]
fn objects_survive_being_written_as_yaml() {
    let mut all = objects(&["tls", "secrets", "network", "quotas"]);
    all.push(with(json!({ "kind": "Odd" }), json!({
        "texts": ["", " a", "a ", "yes", "No", "1.5", "0x1", "~", "a: b", "a #b", "- a", "é", "line\nbreak\n", "two\n\nlines", "\n", "tab\tin", "\"q\"", "{}", "x\n y\n", "end \nspace", "*a", "=", "2026-01-01", "a\u{7}b"],
        "empty": {}, "none": [], "nested": [[1, [2]], [{ "a": [{ "b": null }] }]], "on": true, "1": 1.5, "a key": "v",
    })));
    for object in &all {
        let text = yaml::document(object);
        let read = infra_lang::yaml_documents(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(infra_model::json::to_json(&read[0]), *object, "{text}");
    }
}
