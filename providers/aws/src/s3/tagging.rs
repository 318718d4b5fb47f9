//! Tags of buckets. S3 takes all of a bucket's tags or none, so that those of others are carried along.

use super::{change, malformed};
use crate::client::Client;
use crate::family::S3;
use crate::tags::{self, Tags};
use aws_sdk_s3::types::{Tag, Tagging};
use infra_model::{CallContext, Operation, ProviderError};

pub(super) fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build().map_err(malformed))
        .collect()
}

/// The tags of a bucket; none when there is no bucket.
pub(crate) async fn read(
    client: &Client,
    context: &CallContext,
    bucket: &str,
) -> Result<Option<Tags>, ProviderError> {
    let answer = client
        .call(context, S3, "GetBucketTagging", || {
            client.s3().get_bucket_tagging().bucket(bucket).send()
        })
        .await;
    match answer {
        Ok(found) => {
            let tags = found.tag_set.into_iter();
            Ok(Some(tags.map(|t| (t.key, t.value)).collect()))
        }
        Err(error) if error.code == "NoSuchTagSet" => Ok(Some(Tags::new())),
        Err(error) if error.code == "NoSuchBucket" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Brings tags from what they were, defaults included, to the resource's own and the present defaults.
pub(super) async fn update(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    bucket: &str,
    prior_all: &Tags,
    own: &Tags,
) -> Result<(), ProviderError> {
    let defaults = &client.config().tags;
    let (set, gone) = tags::changes(defaults, prior_all, own, operation);
    let mut all = read(client, context, bucket).await?.unwrap_or_default();
    all.retain(|key, _| !gone.contains(key));
    all.extend(set);
    put(client, context, operation, bucket, &all).await
}

pub(super) async fn put(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    bucket: &str,
    all: &Tags,
) -> Result<(), ProviderError> {
    let tagging = Tagging::builder()
        .set_tag_set(Some(to_sdk(all)?))
        .build()
        .map_err(malformed)?;
    change(client, context, operation, "PutBucketTagging", || {
        client
            .s3()
            .put_bucket_tagging()
            .bucket(bucket)
            .tagging(tagging.clone())
            .send()
    })
    .await?;
    Ok(())
}
