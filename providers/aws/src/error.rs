//! From the SDK's errors to typed ones. AWS's error codes follow naming habits, so most are told apart by their form; the
//! exceptions are listed.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
pub use infra_cloud::absence::{absent_is_done, there};
use infra_model::{ErrorKind, Path, ProviderError};
use std::error::Error;
use std::time::Duration;

/// The typed error of a failed call.
pub fn typed<E>(service: &str, operation: &str, error: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    // Credentials of our own say themselves what is wrong with them.
    if let Some(own) = own(error) {
        return own.clone();
    }
    let mut out = ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        ..ProviderError::new(ErrorKind::Other, "")
    };
    out.request_id = error
        .meta()
        .request_id()
        .or_else(|| error.request_id())
        .map(str::to_owned);
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            out.retry_after = retry_after(answer.raw());
            out.code = error.code().unwrap_or_default().to_owned();
            out.message = error
                .message()
                .map_or_else(|| format!("HTTP status {status}"), str::to_owned);
            out.kind = kind(&out.code, status);
            out.attribute = named_parameter(&out.message).map(Path::attribute);
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            out.retry_after = retry_after(answer.raw());
            out.kind = match kind("", status) {
                // A cut or garbled answer to a call that was accepted.
                ErrorKind::Other if status < 300 => ErrorKind::Transient,
                kind => kind,
            };
            out.message = DisplayErrorContext(error).to_string();
        }
        SdkError::TimeoutError(_) => {
            out.kind = ErrorKind::Transient;
            out.message = "no answer in time".to_owned();
        }
        SdkError::DispatchFailure(failure) => {
            out.message = format!("{NO_ANSWER}{}", causes(error));
            out.kind = if failure.is_io() || failure.is_timeout() {
                ErrorKind::Transient
            } else {
                without_answer(&DisplayErrorContext(error).to_string())
            };
        }
        _ => {
            out.message = format!("the request could not be made: {}", causes(error));
            out.kind = without_answer(&DisplayErrorContext(error).to_string());
        }
    }
    out
}

/// How the message of a call without an answer begins; what stands behind it is why.
const NO_ANSWER: &str = "no answer: ";

/// With the endpoint that gave no answer.
#[must_use]
pub fn from_endpoint(mut error: ProviderError, endpoint: &str) -> ProviderError {
    if let Some(why) = error.message.strip_prefix(NO_ANSWER) {
        error.message = format!("no answer from {endpoint}: {why}");
    }
    error
}

/// The error of ours that is among the causes.
fn own<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ProviderError> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(own) = cause.downcast_ref::<ProviderError>() {
            return Some(own);
        }
        next = cause.source();
    }
    None
}

/// Why credentials could not be got: in our own words where there are any.
pub(crate) fn causes_of(error: &(dyn Error + 'static)) -> String {
    own(error).map_or_else(|| causes(error), ToString::to_string)
}

/// Why a call came to nothing, from the outermost cause that says something to the innermost, each once.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // What wraps another error often repeats it.
        if !text.is_empty() && !causes.iter().any(|known| known.contains(&text)) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes.retain(|cause| !matches!(cause.as_str(), "io error" | "other" | "dispatch failure"));
    if causes.is_empty() {
        "for no reason that is known".to_owned()
    } else {
        causes.join(": ")
    }
}

/// The typed error of an item that a call, answered with success all the same, reports as not done.
#[must_use]
pub fn of_item(service: &str, operation: &str, code: &str, message: &str) -> ProviderError {
    ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        code: code.to_owned(),
        ..ProviderError::new(kind(code, 400), message)
    }
}

/// A request that could not even be sent: the credential chain's errors have no type of their own at this level.
fn without_answer(message: &str) -> ErrorKind {
    let lower = message.to_ascii_lowercase();
    if lower.contains("credential") || lower.contains("identity") {
        ErrorKind::Denied
    } else if lower.contains("construct") || lower.contains("missing") {
        ErrorKind::Invalid
    } else {
        ErrorKind::Transient
    }
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response
        .headers()
        .get("retry-after")?
        .parse()
        .ok()
        .map(Duration::from_secs)
}

