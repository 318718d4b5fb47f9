//! Calls through Google's official crates: a table for each, with a line for every method that the provider calls. A line says
//! the method's name and path, the client's function, and the type of its request; what was to be sent as JSON goes into that
//! type, and what the client gives back is JSON again for what is above, with enumerations by name.
//!
//! The types leave out what is nothing (`if !self.peerings.is_empty()` in each crate's `serialize.rs`), and have no way to say
//! `null`. For most methods nothing and unsaid are the same. For those that change just the fields that stand in the body
//! (`exact`) they are not: such a call, when it takes something away, is the one that [`Outcome::Unsayable`] hands back.

mod arguments;
mod clients;
mod compute;
mod container;
mod dns;
#[cfg(test)]
mod known;
mod names;
mod path;
mod platform;
mod policy;
mod sql;
#[cfg(test)]
mod tests;

use crate::access::Access;
use crate::client::Request;
use crate::error;
use arguments::{Arguments, Body};
pub(crate) use clients::Clients;
use futures::future::BoxFuture;
use google_cloud_gax::error::{CredentialsError, Error};
use google_cloud_gax::options::RequestOptions;
use google_cloud_gax::retry_policy::NeverRetry;
use infra_model::cause::innermost;
use infra_model::{ErrorKind, ProviderError};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// A method of an official crate.
struct Method {
    /// `compute.networks.insert`
    call: &'static str,
    /// `projects/{project}/global/networks`
    path: &'static str,
    body: Body,
    /// Whether a field that is not in the body stays as it is.
    exact: bool,
    send: for<'a> fn(&'a Clients, Arguments) -> BoxFuture<'a, Result<Json, Failure>>,
}

/// Why there is no answer to take.
#[derive(Debug)]
enum Failure {
    /// What is asked for has no place in the official type.
    Unfit(String),
    /// The official type would leave out something that was said.
    Lossy,
    /// There is no client.
    Client(google_cloud_gax::client_builder::Error),
    /// The call failed.
    Call(Error),
}

impl Failure {
    fn unfit(why: impl std::fmt::Display) -> Failure {
        Failure::Unfit(why.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Call(error)
    }
}

/// How a call went.
pub(crate) enum Outcome {
    /// The service's answer, or why there is none.
    Answered(Result<Json, ProviderError>),
    /// The official type cannot say that something is taken away.
    Unsayable,
}

/// A method of a crate whose requests are messages: the request is read as a whole.
macro_rules! rpc {
    (
        $call:literal $path:literal $($client:ident)::+ . $method:ident ($request:ty)
        $body:expr $(, $exact:ident)?
    ) => {
        $crate::official::Method {
            call: $call,
            path: $path,
            body: $body,
            exact: false $(|| $crate::official::yes(stringify!($exact)))?,
            send: |clients, arguments| {
                Box::pin(async move {
                    let request: $request = arguments.whole()?;
                    let client = clients.of::<$($client)::+>().await?;
                    let call = client.$method().with_request(request);
                    let answer = call.with_options(clients.options()).send().await?;
                    $crate::official::answer(&answer)
                })
            },
        }
    };
}

/// A method of a crate made from a discovery document: its requests have no form of their own, and are put together by field.
macro_rules! discovery {
    (
        $call:expr, $path:expr, $client:ident . $method:ident, $($request:ident)::+,
        $($field:ident)* $(; $exact:ident)?
    ) => {
        $crate::official::Method {
            call: $call,
            path: $path,
            body: $crate::official::arguments::Body::Field("body"),
            exact: false $(|| $crate::official::yes(stringify!($exact)))?,
            send: |clients, mut arguments| {
                Box::pin(async move {
                    let mut request = $($request)::+::default();
                    $(request.$field = arguments.take(stringify!($field))?;)*
                    arguments.done()?;
                    let client = clients.of::<$client>().await?;
                    let call = client.$method().with_request(request);
                    let answer = call.with_options(clients.options()).send().await?;
                    $crate::official::answer(&answer)
                })
            },
        }
    };
}
use {discovery, rpc};

/// What the word `exact` in a line means.
const fn yes(_: &str) -> bool {
    true
}

fn answer<T: serde::Serialize>(answer: &T) -> Result<Json, Failure> {
    names::json(answer).map_err(Failure::unfit)
}

/// All tables.
fn methods() -> impl Iterator<Item = &'static Method> {
    let tables = [
        container::METHODS,
        sql::METHODS,
        dns::METHODS,
        platform::METHODS,
        policy::METHODS,
    ];
    compute::methods().chain(tables.into_iter().flatten())
}

