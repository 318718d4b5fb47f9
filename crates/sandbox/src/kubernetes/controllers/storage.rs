//! Claims and volumes: bound at once, or when a pod that mounts them has a node.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::admission::{self, PROTECTION};
use super::super::kinds::{self, Resource};
use super::super::store::Session;
use super::super::value::{list, set, text};
use super::pod::claim_of;
use super::{is_deleting, is_over, owner_reference};

/// Makes a claim as a controller does.
pub(super) fn make_claim(session: &mut Session<'_>, kind: &Resource, mut claim: Value) {
    admission::claim(session, &mut claim);
    session.make(kind, claim);
}

/// The claim of a volume that lives as long as its pod.
pub(super) fn ephemeral(session: &mut Session<'_>, pod: &Value, volume: &Value, name: &str) {
    let kind = kinds::known("", "persistentvolumeclaims");
    let namespace = text(pod, "/metadata/namespace");
    if session.get(&kind.id(namespace, name)).is_some() {
        return;
    }
    let template = &volume["ephemeral"]["volumeClaimTemplate"];
    let mut claim = json!({
        "metadata": { "name": name, "namespace": namespace, "ownerReferences": [owner_reference(pod)] },
        "spec": template["spec"],
    });
    if let Some(labels) = template["metadata"].get("labels") {
        set(&mut claim, "metadata/labels", labels.clone());
    }
    make_claim(session, &kind, claim);
}

/// The pods that mount a claim.
fn users(session: &Session<'_>, namespace: &str, claim: &str) -> Vec<Arc<Value>> {
    session
        .of("", "pods", namespace)
        .into_iter()
        .filter(|pod| {
            !is_over(pod)
                && list(pod, "/spec/volumes")
                    .iter()
                    .any(|volume| claim_of(pod, volume) == claim)
        })
        .collect()
}

/// Looks at the claims of a pod that has gone.
pub(super) fn released(session: &mut Session<'_>, pod: &Value) {
    let namespace = text(pod, "/metadata/namespace");
    for volume in list(pod, "/spec/volumes") {
        let claim = claim_of(pod, volume);
        if !claim.is_empty() {
            session.enqueue(&kinds::id("", "persistentvolumeclaims", namespace, &claim));
        }
    }
}

pub(super) fn claim(session: &mut Session<'_>, resource: &Resource, id: &str, object: &Arc<Value>) {
    let namespace = text(object, "/metadata/namespace").to_owned();
    let name = text(object, "/metadata/name").to_owned();
    let users = users(session, &namespace, &name);
    if is_deleting(object) {
        if users.is_empty() {
            session.let_go(resource, id, PROTECTION);
            if let Some(left) = session.get(id)
                && list(&left, "/metadata/finalizers").is_empty()
            {
                release(session, object);
                session.erase(&resource.table(), id);
            }
        }
        return;
    }
    if text(object, "/status/phase") == "Bound" {
        return grow(session, resource, object);
    }
    // A claim that was made before there was a class for those that name none has it then.
    if object["spec"]["storageClassName"].is_null()
        && text(object, "/spec/volumeName").is_empty()
        && let Some(usual) = admission::usual_class(session)
    {
        let mut new = Value::clone(object);
        set(&mut new, "spec/storageClassName", usual);
        session.update(resource, object, new);
        return session.enqueue(id);
    }
    let class_name = text(object, "/spec/storageClassName");
    let Some(class) = session.find("storage.k8s.io", "storageclasses", "", class_name) else {
        return bind_existing(session, resource, object);
    };
    let waits = text(&class, "/volumeBindingMode") == "WaitForFirstConsumer";
    let placed = users
        .iter()
        .any(|pod| !text(pod, "/spec/nodeName").is_empty());
    if waits && !placed {
        return;
    }
    let kind = kinds::known("", "persistentvolumes");
    let volume = format!("pvc-{}", text(object, "/metadata/uid"));
    session.make(
        &kind,
        json!({
            "metadata": { "name": volume, "annotations": { "pv.kubernetes.io/provisioned-by": class["provisioner"] } },
            "spec": {
                "capacity": { "storage": object["spec"]["resources"]["requests"]["storage"] },
                "accessModes": object["spec"]["accessModes"],
                "storageClassName": class_name,
                "persistentVolumeReclaimPolicy": class["reclaimPolicy"],
                "volumeMode": object["spec"]["volumeMode"],
                "csi": { "driver": class["provisioner"], "volumeHandle": volume },
                "claimRef": {
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": name,
                    "uid": object["metadata"]["uid"],
                },
            },
            "status": { "phase": "Bound" },
        }),
    );
    bind(session, resource, object, &volume);
    for pod in users {
        session.enqueue(&kinds::id(
            "",
            "pods",
            &namespace,
            text(&pod, "/metadata/name"),
        ));
    }
}

