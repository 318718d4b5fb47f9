//! ReplicaSets: as many pods as are wanted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::kinds::{self, Resource};
use super::super::store::Session;
use super::super::value::{set, text};
use super::{
    clear_condition, delete, is_deleting, is_over, is_ready, make_pod, pods_of, set_condition,
};

pub(super) fn reconcile(
    session: &mut Session<'_>,
    resource: &Resource,
    id: &str,
    object: &Arc<Value>,
) {
    let wanted = usize::try_from(object["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    let name = text(object, "/metadata/name").to_owned();
    let pods = kinds::known("", "pods");
    let live = |session: &Session<'_>| -> Vec<Arc<Value>> {
        pods_of(session, object)
            .into_iter()
            .filter(|pod| !is_deleting(pod) && !is_over(pod))
            .collect()
    };
    let mut there = live(session);
    let mut failed = false;
    for _ in there.len()..wanted {
        let pod = format!("{name}-{}", session.suffix(5));
        let stem = format!("{name}-");
        let made = make_pod(session, object, &pod, |pod| {
            set(pod, "metadata/generateName", stem);
        });
        if !made {
            failed = true;
            break;
        }
    }
    if there.len() < wanted {
        there = live(session);
    } else if there.len() > wanted {
        // Those that are not ready go first.
        there.sort_by_key(|pod| is_ready(pod));
        let surplus = there.len() - wanted;
        for pod in there.iter().take(surplus) {
            delete(session, &pods, pod);
        }
        there = live(session);
    }
    let Some(old) = session.get(id) else { return };
    let ready = there.iter().filter(|pod| is_ready(pod)).count();
    let mut new = Value::clone(&old);
    let mut status = json!({
        "replicas": there.len(),
        "fullyLabeledReplicas": there.len(),
        "observedGeneration": old["metadata"]["generation"],
    });
    if ready > 0 {
        status["readyReplicas"] = ready.into();
        status["availableReplicas"] = ready.into();
    }
    if let Some(conditions) = old["status"].get("conditions") {
        status["conditions"] = conditions.clone();
    }
    set(&mut new, "status", status);
    let now = session.time();
    if failed {
        let message = "pods could not be created; its events say why";
        set_condition(
            &mut new,
            "ReplicaFailure",
            true,
            "FailedCreate",
            message,
            &now,
        );
    } else {
        clear_condition(&mut new, "ReplicaFailure");
    }
    session.update(resource, &old, new);
}
