//! Calls of `google_rest_resource`: on any host of Google's, answered at once or by operations that are waited for.

use crate::client::{Client, Request};
use crate::error;
use crate::family::REST;
use crate::operation::when_free;
use crate::rest::RestRecord;
use infra_cloud::absence::there;
use infra_cloud::wait::{self, LONG, Progress};
use infra_model::{CallContext, Operation, ProviderError};
use reqwest::Method;
use serde_json::Value as Json;

/// A call on host and path.
pub(crate) fn request(method: Method, at: &str, body: Json) -> Request {
    let (host, path) = at.split_once('/').unwrap_or((at, ""));
    let service = host.strip_suffix(".googleapis.com").unwrap_or(host);
    let call = format!("{service}: {method}");
    Request {
        host: Some(host.to_owned()),
        ..match method {
            Method::GET => Request::get(REST, call, path),
            _ => Request::send(REST, call, method, path, body),
        }
    }
}

pub(crate) fn with_token(
    request: Request,
    record: &RestRecord,
    operation: &Operation,
    verb: &str,
) -> Request {
    let compute = request.host.as_deref() == Some("compute.googleapis.com");
    let own = record.token_parameter.clone();
    match own.or_else(|| compute.then(|| "requestId".to_owned())) {
        Some(parameter) => {
            let token = match verb {
                "" => operation.token.as_uuid(),
                verb => operation.token.derived(verb).as_uuid(),
            };
            request.query(parameter, token)
        }
        None => request,
    }
}

/// Where the operation is that a call was answered with, as host and path; none when the call is done.
pub(crate) fn pending(id: &str, answer: &Json) -> Option<String> {
    let (host, path) = id.split_once('/')?;
    // Services with operations of their own tell where they are; the others name them below the API's version.
    if let Some(link) = answer["selfLink"].as_str()
        && let Some(url) = link.split_once("://").map(|(_, url)| url)
        && let Some((_, path)) = url.split_once('/')
        && path.contains("/operations/")
    {
        return Some(format!("{host}/{path}"));
    }
    let name = answer["name"].as_str()?;
    let named = name.starts_with("operations/") || name.contains("/operations/");
    let running = answer["done"] != true && (answer.get("metadata").is_some() || named);
    let version = path.split('/').next()?;
    (named && running).then(|| format!("{host}/{version}/{name}"))
}

pub(crate) async fn finish(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    call: &str,
    at: &str,
) -> Result<(), ProviderError> {
    let look = request(Method::GET, at, Json::Null);
    let look = &look;
    wait::until(context, operation, LONG, || async move {
        let answer = client.call(context, look).await?;
        let status = answer["status"].as_str().unwrap_or("RUNNING");
        if answer["done"] != true && status != "DONE" {
            return Ok(Progress::Pending(status.to_lowercase()));
        }
        match error::of_operation(REST.name, call, &answer) {
            Some(error) => Err(error),
            None => Ok(Progress::Done(())),
        }
    })
    .await
}

/// Makes a call and waits for its operation.
pub(crate) async fn run(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    request: Request,
) -> Result<(), ProviderError> {
    let answer = when_free(client, context, operation, LONG, &request).await?;
    match pending(id, &answer) {
        Some(at) => finish(client, context, operation, &request.call, &at).await,
        None => Ok(()),
    }
}

pub(crate) async fn find(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    there(
        client
            .call(context, &request(Method::GET, id, Json::Null))
            .await,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_are_found_by_link_or_name() {
        let compute = "compute.googleapis.com/compute/v1/projects/p/global/networks/n";
        let link = "https://www.googleapis.com/compute/v1/projects/p/global/operations/o";
        for (id, answer, expected) in [
            (
                compute,
                json!({ "name": "o", "selfLink": link, "status": "RUNNING" }),
                Some("compute.googleapis.com/compute/v1/projects/p/global/operations/o"),
            ),
            (
                "run.googleapis.com/v2/projects/p/locations/l/services/s",
                json!({ "name": "projects/p/locations/l/operations/7", "metadata": {} }),
                Some("run.googleapis.com/v2/projects/p/locations/l/operations/7"),
            ),
            (
                "run.googleapis.com/v2/projects/p/locations/l/services/s",
                json!({ "name": "projects/p/locations/l/operations/7", "done": true }),
                None,
            ),
            (
                "pubsub.googleapis.com/v1/projects/p/topics/t",
                json!({ "name": "projects/p/topics/t" }),
                None,
            ),
        ] {
            assert_eq!(pending(id, &answer).as_deref(), expected);
        }
    }
}
