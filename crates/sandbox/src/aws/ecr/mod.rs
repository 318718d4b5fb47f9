//! ECR as infrastructure uses it: repositories, lifecycle policies, and images as far as a manifest goes.

mod image;
mod lifecycle;
mod repository;
mod tagging;

pub(super) use self::tagging::tagged;

use serde_json::Value;

use super::context::ACCOUNT;
use super::error::{AwsError, AwsResult};
use super::json::{JsonService, Paging, text};

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "AmazonEC2ContainerRegistry_V20150921",
    operations: &[
        repository::OPERATIONS,
        lifecycle::OPERATIONS,
        image::OPERATIONS,
        tagging::OPERATIONS,
    ],
};

const PAGES: Paging = Paging {
    limit: "maxResults",
    token: "nextToken",
    default: 100,
    most: 1000,
    wrong: |message| invalid(message),
    strange: |message| invalid(message),
};

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

/// A member that breaks a rule.
fn broken(member: &str, rule: &str) -> AwsError {
    invalid(format!(
        "Invalid parameter at '{member}' failed to satisfy constraint: '{rule}'"
    ))
}

fn require<'a>(body: &'a Value, name: &str) -> AwsResult<&'a str> {
    text(body, name)?.ok_or_else(|| broken(name, "must not be null"))
}

/// A refusal about a repository of this account's registry.
fn about(code: &str, name: &str, what: &str) -> AwsError {
    let message =
        format!("The repository with name '{name}' {what} in the registry with id '{ACCOUNT}'");
    AwsError::new(code, message)
}
