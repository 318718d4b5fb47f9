//! Argo CD and Crossplane.

use serde_json::{Value, json};

use super::super::super::kinds;
use super::super::super::store::Session;
use super::super::super::value::{default, list, set, text};
use super::{Case, condition, ready, say};

/// Applications are seen, and no more: the sandbox reads no repository, and says of none that the cluster is as it says. Whoever
/// brings one to the cluster says so.
pub(super) fn argo(session: &mut Session<'_>, case: &Case<'_>) {
    match case.kind() {
        "Application" => {
            let now = session.time();
            ready(session, case, &[], |new| {
                default(new, "status/sync/status", "Unknown");
                default(new, "status/health/status", "Missing");
                default(new, "status/reconciledAt", now.as_str());
            });
        }
        "ApplicationSet" => say(session, case, |new, now, _| {
            for (kind, status) in [
                ("ErrorOccurred", false),
                ("ParametersGenerated", true),
                ("ResourcesUpToDate", true),
            ] {
                condition(new, kind, status, kind, "", now, &Value::Null);
            }
        }),
        _ => {}
    }
}

/// Packages are installed; definitions of composite resources become custom resource definitions.
pub(super) fn crossplane(session: &mut Session<'_>, case: &Case<'_>) {
    match case.kind() {
        "Provider" | "Function" | "Configuration" => {
            ready(session, case, &["Installed", "Healthy"], |new| {
                let package = text(new, "/spec/package").to_owned();
                set(new, "status/resolvedPackage", package.as_str());
                set(new, "status/currentIdentifier", package);
            });
        }
        "CompositeResourceDefinition" => {
            composite(session, case.object);
            ready(session, case, &["Established", "Offered"], |_| {});
        }
        "DeploymentRuntimeConfig"
        | "Composition"
        | "EnvironmentConfig"
        | "ImageConfig"
        | "Lock" => {}
        _ => ready(session, case, &["Synced", "Ready"], |_| {}),
    }
}

fn composite(session: &mut Session<'_>, object: &Value) {
    let versions: Vec<Value> = list(object, "/spec/versions")
        .iter()
        .map(|version| {
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            if !schema.is_object() {
                schema = json!({ "type": "object" });
            }
            // What every composite resource has besides.
            set(&mut schema, "properties/spec/type", "object");
            set(&mut schema, "properties/spec/properties/crossplane", json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }));
            set(&mut schema, "properties/status/type", "object");
            set(&mut schema, "properties/status/x-kubernetes-preserve-unknown-fields", true);
            json!({
                "name": version["name"], "served": version["served"], "storage": version["referenceable"],
                "schema": { "openAPIV3Schema": schema }, "subresources": { "status": {} },
            })
        })
        .collect();
    let scope = match text(object, "/spec/scope") {
        "Namespaced" => "Namespaced",
        _ => "Cluster",
    };
    let resource = kinds::known("apiextensions.k8s.io", "customresourcedefinitions");
    let mut names = object["spec"]["names"].clone();
    names["categories"] = json!(["composite"]);
    session.make(
        &resource,
        json!({
            "metadata": { "name": object["metadata"]["name"], "ownerReferences": [super::owner_reference(object)] },
            "spec": { "group": object["spec"]["group"], "names": names, "scope": scope, "versions": versions },
        }),
    );
}
