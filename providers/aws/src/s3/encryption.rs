//! `aws_s3_bucket_server_side_encryption_configuration`.

use super::setting::{Place, Setting};
use super::{change, malformed};
use crate::client::Client;
use crate::family::S3;
use async_trait::async_trait;
use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use infra_model::{CallContext, Operation, ProviderError, Record};

/// How a bucket encrypts what does not say so itself. Destroying this brings S3's own keys back.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct EncryptionRecord {
    /// The bucket.
    #[record(required, force_new)]
    pub(crate) bucket: String,
    /// The account that must own the bucket.
    #[record(optional, force_new)]
    pub(crate) expected_bucket_owner: Option<String>,
    /// How it encrypts.
    #[record(block, set, min = 1)]
    pub(crate) rule: Vec<Rule>,
    /// The bucket.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// How a bucket encrypts.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Rule {
    /// What is used.
    #[record(block, max = 1)]
    pub(crate) apply_server_side_encryption_by_default: Vec<ByDefault>,
    /// Whether one key for a time spares calls to KMS.
    #[record(optional)]
    pub(crate) bucket_key_enabled: Option<bool>,
}

/// What is used.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct ByDefault {
    /// `AES256` for S3's keys, `aws:kms` or `aws:kms:dsse`.
    #[record(required)]
    pub(crate) sse_algorithm: String,
    /// The key; with `aws:kms` and none, AWS' own.
    #[record(optional)]
    pub(crate) kms_master_key_id: Option<String>,
}

pub(crate) struct Encryption;

#[async_trait]
impl Setting for Encryption {
    type Record = EncryptionRecord;
    const TYPE: &'static str = "aws_s3_bucket_server_side_encryption_configuration";

    fn place(record: &EncryptionRecord) -> Place {
        Place {
            bucket: record.bucket.clone(),
            owner: record.expected_bucket_owner.clone(),
        }
    }

    async fn get(
        client: &Client,
        context: &CallContext,
        place: &Place,
        prior: Option<&EncryptionRecord>,
    ) -> Result<Option<EncryptionRecord>, ProviderError> {
        let found = client
            .call(context, S3, "GetBucketEncryption", || {
                client
                    .s3()
                    .get_bucket_encryption()
                    .bucket(&place.bucket)
                    .set_expected_bucket_owner(place.owner.clone())
                    .send()
            })
            .await?;
        let Some(configuration) = found.server_side_encryption_configuration else {
            return Ok(None);
        };
        let rules = configuration.rules.iter().enumerate();
        Ok(Some(EncryptionRecord {
            bucket: place.bucket.clone(),
            expected_bucket_owner: place.owner.clone(),
            rule: rules
                .map(|(i, r)| rule(r, prior.and_then(|p| p.rule.get(i))))
                .collect(),
            id: Some(place.id()),
        }))
    }

    async fn put(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &EncryptionRecord,
    ) -> Result<(), ProviderError> {
        let mut configuration = ServerSideEncryptionConfiguration::builder();
        for rule in &record.rule {
            let default = rule
                .apply_server_side_encryption_by_default
                .first()
                .map(|d| {
                    ServerSideEncryptionByDefault::builder()
                        .sse_algorithm(ServerSideEncryption::from(d.sse_algorithm.as_str()))
                        .set_kms_master_key_id(d.kms_master_key_id.clone())
                        .build()
                })
                .transpose()
                .map_err(malformed)?;
            configuration = configuration.rules(
                ServerSideEncryptionRule::builder()
                    .set_apply_server_side_encryption_by_default(default)
                    .set_bucket_key_enabled(rule.bucket_key_enabled)
                    .build(),
            );
        }
        let configuration = configuration.build().map_err(malformed)?;
        change(client, context, operation, "PutBucketEncryption", || {
            client
                .s3()
                .put_bucket_encryption()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .server_side_encryption_configuration(configuration.clone())
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
        _: &EncryptionRecord,
    ) -> Result<(), ProviderError> {
        change(client, context, operation, "DeleteBucketEncryption", || {
            client
                .s3()
                .delete_bucket_encryption()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .send()
        })
        .await?;
        Ok(())
    }
}

/// As the stack says it, where S3 tells its defaults besides.
fn rule(found: &ServerSideEncryptionRule, prior: Option<&Rule>) -> Rule {
    let default = found
        .apply_server_side_encryption_by_default()
        .map(|d| ByDefault {
            sse_algorithm: d.sse_algorithm.as_str().to_owned(),
            kms_master_key_id: d.kms_master_key_id.clone().filter(|k| !k.is_empty()),
        })
        .filter(|d| {
            let unsaid =
                prior.is_some_and(|p| p.apply_server_side_encryption_by_default.is_empty());
            !(unsaid && d.sse_algorithm == "AES256")
        });
    let unsaid = prior.is_none_or(|p| p.bucket_key_enabled.is_none());
    Rule {
        apply_server_side_encryption_by_default: default.into_iter().collect(),
        bucket_key_enabled: match found.bucket_key_enabled {
            Some(false) | None if unsaid => None,
            found => Some(found.unwrap_or(false)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s3_adds_is_not_shown() {
        let found = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(
                ServerSideEncryptionByDefault::builder()
                    .sse_algorithm(ServerSideEncryption::Aes256)
                    .build()
                    .expect("complete"),
            )
            .bucket_key_enabled(false)
            .build();
        let shown = rule(&found, None);
        assert_eq!(shown.bucket_key_enabled, None);
        assert_eq!(shown.apply_server_side_encryption_by_default.len(), 1);
        let said = Rule {
            bucket_key_enabled: Some(true),
            ..Rule::default()
        };
        let shown = rule(&found, Some(&said));
        assert_eq!(shown.bucket_key_enabled, Some(false));
        assert!(shown.apply_server_side_encryption_by_default.is_empty());
    }
}
