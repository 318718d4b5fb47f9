//! Tags of RDS' resources, by ARN.

use crate::client::{Client, Place};
use crate::error::there;
use crate::family::RDS;
use crate::tagged::{self, Asked};
use crate::tags::{self, Tags};
use aws_sdk_rds::types::Tag;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Recovered};

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect()
}

/// As the provider keeps them.
pub(super) fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
        .collect()
}

/// The tags of a new resource, for its create call.
pub(super) fn for_create(client: &Client, operation: &Operation, own: &Tags) -> Vec<Tag> {
    to_sdk(&tags::for_create(&client.config().tags, own, operation))
}

/// The tags of each; none of what is gone.
pub(super) async fn read(
    client: &Client,
    context: &CallContext,
    asked: Vec<Asked<'_>>,
) -> Vec<Result<Option<Tags>, ProviderError>> {
    let own = |arn: String| async move { read_one(client, context, &arn).await };
    tagged::read(client, context, Place::Region, asked, own).await
}

async fn read_one(
    client: &Client,
    context: &CallContext,
    arn: &str,
) -> Result<Option<Tags>, ProviderError> {
    let request = client.rds().list_tags_for_resource().resource_name(arn);
    let answer = client
        .call(context, RDS, "ListTagsForResource", || {
            request.clone().send()
        })
        .await;
    Ok(there(answer)?.map(|a| from_sdk(a.tag_list())))
}

/// What has the name, as listed by it, and whether the operation made it.
pub(super) async fn named<T>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
    listed: Result<Vec<T>, ProviderError>,
    arn: impl FnOnce(T) -> Option<String>,
) -> Result<Recovered, ProviderError> {
    let found = match listed {
        Err(error) if error.kind == ErrorKind::NotFound => None,
        listed => listed?.pop(),
    };
    let tagged = match found.and_then(arn) {
        Some(arn) => read_one(client, context, &arn).await?,
        None => None,
    };
    Ok(tags::whose(operation, name.to_owned(), tagged.as_ref()))
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
            .call(context, RDS, "RemoveTagsFromResource", || {
                client
                    .rds()
                    .remove_tags_from_resource()
                    .resource_name(arn)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
    }
    client
        .call(context, RDS, "AddTagsToResource", || {
            client
                .rds()
                .add_tags_to_resource()
                .resource_name(arn)
                .set_tags(Some(to_sdk(&set)))
                .send()
        })
        .await?;
    Ok(())
}
