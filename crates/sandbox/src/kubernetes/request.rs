//! Reads requests: which cluster, which resource and object, what to do, in which form to answer.

use http::Method;
use serde_json::Value;

use super::error::{ApiError, ApiResult};
use crate::http::HttpRequest;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Paths that are of no resource: discovery, health, OpenAPI; the segments after the cluster.
    Plain(Vec<String>),
    Resource(Place),
}

/// A resource, or an object of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) plural: String,
    /// Empty: of the cluster, or of all namespaces.
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// A request of a cluster's API.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) cluster: String,
    pub(super) target: Target,
    pub(super) verb: Verb,
}

/// Reads the path; `None` where it is of no cluster.
pub(super) fn read(request: &HttpRequest) -> Option<Asked> {
    let mut segments = request.segments();
    if segments.len() < 2 || segments[0] != "clusters" {
        return None;
    }
    let rest = segments.split_off(2);
    let cluster = segments.pop()?;
    let target = target(rest);
    let verb = verb(request, &target);
    Some(Asked {
        cluster,
        target,
        verb,
    })
}

fn target(segments: Vec<String>) -> Target {
    let (group, version, rest) = match segments.first().map(String::as_str) {
        Some("api") if segments.len() > 2 => ("", segments[1].as_str(), &segments[2..]),
        Some("apis") if segments.len() > 3 => {
            (segments[1].as_str(), segments[2].as_str(), &segments[3..])
        }
        _ => return Target::Plain(segments),
    };
    let of = |namespace: &str, plural: &str, rest: &[String]| Place {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: plural.to_owned(),
        namespace: namespace.to_owned(),
        name: rest.first().cloned(),
        subresource: (rest.len() > 1).then(|| rest[1..].join("/")),
    };
    let own = |rest: &[String]| matches!(rest[2].as_str(), "status" | "finalize");
    let place = if rest[0] == "namespaces" && group.is_empty() && rest.len() == 3 && own(rest) {
        of("", "namespaces", &rest[1..])
    } else if rest[0] == "namespaces" && rest.len() > 2 {
        of(&rest[1], &rest[2], &rest[3..])
    } else {
        of("", &rest[0], &rest[1..])
    };
    Target::Resource(place)
}

fn verb(request: &HttpRequest, target: &Target) -> Verb {
    let named = matches!(target, Target::Resource(place) if place.name.is_some());
    let listed = matches!(target, Target::Resource(place) if place.name.is_none());
    match request.method {
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if named => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ if listed && flag(request, "watch") => Verb::Watch,
        _ if listed => Verb::List,
        _ => Verb::Get,
    }
}

/// Whether a parameter says yes.
pub(super) fn flag(request: &HttpRequest, name: &str) -> bool {
    matches!(request.query(name), Some("true" | "1" | "True" | ""))
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Table,
    /// Metadata alone.
    Partial,
}

/// Reads `Accept`: the first form that is known.
pub(super) fn form(request: &HttpRequest) -> Form {
    let accept = request.header("accept").unwrap_or_default();
    for media in accept.split(',') {
        let mut parts = media.split(';').map(str::trim);
        if !matches!(
            parts.next(),
            Some("application/json" | "*/*" | "application/*")
        ) {
            continue;
        }
        for part in parts {
            match part {
                "as=Table" => return Form::Table,
                "as=PartialObjectMetadata" | "as=PartialObjectMetadataList" => {
                    return Form::Partial;
                }
                _ => {}
            }
        }
        return Form::Plain;
    }
    Form::Plain
}

/// What `fieldValidation` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validation {
    Ignore,
    Warn,
    Strict,
}

/// Reads it; `Warn` unless it says otherwise.
pub(super) fn validation(request: &HttpRequest) -> ApiResult<Validation> {
    match request.query("fieldValidation") {
        None | Some("" | "Warn") => Ok(Validation::Warn),
        Some("Ignore") => Ok(Validation::Ignore),
        Some("Strict") => Ok(Validation::Strict),
        Some(other) => Err(ApiError::bad(format!(
            "invalid fieldValidation parameter: unsupported fieldValidation: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
        ))),
    }
}

/// Whether the request shall only be tried.
pub(super) fn dry_run(request: &HttpRequest) -> ApiResult<bool> {
    match request.query("dryRun") {
        None | Some("") => Ok(false),
        Some("All") => Ok(true),
        Some(other) => Err(ApiError::bad(format!(
            "invalid dryRun parameter: Unsupported value: {other:?}: supported values: \"All\""
        ))),
    }
}

/// Reads a body: JSON, or YAML where it is not.
pub(super) fn body(request: &HttpRequest) -> ApiResult<Value> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    let kind = request.header("content-type").unwrap_or_default();
    if kind.starts_with("application/vnd.kubernetes.protobuf")
        || kind.starts_with("application/cbor")
        || kind.starts_with("application/apply-patch+cbor")
    {
        return Err(ApiError::media_type(
            kind,
            &["application/json", "application/yaml"],
        ));
    }
    let json: Result<Value, _> = serde_json::from_slice(&request.body);
    match json {
        Ok(value) => Ok(value),
        Err(_) if kind.contains("yaml") => super::yaml::read(&request.body).map_err(|error| {
            ApiError::bad(format!("error converting YAML to JSON: yaml: {error}"))
        }),
        Err(error) => Err(ApiError::bad(format!(
            "couldn't get version/kind; json parse error: {error}"
        ))),
    }
}

/// The name under which the request's fields are managed.
pub(super) fn manager(request: &HttpRequest) -> ApiResult<String> {
    if let Some(name) = request
        .query("fieldManager")
        .filter(|name| !name.is_empty())
    {
        if name.len() > 128 || name.chars().any(char::is_control) {
            return Err(ApiError::new(
                422,
                "Invalid",
                format!(
                    "fieldManager: Invalid value: {name:?}: may not be longer than 128 and must be printable"
                ),
            ));
        }
        return Ok(name.to_owned());
    }
    let agent = request.header("user-agent").unwrap_or("unknown");
    Ok(agent.split('/').next().unwrap_or("unknown").to_owned())
}
