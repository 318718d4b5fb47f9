//! What an app's folder may hold: what runs, how it is reached and set up, and what the platform offers. What limits an app (quotas,
//! network policies, rights) is not among it, nor what acts with the platform's own rights (stores of secrets, databases' operators).
//! Secrets stand in a repository only sealed, or as a word about where they are kept.

use crate::inside::Inside;
use crate::node::Node;
use crate::objects::object;
use serde_json::{Value as Json, json};

/// The role of those in whose name folders are applied, and its binding in each app's namespace.
pub(super) const ROLE: &str = "app-folder";

/// A kind of object.
pub(super) struct Kind {
    /// Its group; empty for the cluster's oldest kinds.
    group: String,
    kind: String,
    /// As paths of the API have it.
    plural: String,
}

/// The cluster's own kinds.
#[rustfmt::skip]
const OWN: &[(&str, &str, &str)] = &[
    ("", "ConfigMap", "configmaps"),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "Pod", "pods"),
    ("", "Service", "services"),
    ("", "ServiceAccount", "serviceaccounts"),
    ("apps", "DaemonSet", "daemonsets"),
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("batch", "CronJob", "cronjobs"),
    ("batch", "Job", "jobs"),
    ("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
];

/// Kinds of others, each with the definitions that it comes with.
#[rustfmt::skip]
const OTHERS: &[(&str, &str, &str, &str)] = &[
    ("external_secrets", "external-secrets.io", "ExternalSecret", "externalsecrets"),
    ("gateway_api", "gateway.networking.k8s.io", "GRPCRoute", "grpcroutes"),
    ("gateway_api", "gateway.networking.k8s.io", "HTTPRoute", "httproutes"),
    ("sealed_secrets", "bitnami.com", "SealedSecret", "sealedsecrets"),
];

/// All kinds, once everything that the controls make is known.
pub(super) fn kinds(inside: &Inside<'_>) -> Vec<Kind> {
    let kind = |group: &str, kind: &str, plural: &str| Kind {
        group: group.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let own = OWN.iter().map(|(g, k, p)| kind(g, k, p));
    let defined = |system: &str| {
        let of = |n: &Node| n.type_name == "kubernetes_crds" && n.name == system;
        inside.nodes.iter().any(of)
    };
    let others = OTHERS.iter().filter(|(system, ..)| defined(system));
    let others = others.map(|(_, g, k, p)| kind(g, k, p));
    // What Crossplane makes is asked for by kinds of the platform's own.
    let offered = inside.nodes.iter().filter_map(Node::object);
    let offered = offered.filter(|o| o["kind"] == "CompositeResourceDefinition");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let offered = offered.map(|o| Kind {
        group: text(&o["spec"]["group"]),
        kind: text(&o["spec"]["names"]["kind"]),
        plural: text(&o["spec"]["names"]["plural"]),
    });
    own.chain(others).chain(offered).collect()
}

/// As Argo CD's projects name them.
pub(super) fn listed(kinds: &[Kind]) -> Json {
    let one = |k: &Kind| json!({ "group": k.group, "kind": k.kind });
    kinds.iter().map(one).collect()
}

/// As a role that may do anything with them, but no more than look at what runs because of them.
pub(super) fn role(kinds: &[Kind]) -> Json {
    let mut rules: Vec<Json> = Vec::new();
    for kind in kinds {
        let same = |r: &&mut Json| r["apiGroups"] == json!([kind.group]);
        match rules.iter_mut().find(same) {
            Some(rule) => {
                if let Some(resources) = rule["resources"].as_array_mut() {
                    resources.push(json!(kind.plural));
                }
            }
            None => rules.push(json!({
                "apiGroups": [kind.group],
                "resources": [kind.plural],
                "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
            })),
        }
    }
    let look = ["get", "list", "watch"];
    rules.push(json!({ "apiGroups": [""], "resources": ["events"], "verbs": look }));
    rules.push(json!({ "apiGroups": ["apps"], "resources": ["replicasets"], "verbs": look }));
    let rbac = "rbac.authorization.k8s.io/v1";
    object(rbac, "ClusterRole", "", ROLE, json!({ "rules": rules }))
}
