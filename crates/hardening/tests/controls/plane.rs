//! What controls make, judged by a real API server with the definitions of all systems installed: strictly, field by field.

use crate::alternatives::{all, objects};
use crate::kube::{ControlPlane, upstream_crds};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A control plane with the definitions of all systems; none, with a word about it, where it cannot be had.
pub(crate) fn with_definitions(test: &str) -> Option<ControlPlane> {
    let crds = upstream_crds(test)?;
    let plane = ControlPlane::start(test)?;
    let projects: Vec<String> = std::fs::read_dir(&crds)
        .expect("definitions")
        .flatten()
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    let projects: Vec<&str> = projects.iter().map(String::as_str).collect();
    plane.install_crds(&crds, &projects);
    // Nothing converts here: the versions that are sent are judged as they are.
    let defined = plane.kubectl(&["get", "crds", "-o", "json"]);
    let defined: Json = serde_json::from_str(&defined.stdout).expect("a list");
    let converted = defined["items"].as_array().into_iter().flatten();
    for crd in converted.filter(|c| c["spec"]["conversion"]["strategy"] == "Webhook") {
        let name = crd["metadata"]["name"].as_str().expect("a name");
        let none = r#"{"spec":{"conversion":{"strategy":"None","webhook":null}}}"#;
        plane
            .kubectl(&["patch", "crd", name, "--type=merge", "-p", none])
            .done();
    }
    Some(plane)
}

#[test]
fn a_real_server_accepts_every_object_of_every_control() {
    let test = "a_real_server_accepts_every_object_of_every_control";
    let Some(plane) = with_definitions(test) else {
        return;
    };

    let mut seen = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    let mut accepted = 0;
    for (name, expansion) in all() {
        let mut objects = objects(&expansion);
        let templates: Vec<Json> = objects
            .iter()
            .filter(|o| o["kind"] == "ConstraintTemplate")
            .map(constraint)
            .collect();
        if !templates.is_empty() {
            plane.apply(&list(&templates)).done();
            plane
                .kubectl(&[
                    "wait",
                    "crd",
                    "--all",
                    "--for=condition=Established",
                    "--timeout=60s",
                ])
                .done();
        }
        let namespaces: Vec<Json> = objects
            .iter()
            .filter(|o| o["kind"] == "Namespace")
            .cloned()
            .collect();
        plane.apply(&list(&namespaces)).done();
        objects.retain(|object| {
            // Elastic's definitions are under a licence of its own, and not among those of the tests.
            let group = object["apiVersion"].as_str().unwrap_or_default();
            if group.contains("k8s.elastic.co") {
                unknown.insert(object["kind"].to_string());
                return false;
            }
            object["kind"] != "Namespace" && seen.insert(object.to_string())
        });
        accepted += objects.len();
        // Nothing is kept, so that the choices do not meet each other; everything is judged.
        let answer = plane.kubectl_with(
            &[
                "apply",
                "--server-side",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                "-",
            ],
            &list(&objects),
        );
        assert!(answer.ok, "{name}:\n{}", answer.stderr);
    }
    assert!(accepted > 300, "{accepted} objects");
    assert_eq!(unknown.len(), 3, "{unknown:?}");
}

pub(crate) fn list(items: &[Json]) -> String {
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

/// What Gatekeeper makes of a template: the definition of a kind of constraint.
fn constraint(template: &Json) -> Json {
    let kind = template["spec"]["crd"]["spec"]["names"]["kind"]
        .as_str()
        .expect("a kind");
    let plural = kind.to_lowercase();
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let spec = json!({ "type": "object", "properties": {
        "enforcementAction": { "type": "string" },
        "match": any,
        "parameters": template["spec"]["crd"]["spec"]["validation"]["openAPIV3Schema"],
    } });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.constraints.gatekeeper.sh") },
        "spec": {
            "group": "constraints.gatekeeper.sh",
            "scope": "Cluster",
            "names": { "kind": kind, "plural": plural, "singular": plural, "listKind": format!("{kind}List") },
            "versions": [{
                "name": "v1beta1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec, "status": any } } },
            }],
        },
    })
}
