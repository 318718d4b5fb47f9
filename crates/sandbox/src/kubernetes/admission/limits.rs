//! LimitRanges: what containers get that ask for nothing, and what they may ask for.

use serde_json::Value;

use super::super::error::{ApiError, ApiResult};
use super::super::quantity;
use super::super::store::Session;
use super::super::value::{list, members, object, text};

/// Gives containers the defaults of their namespace.
pub(super) fn fill(session: &Session<'_>, pod: &mut Value) {
    let namespace = text(pod, "/metadata/namespace").to_owned();
    for range in session.of("", "limitranges", &namespace) {
        for limit in list(&range, "/spec/limits") {
            if text(limit, "/type") != "Container" {
                continue;
            }
            for kind in ["initContainers", "containers"] {
                let containers = pod["spec"].get_mut(kind).and_then(Value::as_array_mut);
                for container in containers.into_iter().flatten() {
                    for (from, to) in [("default", "limits"), ("defaultRequest", "requests")] {
                        for (name, amount) in members(limit, &format!("/{from}")) {
                            let resources = &mut container["resources"];
                            if resources[to].get(name).is_none() {
                                object(resources, to).insert(name.clone(), amount.clone());
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The sum of what a pod's containers ask for, in thousandths.
pub(super) fn total(pod: &Value, part: &str, name: &str) -> i128 {
    let sum = |kind: &str| -> i128 {
        list(pod, &format!("/spec/{kind}"))
            .iter()
            .filter_map(|container| quantity::read(&container["resources"][part][name]))
            .sum()
    };
    let most = list(pod, "/spec/initContainers")
        .iter()
        .filter_map(|container| quantity::read(&container["resources"][part][name]))
        .max()
        .unwrap_or(0);
    sum("containers").max(most)
}

/// Refuses pods that ask for more or less than is allowed.
pub(super) fn check(session: &Session<'_>, pod: &Value) -> ApiResult<()> {
    let namespace = text(pod, "/metadata/namespace");
    let mut wrong = Vec::new();
    for range in session.of("", "limitranges", namespace) {
        for limit in list(&range, "/spec/limits") {
            match text(limit, "/type") {
                "Container" => {
                    for container in list(pod, "/spec/containers") {
                        let amount = |part: &str, name: &str| {
                            quantity::read(&container["resources"][part][name])
                        };
                        bounds(limit, "Container", &amount, &mut wrong);
                    }
                }
                "Pod" => {
                    let amount = |part: &str, name: &str| Some(total(pod, part, name));
                    bounds(limit, "Pod", &amount, &mut wrong);
                }
                _ => {}
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let detail = match wrong.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    let name = text(pod, "/metadata/name");
    Err(ApiError::forbidden("", "pods", name, &detail))
}

fn bounds(
    limit: &Value,
    kind: &str,
    amount: &dyn Fn(&str, &str) -> Option<i128>,
    wrong: &mut Vec<String>,
) {
    for (name, most) in members(limit, "/max") {
        let shown = most.as_str().unwrap_or_default();
        let Some(allowed) = quantity::read(most) else {
            continue;
        };
        match amount("limits", name) {
            None | Some(0) => wrong.push(format!(
                "maximum {name} usage per {kind} is {shown}.  No limit is specified"
            )),
            Some(asked) if asked > allowed => wrong.push(format!(
                "maximum {name} usage per {kind} is {shown}, but limit is {}",
                quantity::write(asked)
            )),
            Some(_) => {}
        }
    }
    for (name, least) in members(limit, "/min") {
        let shown = least.as_str().unwrap_or_default();
        let Some(needed) = quantity::read(least) else {
            continue;
        };
        match amount("requests", name) {
            None | Some(0) => wrong.push(format!(
                "minimum {name} usage per {kind} is {shown}.  No request is specified"
            )),
            Some(asked) if asked < needed => wrong.push(format!(
                "minimum {name} usage per {kind} is {shown}, but request is {}",
                quantity::write(asked)
            )),
            Some(_) => {}
        }
    }
}
