//! Custom resources become what their operators make of them, when the operator is there: a workload that is ready and
//! has one of its names as a label. Without it they stay as they were written, as in a real cluster.

mod composed;
mod databases;
mod delivery;
mod gateway;
mod policy;
mod pushed;
mod secrets;
mod telemetry;

pub(super) use policy::pods_changed;

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::Resource;
use super::super::store::Session;
use super::super::validate;
use super::super::value::{list, number, set, text};
use super::{is_deleting, owner_reference, set_condition};
use crate::latency::Work;

/// The names of operators, by the end of the groups that they serve.
const OPERATORS: &[(&str, &[&str])] = &[
    ("cert-manager.io", &["cert-manager"]),
    ("gateway.networking.k8s.io", gateway::NAMES),
    ("gateway.envoyproxy.io", gateway::NAMES),
    ("postgresql.cnpg.io", &["cloudnative-pg"]),
    ("barmancloud.cnpg.io", &["plugin-barman-cloud"]),
    ("acid.zalan.do", &["postgres-operator"]),
    ("external-secrets.io", &["external-secrets"]),
    ("bitnami.com", &["sealed-secrets"]),
    ("secrets.hashicorp.com", &["vault-secrets-operator"]),
    ("policies.kyverno.io", policy::KYVERNO),
    ("kyverno.io", policy::KYVERNO),
    ("gatekeeper.sh", &["gatekeeper"]),
    ("policy.sigstore.dev", &["policy-controller"]),
    (
        "argoproj.io",
        &["argocd-application-controller", "argocd-server", "argo-cd"],
    ),
    (
        "toolkit.fluxcd.io",
        &["flux", "flux2", "source-controller", "kustomize-controller"],
    ),
    (
        "monitoring.coreos.com",
        &[
            "kube-prometheus-stack-prometheus-operator",
            "prometheus-operator",
            "kube-prometheus-stack",
        ],
    ),
    ("grafana.integreatly.org", &["grafana-operator"]),
    ("k8s.elastic.co", &["elastic-operator", "eck-operator"]),
    ("aquasecurity.github.io", &["trivy-operator"]),
    ("crossplane.io", &["crossplane"]),
    ("upbound.io", &["crossplane"]),
];

fn operator(group: &str) -> Option<&'static [&'static str]> {
    OPERATORS
        .iter()
        .find(|(end, _)| group == *end || group.ends_with(&format!(".{end}")))
        .map(|(_, names)| *names)
}

/// Whether a workload goes by one of some names.
fn is_named(workload: &Value, names: &[&str]) -> bool {
    let labels = &workload["metadata"]["labels"];
    let said = [
        "app.kubernetes.io/name",
        "app.kubernetes.io/part-of",
        "app.kubernetes.io/component",
        "app",
    ];
    said.iter()
        .filter_map(|label| labels[*label].as_str())
        .chain([text(workload, "/metadata/name")])
        .any(|name| names.contains(&name))
}

/// The namespace of an operator that is there and ready.
fn installed(session: &Session<'_>, names: &[&str]) -> Option<String> {
    for plural in ["deployments", "statefulsets"] {
        for workload in session.all("apps", plural) {
            if is_named(&workload, names)
                && number(&workload, "/status/readyReplicas").unwrap_or(0) > 0
            {
                return Some(text(&workload, "/metadata/namespace").to_owned());
            }
        }
    }
    None
}

/// Lets the operator of a custom resource work.
pub(super) fn reconcile(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    if resource.kind == "Secret" || resource.kind == "ConfigMap" {
        return;
    }
    let composite = composed::is_composite(resource);
    let known = operator(&resource.group).or(composite.then_some(composed::NAMES));
    let Some(names) = known.filter(|_| resource.is_custom()) else {
        return;
    };
    if is_deleting(object) && !composed::holds(object) {
        return;
    }
    let Some(home) = installed(session, names) else {
        return;
    };
    // The first look takes its time.
    let seen = object["status"]
        .as_object()
        .is_some_and(|status| !status.is_empty());
    if !seen && !session.elapsed(id, Work::OperatorStep) {
        return;
    }
    let case = Case {
        resource,
        id,
        object,
        home: &home,
    };
    let group = resource.group.as_str();
    match group {
        "cert-manager.io" => secrets::certificates(session, &case),
        "external-secrets.io" | "bitnami.com" | "secrets.hashicorp.com" => {
            secrets::secrets(session, &case);
        }
        "gateway.networking.k8s.io" | "gateway.envoyproxy.io" => gateway::reconcile(session, &case),
        "postgresql.cnpg.io" | "acid.zalan.do" => databases::reconcile(session, &case),
        "argoproj.io" => delivery::argo(session, &case),
        _ if composite => composed::composite(session, &case),
        _ if composed::is_managed(resource) => composed::managed(session, &case),
        "pkg.crossplane.io" | "apiextensions.crossplane.io" => delivery::crossplane(session, &case),
        "monitoring.coreos.com" | "grafana.integreatly.org" => telemetry::reconcile(session, &case),
        _ if group.ends_with("k8s.elastic.co") => telemetry::elastic(session, &case),
        _ if group.ends_with("kyverno.io") || group.ends_with("gatekeeper.sh") => {
            policy::reconcile(session, &case);
        }
        _ if group.ends_with("crossplane.io") || group.ends_with("upbound.io") => {
            ready(session, &case, &["Synced", "Ready"], |_| {});
        }
        _ => ready(session, &case, &["Ready"], |_| {}),
    }
}

