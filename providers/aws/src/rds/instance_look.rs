//! Databases looked for by their marks, and what RDS keeps of them.

use super::instance_call::{all, one};
use super::tagging;
use crate::client::Client;
use crate::tags;
use infra_model::kept::Backups;
use infra_model::{CallContext, Operation, ProviderError, Timestamp};

/// The databases that carry the marks of an operation.
pub(super) async fn marked(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<Vec<String>, ProviderError> {
    let found = all(client, context).await?.into_iter();
    let ours = found.filter(|f| tags::are_of(&tagging::from_sdk(f.tag_list()), operation));
    Ok(ours.filter_map(|f| f.dbi_resource_id).collect())
}

/// What can be had back: RDS makes backups while it is to keep them for a day or more, and says up to when a database can be restored
/// (`LatestRestorableTime` of `DescribeDBInstances`).
pub(super) async fn backups(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Backups>, ProviderError> {
    let found = one(client, context, id).await?.pop();
    Ok(found.map(|found| Backups {
        automatic: found.backup_retention_period.is_some_and(|days| days > 0),
        first: None,
        last: found
            .latest_restorable_time
            .and_then(|time| time.to_millis().ok())
            .map(Timestamp),
    }))
}
