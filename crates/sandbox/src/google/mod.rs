//! Google Cloud on one port: finds the method of a request by its path among those of the discovery documents, checks
//! the body, lets the service have it in a transaction, and shapes answers and errors. Rules are in the services.

mod agents;
mod compute;
mod container;
mod context;
mod dns;
mod error;
mod federation;
mod iam;
mod item;
mod kms;
mod labels;
mod lro;
mod oauth;
mod peering;
mod places;
mod policy;
mod registry;
mod resource_manager;
mod schema;
mod secrets;
mod services;
mod sql;
mod storage;
#[cfg(test)]
mod tests;

pub(crate) use self::container::kubernetes::Clusters;

use serde_json::{Value, json};

use self::context::{Ctx, Input};
use self::error::{GoogleError, GoogleResult, Shape};
use self::schema::{Method, Segment, catalogue};
use crate::core::{Failure, Frame};
use crate::faults::Refusal;
use crate::http::{HttpReply, HttpRequest, segments};
use crate::world::Tx;

/// A service.
#[derive(Debug)]
struct Service {
    /// As methods begin: `compute`.
    name: &'static str,
    /// Its host's name, as errors have it.
    host: &'static str,
    shape: Shape,
    run: fn(&mut Ctx<'_>, &Input<'_>) -> GoogleResult<HttpReply>,
}

const SERVICES: &[Service] = &[
    Service {
        name: "compute",
        host: "compute.googleapis.com",
        shape: Shape::Errors,
        run: compute::run,
    },
    Service {
        name: "container",
        host: "container.googleapis.com",
        shape: Shape::Both,
        run: container::run,
    },
    Service {
        name: "iam",
        host: "iam.googleapis.com",
        shape: Shape::Both,
        run: iam::run,
    },
    Service {
        name: "cloudresourcemanager",
        host: "cloudresourcemanager.googleapis.com",
        shape: Shape::Both,
        run: resource_manager::run,
    },
    Service {
        name: "cloudkms",
        host: "cloudkms.googleapis.com",
        shape: Shape::Status,
        run: kms::run,
    },
    Service {
        name: "secretmanager",
        host: "secretmanager.googleapis.com",
        shape: Shape::Status,
        run: secrets::run,
    },
    Service {
        name: "artifactregistry",
        host: "artifactregistry.googleapis.com",
        shape: Shape::Status,
        run: registry::run,
    },
    Service {
        name: "serviceusage",
        host: "serviceusage.googleapis.com",
        shape: Shape::Both,
        run: services::run,
    },
    Service {
        name: "servicenetworking",
        host: "servicenetworking.googleapis.com",
        shape: Shape::Both,
        run: peering::run,
    },
    Service {
        name: "dns",
        host: "dns.googleapis.com",
        shape: Shape::Errors,
        run: dns::run,
    },
    Service {
        name: "sql",
        host: "sqladmin.googleapis.com",
        shape: Shape::Errors,
        run: sql::run,
    },
    Service {
        name: "storage",
        host: "storage.googleapis.com",
        shape: Shape::Errors,
        run: storage::run,
    },
];

/// Parameters that every method takes.
const STANDARD: [&str; 20] = [
    "alt",
    "$alt",
    "$apiVersion",
    "fields",
    "$fields",
    "key",
    "prettyPrint",
    "$prettyPrint",
    "quotaUser",
    "$quotaUser",
    "userIp",
    "access_token",
    "oauth_token",
    "callback",
    "uploadType",
    "upload_protocol",
    "upload_id",
    "userProject",
    "$.xgafv",
    "$unique",
];

