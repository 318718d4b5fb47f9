//! From Resource Manager's errors to typed ones: `{"error": {"code", "message", "target", "details": […]}}` (Azure, "Common
//! error response"), the same without the outer `error`, and those of operations.

use crate::client::{Answer, Request};
use crate::wire::snake;
use infra_model::{ErrorKind, Path, ProviderError};
use serde_json::Value as Json;

/// The typed error of an answer of another status than success.
pub(crate) fn of_answer(request: &Request, answer: &Answer, body: &Json) -> ProviderError {
    let error = body.get("error").filter(|e| e.is_object()).unwrap_or(body);
    let code = text(&error["code"]);
    let message = in_words(error).unwrap_or_else(|| format!("HTTP status {}", answer.status));
    ProviderError {
        service: request.of.clone(),
        operation: request.verb(),
        request_id: answer.request_id.clone(),
        attribute: target(error).map(|name| Path::attribute(name.as_str())),
        retry_after: answer.retry_after,
        ..ProviderError {
            code: code.clone(),
            ..ProviderError::new(kind(answer.status, &code, &message), message)
        }
    }
}

/// The typed error of an operation that ended badly, or of a resource whose provisioning did.
pub(crate) fn of_operation(of: &str, verb: &str, status: &str, body: &Json) -> ProviderError {
    let error = &body["error"];
    let code = match text(&error["code"]) {
        code if code.is_empty() => status.to_owned(),
        code => code,
    };
    let message = in_words(error).unwrap_or_else(|| format!("the operation ended as `{status}`"));
    let kind = match kind(200, &code, &message) {
        // It was begun and ended in failure, whatever the reason.
        ErrorKind::Other | ErrorKind::Transient => ErrorKind::Failed,
        kind => kind,
    };
    ProviderError {
        service: of.to_owned(),
        operation: verb.to_owned(),
        request_id: body["name"].as_str().map(str::to_owned),
        attribute: target(error).map(|name| Path::attribute(name.as_str())),
        code,
        ..ProviderError::new(kind, message)
    }
}

/// The name of a new resource is taken.
pub(crate) fn foreign(id: &str) -> ProviderError {
    ProviderError {
        code: "AlreadyExists".to_owned(),
        ..ProviderError::new(
            ErrorKind::Conflict,
            format!(
                "`{id}` exists already and was not made by this stack: import it, or choose another name"
            ),
        )
    }
}

