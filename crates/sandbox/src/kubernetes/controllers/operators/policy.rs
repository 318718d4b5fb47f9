//! Kyverno and Gatekeeper: policies are ready; what they would refuse is not judged here.

use serde_json::{Value, json};

use super::super::super::kinds;
use super::super::super::store::Session;
use super::super::super::value::{set, text};
use super::{Case, ready};

/// Kyverno's names.
pub(super) const KYVERNO: &[&str] = &[
    "kyverno-admission-controller",
    "admission-controller",
    "kyverno",
];

pub(super) fn reconcile(session: &mut Session<'_>, case: &Case<'_>) {
    match (case.resource.group.as_str(), case.kind()) {
        ("policies.kyverno.io", _) => ready(session, case, &[], |new| {
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
        }),
        ("kyverno.io", "ClusterPolicy" | "Policy") => ready(session, case, &["Ready"], |new| {
            set(new, "status/ready", true);
        }),
        ("templates.gatekeeper.sh", _) => template(session, case),
        ("constraints.gatekeeper.sh", _) => {
            let now = session.time();
            ready(session, case, &[], |new| {
                let generation = new["metadata"]["generation"].clone();
                let uid = new["metadata"]["uid"].clone();
                let pod = json!({
                    "id": "gatekeeper-controller-manager", "enforced": true, "operations": ["webhook"],
                    "constraintUID": uid, "observedGeneration": generation,
                });
                set(new, "status/byPod", json!([pod]));
                super::super::super::value::default(new, "status/auditTimestamp", now.as_str());
                set(new, "status/totalViolations", 0);
            });
        }
        _ => ready(session, case, &["Ready"], |_| {}),
    }
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
