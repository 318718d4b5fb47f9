//! The rules as constraints of Gatekeeper's, judged by its engine for the Common Expression Language.

use super::exceptions::Exception;
use super::rules::{self, RULES, Rule};
use super::{Half, Scope, scan};
use crate::flow::{Peer, Pods, Port};
use crate::inside::{Inside, Release};
use crate::node::Wait;
use crate::objects::{admission, object, resources};
use serde_json::{Value as Json, json};

/// Where it stands.
pub(super) const NAMESPACE: &str = "gatekeeper-system";
const TEMPLATES: &str = "templates.gatekeeper.sh/v1";
const CONSTRAINTS: &str = "constraints.gatekeeper.sh/v1beta1";
/// The label by which a namespace is not judged, whatever is in it: the chart writes that into its webhook.
const IGNORE: &str = "admission.gatekeeper.sh/ignore";

/// The engine; its address.
pub(super) fn install(inside: &mut Inside<'_>, exempt: &[String]) -> String {
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("gatekeeper");
    for (name, webhook) in [("controller-manager", true), ("audit-controller", false)] {
        let pods = Pods::of(NAMESPACE, name, &[("control-plane", name)]);
        inside.calls_api(&pods);
        inside.scrape(&pods, 8888, "/metrics");
        if webhook {
            inside.called_by_api(&pods, 8443);
        }
    }
    for object in nobody_ignores(exempt) {
        inside.object(object);
    }
    // The chart's hooks talk to the API; one of them waits for the webhook.
    let hooks = Pods::of(
        NAMESPACE,
        "hooks",
        &[("app.kubernetes.io/name", "gatekeeper")],
    );
    inside.calls_api(&hooks);
    let manager = Pods::of(
        NAMESPACE,
        "controller-manager",
        &[("control-plane", "controller-manager")],
    );
    inside.allow(Peer::Pods(hooks), Peer::Pods(manager), &[Port::tcp(8443)]);
    inside.release(Release {
        chart: "gatekeeper",
        namespace: NAMESPACE,
        values: values(exempt),
        serves: &[
            "templates.gatekeeper.sh",
            "constraints.gatekeeper.sh",
            "config.gatekeeper.sh",
        ],
        provides: &[
            "Deployment/gatekeeper-controller-manager",
            "Deployment/gatekeeper-audit",
        ],
        ..Release::default()
    })
}

fn values(exempt: &[String]) -> Json {
    let small = resources(["10m", "32Mi"], ["100m", "128Mi"]);
    // Its default image names have no host, which rules about registries refuse.
    let image = |repository: &str| format!("docker.io/openpolicyagent/{repository}");
    json!({
        "replicas": 3,
        "image": { "repository": image("gatekeeper"), "crdRepository": image("gatekeeper-crds") },
        // The chart's default lets everything in while it is not there.
        "validatingWebhookFailurePolicy": "Fail",
        "validatingWebhookTimeoutSeconds": 5,
        "validatingWebhookAnnotations": { "admissions.enforcer/disabled": "true" },
        // It is asked about nothing that a cluster needs to run, and to bring it back: not about the system's namespaces, of which
        // `exemptNamespaces` only says that they may say so themselves, and of others about what rules are for.
        "validatingWebhookExemptNamespacesLabels": { "kubernetes.io/metadata.name": exempt },
        "validatingWebhookCustomRules": judged(),
        // Namespaces, the system's too: what it asks there is asked by the API server itself (see `nobody_ignores`).
        "validatingWebhookCheckIgnoreFailurePolicy": "Ignore",
        "disableMutation": true,
        "logDenies": true,
        "emitAdmissionEvents": true,
        "upgradeCRDs": { "enabled": false },
        "controllerManager": {
            "exemptNamespaces": exempt,
            "priorityClassName": "system-cluster-critical",
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": { "matchLabels": { "control-plane": "controller-manager" } },
            }],
            "resources": resources(["100m", "256Mi"], ["1", "512Mi"]),
        },
        "pdb": { "controllerManager": { "minAvailable": 1 } },
        "audit": {
            "priorityClassName": "system-cluster-critical",
            "resources": resources(["100m", "256Mi"], ["1", "768Mi"]),
        },
        "postInstall": { "labelNamespace": { "enabled": false }, "probeWebhook": { "enabled": false }, "resources": small },
        "postUpgrade": { "labelNamespace": { "enabled": false }, "resources": small },
        "preUninstall": { "deleteWebhookConfigurations": { "enabled": true, "image": { "repository": image("gatekeeper-crds") } }, "resources": small },
        "crds": { "resources": small },
    })
}

