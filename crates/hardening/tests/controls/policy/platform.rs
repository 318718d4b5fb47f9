//! The platform's own pods before the programs that judge in the cluster: what upstream's charts install, rendered with values like
//! ours, and what operators make of the objects that are written here. All of it passes, but for the exceptions by name.

use super::judges::{gator_finds, kyverno_finds, namespace, write, write_values};
use super::operators;
use crate::alternatives::{CONTROLS, choices, objects, on, values, with_database};
use crate::charts::{CHARTS, documents, pods};
use crate::fixture::{nodes, with};
use crate::kube::ControlPlane;
use crate::kube::process::{shared, tool};
use infra_model::expand::Expansion;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Everything there is, with one choice of alternatives, and what is otherwise.
fn hardened(choice: &str, more: Json) -> Expansion {
    let chosen = choices().into_iter().find(|(name, _)| *name == choice);
    let (_, chosen) = chosen.expect("a choice");
    let mut inputs = with_database();
    if choice == "second" {
        inputs["apps"]["shop"]["pod_security"] = json!("baseline");
    }
    let mut inputs = with(with(inputs, chosen), more);
    inputs["policy"]["mode"] = json!("enforce");
    on("aws").harden(CONTROLS, inputs)
}

/// The objects of the engine that judges.
fn policies(objects: &[Json]) -> Vec<Json> {
    let of_engine = |o: &&Json| {
        let version = o["apiVersion"].as_str().unwrap_or_default();
        version.starts_with("policies.kyverno.io/") || version.contains("gatekeeper.sh/")
    };
    let mut all: Vec<Json> = objects.iter().filter(of_engine).cloned().collect();
    // Signatures are asked of registries, which a test does not. What only looks says the same as what refuses.
    all.retain(|o| {
        o["kind"] != "ImageValidatingPolicy" && o["spec"]["enforcementAction"] != "dryrun"
    });
    all
}

/// The namespaces that are judged as the platform's.
fn judged(policies: &[Json]) -> BTreeSet<String> {
    let selectors = policies.iter().filter_map(|p| {
        let spec = &p["spec"];
        let found = spec.pointer("/matchConstraints/namespaceSelector");
        found.or(spec.pointer("/match/namespaceSelector"))
    });
    let mut requirements = selectors.map(|s| &s["matchExpressions"][0]);
    let platform = requirements
        .find(|r| r["operator"] == "In")
        .expect("the platform");
    let names = platform["values"].as_array().into_iter().flatten();
    names.filter_map(|n| Some(n.as_str()?.to_owned())).collect()
}

/// A pod of a workload.
fn pod(namespace: &str, name: &str, labels: &Json, spec: &Json) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "labels": labels },
        "spec": spec,
    })
}

/// Workloads whose rendering had other values than ours: the chart's file and the name, our release, and where our values have the security
/// context of its containers.
const OURS: &[(&str, &str, &str, &str)] = &[
    (
        "kube-prometheus-stack",
        "kube-prometheus-stack-prometheus-node-exporter",
        "kube_prometheus_stack",
        "/prometheus-node-exporter/containerSecurityContext",
    ),
    (
        "trivy-operator",
        "trivy-server",
        "trivy_operator",
        "/trivy/server/securityContext",
    ),
    (
        "policy-controller",
        "policy-controller-webhook",
        "policy_controller",
        "/webhook/podSecurityContext",
    ),
    (
        "zalando",
        "zalando-postgres-operator",
        "zalando_postgres_operator",
        "/securityContext",
    ),
    (
        "crossplane",
        "crossplane",
        "crossplane",
        "/securityContextCrossplane",
    ),
    (
        "crossplane",
        "crossplane-rbac-manager",
        "crossplane",
        "/securityContextRBACManager",
    ),
    (
        "policy-controller",
        "leases-cleanup",
        "policy_controller",
        "/leasescleanup/podSecurityContext",
    ),
];

/// What a workload is with our values, which Helm lays over the chart's own.
fn with_ours(chart: &str, name: &str, mut spec: Json, expansion: &Expansion) -> Json {
    for (_, _, release, pointer) in OURS.iter().filter(|o| (o.0, o.1) == (chart, name)) {
        let values = values(expansion, release);
        let given = values.pointer(pointer).and_then(Json::as_object);
        let mut given = given.expect("values of ours").clone();
        // The chart's own switch.
        given.shift_remove("enabled");
        for kind in ["initContainers", "containers"] {
            let containers = spec.get_mut(kind).and_then(Json::as_array_mut);
            for container in containers.into_iter().flatten() {
                let context = &mut container["securityContext"];
                *context = with(context.take(), json!(given));
            }
        }
    }
    spec
}

/// The pods of all charts that this choice installs; those of Helm's own tests are never run.
fn of_charts(folder: &Path, namespaces: &BTreeSet<String>, expansion: &Expansion) -> Vec<Json> {
    let mut out = Vec::new();
    for &(chart, namespace, _) in CHARTS.iter().filter(|c| namespaces.contains(c.1)) {
        let text = std::fs::read_to_string(folder.join(format!("{chart}.yaml")));
        for object in documents(&text.expect("a rendered chart")) {
            let Some((labels, spec)) = pods(&object) else {
                continue;
            };
            let name = object["metadata"]["name"].as_str().expect("a name");
            let spec = with_ours(chart, name, spec.clone(), expansion);
            let called = format!("{chart}-{name}").replace(&format!("{chart}-{chart}"), chart);
            out.push(pod(namespace, &called, &json!(labels), &spec));
        }
    }
    out
}

