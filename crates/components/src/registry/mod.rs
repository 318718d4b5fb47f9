//! `registry`: a place for the images of an application. Inputs and outputs, the same on every cloud.

mod aws;
mod azure;
mod google;

use crate::Component;
use crate::cloud::Cloud;
use crate::cluster::Target as Cluster;
use crate::draft::Draft;
use crate::input::Input;
use infra_model::expand::OutputType;
use infra_model::{Record, Value};

/// A private place for the images of an application: encrypted with its own key, with tags that stay where they are, and read
/// by nobody who did not log in. Images are named `URL:TAG` on every cloud. AWS scans them when they are pushed, Google Cloud where the
/// project has the Container Scanning API, Azure where Defender for Containers is on.
///
/// On AWS it is a repository of ECR, in which there is that one image; on Google Cloud a repository of Artifact Registry and on
/// Azure a registry, in which others can stand beside it. Nodes of a `cluster` pull from it without a password: on AWS those of
/// the account, on Google Cloud those of the project, on Azure those of the clusters that are named.
#[derive(Record)]
pub(crate) struct Inputs {
    /// Where it is built: `aws`, `google` or `azure`, or `aws.NAME` for an alias.
    #[record(required)]
    pub(crate) cloud: String,
    /// Its name. Without one it is the stack's and the registry's. On Azure it is unique in the whole world, 5 to 50 letters
    /// and digits, and without one has an end that nobody else has.
    #[record(optional)]
    pub(crate) name: Option<Input<String>>,
    /// Whether a tag stays with the image that it was given to. Not on Azure, where only single images can be locked.
    #[record(optional, default = true)]
    pub(crate) immutable_tags: bool,
    /// After how many days images without a tag are deleted; 0 keeps them.
    #[record(optional, default = 14)]
    pub(crate) keep_untagged_days: i64,
    /// Clusters of the stack whose nodes pull its images, by name, such as `main`. Only Azure needs to be told. Must be known
    /// while planning.
    #[record(optional)]
    pub(crate) clusters: Vec<String>,
    /// Whether destroying it deletes the images in it too. Ephemeral copies of a stack (`--instance`) always do. So does every
    /// registry on Google Cloud and Azure, which goes with all that is in it.
    #[record(optional, default = false)]
    pub(crate) force_destroy: bool,
}

/// The kind.
pub(crate) struct Registry;

impl Component for Registry {
    const NAME: &'static str = "registry";
    const OUTPUTS: &'static [(&'static str, OutputType, &'static str)] = &[
        ("id", OutputType::Text, "Its id."),
        ("name", OutputType::Text, "Its name in the cloud."),
        (
            "arn",
            OutputType::Text,
            "How policies name it: the ARN on AWS, the scope of role assignments on Azure.",
        ),
        (
            "url",
            OutputType::Text,
            "What its images are named with, before `:TAG`.",
        ),
        (
            "host",
            OutputType::Text,
            "Where one logs in: `docker login HOST`.",
        ),
        (
            "key_id",
            OutputType::Text,
            "The key that encrypts it: the key's ARN on AWS, its address in the vault on Azure.",
        ),
    ];
    const NATIVES: &'static [&'static str] = &[
        "aws_ecr_lifecycle_policy",
        "aws_ecr_repository",
        "aws_kms_alias",
        "aws_kms_key",
        "google_artifact_registry_repository",
        "google_kms_crypto_key",
        "google_kms_crypto_key_iam_member",
        "google_kms_key_ring",
        "google_project_service_identity",
        "azurerm_container_registry",
        "azurerm_key_vault",
        "azurerm_key_vault_key",
        "azurerm_resource_group",
        "azurerm_role_assignment",
        "azurerm_user_assigned_identity",
        "random_id",
    ];
    type Inputs = Inputs;

    fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
        let cloud = draft.land("cloud", &inputs.cloud);
        if inputs.keep_untagged_days < 0 {
            draft.refuse(
                "keep_untagged_days",
                "images are kept for a number of days",
                "write `keep_untagged_days = 14`, or 0 to keep images without a tag for ever",
            );
        }
        let clusters = clusters(inputs, cloud.as_ref(), draft);
        match cloud {
            Some(Cloud::Aws(_)) => aws::expand(inputs, draft),
            Some(Cloud::Google(_)) => google::expand(inputs, draft),
            Some(Cloud::Azure(_)) => azure::expand(inputs, &clusters, draft),
            None => {}
        }
    }
}

/// The clusters that are named, by name. None pulls from another cloud without a password.
fn clusters(
    inputs: &Inputs,
    cloud: Option<&Cloud>,
    draft: &mut Draft<'_>,
) -> Vec<(String, Cluster)> {
    let mut found = Vec::new();
    for (index, name) in inputs.clusters.iter().enumerate() {
        let path = format!("clusters[{index}]");
        let Some(cluster) = Cluster::find(&path, &Value::from(name.as_str()), draft) else {
            continue;
        };
        let kind = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
        if cloud.is_some_and(|cloud| kind(&cloud.text()) != kind(&cluster.cloud)) {
            draft.refuse(
                &path,
                format!(
                    "{} is on another cloud, and cannot log in here by itself",
                    cluster.reference
                ),
                "name clusters of the registry's cloud, and give others an image pull secret",
            );
        }
        found.push((name.clone(), cluster));
    }
    found
}

/// Refuses a name that the cloud would refuse.
fn check_name(
    inputs: &Inputs,
    legal: impl Fn(&str) -> bool,
    rule: &'static str,
    draft: &mut Draft<'_>,
) {
    if let Some(name) = inputs.name.as_ref().and_then(|n| n.known())
        && !legal(name)
    {
        let message = format!("`{name}` cannot be the name of a registry");
        draft.refuse("name", message, format!("{rule}; or leave `name` out"));
    }
}
