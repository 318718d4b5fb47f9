//! DaemonSets: a pod on every node that takes one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::{self, Resource};
use super::super::store::Session;
use super::super::value::{canonical, list, set, text};
use super::pod::fits;
use super::{delete, is_deleting, is_over, is_ready, make_pod, pods_of};

const REVISION: &str = "controller-revision-hash";

pub(super) fn reconcile(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    let kind = kinds::known("", "pods");
    let revision = super::super::hash(&canonical(&object["spec"]["template"]));
    // Pods of daemons stay on nodes that take nothing else.
    let mut probe = json!({ "spec": object["spec"]["template"]["spec"] });
    tolerate(&mut probe);
    let nodes: Vec<String> = session
        .all("", "nodes")
        .iter()
        .filter(|node| fits(&probe, node, true))
        .map(|node| text(node, "/metadata/name").to_owned())
        .collect();
    let name = text(object, "/metadata/name").to_owned();
    let mut covered: Vec<String> = Vec::new();
    let mut unready = 0;
    let mut outdated: Vec<Arc<Value>> = Vec::new();
    for pod in pods_of(session, object) {
        let node = text(&pod, "/spec/nodeName").to_owned();
        if is_deleting(&pod) {
            unready += 1;
            covered.push(node);
            continue;
        }
        if !nodes.contains(&node) || covered.contains(&node) || is_over(&pod) {
            delete(session, &kind, &pod);
            continue;
        }
        covered.push(node);
        if pod["metadata"]["labels"][REVISION] != revision.as_str() {
            outdated.push(pod);
        } else if !is_ready(&pod) {
            unready += 1;
        }
    }
    for node in &nodes {
        if covered.contains(node) {
            continue;
        }
        let pod = format!("{name}-{}", session.suffix(5));
        let made = make_pod(session, object, &pod, |pod| {
            set(
                pod,
                &format!("metadata/labels/{REVISION}"),
                revision.as_str(),
            );
            set(pod, "spec/nodeName", node.as_str());
            tolerate(pod);
        });
        if !made {
            break;
        }
        unready += 1;
    }
    let rolling = object["spec"]["updateStrategy"]["type"] == "RollingUpdate";
    if rolling
        && unready == 0
        && let Some(pod) = outdated.first()
    {
        delete(session, &kind, pod);
    }
    status(session, resource, id, nodes.len(), &revision);
}

fn tolerate(pod: &mut Value) {
    let mut tolerations = list(pod, "/spec/tolerations").to_vec();
    for (key, effect) in [
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ] {
        tolerations.push(json!({ "key": key, "operator": "Exists", "effect": effect }));
    }
    set(pod, "spec/tolerations", tolerations);
}

fn status(session: &mut Session<'_>, resource: &Resource, id: &str, wanted: usize, revision: &str) {
    let Some(old) = session.get(id) else { return };
    let pods: Vec<Arc<Value>> = pods_of(session, &old)
        .into_iter()
        .filter(|pod| !is_deleting(pod))
        .collect();
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let updated = pods
        .iter()
        .filter(|pod| pod["metadata"]["labels"][REVISION] == revision)
        .count();
    let mut new = Value::clone(&old);
    set(
        &mut new,
        "status",
        json!({
            "observedGeneration": old["metadata"]["generation"],
            "desiredNumberScheduled": wanted,
            "currentNumberScheduled": pods.len(),
            "updatedNumberScheduled": updated,
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "numberUnavailable": wanted.saturating_sub(ready),
        }),
    );
    session.update(resource, &old, new);
}
