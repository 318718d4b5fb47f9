//! `aws_s3_bucket_versioning`.

use super::change;
use super::setting::{Place, Setting};
use crate::client::Client;
use crate::family::S3;
use async_trait::async_trait;
use aws_sdk_s3::types::{
    BucketVersioningStatus, MfaDelete, MfaDeleteStatus, VersioningConfiguration,
};
use infra_model::{CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Value};

/// Whether a bucket keeps old versions of its objects. What was on can only be suspended; destroying this does that.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VersioningRecord {
    /// The bucket.
    #[record(required, force_new)]
    pub(crate) bucket: String,
    /// The account that must own the bucket.
    #[record(optional, force_new)]
    pub(crate) expected_bucket_owner: Option<String>,
    /// The serial number of a second factor, a space and its present code, where `mfa_delete` is on.
    #[record(optional)]
    pub(crate) mfa: Option<String>,
    /// Whether it does.
    #[record(block, min = 1, max = 1)]
    pub(crate) versioning_configuration: Vec<Configuration>,
    /// The bucket.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Whether versions are kept.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Configuration {
    /// `Enabled`, `Suspended`, or `Disabled` for a bucket that never had them.
    #[record(required)]
    pub(crate) status: String,
    /// `Enabled` or `Disabled`: whether deleting a version needs a second factor.
    #[record(optional, computed)]
    pub(crate) mfa_delete: Option<String>,
}

/// A bucket that never had versions.
const NEVER: &str = "Disabled";

pub(crate) struct Versioning;

#[async_trait]
impl Setting for Versioning {
    type Record = VersioningRecord;
    const TYPE: &'static str = "aws_s3_bucket_versioning";

    fn place(record: &VersioningRecord) -> Place {
        Place {
            bucket: record.bucket.clone(),
            owner: record.expected_bucket_owner.clone(),
        }
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let status = |value: &Value| {
            let configuration = value.get("versioning_configuration")?.elements()?.first()?;
            Some(configuration.get("status")?.as_str()?.to_owned())
        };
        let was = request.prior.and_then(status);
        if planned.replace.is_empty()
            && was.as_deref().is_some_and(|s| s != NEVER)
            && status(&planned.value).as_deref() == Some(NEVER)
        {
            return Err(ProviderError::invalid(
                "versioning_configuration",
                "a bucket that had versions can only have them suspended: write `status = \"Suspended\"`",
            ));
        }
        Ok(())
    }

    async fn get(
        client: &Client,
        context: &CallContext,
        place: &Place,
        prior: Option<&VersioningRecord>,
    ) -> Result<Option<VersioningRecord>, ProviderError> {
        let found = client
            .call(context, S3, "GetBucketVersioning", || {
                client
                    .s3()
                    .get_bucket_versioning()
                    .bucket(&place.bucket)
                    .set_expected_bucket_owner(place.owner.clone())
                    .send()
            })
            .await?;
        let never = prior
            .and_then(|p| p.versioning_configuration.first())
            .is_some_and(|c| c.status == NEVER);
        let status = match found.status() {
            Some(status) => status.as_str().to_owned(),
            None if never => NEVER.to_owned(),
            None => return Ok(None),
        };
        Ok(Some(VersioningRecord {
            bucket: place.bucket.clone(),
            expected_bucket_owner: place.owner.clone(),
            mfa: prior.and_then(|p| p.mfa.clone()),
            versioning_configuration: vec![Configuration {
                status,
                mfa_delete: found
                    .mfa_delete()
                    .map(|m: &MfaDeleteStatus| m.as_str().to_owned()),
            }],
            id: Some(place.id()),
        }))
    }

    async fn put(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &VersioningRecord,
    ) -> Result<(), ProviderError> {
        let Some(wanted) = record
            .versioning_configuration
            .first()
            .filter(|c| c.status != NEVER)
        else {
            return Ok(());
        };
        let mfa_delete = wanted.mfa_delete.as_deref().map(MfaDelete::from);
        set(
            client,
            context,
            operation,
            place,
            &wanted.status,
            mfa_delete,
            record.mfa.as_ref(),
        )
        .await
    }

    async fn clear(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        place: &Place,
        record: &VersioningRecord,
    ) -> Result<(), ProviderError> {
        let on = |c: &Configuration| !matches!(c.status.as_str(), NEVER | "Suspended");
        if !record.versioning_configuration.iter().any(on) {
            return Ok(());
        }
        set(
            client,
            context,
            operation,
            place,
            "Suspended",
            None,
            record.mfa.as_ref(),
        )
        .await
    }
}

async fn set(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    place: &Place,
    status: &str,
    mfa_delete: Option<MfaDelete>,
    mfa: Option<&String>,
) -> Result<(), ProviderError> {
    // Only the bucket's root user may say anything about the second factor, "off" included.
    let mfa_delete = mfa_delete.filter(|_| mfa.is_some());
    let configuration = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::from(status))
        .set_mfa_delete(mfa_delete)
        .build();
    change(client, context, operation, "PutBucketVersioning", || {
        client
            .s3()
            .put_bucket_versioning()
            .bucket(&place.bucket)
            .set_expected_bucket_owner(place.owner.clone())
            .set_mfa(mfa.cloned())
            .versioning_configuration(configuration.clone())
            .send()
    })
    .await?;
    Ok(())
}
