//! Refusals in the shape of Azure Resource Manager: `{"error": {"code", "message", "target", "details"}}`.

use serde_json::{Map, Value, json};

use super::schema::{Operation, Problem};
use crate::http::HttpReply;

pub(crate) type ArmResult<T> = Result<T, ArmError>;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArmError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    target: Option<String>,
    /// Code and message of each.
    details: Vec<(String, String)>,
    /// Whether `details` is shown when it is empty, as Microsoft.Network does.
    bare: bool,
    retry_after: Option<u64>,
    /// The code of the error inside, which says more.
    inner: Option<&'static str>,
}

impl ArmError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            target: None,
            details: Vec::new(),
            bare: false,
            retry_after: None,
            inner: None,
        }
    }

    /// 400.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// 409.
    pub(crate) fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(409, code, message)
    }

    /// What Microsoft.Network refuses with 400.
    pub(crate) fn network(code: &str, message: impl Into<String>) -> Self {
        Self {
            bare: true,
            ..Self::bad(code, message)
        }
    }

    /// 404 of a resource that is not there.
    pub(crate) fn not_found(kind: &str, name: &str, group: &str) -> Self {
        Self::new(
            404,
            "ResourceNotFound",
            format!(
                "The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    /// 412.
    pub(crate) fn precondition(etag: &str) -> Self {
        Self::new(
            412,
            "PreconditionFailed",
            format!(
                "The condition '{etag}' specified using HTTP conditional header(s) is not met."
            ),
        )
    }

    pub(crate) fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    pub(crate) fn detail(mut self, code: &str, message: impl Into<String>) -> Self {
        self.details.push((code.to_owned(), message.into()));
        self
    }

    /// Adds the error inside.
    pub(crate) fn inner(mut self, code: &'static str) -> Self {
        self.inner = Some(code);
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What a service says of a body that its model does not allow.
    pub(crate) fn body(operation: &Operation, problem: &Problem) -> Self {
        let at = |path: &str| format!("Path '{path}', line 1, position 1.");
        let (text, path) = match problem {
            Problem::Unknown(path, schema) => {
                let name = path.rsplit('.').next().unwrap_or(path);
                let text = format!(
                    "Could not find member '{name}' on object of type '{schema}'. {}",
                    at(path)
                );
                (text, path)
            }
            Problem::Missing(path, name) => {
                let text = format!("Required property '{name}' not found in JSON. {}", at(path));
                (text, path)
            }
            Problem::Kind(path, kind) => {
                let text = format!(
                    "Unexpected value: expected a value of type '{kind}'. {}",
                    at(path)
                );
                (text, path)
            }
            Problem::Word(path, word, words) => {
                let text = format!(
                    "Error converting value \"{word}\": the allowed values are {words}. {}",
                    at(path)
                );
                (text, path)
            }
        };
        let error = match (operation.api, problem) {
            ("network", _) => Self::network("InvalidRequestFormat", "Cannot parse the request.")
                .detail("InvalidJson", text),
            ("vaultcertificates" | "vaultkeys" | "vaultsecrets", _) => {
                Self::bad("BadParameter", text)
            }
            ("containerservice", Problem::Unknown(path, _)) => {
                let name = path.rsplit('.').next().unwrap_or(path);
                let text = format!(
                    "UnmarshalEntity encountered error: json: unknown field \"{name}\". {}",
                    at(path)
                );
                Self::bad("UnmarshalError", text)
            }
            ("containerservice" | "mysql" | "postgresql", Problem::Word(path, ..)) => {
                Self::bad("InvalidParameter", text).target(path)
            }
            _ => Self::bad(
                "InvalidRequestContent",
                format!("The request content was invalid and could not be deserialized: '{text}'"),
            ),
        };
        if path.is_empty() || operation.api == "network" {
            error
        } else {
            error.target(path.as_str())
        }
    }

    /// The members of `error`.
    pub(crate) fn members(&self) -> Value {
        let mut error = Map::new();
        error.insert("code".into(), self.code.clone().into());
        error.insert("message".into(), self.message.clone().into());
        if let Some(target) = &self.target {
            error.insert("target".into(), target.clone().into());
        }
        if self.bare || !self.details.is_empty() {
            let details: Vec<_> = self
                .details
                .iter()
                .map(|(code, message)| json!({ "code": code, "message": message }))
                .collect();
            error.insert("details".into(), details.into());
        }
        if let Some(code) = self.inner {
            error.insert("innererror".into(), json!({ "code": code }));
        }
        Value::Object(error)
    }

    /// The answer.
    pub(crate) fn reply(&self) -> HttpReply {
        let mut reply = HttpReply::json(self.status, &json!({ "error": self.members() }))
            .with("x-ms-failure-cause", "gateway");
        if let Some(seconds) = self.retry_after {
            reply = reply.with("retry-after", seconds.to_string());
        }
        if self.status == 401 {
            let challenge = "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", error_description=\"The authentication failed because of missing or invalid 'Authorization' header.\"";
            reply = reply.with("www-authenticate", challenge);
        }
        reply
    }
}
