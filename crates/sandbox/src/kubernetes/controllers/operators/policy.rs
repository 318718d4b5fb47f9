//! Kyverno and Gatekeeper: policies are ready, and each pod that they are for is reported. What a rule means is not known here: a
//! pod keeps all of them, but for those that it says it breaks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::kinds;
use super::super::super::selector::Selector;
use super::super::super::store::Session;
use super::super::super::value::{is_deleting, list, set, text};
use super::{Case, ready};

/// Kyverno's names.
pub(super) const KYVERNO: &[&str] = &[
    "kyverno-admission-controller",
    "admission-controller",
    "kyverno",
];

/// The annotation of a pod with the names of the rules that it breaks, with commas between. A policy is for a rule when its name, or
/// the kind of a constraint, ends with it.
const BREAKS: &str = "sandbox.infra/breaks";
/// Kyverno's reports: group, version, plural.
const REPORTS: (&str, &str, &str) = ("wgpolicyk8s.io", "v1alpha2", "policyreports");
/// What is judged again when a pod is another one, or an exception.
const JUDGES: [&str; 2] = [
    "policies.kyverno.io/validatingpolicies/",
    "constraints.gatekeeper.sh/",
];

pub(super) fn reconcile(session: &mut Session<'_>, case: &Case<'_>) {
    match (case.resource.group.as_str(), case.kind()) {
        ("policies.kyverno.io", _) => {
            kyverno(session, case);
            match case.kind() {
                "ValidatingPolicy" => report(session, case.object),
                "PolicyException" => pods_changed(session),
                _ => {}
            }
        }
        ("kyverno.io", "ClusterPolicy" | "Policy") => ready(session, case, &["Ready"], |new| {
            set(new, "status/ready", true);
        }),
        ("templates.gatekeeper.sh", _) => template(session, case),
        ("constraints.gatekeeper.sh", _) => audit(session, case),
        _ => ready(session, case, &["Ready"], |_| {}),
    }
}

/// Lets those who judge pods look again.
pub(in super::super) fn pods_changed(session: &mut Session<'_>) {
    for prefix in JUDGES {
        for (id, _) in session.page(prefix, None, usize::MAX) {
            session.enqueue(&id);
        }
    }
}

/// A policy that judges.
fn kyverno(session: &mut Session<'_>, case: &Case<'_>) {
    ready(session, case, &[], |new| {
        let conditions: Vec<Value> = [
            "WebhookConfigured",
            "PolicyCached",
            "RBACPermissionsGranted",
        ]
        .iter()
        .map(|kind| {
            json!({
                "type": kind, "status": "True", "reason": "Succeeded", "message": "",
                "lastTransitionTime": new["metadata"]["creationTimestamp"],
            })
        })
        .collect();
        set(
            new,
            "status/conditionStatus",
            json!({ "ready": true, "message": "", "conditions": conditions }),
        );
    });
}