const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];
const TRANSIENT: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServerException",
    "ServiceFailureException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
];
const DENIED: &[&str] = &[
    "AuthFailure",
    "Blocked",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "KMSAccessDeniedException",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "SubscriptionRequiredException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];
const CONFLICT: &[&str] = &[
    "BucketAlreadyExists",
    "BucketAlreadyOwnedByYou",
    "BucketNotEmpty",
    "DeleteConflict",
    "DependencyViolation",
    "EntityTemporarilyUnmodifiable",
    "IdempotentParameterMismatch",
    "IncorrectInstanceState",
    "IncorrectState",
    "InvalidRequestException.AlreadyExists",
    "KMSInvalidStateException",
    "OperationAborted",
    "OperationAbortedException",
    "OperationNotPermittedException",
    "RepositoryNotEmptyException",
    "Resource.AlreadyAssociated",
    "ResourceExistsException",
];

/// What a code means; the HTTP status decides when the code does not.
fn kind(code: &str, status: u16) -> ErrorKind {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|s| code.ends_with(s));
    let starts = |prefixes: &[&str]| prefixes.iter().any(|p| code.starts_with(p));
    if THROTTLED.contains(&code) || (code.is_empty() && status == 429) {
        ErrorKind::Throttled
    } else if TRANSIENT.contains(&code) || status >= 500 {
        ErrorKind::Transient
    } else if DENIED.contains(&code) || starts(&["AccessDenied", "ExpiredToken", "Unauthorized"]) {
        ErrorKind::Denied
    } else if starts(&["NoSuch"])
        || ends(&[
            "NotFound",
            "NotFoundException",
            "NotFoundFault",
            "NotFound.KeyPair",
        ])
    {
        ErrorKind::NotFound
    } else if CONFLICT.contains(&code)
        || starts(&["Conflict"])
        || ends(&[
            "InUse",
            "InUseException",
            "InUseFault",
            "AlreadyExists",
            "AlreadyExistsException",
            "AlreadyExistsFault",
            "AlreadyAssociated",
            ".Duplicate",
            ".Conflict",
            "ConflictException",
            "InvalidStateFault",
        ])
        || starts(&["Duplicate"])
        // `InvalidDBInstanceState`, `InvalidDBSubnetGroupStateFault`, …
        || (starts(&["InvalidDB"]) && code.contains("State"))
    {
        ErrorKind::Conflict
    } else if starts(&["TooMany", "Insufficient"])
        || ends(&[
            "LimitExceeded",
            "LimitExceededException",
            "LimitExceededFault",
            "QuotaExceeded",
            "QuotaExceededException",
            "QuotaExceededFault",
        ])
    {
        ErrorKind::Quota
    } else if starts(&[
        "Invalid",
        "Malformed",
        "Missing",
        "Unknown",
        "Unsupported",
        "Validation",
    ]) || status == 400
    {
        ErrorKind::Invalid
    } else if status == 404 {
        ErrorKind::NotFound
    } else if status == 401 || status == 403 {
        ErrorKind::Denied
    } else if status == 409 || status == 412 {
        ErrorKind::Conflict
    } else {
        ErrorKind::Other
    }
}

/// `cidr_block` of "Value (10.0.0.0/33) for parameter cidrBlock is invalid".
fn named_parameter(message: &str) -> Option<String> {
    let word = message
        .split_once("arameter ")?
        .1
        .trim_start_matches(['\'', '"', '`', '('])
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .next()
        .filter(|w| !w.is_empty())?;
    Some(snake_case(word))
}

/// `cidrBlock` and `CIDRBlock` become `cidr_block`.
fn snake_case(word: &str) -> String {
    let chars: Vec<char> = word.chars().collect();
    let mut out = String::with_capacity(word.len() + 4);
    for (i, c) in chars.iter().enumerate() {
        let boundary = i > 0
            && c.is_ascii_uppercase()
            && (chars[i - 1].is_ascii_lowercase()
                || chars.get(i + 1).is_some_and(char::is_ascii_lowercase));
        if boundary {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_kinds() {
        for (code, status, expected) in [
            ("RequestLimitExceeded", 503, ErrorKind::Throttled),
            ("Throttling", 400, ErrorKind::Throttled),
            ("VpcLimitExceeded", 400, ErrorKind::Quota),
            ("ResourceLimitExceededException", 400, ErrorKind::Quota),
            ("InvalidVpcID.NotFound", 400, ErrorKind::NotFound),
            ("NatGatewayNotFound", 400, ErrorKind::NotFound),
            ("NoSuchEntity", 404, ErrorKind::NotFound),
            ("DBInstanceNotFound", 404, ErrorKind::NotFound),
            ("ResourceNotFoundException", 404, ErrorKind::NotFound),
            ("DependencyViolation", 400, ErrorKind::Conflict),
            ("InvalidIPAddress.InUse", 400, ErrorKind::Conflict),
            ("ResourceInUseException", 409, ErrorKind::Conflict),
            ("InvalidPermission.Duplicate", 400, ErrorKind::Conflict),
            ("DuplicateLoadBalancerName", 400, ErrorKind::Conflict),
            ("InvalidSubnet.Conflict", 400, ErrorKind::Conflict),
            ("DeleteConflict", 409, ErrorKind::Conflict),
            ("ResourceExistsException", 400, ErrorKind::Conflict),
            ("RepositoryNotEmptyException", 400, ErrorKind::Conflict),
            ("InvalidDBSubnetGroupStateFault", 400, ErrorKind::Conflict),
            ("UnauthorizedOperation", 403, ErrorKind::Denied),
            ("AccessDeniedException", 400, ErrorKind::Denied),
            ("ExpiredTokenException", 400, ErrorKind::Denied),
            ("InvalidParameterValue", 400, ErrorKind::Invalid),
            ("ValidationError", 400, ErrorKind::Invalid),
            ("InternalError", 500, ErrorKind::Transient),
            ("", 502, ErrorKind::Transient),
            ("", 429, ErrorKind::Throttled),
            ("SomethingNew", 418, ErrorKind::Other),
        ] {
            assert_eq!(kind(code, status), expected, "{code} {status}");
        }
    }

    #[test]
    fn a_named_parameter_is_the_attribute() {
        for (message, attribute) in [
            (
                "Value (10.0.0.0/33) for parameter cidrBlock is invalid.",
                Some("cidr_block"),
            ),
            (
                "The parameter 'CIDRBlock' may not be null",
                Some("cidr_block"),
            ),
            ("Invalid parameter: DBInstanceClass", None),
            ("The vpc ID 'vpc-1' does not exist", None),
        ] {
            assert_eq!(named_parameter(message).as_deref(), attribute, "{message}");
        }
    }
}