/// What was to be changed is not there.
pub(crate) fn gone(id: &str) -> ProviderError {
    ProviderError {
        code: "ResourceNotFound".to_owned(),
        ..ProviderError::new(ErrorKind::NotFound, format!("there is no `{id}`"))
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The message, and those of the details that say more.
fn in_words(error: &Json) -> Option<String> {
    let message = error["message"].as_str().filter(|m| !m.is_empty())?;
    let mut all = message.trim_end().to_owned();
    for detail in error["details"].as_array().into_iter().flatten() {
        let more = detail["message"].as_str().unwrap_or_default().trim();
        if !more.is_empty() && !all.contains(more) {
            all.push_str("; ");
            all.push_str(more);
        }
    }
    Some(all)
}

/// The attribute that an error's target means: `ipRange` of `properties.ipRange`.
fn target(error: &Json) -> Option<String> {
    let details = error["details"].as_array().into_iter().flatten();
    let target = std::iter::once(error)
        .chain(details)
        .find_map(|e| e["target"].as_str())?;
    let last = target
        .rsplit(['.', '/'])
        .next()
        .unwrap_or_default()
        .trim_end_matches(|c: char| c == ']' || c == '[' || c.is_ascii_digit());
    let named = !last.is_empty() && last.chars().all(|c| c.is_ascii_alphanumeric());
    named.then(|| snake(last))
}

/// Whether a call is refused because something else is being done to the resource or its parent.
pub(crate) fn is_busy(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Conflict
        && (matches!(
            &*error.code,
            "AnotherOperationInProgress"
                | "OperationNotAllowed"
                | "OperationPreempted"
                | "RetryableError"
                | "ReferencedResourceNotProvisioned"
                | "ResourceGroupBeingDeleted"
                | "EtcdNotReady"
                | "ServerIsBusy"
                | "ParentResourceBusy"
                | "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
        ) && !error.message.contains("uota"))
}

/// Whether somebody was faster: the etag that was sent is no more.
pub(crate) fn is_stale(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Conflict
        && matches!(
            &*error.code,
            "PreconditionFailed" | "EtagMismatch" | "ConditionNotMet"
        )
}

fn kind(status: u16, code: &str, message: &str) -> ErrorKind {
    match code {
        "AnotherOperationInProgress"
        | "OperationPreempted"
        | "RetryableError"
        | "ReferencedResourceNotProvisioned"
        | "PreconditionFailed"
        | "PrincipalNotFound"
        | "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity" => {
            return ErrorKind::Conflict;
        }
        // What they say would hold for long.
        "ScopeLocked"
        | "AuthorizationFailed"
        | "RequestDisallowedByPolicy"
        | "LinkedAuthorizationFailed"
        | "InvalidAuthenticationToken"
        | "SubscriptionNotFound"
        | "ReadOnlyDisabledSubscription"
        | "AuthorizationPermissionMismatch"
        | "Forbidden" => {
            return ErrorKind::Denied;
        }
        "TooManyRequests"
        | "SubscriptionRequestsThrottled"
        | "ResourceCollectionRequestsThrottled" => {
            return ErrorKind::Throttled;
        }
        "OperationNotAllowed" if message.contains("uota") => return ErrorKind::Quota,
        "OperationNotAllowed" => return ErrorKind::Conflict,
        "InvalidResourceType" | "NoRegisteredProviderFound" | "InvalidApiVersionParameter" => {
            return ErrorKind::Invalid;
        }
        _ => {}
    }
    let says = |part: &str| code.contains(part);
    if says("Quota") || says("LimitExceeded") || says("LimitReached") {
        return ErrorKind::Quota;
    }
    if says("InUse") || says("CannotBeDeleted") || says("InProgress") || says("AlreadyExists") {
        return ErrorKind::Conflict;
    }
    match (status, code) {
        (429, _) => ErrorKind::Throttled,
        (404, _) | (_, "NotFound" | "ResourceNotFound" | "ResourceGroupNotFound") => {
            ErrorKind::NotFound
        }
        (409 | 412, _) | (_, "Conflict") => ErrorKind::Conflict,
        (401 | 403, _) => ErrorKind::Denied,
        (400 | 405 | 422, _) | (_, "BadRequest") => ErrorKind::Invalid,
        (408 | 500..=599, _) | (_, "InternalServerError" | "ServiceUnavailable") => {
            ErrorKind::Transient
        }
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answered(status: u16, body: &Json) -> ProviderError {
        let request = Request::get("Microsoft.Network/virtualNetworks", "v", "/x");
        let answer = Answer {
            status,
            request_id: Some("r".to_owned()),
            ..Answer::default()
        };
        of_answer(&request, &answer, body)
    }

    #[test]
    fn answers_have_kinds() {
        for (status, code, expected) in [
            (404, "ResourceNotFound", ErrorKind::NotFound),
            (404, "SubscriptionNotFound", ErrorKind::Denied),
            (400, "InUseSubnetCannotBeDeleted", ErrorKind::Conflict),
            (429, "AnotherOperationInProgress", ErrorKind::Conflict),
            (429, "SubscriptionRequestsThrottled", ErrorKind::Throttled),
            (429, "RetryableError", ErrorKind::Conflict),
            (412, "PreconditionFailed", ErrorKind::Conflict),
            (400, "PublicIPCountLimitReached", ErrorKind::Quota),
            (403, "AuthorizationFailed", ErrorKind::Denied),
            (409, "ScopeLocked", ErrorKind::Denied),
            (400, "InvalidRequestFormat", ErrorKind::Invalid),
            (503, "", ErrorKind::Transient),
        ] {
            let error = answered(status, &json!({"error": {"code": code, "message": "m"}}));
            assert_eq!(error.kind, expected, "{code}");
            assert_eq!(error.code, code);
            assert_eq!(error.request_id.as_deref(), Some("r"));
        }
        let quota = json!({"error": {"code": "OperationNotAllowed", "message": "exceeding approved Total Regional Cores quota"}});
        assert_eq!(answered(409, &quota).kind, ErrorKind::Quota);
    }

    #[test]
    fn details_and_targets_are_told() {
        let body = json!({"error": {"code": "InvalidRequestContent", "message": "It is wrong.", "details": [
            {"code": "X", "message": "The prefix is no CIDR.", "target": "properties.addressPrefixes[0]"}]}});
        let error = answered(400, &body);
        assert_eq!(error.message, "It is wrong.; The prefix is no CIDR.");
        assert_eq!(error.attribute, Some(Path::attribute("address_prefixes")));
        let bare = json!({"code": "BadRequest", "message": "no"});
        assert_eq!(answered(400, &bare).message, "no");
    }

    #[test]
    fn operations_end_badly_in_the_clouds_words() {
        let body = json!({"name": "op", "status": "Failed", "error": {"code": "VMExtensionProvisioningError", "message": "no route"}});
        let error = of_operation("x", "PUT", "Failed", &body);
        assert_eq!(
            (error.kind, &*error.message),
            (ErrorKind::Failed, "no route")
        );
        let canceled = of_operation("x", "PUT", "Canceled", &json!({"status": "Canceled"}));
        assert_eq!(canceled.code, "Canceled");
    }
}
