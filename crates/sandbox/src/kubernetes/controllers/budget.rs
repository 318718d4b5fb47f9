//! What is counted: quotas, disruption budgets, autoscalers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::admission::quota::used;
use super::super::kinds::{self, Resource};
use super::super::quantity;
use super::super::selector::Selector;
use super::super::store::Session;
use super::super::value::{members, number, set, text};
use super::deployment::scale;
use super::{is_over, is_ready, set_condition, share};

/// Queues the quotas of a namespace.
pub(super) fn changed(session: &mut Session<'_>, namespace: &str) {
    for quota in session.of("", "resourcequotas", namespace) {
        let name = text(&quota, "/metadata/name");
        session.enqueue(&kinds::id("", "resourcequotas", namespace, name));
    }
}

/// Shows what is used of a quota.
pub(super) fn quota(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let sums = used(session, object);
    let mut new = Value::clone(object);
    set(&mut new, "status/hard", object["spec"]["hard"].clone());
    let mut shown = json!({});
    for (name, _) in members(object, "/spec/hard") {
        let amount = sums.get(name).copied().unwrap_or(0);
        shown[name.as_str()] = quantity::write(amount).into();
    }
    set(&mut new, "status/used", shown);
    session.update(resource, object, new);
}

/// Shows how many pods may be disrupted.
pub(super) fn disruption(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let namespace = text(object, "/metadata/namespace");
    let selector = Selector::of(&object["spec"]["selector"]);
    let pods: Vec<Arc<Value>> = session
        .of("", "pods", namespace)
        .into_iter()
        .filter(|pod| selector.matches_labels(&pod["metadata"]["labels"]) && !is_over(pod))
        .collect();
    let total = i64::try_from(pods.len()).unwrap_or(0);
    let healthy = i64::try_from(pods.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(0);
    let needed = match (
        &object["spec"]["minAvailable"],
        &object["spec"]["maxUnavailable"],
    ) {
        (Value::Null, Value::Null) => total - 1,
        (Value::Null, most) => total - share(most, total, 99),
        (least, _) => share(least, total, 99),
    }
    .max(0);
    let allowed = (healthy - needed).max(0);
    let now = session.time();
    let mut new = Value::clone(object);
    for (member, count) in [
        ("currentHealthy", healthy),
        ("desiredHealthy", needed),
        ("expectedPods", total),
        ("disruptionsAllowed", allowed),
        (
            "observedGeneration",
            number(object, "/metadata/generation").unwrap_or(1),
        ),
    ] {
        set(&mut new, &format!("status/{member}"), count);
    }
    let (good, reason) = if allowed > 0 {
        (true, "SufficientPods")
    } else {
        (false, "InsufficientPods")
    };
    set_condition(&mut new, "DisruptionAllowed", good, reason, "", &now);
    session.update(resource, object, new);
}

/// Nothing uses anything here: an autoscaler keeps its target within its bounds.
pub(super) fn autoscaler(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let now = session.time();
    let namespace = text(object, "/metadata/namespace").to_owned();
    let target = &object["spec"]["scaleTargetRef"];
    let kind = session.resource_of_kind(text(target, "/apiVersion"), text(target, "/kind"));
    let found = kind.and_then(|kind| {
        let id = kind.id(&namespace, text(target, "/name"));
        Some((session.get(&id)?, kind))
    });
    let mut new = Value::clone(object);
    match found {
        Some((found, kind)) => {
            let replicas = number(&found, "/spec/replicas").unwrap_or(1);
            let least = number(object, "/spec/minReplicas").unwrap_or(1);
            let most = number(object, "/spec/maxReplicas").unwrap_or(1);
            let wanted = replicas.clamp(least, most.max(least));
            if wanted != replicas {
                scale(session, &kind, &found, wanted);
            }
            set(&mut new, "status/currentReplicas", replicas);
            set(&mut new, "status/desiredReplicas", wanted);
            set_condition(
                &mut new,
                "AbleToScale",
                true,
                "ReadyForNewScale",
                "recommended size matches current size",
                &now,
            );
            set_condition(
                &mut new,
                "ScalingActive",
                true,
                "ValidMetricFound",
                "the sandbox reports no load",
                &now,
            );
        }
        None => {
            set(&mut new, "status/desiredReplicas", 0);
            set_condition(
                &mut new,
                "AbleToScale",
                false,
                "FailedGetScale",
                "the target was not found",
                &now,
            );
        }
    }
    session.update(resource, object, new);
}