/// What the webhook is asked about: pods, and Gatekeeper's own objects, which it checks before they do harm
/// (`validateGatekeeperResources` of its `pkg/webhook/policy.go`). Nothing of either is what nodes or controllers live by.
fn judged() -> Json {
    let rule = |groups: &[&str], resources: &[&str], scope: &str| {
        json!({
            "apiGroups": groups, "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"],
            "resources": resources, "scope": scope,
        })
    };
    let pods = ["pods", "pods/ephemeralcontainers", "pods/resize"];
    let own = [
        "templates.gatekeeper.sh",
        "constraints.gatekeeper.sh",
        "config.gatekeeper.sh",
        "expansion.gatekeeper.sh",
        "externaldata.gatekeeper.sh",
    ];
    json!([rule(&[""], &pods, "Namespaced"), rule(&own, &["*"], "*")])
}

/// Nobody takes a namespace out of Gatekeeper's sight by a label. The API server judges that by itself, so that it holds while
/// Gatekeeper is not there, and namespaces can be written then.
fn nobody_ignores(exempt: &[String]) -> [Json; 2] {
    const NAME: &str = "gatekeeper-no-ignored-namespaces";
    let policy = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": { "matchExpressions": [{
                "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": exempt,
            }] },
            "resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["namespaces"],
            }],
        },
        "validations": [{
            "expression": format!("!('{IGNORE}' in object.metadata.?labels.orValue({{}}))"),
            "message": format!("a namespace must not have the label {IGNORE}: its pods would not be judged"),
        }],
    });
    admission(NAME, policy, None)
}

/// The templates: one kind of constraint for each rule.
pub(super) fn templates() -> Vec<Json> {
    RULES.iter().map(template).collect()
}

fn template(rule: &Rule) -> Json {
    let parameters = if rule.name == rules::REGISTRIES {
        json!({ "type": "object", "properties": {
            "registries": { "type": "array", "items": { "type": "string" } },
        } })
    } else {
        json!({ "type": "object" })
    };
    let source = json!({
        "failurePolicy": "Fail",
        "matchCondition": [{ "name": "changes-what-runs", "expression": rules::CHANGES }],
        "variables": rules::variables(rule, "variables.params.registries"),
        "validations": [rules::validation(rule)],
    });
    let spec = json!({
        "crd": { "spec": {
            "names": { "kind": rule.kind },
            "validation": { "openAPIV3Schema": parameters },
        } },
        "targets": [{
            "target": "admission.k8s.gatekeeper.sh",
            "code": [{ "engine": "K8sNativeValidation", "source": source }],
        }],
    });
    let name = rule.kind.to_lowercase();
    let annotations = json!({ "annotations": { "description": rule.message } });
    object(
        TEMPLATES,
        "ConstraintTemplate",
        "",
        &name,
        json!({ "metadata": annotations, "spec": spec }),
    )
}

/// The rules for some namespaces.
pub(super) fn constraints(scope: &Scope, exceptions: &[Exception]) -> Vec<Json> {
    let rules = scope.rules();
    rules
        .map(|rule| constraint(rule, scope, exceptions))
        .collect()
}

fn constraint(rule: &Rule, scope: &Scope, exceptions: &[Exception]) -> Json {
    let excepted: Vec<Json> = exceptions
        .iter()
        .filter(|e| e.tier == scope.tier && e.rules.iter().any(|r| r == rule.name))
        .flat_map(|e| &e.labels)
        .map(|(key, value)| json!({ "key": key, "operator": "NotIn", "values": [value] }))
        .collect();
    let mut matching = json!({
        "kinds": [{ "apiGroups": [""], "kinds": ["Pod"] }],
        "scope": "Namespaced",
        "namespaceSelector": scope.selector(),
    });
    if !excepted.is_empty() {
        matching["labelSelector"] = json!({ "matchExpressions": excepted });
    }
    let action = if scope.refuses() { "deny" } else { "dryrun" };
    let mut spec = json!({ "enforcementAction": action, "match": matching });
    if rule.name == rules::REGISTRIES {
        spec["parameters"] = json!({ "registries": scope.registries });
    }
    object(
        CONSTRAINTS,
        rule.kind,
        "",
        name(scope),
        json!({ "spec": spec }),
    )
}

/// What constraints for some namespaces are called.
fn name(scope: &Scope) -> &'static str {
    match scope.half {
        Half::Looks => scan::NAME,
        Half::Whole | Half::Refuses => scope.tier.text(),
    }
}

/// What a template waits for: that its kind of constraint exists.
pub(super) fn ready() -> Wait {
    Wait::default().field("status.created", "^true$")
}