/// A request that has found its method.
#[derive(Debug)]
pub(crate) struct Call {
    service: &'static Service,
    method: &'static Method,
    variables: Vec<(&'static str, String)>,
    /// For the log.
    params: Value,
}

/// Finds the method; what is none is refused as the front end does.
pub(crate) fn route(request: &HttpRequest) -> Result<Call, HttpReply> {
    if let Some(reply) = oauth::answer(request) {
        return Err(reply);
    }
    let path = ["/resumable/upload", "/upload", "/download"]
        .iter()
        .find_map(|prefix| request.path.strip_prefix(prefix))
        .unwrap_or(&request.path);
    // The data of an upload comes by another method than its beginning.
    let verb = match request.method.as_str() {
        "PUT" if path != request.path => "POST",
        verb => verb,
    };
    let segments = segments(path);
    let mut best: Option<(usize, Call)> = None;
    let mut elsewhere = false;
    for method in &catalogue().methods {
        let Some((rank, variables)) = matched(method, &segments) else {
            continue;
        };
        if method.http != verb {
            elsewhere = true;
            continue;
        }
        let service = SERVICES
            .iter()
            .find(|service| service.name == method.service);
        let Some(service) = service else { continue };
        if method.resource == "operations" && !owns_operation(service.name, &variables) {
            continue;
        }
        if best.as_ref().is_none_or(|(most, _)| rank > *most) {
            let call = Call {
                service,
                method,
                variables,
                params: params(method, request),
            };
            best = Some((rank, call));
        }
    }
    best.map(|(_, call)| call).ok_or_else(|| {
        let text = if elsewhere {
            format!(
                "The sandbox serves {} with another method than {}",
                request.path, request.method
            )
        } else {
            format!(
                "The sandbox serves no Google API at {} {}",
                request.method, request.path
            )
        };
        GoogleError::not_found(text).reply(Shape::Both)
    })
}

/// The body for the log; what may be secret as a whole stays out.
fn params(method: &Method, request: &HttpRequest) -> Value {
    if method.body.is_none() || method.verb == "addVersion" || request.path.starts_with("/upload") {
        return Value::Null;
    }
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}

/// The variables of a path that a method has, and how exactly it fits.
fn matched(
    method: &'static Method,
    segments: &[String],
) -> Option<(usize, Vec<(&'static str, String)>)> {
    if method.path.len() != segments.len() {
        return None;
    }
    let mut rank = 0;
    let mut variables = Vec::new();
    for (wanted, found) in method.path.iter().zip(segments) {
        match wanted {
            Segment::Literal(text) if text == found => rank += 1,
            Segment::Literal(_) => return None,
            Segment::Variable(name, None) => variables.push((*name, found.clone())),
            Segment::Variable(name, Some(verb)) => {
                let (value, custom) = found.rsplit_once(':')?;
                if custom != *verb {
                    return None;
                }
                rank += 1;
                variables.push((*name, value.to_owned()));
            }
        }
    }
    // `/v1/{parent}/{id}/services` is of projects only here.
    let parent = variables.iter().find(|(name, _)| name.ends_with("v1Id"));
    if parent.is_some_and(|(_, value)| value != "projects") {
        return None;
    }
    Some((rank, variables))
}

/// Several services have their operations at one path; their names tell whose they are.
fn owns_operation(service: &str, variables: &[(&'static str, String)]) -> bool {
    let name = variables.last().map_or("", |(_, value)| value);
    let named = variables
        .iter()
        .any(|(variable, _)| variable.starts_with("operation"));
    match service {
        "container" if named => name.starts_with("operation-"),
        "artifactregistry" => !name.starts_with("operation-"),
        "servicenetworking" => name.starts_with("pssn."),
        "serviceusage" => !name.starts_with("pssn."),
        _ => true,
    }
}

impl Call {
    fn perform(&self, ctx: &mut Ctx<'_>, request: &HttpRequest) -> GoogleResult<HttpReply> {
        if !is_authorized(request) {
            return Err(self.unauthorized());
        }
        for (name, _) in &request.query {
            let known = STANDARD.contains(&name.as_str())
                || self.method.queries.contains(&name.as_str())
                || name.starts_with("options.")
                || self.variables.iter().any(|(variable, _)| variable == name);
            if !known {
                let message = format!(
                    "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found in request message."
                );
                return Err(GoogleError::payload("", message));
            }
        }
        let upload = ["/upload", "/resumable"]
            .iter()
            .any(|prefix| request.path.starts_with(prefix));
        let body = match self.method.body {
            Some(schema) if !upload => {
                let mut body = read_json(&request.body)?;
                self.without_path(schema, &mut body);
                let place = if self.method.service == "compute" {
                    "resource"
                } else {
                    ""
                };
                catalogue().read(self.method.api, schema, place, body)?
            }
            _ => Value::Null,
        };
        let mut variables = self.variables.clone();
        for (name, value) in &mut variables {
            if context::is_project(self.method, name) {
                if !context::is_project_name(value) {
                    return Err(GoogleError::field("project", value, context::PROJECT).whole());
                }
                *value = ctx.project_id(value);
                if self.method.http != "GET" {
                    ctx.know_project(value);
                }
            }
        }
        let input = Input {
            method: self.method,
            variables,
            body,
            request,
        };
        let host = self.service.host;
        if self.service.name != "serviceusage" && !services::reached(ctx, input.project(), host) {
            return Err(disabled(host, &self.variables));
        }
        let mut reply = (self.service.run)(ctx, &input)?;
        // Older services know words alone.
        let numbers = !matches!(self.method.service, "compute" | "dns" | "storage")
            && request
                .query("$alt")
                .is_some_and(|alt| alt.contains("enum-encoding=int"));
        if let Some(schema) = self.method.answer.filter(|_| numbers)
            && let Ok(mut answer) = serde_json::from_slice(&reply.body)
        {
            catalogue().number(self.method.api, schema, &mut answer);
            reply.body = answer.to_string().into_bytes();
        }
        Ok(reply)
    }

    /// What Google's front end says to who does not say who they are.
    fn unauthorized(&self) -> GoogleError {
        let message = "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
        GoogleError::new(401, "required", "UNAUTHENTICATED", message)
            .whole()
            .detail(json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "CREDENTIALS_MISSING",
                "domain": "googleapis.com",
                "metadata": { "service": self.service.host, "method": self.method.name },
            }))
    }

    /// Takes members away that the path has too: some clients send the whole message.
    fn without_path(&self, schema: &'static str, body: &mut Value) {
        let Some(members) = body.as_object_mut() else {
            return;
        };
        let api = self.method.api;
        members.retain(|name, value| {
            let bound = matches!(name.as_str(), "name" | "parent" | "resource")
                || self.variables.iter().any(|(variable, _)| variable == name);
            !(bound && value.is_string()) || catalogue().has(api, schema, name)
        });
    }

    fn failure(&self, error: &GoogleError) -> Failure {
        Failure {
            reply: error.reply(self.service.shape),
            code: error.name(self.service.shape).to_owned(),
        }
    }
}

/// Whether there is a token, in the header or, as Google's system parameters have it, in the query. None is checked.
fn is_authorized(request: &HttpRequest) -> bool {
    let bearer = |value: &str| value.to_ascii_lowercase().starts_with("bearer ");
    let named = |name: &str| matches!(name, "access_token" | "oauth_token");
    request.header("authorization").is_some_and(bearer)
        || request.query.iter().any(|(name, _)| named(name))
}

fn read_json(body: &[u8]) -> GoogleResult<Value> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        GoogleError::payload("", format!("Invalid JSON payload received. {error}"))
    })
}

