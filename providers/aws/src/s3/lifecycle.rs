//! `aws_s3_bucket_lifecycle_configuration`.

use super::lifecycle_rule::{self, Rule};
use super::setting::{Place, Setting};
use super::{change, malformed};
use crate::client::Client;
use crate::family::S3;
use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLifecycleConfiguration, TransitionDefaultMinimumObjectSize};
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use std::collections::BTreeSet;

/// What becomes of a bucket's objects when they are old.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LifecycleRecord {
    /// The bucket.
    #[record(required, force_new)]
    pub(crate) bucket: String,
    /// The account that must own the bucket.
    #[record(optional, force_new)]
    pub(crate) expected_bucket_owner: Option<String>,
    /// `all_storage_classes_128K` or `varies_by_storage_class`: what is too small to be moved.
    #[record(optional, computed)]
    pub(crate) transition_default_minimum_object_size: Option<String>,
    /// The rules.
    #[record(block, min = 1)]
    pub(crate) rule: Vec<Rule>,
    /// The bucket.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Lifecycle;

#[async_trait]
impl Setting for Lifecycle {
    type Record = LifecycleRecord;
    const TYPE: &'static str = "aws_s3_bucket_lifecycle_configuration";

    fn place(record: &LifecycleRecord) -> Place {
        Place {
            bucket: record.bucket.clone(),
            owner: record.expected_bucket_owner.clone(),
        }
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let rules = config.get("rule").and_then(Value::elements);
        let mut ids = BTreeSet::new();
        rules
            .unwrap_or_default()
            .iter()
            .filter_map(|rule| rule.get("id")?.as_str())
            .filter(|id| !ids.insert(*id))
            .map(|id| ProviderError::invalid("rule", format!("there are two rules `{id}`")))
            .collect()
    }

    async fn get(
        client: &Client,
        context: &CallContext,
        place: &Place,
        prior: Option<&LifecycleRecord>,
    ) -> Result<Option<LifecycleRecord>, ProviderError> {
        let found = client
            .call(context, S3, "GetBucketLifecycleConfiguration", || {
                client
                    .s3()
                    .get_bucket_lifecycle_configuration()
                    .bucket(&place.bucket)
                    .set_expected_bucket_owner(place.owner.clone())
                    .send()
            })
            .await?;
        if found.rules().is_empty() {
            return Ok(None);
        }
        Ok(Some(LifecycleRecord {
            bucket: place.bucket.clone(),
            expected_bucket_owner: place.owner.clone(),
            transition_default_minimum_object_size: found
                .transition_default_minimum_object_size()
                .map(|s: &TransitionDefaultMinimumObjectSize| s.as_str().to_owned())
                // A server that does not tell has not refused it either.
                .or_else(|| prior?.transition_default_minimum_object_size.clone()),
            rule: lifecycle_rule::from_sdk(
                found.rules(),
                prior.map(|p| p.rule.as_slice()).unwrap_or_default(),
            ),
            id: Some(place.id()),
        }))
    }

    async fn put(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &LifecycleRecord,
    ) -> Result<(), ProviderError> {
        let configuration = BucketLifecycleConfiguration::builder()
            .set_rules(Some(lifecycle_rule::to_sdk(&record.rule)?))
            .build()
            .map_err(malformed)?;
        let smallest = record
            .transition_default_minimum_object_size
            .as_deref()
            .map(TransitionDefaultMinimumObjectSize::from);
        change(
            client,
            context,
            operation,
            "PutBucketLifecycleConfiguration",
            || {
                client
                    .s3()
                    .put_bucket_lifecycle_configuration()
                    .bucket(&place.bucket)
                    .set_expected_bucket_owner(place.owner.clone())
                    .lifecycle_configuration(configuration.clone())
                    .set_transition_default_minimum_object_size(smallest.clone())
                    .send()
            },
        )
        .await?;
        Ok(())
    }

    async fn clear(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        _: &LifecycleRecord,
    ) -> Result<(), ProviderError> {
        change(client, context, operation, "DeleteBucketLifecycle", || {
            client
                .s3()
                .delete_bucket_lifecycle()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .send()
        })
        .await?;
        Ok(())
    }
}
