//! OpenAPI documents, as far as clients need them: which types there are, and that writes take `fieldValidation`.

use serde_json::{Map, Value, json};

use super::discovery::groups;
use super::error::{ApiError, ApiResult};
use super::kinds::{Resource, api_version};
use super::schema::{definitions, type_of};
use super::store::Session;
use super::value::{list, text};
use crate::http::{HttpReply, HttpRequest};

/// Answers `/openapi/v3` and what is under it.
pub(super) fn v3(session: &Session<'_>, rest: &[String]) -> ApiResult<HttpReply> {
    let groups = groups(session);
    if rest.is_empty() {
        let mut paths = Map::new();
        for (name, versions) in &groups {
            for (version, _) in versions {
                let path = match name.as_str() {
                    "" => format!("api/{version}"),
                    name => format!("apis/{name}/{version}"),
                };
                let url = format!("/openapi/v3/{path}?hash={}", session.tx().version());
                paths.insert(path, json!({ "serverRelativeURL": url }));
            }
        }
        return Ok(HttpReply::json(200, &json!({ "paths": paths })));
    }
    let (group, version) = match rest {
        [api, version] if api == "api" => ("", version),
        [apis, group, version] if apis == "apis" => (group.as_str(), version),
        _ => return Err(ApiError::no_resource()),
    };
    let found = groups
        .iter()
        .find(|(name, _)| name == group)
        .and_then(|(_, versions)| versions.iter().find(|(name, _)| name == version));
    let (_, resources) = found.ok_or_else(ApiError::no_resource)?;
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for resource in resources {
        path_of(resource, &mut paths);
        match type_of(group, version, &resource.kind) {
            Some(name) => builtin(name, &mut schemas),
            None => custom(session, resource, &mut schemas),
        }
    }
    Ok(HttpReply::json(
        200,
        &json!({
            "openapi": "3.0.0",
            "info": { "title": "Kubernetes", "version": session.cluster.version },
            "paths": paths,
            "components": { "schemas": schemas },
        }),
    ))
}

fn path_of(resource: &Resource, paths: &mut Map<String, Value>) {
    let root = match resource.group.as_str() {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    let base = if resource.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        format!("{root}/{}", resource.plural)
    };
    let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation", "force"]
        .map(|name| json!({ "name": name, "in": "query", "schema": { "type": if name == "force" { "boolean" } else { "string" } } }))
        .into();
    let kind =
        json!({ "group": resource.group, "version": resource.version, "kind": resource.kind });
    let operation = |action: &str| {
        json!({
            "parameters": parameters,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind,
            "responses": { "200": { "description": "OK" } },
        })
    };
    paths.insert(base.clone(), json!({ "post": operation("post") }));
    paths.insert(
        format!("{base}/{{name}}"),
        json!({ "get": operation("get"), "put": operation("put"), "patch": operation("patch"), "delete": operation("delete") }),
    );
}

/// A built-in type and all that it refers to.
fn builtin(name: &str, schemas: &mut Map<String, Value>) {
    if schemas.contains_key(name) {
        return;
    }
    let Some(raw) = definitions().raw.get(name) else {
        return;
    };
    let mut found = Vec::new();
    let schema = linked(raw, "#/components/schemas/", &mut found);
    schemas.insert(name.to_owned(), schema);
    for name in found {
        builtin(&name, schemas);
    }
}

/// A schema with references as documents write them.
fn linked(value: &Value, prefix: &str, found: &mut Vec<String>) -> Value {
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                found.push(name.to_owned());
                return json!({ "allOf": [{ "$ref": format!("{prefix}{name}") }] });
            }
            let mut copy = Map::new();
            for (key, value) in members {
                if key == "x-kubernetes-int-or-string" {
                    copy.insert(
                        "oneOf".into(),
                        json!([{ "type": "integer" }, { "type": "string" }]),
                    );
                    continue;
                }
                copy.insert(key.clone(), linked(value, prefix, found));
            }
            Value::Object(copy)
        }
        Value::Array(items) => items
            .iter()
            .map(|item| linked(item, prefix, found))
            .collect(),
        value => value.clone(),
    }
}

/// The name of a custom type: its group reversed, its version and kind.
fn custom_name(resource: &Resource) -> String {
    let mut parts: Vec<&str> = resource.group.split('.').collect();
    parts.reverse();
    format!("{}.{}.{}", parts.join("."), resource.version, resource.kind)
}

fn custom(session: &Session<'_>, resource: &Resource, schemas: &mut Map<String, Value>) {
    let Some(name) = &resource.definition else {
        return;
    };
    let Some(definition) = session.find(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "",
        name,
    ) else {
        return;
    };
    let version = list(&definition, "/spec/versions")
        .iter()
        .find(|version| text(version, "/name") == resource.version);
    let mut schema = version
        .and_then(|version| version.pointer("/schema/openAPIV3Schema"))
        .cloned()
        .unwrap_or_else(|| json!({ "type": "object" }));
    schema["x-kubernetes-group-version-kind"] = json!([{
        "group": resource.group, "version": resource.version, "kind": resource.kind,
    }]);
    schema["properties"]["metadata"] = json!({
        "allOf": [{ "$ref": format!("#/components/schemas/{}", super::schema::OBJECT_META) }],
    });
    for member in ["apiVersion", "kind"] {
        schema["properties"][member] = json!({ "type": "string" });
    }
    builtin(super::schema::OBJECT_META, schemas);
    schemas.insert(custom_name(resource), schema);
}

/// Answers `/openapi/v2`, to who reads it as JSON.
pub(super) fn v2(session: &Session<'_>, request: &HttpRequest) -> ApiResult<HttpReply> {
    let accept = request.header("accept").unwrap_or("*/*");
    if !accept.contains("json") && !accept.contains("*/*") {
        return Err(ApiError::new(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        ));
    }
    let mut all = Map::new();
    let mut paths = Map::new();
    for (group, versions) in groups(session) {
        for (version, resources) in versions {
            for resource in &resources {
                path_of(resource, &mut paths);
                match type_of(&group, &version, &resource.kind) {
                    Some(name) => builtin(name, &mut all),
                    None => custom(session, resource, &mut all),
                }
            }
        }
    }
    let text = Value::Object(all)
        .to_string()
        .replace("#/components/schemas/", "#/definitions/");
    let definitions: Value =
        serde_json::from_str(&text).map_err(|error| ApiError::internal(error.to_string()))?;
    let document = json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": api_version("", &session.cluster.version) },
        "paths": paths,
        "definitions": definitions,
    });
    Ok(HttpReply::json(200, &document))
}
