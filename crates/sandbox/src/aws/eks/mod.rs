//! EKS: REST with JSON. One file per type; what they share on the wire (errors, tokens, pages, tags) is here.

mod access;
mod addon;
mod addon_catalogue;
pub(crate) mod cluster;
mod cluster_config;
mod cluster_update;
mod cluster_view;
pub(crate) mod kubernetes;
mod kubernetes_balancer;
pub(crate) mod nodegroup;
pub(super) mod nodegroup_config;
mod nodegroup_nodes;
mod nodegroup_update;
mod pod_identity;
mod tagging;
mod update;
pub(super) mod versions;

pub(super) use self::tagging::tagged;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::context::Ctx;
use super::error::{AwsError, AwsResult};
use super::rest::{RestRequest, RestService};
use crate::clock::Millis;
use crate::tags::{Characters, Tags};
use crate::token::Token;

/// The service.
pub(super) const SERVICE: RestService = RestService {
    operations: &[
        cluster::OPERATIONS,
        cluster_update::OPERATIONS,
        versions::OPERATIONS,
        update::OPERATIONS,
        nodegroup::OPERATIONS,
        nodegroup_update::OPERATIONS,
        addon::OPERATIONS,
        access::OPERATIONS,
        pod_identity::OPERATIONS,
        tagging::OPERATIONS,
    ],
};

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidRequestException", message)
}

fn not_found(message: impl Into<String>) -> AwsError {
    AwsError::with_status(404, "ResourceNotFoundException", message)
}

/// More than a quota lets there be.
fn over(message: impl Into<String>) -> AwsError {
    AwsError::new("ResourceLimitExceededException", message)
}

fn in_use(message: impl Into<String>) -> AwsError {
    AwsError::with_status(409, "ResourceInUseException", message)
}

/// Reads the body as a request's struct; what does not fit is refused.
fn read<T: DeserializeOwned>(request: &RestRequest) -> AwsResult<T> {
    let mut body = request.body.clone();
    if let Some(members) = body.as_object_mut() {
        // Some SDKs send absent members as null.
        members.retain(|name, value| {
            !value.is_null() && name != "clientRequestToken" && name != "tags"
        });
    }
    serde_json::from_value(body).map_err(|error| invalid(error.to_string()))
}

/// Tags in the body.
fn tags(request: &RestRequest) -> AwsResult<Tags> {
    let pairs = request
        .body
        .get("tags")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let pairs =
        pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    Tags::from_pairs(pairs, Characters::Any).map_err(|error| invalid(error.to_string()))
}

fn scoped(request: &RestRequest, operation: &str) -> String {
    format!("{operation}/{}", request.label("name"))
}

fn untokened(request: &RestRequest) -> String {
    let mut body = request.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("clientRequestToken");
    }
    sorted(&body).to_string()
}

/// The same with members in order: SDKs send maps in any.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .collect();
            members.sort_by_key(|(name, _)| *name);
            members
                .into_iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn token(request: &RestRequest) -> Option<&str> {
    request
        .body
        .get("clientRequestToken")
        .and_then(Value::as_str)
}

/// What the request's token made before, if it did.
fn replay(ctx: &Ctx<'_>, request: &RestRequest, operation: &str) -> AwsResult<Option<String>> {
    let Some(token) = token(request) else {
        return Ok(None);
    };
    match ctx.token(
        &format!("eks/{}", scoped(request, operation)),
        token,
        &untokened(request),
    ) {
        Token::New => Ok(None),
        Token::Seen(id) => Ok(id.as_str().map(str::to_owned)),
        Token::Mismatch => Err(invalid(
            "The client request token was already used with other parameters",
        )),
    }
}

/// Remembers what the request's token made.
fn remember(ctx: &mut Ctx<'_>, request: &RestRequest, operation: &str, id: &str) {
    let operation = format!("eks/{}", scoped(request, operation));
    ctx.remember(&operation, token(request), &untokened(request), id);
}

/// Cuts a page by `maxResults` and `nextToken`.
fn paged<T>(
    request: &RestRequest,
    name: &str,
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    each: impl FnMut(&T) -> Value,
) -> AwsResult<Map<String, Value>> {
    let limit = match request.query("maxResults").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(limit @ 1..=100)) => limit,
        Some(_) => return Err(invalid("maxResults must be between 1 and 100")),
    };
    let bad = || invalid("The nextToken is not valid");
    let token = request.query("nextToken").filter(|token| !token.is_empty());
    let page = super::context::page(items, key, token, Some(limit), bad)?;
    let mut answer = Map::new();
    answer.insert(name.to_owned(), page.items.iter().map(each).collect());
    answer.insert(
        "nextToken".to_owned(),
        page.next.map_or(Value::Null, Value::from),
    );
    Ok(answer)
}

/// Seconds since 1970.
fn seconds(at: Millis) -> Value {
    json!(at as f64 / 1000.0)
}
