//! Operations: where an accepted call's is found, how it stands, and how it ended. A service answers with
//! `Azure-AsyncOperation`, whose body tells a status, or with `Location`, which is answered with 202 until it is done (Azure,
//! "Track asynchronous Azure operations").

use crate::client::{Answer, Client, Request};
use crate::error::{self, is_busy};
use crate::late;
use infra_cloud::absence::there;
use infra_cloud::wait::{self, Pace, Progress};
use infra_model::{CallContext, Operation, ProviderError};
use serde_json::Value as Json;

/// The operation that a call was answered with; none when it is done.
pub(crate) fn of(client: &Client, answer: &Answer) -> Option<String> {
    let url = match (&answer.operation, &answer.location) {
        (Some(operation), _) => operation,
        (None, Some(location)) if answer.status == 202 => location,
        _ => return None,
    };
    Some(client.relative(url).to_owned())
}

/// Makes a call, again while its resource is busy, and waits for its operation; all of that again while what was granted for it is not
/// known everywhere yet, which some services say at its end alone.
///
/// # Errors
/// How it failed; what its service answers.
pub(crate) async fn run(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    request: Request,
) -> Result<Answer, ProviderError> {
    let request = &request;
    late::once_known(client, context, operation, request, || async move {
        let answer = begun(client, context, operation, pace, request).await?;
        if let Some(url) = of(client, &answer) {
            let (of, verb) = (&*request.of, request.verb());
            wait(client, context, operation, pace, of, &verb, &url).await?;
        }
        Ok(answer)
    })
    .await
}

/// Makes a call, and makes it again while the resource or its parent is busy with another operation, or what was granted for it is not
/// known everywhere yet.
///
/// # Errors
/// What its service answers.
pub(crate) async fn when_free(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    request: &Request,
) -> Result<Answer, ProviderError> {
    late::once_known(client, context, operation, request, || {
        begun(client, context, operation, pace, request)
    })
    .await
}

/// Makes a call, and makes it again while the resource or its parent is busy with another operation.
///
/// # Errors
/// What its service answers.
pub(crate) async fn begun(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    request: &Request,
) -> Result<Answer, ProviderError> {
    wait::while_refused(context, operation, pace, is_busy, || {
        client.send(context, request)
    })
    .await
}

/// Waits until an operation has ended, asking as often as the service wants it.
///
/// # Errors
/// How it failed; what its service answers.
pub(crate) async fn wait(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    of: &str,
    verb: &str,
    url: &str,
) -> Result<(), ProviderError> {
    let request = &Request::get(of, "", url);
    wait::until(context, operation, pace, || async move {
        let Some(answer) = there(client.send(context, request).await)? else {
            // It ended long ago and is forgotten: the resource tells how.
            return Ok(Progress::Done(()));
        };
        let status = answer.body["status"].as_str();
        match status {
            Some(status @ ("Failed" | "Canceled" | "Cancelled")) => {
                return Err(error::of_operation(of, verb, status, &answer.body));
            }
            Some("Succeeded") => return Ok(Progress::Done(())),
            None if answer.status != 202 => return Ok(Progress::Done(())),
            _ => {}
        }
        let status = in_words(status.unwrap_or("InProgress"), &answer.body);
        Ok(match answer.retry_after.filter(|asked| !asked.is_zero()) {
            Some(asked) => Progress::PendingFor(status, asked),
            None => Progress::Pending(status),
        })
    })
    .await
}

/// `in progress 30 %` of `InProgress`.
fn in_words(status: &str, body: &Json) -> String {
    let words = crate::wire::snake(status).replace('_', " ");
    match body["percentComplete"].as_f64() {
        Some(percent) if percent > 0.0 => format!("{words} {percent:.0} %"),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_shown_in_words() {
        assert_eq!(in_words("InProgress", &json!({})), "in progress");
        assert_eq!(
            in_words("Updating", &json!({"percentComplete": 30.0})),
            "updating 30 %"
        );
    }
}
