//! What an API server answers when it does not do what was asked.

use infra_model::{ErrorKind, Path, ProviderError};
use kube::core::response::{Status, StatusCause};
use std::time::Duration;

/// The code of an error of a namespace that is on its way out.
pub(crate) const TERMINATING: &str = "NamespaceTerminating";
/// The code of an error of fields that others own.
pub(crate) const OWNED: &str = "FieldManagerConflict";
/// The code of an error of fields that can never change.
pub(crate) const IMMUTABLE: &str = "FieldIsImmutable";

/// The code of an error of an eviction that a PodDisruptionBudget does not allow now. The reason of its cause:
/// `DisruptionBudgetCause` of `k8s.io/api/policy/v1`.
pub(crate) const BUDGET: &str = "DisruptionBudget";

/// What the API server says of an admission webhook that it asked in vain.
const UNANSWERED: &str = "failed calling webhook";

/// What an error says, and what can be done about it where an admission webhook did not answer.
pub(crate) fn explained(message: &str) -> String {
    if !message.contains(UNANSWERED) {
        return message.to_owned();
    }
    format!(
        "{message}. The cluster refuses this while the webhook does not answer: is its server running? If it is to be asked no more, delete what names it: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
    )
}

/// An error in our own words.
pub(crate) fn of(kind: ErrorKind, operation: &str, message: impl Into<String>) -> ProviderError {
    ProviderError {
        service: "kubernetes".to_owned(),
        operation: operation.to_owned(),
        ..ProviderError::new(kind, message)
    }
}

/// What a call failed with.
pub(crate) fn of_call(operation: &str, error: kube::Error) -> ProviderError {
    match error {
        kube::Error::Api(status) => of_status(operation, &status),
        kube::Error::HyperError(error) => of(ErrorKind::Transient, operation, chain(&error)),
        kube::Error::Service(error) => {
            let message = chain(&*error);
            // A certificate that is not trusted does not become so by asking again.
            let kind = if message.contains("certificate") {
                ErrorKind::Denied
            } else {
                ErrorKind::Transient
            };
            of(kind, operation, message)
        }
        kube::Error::Auth(error) => of(ErrorKind::Denied, operation, error.to_string()),
        kube::Error::InferKubeconfig(error) => of(ErrorKind::Invalid, operation, error.to_string()),
        other => of(ErrorKind::Other, operation, other.to_string()),
    }
}

/// An error with its causes, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        at = cause.source();
    }
    text
}

/// An answer of the API server.
pub(crate) fn of_status(operation: &str, status: &Status) -> ProviderError {
    let causes = status.details.as_ref().map_or(&[][..], |d| &d.causes);
    let caused = |reason: &str| causes.iter().any(|c| c.reason == reason);
    let terminating =
        caused(TERMINATING) || status.message.contains("because it is being terminated");
    let immutable = status.code == 422 && !causes.is_empty() && causes.iter().all(is_immutable);
    let webhook = status.message.contains(UNANSWERED);
    // `fieldmanager/structuredmerge.go` of `k8s.io/apimachinery`: fields that a kind has not, answered with 500 as if it would pass.
    let untyped = status
        .message
        .contains("failed to create typed patch object");
    let budget = causes.iter().find(|c| c.reason == BUDGET);
    let kind = match (status.code, &*status.reason) {
        _ if terminating || budget.is_some() => ErrorKind::Conflict,
        _ if webhook => ErrorKind::Transient,
        _ if untyped => ErrorKind::Invalid,
        (403, _) if status.message.contains("exceeded quota") => ErrorKind::Quota,
        (401 | 403, _) => ErrorKind::Denied,
        (404, _) => ErrorKind::NotFound,
        (409 | 412, _) => ErrorKind::Conflict,
        (429, _) => ErrorKind::Throttled,
        (400 | 405 | 406 | 413 | 415 | 422, _) => ErrorKind::Invalid,
        (410 | 500..=599, _) => ErrorKind::Transient,
        (_, "Invalid" | "BadRequest") => ErrorKind::Invalid,
        _ => ErrorKind::Other,
    };
    let code = if terminating {
        TERMINATING
    } else if caused(OWNED) {
        OWNED
    } else if immutable {
        IMMUTABLE
    } else if budget.is_some() {
        BUDGET
    } else {
        &status.reason
    };
    let wait = status.details.as_ref().map_or(0, |d| d.retry_after_seconds);
    ProviderError {
        code: code.to_owned(),
        message: match budget {
            _ if code == OWNED => owned_by_others(causes),
            // Which budget, and what it needs; the message itself only says that there is one.
            Some(cause) => cause.message.clone(),
            None => explained(&status.message),
        },
        attribute: (code == OWNED || kind == ErrorKind::Invalid)
            .then(|| Path::attribute("manifest")),
        retry_after: (wait > 0).then(|| Duration::from_secs(u64::from(wait))),
        service: "kubernetes".to_owned(),
        operation: operation.to_owned(),
        ..ProviderError::new(kind, "")
    }
}

