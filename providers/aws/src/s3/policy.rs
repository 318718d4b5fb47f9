//! `aws_s3_bucket_policy`.

use super::change;
use super::setting::{Place, Setting};
use crate::client::Client;
use crate::document;
use crate::family::S3;
use crate::late::{About, once_known};
use async_trait::async_trait;
use infra_model::{CallContext, Operation, ProviderError, Record, Value};

/// Who may do what with a bucket.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PolicyRecord {
    /// The bucket.
    #[record(required, force_new)]
    pub(crate) bucket: String,
    /// The policy document, in JSON.
    #[record(required, compare = json)]
    pub(crate) policy: String,
    /// The bucket.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Policy;

#[async_trait]
impl Setting for Policy {
    type Record = PolicyRecord;
    const TYPE: &'static str = "aws_s3_bucket_policy";

    fn place(record: &PolicyRecord) -> Place {
        Place {
            bucket: record.bucket.clone(),
            owner: None,
        }
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        document::check(config, "policy")
    }

    async fn get(
        client: &Client,
        context: &CallContext,
        place: &Place,
        prior: Option<&PolicyRecord>,
    ) -> Result<Option<PolicyRecord>, ProviderError> {
        let found = client
            .call(context, S3, "GetBucketPolicy", || {
                client.s3().get_bucket_policy().bucket(&place.bucket).send()
            })
            .await?;
        let Some(policy) = found.policy.filter(|p| !p.is_empty()) else {
            return Ok(None);
        };
        let policy = document::as_said(policy, prior.map(|p| &*p.policy));
        Ok(Some(PolicyRecord {
            bucket: place.bucket.clone(),
            policy,
            id: Some(place.id()),
        }))
    }

    async fn put(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &PolicyRecord,
    ) -> Result<(), ProviderError> {
        // A role that was just made is not known to S3 yet.
        let passes = |error: &ProviderError| {
            error.code == "MalformedPolicy" && error.message.contains("principal")
        };
        let about = About::Roles(&record.policy);
        once_known(client, context, operation, about, passes, || {
            change(client, context, operation, "PutBucketPolicy", || {
                client
                    .s3()
                    .put_bucket_policy()
                    .bucket(&place.bucket)
                    .policy(&record.policy)
                    .send()
            })
        })
        .await?;
        Ok(())
    }

    async fn clear(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        _: &PolicyRecord,
    ) -> Result<(), ProviderError> {
        change(client, context, operation, "DeleteBucketPolicy", || {
            client
                .s3()
                .delete_bucket_policy()
                .bucket(&place.bucket)
                .send()
        })
        .await?;
        Ok(())
    }
}
