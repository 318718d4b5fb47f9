//! StatefulSets: pods with numbers, one after the other, each with claims of its own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::{self, Resource};
use super::super::store::Session;
use super::super::value::{canonical, list, number, set, text};
use super::{delete, is_deleting, is_ready, make_pod, owner_reference, pods_of};

const REVISION: &str = "controller-revision-hash";

pub(super) fn reconcile(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    let name = text(object, "/metadata/name").to_owned();
    let namespace = text(object, "/metadata/namespace").to_owned();
    let wanted = number(object, "/spec/replicas").unwrap_or(1).max(0);
    let start = number(object, "/spec/ordinals/start").unwrap_or(0);
    let ordered = object["spec"]["podManagementPolicy"] != "Parallel";
    let digest = super::super::hash(&canonical(&object["spec"]["template"]));
    let revision = format!("{name}-{digest}");
    history(session, object, &revision);
    let kind = kinds::known("", "pods");
    let mut all_ready = true;
    for ordinal in start..start + wanted {
        let pod_name = format!("{name}-{ordinal}");
        match session.get(&kind.id(&namespace, &pod_name)) {
            Some(pod) if is_ready(&pod) => {}
            Some(_) => {
                all_ready = false;
                if ordered {
                    break;
                }
            }
            None => {
                all_ready = false;
                claims(session, object, &pod_name);
                let made = make_pod(session, object, &pod_name, |pod| {
                    dress(pod, object, ordinal, &revision);
                });
                if !made || ordered {
                    break;
                }
            }
        }
    }
    let mut surplus: Vec<(i64, Arc<Value>)> = Vec::new();
    let mut old_pods: Vec<(i64, Arc<Value>)> = Vec::new();
    for pod in pods_of(session, object) {
        let ordinal = text(&pod, "/metadata/name")
            .rsplit('-')
            .next()
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or(-1);
        if is_deleting(&pod) {
            continue;
        }
        if !(start..start + wanted).contains(&ordinal) {
            surplus.push((ordinal, pod));
        } else if pod["metadata"]["labels"][REVISION] != revision.as_str() {
            old_pods.push((ordinal, pod));
        }
    }
    surplus.sort_by_key(|(ordinal, _)| -ordinal);
    for (_, pod) in surplus.iter().take(if ordered { 1 } else { usize::MAX }) {
        delete(session, &kind, pod);
    }
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    let rolling = object["spec"]["updateStrategy"]["type"] == "RollingUpdate";
    old_pods.sort_by_key(|(ordinal, _)| -ordinal);
    if rolling
        && (all_ready || old_pods.iter().any(|(_, pod)| !is_ready(pod)))
        && let Some((_, pod)) = old_pods.iter().find(|(ordinal, _)| *ordinal >= partition)
    {
        delete(session, &kind, pod);
    }
    status(session, resource, id, &revision);
}

fn dress(pod: &mut Value, object: &Value, ordinal: i64, revision: &str) {
    let name = text(pod, "/metadata/name").to_owned();
    set(pod, &format!("metadata/labels/{REVISION}"), revision);
    set(
        pod,
        "metadata/labels/statefulset.kubernetes.io~1pod-name",
        name.as_str(),
    );
    set(
        pod,
        "metadata/labels/apps.kubernetes.io~1pod-index",
        ordinal.to_string(),
    );
    set(pod, "spec/hostname", name.as_str());
    if let Some(service) = object["spec"]["serviceName"].as_str() {
        set(pod, "spec/subdomain", service);
    }
    let mut volumes = list(pod, "/spec/volumes").to_vec();
    for template in list(object, "/spec/volumeClaimTemplates") {
        let claim = text(template, "/metadata/name");
        volumes.retain(|volume| volume["name"] != claim);
        volumes.push(json!({
            "name": claim,
            "persistentVolumeClaim": { "claimName": format!("{claim}-{name}") },
        }));
    }
    if !volumes.is_empty() {
        set(pod, "spec/volumes", volumes);
    }
}

fn claims(session: &mut Session<'_>, object: &Value, pod: &str) {
    let kind = kinds::known("", "persistentvolumeclaims");
    for template in list(object, "/spec/volumeClaimTemplates") {
        let mut claim = template.clone();
        let name = format!("{}-{pod}", text(template, "/metadata/name"));
        set(&mut claim, "metadata/name", name);
        set(
            &mut claim,
            "metadata/namespace",
            object["metadata"]["namespace"].clone(),
        );
        for (key, value) in super::super::value::members(object, "/spec/selector/matchLabels") {
            set(
                &mut claim,
                &format!("metadata/labels/{}", key.replace('/', "~1")),
                value.clone(),
            );
        }
        if object["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete" {
            set(
                &mut claim,
                "metadata/ownerReferences",
                json!([owner_reference(object)]),
            );
        }
        super::storage::make_claim(session, &kind, claim);
    }
}

/// The history of templates.
fn history(session: &mut Session<'_>, object: &Value, revision: &str) {
    let kind = kinds::known("apps", "controllerrevisions");
    let namespace = text(object, "/metadata/namespace");
    if session.get(&kind.id(namespace, revision)).is_some() {
        return;
    }
    let number = session
        .dependents(text(object, "/metadata/uid"))
        .iter()
        .filter_map(|(_, one)| one["revision"].as_i64())
        .max()
        .unwrap_or(0);
    session.make(
        &kind,
        json!({
            "metadata": {
                "name": revision, "namespace": namespace,
                "labels": object["spec"]["template"]["metadata"]["labels"],
                "ownerReferences": [owner_reference(object)],
            },
            "data": { "spec": { "template": object["spec"]["template"] } },
            "revision": number + 1,
        }),
    );
}

fn status(session: &mut Session<'_>, resource: &Resource, id: &str, revision: &str) {
    let Some(old) = session.get(id) else { return };
    let pods: Vec<Arc<Value>> = pods_of(session, &old)
        .into_iter()
        .filter(|pod| !is_deleting(pod))
        .collect();
    let updated = pods
        .iter()
        .filter(|pod| pod["metadata"]["labels"][REVISION] == revision)
        .count();
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let current = if updated == pods.len() {
        revision.to_owned()
    } else {
        match text(&old, "/status/currentRevision") {
            "" => revision.to_owned(),
            before => before.to_owned(),
        }
    };
    let mut new = Value::clone(&old);
    set(
        &mut new,
        "status",
        json!({
            "observedGeneration": old["metadata"]["generation"],
            "replicas": pods.len(),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": pods.iter().filter(|pod| pod["metadata"]["labels"][REVISION] == current.as_str()).count(),
            "updatedReplicas": updated,
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        }),
    );
    session.update(resource, &old, new);
    let namespace = text(&old, "/metadata/namespace").to_owned();
    super::operators::rolled_out(session, &namespace, text(&old, "/metadata/name"));
}
