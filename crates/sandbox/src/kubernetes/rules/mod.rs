//! What is checked of built-in kinds beyond their schemas, and what the server sets in them; one room per group of
//! kinds.

mod core;
pub(super) use self::core::SERVICE_RANGE;
mod others;
mod pod;
mod workload;

use serde_json::Value;

use super::error::Cause;
use super::kinds::Resource;
use super::store::Session;

/// Sets what the server decides: cluster addresses, the names of definitions.
pub(super) fn prepare(
    session: &mut Session<'_>,
    resource: &Resource,
    old: Option<&Value>,
    new: &mut Value,
) {
    if resource.is_custom() {
        return;
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Service") => core::prepare_service(session, old, new),
        ("batch", "Job") => workload::prepare_job(old, new),
        _ => {}
    }
}

/// Checks an object.
pub(super) fn check(
    session: &Session<'_>,
    resource: &Resource,
    old: Option<&Value>,
    new: &Value,
    causes: &mut Vec<Cause>,
) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "ConfigMap" | "Secret") => core::check_data(old, new, causes),
        ("", "Service") => core::check_service(session, old, new, causes),
        ("", "PersistentVolumeClaim") => core::check_claim(old, new, causes),
        ("", "ResourceQuota" | "LimitRange") => core::check_amounts(resource, new, causes),
        ("", "Pod") => {
            pod::check(&new["spec"], "spec", causes);
            if let Some(old) = old {
                pod::check_change(old, new, causes);
            }
        }
        ("apps" | "batch", _) => workload::check(resource, old, new, causes),
        _ => others::check(resource, old, new, causes),
    }
}
