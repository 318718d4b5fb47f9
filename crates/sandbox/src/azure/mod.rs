//! Azure Resource Manager on one port: finds the operation of a request by its path among those of the official models,
//! checks version, subscription, group and body, lets the service have it in a transaction, and shapes answers and errors.
//! Rules are in the services.

mod aks;
mod authorization;
mod compute;
mod conditions;
pub(crate) mod context;
mod dns;
mod engine;
mod error;
mod flexible;
mod id;
mod identity;
mod item;
mod keyvault;
mod kind;
mod locks;
mod log_analytics;
mod lro;
mod monitor;
mod mysql;
mod network;
mod page;
mod parts;
mod permissions;
mod places;
mod postgres;
mod private_dns;
mod records;
mod registry;
mod resources;
mod schema;
mod storage;
mod tags;
#[cfg(test)]
pub(crate) mod tests;
mod token;

use serde_json::{Value, json};

pub(crate) use self::aks::Clusters;
pub(crate) use self::context::{CLIENT, SUBSCRIPTION, TENANT};

use self::context::{Ctx, Input, Shape};
use self::error::{ArmError, ArmResult};
use self::id::Id;
use self::schema::{Operation, Segment, Side, catalogue};
use crate::core::{Failure, Frame};
use crate::faults::Refusal;
use crate::http::{HttpReply, HttpRequest};
use crate::world::Tx;

