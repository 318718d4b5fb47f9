//! Errors as Google's services write them: `error.errors[].reason` in the older ones, `error.status` and details in
//! those on gRPC.

use serde_json::{Map, Value, json};

use crate::http::HttpReply;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GoogleError {
    pub(crate) code: u16,
    /// In `errors[]`, such as `notFound`.
    pub(crate) reason: String,
    /// Of gRPC, such as `NOT_FOUND`.
    pub(crate) status: String,
    pub(crate) message: String,
    pub(crate) details: Vec<Value>,
    /// Whether it has all members in any service, as what the front end says before the service.
    front: bool,
}

pub(crate) type GoogleResult<T> = Result<T, GoogleError>;

/// Which members a service's errors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `errors` alone: compute, Cloud SQL, storage, DNS.
    Errors,
    /// `status` alone: services on gRPC.
    Status,
    /// Both: GKE, IAM.
    Both,
}

impl GoogleError {
    pub(crate) fn new(
        code: u16,
        reason: impl Into<String>,
        status: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            reason: reason.into(),
            status: status.into(),
            message: message.into(),
            details: Vec::new(),
            front: false,
        }
    }

    /// 400 `invalid`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", "INVALID_ARGUMENT", message)
    }

    /// 400 `badRequest` / `INVALID_ARGUMENT`.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "badRequest", "INVALID_ARGUMENT", message)
    }

    /// 400 `required`.
    pub(crate) fn required(field: &str) -> Self {
        let message = format!("Required field '{field}' not specified");
        Self::new(400, "required", "INVALID_ARGUMENT", message)
    }

    /// 400 `Invalid value for field …`, as compute says it.
    pub(crate) fn field(field: &str, value: &str, why: &str) -> Self {
        Self::invalid(format!(
            "Invalid value for field '{field}': '{value}'. {why}"
        ))
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "notFound", "NOT_FOUND", message)
    }

    /// 409 because it exists.
    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(409, "alreadyExists", "ALREADY_EXISTS", message)
    }

    /// 400 `FAILED_PRECONDITION`.
    pub(crate) fn precondition(message: impl Into<String>) -> Self {
        Self::new(400, "failedPrecondition", "FAILED_PRECONDITION", message)
    }

    /// 412 `conditionNotMet`.
    pub(crate) fn condition(message: impl Into<String>) -> Self {
        Self::new(412, "conditionNotMet", "FAILED_PRECONDITION", message)
    }

    /// 403.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "forbidden", "PERMISSION_DENIED", message)
    }

    /// What the front end says of a request body that its service's schema does not allow.
    pub(crate) fn payload(field: &str, message: String) -> Self {
        let mut error = Self::bad(message.clone());
        error.details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": field, "description": message }],
        })];
        error.front = true;
        error
    }

    /// Shows all members, in any service.
    pub(crate) fn whole(mut self) -> Self {
        self.front = true;
        self
    }

    /// Adds a detail.
    pub(crate) fn detail(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    /// What the log calls it.
    pub(crate) fn name(&self, shape: Shape) -> &str {
        match shape {
            Shape::Status => &self.status,
            Shape::Errors | Shape::Both => &self.reason,
        }
    }

    /// The answer.
    pub(crate) fn reply(&self, shape: Shape) -> HttpReply {
        let mut error = Map::new();
        error.insert("code".into(), self.code.into());
        error.insert("message".into(), self.message.clone().into());
        if self.front || shape != Shape::Status {
            error.insert(
                "errors".into(),
                json!([{ "message": self.message, "domain": "global", "reason": self.reason }]),
            );
        }
        if self.front || shape != Shape::Errors {
            error.insert("status".into(), self.status.clone().into());
        }
        if !self.details.is_empty() {
            error.insert("details".into(), self.details.clone().into());
        }
        HttpReply::json(self.code, &json!({ "error": error }))
    }
}
