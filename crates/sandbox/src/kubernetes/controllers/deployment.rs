//! Deployments: a ReplicaSet for each template, the new one grown before the old ones go, or after.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::{self, Resource};
use super::super::store::Session;
use super::super::value::{canonical, number, remove, same, set, text};
use super::{
    clear_condition, condition, delete, is_deleting, owner_reference, set_condition, share,
};

const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

/// The sets that a deployment controls.
fn sets(session: &Session<'_>, object: &Value) -> Vec<Arc<Value>> {
    session
        .dependents(text(object, "/metadata/uid"))
        .into_iter()
        .filter(|(id, _)| id.starts_with("apps/replicasets/"))
        .map(|(_, set)| set)
        .filter(|set| !is_deleting(set))
        .collect()
}

fn revision(object: &Value) -> i64 {
    object["metadata"]["annotations"][REVISION]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// The template of a set without the label that tells sets apart.
fn template(set: &Value) -> Value {
    let mut template = set["spec"]["template"].clone();
    remove(&mut template, &format!("metadata/labels/{HASH}"));
    template
}

pub(super) fn reconcile(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let kind = kinds::known("apps", "replicasets");
    let all = sets(session, object);
    let wanted = &object["spec"]["template"];
    let newest = all.iter().map(|set| revision(set)).max().unwrap_or(0);
    let current = all.iter().find(|set| same(&template(set), wanted)).cloned();
    let paused = object["spec"]["paused"] == true;
    let replicas = number(object, "/spec/replicas").unwrap_or(1);
    let current = match current {
        Some(found) => {
            if revision(&found) < newest {
                let mut new = Value::clone(&found);
                let next = (newest + 1).to_string();
                set(&mut new, &annotation(), next);
                session.update(&kind, &found, new);
            }
            found
        }
        None if paused => return status(session, resource, object, None),
        None => {
            let made = make(session, &kind, object, newest + 1, replicas);
            let Some(made) = made else { return };
            made
        }
    };
    let name = text(&current, "/metadata/name").to_owned();
    let recreate = object["spec"]["strategy"]["type"] == "Recreate";
    let others: Vec<Arc<Value>> = all
        .iter()
        .filter(|set| set["metadata"]["name"] != name.as_str())
        .cloned()
        .collect();
    if !paused {
        let left: i64 = others
            .iter()
            .filter_map(|set| number(set, "/status/replicas"))
            .sum();
        let ready = number(&current, "/status/readyReplicas").unwrap_or(0);
        if recreate {
            scale_all(session, &kind, &others, 0);
            if left == 0 {
                scale(session, &kind, &current, replicas);
            }
        } else {
            scale(session, &kind, &current, replicas);
            if ready >= replicas {
                scale_all(session, &kind, &others, 0);
            }
        }
        clean(session, &kind, object, &others);
    }
    let current = session.find(
        "apps",
        "replicasets",
        text(object, "/metadata/namespace"),
        &name,
    );
    status(session, resource, object, current.as_ref());
}

fn annotation() -> String {
    format!("metadata/annotations/{}", REVISION.replace('/', "~1"))
}

fn make(
    session: &mut Session<'_>,
    kind: &Resource,
    object: &Value,
    revision: i64,
    replicas: i64,
) -> Option<Arc<Value>> {
    let wanted = &object["spec"]["template"];
    let digest = super::super::hash(&canonical(wanted));
    let name = format!("{}-{digest}", text(object, "/metadata/name"));
    let recreate = object["spec"]["strategy"]["type"] == "Recreate";
    let mut value = json!({
        "metadata": {
            "name": name,
            "namespace": object["metadata"]["namespace"],
            "labels": wanted["metadata"]["labels"],
            "annotations": { REVISION: revision.to_string() },
            "ownerReferences": [owner_reference(object)],
        },
        "spec": {
            "replicas": if recreate { 0 } else { replicas },
            "selector": object["spec"]["selector"],
            "template": wanted,
        },
    });
    for path in [
        "metadata/labels",
        "spec/selector/matchLabels",
        "spec/template/metadata/labels",
    ] {
        set(&mut value, &format!("{path}/{HASH}"), digest.as_str());
    }
    session.make(kind, value)
}

/// Asks for another number of replicas.
pub(super) fn scale(session: &mut Session<'_>, kind: &Resource, old: &Arc<Value>, replicas: i64) {
    let id = kind.id(
        text(old, "/metadata/namespace"),
        text(old, "/metadata/name"),
    );
    let Some(old) = session.get(&id) else { return };
    if number(&old, "/spec/replicas") == Some(replicas) {
        return;
    }
    let mut new = Value::clone(&old);
    set(&mut new, "spec/replicas", replicas);
    let generation = number(&old, "/metadata/generation").unwrap_or(1);
    set(&mut new, "metadata/generation", generation + 1);
    session.update(kind, &old, new);
}

fn scale_all(session: &mut Session<'_>, kind: &Resource, sets: &[Arc<Value>], replicas: i64) {
    for set in sets {
        scale(session, kind, set, replicas);
    }
}

/// Old sets beyond the limit go.
fn clean(session: &mut Session<'_>, kind: &Resource, object: &Value, others: &[Arc<Value>]) {
    let limit =
        usize::try_from(number(object, "/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or(10);
    let mut over: Vec<&Arc<Value>> = others
        .iter()
        .filter(|set| {
            number(set, "/spec/replicas") == Some(0) && number(set, "/status/replicas") == Some(0)
        })
        .collect();
    over.sort_by_key(|set| revision(set));
    let surplus = over.len().saturating_sub(limit);
    for set in over.into_iter().take(surplus) {
        delete(session, kind, set);
    }
}

fn status(
    session: &mut Session<'_>,
    resource: &Resource,
    object: &Value,
    current: Option<&Arc<Value>>,
) {
    let id = resource.id(
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    );
    let Some(old) = session.get(&id) else { return };
    let all = sets(session, &old);
    let sum = |pointer: &str| -> i64 { all.iter().filter_map(|set| number(set, pointer)).sum() };
    let wanted = number(&old, "/spec/replicas").unwrap_or(1);
    let total = sum("/status/replicas");
    let ready = sum("/status/readyReplicas");
    let updated = current
        .and_then(|set| number(set, "/status/replicas"))
        .unwrap_or(0);
    let mut new = Value::clone(&old);
    let mut status = json!({ "observedGeneration": old["metadata"]["generation"] });
    for (member, count) in [
        ("replicas", total),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", ready),
        ("unavailableReplicas", (wanted.max(total) - ready).max(0)),
    ] {
        if count != 0 {
            status[member] = count.into();
        }
    }
    if let Some(conditions) = old["status"].get("conditions") {
        status["conditions"] = conditions.clone();
    }
    set(&mut new, "status", status);
    if let Some(current) = current {
        set(&mut new, &annotation(), revision(current).to_string());
    }
    let now = session.time();
    let name = text(&old, "/metadata/name");
    let most = &old["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"];
    let least = wanted - share(most, wanted, 0);
    let available = ready >= least.max(0) && (ready > 0 || wanted == 0);
    let (reason, message) = if available {
        (
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        (
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    set_condition(&mut new, "Available", available, reason, message, &now);
    let done = updated >= wanted && ready >= wanted && total == updated;
    let set_name = current.map_or("", |set| text(set, "/metadata/name"));
    let failed = current.is_some_and(|set| condition(set, "ReplicaFailure") == "True");
    if done {
        let message = format!("ReplicaSet {set_name:?} has successfully progressed.");
        set_condition(
            &mut new,
            "Progressing",
            true,
            "NewReplicaSetAvailable",
            &message,
            &now,
        );
    } else {
        let message = format!("ReplicaSet {set_name:?} is progressing.");
        set_condition(
            &mut new,
            "Progressing",
            true,
            "ReplicaSetUpdated",
            &message,
            &now,
        );
    }
    if failed {
        set_condition(
            &mut new,
            "ReplicaFailure",
            true,
            "FailedCreate",
            "pods could not be created; the events of its ReplicaSet say why",
            &now,
        );
    } else {
        clear_condition(&mut new, "ReplicaFailure");
    }
    session.update(resource, &old, new);
    let namespace = text(&old, "/metadata/namespace").to_owned();
    super::operators::rolled_out(session, &namespace, name);
}
