//! The verbs of resources: get, list, create, update, patch. Deleting, watching and subresources are in rooms of
//! their own.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::auth::User;
use super::error::{ApiError, ApiResult};
use super::kinds::Resource;
use super::request::{self, Form, Place, Verb, body, dry_run, flag, form, validation};
use super::selector::Selector;
use super::store::Session;
use super::value::{set, text};
use super::watch::Watch;
use super::write::{Origin, Write};
use super::{delete, patch, review, sub, table};
use crate::http::{HttpReply, HttpRequest};

/// `apiVersion`, `kind`, and the generation of kinds that count it.
pub(super) fn identify(resource: &Resource, value: &mut Value) {
    set(
        value,
        "apiVersion",
        super::kinds::api_version(&resource.group, &resource.storage),
    );
    set(value, "kind", resource.kind.as_str());
    if counts_generations(resource) && value["metadata"].get("generation").is_none() {
        set(value, "metadata/generation", 1);
    }
}

fn counts_generations(resource: &Resource) -> bool {
    let uncounted = [
        "Namespace",
        "Node",
        "Service",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "ResourceQuota",
    ];
    resource.is_custom()
        || resource.has_status() && !uncounted.contains(&resource.kind.as_str())
        || matches!(
            resource.kind.as_str(),
            "NetworkPolicy"
                | "ValidatingWebhookConfiguration"
                | "MutatingWebhookConfiguration"
                | "ValidatingAdmissionPolicyBinding"
        )
}

/// Answers a request of a resource.
pub(super) fn answer(
    session: &mut Session<'_>,
    place: &Place,
    verb: Verb,
    request: &HttpRequest,
    user: &User,
) -> ApiResult<HttpReply> {
    let resource = session
        .resource(&place.group, &place.version, &place.plural)
        .ok_or_else(ApiError::no_resource)?;
    let place = &Place {
        // Objects of the cluster have no namespace, also where the path has one.
        namespace: if resource.namespaced {
            place.namespace.clone()
        } else {
            String::new()
        },
        ..place.clone()
    };
    if resource.namespaced
        && place.namespace.is_empty()
        && (place.name.is_some() || verb == Verb::Create)
    {
        return Err(ApiError::bad(
            "namespace is required: an empty namespace may not be set when a resource name is provided",
        ));
    }
    if let Some(name) = &place.subresource {
        return sub::answer(session, &resource, place, name, verb, request, user);
    }
    if resource.verbs == ["create"] {
        if verb != Verb::Create {
            return Err(ApiError::method());
        }
        return review::answer(session, &resource, &body(request)?, user);
    }
    if !resource.verbs.iter().any(|known| known == verb.word()) {
        return Err(ApiError::method());
    }
    match verb {
        Verb::Get => {
            let found = find(session, &resource, place)?;
            Ok(shown(session, &resource, &found, request, 200))
        }
        Verb::List => list(session, &resource, place, request),
        Verb::Watch => watch(session, &resource, place, request),
        Verb::Create => {
            let write = writing(&resource, place, request, user)?;
            let mut new = body(request)?;
            write.decode(session, &mut new)?;
            let made = write.create(session, new, Origin::Update, None)?;
            Ok(shown(session, &resource, &made, request, 201))
        }
        Verb::Update => update(session, &resource, place, request, user),
        Verb::Patch => patched(session, &resource, place, request, user),
        Verb::Delete => delete::one(session, &resource, place, request),
        Verb::DeleteCollection => delete::collection(session, &resource, place, request),
    }
}

/// The object that a path names.
pub(super) fn find(
    session: &Session<'_>,
    resource: &Resource,
    place: &Place,
) -> ApiResult<Arc<Value>> {
    let name = place.name.as_deref().unwrap_or_default();
    session
        .get(&resource.id(&place.namespace, name))
        .ok_or_else(|| ApiError::not_found(&resource.group, &resource.plural, name))
}

