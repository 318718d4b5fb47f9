//! Certificate Manager: certificates that are requested, validated by the records of the sandbox's Route 53, or imported.
//! Private keys of imported ones are checked and not kept.

pub(crate) mod certificate;
mod import;
pub(crate) mod request;
mod tagging;

use serde_json::Value;

use super::error::{AwsError, AwsResult};
use super::json::JsonService;

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "CertificateManager",
    operations: &[
        certificate::OPERATIONS,
        request::OPERATIONS,
        import::OPERATIONS,
        tagging::OPERATIONS,
    ],
};

fn text<'a>(body: &'a Value, name: &str) -> AwsResult<Option<&'a str>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(AwsError::new(
            "SerializationException",
            format!("{name} must be a string"),
        )),
    }
}

fn require<'a>(body: &'a Value, name: &str) -> AwsResult<&'a str> {
    let found = text(body, name)?.filter(|text| !text.is_empty());
    found.ok_or_else(|| {
        let member = name[..1].to_lowercase() + &name[1..];
        validation(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationException", message)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}
