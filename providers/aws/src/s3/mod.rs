//! S3: buckets and their settings. A setting's life is that of `setting`; each type says how its own is read, put and
//! cleared.

pub(crate) mod bucket;
mod encryption;
mod lifecycle;
mod lifecycle_rule;
mod look;
mod policy;
mod public_access_block;
mod setting;
pub(crate) mod tagging;
mod versioning;

use crate::client::Client;
use crate::family::S3;
use crate::wait::{self, Pace};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use infra_model::{CallContext, Operation, ProviderError};
use std::error::Error;
use std::time::Duration;

pub(crate) type Encryption = setting::Of<encryption::Encryption>;
pub(crate) type Lifecycle = setting::Of<lifecycle::Lifecycle>;
pub(crate) type Policy = setting::Of<policy::Policy>;
pub(crate) type PublicAccessBlock = setting::Of<public_access_block::PublicAccessBlock>;
pub(crate) type Versioning = setting::Of<versioning::Versioning>;

/// Other changes of the same bucket, and places that have not heard of a new one, are over in seconds.
const BRIEF: Pace = Pace {
    limit: Duration::from_secs(30),
    ..wait::QUICK
};

/// Sends a change of a bucket. Buckets take one at a time.
async fn change<T, E, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    call: &'static str,
    send: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
{
    wait::while_refused(context, operation, BRIEF, busy, || {
        client.call(context, S3, call, &send)
    })
    .await
}

fn busy(error: &ProviderError) -> bool {
    error.code == "OperationAborted"
}

/// A value that its builder refuses: the schema requires what the API does.
fn malformed(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(infra_model::ErrorKind::Invalid, error.to_string())
}
