//! Admission webhooks. Nothing runs in the sandbox's pods, so nobody is called: a webhook whose service has ready
//! endpoints allows, and one that fails closed and cannot be reached refuses, as it does in a real cluster.

use serde_json::Value;

use super::super::error::{ApiError, ApiResult};
use super::super::kinds::Resource;
use super::super::selector::Selector;
use super::super::store::Session;
use super::super::value::{list, text};

const GROUP: &str = "admissionregistration.k8s.io";

/// Asks every webhook that is about an operation on an object.
pub(super) fn call(
    session: &Session<'_>,
    resource: &Resource,
    operation: &str,
    object: &Value,
) -> ApiResult<()> {
    // Nothing may keep webhooks themselves from being mended.
    if resource.group == GROUP {
        return Ok(());
    }
    for plural in [
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    ] {
        for configuration in session.all(GROUP, plural) {
            for webhook in list(&configuration, "/webhooks") {
                if !concerns(session, webhook, resource, operation, object) {
                    continue;
                }
                if text(webhook, "/failurePolicy") == "Ignore" {
                    continue;
                }
                if let Some(why) = unreachable(session, webhook) {
                    let name = text(webhook, "/name");
                    return Err(ApiError::internal(format!(
                        "failed calling webhook {name:?}: failed to call webhook: {why}"
                    )));
                }
            }
        }
    }
    Ok(())
}

fn concerns(
    session: &Session<'_>,
    webhook: &Value,
    resource: &Resource,
    operation: &str,
    object: &Value,
) -> bool {
    let among = |rule: &Value, member: &str, wanted: &str| {
        list(rule, &format!("/{member}"))
            .iter()
            .any(|one| one == "*" || one == wanted || member == "resources" && one == "*/*")
    };
    let ruled = list(webhook, "/rules").iter().any(|rule| {
        let scope = match text(rule, "/scope") {
            "Cluster" => !resource.namespaced,
            "Namespaced" => resource.namespaced,
            _ => true,
        };
        scope
            && among(rule, "operations", operation)
            && among(rule, "apiGroups", &resource.group)
            && among(rule, "apiVersions", &resource.version)
            && among(rule, "resources", &resource.plural)
    });
    if !ruled {
        return false;
    }
    if !Selector::of(&webhook["objectSelector"]).matches_labels(&object["metadata"]["labels"]) {
        return false;
    }
    let selector = Selector::of(&webhook["namespaceSelector"]);
    if selector.is_empty() {
        return true;
    }
    let namespace = if resource.kind == "Namespace" {
        text(object, "/metadata/name")
    } else {
        text(object, "/metadata/namespace")
    };
    if namespace.is_empty() {
        return true;
    }
    match session.find("", "namespaces", "", namespace) {
        Some(namespace) => selector.matches_labels(&namespace["metadata"]["labels"]),
        None => selector.matches_labels(&object["metadata"]["labels"]),
    }
}

/// Why a webhook cannot be reached.
fn unreachable(session: &Session<'_>, webhook: &Value) -> Option<String> {
    let service = webhook.pointer("/clientConfig/service")?;
    let (namespace, name) = (text(service, "/namespace"), text(service, "/name"));
    let url = format!(
        "https://{name}.{namespace}.svc:{}{}?timeout={}s",
        service["port"].as_i64().unwrap_or(443),
        text(service, "/path"),
        webhook["timeoutSeconds"].as_i64().unwrap_or(10),
    );
    if session.find("", "services", namespace, name).is_none() {
        return Some(format!("Post {url:?}: service {name:?} not found"));
    }
    if has_endpoints(session, namespace, name) {
        return None;
    }
    Some(format!(
        "Post {url:?}: no endpoints available for service {name:?}"
    ))
}

/// Whether a Service has ready endpoints.
pub(in super::super) fn has_endpoints(session: &Session<'_>, namespace: &str, name: &str) -> bool {
    let endpoints = session.find("", "endpoints", namespace, name);
    endpoints.is_some_and(|endpoints| {
        list(&endpoints, "/subsets")
            .iter()
            .any(|subset| !list(subset, "/addresses").is_empty())
    })
}
