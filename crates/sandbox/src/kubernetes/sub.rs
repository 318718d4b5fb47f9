//! Subresources: status, scale, eviction, tokens of service accounts, the finalizers of namespaces.

use std::sync::Arc;

use serde_json::{Value, json};

use super::auth::User;
use super::error::{ApiError, ApiResult};
use super::kinds::Resource;
use super::request::{Place, Verb, body, dry_run};
use super::selector::Selector;
use super::store::Session;
use super::value::{condition, list, set, text};
use super::verbs::{find, patched, shown, writing};
use super::write::Origin;
use super::{delete, patch};
use crate::http::{HttpReply, HttpRequest};

/// Answers a request of a subresource.
pub(super) fn answer(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    name: &str,
    verb: Verb,
    request: &HttpRequest,
    user: &User,
) -> ApiResult<HttpReply> {
    let known = resource
        .subresource(name)
        .ok_or_else(ApiError::no_resource)?;
    if !known.verbs.iter().any(|known| known == verb.word()) {
        return Err(ApiError::method());
    }
    match (name, verb) {
        ("scale", _) => scale(session, resource, place, verb, request, user),
        ("eviction", Verb::Create) => evict(session, resource, place, request),
        ("token", Verb::Create) => token(session, resource, place, request),
        ("finalize", Verb::Update) => finalize(session, resource, place, request, user),
        (_, Verb::Get) => {
            let found = find(session, resource, place)?;
            Ok(shown(session, resource, &found, request, 200))
        }
        (_, Verb::Update) => {
            let write = writing(resource, place, request, user)?;
            let mut new = body(request)?;
            write.decode(session, &mut new)?;
            let old = find(session, resource, place)?;
            let written = write.update(session, &old, new, Origin::Update)?;
            Ok(shown(session, resource, &written, request, 200))
        }
        (_, Verb::Patch) => patched(session, resource, place, request, user),
        _ => Err(ApiError::method()),
    }
}

/// Where a kind has its replicas and their selector.
fn paths(resource: &Resource) -> (String, String, Option<String>) {
    match &resource.scale {
        Some(paths) => (
            paths.spec.clone(),
            paths.status.clone(),
            paths.selector.clone(),
        ),
        None => ("/spec/replicas".into(), "/status/replicas".into(), None),
    }
}

/// What `scale` shows of an object.
fn scale_of(resource: &Resource, object: &Value) -> Value {
    let (spec, status, selector) = paths(resource);
    let selector = match selector {
        Some(path) => text(object, &path).to_owned(),
        None if resource.kind == "ReplicationController" => {
            Selector::of_map(&object["spec"]["selector"]).to_text()
        }
        None => Selector::of(&object["spec"]["selector"]).to_text(),
    };
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let metadata = &object["metadata"];
    let mut shown = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": { "replicas": number(&spec) },
        "status": { "replicas": number(&status), "selector": selector },
    });
    if !metadata["namespace"].is_null() {
        shown["metadata"]["namespace"] = metadata["namespace"].clone();
    }
    shown
}

fn scale(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    verb: Verb,
    request: &HttpRequest,
    user: &User,
) -> ApiResult<HttpReply> {
    let old = find(session, resource, place)?;
    let mut wanted = scale_of(resource, &old);
    match verb {
        Verb::Get => return Ok(HttpReply::json(200, &wanted)),
        Verb::Patch => {
            let sent = body(request)?;
            let kind = request.header("content-type").unwrap_or_default();
            if kind.starts_with("application/json-patch+json") {
                patch::json_patch(&mut wanted, &sent)?;
            } else {
                patch::merge(&mut wanted, &sent);
            }
        }
        _ => wanted = body(request)?,
    }
    let name = text(&old, "/metadata/name");
    let version = text(&wanted, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(&old, "/metadata/resourceVersion") {
        return Err(ApiError::modified(&resource.group, &resource.plural, name));
    }
    let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas < 0 {
        let cause = super::error::Cause::invalid(
            "spec.replicas",
            &replicas.into(),
            "must be greater than or equal to 0",
        );
        return Err(ApiError::invalid("autoscaling", "Scale", name, vec![cause]));
    }
    let (spec, ..) = paths(resource);
    let mut new = Value::clone(&old);
    set(&mut new, spec.trim_start_matches('/'), replicas);
    let write = writing(resource, place, request, user)?;
    let written = write.update(session, &old, new, Origin::Update)?;
    Ok(HttpReply::json(200, &scale_of(resource, &written)))
}

/// Deletes a pod unless a disruption budget forbids it.
fn evict(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
) -> ApiResult<HttpReply> {
    let pod = find(session, resource, place)?;
    let sent = body(request)?;
    dry_run(request)?;
    let budgets = session.of("policy", "poddisruptionbudgets", &place.namespace);
    let mut mine = budgets.iter().filter(|budget| {
        Selector::of(&budget["spec"]["selector"]).matches_labels(&pod["metadata"]["labels"])
    });
    if let Some(budget) = mine.next() {
        let ready = condition(&pod, "Ready") == "True";
        let allowed = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
        if ready && allowed < 1 {
            let name = text(budget, "/metadata/name");
            let cause = super::error::Cause::new(
                "DisruptionBudget",
                format!(
                    "The disruption budget {name} needs {} healthy pods and has {} currently",
                    budget["status"]["desiredHealthy"], budget["status"]["currentHealthy"]
                ),
                "",
            );
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            return Err(ApiError::new(429, "TooManyRequests", message).causes(vec![cause]));
        }
    }
    let grace = sent["deleteOptions"]["gracePeriodSeconds"].as_i64();
    delete::begin(session, resource, &pod, "Background", grace);
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
    Ok(HttpReply::json(201, &status))
}

/// A token of a service account.
fn token(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
) -> ApiResult<HttpReply> {
    let account = find(session, resource, place)?;
    let mut answer = body(request)?;
    if !answer.is_object() {
        answer = json!({});
    }
    let seconds = answer["spec"]["expirationSeconds"].as_i64().unwrap_or(3600);
    if seconds < 600 {
        let cause = super::error::Cause::invalid(
            "spec.expirationSeconds",
            &seconds.into(),
            "may not specify a duration less than 10 minutes",
        );
        return Err(ApiError::invalid(
            "authentication.k8s.io",
            "TokenRequest",
            "",
            vec![cause],
        ));
    }
    let secret = session.tx_mut().hex(48);
    answer["kind"] = "TokenRequest".into();
    answer["apiVersion"] = "authentication.k8s.io/v1".into();
    answer["metadata"] = json!({
        "name": account["metadata"]["name"],
        "namespace": place.namespace,
        "creationTimestamp": session.time(),
    });
    set(&mut answer, "spec/expirationSeconds", seconds);
    answer["status"] = json!({
        "token": format!("sandbox.{secret}"),
        "expirationTimestamp": crate::clock::iso8601(session.now + seconds * 1000),
    });
    Ok(HttpReply::json(201, &answer))
}

/// The finalizers of a namespace's spec.
fn finalize(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
    user: &User,
) -> ApiResult<HttpReply> {
    let old = find(session, resource, place)?;
    let sent = body(request)?;
    let mut new = Value::clone(&old);
    set(
        &mut new,
        "spec/finalizers",
        list(&sent, "/spec/finalizers").to_vec(),
    );
    let write = writing(resource, place, request, user)?;
    let written = write.update(session, &old, new, Origin::Update)?;
    Ok(shown(session, resource, &written, request, 200))
}