/// A custom resource that its operator looks at.
struct Case<'c> {
    resource: &'c Resource,
    id: &'c str,
    object: &'c Arc<Value>,
    /// The operator's namespace.
    home: &'c str,
}

impl Case<'_> {
    fn namespace(&self) -> &str {
        text(self.object, "/metadata/namespace")
    }

    fn name(&self) -> &str {
        text(self.object, "/metadata/name")
    }

    fn kind(&self) -> &str {
        &self.resource.kind
    }
}

/// Sets conditions and what else the status says, as far as its definition knows it.
fn ready(
    session: &mut Session<'_>,
    case: &Case<'_>,
    conditions: &[&str],
    change: impl FnOnce(&mut Value),
) {
    say(session, case, |new, now, generation| {
        for kind in conditions {
            condition(new, kind, true, kind, "", now, generation);
        }
        change(new);
    });
}

/// A condition of an operator: it says of which generation it is.
fn condition(
    new: &mut Value,
    kind: &str,
    status: bool,
    reason: &str,
    message: &str,
    now: &str,
    generation: &Value,
) {
    set_condition(new, kind, status, reason, message, now);
    let conditions = new
        .pointer_mut("/status/conditions")
        .and_then(Value::as_array_mut);
    for one in conditions.into_iter().flatten() {
        if one["type"] == kind {
            if !generation.is_null() {
                one["observedGeneration"] = generation.clone();
            }
            if one.get("message").is_none() {
                one["message"] = "".into();
            }
        }
    }
}

/// Writes a status, pruned to what the definition knows of it.
fn say(session: &mut Session<'_>, case: &Case<'_>, change: impl FnOnce(&mut Value, &str, &Value)) {
    let Some(old) = session.get(case.id) else {
        return;
    };
    let now = session.time();
    let mut new = Value::clone(&old);
    if !new["status"].is_object() {
        new["status"] = json!({});
    }
    let generation = old["metadata"]["generation"].clone();
    set(&mut new, "status/observedGeneration", generation.clone());
    change(&mut new, &now, &generation);
    validate::prune(case.resource.schema(), &mut new);
    session.update(case.resource, &old, new);
}

/// Makes an object that a custom resource owns, unless it is there.
fn child(session: &mut Session<'_>, case: &Case<'_>, group: &str, plural: &str, mut value: Value) {
    let resource = super::super::kinds::known(group, plural);
    if resource.namespaced && text(&value, "/metadata/namespace").is_empty() {
        set(&mut value, "metadata/namespace", case.namespace());
    }
    let same = text(&value, "/metadata/namespace") == case.namespace();
    if same || case.namespace().is_empty() {
        set(
            &mut value,
            "metadata/ownerReferences",
            json!([owner_reference(case.object)]),
        );
    }
    let namespace = text(&value, "/metadata/namespace").to_owned();
    if super::super::admission::namespace(session, &resource, &namespace, "").is_ok() {
        super::super::defaults::fill(&resource, &mut value);
        super::super::rules::prepare(session, &resource, None, &mut value);
        session.make(&resource, value);
    }
}

/// A workload of an operator's: a name, labels, an image, replicas.
fn workload(kind: &str, name: &str, labels: &Value, image: &str, replicas: i64) -> Value {
    let mut value = json!({
        "metadata": { "name": name, "labels": labels },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
                    "containers": [{
                        "name": "main",
                        "image": image,
                        "resources": { "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "cpu": "1", "memory": "1Gi" } },
                        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true },
                    }],
                },
            },
        },
    });
    if kind == "StatefulSet" {
        value["spec"]["serviceName"] = name.into();
    }
    value
}

