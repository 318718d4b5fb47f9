//! From the services' errors to typed ones. There are two shapes: Compute's and Storage's list of `errors` with a `reason`
//! each, and `google.rpc.Status` with a `status` and details (Google's "Error model", AIP-193).

use infra_model::{ErrorKind, Path, ProviderError};
use serde_json::Value as Json;
use std::time::Duration;

/// The typed error of an answer of another status than success.
pub(crate) fn of_answer(
    service: &str,
    call: &str,
    status: u16,
    body: &Json,
    retry_after: Option<Duration>,
) -> ProviderError {
    let error = &body["error"];
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let reason = error["errors"][0]["reason"].as_str();
    let detail = error["details"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|d| d["reason"].as_str());
    let message = match error["message"].as_str() {
        Some(message) if !message.is_empty() => message.to_owned(),
        _ => format!("HTTP status {status}"),
    };
    let code = detail
        .or(reason)
        .map_or_else(|| text(&error["status"]), str::to_owned);
    ProviderError {
        service: service.to_owned(),
        operation: call.to_owned(),
        attribute: named_field(&message).map(|f| Path::attribute(f.as_str())),
        retry_after,
        ..ProviderError {
            code: code.clone(),
            ..ProviderError::new(
                kind(
                    status,
                    &code,
                    error["status"].as_str().unwrap_or_default(),
                    &message,
                ),
                message,
            )
        }
    }
}

/// The name of a new resource is taken.
pub(crate) fn foreign(id: &str) -> ProviderError {
    ProviderError {
        code: "alreadyExists".to_owned(),
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
        code: "notFound".to_owned(),
        ..ProviderError::new(ErrorKind::NotFound, format!("there is no `{id}`"))
    }
}

/// The typed error of an operation that ended badly: an `error` member of Compute's, SQL's or `google.rpc`'s form.
pub(crate) fn of_operation(service: &str, call: &str, operation: &Json) -> Option<ProviderError> {
    let error = operation.get("error").filter(|e| !e.is_null())?;
    let first = error["errors"].get(0).unwrap_or(error);
    let message = first["message"].as_str().unwrap_or("the operation failed");
    let code = first["code"].as_str().map_or_else(
        || rpc_name(error["code"].as_i64().unwrap_or(2)).to_owned(),
        str::to_owned,
    );
    let status = operation["httpErrorStatusCode"].as_u64().unwrap_or(200);
    let kind = match kind(u16::try_from(status).unwrap_or(0), &code, &code, message) {
        // It was begun and ended in failure, whatever the reason.
        ErrorKind::Other | ErrorKind::Transient => ErrorKind::Failed,
        kind => kind,
    };
    Some(ProviderError {
        service: service.to_owned(),
        operation: call.to_owned(),
        code,
        request_id: operation["name"].as_str().map(str::to_owned),
        ..ProviderError::new(kind, message)
    })
}

/// `google.rpc.Code` by number.
fn rpc_name(code: i64) -> &'static str {
    match code {
        3 => "INVALID_ARGUMENT",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        16 => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    }
}

fn kind(status: u16, code: &str, rpc: &str, message: &str) -> ErrorKind {
    let paced = message.contains("per minute") || message.contains("per 100 seconds");
    match code {
        "rateLimitExceeded" | "userRateLimitExceeded" | "RATE_LIMIT_EXCEEDED" => {
            return ErrorKind::Throttled;
        }
        "quotaExceeded" | "QUOTA_EXCEEDED" | "LIMIT_EXCEEDED" => return ErrorKind::Quota,
        "resourceInUseByAnotherResource"
        | "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
        | "resourceNotReady"
        | "RESOURCE_NOT_READY"
        | "conditionNotMet"
        | "operationInProgress"
        | "instanceAlreadyExists"
        | "alreadyExists"
        | "RESOURCE_ALREADY_EXISTS"
        | "containerNotEmpty" => return ErrorKind::Conflict,
        "RESOURCE_NOT_FOUND" | "instanceDoesNotExist" => return ErrorKind::NotFound,
        _ => {}
    }
    match (status, rpc) {
        (429, _) | (_, "RESOURCE_EXHAUSTED")
            if paced || status == 429 && !message.contains("uota") =>
        {
            ErrorKind::Throttled
        }
        (429, _) | (_, "RESOURCE_EXHAUSTED") => ErrorKind::Quota,
        // Where details are given, the official client does not tell the older list of reasons.
        (403, _) if message.starts_with("Quota '") => ErrorKind::Quota,
        (404, _) | (_, "NOT_FOUND") => ErrorKind::NotFound,
        (409 | 412, _) | (_, "ALREADY_EXISTS" | "ABORTED" | "FAILED_PRECONDITION") => {
            ErrorKind::Conflict
        }
        (401 | 403, _) | (_, "PERMISSION_DENIED" | "UNAUTHENTICATED") => ErrorKind::Denied,
        (400, _) | (_, "INVALID_ARGUMENT" | "OUT_OF_RANGE") => ErrorKind::Invalid,
        (408 | 500..=599, _) | (_, "UNAVAILABLE" | "INTERNAL" | "DEADLINE_EXCEEDED") => {
            ErrorKind::Transient
        }
        _ => ErrorKind::Other,
    }
}

