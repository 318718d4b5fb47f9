//! The rules as policies of Kyverno's: `ValidatingPolicy` of `policies.kyverno.io/v1`, for `ClusterPolicy` is to be removed.

use super::exceptions::Exception;
use super::rules::{self, RULES, Rule};
use super::{Half, Scope, Tier, scan};
use crate::azure;
use crate::controls::supply_chain;
use crate::flow::{Peer, Pods, Port};
use crate::identity::Lowered;
use crate::inside::{Inside, Release};
use crate::node::Wait;
use crate::objects::{object, resources};
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// Where it stands.
pub(super) const NAMESPACE: &str = "kyverno";
const API: &str = "policies.kyverno.io/v1";
/// Jobs of the chart after upgrades and before it goes; their pods have no labels of its own.
const HOOKS: [&str; 3] = [
    "kyverno-migrate-resources",
    "kyverno-rm-webhooks",
    "kyverno-scale-to-zero",
];

/// The engine; its address.
pub(super) fn install(inside: &mut Inside<'_>, exempt: &[String]) -> String {
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("kyverno");
    let verifies = supply_chain::verifier(inside) == Some("kyverno");
    let mut readers: Vec<(&str, Lowered)> = Vec::new();
    for (component, webhook) in [
        ("admission-controller", true),
        ("background-controller", false),
        ("cleanup-controller", true),
        ("reports-controller", false),
    ] {
        let pods = Pods::of(
            NAMESPACE,
            component,
            &[("app.kubernetes.io/component", component)],
        );
        inside.calls_api(&pods);
        inside.scrape(&pods, 8000, "/metrics");
        if webhook {
            inside.called_by_api(&pods, 9443);
        }
        if matches!(component, "admission-controller" | "reports-controller") {
            // Signatures are read from registries.
            inside.allow(Peer::Pods(pods.clone()), Peer::Internet, &[Port::tcp(443)]);
            let name = format!("kyverno-{component}");
            let reader = verifies.then(|| inside.reads_images(&name, &pods, &name));
            readers.extend(reader.flatten().map(|lowered| (component, lowered)));
        }
    }
    for job in HOOKS {
        inside.calls_api(&Pods::job(NAMESPACE, job));
    }
    let environment = (matches!(inside.site.cloud, Cloud::Azure(_)) && !readers.is_empty())
        .then(|| azure::SDK.here(inside));
    inside.release(Release {
        chart: "kyverno",
        namespace: NAMESPACE,
        values: values(exempt, &readers, environment.as_deref()),
        serves: &["policies.kyverno.io", "kyverno.io"],
        provides: &[
            "Deployment/kyverno-admission-controller",
            "Deployment/kyverno-background-controller",
            "Deployment/kyverno-cleanup-controller",
            "Deployment/kyverno-reports-controller",
        ],
        after: readers.into_iter().flat_map(|(_, l)| l.before).collect(),
        ..Release::default()
    })
}

/// It judges every pod and fails closed: so it is many, apart from each other, and the last to be evicted.
fn values(exempt: &[String], readers: &[(&str, Lowered)], environment: Option<&str>) -> Json {
    let controller = |name: &str, replicas: i64, limits: [&str; 2]| {
        let spread = json!([{
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": { "app.kubernetes.io/component": name } },
        }]);
        let mut values = json!({
            "replicas": replicas,
            "podDisruptionBudget": { "enabled": true, "minAvailable": 1 },
            "topologySpreadConstraints": spread,
            "resources": resources(["100m", "128Mi"], limits),
        });
        if let Some((_, reader)) = readers.iter().find(|(reader, _)| *reader == name) {
            values["podLabels"] = reader.labels.clone();
            values["rbac"] = json!({ "serviceAccount": { "annotations": reader.annotations } });
            // Its login to registries asks this variable which Azure it is in.
            // <https://github.com/chrismellard/docker-credential-acr-env>
            if let Some(environment) = environment {
                values["extraEnvVars"] =
                    json!([{ "name": "AZURE_ENVIRONMENT", "value": environment }]);
            }
        }
        values
    };
    let mut admission = controller("admission-controller", 3, ["1", "768Mi"]);
    if let Some(settings) = admission.as_object_mut() {
        let resources = settings.shift_remove("resources");
        let mut container = json!({ "resources": resources });
        if let Some(variables) = settings.shift_remove("extraEnvVars") {
            container["extraEnvVars"] = variables;
        }
        settings.insert("container".into(), container);
        settings.insert(
            "initContainer".into(),
            json!({ "resources": crate::objects::resources(["10m", "64Mi"], ["100m", "256Mi"]) }),
        );
    }
    json!({
        "crds": { "install": false },
        "global": { "priorityClassName": "system-cluster-critical" },
        "admissionController": admission,
        "backgroundController": controller("background-controller", 2, ["500m", "256Mi"]),
        "cleanupController": controller("cleanup-controller", 2, ["500m", "256Mi"]),
        "reportsController": controller("reports-controller", 2, ["500m", "512Mi"]),
        "features": {
            // Exceptions are made here, and by nobody who may only write to a namespace of their own.
            "policyExceptions": { "enabled": true, "namespace": NAMESPACE },
        },
        "config": {
            "webhooks": {
                "namespaceSelector": { "matchExpressions": [{
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": exempt,
                }] },
            },
            // AKS would write its own namespaces into the selectors.
            "webhookAnnotations": { "admissions.enforcer/disabled": "true" },
        },
    })
}

