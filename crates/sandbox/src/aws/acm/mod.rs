//! Certificate Manager: certificates that are requested, validated by the records of the sandbox's Route 53, or imported.
//! Private keys of imported ones are checked and not kept.

pub(crate) mod certificate;
mod import;
pub(crate) mod request;
mod tagging;

pub(super) use self::tagging::tagged;

use super::error::AwsError;
use super::json::{JsonService, require, text, validation};

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

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}
