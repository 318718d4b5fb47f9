//! The controllers of a cluster: each looks at one object and moves it on, until there is nothing to do. They run in
//! the transaction of the request that gives them work, and when the time of what waits has come.

mod bootstrap;
mod budget;
mod cluster;
mod daemon_set;
mod deployment;
mod garbage;
mod job;
mod namespace;
mod operators;
mod pod;
mod replica_set;
mod service;
mod stateful_set;
mod storage;

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::{self, Resource};
use super::store::Session;
use super::value::{condition, is_deleting, list, set, text};

/// Steps in one request; more than that is two controllers that undo each other's work.
const STEPS: usize = 200_000;

/// Brings a cluster up to now.
pub(super) fn settle(session: &mut Session<'_>) {
    bootstrap::ensure(session);
    session.take_due();
    run(session);
}

/// Lets controllers work until there is nothing to do.
pub(super) fn run(session: &mut Session<'_>) {
    let client = std::mem::replace(&mut session.client, false);
    for _ in 0..STEPS {
        let Some(id) = session.dequeue() else { break };
        reconcile(session, &id);
    }
    session.client = client;
}

fn reconcile(session: &mut Session<'_>, id: &str) {
    let Some(object) = session.get(id) else {
        return;
    };
    let Some(resource) = session.resource_of(id) else {
        return;
    };
    if garbage::collect(session, &resource, id, &object) {
        return;
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") => namespace::reconcile(session, &resource, &object),
        ("", "Node") => cluster::node(session),
        ("", "Pod") => pod::reconcile(session, &resource, id, &object),
        ("", "Service") => service::reconcile(session, &resource, id, &object),
        ("", "PersistentVolumeClaim") => storage::claim(session, &resource, id, &object),
        ("storage.k8s.io", "StorageClass") => storage::classes(session),
        ("", "ResourceQuota") => budget::quota(session, &resource, &object),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("batch", "Job") => {
            workload(session, &resource, id, &object);
        }
        ("batch", "CronJob") => job::cron(session, &resource, id, &object),
        ("policy", "PodDisruptionBudget") => budget::disruption(session, &resource, &object),
        ("autoscaling", _) => budget::autoscaler(session, &resource, &object),
        ("apiextensions.k8s.io", _) => namespace::definition(session, &resource, id, &object),
        ("apiregistration.k8s.io", _) => cluster::api_service(session, &resource, &object),
        _ => operators::reconcile(session, &resource, id, &object),
    }
}

/// Lets what makes pods work, unless it is being deleted; its owners hear of it either way.
fn workload(session: &mut Session<'_>, resource: &Resource, id: &str, object: &Arc<Value>) {
    owners(session, object);
    if is_deleting(object) {
        return;
    }
    match resource.kind.as_str() {
        "Deployment" => deployment::reconcile(session, resource, object),
        "ReplicaSet" => replica_set::reconcile(session, resource, id, object),
        "StatefulSet" => stateful_set::reconcile(session, resource, id, object),
        "DaemonSet" => daemon_set::reconcile(session, resource, id, object),
        _ => job::reconcile(session, resource, id, object),
    }
}

/// What must be looked at when an object has gone.
pub(super) fn gone(session: &mut Session<'_>, id: &str, old: &Value) {
    session.clear_timers(id);
    for (dependent, _) in session.dependents(text(old, "/metadata/uid")) {
        session.enqueue(&dependent);
    }
    owners(session, old);
    let namespace = text(old, "/metadata/namespace");
    if !namespace.is_empty() {
        let place = kinds::id("", "namespaces", "", namespace);
        let terminating = session
            .get(&place)
            .is_some_and(|found| text(&found, "/status/phase") == "Terminating");
        if terminating {
            session.enqueue(&place);
        }
        budget::changed(session, namespace);
    }
    if text(old, "/kind") == "Pod" {
        pod::changed(session, old);
        storage::released(session, old);
    }
    if id.starts_with("/services/") {
        service::gone(session, old);
    }
    operators::gone(session, id, old);
}

/// Queues the owners of an object.
fn owners(session: &mut Session<'_>, object: &Value) {
    let namespace = text(object, "/metadata/namespace");
    for owner in list(object, "/metadata/ownerReferences") {
        let found = session.resource_of_kind(text(owner, "/apiVersion"), text(owner, "/kind"));
        if let Some(resource) = found {
            let namespace = if resource.namespaced { namespace } else { "" };
            session.enqueue(&resource.id(namespace, text(owner, "/name")));
        }
    }
}