/// Kubernetes has no word of its own for what can never change: its validation says it in prose.
fn is_immutable(cause: &StatusCause) -> bool {
    let says = |text: &str| cause.message.to_lowercase().contains(text);
    says("immutable")
        || says("may not be changed")
        || says("cannot be changed")
        || says("forbidden: updates to")
        || says("cannot change rolename")
        || says("may not change once set")
}

/// The fields that others own, by who owns them.
fn owned_by_others(causes: &[StatusCause]) -> String {
    let mut whose: Vec<(String, Vec<&str>)> = Vec::new();
    for cause in causes.iter().filter(|c| c.reason == OWNED) {
        // `conflict with "kubectl-edit" using apps/v1`
        let manager = cause.message.split('"').nth(1).unwrap_or(&cause.message);
        match whose.iter_mut().find(|(known, _)| known == manager) {
            Some((_, fields)) => fields.push(&cause.field),
            None => whose.push((manager.to_owned(), vec![&cause.field])),
        }
    }
    let list: Vec<String> = whose
        .iter()
        .map(|(manager, fields)| format!("`{manager}` owns {}", fields.join(", ")))
        .collect();
    format!(
        "{}, with another value. Leave the field to it, by taking it out of the manifest or naming it in `computed_fields`, or take it over with `field_manager = {{ force_conflicts = true }}`",
        list.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(json: serde_json::Value) -> Status {
        serde_json::from_str(&json.to_string()).expect("a status")
    }

    #[test]
    fn conflicts_name_the_other_manager_and_the_remedy() {
        let error = of_status(
            "apply Deployment",
            &status(
                json!({"code": 409, "reason": "Conflict", "message": "Apply failed with 2 conflicts", "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using apps/v1", "field": ".spec.replicas"},
                {"reason": "FieldManagerConflict", "message": "conflict with \"hpa\" using apps/v1", "field": ".spec.paused"}]}}),
            ),
        );
        assert_eq!((error.kind, &*error.code), (ErrorKind::Conflict, OWNED));
        for part in [
            "`kubectl-edit` owns .spec.replicas",
            "`hpa` owns .spec.paused",
            "force_conflicts",
        ] {
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let cause = |message: &str| json!({"causes": [{"reason": "FieldValueInvalid", "message": message, "field": "spec"}]});
        for (answer, kind, code) in [
            (
                json!({"code": 403, "reason": "Forbidden", "message": "unable to create new content in namespace a because it is being terminated"}),
                ErrorKind::Conflict,
                TERMINATING,
            ),
            (
                json!({"code": 403, "reason": "Forbidden", "message": "pods \"a\" is forbidden: exceeded quota: q"}),
                ErrorKind::Quota,
                "Forbidden",
            ),
            (
                json!({"code": 403, "reason": "Forbidden", "message": "User \"x\" cannot patch"}),
                ErrorKind::Denied,
                "Forbidden",
            ),
            (
                json!({"code": 500, "reason": "InternalError", "message": "Internal error occurred: failed calling webhook \"a\""}),
                ErrorKind::Transient,
                "InternalError",
            ),
            (
                json!({"code": 400, "reason": "BadRequest", "message": "failed calling webhook \"a\": no endpoints"}),
                ErrorKind::Transient,
                "BadRequest",
            ),
            (
                json!({"code": 500, "message": "failed to create typed patch object (a/web; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in schema"}),
                ErrorKind::Invalid,
                "",
            ),
            (
                json!({"code": 422, "reason": "Invalid", "message": "no", "details": cause("Invalid value: 1: field is immutable")}),
                ErrorKind::Invalid,
                IMMUTABLE,
            ),
            (
                json!({"code": 422, "reason": "Invalid", "message": "no", "details": cause("Required value")}),
                ErrorKind::Invalid,
                "Invalid",
            ),
            (
                json!({"code": 429, "reason": "TooManyRequests", "message": "slowly", "details": {"retryAfterSeconds": 3}}),
                ErrorKind::Throttled,
                "TooManyRequests",
            ),
            (
                json!({"code": 429, "reason": "TooManyRequests", "message": "Cannot evict pod", "details": {"causes": [{"reason": "DisruptionBudget", "message": "The disruption budget web needs 1 healthy pods and has 1 currently"}]}}),
                ErrorKind::Conflict,
                BUDGET,
            ),
        ] {
            let error = of_status("x", &status(answer.clone()));
            assert_eq!((error.kind, &*error.code), (kind, code), "{answer}");
        }
    }
}