impl crate::core::Call for Call {
    fn service(&self) -> &str {
        self.service.name
    }

    fn operation(&self) -> &str {
        &self.method.name
    }

    fn region(&self) -> &str {
        context::location(&self.variables)
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
        let mut ctx = Ctx { frame, now };
        match self.perform(&mut ctx, request) {
            Ok(reply) => Ok((ctx.frame.tx, reply)),
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn refuse(&self, refusal: &Refusal, _request: &HttpRequest) -> Option<Failure> {
        let error = match refusal {
            Refusal::Throttle if self.service.name == "compute" => GoogleError::new(
                403,
                "rateLimitExceeded",
                "RESOURCE_EXHAUSTED",
                "Rate Limit Exceeded",
            ),
            Refusal::Throttle => GoogleError::new(
                429,
                "rateLimitExceeded",
                "RESOURCE_EXHAUSTED",
                format!(
                    "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of service '{}'.",
                    self.service.host
                ),
            ),
            Refusal::Error(503) => GoogleError::new(
                503,
                "backendError",
                "UNAVAILABLE",
                "The service is currently unavailable.",
            ),
            Refusal::Error(status) => GoogleError::new(
                *status,
                "backendError",
                "INTERNAL",
                "Internal error encountered.",
            ),
            Refusal::Code(code) if code == "SERVICE_DISABLED" => {
                disabled(self.service.host, &self.variables)
            }
            Refusal::Code(code) => GoogleError::new(
                status_of(code),
                code,
                code,
                "Refused by a fault of the sandbox",
            ),
            Refusal::Reset => return None,
        };
        Some(self.failure(&error))
    }

    fn broken(&self, message: String, _request: &HttpRequest) -> Failure {
        self.failure(&GoogleError::new(500, "internalError", "INTERNAL", message))
    }
}

/// What a service says whose API is not enabled in the project.
fn disabled(host: &str, variables: &[(&'static str, String)]) -> GoogleError {
    let project = variables
        .iter()
        .find(|(name, _)| name.starts_with("project"))
        .map_or("", |(_, value)| value);
    let title = host.split('.').next().unwrap_or(host);
    let message = format!(
        "{title} API has not been used in project {project} before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/{host}/overview?project={project} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
    );
    GoogleError::new(403, "accessNotConfigured", "PERMISSION_DENIED", message).detail(json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": { "service": host, "consumer": format!("projects/{project}") },
    }))
}

/// The HTTP status that goes with a code.
fn status_of(code: &str) -> u16 {
    match code {
        "UNAUTHENTICATED" | "authError" => 401,
        "PERMISSION_DENIED" | "forbidden" | "quotaExceeded" => 403,
        "NOT_FOUND" | "notFound" => 404,
        "ALREADY_EXISTS" | "alreadyExists" | "ABORTED" => 409,
        "conditionNotMet" => 412,
        "RESOURCE_EXHAUSTED" => 429,
        "INTERNAL" | "internalError" => 500,
        "UNAVAILABLE" | "backendError" => 503,
        _ => 400,
    }
}
