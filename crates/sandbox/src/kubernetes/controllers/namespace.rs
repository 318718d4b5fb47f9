//! Namespaces and custom resource definitions: what comes with them, and what goes before them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::{self, Resource};
use super::super::store::Session;
use super::super::value::{hold, list, set, text};
use super::{delete, is_deleting, set_condition};

/// A namespace: an account and the cluster's certificate in it; emptied first when it goes.
pub(super) fn reconcile(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let name = text(object, "/metadata/name").to_owned();
    if is_deleting(object) {
        return empty(session, resource, &name);
    }
    let accounts = kinds::known("", "serviceaccounts");
    session.make(
        &accounts,
        json!({ "metadata": { "name": "default", "namespace": name } }),
    );
    let (_, pem) = super::super::tls::authority(session.tx().identity());
    let configs = kinds::known("", "configmaps");
    session.make(
        &configs,
        json!({
            "metadata": { "name": "kube-root-ca.crt", "namespace": name },
            "data": { "ca.crt": pem },
        }),
    );
}

/// Every resource that has namespaces.
fn namespaced(session: &Session<'_>) -> Vec<Arc<Resource>> {
    let builtin = kinds::builtin()
        .iter()
        .flat_map(|group| &group.versions)
        .flat_map(|(_, resources)| resources);
    let mut all: Vec<Arc<Resource>> = builtin
        .filter(|resource| resource.namespaced)
        .cloned()
        .collect();
    for definition in session.definitions() {
        all.extend(
            definition
                .resources
                .first()
                .filter(|resource| resource.namespaced)
                .cloned(),
        );
    }
    all
}

fn empty(session: &mut Session<'_>, resource: &Resource, name: &str) {
    let mut left: Vec<(String, usize)> = Vec::new();
    let mut held: Vec<String> = Vec::new();
    for kind in namespaced(session) {
        let prefix = format!("{}{name}/", kind.table());
        for item in session.list(&prefix) {
            if !is_deleting(&item) {
                delete(session, &kind, &item);
            }
        }
        let rest = session.list(&prefix);
        if !rest.is_empty() {
            left.push((
                super::super::error::qualified(&kind.plural, &kind.group),
                rest.len(),
            ));
            for item in rest {
                held.extend(
                    list(&item, "/metadata/finalizers")
                        .iter()
                        .filter_map(|finalizer| finalizer.as_str().map(str::to_owned)),
                );
            }
        }
    }
    let id = resource.id("", name);
    let Some(old) = session.get(&id) else { return };
    if left.is_empty() {
        let mut new = Value::clone(&old);
        if list(&old, "/spec/finalizers") == [json!("kubernetes")] {
            set(&mut new, "spec/finalizers", json!([]));
        }
        if list(&new, "/spec/finalizers").is_empty()
            && list(&new, "/metadata/finalizers").is_empty()
        {
            session.erase(&resource.table(), &id);
        } else {
            session.update(resource, &old, new);
        }
        return;
    }
    let now = session.time();
    let mut new = Value::clone(&old);
    let said: Vec<String> = left
        .iter()
        .map(|(kind, count)| format!("{kind}. has {count} resource instances"))
        .collect();
    let message = format!("Some resources are remaining: {}", said.join(", "));
    set_condition(
        &mut new,
        "NamespaceContentRemaining",
        true,
        "SomeResourcesRemain",
        &message,
        &now,
    );
    held.sort();
    held.dedup();
    let message = format!(
        "Some content in the namespace has finalizers remaining: {}",
        held.join(", ")
    );
    set_condition(
        &mut new,
        "NamespaceFinalizersRemaining",
        !held.is_empty(),
        if held.is_empty() {
            "ContentHasNoFinalizers"
        } else {
            "SomeFinalizersRemain"
        },
        if held.is_empty() { "" } else { &message },
        &now,
    );
    session.update(resource, &old, new);
}

/// A custom resource definition: its names accepted, then established; its resources gone before it.
pub(super) fn definition(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
    let (group, plural) = (
        text(object, "/spec/group"),
        text(object, "/spec/names/plural"),
    );
    if is_deleting(object) {
        let prefix = format!("{group}/{plural}/");
        let kind = session.resource_of(&prefix);
        if let Some(kind) = kind {
            for item in session.list(&prefix) {
                if !is_deleting(&item) {
                    delete(session, &kind, &item);
                }
            }
        }
        if session.list(&prefix).is_empty() {
            session.let_go(resource, id, CLEANUP);
        }
        return;
    }
    let now = session.time();
    let mut new = Value::clone(object);
    hold(&mut new, CLEANUP);
    let conflict = taken(session, object);
    let names = object["spec"]["names"].clone();
    match conflict {
        Some(message) => {
            set_condition(
                &mut new,
                "NamesAccepted",
                false,
                "NamesConflict",
                &message,
                &now,
            );
            set_condition(
                &mut new,
                "Established",
                false,
                "NotAccepted",
                "not all names are accepted",
                &now,
            );
            super::super::value::default(
                &mut new,
                "status/acceptedNames",
                json!({ "plural": "", "kind": "" }),
            );
        }
        None => {
            set(&mut new, "status/acceptedNames", names);
            set_condition(
                &mut new,
                "NamesAccepted",
                true,
                "NoConflicts",
                "no conflicts found",
                &now,
            );
            set_condition(
                &mut new,
                "Established",
                true,
                "InitialNamesAccepted",
                "the initial names have been accepted",
                &now,
            );
        }
    }
    let stored = list(object, "/spec/versions")
        .iter()
        .find(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .unwrap_or_default();
    let mut versions = list(object, "/status/storedVersions").to_vec();
    if !versions.contains(&stored) {
        versions.push(stored);
    }
    set(&mut new, "status/storedVersions", versions);
    if session.update(resource, object, new) {
        super::operators::defined(session, group);
    }
}

/// Whether another definition of the group has one of the names.
fn taken(session: &Session<'_>, object: &Value) -> Option<String> {
    let names = &object["spec"]["names"];
    for other in session.all("apiextensions.k8s.io", "customresourcedefinitions") {
        if other["metadata"]["name"] == object["metadata"]["name"]
            || other["spec"]["group"] != object["spec"]["group"]
        {
            continue;
        }
        let accepted = &other["status"]["acceptedNames"];
        for member in ["kind", "singular", "listKind"] {
            let name = text(names, &format!("/{member}"));
            if !name.is_empty() && accepted[member] == name {
                return Some(format!("{name:?} is already in use"));
            }
        }
    }
    None
}
