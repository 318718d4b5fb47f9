//! Waiting for AWS.

use crate::client::Client;
pub use infra_cloud::wait::*;
use infra_model::{CallContext, Operation, ProviderError, Resource};
use std::time::Duration;

/// For what is known everywhere within seconds, such as a role or a key that was just made.
pub const BRIEF: Pace = Pace {
    limit: Duration::from_mins(1),
    ..QUICK
};

/// [`infra_cloud::wait::settled`] with this provider's client.
///
/// # Errors
/// As there.
pub async fn settled<R: Resource<Client>>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: R::Record,
) -> Result<R::Record, ProviderError> {
    infra_cloud::wait::settled::<Client, R>(client, context, operation, id, desired).await
}