/// Lets a StatefulSet claim volumes, which its pods mount.
fn claiming(set_of: &mut Value, claims: Vec<Value>) {
    let mounts = claims.iter().map(|claim| {
        let name = text(claim, "/metadata/name");
        json!({ "name": name, "mountPath": format!("/{name}") })
    });
    let mounts: Value = mounts.collect();
    set_of["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = mounts;
    set_of["spec"]["volumeClaimTemplates"] = claims.into();
}

/// A Service of an operator's.
fn service(name: &str, selector: &Value, port: u16) -> Value {
    json!({
        "metadata": { "name": name, "labels": selector },
        "spec": { "selector": selector, "ports": [{ "name": "main", "port": port }] },
    })
}

/// Looks at a resource again after a while: what it waits for does not say when it comes.
fn later(session: &mut Session<'_>, case: &Case<'_>) {
    let at = session.now + 250;
    session.wake_at(at, case.id);
}

/// Lets operators look at their resources when their own workload has changed.
pub(super) fn rolled_out(session: &mut Session<'_>, namespace: &str, name: &str) {
    let Some(workload) = session
        .find("apps", "deployments", namespace, name)
        .or_else(|| session.find("apps", "statefulsets", namespace, name))
    else {
        return;
    };
    if number(&workload, "/status/readyReplicas").unwrap_or(0) == 0 {
        return;
    }
    let served: Vec<&str> = OPERATORS
        .iter()
        .filter(|(_, names)| is_named(&workload, names))
        .map(|(end, _)| *end)
        .collect();
    if served.is_empty() {
        return;
    }
    for definition in session.definitions() {
        let Some(resource) = definition.resources.first() else {
            continue;
        };
        let group = &resource.group;
        if served
            .iter()
            .any(|end| group == end || group.ends_with(&format!(".{end}")))
        {
            for (id, _) in session.page(&resource.table(), None, usize::MAX) {
                session.enqueue(&id);
            }
        }
    }
}

/// What a controller made elsewhere goes with its owner.
pub(super) fn gone(session: &mut Session<'_>, id: &str, old: &Value) {
    if id.starts_with("gateway.networking.k8s.io/gateways/") {
        gateway::gone(session, old);
    }
    if id.starts_with("policies.kyverno.io/policyexceptions/") {
        pods_changed(session);
    }
}

/// Objects of a group that has just been defined.
pub(super) fn defined(session: &mut Session<'_>, group: &str) {
    for (id, _) in session.page(&format!("{group}/"), None, usize::MAX) {
        session.enqueue(&id);
    }
}

/// Lets Gateways look again: at their Service's address, at their routes.
pub(super) fn gateways(session: &mut Session<'_>) {
    for (id, _) in session.page("gateway.networking.k8s.io/gateways/", None, usize::MAX) {
        session.enqueue(&id);
    }
}

/// The Secrets that jobs of charts make, by the end of the job's name: nothing runs in the pods here.
const JOBS: &[(&str, &[(&str, &[&str])])] = &[
    (
        "certgen",
        &[
            ("envoy-gateway", &["ca.crt", "tls.crt", "tls.key"]),
            ("envoy", &["ca.crt", "tls.crt", "tls.key"]),
            ("envoy-rate-limit", &["ca.crt", "tls.crt", "tls.key"]),
            ("envoy-oidc-hmac", &["hmac-secret"]),
        ],
    ),
    ("redis-secret-init", &[("argocd-redis", &["auth"])]),
];

/// What a job that has ended leaves behind.
pub(super) fn ended(session: &mut Session<'_>, job: &Value) {
    use base64::Engine;
    let name = text(job, "/metadata/name");
    let Some((_, secrets)) = JOBS.iter().find(|(end, _)| name.ends_with(end)) else {
        return;
    };
    let kind = super::super::kinds::known("", "secrets");
    for (secret, keys) in *secrets {
        let mut data = json!({});
        for key in *keys {
            let made_up = super::super::hash(&format!("{name}/{secret}/{key}"));
            data[*key] = base64::engine::general_purpose::STANDARD
                .encode(made_up)
                .into();
        }
        session.make(
            &kind,
            json!({ "metadata": { "name": secret, "namespace": job["metadata"]["namespace"] }, "data": data }),
        );
    }
}

/// The texts of a list.
fn texts<'v>(value: &'v Value, pointer: &str) -> Vec<&'v str> {
    list(value, pointer)
        .iter()
        .filter_map(Value::as_str)
        .collect()
}