/// The pods to judge with their policies, in a scratch folder; none where upstream's charts are absent.
fn case(choice: &str, more: Json, test: &str) -> Option<(tempfile::TempDir, Vec<Json>, usize)> {
    let folder = shared("reference/rendered", test)?;
    let expansion = hardened(choice, more);
    let objects = objects(&expansion);
    let policies = policies(&objects);
    let mut namespaces = judged(&policies);
    let mut pods = of_charts(&folder, &namespaces, &expansion);
    let charts = pods.len();
    pods.extend(operators::pods(&expansion));
    let dir = tempfile::tempdir().expect("a scratch folder");
    let (exceptions, policies): (Vec<Json>, Vec<Json>) = policies
        .into_iter()
        .partition(|p| p["kind"] == "PolicyException");
    write(dir.path(), "policies.yaml", &policies);
    if !exceptions.is_empty() {
        write(dir.path(), "exceptions.yaml", &exceptions);
    }
    assert!(
        pods.len() > charts + 4,
        "{} pods of operators",
        pods.len() - charts
    );
    namespaces.insert("shop".to_owned());
    let namespaces = namespaces.iter().map(|n| namespace(n)).collect();
    let count = pods.len();
    write(dir.path(), "pods.yaml", &pods);
    Some((dir, namespaces, count))
}

#[test]
fn the_platforms_own_pods_pass_kyverno() {
    let test = "the_platforms_own_pods_pass_kyverno";
    let Some(kyverno) = tool("kyverno", test) else {
        return;
    };
    // With the one and with the other store of logs.
    for more in [json!({}), json!({ "logging": { "engine": "elk" } })] {
        let Some((dir, namespaces, count)) = case("first", more, test) else {
            return;
        };
        assert!(count > 30, "{count} pods");
        write_values(dir.path(), &namespaces);
        let found = kyverno_finds(&kyverno, dir.path(), "");
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn the_platforms_own_pods_pass_gatekeeper() {
    let test = "the_platforms_own_pods_pass_gatekeeper";
    let Some(gator) = tool("gator", test) else {
        return;
    };
    let Some((dir, namespaces, count)) = case("second", json!({}), test) else {
        return;
    };
    assert!(count > 30, "{count} pods");
    write(dir.path(), "namespaces.yaml", &namespaces);
    let found = gator_finds(&gator, dir.path());
    assert!(found.is_empty(), "{found:#?}");
}

/// The names of the volumes that a pod's containers mount.
fn mounted(spec: &Map<String, Json>) -> BTreeSet<String> {
    let containers = ["initContainers", "containers"]
        .iter()
        .filter_map(|k| spec.get(*k)?.as_array());
    let mounts = containers
        .flatten()
        .filter_map(|c| c["volumeMounts"].as_array());
    mounts
        .flatten()
        .filter_map(|m| Some(m["name"].as_str()?.to_owned()))
        .collect()
}

/// Pod Security, by a real API server: every pod may be in its namespace, whose labels say what is allowed there. Accounts and
/// priorities are others' affair.
#[test]
fn the_platforms_own_pods_may_be_in_their_namespaces() {
    let test = "the_platforms_own_pods_may_be_in_their_namespaces";
    let Some(folder) = shared("reference/rendered", test) else {
        return;
    };
    let Some(plane) = ControlPlane::start(test) else {
        return;
    };
    for choice in ["first", "second"] {
        let expansion = hardened(choice, json!({}));
        let made: Vec<Json> = nodes(&expansion)
            .into_iter()
            .filter(|(address, _)| address.starts_with("kubernetes_namespace."))
            .map(|(_, body)| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": body["metadata"] }))
            .collect();
        let names = made
            .iter()
            .filter_map(|n| Some(n["metadata"]["name"].as_str()?.to_owned()));
        let names: BTreeSet<String> = names.collect();
        plane
            .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": made }).to_string())
            .done();
        let mut pods = of_charts(&folder, &names, &expansion);
        pods.extend(operators::pods(&expansion));
        for pod in &mut pods {
            let spec = pod["spec"].as_object_mut().expect("a pod");
            for elsewhere in ["serviceAccountName", "serviceAccount", "priorityClassName"] {
                spec.shift_remove(elsewhere);
            }
            // Claims of StatefulSets become volumes of their pods.
            let claimed = mounted(spec);
            let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
            let volumes = volumes.as_array_mut().expect("volumes");
            for name in claimed {
                if !volumes.iter().any(|v| v["name"] == *name) {
                    volumes.push(json!({ "name": name, "emptyDir": {} }));
                }
            }
            spec.insert("automountServiceAccountToken".to_owned(), json!(false));
            spec.insert("restartPolicy".to_owned(), json!("Never"));
        }
        assert!(pods.len() > 25, "{} pods", pods.len());
        let all = json!({ "apiVersion": "v1", "kind": "List", "items": pods }).to_string();
        let answer = plane.kubectl_with(&["create", "--dry-run=server", "-f", "-"], &all);
        assert!(answer.ok, "{choice}:\n{}", answer.stderr);
    }
}
