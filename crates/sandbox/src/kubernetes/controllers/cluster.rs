//! Nodes and API services.

use std::sync::Arc;

use serde_json::Value;

use super::super::admission::webhooks::has_endpoints;
use super::super::kinds::Resource;
use super::super::store::Session;
use super::super::value::text;
use super::set_condition;

/// A new or changed node lets what waits for one be looked at again.
pub(super) fn node(session: &mut Session<'_>) {
    for pod in session.page("/pods/", None, usize::MAX) {
        if text(&pod.1, "/spec/nodeName").is_empty() {
            session.enqueue(&pod.0);
        }
    }
    for (id, _) in session.page("apps/daemonsets/", None, usize::MAX) {
        session.enqueue(&id);
    }
}

/// An API service is available when who serves it has endpoints.
pub(super) fn api_service(session: &mut Session<'_>, resource: &Resource, object: &Arc<Value>) {
    let now = session.time();
    let mut new = Value::clone(object);
    let service = &object["spec"]["service"];
    let (good, reason, message) = if service.is_null() {
        (
            true,
            "Local",
            "Local APIServices are always available".to_owned(),
        )
    } else {
        let (namespace, name) = (text(service, "/namespace"), text(service, "/name"));
        if session.find("", "services", namespace, name).is_none() {
            (
                false,
                "ServiceNotFound",
                format!("service/{name} in {namespace:?} is not present"),
            )
        } else if has_endpoints(session, namespace, name) {
            (true, "Passed", "all checks passed".to_owned())
        } else {
            (
                false,
                "MissingEndpoints",
                format!("endpoints for service/{name} in {namespace:?} have no addresses"),
            )
        }
    };
    set_condition(&mut new, "Available", good, reason, &message, &now);
    session.update(resource, object, new);
}
