//! Deleting: finalizers hold an object, dependents go with it, before it or not at all, as the request says.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{ApiError, ApiResult};
use super::kinds::Resource;
use super::request::{Place, body, dry_run};
use super::store::Session;
use super::value::{hold, is_deleting, list, set, text};
use super::verbs;
use crate::http::{HttpReply, HttpRequest};

/// What a deletion asks for: in the body, or in the query.
struct Options {
    propagation: String,
    grace: Option<i64>,
    uid: Option<String>,
    version: Option<String>,
}

fn options(request: &HttpRequest) -> ApiResult<Options> {
    let sent = body(request)?;
    let of = |member: &str| match text(&sent, &format!("/{member}")) {
        "" => request.query(member).unwrap_or_default().to_owned(),
        found => found.to_owned(),
    };
    let propagation = match of("propagationPolicy").as_str() {
        "" if sent["orphanDependents"] == true => "Orphan".to_owned(),
        "" => "Background".to_owned(),
        known @ ("Background" | "Foreground" | "Orphan") => known.to_owned(),
        other => {
            let message = format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            );
            return Err(ApiError::new(422, "Invalid", message));
        }
    };
    let grace = sent["gracePeriodSeconds"].as_i64().or_else(|| {
        request
            .query("gracePeriodSeconds")
            .and_then(|text| text.parse().ok())
    });
    let condition = |member: &str| sent["preconditions"][member].as_str().map(str::to_owned);
    dry_run(request)?;
    Ok(Options {
        propagation,
        grace,
        uid: condition("uid"),
        version: condition("resourceVersion"),
    })
}

/// Deletes an object.
pub(super) fn one(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
) -> ApiResult<HttpReply> {
    let options = options(request)?;
    let found = verbs::find(session, resource, place)?;
    let name = text(&found, "/metadata/name");
    for (wanted, pointer, word) in [
        (&options.uid, "/metadata/uid", "UID"),
        (
            &options.version,
            "/metadata/resourceVersion",
            "ResourceVersion",
        ),
    ] {
        if let Some(wanted) = wanted
            && wanted != text(&found, pointer)
        {
            let detail = format!(
                "Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {}",
                text(&found, pointer)
            );
            return Err(ApiError::conflict(
                &resource.group,
                &resource.plural,
                name,
                &detail,
            ));
        }
    }
    protected(resource, name)?;
    super::admission::deleting(session, resource, &found)?;
    match begin(
        session,
        resource,
        &found,
        &options.propagation,
        options.grace,
    ) {
        Some(waiting) => Ok(verbs::shown(session, resource, &waiting, request, 200)),
        None if answers_object(resource) => {
            Ok(verbs::shown(session, resource, &found, request, 200))
        }
        None => {
            let status = json!({
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {
                    "name": name,
                    "group": resource.group,
                    "kind": resource.plural,
                    "uid": text(&found, "/metadata/uid"),
                },
            });
            Ok(HttpReply::json(200, &status))
        }
    }
}

/// Kinds whose deletion answers what was deleted; that of others says that it went well.
fn answers_object(resource: &Resource) -> bool {
    const KINDS: [&str; 12] = [
        "PersistentVolumeClaim",
        "Pod",
        "PodTemplate",
        "ResourceQuota",
        "ServiceAccount",
        "Service",
        "PersistentVolume",
        "CSIDriver",
        "CSINode",
        "StorageClass",
        "VolumeAttachment",
        "VolumeAttributesClass",
    ];
    !resource.is_custom() && KINDS.contains(&resource.kind.as_str())
}

fn protected(resource: &Resource, name: &str) -> ApiResult<()> {
    let forever = matches!(name, "default" | "kube-system" | "kube-public");
    if resource.kind == "Namespace" && forever {
        let detail = "this namespace may not be deleted";
        return Err(ApiError::forbidden(
            &resource.group,
            &resource.plural,
            name,
            detail,
        ));
    }
    Ok(())
}

/// Deletes an object, or marks it where something holds it: what it is then, `None` when it is gone.
pub(super) fn begin(
    session: &mut Session<'_>,
    resource: &Resource,
    object: &Arc<Value>,
    propagation: &str,
    grace: Option<i64>,
) -> Option<Arc<Value>> {
    let namespace = text(object, "/metadata/namespace").to_owned();
    let name = text(object, "/metadata/name").to_owned();
    let id = resource.id(&namespace, &name);
    let mut old = object.clone();
    let marked = is_deleting(&old);
    let extra = match propagation {
        "Foreground" => Some("foregroundDeletion"),
        "Orphan" => Some("orphan"),
        _ => None,
    };
    if let Some(finalizer) = extra
        && resource.kind != "Namespace"
    {
        let uid = text(&old, "/metadata/uid");
        if !session.dependents(uid).is_empty() {
            let mut new = Value::clone(&old);
            hold(&mut new, finalizer);
            if new != *old {
                old = Arc::new(new);
            }
        }
    }
    let held = !list(&old, "/metadata/finalizers").is_empty();
    match resource.kind.as_str() {
        "Namespace" => {
            if marked {
                return Some(old);
            }
            let mut new = Value::clone(&old);
            set(&mut new, "status/phase", "Terminating");
            let written = session.mark_deleted(resource, &new, 0);
            return Some(session.get(&id).unwrap_or(written));
        }
        "Pod" => {
            let seconds = grace
                .or_else(|| old["spec"]["terminationGracePeriodSeconds"].as_i64())
                .unwrap_or(30);
            let placed = !text(&old, "/spec/nodeName").is_empty();
            let over = matches!(text(&old, "/status/phase"), "Succeeded" | "Failed");
            if held || placed && seconds > 0 && !over {
                if marked && seconds > 0 {
                    return Some(old);
                }
                return Some(session.mark_deleted(resource, &old, seconds));
            }
        }
        _ if held => {
            if marked && Arc::ptr_eq(&old, object) {
                return Some(old);
            }
            return Some(session.mark_deleted(resource, &old, 0));
        }
        _ => {}
    }
    session.erase(&resource.table(), &id);
    None
}

/// Deletes every object that the selectors choose.
pub(super) fn collection(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
) -> ApiResult<HttpReply> {
    let options = options(request)?;
    let selector = verbs::selector(request)?;
    let found = session.list(&verbs::prefix(resource, place));
    let mut items = Vec::new();
    for object in found.iter().filter(|object| selector.matches(object)) {
        super::admission::deleting(session, resource, object)?;
        begin(
            session,
            resource,
            object,
            &options.propagation,
            options.grace,
        );
        items.push(session.shown(resource, object));
    }
    let version = session.tx().version().to_string();
    Ok(HttpReply::json(
        200,
        &json!({
            "kind": format!("{}List", resource.kind),
            "apiVersion": resource.api_version(),
            "metadata": { "resourceVersion": version },
            "items": items,
        }),
    ))
}
