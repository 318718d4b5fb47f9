//! OpenAPI documents, as far as clients need them: which types there are, and that writes take `fieldValidation`.

use serde_json::{Map, Value, json};

use super::discovery::{groups, served};
use super::error::{ApiError, ApiResult};
use super::kinds::{Resource, api_version};
use super::schema::{OBJECT_META, definitions, type_of};
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
    let resources = served(groups, group, version)?;
    let mut schemas = Schemas::under("#/components/schemas/");
    let mut paths = Map::new();
    for resource in &resources {
        path_of(resource, &mut paths);
        schemas.add(session, resource);
    }
    Ok(HttpReply::json(
        200,
        &json!({
            "openapi": "3.0.0",
            "info": { "title": "Kubernetes", "version": session.cluster.version },
            "paths": paths,
            "components": { "schemas": schemas.all },
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

/// Schemas of a document, which refer to each other under a prefix.
struct Schemas {
    prefix: &'static str,
    all: Map<String, Value>,
}

impl Schemas {
    fn under(prefix: &'static str) -> Self {
        let all = Map::new();
        Self { prefix, all }
    }

    /// Adds the type of a resource.
    fn add(&mut self, session: &Session<'_>, resource: &Resource) {
        match type_of(&resource.group, &resource.version, &resource.kind) {
            Some(name) => self.builtin(name),
            None => self.custom(session, resource),
        }
    }

    /// Adds a built-in type and all that it refers to.
    fn builtin(&mut self, name: &str) {
        if self.all.contains_key(name) {
            return;
        }
        let Some(raw) = definitions().raw.get(name) else {
            return;
        };
        let mut found = Vec::new();
        let schema = self.linked(raw, &mut found);
        self.all.insert(name.to_owned(), schema);
        for name in found {
            self.builtin(&name);
        }
    }

    fn reference(&self, name: &str) -> Value {
        json!({ "allOf": [{ "$ref": format!("{}{name}", self.prefix) }] })
    }

    /// A schema with references as documents write them.
    fn linked(&self, value: &Value, found: &mut Vec<String>) -> Value {
        match value {
            Value::Object(members) => {
                if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                    found.push(name.to_owned());
                    return self.reference(name);
                }
                let mut copy = Map::new();
                for (key, value) in members {
                    // A property may be named so too.
                    if key == "x-kubernetes-int-or-string" && *value == true {
                        copy.insert(
                            "oneOf".into(),
                            json!([{ "type": "integer" }, { "type": "string" }]),
                        );
                        continue;
                    }
                    copy.insert(key.clone(), self.linked(value, found));
                }
                Value::Object(copy)
            }
            Value::Array(items) => items.iter().map(|item| self.linked(item, found)).collect(),
            value => value.clone(),
        }
    }

    fn custom(&mut self, session: &Session<'_>, resource: &Resource) {
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
        schema["properties"]["metadata"] = self.reference(OBJECT_META);
        for member in ["apiVersion", "kind"] {
            schema["properties"][member] = json!({ "type": "string" });
        }
        self.builtin(OBJECT_META);
        self.all.insert(custom_name(resource), schema);
    }
}

/// The name of a custom type: its group reversed, its version and kind.
fn custom_name(resource: &Resource) -> String {
    let mut parts: Vec<&str> = resource.group.split('.').collect();
    parts.reverse();
    format!("{}.{}.{}", parts.join("."), resource.version, resource.kind)
}

/// The older document in protobuf (gnostic's `openapi.v2`), without its types: who cannot find a kind in the newer one
/// looks here, and leaves what is not here to the server.
const NO_TYPES: &[u8] = b"\x0a\x032.0\x12\x12\x0a\x0aKubernetes\x12\x04v1.0\x42\x00\x4a\x00";

/// Answers `/openapi/v2`, to who reads it as JSON.
pub(super) fn v2(session: &Session<'_>, request: &HttpRequest) -> ApiResult<HttpReply> {
    let accept = request.header("accept").unwrap_or("*/*");
    let protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    if accept.contains(protobuf) {
        // Asked for with `@`, which no media type may have; answered with a dot.
        return Ok(HttpReply::new(200, &protobuf.replace('@', "."), NO_TYPES));
    }
    if !accept.contains("json") && !accept.contains("*/*") {
        return Err(ApiError::new(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        ));
    }
    let mut schemas = Schemas::under("#/definitions/");
    let mut paths = Map::new();
    for (_, versions) in groups(session) {
        for resource in versions.iter().flat_map(|(_, resources)| resources) {
            path_of(resource, &mut paths);
            schemas.add(session, resource);
        }
    }
    let document = json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": api_version("", &session.cluster.version) },
        "paths": paths,
        "definitions": schemas.all,
    });
    Ok(HttpReply::json(200, &document))
}
