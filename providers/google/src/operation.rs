//! Long-running operations: where they are found, how they stand, and how they ended.

use crate::api::{Api, Operations, relative, short};
use crate::client::{Client, Request};
use crate::error;
use crate::family::Service;
use crate::late;
use infra_cloud::wait::{self, Pace, Progress};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::Value as Json;

/// The path of the operation that a call was answered with; none when it is done.
pub(crate) fn path(kind: Operations, id: &str, answer: &Json) -> Option<String> {
    let name = answer["name"].as_str()?;
    let project = id.split('/').nth(1).unwrap_or_default();
    let path = match kind {
        Operations::None => return None,
        Operations::Compute => relative(answer["selfLink"].as_str()?).to_owned(),
        Operations::Container => {
            let location = id.split('/').nth(3).unwrap_or_default();
            format!(
                "projects/{project}/locations/{location}/operations/{}",
                short(name)
            )
        }
        Operations::Sql => format!("projects/{project}/operations/{name}"),
        // Some calls answer with the resource at once.
        Operations::Rpc if !name.contains("operations/") => return None,
        Operations::Rpc => name.to_owned(),
    };
    Some(path)
}

/// Makes a call on the resource of an id and waits for its operation, as `api` answers it; the last answer.
///
/// # Errors
/// How it failed; what its service answers.
pub(crate) async fn run(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    api: &Api,
    pace: Pace,
    id: &str,
    request: Request,
) -> Result<Json, ProviderError> {
    let answer = when_free(client, context, operation, pace, &request).await?;
    match path(api.operations, id, &answer) {
        Some(path) => {
            let (service, call) = (api.service, &request.call);
            wait(client, context, operation, service, call, &path, pace).await
        }
        None => Ok(answer),
    }
}

/// Makes a call, and makes it again while the resource or its parent is busy with another operation, or what was granted for it is not
/// known everywhere.
///
/// # Errors
/// What its service answers.
pub(crate) async fn when_free(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    request: &Request,
) -> Result<Json, ProviderError> {
    let busy = |error: &ProviderError| {
        error.kind == ErrorKind::Conflict
            && (matches!(
                error.code.as_str(),
                "resourceNotReady" | "operationInProgress"
            ) || matches!(
                error.code.as_str(),
                // As `status` and as `reason`, by which GKE says that another operation works on the cluster.
                "FAILED_PRECONDITION" | "failedPrecondition" | "CLUSTER_ALREADY_HAS_OPERATION"
            ) && error.message.contains("operation"))
    };
    let keys = late::keys(request.body.as_ref());
    late::once_known(client, context, operation, &keys, || {
        wait::while_refused(context, operation, pace, busy, || {
            client.call(context, request)
        })
    })
    .await
}

/// Waits until an operation has ended; its last answer.
///
/// # Errors
/// How it failed; what its service answers.
pub(crate) async fn wait(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    service: Service,
    call: &str,
    path: &str,
    pace: Pace,
) -> Result<Json, ProviderError> {
    let request = Request::get(service, format!("{}.operations.get", service.name), path);
    let request = &request;
    wait::until(context, operation, pace, || async move {
        let answer = client.call(context, request).await?;
        let done = answer["done"] == true || answer["status"] == "DONE";
        if !done {
            return Ok(Progress::Pending(status(&answer)));
        }
        match error::of_operation(service.name, call, &answer) {
            Some(error) => Err(error),
            None => Ok(Progress::Done(answer)),
        }
    })
    .await
}

fn status(answer: &Json) -> String {
    let status = answer["status"]
        .as_str()
        .unwrap_or("RUNNING")
        .to_lowercase();
    match answer["progress"].as_u64() {
        Some(percent) if percent > 0 => format!("{status} {percent} %"),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_are_found_by_their_services_habits() {
        let id = "projects/p/locations/l/clusters/c";
        for (kind, answer, expected) in [
            (
                Operations::Compute,
                json!({"name": "operation-1", "selfLink": "https://www.googleapis.com/compute/v1/projects/p/global/operations/operation-1"}),
                "projects/p/global/operations/operation-1",
            ),
            (
                Operations::Container,
                json!({"name": "operation-2"}),
                "projects/p/locations/l/operations/operation-2",
            ),
            (
                Operations::Sql,
                json!({"name": "3"}),
                "projects/p/operations/3",
            ),
            (
                Operations::Rpc,
                json!({"name": "projects/p/locations/l/operations/4"}),
                "projects/p/locations/l/operations/4",
            ),
        ] {
            assert_eq!(path(kind, id, &answer).as_deref(), Some(expected));
        }
    }
}
