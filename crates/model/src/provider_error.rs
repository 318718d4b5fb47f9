//! What a cloud answers when it does not do what was asked, typed so that the engine can decide and a person can act.

use crate::defect::Defect;
use crate::path::Path;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The kinds of failure that are handled differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Too many calls; retried at a lower rate.
    Throttled,
    /// Would probably work when tried again: 5xx, connection lost, timeout.
    Transient,
    /// What was named does not exist.
    NotFound,
    /// Something is in the way: it exists already, is in use, or was changed by someone else.
    Conflict,
    /// Not allowed, or no valid credentials.
    Denied,
    /// A quota is used up.
    Quota,
    /// The request makes no sense to the cloud.
    Invalid,
    /// The cloud says that the resource ended in failure.
    Failed,
    /// A wait ran out; the operation may still finish and the next run goes on waiting.
    TimedOut,
    /// The run was interrupted before the call was sent.
    Interrupted,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// What to do about it, whatever was being done.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            ErrorKind::Throttled => {
                "the cloud refuses so many calls at once; run the same command again in a while"
            }
            ErrorKind::Transient => {
                "is the region right, the network up, the sandbox running? Then run the same command again"
            }
            ErrorKind::TimedOut | ErrorKind::Interrupted => {
                "run the same command again: what is done stays done"
            }
            ErrorKind::Denied => "use credentials that may do it, or give these the permission",
            ErrorKind::Quota => "ask the cloud for a higher quota, or remove what is not needed",
            ErrorKind::Conflict => "remove what is in the way, or choose another name",
            ErrorKind::NotFound => "check the name, the region and the account; it may be gone",
            ErrorKind::Invalid => "correct the value in the stack file",
            ErrorKind::Failed => "the cloud's console may say more about why it failed",
            ErrorKind::Other => "INFRA_LOG=debug shows what was sent and answered",
        }
    }
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderError {
    /// What to make of it.
    pub kind: ErrorKind,
    /// `ec2`, `eks`, …
    pub service: String,
    /// `CreateVpc`, …
    pub operation: String,
    /// The cloud's own code, such as `DependencyViolation`.
    pub code: String,
    /// The cloud's own words.
    pub message: String,
    /// For support.
    pub request_id: Option<String>,
    /// The attribute at fault, when the cloud names it.
    pub attribute: Option<Path>,
    /// How long the cloud asks to wait.
    pub retry_after: Option<Duration>,
    /// An earlier attempt of the same call was left without an answer: whatever this one says, it may have been done.
    #[serde(default)]
    pub maybe_done: bool,
}

impl ProviderError {
    /// The code of a conflict with what somebody else changed between a plan and its application.
    pub const CHANGED_MEANWHILE: &'static str = "ChangedMeanwhile";

    /// An error of a kind, in our own words.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> ProviderError {
        ProviderError {
            kind,
            service: String::new(),
            operation: String::new(),
            code: String::new(),
            message: message.into(),
            request_id: None,
            attribute: None,
            retry_after: None,
            maybe_done: false,
        }
    }

    /// An invalid value of an attribute.
    #[must_use]
    pub fn invalid(attribute: &str, message: impl Into<String>) -> ProviderError {
        ProviderError {
            attribute: Some(Path::attribute(attribute)),
            ..ProviderError::new(ErrorKind::Invalid, message)
        }
    }

    /// The error of a later attempt, after one that was left without an answer.
    #[must_use]
    pub fn after_lost_answer(self) -> ProviderError {
        ProviderError {
            maybe_done: true,
            ..self
        }
    }

    /// Whether a wait or a call was cut short that may still end well: the operation goes on, and the next run with it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::TimedOut
                | ErrorKind::Transient
                | ErrorKind::Interrupted
                | ErrorKind::Throttled
        )
    }

    /// Whether it certainly was not done: the operation has ended and need not be looked for.
    #[must_use]
    pub fn is_definite_refusal(&self) -> bool {
        (!self.maybe_done || Defect::RefusalAfterLostAnswer.is_present())
            && matches!(
                self.kind,
                ErrorKind::NotFound
                    | ErrorKind::Conflict
                    | ErrorKind::Denied
                    | ErrorKind::Quota
                    | ErrorKind::Invalid
                    | ErrorKind::Interrupted
                    | ErrorKind::Throttled
            )
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.service.is_empty() {
            write!(f, "{} {}: ", self.service, self.operation)?;
        }
        if !self.code.is_empty() {
            write!(f, "{}: ", self.code)?;
        }
        f.write_str(&self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ProviderError {}

impl From<crate::record::FieldError> for ProviderError {
    fn from(error: crate::record::FieldError) -> Self {
        ProviderError {
            attribute: Some(Path::attribute(error.field.as_str())),
            ..ProviderError::new(ErrorKind::Invalid, error.message)
        }
    }
}