/// The reference to an owner that controls.
fn owner_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// Sets a condition; its time changes only with its status.
fn set_condition(
    object: &mut Value,
    kind: &str,
    status: bool,
    reason: &str,
    message: &str,
    now: &str,
) {
    let word = if status { "True" } else { "False" };
    let mut conditions = list(object, "/status/conditions").to_vec();
    let before = conditions.iter().position(|one| one["type"] == kind);
    let changed = match before.map(|at| text(&conditions[at], "/status") == word) {
        Some(true) => conditions[before.unwrap_or_default()]["lastTransitionTime"].clone(),
        _ => json!(now),
    };
    let mut new = json!({ "type": kind, "status": word, "lastTransitionTime": changed });
    if !reason.is_empty() {
        new["reason"] = reason.into();
    }
    if !message.is_empty() {
        new["message"] = message.into();
    }
    match before {
        Some(at) => {
            // Members that others keep in it stay.
            for (name, value) in new.as_object().into_iter().flatten() {
                conditions[at][name.as_str()] = value.clone();
            }
        }
        None => conditions.push(new),
    }
    set(object, "status/conditions", conditions);
}

/// Takes a condition away.
fn clear_condition(object: &mut Value, kind: &str) {
    if let Some(conditions) = object
        .pointer_mut("/status/conditions")
        .and_then(Value::as_array_mut)
    {
        conditions.retain(|one| one["type"] != kind);
    }
}

/// Tells what happened, as an Event.
fn event(session: &mut Session<'_>, object: &Value, warning: bool, reason: &str, message: &str) {
    let namespace = match text(object, "/metadata/namespace") {
        "" => "default",
        namespace => namespace,
    };
    let name = text(object, "/metadata/name");
    let digest = super::hash(&format!(
        "{reason}{message}{}",
        text(object, "/metadata/uid")
    ));
    let id = format!("{name}.{digest}");
    let resource = kinds::known("", "events");
    let now = session.time();
    if let Some(old) = session.get(&resource.id(namespace, &id)) {
        let mut new = Value::clone(&old);
        if text(&old, "/lastTimestamp") != now {
            set(&mut new, "count", old["count"].as_i64().unwrap_or(0) + 1);
            set(&mut new, "lastTimestamp", now);
        }
        session.update(&resource, &old, new);
        return;
    }
    if super::admission::namespace(session, &resource, namespace, &id).is_err() {
        return;
    }
    let value = json!({
        "metadata": { "name": id, "namespace": namespace },
        "involvedObject": {
            "apiVersion": object["apiVersion"], "kind": object["kind"], "name": name,
            "namespace": namespace, "uid": object["metadata"]["uid"],
        },
        "reason": reason,
        "message": message,
        "type": if warning { "Warning" } else { "Normal" },
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": { "component": "sandbox" },
    });
    session.make(&resource, value);
}

/// The pods that an owner controls, those that are over too.
fn pods_of(session: &Session<'_>, owner: &Value) -> Vec<Arc<Value>> {
    let dependents = session.dependents(text(owner, "/metadata/uid")).into_iter();
    dependents
        .filter(|(id, _)| id.starts_with("/pods/"))
        .map(|(_, pod)| pod)
        .collect()
}

/// Makes a pod of a template for an owner, through what a client's pod goes through.
fn make_pod(
    session: &mut Session<'_>,
    owner: &Value,
    name: &str,
    change: impl FnOnce(&mut Value),
) -> bool {
    let template = &owner["spec"]["template"];
    let mut pod = json!({
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": template["spec"],
    });
    for member in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(member) {
            set(&mut pod, &format!("metadata/{member}"), value.clone());
        }
    }
    change(&mut pod);
    match super::admission::admit(session, &mut pod) {
        Ok(()) => {
            let resource = kinds::known("", "pods");
            session.make(&resource, pod).is_some()
        }
        Err(error) => {
            let message = format!("Error creating: {}", error.message);
            event(session, owner, true, "FailedCreate", &message);
            // As the real controllers, it tries again after a while.
            let id =
                match session.resource_of_kind(text(owner, "/apiVersion"), text(owner, "/kind")) {
                    Some(resource) => resource.id(
                        text(owner, "/metadata/namespace"),
                        text(owner, "/metadata/name"),
                    ),
                    None => return false,
                };
            let at = session.now + 1000;
            session.wake_at(at, &id);
            false
        }
    }
}

/// Deletes an object as a controller does.
fn delete(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    super::delete::begin(session, resource, object, "Background", None);
}

/// Whether a pod is ready.
fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready") == "True" && !is_deleting(pod)
}

/// Whether a pod is over.
fn is_over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// A number, or a percentage of a total: rounded down, or up where 99 are added to the hundreds.
fn share(value: &Value, total: i64, add: i64) -> i64 {
    match value {
        Value::String(text) => text
            .strip_suffix('%')
            .and_then(|text| text.parse::<i64>().ok())
            .map_or(0, |percent| (total * percent + add) / 100),
        value => value.as_i64().unwrap_or(0),
    }
}
