//! Garbage collection: what has owners goes when all of them are gone, before its owner in a foreground deletion, and
//! not at all when it is orphaned.

use std::sync::Arc;

use serde_json::Value;

use super::super::kinds::Resource;
use super::super::store::Session;
use super::super::value::{list, remove, set, text};
use super::{delete, is_deleting};

/// Looks at an object's owners and at its own deletion; whether it has gone.
pub(super) fn collect(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) -> bool {
    let owners = list(object, "/metadata/ownerReferences");
    if !owners.is_empty() && !is_deleting(object) {
        let live = owners.iter().any(|owner| lives(session, object, owner));
        if !live {
            delete(session, resource, object);
            return true;
        }
    }
    if is_deleting(object) {
        let finalizers = list(object, "/metadata/finalizers");
        if finalizers.iter().any(|name| name == "orphan") {
            orphan(session, object);
            session.let_go(resource, id, "orphan");
        } else if finalizers.iter().any(|name| name == "foregroundDeletion") {
            foreground(session, resource, id, object);
        }
        return finish(session, resource, id);
    }
    false
}

/// Takes away what is being deleted and held by nothing.
fn finish(session: &mut Session<'_>, resource: &Resource, id: &str) -> bool {
    let Some(object) = session.get(id) else {
        return true;
    };
    let held = !list(&object, "/metadata/finalizers").is_empty();
    if held || matches!(resource.kind.as_str(), "Namespace" | "Pod") && resource.group.is_empty() {
        return false;
    }
    session.erase(&resource.table(), id);
    true
}

fn lives(session: &Session<'_>, object: &Value, owner: &Value) -> bool {
    let Some(resource) = session.resource_of_kind(text(owner, "/apiVersion"), text(owner, "/kind"))
    else {
        // Of a kind that is not served nobody can say that it is gone.
        return true;
    };
    let namespace = if resource.namespaced {
        text(object, "/metadata/namespace")
    } else {
        ""
    };
    session
        .get(&resource.id(namespace, text(owner, "/name")))
        .is_some_and(|found| found["metadata"]["uid"] == owner["uid"])
}

fn orphan(session: &mut Session<'_>, object: &Value) {
    let uid = text(object, "/metadata/uid");
    for (id, dependent) in session.dependents(uid) {
        let Some(resource) = session.resource_of(&id) else {
            continue;
        };
        let mut new = Value::clone(&dependent);
        let kept: Vec<Value> = list(&dependent, "/metadata/ownerReferences")
            .iter()
            .filter(|owner| owner["uid"] != uid)
            .cloned()
            .collect();
        if kept.is_empty() {
            remove(&mut new, "metadata/ownerReferences");
        } else {
            set(&mut new, "metadata/ownerReferences", kept);
        }
        session.update(&resource, &dependent, new);
    }
}

fn foreground(session: &mut Session<'_>, resource: &Resource, id: &str, object: &Value) {
    let uid = text(object, "/metadata/uid");
    let mut waiting = false;
    for (dependent_id, dependent) in session.dependents(uid) {
        let blocks = list(&dependent, "/metadata/ownerReferences")
            .iter()
            .any(|owner| owner["uid"] == uid && owner["blockOwnerDeletion"] == true);
        waiting |= blocks;
        if !is_deleting(&dependent)
            && let Some(kind) = session.resource_of(&dependent_id)
        {
            super::super::delete::begin(session, &kind, &dependent, "Foreground", None);
        }
    }
    let left = session.dependents(uid).iter().any(|(_, dependent)| {
        list(dependent, "/metadata/ownerReferences")
            .iter()
            .any(|owner| owner["uid"] == uid && owner["blockOwnerDeletion"] == true)
    });
    if !(waiting && left) {
        session.let_go(resource, id, "foregroundDeletion");
    }
}