/// The line of a call, with what it says.
fn line(request: &Request) -> Option<(&'static Method, Arguments)> {
    methods()
        .filter(|method| method.call == request.call)
        .find_map(|m| Some((m, Arguments::of(request, m.path, m.body, m.exact)?)))
}

/// How every call is made: once, because what is above sends again; not for ever; and against the quota of the right project.
fn options(access: &Access) -> RequestOptions {
    let mut options = RequestOptions::default();
    options.set_retry_policy(NeverRetry);
    options.set_attempt_timeout(Duration::from_mins(1));
    options.set_user_agent(crate::access::USER_AGENT);
    if let Some(project) = &access.config.billing_project {
        options.set_quota_project(project);
    }
    options
}

/// Makes a call of a service that has an official crate.
pub(crate) async fn call(clients: &Clients, request: &Request) -> Outcome {
    let service = request.service;
    let failed = |kind: ErrorKind, message: String| ProviderError {
        service: service.name.to_owned(),
        operation: request.call.clone(),
        ..ProviderError::new(kind, message)
    };
    let Some((method, arguments)) = line(request) else {
        let message = format!("no official client has the call on `{}`", request.path);
        return Outcome::Answered(Err(failed(ErrorKind::Other, message)));
    };
    let failure = match (method.send)(clients, arguments).await {
        Ok(answer) => return Outcome::Answered(Ok(answer)),
        Err(failure) => failure,
    };
    let endpoint = clients.access().endpoint(service, None);
    Outcome::Answered(Err(match failure {
        Failure::Lossy => return Outcome::Unsayable,
        Failure::Unfit(why) => failed(
            ErrorKind::Invalid,
            format!("Google's client does not take what is asked for: {why}"),
        ),
        Failure::Client(error) => failed(
            ErrorKind::Denied,
            format!("no client for {endpoint}: {}", innermost(&error)),
        ),
        Failure::Call(error) => refused(&error, &endpoint, request, failed),
    }))
}

/// The typed error of a call that failed.
fn refused(
    error: &Error,
    endpoint: &str,
    request: &Request,
    failed: impl Fn(ErrorKind, String) -> ProviderError,
) -> ProviderError {
    if let Some(status) = error.http_status_code() {
        let headers = error.http_headers();
        let retry_after = headers.and_then(crate::access::retry_after);
        let (service, call) = (request.service.name, &request.call);
        return error::of_answer(service, call, status, &body(error), retry_after);
    }
    if error.is_authentication() {
        let passes = source::<CredentialsError>(error).is_some_and(CredentialsError::is_transient);
        let kind = if passes {
            ErrorKind::Transient
        } else {
            ErrorKind::Denied
        };
        return failed(kind, crate::access::no_token(error));
    }
    if error.is_serialization() || error.is_binding() {
        let why = format!("Google's client does not take what is asked for: {error}");
        return failed(ErrorKind::Invalid, why);
    }
    let why = if error.is_deserialization() {
        format!(
            "{endpoint} answered what is not its JSON: {}",
            innermost(error)
        )
    } else if error.is_timeout() {
        format!("no answer from {endpoint} in a minute")
    } else {
        format!("no answer from {endpoint}: {}", innermost(error))
    };
    failed(ErrorKind::Transient, why)
}

/// The body of a refusal, put together again from what the client read in it.
fn body(error: &Error) -> Json {
    if let Some(payload) = error.http_payload() {
        return serde_json::from_slice(payload).unwrap_or_default();
    }
    let Some(status) = error.status() else {
        return Json::Null;
    };
    let details = serde_json::to_value(&status.details).unwrap_or_default();
    let mut body = json!({ "message": status.message, "details": details });
    // Compute and DNS name no code, and the client then says that it is unknown.
    if status.code != google_cloud_gax::error::rpc::Code::Unknown {
        body["status"] = status.code.name().into();
    }
    json!({ "error": body })
}

/// The first cause of a type.
fn source<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|e| e.downcast_ref())
}