/// The attribute of a message such as `Invalid value for field 'resource.ipCidrRange': …`.
fn named_field(message: &str) -> Option<String> {
    let rest = message.split_once("for field 'resource.")?.1;
    let field = rest.split(['\'', '.', '[']).next()?;
    (!field.is_empty()).then(|| crate::wire::snake(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_have_kinds() {
        for (status, body, expected) in [
            (
                404,
                json!({"error": {"code": 404, "message": "The resource 'x' was not found", "errors": [{"reason": "notFound"}]}}),
                ErrorKind::NotFound,
            ),
            (
                400,
                json!({"error": {"code": 400, "message": "in use", "errors": [{"reason": "resourceInUseByAnotherResource"}]}}),
                ErrorKind::Conflict,
            ),
            (
                403,
                json!({"error": {"code": 403, "message": "Quota exceeded", "errors": [{"reason": "quotaExceeded"}]}}),
                ErrorKind::Quota,
            ),
            (
                403,
                json!({"error": {"code": 403, "message": "Quota 'NETWORKS' exceeded. Limit: 5.0 globally."}}),
                ErrorKind::Quota,
            ),
            (
                403,
                json!({"error": {"code": 403, "message": "Rate Limit Exceeded", "errors": [{"reason": "rateLimitExceeded"}]}}),
                ErrorKind::Throttled,
            ),
            (
                429,
                json!({"error": {"code": 429, "message": "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute'", "status": "RESOURCE_EXHAUSTED"}}),
                ErrorKind::Throttled,
            ),
            (
                409,
                json!({"error": {"code": 409, "message": "Already exists", "status": "ALREADY_EXISTS"}}),
                ErrorKind::Conflict,
            ),
            (
                403,
                json!({"error": {"code": 403, "message": "disabled", "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}}),
                ErrorKind::Denied,
            ),
            (503, Json::Null, ErrorKind::Transient),
        ] {
            let error = of_answer("compute", "compute.networks.get", status, &body, None);
            assert_eq!(error.kind, expected, "{body}");
        }
        let disabled = json!({"error": {"message": "disabled", "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}});
        assert_eq!(
            of_answer("sql", "x", 403, &disabled, None).code,
            "SERVICE_DISABLED"
        );
    }

    #[test]
    fn operations_end_badly_in_every_form() {
        let compute = json!({"name": "operation-1", "httpErrorStatusCode": 400, "error": {"errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": "in use"}]}});
        let rpc =
            json!({"name": "operations/1", "done": true, "error": {"code": 7, "message": "no"}});
        let kinds = [&compute, &rpc].map(|o| of_operation("x", "y", o).expect("failed").kind);
        assert_eq!(kinds, [ErrorKind::Conflict, ErrorKind::Denied]);
        assert_eq!(of_operation("x", "y", &json!({"status": "DONE"})), None);
    }

    #[test]
    fn a_named_field_is_the_attribute() {
        let message = "Invalid value for field 'resource.ipCidrRange': '10.0.0.0/33'.";
        assert_eq!(named_field(message).as_deref(), Some("ip_cidr_range"));
    }
}
