//! The audit: what a stack makes closes its rows, and what nobody made leaves them open.

use crate::alternatives::{self, CONTROLS, choices, on, with_database};
use crate::delivery;
use crate::fixture::{Fixture, nodes, shop, with};
use infra_hardening::audit::{Row, audit, is_pipeline, more_kinds, pipeline};
use infra_hardening::yaml;
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

fn row<'a>(rows: &'a [Row], name: &str) -> &'a Row {
    rows.iter()
        .find(|r| r.name == name)
        .unwrap_or_else(|| panic!("no row {name}"))
}

/// The objects of a stack, as `infra harden audit` sees them.
fn objects(controls: &[&str]) -> Vec<Json> {
    seen(&Fixture::new().harden(controls, shop()))
}

fn seen(expansion: &Expansion) -> Vec<Json> {
    let mut out = Vec::new();
    for (address, body) in nodes(expansion) {
        if address.starts_with("kubernetes_manifest.") {
            out.push(body["manifest"].clone());
        } else if address.starts_with("kubernetes_namespace.") {
            out.push(
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": body["metadata"] }),
            );
        } else if address.starts_with("helm_release.") {
            out.push(json!({
                "kind": "HelmRelease",
                "metadata": { "name": body["name"] },
                "spec": { "chart": { "spec": { "chart": body["chart"] } }, "values": body["values"] },
            }));
        }
    }
    out
}

/// The names of the rows that are open, and all that is said of them.
fn open(objects: &[Json]) -> (BTreeSet<&'static str>, String) {
    let rows = audit(objects);
    let open: Vec<&Row> = rows.iter().filter(|r| r.is_open()).collect();
    let names = open.iter().map(|r| r.name).collect();
    (names, format!("{open:#?}"))
}

/// A pipeline that does what the roadmap asks.
fn ci() -> Json {
    let text =
        "on: [push]\njobs: {a: {steps: [{run: ruff check}, {run: pytest}, {run: buildah push}]}}\n";
    pipeline(".github/workflows/ci.yml", text)
}

const ALERTS: &str = "Monitoring & Alerting";
const POLICIES: &str = "Policy as Code (Governance)";
const DATABASES: &str = "High Availability (HA)";
const PIPELINES: &str = "Automated Pipelines (CI)";

/// What a variant leaves open, since it does not ask for it: nobody is told of alerts, policies only report, Zalando's databases on Azure
/// have no backups.
fn left_open(variant: &str) -> BTreeSet<&'static str> {
    let mut out = BTreeSet::from([PIPELINES]);
    if variant.contains("second") {
        out.extend([ALERTS, POLICIES]);
        if variant.contains("azure") {
            out.insert(DATABASES);
        }
    }
    out
}

#[test]
fn every_variant_closes_every_row_that_it_asks_for() {
    for (name, expansion) in alternatives::all() {
        let objects = seen(&expansion);
        let (names, told) = open(&objects);
        assert_eq!(names, left_open(&name), "{name}: {told}");
        // As manifests that are read again.
        let texts: Vec<String> = objects.iter().map(yaml::document).collect();
        let read: Vec<Json> = texts
            .iter()
            .flat_map(|text| infra_lang::yaml_documents(text).expect("YAML"))
            .map(|value| infra_model::json::to_json(&value))
            .collect();
        assert_eq!(open(&read).0, names, "{name}");
    }
}

/// The same of what a repository holds.
#[test]
fn so_does_what_is_committed() {
    for (title, committed, _) in delivery::all() {
        let mut files: Vec<Json> = delivery::files(committed).values().cloned().collect();
        // Those that refuse come by themselves, after a scan of what was committed.
        files.extend(alternatives::objects(committed).into_iter().filter(|o| {
            let version = o["apiVersion"].as_str().unwrap_or_default();
            version.starts_with("policies.kyverno.io/")
                || version.starts_with("constraints.gatekeeper.sh/")
        }));
        let (names, told) = open(&files);
        let mut expected = left_open(title);
        if title.contains("azure") {
            expected.remove(DATABASES);
        }
        assert_eq!(names, expected, "{title}: {told}");
    }
}

/// The other alternatives, with everything that they can: nothing is open.
#[test]
fn nothing_is_open_where_everything_is_asked_for() {
    let (_, choice) = choices()[1].clone();
    for cloud in ["aws", "google"] {
        let mut inputs = with(with_database(), choice.clone());
        inputs["apps"]["shop"]["pod_security"] = json!("baseline");
        inputs["monitoring"]["slack_webhook"] = json!("https://hooks.slack.com/services/x");
        inputs["policy"]["mode"] = json!("enforce");
        let mut objects = seen(&on(cloud).harden(CONTROLS, inputs));
        objects.push(ci());
        let (names, told) = open(&objects);
        assert!(names.is_empty(), "{cloud}: {told}");
    }
}

