//! ResourceQuotas: what a namespace uses, and what is refused because it would use more.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::error::{ApiError, ApiResult, qualified};
use super::super::kinds::Resource;
use super::super::quantity;
use super::super::store::Session;
use super::super::value::{list, members, text};
use super::limits::total;

/// What an object uses of a resource that quotas name.
fn usage(resource: &Resource, object: &Value, name: &str) -> i128 {
    let count = |is: bool| if is { 1000 } else { 0 };
    let core = resource.group.is_empty();
    if let Some(counted) = name.strip_prefix("count/") {
        return count(counted == qualified(&resource.plural, &resource.group));
    }
    let kind = if core { resource.kind.as_str() } else { "" };
    match (kind, name) {
        ("Pod", "pods") => count(true),
        ("Pod", "cpu" | "memory" | "ephemeral-storage") => total(object, "requests", name),
        ("Pod", name) => match name.split_once('.') {
            Some((part @ ("requests" | "limits"), name)) => total(object, part, name),
            _ => 0,
        },
        ("Service", "services.loadbalancers") => count(object["spec"]["type"] == "LoadBalancer"),
        ("Service", "services.nodeports") => match text(object, "/spec/type") {
            "NodePort" | "LoadBalancer" => {
                i128::try_from(list(object, "/spec/ports").len()).unwrap_or(0) * 1000
            }
            _ => 0,
        },
        ("PersistentVolumeClaim", "requests.storage") => {
            quantity::read(&object["spec"]["resources"]["requests"]["storage"]).unwrap_or(0)
        }
        (
            "Service"
            | "ConfigMap"
            | "Secret"
            | "PersistentVolumeClaim"
            | "ReplicationController"
            | "ResourceQuota",
            name,
        ) => count(name == resource.plural),
        _ => 0,
    }
}

/// Whether an object counts: pods that are over do not.
fn counts(object: &Value) -> bool {
    !matches!(text(object, "/status/phase"), "Succeeded" | "Failed")
        || text(object, "/kind") != "Pod"
}

/// The kinds that some name of a quota is about.
fn tables(name: &str) -> Vec<(String, String)> {
    let core = |plural: &str| vec![(String::new(), plural.to_owned())];
    if let Some(counted) = name.strip_prefix("count/") {
        let (plural, group) = counted.split_once('.').unwrap_or((counted, ""));
        return vec![(group.to_owned(), plural.to_owned())];
    }
    match name {
        "services.loadbalancers" | "services.nodeports" => core("services"),
        "requests.storage" | "persistentvolumeclaims" => core("persistentvolumeclaims"),
        "services" | "configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas" => {
            core(name)
        }
        _ => core("pods"),
    }
}

/// What a namespace uses of what a quota limits, in thousandths.
pub(in super::super) fn used(session: &Session<'_>, quota: &Value) -> BTreeMap<String, i128> {
    let namespace = text(quota, "/metadata/namespace");
    let mut found = BTreeMap::new();
    for (name, _) in members(quota, "/spec/hard") {
        let mut sum = 0;
        for (group, plural) in tables(name) {
            let prefix = format!("{group}/{plural}/{namespace}/");
            let Some(resource) = session.resource_of(&prefix) else {
                continue;
            };
            for object in session.list(&prefix) {
                if counts(&object) && in_scope(quota, &object) {
                    sum += usage(&resource, &object, name);
                }
            }
        }
        found.insert(name.clone(), sum);
    }
    found
}

/// Whether a quota is about a pod, by the scopes that it has.
fn in_scope(quota: &Value, object: &Value) -> bool {
    let best_effort = || {
        let containers = list(object, "/spec/containers").iter();
        containers.clone().all(|container| {
            members(container, "/resources/requests").count() == 0
                && members(container, "/resources/limits").count() == 0
        })
    };
    let named =
        list(quota, "/spec/scopes")
            .iter()
            .all(|scope| match scope.as_str().unwrap_or_default() {
                "Terminating" => !object["spec"]["activeDeadlineSeconds"].is_null(),
                "NotTerminating" => object["spec"]["activeDeadlineSeconds"].is_null(),
                "BestEffort" => best_effort(),
                "NotBestEffort" => !best_effort(),
                _ => true,
            });
    let selected = list(quota, "/spec/scopeSelector/matchExpressions")
        .iter()
        .all(|expression| {
            if text(expression, "/scopeName") != "PriorityClass" {
                return true;
            }
            let class = &object["spec"]["priorityClassName"];
            let among = list(expression, "/values").contains(class);
            match text(expression, "/operator") {
                "In" => among,
                "NotIn" => !among,
                "Exists" => class.is_string(),
                _ => !class.is_string(),
            }
        });
    named && selected
}

/// Refuses what is more than a quota allows.
pub(super) fn check(
    session: &Session<'_>,
    resource: &Resource,
    old: Option<&Value>,
    new: &Value,
) -> ApiResult<()> {
    if !resource.namespaced {
        return Ok(());
    }
    let namespace = text(new, "/metadata/namespace");
    let object = text(new, "/metadata/name");
    for quota in session.of("", "resourcequotas", namespace) {
        let name = text(&quota, "/metadata/name");
        if !in_scope(&quota, new) {
            continue;
        }
        let mut over = (Vec::new(), Vec::new(), Vec::new());
        let mut unspecified: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut sums: Option<BTreeMap<String, i128>> = None;
        for (what, hard) in members(&quota, "/spec/hard") {
            let asked = usage(resource, new, what);
            let before = old.map_or(0, |old| usage(resource, old, what));
            let compute = what.ends_with("cpu") || what.ends_with("memory");
            if resource.kind == "Pod" && resource.group.is_empty() && compute && old.is_none() {
                let (part, kind) = what.split_once('.').unwrap_or(("requests", what));
                for container in list(new, "/spec/containers") {
                    if container["resources"][part].get(kind).is_none() {
                        let names = unspecified.entry(what.clone()).or_default();
                        names.push(text(container, "/name").to_owned());
                    }
                }
            }
            if asked <= before {
                continue;
            }
            let limit = quantity::read(hard).unwrap_or(i128::MAX);
            let sums = sums.get_or_insert_with(|| used(session, &quota));
            let used = sums.get(what).copied().unwrap_or(0);
            if used + asked - before > limit {
                over.0
                    .push(format!("{what}={}", quantity::write(asked - before)));
                over.1.push(format!("{what}={}", quantity::write(used)));
                over.2
                    .push(format!("{what}={}", hard.as_str().unwrap_or_default()));
            }
        }
        if !unspecified.is_empty() {
            let said: Vec<String> = unspecified
                .iter()
                .map(|(what, names)| format!("{what} for: {}", names.join(",")))
                .collect();
            let detail = format!("failed quota: {name}: must specify {}", said.join("; "));
            return Err(ApiError::forbidden(
                &resource.group,
                &resource.plural,
                object,
                &detail,
            ));
        }
        if !over.0.is_empty() {
            let detail = format!(
                "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
                over.0.join(","),
                over.1.join(","),
                over.2.join(",")
            );
            return Err(ApiError::forbidden(
                &resource.group,
                &resource.plural,
                object,
                &detail,
            ));
        }
    }
    Ok(())
}
