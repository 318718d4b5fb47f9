//! `bucket`: a private place for objects. Inputs and outputs, the same on every cloud.

mod aws;
mod azure;
mod google;

use crate::Component;
use crate::cloud::Cloud;
use crate::draft::Draft;
use crate::input::Input;
use infra_model::Record;
use infra_model::expand::OutputType;

/// A private place for objects: encrypted with its own key, versioned, unreachable without TLS and from the public. On Azure it
/// is a storage account without shared keys, and a container in it called as the stack and the bucket.
#[derive(Record)]
pub(crate) struct Inputs {
    /// Where it is built: `aws`, `google` or `azure`, or `aws.NAME` for an alias.
    #[record(required)]
    pub(crate) cloud: String,
    /// Its name, unique in the whole world. Without one it is the stack's and the bucket's name with a random end. On Azure it
    /// is the storage account's, of 3 to 24 lower-case letters and digits.
    #[record(optional)]
    pub(crate) name: Option<Input<String>>,
    /// Keep what is overwritten or deleted.
    #[record(optional, default = true)]
    pub(crate) versioning: bool,
    /// How long old versions are kept, in days.
    #[record(optional, default = 90)]
    pub(crate) keep_versions_days: i64,
    /// What becomes of objects with age. Without rules they stay for ever.
    #[record(block)]
    pub(crate) retention: Vec<Retention>,
    /// Whether destroying it deletes the objects in it too. Ephemeral copies of a stack (`--instance`) always do. So does
    /// every bucket on Azure, where a storage account goes with all that is in it.
    #[record(optional, default = false)]
    pub(crate) force_destroy: bool,
}

/// What becomes of objects with age.
#[derive(Record)]
pub(crate) struct Retention {
    /// Only of objects whose names start so.
    #[record(optional, default = "")]
    pub(crate) prefix: String,
    /// After so many days they move to cheaper storage that is slower or dearer to read.
    #[record(optional)]
    pub(crate) archive_days: Option<i64>,
    /// After so many days they are deleted.
    #[record(optional)]
    pub(crate) expire_days: Option<i64>,
}

/// The kind.
pub(crate) struct Bucket;

impl Component for Bucket {
    const NAME: &'static str = "bucket";
    const OUTPUTS: &'static [(&'static str, OutputType, &'static str)] = &[
        ("id", OutputType::Text, "Its id."),
        (
            "name",
            OutputType::Text,
            "Its name: of the storage account on Azure.",
        ),
        (
            "container",
            OutputType::Text,
            "What its objects are in: the container of the storage account on Azure, elsewhere the bucket itself.",
        ),
        (
            "arn",
            OutputType::Text,
            "How policies name it: the ARN on AWS, the scope of role assignments on Azure.",
        ),
        ("url", OutputType::Text, "Its HTTPS address."),
        (
            "key_id",
            OutputType::Text,
            "The key that encrypts it: the key's ARN on AWS, its address in the vault on Azure.",
        ),
    ];
    const NATIVES: &'static [&'static str] = &[
        "aws_kms_alias",
        "aws_kms_key",
        "aws_s3_bucket",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
        "google_kms_crypto_key",
        "google_kms_crypto_key_iam_member",
        "google_kms_key_ring",
        "google_storage_bucket",
        "azurerm_key_vault",
        "azurerm_key_vault_key",
        "azurerm_resource_group",
        "azurerm_role_assignment",
        "azurerm_storage_account",
        "azurerm_storage_account_customer_managed_key",
        "azurerm_storage_container",
        "azurerm_storage_management_policy",
        "azurerm_user_assigned_identity",
        "random_id",
    ];
    type Inputs = Inputs;

    fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
        let cloud = draft.land("cloud", &inputs.cloud);
        check(inputs, draft);
        match cloud {
            Some(Cloud::Aws(_)) => aws::expand(inputs, draft),
            Some(Cloud::Google(_)) => google::expand(inputs, draft),
            Some(Cloud::Azure(_)) => azure::expand(inputs, draft),
            None => {}
        }
    }
}

fn check(inputs: &Inputs, draft: &mut Draft<'_>) {
    if inputs.keep_versions_days < 1 {
        draft.refuse(
            "keep_versions_days",
            "old versions are kept for at least one day",
            "write `versioning = false` to keep none",
        );
    }
    for (index, rule) in inputs.retention.iter().enumerate() {
        let at = |field: &str| format!("retention[{index}].{field}");
        let days = [
            ("archive_days", rule.archive_days),
            ("expire_days", rule.expire_days),
        ];
        if days.iter().all(|(_, d)| d.is_none()) {
            draft.refuse(
                &format!("retention[{index}]"),
                "this retention rule does nothing",
                "give it `archive_days`, `expire_days` or both",
            );
        }
        for (field, given) in days {
            if given.is_some_and(|d| d < 1) {
                draft.refuse(
                    &at(field),
                    "ages are counted in whole days from 1",
                    "write `expire_days = 30`",
                );
            }
        }
        if let (Some(archive), Some(expire)) = (rule.archive_days, rule.expire_days)
            && archive >= expire
        {
            draft.refuse(
                &at("archive_days"),
                format!("objects would be deleted after {expire} days, before they are archived"),
                "make `archive_days` less than `expire_days`",
            );
        }
    }
}
