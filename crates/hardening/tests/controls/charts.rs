//! What charts install, as upstream renders it with values like ours, beside the policies that are made: under "deny by default"
//! every workload still reaches the Kubernetes API that may ask it something, and the API every webhook.

use crate::alternatives::{CONTROLS, choices, objects, on, with_database};
use crate::fixture::with;
use crate::kube::process::shared;
use crate::reach::{End, reaches};
use infra_model::json::to_json;
use serde_json::{Map, Value as Json, json};

/// Charts: the file, the namespace, and the choice of alternatives that installs it.
const CHARTS: &[(&str, &str, &str)] = &[
    ("alloy", "logging", "first"),
    ("argo-cd", "argocd", "first"),
    ("cert-manager", "cert-manager", "first"),
    ("cloudnative-pg", "cnpg-system", "first"),
    ("crossplane", "crossplane-system", "first"),
    ("envoy-gateway", "envoy-gateway-system", "first"),
    ("external-secrets", "external-secrets", "second"),
    ("gatekeeper", "gatekeeper-system", "second"),
    ("kube-prometheus-stack", "monitoring", "first"),
    ("kyverno", "kyverno", "first"),
    ("loki", "logging", "first"),
    ("plugin-barman-cloud", "cnpg-system", "first"),
    ("policy-controller", "cosign-system", "second"),
    ("sealed-secrets", "sealed-secrets", "first"),
    ("trivy-operator", "trivy-system", "first"),
    ("vault", "vault", "second"),
    ("zalando", "postgres-operator", "second"),
];

/// Workloads that our values switch off, or that ask the API for nothing then.
const OFF: &[(&str, &str)] = &[
    ("argo-cd", "argo-cd-argocd-notifications-controller"),
    // Its account is a sidecar's.
    ("loki", "loki"),
];

/// The API server, somewhere in the network.
const API: &str = "10.0.3.7";

fn policies(choice: &str) -> Vec<Json> {
    let secrets = match choice {
        "second" => json!({ "engine": "vault", "vault": { "recovery_recipients": ["bQ=="] } }),
        _ => json!({ "engine": "sealed-secrets" }),
    };
    let mut inputs = with(
        with_database(),
        json!({ "cluster": "main", "secrets": secrets }),
    );
    inputs["profile"] = CONTROLS.iter().copied().chain(["secrets"]).collect();
    inputs["apps"]["shop"]["pod_security"] = json!("baseline");
    let (_, chosen) = choices()
        .into_iter()
        .find(|(name, _)| *name == choice)
        .expect("a choice");
    let expansion = on("aws").add("hardening", "main", &with(inputs, chosen));
    let mut all = objects(&expansion);
    all.retain(|o| o["kind"] == "NetworkPolicy");
    all
}

/// What a chart was rendered to.
pub(crate) fn documents(text: &str) -> Vec<Json> {
    let parts = text.split("\n---\n");
    // Definitions are not looked at, and their samples are not all YAML.
    let read = parts.filter(|p| !p.contains("kind: CustomResourceDefinition"));
    read.flat_map(|part| {
        let found = infra_lang::yaml_documents(part);
        found.unwrap_or_else(|e| panic!("{e}: {part}"))
    })
    .map(|value| to_json(&value))
    .filter(Json::is_object)
    .collect()
}

/// The pods of a workload: their labels and what they are.
fn pods(object: &Json) -> Option<(Map<String, Json>, &Json)> {
    let template = match object["kind"].as_str()? {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => &object["spec"]["template"],
        _ => return None,
    };
    let labels = template["metadata"]["labels"].as_object();
    let mut labels = labels.cloned().unwrap_or_default();
    if object["kind"] == "Job" {
        let name = object["metadata"]["name"].clone();
        labels.insert("batch.kubernetes.io/job-name".to_owned(), name);
    }
    Some((labels, &template["spec"]))
}

/// Service accounts that are allowed something.
fn allowed(objects: &[Json]) -> Vec<&str> {
    let bindings = objects
        .iter()
        .filter(|o| o["kind"] == "RoleBinding" || o["kind"] == "ClusterRoleBinding");
    bindings
        .flat_map(|b| b["subjects"].as_array().into_iter().flatten())
        .filter_map(|s| s["name"].as_str())
        .collect()
}

/// The ports on pods that the API server calls: those of webhooks' services.
fn called(objects: &[Json], labels: &Map<String, Json>, spec: &Json) -> Vec<u16> {
    let mut out = Vec::new();
    let webhooks = objects
        .iter()
        .flat_map(|o| o["webhooks"].as_array().into_iter().flatten());
    for webhook in webhooks {
        let service = &webhook["clientConfig"]["service"];
        let wanted = service["port"].as_u64().unwrap_or(443);
        let found = objects
            .iter()
            .find(|o| o["kind"] == "Service" && o["metadata"]["name"] == service["name"]);
        let Some(found) = found else { continue };
        let selector = found["spec"]["selector"].as_object().into_iter().flatten();
        if !selector.into_iter().all(|(k, v)| labels.get(k) == Some(v)) {
            continue;
        }
        let ports = found["spec"]["ports"].as_array().into_iter().flatten();
        for port in ports.filter(|p| p["port"] == wanted) {
            let containers = spec["containers"].as_array().into_iter().flatten();
            let named = containers
                .flat_map(|c| c["ports"].as_array().into_iter().flatten())
                .find(|p| p["name"] == port["targetPort"])
                .map(|p| &p["containerPort"]);
            let number = named.unwrap_or(&port["targetPort"]);
            out.extend(number.as_u64().and_then(|n| u16::try_from(n).ok()));
        }
    }
    out
}

#[test]
fn what_charts_install_reaches_the_api_and_is_reached_by_it() {
    let test = "what_charts_install_reaches_the_api_and_is_reached_by_it";
    let Some(folder) = shared("reference/rendered", test) else {
        return;
    };
    let made = ["first", "second"].map(|choice| (choice, policies(choice)));
    let api = End::address(API);
    let (mut asking, mut hooks, mut wrong) = (0, 0, Vec::new());
    for &(chart, namespace, choice) in CHARTS {
        let path = folder.join(format!("{chart}.yaml"));
        let text = std::fs::read_to_string(path).expect("a rendered chart");
        let objects = documents(&text);
        let allowed = allowed(&objects);
        let (_, policies) = made.iter().find(|(name, _)| *name == choice).expect("made");
        for object in &objects {
            let Some((labels, spec)) = pods(object) else {
                continue;
            };
            let name = object["metadata"]["name"].as_str().expect("a name");
            if spec["hostNetwork"] == true || OFF.contains(&(chart, name)) {
                continue;
            }
            let pod = End::Pod {
                name: "workload",
                namespace,
                labels: labels.clone(),
            };
            let account = spec["serviceAccountName"].as_str().unwrap_or("default");
            if allowed.contains(&account) && spec["automountServiceAccountToken"] != false {
                asking += 1;
                if !reaches(policies, &pod, &api, "TCP", 443) {
                    wrong.push(format!("{chart}: {name} does not reach the API"));
                }
            }
            for port in called(&objects, &labels, spec) {
                hooks += 1;
                if !reaches(policies, &api, &pod, "TCP", port) {
                    wrong.push(format!("{chart}: the API does not reach {name}:{port}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Else nothing was looked at.
    assert!(asking > 25 && hooks > 8, "{asking} ask, {hooks} are asked");
}
