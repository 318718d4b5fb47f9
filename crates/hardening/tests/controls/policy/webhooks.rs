//! What the API server asks those who judge: never about what a cluster needs to run, and to bring them back when they are gone.

use super::hardened;
use crate::alternatives::{objects, on};
use crate::charts::documents;
use crate::fixture::{node, shop, with};
use crate::kube::process::shared;
use crate::kube::{ControlPlane, tool};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// What is written: its API group and resource, and the namespace that it is in.
type Written = (&'static str, &'static str, Option<&'static str>);

/// What a cluster writes by itself, all the time or while it comes back.
const OWN: &[Written] = &[
    ("coordination.k8s.io", "leases", Some("kube-node-lease")),
    ("coordination.k8s.io", "leases", Some("kube-system")),
    ("", "pods", Some("kube-system")),
    ("", "pods", Some("amazon-cloudwatch")),
    ("", "configmaps", Some("kube-public")),
    ("", "endpoints", Some("shop")),
    ("apps", "replicasets", Some("shop")),
    ("", "nodes", None),
    ("", "namespaces", None),
    ("apiextensions.k8s.io", "customresourcedefinitions", None),
];

/// Whether a selector takes a namespace, which has its name as a label.
fn takes(selector: &Json, namespace: &str, more: &[(&str, &str)]) -> bool {
    let label = |key: &str| match key {
        "kubernetes.io/metadata.name" => Some(namespace),
        _ => more.iter().find(|(k, _)| *k == key).map(|(_, v)| *v),
    };
    let expressions = selector["matchExpressions"].as_array();
    expressions.into_iter().flatten().all(|e| {
        let value = label(e["key"].as_str().expect("a key"));
        let values = e["values"].as_array();
        let named = value.is_some_and(|v| values.is_some_and(|all| all.iter().any(|n| n == v)));
        match e["operator"].as_str().expect("an operator") {
            "In" => named,
            "NotIn" => !named,
            "DoesNotExist" => value.is_none(),
            other => panic!("{other}"),
        }
    })
}

/// Whether a webhook is asked about something. A selector for namespaces does not keep it from what is in none.
fn asks(webhook: &Json, (group, resource, namespace): Written) -> bool {
    let has = |list: &Json, wanted: &str| {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(Json::as_str)
            .any(|t| t == "*" || t == wanted)
    };
    let rules = webhook["rules"].as_array().into_iter().flatten();
    let by_rule = rules.clone().any(|rule| {
        let scope = rule["scope"].as_str().unwrap_or("*");
        let fits = matches!(
            (scope, namespace),
            ("*", _) | ("Namespaced", Some(_)) | ("Cluster", None)
        );
        fits && has(&rule["apiGroups"], group) && has(&rule["resources"], resource)
    });
    by_rule && namespace.is_none_or(|n| takes(&webhook["namespaceSelector"], n, &[]))
}

/// What the pinned chart makes of our values; none where it cannot be had. Go fetched it with the program that tests judge by.
fn rendered(values: &Json, version: &str, test: &str) -> Option<Vec<Json>> {
    let helm = tool("helm", test)?;
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let modules =
        std::env::var_os("GOMODCACHE").map_or_else(|| home.join("go/pkg/mod"), PathBuf::from);
    let chart = modules.join(format!(
        "github.com/open-policy-agent/gatekeeper/v3@v{version}/charts/gatekeeper"
    ));
    if !chart.is_dir() {
        let _ = writeln!(
            std::io::stderr(),
            "{test} is skipped: there is no {}",
            chart.display()
        );
        return None;
    }
    let dir = tempfile::tempdir().expect("a scratch folder");
    let file = dir.path().join("values.yaml");
    std::fs::write(&file, values.to_string()).expect("values");
    let output = Command::new(helm)
        .args([
            "template",
            "gatekeeper",
            "--namespace",
            "gatekeeper-system",
            "--kube-version",
            "1.34.0",
            "--values",
        ])
        .arg(&file)
        .arg(chart)
        .env("HOME", dir.path())
        .output()
        .expect("helm runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(documents(&String::from_utf8_lossy(&output.stdout)))
}

#[test]
fn gatekeeper_gone_stops_nothing_that_a_cluster_runs_by() {
    let test = "gatekeeper_gone_stops_nothing_that_a_cluster_runs_by";
    let expansion = hardened(json!({ "engine": "gatekeeper", "exempt": ["legacy"] }));
    let release = node(&expansion, "helm_release.gatekeeper");
    let version = release["version"].as_str().expect("a version");
    let Some(all) = rendered(&release["values"], version, test) else {
        return;
    };
    assert!(
        !all.iter()
            .any(|o| o["kind"] == "MutatingWebhookConfiguration")
    );
    let webhooks = all
        .iter()
        .filter(|o| o["kind"] == "ValidatingWebhookConfiguration");
    let webhooks: Vec<&Json> = webhooks
        .flat_map(|o| o["webhooks"].as_array().expect("some"))
        .collect();
    assert_eq!(webhooks.len(), 2);
    let refuses = |written: Written| {
        let mut closed = webhooks.iter().filter(|w| w["failurePolicy"] == "Fail");
        closed.any(|w| asks(w, written))
    };
    for written in OWN {
        assert!(!refuses(*written), "{written:?}");
    }
    for exempt in ["gatekeeper-system", "legacy"] {
        assert!(!refuses(("", "pods", Some(exempt))), "{exempt}");
    }
    // And what it is there for is still asked about.
    for judged in [
        ("", "pods", Some("shop")),
        ("", "pods/ephemeralcontainers", Some("shop")),
        ("", "pods", Some("cert-manager")),
        ("templates.gatekeeper.sh", "constrainttemplates", None),
        ("constraints.gatekeeper.sh", "infranoroot", None),
    ] {
        assert!(refuses(judged), "{judged:?}");
    }
}

/// Its webhooks are made by itself, for each policy: by the policy's selector and that of its settings together
/// (`mergeLabelSelectors` in `pkg/controllers/webhook/validating.go`), and by the policy's rules.
#[test]
fn kyverno_gone_stops_nothing_that_a_cluster_runs_by() {
    let supply_chain = json!({ "keys": ["-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"], "scan": false });
    let more =
        json!({ "policy": { "registries": ["ghcr.io/acme/"] }, "supply_chain": supply_chain });
    let expansion = on("aws").harden(&["policy", "tls", "supply_chain"], with(shop(), more));
    let settings = node(&expansion, "helm_release.kyverno")["values"]["config"]["webhooks"].clone();
    let ours = &settings["namespaceSelector"]["matchExpressions"][0];
    let mut judged = Vec::new();
    for policy in objects(&expansion) {
        let kind = policy["kind"].as_str().expect("a kind");
        let asked = policy.pointer("/spec/evaluation/admission/enabled") != Some(&json!(false));
        if !["ValidatingPolicy", "ImageValidatingPolicy"].contains(&kind) || !asked {
            continue;
        }
        let matched = &policy["spec"]["matchConstraints"];
        let mut selector = matched["namespaceSelector"].clone();
        let expressions = selector["matchExpressions"].as_array_mut().expect("some");
        expressions.push(ours.clone());
        let webhook = json!({ "rules": matched["resourceRules"], "namespaceSelector": selector });
        let name = &policy["metadata"]["name"];
        for written in OWN.iter().chain(&[("", "pods", Some("kyverno"))]) {
            assert!(!asks(&webhook, *written), "{name}: {written:?}");
        }
        let shop = asks(&webhook, ("", "pods", Some("shop")));
        let platform = asks(&webhook, ("", "pods", Some("cert-manager")));
        assert!(shop != platform, "{name}");
        judged.push(shop);
    }
    // Six rules for apps and signatures, six for the platform.
    assert_eq!(judged.iter().filter(|shop| **shop).count(), 7);
    assert_eq!(judged.len(), 13);
}

/// It is asked about pods only in namespaces that say so, which apps' do.
#[test]
fn sigstores_controller_gone_stops_nothing_that_a_cluster_runs_by() {
    let test = "sigstores_controller_gone_stops_nothing_that_a_cluster_runs_by";
    let Some(folder) = shared("reference/rendered", test) else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("policy-controller.yaml")).expect("a chart");
    let all = documents(&text);
    let webhooks = all
        .iter()
        .flat_map(|o| o["webhooks"].as_array().into_iter().flatten());
    let mut asked = 0;
    // The others are about its own policies: the controller writes their rules.
    for webhook in webhooks.filter(|w| w["name"] == "policy.sigstore.dev") {
        let selector = &webhook["namespaceSelector"];
        let included = [("policy.sigstore.dev/include", "true")];
        assert!(!takes(selector, "kube-system", &[]) && takes(selector, "shop", &included));
        asked += 1;
    }
    assert_eq!(asked, 2);
    let supply_chain = json!({
        "verifier": "policy-controller", "registries": ["ghcr.io/acme/"], "scan": false,
        "keys": ["-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"],
    });
    let expansion = on("aws").harden(
        &["tls", "supply_chain"],
        with(shop(), json!({ "supply_chain": supply_chain })),
    );
    for (name, is_in) in [
        ("shop", true),
        ("cert_manager", false),
        ("cosign_system", false),
    ] {
        let labels =
            &node(&expansion, &format!("kubernetes_namespace.{name}"))["metadata"]["labels"];
        assert_eq!(
            labels["policy.sigstore.dev/include"] == "true",
            is_in,
            "{name}"
        );
    }
}

/// By the API server alone, so that it holds without Gatekeeper.
#[test]
fn nobody_takes_a_namespace_out_of_gatekeepers_sight() {
    let test = "nobody_takes_a_namespace_out_of_gatekeepers_sight";
    let Some(plane) = ControlPlane::start(test) else {
        return;
    };
    let expansion = hardened(json!({ "engine": "gatekeeper" }));
    let judges = objects(&expansion).into_iter().filter(|o| {
        let kind = o["kind"].as_str().unwrap_or_default();
        kind.starts_with("ValidatingAdmissionPolicy")
    });
    let judges: Vec<Json> = judges.collect();
    assert_eq!(judges.len(), 2);
    plane
        .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": judges }).to_string())
        .done();
    plane.kubectl(&["create", "namespace", "shop"]).done();
    let label = |namespace: &str| {
        plane.kubectl(&[
            "label",
            "--overwrite",
            "namespace",
            namespace,
            "admission.gatekeeper.sh/ignore=true",
            "--dry-run=server",
        ])
    };
    // A policy is in force a moment after it was written.
    let start = Instant::now();
    while label("shop").ok {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it is never in force"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let refused = label("shop");
    assert!(
        refused.stderr.contains("its pods would not be judged"),
        "{}",
        refused.stderr
    );
    label("kube-system").done();
    plane
        .kubectl(&["label", "namespace", "shop", "team=shop"])
        .done();
}
