//! Tags of EKS' resources, by ARN.

use crate::client::Client;
use crate::family::EKS;
use crate::tags::{self, Tags};
use infra_model::{CallContext, Operation, ProviderError, Recovered};
use std::collections::HashMap;

/// Tags as the SDK has them.
pub(super) type Found = Option<HashMap<String, String>>;

/// The tags of a new resource, for its create call.
pub(super) fn for_create(client: &Client, operation: &Operation, own: &Tags) -> Found {
    let all = tags::for_create(&client.config().tags, own, operation);
    Some(all.into_iter().collect())
}

/// `tags` and `tags_all`.
pub(super) fn split(client: &Client, found: Found, prior: Option<&Tags>) -> (Tags, Tags) {
    let found = found.unwrap_or_default().into_iter().collect();
    tags::split(found, &client.config().tags, prior)
}

/// Whether the operation made what has these tags.
pub(super) fn whose(operation: &Operation, id: String, found: &Found) -> Recovered {
    let made_by = found.as_ref().and_then(|t| t.get(tags::OPERATION));
    if made_by.map(String::as_str) == Some(&*operation.id.0) {
        Recovered::Found(id)
    } else {
        Recovered::Foreign(id)
    }
}

/// Brings tags from what they were, defaults included, to the resource's own and the present defaults.
pub(super) async fn update(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    arn: Option<&str>,
    prior_all: &Tags,
    own: &Tags,
) -> Result<(), ProviderError> {
    let arn = arn.unwrap_or_default();
    let defaults = &client.config().tags;
    let (set, gone) = tags::changes(defaults, prior_all, own, operation);
    if !gone.is_empty() {
        client
            .call(context, EKS, "UntagResource", || {
                client
                    .eks()
                    .untag_resource()
                    .resource_arn(arn)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
    }
    let set: HashMap<String, String> = set.into_iter().collect();
    client
        .call(context, EKS, "TagResource", || {
            client
                .eks()
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(set.clone()))
                .send()
        })
        .await?;
    Ok(())
}
