//! What a cluster serves, in both forms of discovery: lists of groups and resources, and all in one document.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{ApiError, ApiResult};
use super::kinds::{self, Resource, api_version};
use super::store::Session;
use crate::http::{HttpReply, HttpRequest};

/// A group with its versions and their resources.
pub(super) type Groups = Vec<(String, Vec<(String, Vec<Arc<Resource>>)>)>;

/// Every group but the core one, those of custom resources at the end.
pub(super) fn groups(session: &Session<'_>) -> Groups {
    let mut groups: Groups = kinds::builtin()
        .iter()
        .map(|group| (group.name.clone(), group.versions.clone()))
        .collect();
    let mut custom: BTreeMap<String, Vec<(String, Vec<Arc<Resource>>)>> = BTreeMap::new();
    for definition in session.definitions() {
        for resource in &definition.resources {
            let versions = custom.entry(resource.group.clone()).or_default();
            match versions
                .iter_mut()
                .find(|(version, _)| *version == resource.version)
            {
                Some((_, resources)) => resources.push(resource.clone()),
                None => versions.push((resource.version.clone(), vec![resource.clone()])),
            }
        }
    }
    groups.extend(custom);
    groups
}

/// Whether the client reads the form with all in one document.
fn aggregated(request: &HttpRequest) -> Option<&'static str> {
    let accept = request.header("accept").unwrap_or_default();
    let known = [
        (
            "v=v2;",
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        ),
        (
            "v=v2beta1",
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        ),
    ];
    accept.split(',').find_map(|media| {
        let media = format!("{};", media.replace(' ', ""));
        if !media.contains("as=APIGroupDiscoveryList") {
            return None;
        }
        known
            .iter()
            .find(|(mark, _)| media.contains(mark))
            .map(|(_, answer)| *answer)
    })
}

/// Answers `/api`, `/apis` and what is under them.
pub(super) fn answer(
    session: &Session<'_>,
    segments: &[String],
    request: &HttpRequest,
) -> ApiResult<HttpReply> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["api" | "apis"] if aggregated(request).is_some() => {
            let media = aggregated(request).unwrap_or_default();
            let core = segments == ["api"];
            let version = if media.contains("v2beta1") {
                "v2beta1"
            } else {
                "v2"
            };
            let items: Vec<Value> = groups(session)
                .iter()
                .filter(|(name, _)| name.is_empty() == core)
                .map(|(name, versions)| discovered(name, versions))
                .collect();
            let document = json!({
                "kind": "APIGroupDiscoveryList",
                "apiVersion": format!("apidiscovery.k8s.io/{version}"),
                "metadata": {},
                "items": items,
            });
            Ok(HttpReply::new(200, media, document.to_string()))
        }
        ["api"] => Ok(HttpReply::json(
            200,
            &json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }),
        )),
        ["apis"] => {
            let groups: Vec<Value> = groups(session)
                .iter()
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, versions)| group(name, versions))
                .collect();
            Ok(HttpReply::json(
                200,
                &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }),
            ))
        }
        ["apis", name] => {
            let groups = groups(session);
            let (name, versions) = groups
                .iter()
                .find(|(known, _)| known == name && !name.is_empty())
                .ok_or_else(ApiError::no_resource)?;
            let mut answer = json!({ "kind": "APIGroup", "apiVersion": "v1" });
            for (key, value) in group(name, versions).as_object().into_iter().flatten() {
                answer[key] = value.clone();
            }
            Ok(HttpReply::json(200, &answer))
        }
        ["api", version] => resources(session, "", version),
        ["apis", name, version] => resources(session, name, version),
        _ => Err(ApiError::no_resource()),
    }
}

fn group(name: &str, versions: &[(String, Vec<Arc<Resource>>)]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|(version, _)| json!({ "groupVersion": api_version(name, version), "version": version }))
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions.first() })
}

/// The resources of a version of a group.
pub(super) fn served(groups: Groups, group: &str, version: &str) -> ApiResult<Vec<Arc<Resource>>> {
    let found = groups
        .into_iter()
        .find(|(name, _)| name == group)
        .and_then(|(_, versions)| versions.into_iter().find(|(name, _)| name == version));
    let (_, resources) = found.ok_or_else(ApiError::no_resource)?;
    Ok(resources)
}

fn resources(session: &Session<'_>, group: &str, version: &str) -> ApiResult<HttpReply> {
    let resources = served(groups(session), group, version)?;
    let mut list = Vec::new();
    for resource in &resources {
        let mut entry = json!({
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": resource.verbs,
        });
        if !resource.short_names.is_empty() {
            entry["shortNames"] = json!(resource.short_names);
        }
        if !resource.categories.is_empty() {
            entry["categories"] = json!(resource.categories);
        }
        list.push(entry);
        for sub in &resource.subresources {
            let (group, version, kind) = &sub.kind;
            let mut entry = json!({
                "name": format!("{}/{}", resource.plural, sub.name),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": kind,
                "verbs": sub.verbs,
            });
            if *group != resource.group {
                entry["group"] = group.as_str().into();
                entry["version"] = version.as_str().into();
            }
            list.push(entry);
        }
    }
    Ok(HttpReply::json(
        200,
        &json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": api_version(group, version),
            "resources": list,
        }),
    ))
}

fn discovered(name: &str, versions: &[(String, Vec<Arc<Resource>>)]) -> Value {
    let kind = |(group, version, kind): (&str, &str, &str)| json!({ "group": group, "version": version, "kind": kind });
    let versions: Vec<Value> = versions
        .iter()
        .map(|(version, resources)| {
            let resources: Vec<Value> = resources
                .iter()
                .map(|resource| {
                    let subresources: Vec<Value> = resource
                        .subresources
                        .iter()
                        .map(|sub| {
                            json!({
                                "subresource": sub.name,
                                "responseKind": kind((&sub.kind.0, &sub.kind.1, &sub.kind.2)),
                                "verbs": sub.verbs,
                            })
                        })
                        .collect();
                    let mut entry = json!({
                        "resource": resource.plural,
                        "responseKind": kind((&resource.group, version, &resource.kind)),
                        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
                        "singularResource": resource.singular,
                        "verbs": resource.verbs,
                    });
                    for (key, list) in [
                        ("shortNames", json!(resource.short_names)),
                        ("categories", json!(resource.categories)),
                        ("subresources", json!(subresources)),
                    ] {
                        if list.as_array().is_some_and(|list| !list.is_empty()) {
                            entry[key] = list;
                        }
                    }
                    entry
                })
                .collect();
            json!({ "version": version, "freshness": "Current", "resources": resources })
        })
        .collect();
    let metadata = match name {
        "" => json!({}),
        name => json!({ "name": name }),
    };
    json!({ "metadata": metadata, "versions": versions })
}