/// A load balancer before the cluster that ends TLS is told by the Gateway; one that does not closes nothing.
#[test]
fn tls_may_end_before_the_cluster() {
    for (protocol, port, closes) in [("https", 443, true), ("http", 80, false)] {
        let mut fixture = Fixture::new();
        let mut listen = json!({ "port": port, "protocol": protocol });
        if closes {
            listen["certificate"] = json!("?");
        }
        let balancer = json!({
            "network": "main", "listen": [listen], "target": { "cluster": "main", "node_port": 30080 },
        });
        fixture.add("load_balancer", "web", &balancer);
        let rows = audit(&seen(&fixture.harden(&["tls"], shop())));
        let row = row(&rows, "HTTPS / TLS");
        assert_ne!(row.is_open(), closes, "{protocol}: {:?}", row.open);
    }
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

/// Databases without backups, policies that refuse nothing, alerts for nobody.
#[test]
fn what_only_seems_to_be_there_closes_nothing() {
    let zalando = |spec: Json| {
        let metadata = json!({ "name": "postgres", "namespace": "shop" });
        json!({ "apiVersion": "acid.zalan.do/v1", "kind": "postgresql", "metadata": metadata, "spec": spec })
    };
    let bucket = json!([{ "name": "WAL_S3_BUCKET", "value": "backups" }]);
    for (spec, is_open) in [
        (json!({ "numberOfInstances": 3 }), true),
        (json!({ "numberOfInstances": 3, "env": bucket }), false),
        (json!({ "numberOfInstances": 1, "env": bucket }), true),
        (
            json!({ "numberOfInstances": 3, "enableLogicalBackup": true }),
            false,
        ),
    ] {
        let rows = audit(&[zalando(spec.clone())]);
        assert_eq!(row(&rows, DATABASES).is_open(), is_open, "{spec}");
    }

    let template = json!({
        "kind": "ConstraintTemplate", "metadata": { "name": "noroot" },
        "spec": { "crd": { "spec": { "names": { "kind": "NoRoot" } } } },
    });
    let constraint = |name: &str, action: &str| {
        json!({
            "kind": "NoRoot", "metadata": { "name": name },
            "spec": { "enforcementAction": action, "match": { "namespaceSelector": { "a": "b" } } },
        })
    };
    let all = [template.clone()];
    assert_eq!(
        more_kinds(&all),
        [("constraints.gatekeeper.sh/v1beta1", "NoRoot")]
    );
    for (actions, is_open) in [
        (&[][..], true),
        (&["dryrun"], true),
        (&["warn"], true),
        (&["deny"], false),
        // One looks at what is there, one refuses what comes.
        (&["dryrun", "deny"], false),
    ] {
        let mut objects = vec![template.clone()];
        objects.extend(actions.iter().map(|action| constraint(action, action)));
        let rows = audit(&objects);
        assert_eq!(row(&rows, POLICIES).is_open(), is_open, "{actions:?}");
    }

    let told = |receivers: Json| {
        let mut objects = objects(&["tls", "monitoring"]);
        for object in &mut objects {
            if object["metadata"]["name"] == "kube-prometheus-stack" {
                object["spec"]["values"]["alertmanager"]["config"]["receivers"] = receivers.clone();
            }
        }
        row(&audit(&objects), ALERTS).is_open()
    };
    assert!(told(json!([{ "name": "nobody" }])));
    assert!(told(json!([{ "name": "slack", "slack_configs": [] }])));
    assert!(!told(
        json!([{ "name": "mail", "email_configs": [{ "to": "ops@example.com" }] }])
    ));
}

#[test]
fn pipelines_are_looked_at_where_they_stand() {
    for path in [
        ".gitlab-ci.yml",
        ".github/workflows/ci.yml",
        ".github/workflows/a.yaml",
    ] {
        assert!(is_pipeline(path), "{path}");
    }
    for path in [
        "ci.yml",
        ".github/dependabot.yml",
        ".github/workflows/a/b.yml",
        ".github/workflows/a.sh",
    ] {
        assert!(!is_pipeline(path), "{path}");
    }
    let is_open = |objects: &[Json]| row(&audit(objects), PIPELINES).is_open();
    assert!(is_open(&[]));
    assert!(!is_open(&[ci()]));
    // What stands in a comment is not done.
    let text = "on: [push]\n# ruff pytest buildah\njobs: {}\n";
    assert!(is_open(&[pipeline(".gitlab-ci.yml", text)]));
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
