//! What stands between a write and the world: namespaces must be there, pods get what the cluster gives them, limits
//! and quotas hold, pod security refuses, webhooks that must answer and cannot refuse too.

mod limits;
pub(super) mod quota;
mod security;
pub(super) mod webhooks;

use std::sync::Arc;

use serde_json::{Value, json};

use super::auth::User;
use super::error::{ApiError, ApiResult, Cause};
use super::kinds::{self, Resource};
use super::store::Session;
use super::value::{default, hold, list, set, text};

/// Protects a claim while it is used.
pub(super) const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// Whether something may be made in a namespace.
pub(super) fn namespace(
    session: &Session<'_>,
    resource: &Resource,
    namespace: &str,
    name: &str,
) -> ApiResult<()> {
    if !resource.namespaced {
        return Ok(());
    }
    let Some(found) = session.find("", "namespaces", "", namespace) else {
        return Err(ApiError::not_found("", "namespaces", namespace));
    };
    if text(&found, "/status/phase") == "Terminating" {
        let detail = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let cause = Cause::new(
            "NamespaceTerminating",
            format!("namespace {namespace} is being terminated"),
            "metadata.namespace",
        );
        return Err(
            ApiError::forbidden(&resource.group, &resource.plural, name, &detail)
                .causes(vec![cause]),
        );
    }
    Ok(())
}

/// Changes a new object as the cluster's defaults have it.
pub(super) fn mutate(
    session: &mut Session<'_>,
    resource: &Resource,
    user: &User,
    new: &mut Value,
) -> ApiResult<()> {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod(session, new)?,
        ("", "PersistentVolumeClaim") => claim(session, new),
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            set(new, "spec/username", user.name.as_str());
            set(new, "spec/groups", json!(user.groups));
        }
        ("networking.k8s.io", "Ingress") => {
            let annotation = "ingressclass.kubernetes.io/is-default-class";
            let classes = session.all("networking.k8s.io", "ingressclasses");
            if let Some(name) = usual(&classes, annotation) {
                default(new, "spec/ingressClassName", name);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Changes a changed object.
pub(super) fn mutate_update(resource: &Resource, old: &Value, new: &mut Value) {
    if resource.kind == "PersistentVolumeClaim" {
        for member in ["volumeName", "storageClassName"] {
            if let Some(value) = old["spec"].get(member) {
                default(new, &format!("spec/{member}"), value.clone());
            }
        }
    }
    if resource.kind == "Pod" && resource.group.is_empty() {
        for member in [
            "nodeName",
            "serviceAccountName",
            "serviceAccount",
            "priority",
            "preemptionPolicy",
            "tolerations",
            "enableServiceLinks",
        ] {
            if let Some(value) = old["spec"].get(member) {
                default(new, &format!("spec/{member}"), value.clone());
            }
        }
    }
}

/// Refuses what limits, quotas, pod security or webhooks refuse.
pub(super) fn validate(
    session: &mut Session<'_>,
    resource: &Resource,
    old: Option<&Value>,
    new: &Value,
) -> ApiResult<()> {
    if resource.group.is_empty() && resource.kind == "Pod" && old.is_none() {
        limits::check(session, new)?;
        security::check(session, new)?;
    }
    security::warn(session, resource, new);
    quota::check(session, resource, old, new)?;
    let operation = if old.is_some() { "UPDATE" } else { "CREATE" };
    webhooks::call(session, resource, operation, new)
}

/// Whether an object may be deleted.
pub(super) fn deleting(
    session: &mut Session<'_>,
    resource: &Resource,
    object: &Value,
) -> ApiResult<()> {
    webhooks::call(session, resource, "DELETE", object)
}

/// Lets a controller's new pod through what a client's goes through.
pub(super) fn admit(session: &mut Session<'_>, new: &mut Value) -> ApiResult<()> {
    let resource = kinds::known("", "pods");
    super::defaults::fill(&resource, new);
    super::verbs::identify(&resource, new);
    namespace(
        session,
        &resource,
        text(new, "/metadata/namespace"),
        text(new, "/metadata/name"),
    )?;
    pod(session, new)?;
    limits::check(session, new)?;
    security::check(session, new)?;
    quota::check(session, &resource, None, new)?;
    webhooks::call(session, &resource, "CREATE", new)
}

/// The name of the class that an annotation makes the default: of several the newest.
fn usual<'c>(classes: &'c [Arc<Value>], annotation: &str) -> Option<&'c str> {
    let age = |class: &Value| text(class, "/metadata/creationTimestamp").to_owned();
    let found = classes
        .iter()
        .filter(|class| class["metadata"]["annotations"][annotation] == "true")
        .reduce(|newest, class| {
            if age(class) > age(newest) {
                class
            } else {
                newest
            }
        })?;
    Some(text(found, "/metadata/name"))
}

/// The class of claims that name none; without one they wait.
pub(super) fn usual_class(session: &Session<'_>) -> Option<String> {
    let annotation = "storageclass.kubernetes.io/is-default-class";
    let classes = session.all("storage.k8s.io", "storageclasses");
    usual(&classes, annotation).map(str::to_owned)
}

/// Gives a claim the default class, and protects it while it is used.
pub(super) fn claim(session: &Session<'_>, new: &mut Value) {
    if let Some(name) = usual_class(session) {
        default(new, "spec/storageClassName", name);
    }
    hold(new, PROTECTION);
}

/// The account, priority and tolerations of a pod, and the limits of its namespace.
fn pod(session: &mut Session<'_>, new: &mut Value) -> ApiResult<()> {
    let namespace = text(new, "/metadata/namespace").to_owned();
    let name = text(new, "/metadata/name").to_owned();
    default(new, "spec/serviceAccountName", "default");
    let account = text(new, "/spec/serviceAccountName").to_owned();
    default(new, "spec/serviceAccount", account.as_str());
    if session
        .find("", "serviceaccounts", &namespace, &account)
        .is_none()
    {
        let detail = format!(
            "error looking up service account {namespace}/{account}: serviceaccount {account:?} not found"
        );
        return Err(ApiError::forbidden("", "pods", &name, &detail));
    }
    default(new, "spec/enableServiceLinks", true);
    let class = text(new, "/spec/priorityClassName").to_owned();
    let classes = session.all("scheduling.k8s.io", "priorityclasses");
    let found = match class.as_str() {
        "" => classes.iter().find(|class| class["globalDefault"] == true),
        name => classes
            .iter()
            .find(|class| class["metadata"]["name"] == name),
    };
    match found {
        Some(found) => {
            default(new, "spec/priorityClassName", text(found, "/metadata/name"));
            default(new, "spec/priority", found["value"].clone());
            default(
                new,
                "spec/preemptionPolicy",
                text(found, "/preemptionPolicy"),
            );
        }
        None if class.is_empty() => {
            default(new, "spec/priority", 0);
            default(new, "spec/preemptionPolicy", "PreemptLowerPriority");
        }
        None => {
            let detail = format!("no PriorityClass with name {class} was found");
            return Err(ApiError::forbidden("", "pods", &name, &detail));
        }
    }
    let mut tolerations = list(new, "/spec/tolerations").to_vec();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        if !tolerations.iter().any(|one| one["key"] == key) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
    set(new, "spec/tolerations", tolerations);
    limits::fill(session, new);
    Ok(())
}