/// Lets claims that wait look again at what classes there are.
pub(super) fn classes(session: &mut Session<'_>) {
    for claim in session.all("", "persistentvolumeclaims") {
        if text(&claim, "/status/phase") != "Bound" {
            let place = text(&claim, "/metadata/namespace");
            let name = text(&claim, "/metadata/name");
            session.enqueue(&kinds::id("", "persistentvolumeclaims", place, name));
        }
    }
}

/// Binds a claim to a volume that somebody has made for it.
fn bind_existing(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let kind = kinds::known("", "persistentvolumes");
    let class = text(object, "/spec/storageClassName");
    let wanted = text(object, "/spec/volumeName");
    let found = session
        .all("", "persistentvolumes")
        .into_iter()
        .find(|volume| {
            let free = volume["spec"]["claimRef"].is_null();
            free && (text(volume, "/metadata/name") == wanted
                || wanted.is_empty() && text(volume, "/spec/storageClassName") == class)
        });
    let Some(volume) = found else { return };
    let mut new = Value::clone(&volume);
    set(
        &mut new,
        "spec/claimRef",
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": object["metadata"]["namespace"],
            "name": object["metadata"]["name"], "uid": object["metadata"]["uid"],
        }),
    );
    set(&mut new, "status/phase", "Bound");
    session.update(&kind, &volume, new);
    bind(session, resource, object, text(&volume, "/metadata/name"));
}

fn bind(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>, volume: &str) {
    let mut new = Value::clone(object);
    set(&mut new, "spec/volumeName", volume);
    set(
        &mut new,
        "metadata/annotations/pv.kubernetes.io~1bind-completed",
        "yes",
    );
    set(&mut new, "status/phase", "Bound");
    set(
        &mut new,
        "status/accessModes",
        object["spec"]["accessModes"].clone(),
    );
    let size = object["spec"]["resources"]["requests"]["storage"].clone();
    set(&mut new, "status/capacity/storage", size);
    session.update(resource, object, new);
}

/// A bound claim that asks for more gets it.
fn grow(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let asked = &object["spec"]["resources"]["requests"]["storage"];
    if *asked == object["status"]["capacity"]["storage"] {
        return;
    }
    let mut new = Value::clone(object);
    set(&mut new, "status/capacity/storage", asked.clone());
    session.update(resource, object, new);
    let kind = kinds::known("", "persistentvolumes");
    let id = kind.id("", text(object, "/spec/volumeName"));
    if let Some(volume) = session.get(&id) {
        let mut new = Value::clone(&volume);
        set(&mut new, "spec/capacity/storage", asked.clone());
        session.update(&kind, &volume, new);
    }
}

/// A volume whose claim has gone: kept or not, as its policy says.
fn release(session: &mut Session<'_>, claim: &Value) {
    let kind = kinds::known("", "persistentvolumes");
    let id = kind.id("", text(claim, "/spec/volumeName"));
    let Some(volume) = session.get(&id) else {
        return;
    };
    if text(&volume, "/spec/persistentVolumeReclaimPolicy") == "Delete" {
        session.erase(&kind.table(), &id);
        return;
    }
    let mut new = Value::clone(&volume);
    set(&mut new, "status/phase", "Released");
    session.update(&kind, &volume, new);
}