/// What a write of a request is.
pub(super) fn writing<'r>(
    resource: &'r Arc<Resource>,
    place: &'r Place,
    request: &HttpRequest,
    user: &'r User,
) -> ApiResult<Write<'r>> {
    Ok(Write {
        resource,
        namespace: &place.namespace,
        subresource: place.subresource.as_deref().unwrap_or_default(),
        manager: request::manager(request)?,
        validation: validation(request)?,
        user,
        dry_run: dry_run(request)?,
    })
}

/// An object in the form that is asked for.
pub(super) fn shown(
    session: &Session<'_>,
    resource: &Resource,
    value: &Arc<Value>,
    request: &HttpRequest,
    status: u16,
) -> HttpReply {
    let value = session.shown(resource, value);
    match form(request) {
        Form::Plain => HttpReply::json(status, &*value),
        Form::Table => {
            let rows = vec![table::row(session.now, resource, &value, included(request))];
            let metadata = json!({ "resourceVersion": value["metadata"]["resourceVersion"] });
            HttpReply::json(status, &table::whole(resource, rows, &metadata))
        }
        Form::Partial => HttpReply::json(status, &table::partial(&value)),
    }
}

/// What rows of a table hold of their objects.
fn included(request: &HttpRequest) -> &str {
    request.query("includeObject").unwrap_or("Metadata")
}

/// The selectors of a request.
pub(super) fn selector(request: &HttpRequest) -> ApiResult<Selector> {
    Selector::read(
        request.query("labelSelector").unwrap_or_default(),
        request.query("fieldSelector").unwrap_or_default(),
    )
}

/// What the ids of the listed objects begin with.
pub(super) fn prefix(resource: &Resource, place: &Place) -> String {
    match place.namespace.as_str() {
        "" => resource.table(),
        namespace => format!("{}{namespace}/", resource.table()),
    }
}

fn list(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
) -> ApiResult<HttpReply> {
    let selector = selector(request)?;
    let limit = match request.query("limit") {
        None | Some("") => 0,
        Some(limit) => limit
            .parse::<usize>()
            .map_err(|_| ApiError::bad(format!("limit {limit:?} is not a number")))?,
    };
    let now = session.tx().version();
    let (version, after) = match request.query("continue").filter(|token| !token.is_empty()) {
        None => (now, None),
        Some(token) => {
            let (version, after) = continued(token)?;
            (version, Some(after))
        }
    };
    let prefix = prefix(resource, place);
    let mut found: Vec<(String, Arc<Value>)> = Vec::new();
    let mut after = after;
    let mut next = None;
    loop {
        let step = if limit == 0 { usize::MAX } else { limit + 1 };
        let page = session.page(&prefix, after.as_deref(), step);
        let last = page.len() < step;
        for (id, value) in page {
            after = Some(id.clone());
            if !selector.matches(&value) {
                continue;
            }
            if limit > 0 && found.len() == limit {
                next = found.last().map(|(id, _)| id.clone());
                break;
            }
            found.push((id, value));
        }
        if last || next.is_some() {
            break;
        }
    }
    let mut metadata = json!({ "resourceVersion": version.to_string() });
    if let Some(next) = next {
        metadata["continue"] = URL_SAFE_NO_PAD
            .encode(json!({ "rv": version, "start": next }).to_string())
            .into();
        // Where a selector chooses, nobody knows how many more there are.
        if selector.is_empty() {
            let rest = session.page(&prefix, found.last().map(|(id, _)| id.as_str()), usize::MAX);
            metadata["remainingItemCount"] = rest.len().into();
        }
    }
    let values = found
        .iter()
        .map(|(_, value)| session.shown(resource, value));
    let reply = match form(request) {
        Form::Plain => {
            let items: Vec<Arc<Value>> = values.collect();
            json!({
                "kind": format!("{}List", resource.kind),
                "apiVersion": resource.api_version(),
                "metadata": metadata,
                "items": items,
            })
        }
        Form::Table => {
            let rows = values
                .map(|value| table::row(session.now, resource, &value, included(request)))
                .collect();
            table::whole(resource, rows, &metadata)
        }
        Form::Partial => json!({
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "items": values.map(|value| table::partial(&value)).collect::<Vec<_>>(),
        }),
    };
    Ok(HttpReply::json(200, &reply))
}

