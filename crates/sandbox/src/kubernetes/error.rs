//! Kubernetes' own way of saying no: a `Status` with a code, a reason and its causes.

use serde_json::{Value, json};

use crate::http::HttpReply;

/// A `Status` of failure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// Group and kind (or resource) and name that it is about.
    about: Option<(String, String, String)>,
    causes: Vec<Cause>,
    retry_after: Option<u32>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cause {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) field: String,
}

/// What an operation answers, or why not.
pub(super) type ApiResult<T> = Result<T, ApiError>;

impl Cause {
    pub(super) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = match detail {
            "" => "Required value".to_owned(),
            detail => format!("Required value: {detail}"),
        };
        Self::new("FieldValueRequired", message, field)
    }

    pub(super) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = format!("Invalid value: {}: {detail}", shown(value));
        Self::new("FieldValueInvalid", message, field)
    }

    pub(super) fn unsupported(field: impl Into<String>, value: &Value, allowed: &[&str]) -> Self {
        let words: Vec<String> = allowed.iter().map(|word| format!("{word:?}")).collect();
        let message = format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            words.join(", ")
        );
        Self::new("FieldValueNotSupported", message, field)
    }

    pub(super) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", format!("Forbidden: {detail}"), field)
    }

    pub(super) fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new(
            "FieldValueNotFound",
            format!("Not found: {}", shown(value)),
            field,
        )
    }

    pub(super) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(
            "FieldValueDuplicate",
            format!("Duplicate value: {}", shown(value)),
            field,
        )
    }

    pub(super) fn new(
        reason: &'static str,
        message: impl Into<String>,
        field: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            message: message.into(),
            field: field.into(),
        }
    }
}

/// A value as messages show it.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => {
            let mut text = value.to_string();
            if text.len() > 300 {
                let end = (0..=300)
                    .rev()
                    .find(|at| text.is_char_boundary(*at))
                    .unwrap_or_default();
                text.truncate(end);
                text.push('…');
            }
            text
        }
        value => value.to_string(),
    }
}

impl ApiError {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            about: None,
            causes: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// `forbidden: DETAIL` about an object.
    pub(super) fn forbidden(group: &str, resource: &str, name: &str, detail: &str) -> Self {
        let message = match name {
            "" => format!("{} is forbidden: {detail}", qualified(resource, group)),
            name => format!(
                "{} {name:?} is forbidden: {detail}",
                qualified(resource, group)
            ),
        };
        Self::new(403, "Forbidden", message).about(group, resource, name)
    }

    pub(super) fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {name:?} not found", qualified(resource, group));
        Self::new(404, "NotFound", message).about(group, resource, name)
    }

    /// No such path.
    pub(super) fn no_resource() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    pub(super) fn method() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub(super) fn exists(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", qualified(resource, group));
        Self::new(409, "AlreadyExists", message).about(group, resource, name)
    }

    pub(super) fn conflict(group: &str, resource: &str, name: &str, detail: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {detail}",
            qualified(resource, group)
        );
        Self::new(409, "Conflict", message).about(group, resource, name)
    }

    /// Somebody wrote in between.
    pub(super) fn modified(group: &str, resource: &str, name: &str) -> Self {
        Self::conflict(
            group,
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(super) fn media_type(sent: &str, allowed: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {} (sent {sent:?})",
            allowed.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// Fields that are not as they must be, of an object of a kind.
    pub(super) fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let said: Vec<String> = causes
            .iter()
            .map(|cause| match cause.field.as_str() {
                "" => cause.message.clone(),
                field => format!("{field}: {}", cause.message),
            })
            .collect();
        let said = match said.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} {name:?} is invalid: {said}", qualified(kind, group));
        Self {
            causes,
            ..Self::new(422, "Invalid", message).about(group, kind, name)
        }
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        let message = format!("Internal error occurred: {}", message.into());
        Self::new(500, "InternalError", message)
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        self.about = Some((group.to_owned(), kind.to_owned(), name.to_owned()));
        self
    }

    pub(super) fn causes(mut self, causes: Vec<Cause>) -> Self {
        self.causes = causes;
        self
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// As the body of an answer has it.
    pub(super) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        });
        let mut details = json!({});
        if let Some((group, kind, name)) = &self.about {
            for (member, text) in [("name", name), ("group", group), ("kind", kind)] {
                if !text.is_empty() {
                    details[member] = text.as_str().into();
                }
            }
        }
        if !self.causes.is_empty() {
            let causes = self.causes.iter().map(|cause| {
                let mut value = json!({ "reason": cause.reason, "message": cause.message });
                if !cause.field.is_empty() {
                    value["field"] = cause.field.as_str().into();
                }
                value
            });
            details["causes"] = causes.collect();
        }
        if let Some(seconds) = self.retry_after {
            details["retryAfterSeconds"] = seconds.into();
        }
        if details
            .as_object()
            .is_some_and(|details| !details.is_empty())
        {
            status["details"] = details;
        }
        status["code"] = self.code.into();
        status
    }

    pub(super) fn reply(&self) -> HttpReply {
        let reply = HttpReply::json(self.code, &self.status());
        match self.retry_after {
            Some(seconds) => reply.with("retry-after", seconds.to_string()),
            None => reply,
        }
    }
}

/// `deployments.apps`, or `pods` of the core group.
pub(super) fn qualified(resource: &str, group: &str) -> String {
    match group {
        "" => resource.to_owned(),
        group => format!("{resource}.{group}"),
    }
}