/// Reports every pod that a policy is for, in the pod's own report.
fn report(session: &mut Session<'_>, policy: &Value) {
    if policy.pointer("/spec/evaluation/background/enabled") == Some(&json!(false)) {
        return;
    }
    let (group, version, _) = REPORTS;
    let Some(resource) = session.resource_of_kind(&format!("{group}/{version}"), "PolicyReport")
    else {
        return;
    };
    let (changed, now) = (changed(policy), session.now / 1000);
    for pod in judged(
        session,
        &policy["spec"]["matchConstraints"]["namespaceSelector"],
    ) {
        let namespace = text(&pod, "/metadata/namespace");
        let (name, uid) = (text(policy, "/metadata/name"), text(&pod, "/metadata/uid"));
        let by = excepted(session, name, &pod);
        let verdict = if !by.is_empty() {
            "skip"
        } else if breaks(&pod, name) {
            "fail"
        } else {
            "pass"
        };
        let old = session.get(&kinds::id(REPORTS.0, REPORTS.2, namespace, uid));
        let mut results = old
            .as_deref()
            .map(|o| list(o, "/results").to_vec())
            .unwrap_or_default();
        let told = results.iter().position(|result| result["policy"] == name);
        if let Some(told) = told.map(|at| &results[at])
            && told["result"] == verdict
            && text(told, "/properties/exceptions") == by
            && told["timestamp"]["seconds"].as_i64() >= Some(changed)
        {
            continue;
        }
        let result = json!({
            "source": "KyvernoValidatingPolicy", "policy": name, "result": verdict, "scored": true,
            "message": policy["spec"]["validations"][0]["message"],
            "timestamp": { "seconds": now, "nanos": 0 },
            "properties": { "process": "background scan", "exceptions": by },
        });
        match told {
            Some(at) => results[at] = result,
            None => results.push(result),
        }
        let mut new = old.as_deref().cloned().unwrap_or_else(|| {
            json!({
                "metadata": {
                    "name": uid, "namespace": namespace, "labels": { "app.kubernetes.io/managed-by": "kyverno" },
                    "ownerReferences": [super::owner_reference(&pod)],
                },
                "scope": {
                    "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod["metadata"]["name"], "uid": uid,
                },
            })
        });
        set(&mut new, "results", results);
        match old {
            Some(old) => {
                session.update(&resource, &old, new);
            }
            None => {
                session.make(&resource, new);
            }
        }
    }
}

/// Audits the pods that a constraint is for, when it or one of them is newer than the last audit.
fn audit(session: &mut Session<'_>, case: &Case<'_>) {
    let matching = &case.object["spec"]["match"];
    let labels = Selector::of(&matching["labelSelector"]);
    let mut pods = judged(session, &matching["namespaceSelector"]);
    pods.retain(|pod| labels.matches_labels(&pod["metadata"]["labels"]));
    let newest = pods
        .iter()
        .map(|pod| text(pod, "/metadata/creationTimestamp").to_owned())
        .max();
    let action = case.object["spec"]["enforcementAction"].clone();
    let broken = pods.iter().filter(|pod| breaks(pod, case.kind())).map(|pod| {
        json!({
            "group": "", "version": "v1", "kind": "Pod", "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"], "message": "the pod says that it breaks this", "enforcementAction": action,
        })
    });
    let broken: Vec<Value> = broken.collect();
    let (now, written) = (session.time(), changed(case.object));
    ready(session, case, &[], |new| {
        let generation = new["metadata"]["generation"].clone();
        let uid = new["metadata"]["uid"].clone();
        let pods = ["webhook", "audit"].map(|operation| {
            json!({
                "id": format!("gatekeeper-{operation}"), "enforced": true, "operations": [operation],
                "constraintUID": uid, "observedGeneration": generation,
            })
        });
        set(new, "status/byPod", json!(pods));
        let last = text(new, "/status/auditTimestamp").to_owned();
        let is_stale = last.is_empty()
            || seconds(&last) < written
            || newest.is_some_and(|made| last < made)
            || list(new, "/status/violations") != broken;
        if is_stale {
            set(new, "status/auditTimestamp", now.as_str());
        }
        set(new, "status/totalViolations", broken.len());
        if broken.is_empty() {
            super::super::super::value::remove(new, "status/violations");
        } else {
            set(new, "status/violations", broken);
        }
    });
}

/// The pods in the namespaces that a selector is for, but for those on their way out.
fn judged(session: &Session<'_>, namespaces: &Value) -> Vec<Arc<Value>> {
    let selector = Selector::of(namespaces);
    let mut out = Vec::new();
    for namespace in session.all("", "namespaces") {
        if selector.matches_labels(&namespace["metadata"]["labels"]) {
            out.extend(session.of("", "pods", text(&namespace, "/metadata/name")));
        }
    }
    out.retain(|pod| !is_deleting(pod));
    out
}