/// A request that has found its operation.
#[derive(Debug)]
pub(crate) struct Call {
    /// None for a request about an operation that goes on, or about blobs, which no model is kept of.
    operation: Option<&'static Operation>,
    variables: Vec<(&'static str, String)>,
    id: Id,
    shape: Shape,
    correlation: String,
    /// For the log.
    params: Value,
}

/// Finds the operation; what is none is refused as Resource Manager does.
pub(crate) fn route(request: &HttpRequest, id: &str) -> Result<Call, HttpReply> {
    if let Some(reply) = token::answer(request) {
        return Err(reply);
    }
    let correlation = request
        .header("x-ms-correlation-request-id")
        .unwrap_or(id)
        .to_owned();
    let with = |reply: HttpReply| reply.with("x-ms-correlation-request-id", correlation.as_str());
    if request
        .header("authorization")
        .is_none_or(|value| !value.to_ascii_lowercase().starts_with("bearer "))
    {
        if request.path.starts_with("/_vault/") {
            return Err(with(keyvault::challenge()));
        }
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return Err(with(
            ArmError::new(401, "AuthenticationFailed", message).reply(),
        ));
    }
    if request.path.starts_with(storage::data::PREFIX) {
        return Ok(Call {
            operation: None,
            variables: Vec::new(),
            id: Id::new(request.path.clone()),
            shape: Shape::Action,
            correlation,
            params: Value::Null,
        });
    }
    let segments = request.segments();
    let mut best: Option<(usize, &'static Operation)> = None;
    let mut elsewhere = false;
    for operation in &catalogue().operations {
        let Some(rank) = matched(operation, &segments) else {
            continue;
        };
        if operation.http != request.method.as_str() {
            elsewhere = true;
            continue;
        }
        if best.is_none_or(|(most, _)| rank > most) {
            best = Some((rank, operation));
        }
    }
    if let Some((_, operation)) = best {
        let (variables, id, shape) = read_path(operation, &segments);
        return Ok(Call {
            operation: Some(operation),
            variables,
            id,
            shape,
            correlation,
            params: params(operation, request),
        });
    }
    if request.method == http::Method::GET && lro::is_path(&request.path) {
        return Ok(Call {
            operation: None,
            variables: Vec::new(),
            id: Id::new(request.path.clone()),
            shape: Shape::Action,
            correlation,
            params: Value::Null,
        });
    }
    let error = if elsewhere {
        let message = format!(
            "The requested resource does not support http method '{}'.",
            request.method
        );
        ArmError::new(405, "MethodNotAllowed", message)
    } else {
        unknown(request)
    };
    Err(with(error.reply()))
}

/// What Resource Manager says of a path that it does not know.
fn unknown(request: &HttpRequest) -> ArmError {
    let id = Id::new(request.path.trim_end_matches('/'));
    let kind = id.kind();
    let namespace = kind.split('/').next().unwrap_or_default();
    let known = catalogue()
        .operations
        .iter()
        .any(|operation| operation.namespace().eq_ignore_ascii_case(namespace));
    if namespace.is_empty() {
        let message = format!(
            "The sandbox serves no Azure API at {} {}",
            request.method, request.path
        );
        return ArmError::new(404, "NotFound", message);
    }
    if !known {
        let message = format!("The resource namespace '{namespace}' is invalid.");
        return ArmError::new(404, "InvalidResourceNamespace", message);
    }
    no_type(&kind, request.query("api-version").unwrap_or_default())
}

/// What Resource Manager says of a type that its provider does not have.
pub(crate) fn no_type(kind: &str, version: &str) -> ArmError {
    let (namespace, rest) = kind.split_once('/').unwrap_or((kind, ""));
    ArmError::new(
        404,
        "InvalidResourceType",
        format!(
            "The resource type '{rest}' could not be found in the namespace '{namespace}' for api version '{version}'. The sandbox does not serve it."
        ),
    )
}

/// How exactly an operation's path fits, if it does.
fn matched(operation: &Operation, segments: &[String]) -> Option<usize> {
    let mut path = operation.path.as_slice();
    let mut found = segments;
    if path.first() == Some(&Segment::Scope) {
        path = &path[1..];
        found = segments.get(segments.len().checked_sub(path.len())?..)?;
    }
    // The version of a key or secret may be left out: the newest is meant.
    if let Some(Segment::Variable(name)) = path.last()
        && name.ends_with("-version")
        && found.len() + 1 == path.len()
    {
        path = &path[..path.len() - 1];
    }
    if path.len() != found.len() {
        return None;
    }
    let mut rank = 0;
    for (wanted, found) in path.iter().zip(found) {
        match wanted {
            Segment::Literal(text) if text.eq_ignore_ascii_case(found) => rank += 2,
            Segment::Literal(_) => return None,
            Segment::Variable(_) => rank += 1,
            Segment::Scope => {}
        }
    }
    Some(rank)
}

/// The variables of a path, and what it names.
fn read_path(
    operation: &'static Operation,
    segments: &[String],
) -> (Vec<(&'static str, String)>, Id, Shape) {
    let mut variables = Vec::new();
    let mut text = String::new();
    let mut path = operation.path.as_slice();
    let mut found = segments;
    if path.first() == Some(&Segment::Scope) {
        path = &path[1..];
        let scope = segments.len() - path.len();
        for segment in &segments[..scope] {
            text.push('/');
            text.push_str(segment);
        }
        variables.push(("scope", text.clone()));
        found = &segments[scope..];
    }
    let mut provider = None;
    let mut canonical = Vec::new();
    for (wanted, found) in path.iter().zip(found) {
        match wanted {
            Segment::Literal(name) => {
                canonical.push((*name).to_owned());
                if *name == "providers" {
                    provider = Some(canonical.len());
                }
            }
            Segment::Variable(name) => {
                variables.push((*name, found.clone()));
                canonical.push(found.clone());
            }
            Segment::Scope => {}
        }
    }
    // After the provider's name, types and names alternate; what is left over is a collection or an action.
    let tail = match provider {
        Some(at) => canonical.len().saturating_sub(at + 1),
        None => canonical.len(),
    };
    let mut shape = Shape::Resource;
    if tail % 2 == 1 {
        let last = canonical.pop().unwrap_or_default();
        let lists = operation.http == "GET" && operation.answer.is_some_and(|(_, list)| list);
        shape = if lists {
            Shape::Collection(last)
        } else {
            Shape::Action
        };
    }
    for segment in &canonical {
        text.push('/');
        text.push_str(segment);
    }
    (variables, Id::new(text), shape)
}

/// The body for the log; what is secret as a whole stays out.
fn params(operation: &Operation, request: &HttpRequest) -> Value {
    let secret = operation.api.starts_with("vault") || operation.name.starts_with("Secrets_");
    if operation.body.is_none() || secret {
        return Value::Null;
    }
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}

/// A service's own operations; what it gives nothing for is left to what all types have in common.
type Own = fn(&mut Ctx<'_>, &Input<'_>) -> ArmResult<Option<HttpReply>>;

fn own(api: &str) -> Own {
    match api {
        "resources" | "subscriptions" => resources::run,
        "network" => network::run,
        "containerservice" => aks::run,
        "authorization" => authorization::run,
        "compute" => compute::run,
        "containerregistry" => registry::run,
        "dns" => dns::run,
        "keyvault" => keyvault::run,
        "locks" => locks::run,
        "loganalytics" => log_analytics::run,
        "monitor" => monitor::run,
        "mysql" => mysql::run,
        "postgresql" => postgres::run,
        "privatedns" => private_dns::run,
        "storage" => storage::run,
        "vaultcertificates" | "vaultkeys" | "vaultsecrets" => keyvault::plane,
        _ => |_, _| Ok(None),
    }
}

impl Call {
    fn perform(&self, ctx: &mut Ctx<'_>, request: &HttpRequest) -> ArmResult<HttpReply> {
        let Some(operation) = self.operation else {
            if request.path.starts_with(storage::data::PREFIX) {
                return Ok(storage::data::answer(ctx, request));
            }
            return lro::answer(ctx, request);
        };
        let version = check_version(operation, request)?;
        resources::check_subscription(&self.id, operation)?;
        let body = read_body(operation, request)?;
        let input = Input {
            operation,
            variables: &self.variables,
            id: self.id.clone(),
            shape: self.shape.clone(),
            body,
            request,
            version,
        };
        resources::check_group(ctx, &input)?;
        resources::check_registered(ctx, &input)?;
        permissions::check(ctx, &input)?;
        locks::check(ctx, &input)?;
        match own(operation.api)(ctx, &input)? {
            Some(reply) => Ok(reply),
            None => engine::run(ctx, &input),
        }
    }

    fn failure(&self, error: &ArmError) -> Failure {
        Failure {
            reply: error
                .reply()
                .with("x-ms-correlation-request-id", self.correlation.as_str()),
            code: error.code.clone(),
        }
    }
}

/// The version that is asked for: a stable one not after the model's, or the model's own.
fn check_version(operation: &Operation, request: &HttpRequest) -> ArmResult<String> {
    let version = request
        .query
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("api-version"))
        .map(|(_, value)| value.as_str())
        .unwrap_or_default();
    if version.is_empty() {
        return Err(ArmError::bad(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    }
    let number = |c: &u8| c.is_ascii_digit();
    let bytes = version.as_bytes();
    let dated = bytes.len() == 10
        && bytes[..4].iter().all(number)
        && bytes[4] == b'-'
        && bytes[5..7].iter().all(number)
        && bytes[7] == b'-'
        && bytes[8..].iter().all(number);
    let vault = operation.api.starts_with("vault");
    let old_vault = vault && ["7.2", "7.3", "7.4", "7.5", "7.6"].contains(&version);
    if version == operation.version
        || old_vault
        || dated && version >= "2015-01-01" && version <= operation.version
    {
        return Ok(version.to_owned());
    }
    let namespace = operation.namespace();
    if namespace.is_empty() || namespace == "Microsoft.Resources" || vault {
        return Err(ArmError::bad(
            "InvalidApiVersionParameter",
            format!(
                "The api-version '{version}' is invalid. The supported versions are '{}' and stable ones before.",
                operation.version
            ),
        ));
    }
    Err(ArmError::bad(
        "NoRegisteredProviderFound",
        format!(
            "No registered resource provider found for API version '{version}' for type '{namespace}'. The supported api-versions are '{}' and stable ones before.",
            operation.version
        ),
    ))
}

fn read_body(operation: &'static Operation, request: &HttpRequest) -> ArmResult<Value> {
    let Some((schema, needed)) = operation.body else {
        return Ok(Value::Null);
    };
    if request.body.is_empty() {
        if needed {
            return Err(ArmError::bad(
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized: 'The request body is empty.'",
            ));
        }
        return Ok(Value::Null);
    }
    let kind = request.header("content-type").unwrap_or("<null>");
    if !kind.to_ascii_lowercase().contains("json") {
        return Err(ArmError::new(
            415,
            "UnsupportedMediaType",
            format!(
                "The content media type '{kind}' is not supported. Only 'application/json' is supported."
            ),
        ));
    }
    let body = serde_json::from_slice(&request.body).map_err(|error| {
        ArmError::bad(
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: '{error}'."),
        )
    })?;
    let side = if operation.http == "PATCH" {
        Side::Change
    } else {
        Side::Request
    };
    catalogue()
        .read(operation.api, schema, "", body, side)
        .map_err(|problem| ArmError::body(operation, &problem))
}

impl crate::core::Call for Call {
    fn service(&self) -> &str {
        self.operation
            .map_or("operations", |operation| operation.api)
    }

    fn operation(&self) -> &str {
        self.operation.map_or("Get", |operation| operation.name)
    }

    fn region(&self) -> &str {
        self.variables
            .iter()
            .find(|(name, _)| *name == "location")
            .map_or("", |(_, value)| value)
    }

    fn params(&self) -> Value {
        self.params.clone()
    }

    fn run<'a>(
        &self,
        frame: Frame<'a>,
        request: &HttpRequest,
    ) -> Result<(Tx<'a>, HttpReply), Failure> {
        let now = frame.now;
        let base = format!("http://{}", request.header("host").unwrap_or("127.0.0.1"));
        let mut ctx = Ctx { frame, now, base };
        match self.perform(&mut ctx, request) {
            Ok(reply) => Ok((
                ctx.frame.tx,
                reply.with("x-ms-correlation-request-id", self.correlation.as_str()),
            )),
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn refuse(&self, refusal: &Refusal, request: &HttpRequest) -> Option<Failure> {
        let error = match refusal {
            Refusal::Throttle => throttled(&self.id, request),
            Refusal::Error(503) => ArmError::new(
                503,
                "ServerUnavailable",
                "The server is currently unavailable. Please try again later.",
            ),
            Refusal::Error(status) => ArmError::new(
                *status,
                "InternalServerError",
                format!(
                    "Encountered internal server error. Diagnostic information: subscription id '{}', request correlation id '{}'.",
                    self.id.subscription(),
                    self.correlation
                ),
            ),
            Refusal::Code(code) if code == "ExpiredAuthenticationToken" => ArmError::new(
                401,
                code,
                "The access token expiry UTC time is earlier than current UTC time.",
            ),
            Refusal::Code(code) => {
                ArmError::new(status_of(code), code, "Refused by a fault of the sandbox")
            }
            Refusal::Reset => return None,
        };
        Some(self.failure(&error))
    }

    fn broken(&self, message: String, _request: &HttpRequest) -> Failure {
        self.failure(&ArmError::new(500, "InternalServerError", message))
    }
}

/// What the token bucket of a subscription says when it is empty.
fn throttled(id: &Id, request: &HttpRequest) -> ArmError {
    let kind = if request.method == http::Method::GET {
        "read"
    } else {
        "write"
    };
    ArmError::new(
        429,
        "SubscriptionRequestsThrottled",
        format!(
            "Number of '{kind}' requests for subscription '{}' actor 'sandbox' exceeded. Please try again after '1' seconds after additional tokens are available.",
            id.subscription()
        ),
    )
    .retry_after(1)
}

/// The HTTP status that goes with a code.
fn status_of(code: &str) -> u16 {
    match code {
        "AuthenticationFailed" | "InvalidAuthenticationToken" => 401,
        "AuthorizationFailed" | "RequestDisallowedByPolicy" | "SubscriptionNotAuthorized" => 403,
        "ResourceNotFound" | "ResourceGroupNotFound" | "NotFound" => 404,
        "Conflict"
        | "SkuNotAvailable"
        | "QuotaExceeded"
        | "OperationNotAllowed"
        | "MissingSubscriptionRegistration"
        | "AnotherOperationInProgress" => 409,
        "PreconditionFailed" => 412,
        "TooManyRequests" | "SubscriptionRequestsThrottled" | "RetryableError" => 429,
        "InternalServerError" => 500,
        "ServerUnavailable" | "ServiceUnavailable" => 503,
        _ => 400,
    }
}

/// A document that is an answer by itself.
fn found(value: &Value) -> ArmResult<Option<HttpReply>> {
    Ok(Some(HttpReply::json(200, value)))
}

/// A quota's use, as `…/usages` shows it.
fn usage(name: &str, display: &str, used: usize, limit: u64) -> Value {
    json!({
        "unit": "Count", "currentValue": used, "limit": limit,
        "name": { "value": name, "localizedValue": display },
    })
}
