//! CloudWatch Logs as infrastructure uses it: log groups with retention, key and tags. Nothing is logged.

pub(crate) mod group;
mod tagging;

pub(super) use self::tagging::tagged;

use serde_json::Value;

use super::error::{AwsError, AwsResult};
use super::json::{JsonService, text};

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "Logs_20140328",
    operations: &[group::OPERATIONS, tagging::OPERATIONS],
};

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

fn not_found() -> AwsError {
    AwsError::new(
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
}

/// A value that breaks a rule of a member.
fn broken(value: &str, member: &str, rule: &str) -> AwsError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member {rule}"
    ))
}

fn require<'a>(body: &'a Value, name: &str) -> AwsResult<&'a str> {
    text(body, name)?.ok_or_else(|| broken("null", name, "must not be null"))
}
