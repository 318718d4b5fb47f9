//! `aws_s3_bucket_public_access_block`.

use super::change;
use super::setting::{Place, Setting};
use crate::client::Client;
use crate::family::S3;
use async_trait::async_trait;
use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use infra_model::{CallContext, Operation, ProviderError, Record};

/// What keeps a bucket from being public.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PublicAccessBlockRecord {
    /// The bucket.
    #[record(required, force_new)]
    pub(crate) bucket: String,
    /// Whether new public access lists are refused.
    #[record(optional, default = false)]
    pub(crate) block_public_acls: bool,
    /// Whether new public policies are refused.
    #[record(optional, default = false)]
    pub(crate) block_public_policy: bool,
    /// Whether public access lists have no effect.
    #[record(optional, default = false)]
    pub(crate) ignore_public_acls: bool,
    /// Whether a public policy lets in nobody but AWS' services and the account.
    #[record(optional, default = false)]
    pub(crate) restrict_public_buckets: bool,
    /// Whether a destroy leaves it.
    #[record(optional, default = false)]
    pub(crate) skip_destroy: bool,
    /// The bucket.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct PublicAccessBlock;

#[async_trait]
impl Setting for PublicAccessBlock {
    type Record = PublicAccessBlockRecord;
    const TYPE: &'static str = "aws_s3_bucket_public_access_block";

    fn place(record: &PublicAccessBlockRecord) -> Place {
        Place {
            bucket: record.bucket.clone(),
            owner: None,
        }
    }

    async fn get(
        client: &Client,
        context: &CallContext,
        place: &Place,
        prior: Option<&PublicAccessBlockRecord>,
    ) -> Result<Option<PublicAccessBlockRecord>, ProviderError> {
        let found = client
            .call(context, S3, "GetPublicAccessBlock", || {
                client
                    .s3()
                    .get_public_access_block()
                    .bucket(&place.bucket)
                    .send()
            })
            .await?;
        let Some(found) = found.public_access_block_configuration else {
            return Ok(None);
        };
        Ok(Some(PublicAccessBlockRecord {
            bucket: place.bucket.clone(),
            block_public_acls: found.block_public_acls.unwrap_or(false),
            block_public_policy: found.block_public_policy.unwrap_or(false),
            ignore_public_acls: found.ignore_public_acls.unwrap_or(false),
            restrict_public_buckets: found.restrict_public_buckets.unwrap_or(false),
            skip_destroy: prior.is_some_and(|p| p.skip_destroy),
            id: Some(place.id()),
        }))
    }

    async fn put(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &PublicAccessBlockRecord,
    ) -> Result<(), ProviderError> {
        let configuration = PublicAccessBlockConfiguration::builder()
            .block_public_acls(record.block_public_acls)
            .block_public_policy(record.block_public_policy)
            .ignore_public_acls(record.ignore_public_acls)
            .restrict_public_buckets(record.restrict_public_buckets)
            .build();
        change(client, context, operation, "PutPublicAccessBlock", || {
            client
                .s3()
                .put_public_access_block()
                .bucket(&place.bucket)
                .public_access_block_configuration(configuration.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    async fn clear(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &PublicAccessBlockRecord,
    ) -> Result<(), ProviderError> {
        if record.skip_destroy {
            return Ok(());
        }
        change(
            client,
            context,
            operation,
            "DeletePublicAccessBlock",
            || {
                client
                    .s3()
                    .delete_public_access_block()
                    .bucket(&place.bucket)
                    .send()
            },
        )
        .await?;
        Ok(())
    }
}
