//! The Kubernetes API of every cluster, at `/clusters/NAME` on one port: finds the cluster, checks who asks, lets the
//! verb or discovery answer in a transaction in which the cluster's controllers work too. Written from the Kubernetes
//! API reference.

mod admission;
mod apply;
mod auth;
pub(crate) mod clusters;
mod columns;
mod controllers;
mod cron;
mod defaults;
mod delete;
mod discovery;
mod error;
mod kinds;
mod local;
mod meta;
mod openapi;
mod patch;
mod protobuf;
mod quantity;
mod request;
mod review;
mod rules;
mod schema;
mod selector;
mod store;
mod sub;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod validate;
mod value;
mod verbs;
mod version;
pub(crate) mod watch;
mod write;
mod yaml;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::error::{ApiError, ApiResult};
use self::request::{Asked, Target, Verb};
use self::store::Session;
use crate::core::{Failure, Frame};
use crate::faults::Refusal;
use crate::http::{HttpReply, HttpRequest};
use crate::world::Tx;

/// A request that has found its cluster's name.
#[derive(Debug)]
pub(crate) struct Call {
    asked: Asked,
    operation: String,
    params: Value,
}

/// Reads the path; what is of no cluster is refused.
pub(crate) fn route(request: &HttpRequest) -> Result<Call, HttpReply> {
    let Some(asked) = request::read(request) else {
        let message = format!(
            "The sandbox serves a cluster's API at /clusters/NAME, not at {}",
            request.path
        );
        return Err(ApiError::new(404, "NotFound", message).reply());
    };
    let operation = match &asked.target {
        Target::Plain(segments) => format!("get/{}", segments.join("/")),
        Target::Resource(place) => {
            let applied = request
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("application/apply-patch"));
            let verb = if applied { "apply" } else { asked.verb.word() };
            match &place.subresource {
                None => format!("{verb}/{}", place.plural),
                Some(sub) => format!("{verb}/{}/{sub}", place.plural),
            }
        }
    };
    // Bodies may be secret, and are large: the log has the query alone.
    let query = request.query.iter();
    let params: serde_json::Map<String, Value> = query
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    Ok(Call {
        asked,
        operation,
        params: Value::Object(params),
    })
}

impl Call {
    fn perform<'a>(
        &self,
        frame: Frame<'a>,
        request: &HttpRequest,
    ) -> Result<(Tx<'a>, HttpReply), ApiError> {
        let mut frame = frame;
        let cluster = clusters::enter(&mut frame, &self.asked.cluster)?;
        let user = auth::user(request, &cluster, frame.now)?;
        let place = match &self.asked.target {
            Target::Resource(place) => Some(place),
            Target::Plain(_) => None,
        };
        let asked = (self.asked.verb.word(), place);
        auth::admit(&user, &cluster, frame.pace, frame.now, asked)?;
        let mut session = Session::new(frame, cluster);
        controllers::settle(&mut session);
        let dry_run = request::dry_run(request)?;
        // What was due is done, whatever comes of a trial.
        let before = session.tx().mark();
        session.client = true;
        let result = self.answer(&mut session, request, &user);
        let warnings = std::mem::take(&mut session.warnings);
        let mut reply = result?;
        for warning in warnings {
            let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
            reply = reply.with("warning", format!("299 - \"{text}\""));
        }
        if dry_run {
            let mut frame = session.finish();
            frame.tx.undo_to(before);
            return Ok((frame.tx, reply));
        }
        if !matches!(self.asked.verb, Verb::Get | Verb::List | Verb::Watch) {
            controllers::run(&mut session);
        }
        Ok((session.finish().tx, reply))
    }

    fn answer(
        &self,
        session: &mut Session<'_>,
        request: &HttpRequest,
        user: &auth::User,
    ) -> ApiResult<HttpReply> {
        let segments = match &self.asked.target {
            Target::Resource(place) => {
                return verbs::answer(session, place, self.asked.verb, request, user);
            }
            Target::Plain(segments) => segments,
        };
        if request.method != http::Method::GET {
            return Err(ApiError::method());
        }
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        match names.as_slice() {
            [] => Ok(HttpReply::json(
                200,
                &json!({ "paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"] }),
            )),
            ["version"] => Ok(HttpReply::json(
                200,
                &version::info(session.cluster.cloud, &session.cluster.version),
            )),
            ["healthz" | "livez" | "readyz", ..] => Ok(HttpReply::new(200, "text/plain", "ok")),
            ["api" | "apis", ..] => discovery::answer(session, segments, request),
            ["openapi", "v3", ..] => openapi::v3(session, &segments[2..]),
            ["openapi", "v2"] => openapi::v2(session, request),
            _ => Err(ApiError::no_resource()),
        }
    }

    fn failure(error: &ApiError) -> Failure {
        Failure {
            reply: error.reply(),
            code: error.reason.to_owned(),
        }
    }
}

impl crate::core::Call for Call {
    fn service(&self) -> &str {
        "kubernetes"
    }

    fn operation(&self) -> &str {
        &self.operation
    }

    fn region(&self) -> &str {
        &self.asked.cluster
    }

    fn params(&self) -> Value {
        self.params.clone()
    }

    fn run<'a>(
        &self,
        frame: Frame<'a>,
        request: &HttpRequest,
    ) -> Result<(Tx<'a>, HttpReply), Failure> {
        self.perform(frame, request)
            .map_err(|error| Self::failure(&error))
    }

    fn refuse(&self, refusal: &Refusal, _: &HttpRequest) -> Option<Failure> {
        let error = match refusal {
            Refusal::Throttle => {
                let message =
                    "the server has received too many requests and has asked us to try again later";
                ApiError::new(429, "TooManyRequests", message).retry_after(1)
            }
            Refusal::Error(503) => ApiError::new(
                503,
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            Refusal::Error(status) => {
                ApiError::new(*status, "InternalError", "an internal error occurred")
            }
            Refusal::Code(code) => {
                let (status, reason) = match code.as_str() {
                    "Unauthorized" => (401, "Unauthorized"),
                    "Forbidden" => (403, "Forbidden"),
                    "NotFound" => (404, "NotFound"),
                    "Conflict" => (409, "Conflict"),
                    "Timeout" => (504, "Timeout"),
                    _ => (400, "BadRequest"),
                };
                ApiError::new(status, reason, "Refused by a fault of the sandbox")
            }
            Refusal::Reset => return None,
        };
        Some(Self::failure(&error))
    }

    fn broken(&self, message: String, _: &HttpRequest) -> Failure {
        Self::failure(&ApiError::internal(message))
    }
}

/// Ten letters and digits of a digest, as the names of what controllers make end in.
fn hash(text: &str) -> String {
    letters(&Sha256::digest(text.as_bytes())[..10])
}

/// A letter or digit for each byte.
fn letters(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}
