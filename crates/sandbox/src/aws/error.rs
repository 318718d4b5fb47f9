//! Errors of AWS services, apart from the protocol that carries them.

use serde_json::{Map, Value};

/// An error that a service answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// More members of the error's shape, for the JSON protocols; boxed, since few errors have any.
    pub(crate) members: Box<Map<String, Value>>,
}

impl AwsError {
    /// A client's error, status 400.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    pub(crate) fn with_status(
        status: u16,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            members: Box::default(),
        }
    }

    /// Adds a member to the error's shape.
    pub(crate) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

/// The result of a handler.
pub(crate) type AwsResult<T> = Result<T, AwsError>;
