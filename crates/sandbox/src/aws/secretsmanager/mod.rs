//! Secrets Manager: secrets with their versions, policies and tags; deletion with a time in which it can be undone. It
//! rotates nothing and copies nothing to other regions.

mod pushed;
mod secret;
mod settings;
mod value;

use serde_json::Value;

use super::error::{AwsError, AwsResult};
use super::json::{JsonService, Paging, text};

pub(super) use self::pushed::push;
pub(super) use self::secret::tagged;

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "secretsmanager",
    operations: &[secret::OPERATIONS, value::OPERATIONS, settings::OPERATIONS],
};

const PAGES: Paging = Paging {
    limit: "MaxResults",
    token: "NextToken",
    default: 100,
    most: 100,
    wrong: |message| invalid(message),
    strange: |message| AwsError::new("InvalidNextTokenException", message),
};

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

/// What cannot be done in the state that the secret is in.
fn not_now(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidRequestException", message)
}

fn not_found(message: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", message)
}

fn require<'a>(body: &'a Value, name: &str) -> AwsResult<&'a str> {
    let found = text(body, name)?.filter(|text| !text.is_empty());
    found.ok_or_else(|| {
        invalid(format!(
            "You must provide a value for the {name} parameter."
        ))
    })
}
