//! Requests of `aws_cloudcontrol_resource`: Cloud Control takes them on, and tells by their tokens what has come of them.

use crate::client::Client;
use crate::error;
use crate::family::CLOUDCONTROL;
use crate::wait::{self, LONG, Progress};
use aws_sdk_cloudcontrol::types::{HandlerErrorCode, OperationStatus, ProgressEvent};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};

/// What came of a request: its identifier as soon as it has one.
pub(crate) fn progress(event: &ProgressEvent) -> Result<Progress<Option<String>>, ProviderError> {
    let status = event.operation_status.as_ref();
    match status {
        Some(OperationStatus::Success) => Ok(Progress::Done(event.identifier.clone())),
        Some(OperationStatus::Failed | OperationStatus::CancelComplete) => {
            let code = event.error_code.as_ref();
            let message = event.status_message.clone().unwrap_or_else(|| {
                let status = status.map_or("", OperationStatus::as_str);
                format!("the request is {status}")
            });
            let call = event.operation.as_ref().map_or("", |o| o.as_str());
            let name = code.map_or("", HandlerErrorCode::as_str);
            let mut error = error::of_item(CLOUDCONTROL.service, call, name, &message);
            if let Some(kind) = code.and_then(kind) {
                error.kind = kind;
            }
            error.request_id.clone_from(&event.request_token);
            Err(error)
        }
        status => {
            let word = status.map_or("PENDING", OperationStatus::as_str);
            Ok(Progress::Pending(word.to_lowercase().replace('_', " ")))
        }
    }
}

/// What a handler's error means.
/// <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html>
fn kind(code: &HandlerErrorCode) -> Option<ErrorKind> {
    Some(match code {
        HandlerErrorCode::AccessDenied
        | HandlerErrorCode::InvalidCredentials
        | HandlerErrorCode::UnauthorizedTaggingOperation => ErrorKind::Denied,
        HandlerErrorCode::AlreadyExists | HandlerErrorCode::ResourceConflict => ErrorKind::Conflict,
        HandlerErrorCode::InvalidRequest | HandlerErrorCode::NotUpdatable => ErrorKind::Invalid,
        HandlerErrorCode::NotFound => ErrorKind::NotFound,
        HandlerErrorCode::ServiceLimitExceeded => ErrorKind::Quota,
        HandlerErrorCode::Throttling => ErrorKind::Throttled,
        HandlerErrorCode::InternalFailure
        | HandlerErrorCode::NetworkFailure
        | HandlerErrorCode::ServiceInternalError
        | HandlerErrorCode::ServiceTimeout => ErrorKind::Transient,
        _ => return None,
    })
}

/// Where a request stands, by its token.
pub(crate) async fn status(
    client: &Client,
    context: &CallContext,
    request: &str,
) -> Result<Option<ProgressEvent>, ProviderError> {
    let answer = client.call(context, CLOUDCONTROL, "GetResourceRequestStatus", || {
        client
            .cloudcontrol()
            .get_resource_request_status()
            .request_token(request)
            .send()
    });
    Ok(answer.await?.progress_event)
}

/// Waits for a request, by its token; its identifier.
pub(crate) async fn finish(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    request: &str,
) -> Result<String, ProviderError> {
    let identifier = wait::until(context, operation, LONG, || async move {
        let event = status(client, context, request).await?;
        event
            .as_ref()
            .map_or_else(|| Ok(Progress::Pending("pending".to_owned())), progress)
    })
    .await?;
    Ok(identifier.unwrap_or_default())
}

/// The request's token, by which it is asked for.
pub(crate) fn token_of(event: Option<ProgressEvent>) -> Result<String, ProviderError> {
    event.and_then(|event| event.request_token).ok_or_else(|| {
        ProviderError::new(
            ErrorKind::Other,
            "Cloud Control accepted the request and gave no token of it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_request_says_why() {
        let event = ProgressEvent::builder()
            .operation_status(OperationStatus::Failed)
            .error_code(HandlerErrorCode::ServiceLimitExceeded)
            .status_message("no more topics")
            .request_token("r-1")
            .build();
        let error = progress(&event).expect_err("failed");
        assert_eq!(error.kind, ErrorKind::Quota);
        assert_eq!(error.code, "ServiceLimitExceeded");
        assert_eq!(error.message, "no more topics");
        assert_eq!(error.request_id.as_deref(), Some("r-1"));
    }
}