/// The rules for some namespaces.
pub(super) fn policies(scope: &Scope) -> Vec<Json> {
    scope.rules().map(|rule| policy(rule, scope)).collect()
}

fn policy(rule: &Rule, scope: &Scope) -> Json {
    let action = if scope.refuses() { "Deny" } else { "Audit" };
    let (looks, refuses) = (scope.half != Half::Refuses, scope.half != Half::Looks);
    let spec = json!({
        "validationActions": [action],
        "failurePolicy": "Fail",
        "evaluation": { "admission": { "enabled": refuses }, "background": { "enabled": looks } },
        "matchConstraints": {
            "namespaceSelector": scope.selector(),
            "resourceRules": [{
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["pods", "pods/ephemeralcontainers"],
            }],
        },
        "matchConditions": [{ "name": "changes-what-runs", "expression": rules::CHANGES }],
        "variables": rules::variables(rule, &rules::list(&scope.registries)),
        "validations": [rules::validation(rule)],
    });
    let mut metadata = json!({});
    if scope.half == Half::Looks {
        // A report is made anew when its policy is another one, and not when an exception is.
        metadata = json!({ "annotations": { scan::EXCEPTIONS: scope.excepted } });
    }
    object(
        API,
        "ValidatingPolicy",
        "",
        &name(rule, scope.tier, scope.half),
        json!({ "metadata": metadata, "spec": spec }),
    )
}

/// What a policy is called.
fn name(rule: &Rule, tier: Tier, half: Half) -> String {
    match half {
        Half::Looks => format!("{}-{}", scan::NAME, rule.name),
        Half::Whole | Half::Refuses => format!("{}-{}", tier.text(), rule.name),
    }
}

/// The exceptions, one object each.
pub(super) fn exceptions(exceptions: &[Exception]) -> Vec<Json> {
    exceptions
        .iter()
        .map(|exception| {
            let judged = RULES.iter().filter(|r| exception.rules.iter().any(|n| n == r.name));
            let halves: &[Half] = match exception.tier {
                Tier::Apps => &[Half::Whole],
                Tier::Platform => &[Half::Looks, Half::Refuses],
            };
            let references: Vec<Json> = judged
                .flat_map(|rule| halves.iter().map(|half| name(rule, exception.tier, *half)))
                .map(|name| json!({ "kind": "ValidatingPolicy", "name": name }))
                .collect();
            let labels: Vec<String> = exception
                .labels
                .iter()
                .map(|(key, value)| {
                    let [key, value] = [key, value].map(|t| rules::list(std::slice::from_ref(t)));
                    format!(
                        "object.metadata.?labels[?{}].orValue('') == {}",
                        key.trim_matches(['[', ']']),
                        value.trim_matches(['[', ']'])
                    )
                })
                .collect();
            let conditions: Vec<String> = std::iter::once(format!("object.metadata.namespace == '{}'", exception.namespace))
                .chain(labels)
                .collect();
            let body = json!({
                "metadata": { "annotations": { "infra/reason": exception.reason } },
                "spec": {
                    "policyRefs": references,
                    "matchConditions": [{ "name": "this-workload", "expression": conditions.join(" && ") }],
                },
            });
            object(API, "PolicyException", NAMESPACE, &exception.name, body)
        })
        .collect()
}

/// What a policy waits for: that it judges.
pub(super) fn ready() -> Wait {
    Wait::default().field("status.conditionStatus.ready", "^true$")
}
