//! What is no resource of Google's own but a part of one: a member of a list or a policy that several of ours share. Changes
//! read the whole, change the part and write the whole again, one after the other, and under the whole's etag or fingerprint
//! where it has one, so that nobody's change is lost.

use crate::client::Client;
pub(crate) use infra_cloud::part::once;
use infra_cloud::wait;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use std::future::Future;

/// Changes a whole in turn; when someone else was faster, reads again and tries again.
pub(crate) async fn change<F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    whole: &str,
    change: impl Fn() -> F + Send + Sync,
) -> Result<(), ProviderError>
where
    F: Future<Output = Result<(), ProviderError>> + Send,
{
    let _turn = client.turns.at(whole).await;
    let overtaken = |error: &ProviderError| {
        error.kind == ErrorKind::Conflict && error.code != ProviderError::CHANGED_MEANWHILE
    };
    wait::while_refused(context, operation, wait::QUICK, overtaken, change).await
}
