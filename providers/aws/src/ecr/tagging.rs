//! Tags of repositories, by ARN.

use crate::client::Client;
use crate::error::there;
use crate::family::ECR;
use crate::tags::{self, Tags};
use aws_sdk_ecr::types::Tag;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};

fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    tags.iter()
        .map(|(k, v)| {
            Tag::builder()
                .key(k)
                .value(v)
                .build()
                .map_err(|e| ProviderError::new(ErrorKind::Invalid, e.to_string()))
        })
        .collect()
}

/// The tags of a new repository, for its create call.
pub(super) fn for_create(
    client: &Client,
    operation: &Operation,
    own: &Tags,
) -> Result<Vec<Tag>, ProviderError> {
    to_sdk(&tags::for_create(&client.config().tags, own, operation))
}

/// The tags; none when the repository is gone.
pub(super) async fn read(
    client: &Client,
    context: &CallContext,
    arn: &str,
) -> Result<Option<Tags>, ProviderError> {
    let request = client.ecr().list_tags_for_resource().resource_arn(arn);
    let answer = client
        .call(context, ECR, "ListTagsForResource", || {
            request.clone().send()
        })
        .await;
    let tags = there(answer)?.map(|a| a.tags.unwrap_or_default());
    Ok(tags.map(|tags| tags.into_iter().map(|t| (t.key, t.value)).collect()))
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
    let ecr = client.ecr();
    if !gone.is_empty() {
        let request = ecr.untag_resource().resource_arn(arn);
        let request = request.set_tag_keys(Some(gone));
        client
            .call(context, ECR, "UntagResource", || request.clone().send())
            .await?;
    }
    let set = to_sdk(&set)?;
    let request = ecr.tag_resource().resource_arn(arn).set_tags(Some(set));
    client
        .call(context, ECR, "TagResource", || request.clone().send())
        .await?;
    Ok(())
}