/// Whether a pod says that it breaks the rule that a policy is for.
fn breaks(pod: &Value, policy: &str) -> bool {
    let rules = pod["metadata"]["annotations"][BREAKS].as_str();
    let plain = |name: &str| name.replace('-', "").to_lowercase();
    rules.is_some_and(|rules| {
        let mut rules = rules
            .split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty());
        rules.any(|rule| plain(policy).ends_with(&plain(rule)))
    })
}

/// The exceptions of Kyverno's that are for a pod and a policy, with commas between. Of conditions those are known that compare the
/// namespace or a label with a text, all of which must be so.
fn excepted(session: &Session<'_>, policy: &str, pod: &Value) -> String {
    let holds = |term: &str| {
        let Some((left, right)) = term.split_once(" == ") else {
            return false;
        };
        let wanted = right.trim().trim_matches('\'');
        let left = left.trim();
        if left == "object.metadata.namespace" {
            return text(pod, "/metadata/namespace") == wanted;
        }
        let label = left
            .strip_prefix("object.metadata.?labels[?'")
            .and_then(|rest| rest.strip_suffix("'].orValue('')"));
        label.is_some_and(|label| {
            pod["metadata"]["labels"][label]
                .as_str()
                .unwrap_or_default()
                == wanted
        })
    };
    let is_for = |exception: &&Arc<Value>| {
        let mut conditions = list(exception, "/spec/matchConditions").iter();
        list(exception, "/spec/policyRefs")
            .iter()
            .any(|p| p["name"] == policy)
            && conditions.all(|c| text(c, "/expression").split(" && ").all(holds))
    };
    let all = session.all("policies.kyverno.io", "policyexceptions");
    let names = all.iter().filter(is_for).map(|e| text(e, "/metadata/name"));
    names.collect::<Vec<_>>().join(",")
}

/// When an object was last changed by who writes it, and not its status, in seconds.
fn changed(object: &Value) -> i64 {
    let entries = list(object, "/metadata/managedFields").iter();
    let written = entries.filter(|entry| text(entry, "/subresource").is_empty());
    written
        .map(|entry| text(entry, "/time"))
        .chain([text(object, "/metadata/creationTimestamp")])
        .map(seconds)
        .max()
        .unwrap_or_default()
}

fn seconds(time: &str) -> i64 {
    let parsed = time.parse::<jiff::Timestamp>();
    parsed.map(jiff::Timestamp::as_second).unwrap_or_default()
}

/// A template becomes the definition of its constraints.
fn template(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    let kind = text(object, "/spec/crd/spec/names/kind").to_owned();
    let plural = kind.to_lowercase();
    let mut parameters = object["spec"]["crd"]["spec"]["validation"]["openAPIV3Schema"].clone();
    if !parameters.is_object() {
        parameters = json!({ "type": "object" });
    }
    set(
        &mut parameters,
        "x-kubernetes-preserve-unknown-fields",
        true,
    );
    let free = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let resource = kinds::known("apiextensions.k8s.io", "customresourcedefinitions");
    session.make(
        &resource,
        json!({
            "metadata": {
                "name": format!("{plural}.constraints.gatekeeper.sh"), "ownerReferences": [super::owner_reference(object)],
            },
            "spec": {
                "group": "constraints.gatekeeper.sh", "scope": "Cluster",
                "names": { "kind": kind, "plural": plural, "singular": plural, "categories": ["constraint", "constraints"] },
                "versions": [{
                    "name": "v1beta1", "served": true, "storage": true, "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": { "type": "object", "properties": {
                        "spec": { "type": "object", "properties": {
                            "enforcementAction": { "type": "string" }, "match": free, "parameters": parameters,
                            "scopedEnforcementActions": { "type": "array", "items": free },
                        } },
                        "status": free,
                    } } },
                }],
            },
        }),
    );
    ready(session, case, &[], |new| {
        set(new, "status/created", true);
        let generation = new["metadata"]["generation"].clone();
        set(
            new,
            "status/byPod",
            json!([{ "id": "gatekeeper-controller-manager", "observedGeneration": generation }]),
        );
    });
}
