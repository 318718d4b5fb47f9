//! Classes of volumes: encrypted, growing, and made in the zone of the pod that they are for.

use crate::inside::Inside;
use crate::objects::object;
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// The class of claims that name none.
const DEFAULT: &str = "encrypted";
/// What makes a class that of claims that name none; of several the newest is.
pub(crate) const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// Where claims that name no class would get no volume, or one that is not encrypted, there is a class for them.
///
/// EKS has none since 1.30, and its add-on makes one that encrypts only where the account says so
/// (<https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/charts/aws-ebs-csi-driver/templates/ebs-csi-default-sc.yaml>). GKE has
/// `standard-rwo` and AKS `default`: both are encrypted, grow, and wait for the pod
/// (<https://cloud.google.com/kubernetes-engine/docs/concepts/persistent-volumes#storageclasses>,
/// <https://learn.microsoft.com/azure/aks/concepts-storage#storage-classes>).
pub(crate) fn default_class(inside: &mut Inside<'_>) {
    if matches!(inside.site.cloud, Cloud::Aws(_)) {
        let annotations = json!({ IS_DEFAULT: "true" });
        class(DEFAULT, &annotations, "Delete", inside);
    }
}

/// What looks into the buckets of every cloud, and brings files there, by the identity of its pod.
pub(crate) const COPIER: &str = "docker.io/rclone/rclone:1.71.0";

/// A folder of a bucket of the stack's as `rclone` names it, without a configuration; a template. `bucket` is its reference.
/// <https://rclone.org/s3/>, `googlecloudstorage`, `azureblob`.
pub(crate) fn remote(cloud: &Cloud, bucket: &str, folder: &str) -> String {
    match cloud {
        // The bucket's address is the only output that says its region.
        Cloud::Aws(_) => format!(
            ":s3,provider=AWS,env_auth=true,no_check_bucket=true,region=${{regex(\"[.]s3[.]([a-z0-9-]+)[.]amazonaws\", {bucket}.url)[0]}}:${{{bucket}.name}}/{folder}"
        ),
        Cloud::Google(_) => format!(
            ":gcs,env_auth=true,bucket_policy_only=true,no_check_bucket=true:${{{bucket}.name}}/{folder}"
        ),
        // https://ACCOUNT.blob.core.windows.net/CONTAINER, of which the domain is that of one of Microsoft's clouds.
        Cloud::Azure(_) => format!(
            ":azureblob,env_auth=true,no_check_container=true,account=${{{bucket}.name}},endpoint=${{trimprefix(split(\"/\", {bucket}.url)[2], \"${{{bucket}.name}}.\")}}:${{split(\"/\", {bucket}.url)[3]}}/{folder}"
        ),
    }
}

/// A class of the cloud's quick disks.
pub(crate) fn class(name: &str, annotations: &Json, reclaim: &str, inside: &mut Inside<'_>) {
    let (provisioner, parameters) = match &inside.site.cloud {
        Cloud::Aws(_) => (
            "ebs.csi.aws.com",
            json!({ "type": "gp3", "encrypted": "true" }),
        ),
        Cloud::Google(_) => ("pd.csi.storage.gke.io", json!({ "type": "pd-balanced" })),
        Cloud::Azure(_) => ("disk.csi.azure.com", json!({ "skuName": "Premium_LRS" })),
    };
    let mut rest = json!({
        "provisioner": provisioner,
        "parameters": parameters,
        "reclaimPolicy": reclaim,
        "allowVolumeExpansion": true,
        // Only when the pod has a node is it known in which zone the volume must be.
        "volumeBindingMode": "WaitForFirstConsumer",
    });
    if !annotations.is_null() {
        rest["metadata"] = json!({ "annotations": annotations });
    }
    inside.object(object("storage.k8s.io/v1", "StorageClass", "", name, rest));
}