/// Reads the token of the next page.
fn continued(token: &str) -> ApiResult<(u64, String)> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok()?;
        let value: Value = serde_json::from_slice(&bytes).ok()?;
        Some((value["rv"].as_u64()?, value["start"].as_str()?.to_owned()))
    };
    read().ok_or_else(|| ApiError::bad("continue key is not valid: unable to decode the token"))
}

fn watch(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
) -> ApiResult<HttpReply> {
    let watch = Watch::begin(
        session,
        resource,
        &prefix(resource, place),
        selector(request)?,
        form(request),
        request,
    )?;
    let mut reply = HttpReply::new(200, "application/json", "");
    reply.watch = Some(Arc::new(watch));
    Ok(reply)
}

fn update(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
    user: &User,
) -> ApiResult<HttpReply> {
    let write = writing(resource, place, request, user)?;
    let mut new = body(request)?;
    write.decode(session, &mut new)?;
    let name = place.name.as_deref().unwrap_or_default();
    let Some(old) = session.get(&resource.id(&place.namespace, name)) else {
        return Err(ApiError::not_found(&resource.group, &resource.plural, name));
    };
    if resource.is_custom() && text(&new, "/metadata/resourceVersion").is_empty() {
        let cause = super::error::Cause::invalid(
            "metadata.resourceVersion",
            &Value::from(0),
            "must be specified for an update",
        );
        return Err(ApiError::invalid(
            &resource.group,
            &resource.kind,
            name,
            vec![cause],
        ));
    }
    let written = write.update(session, &old, new, Origin::Update)?;
    Ok(shown(session, resource, &written, request, 200))
}

const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// A patch of an object or of its status.
pub(super) fn patched(
    session: &mut Session<'_>,
    resource: &Arc<Resource>,
    place: &Place,
    request: &HttpRequest,
    user: &User,
) -> ApiResult<HttpReply> {
    let write = writing(resource, place, request, user)?;
    let name = place.name.as_deref().unwrap_or_default();
    let kind = request.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let patch = body(request)?;
    if kind == PATCHES[3] {
        if request.query("fieldManager").is_none_or(str::is_empty) {
            let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
            return Err(ApiError::new(422, "Invalid", message));
        }
        let (written, made) = write.apply(session, name, patch, flag(request, "force"))?;
        let status = if made { 201 } else { 200 };
        return Ok(shown(session, resource, &written, request, status));
    }
    if request.query("force").is_some() {
        let message = "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch";
        return Err(ApiError::new(422, "Invalid", message));
    }
    let Some(old) = session.get(&resource.id(&place.namespace, name)) else {
        return Err(ApiError::not_found(&resource.group, &resource.plural, name));
    };
    let mut new = Value::clone(&session.shown(resource, &old));
    match kind {
        "application/json-patch+json" => patch::json_patch(&mut new, &patch)?,
        "application/merge-patch+json" => patch::merge(&mut new, &patch),
        "application/strategic-merge-patch+json" if !resource.is_custom() => {
            patch::strategic(resource.schema(), &mut new, &patch)?;
        }
        other => {
            let allowed = if resource.is_custom() {
                vec![PATCHES[0], PATCHES[1], PATCHES[3]]
            } else {
                PATCHES.to_vec()
            };
            return Err(ApiError::media_type(other, &allowed));
        }
    }
    write.decode(session, &mut new)?;
    let written = write.update(session, &old, new, Origin::Update)?;
    Ok(shown(session, resource, &written, request, 200))
}
