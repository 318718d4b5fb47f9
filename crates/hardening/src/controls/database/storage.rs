//! The class of database volumes: encrypted, growing, and kept when the claim is deleted.

use crate::inside::Inside;
use crate::objects::object;
use infra_draft::cloud::Cloud;
use serde_json::json;

const NAME: &str = "database";

/// The class; its name.
pub(super) fn class(inside: &mut Inside<'_>) -> String {
    let (provisioner, parameters) = match &inside.site.cloud {
        Cloud::Aws(_) => (
            "ebs.csi.aws.com",
            json!({ "type": "gp3", "encrypted": "true" }),
        ),
        Cloud::Google(_) => ("pd.csi.storage.gke.io", json!({ "type": "pd-balanced" })),
        Cloud::Azure(_) => ("disk.csi.azure.com", json!({ "skuName": "Premium_LRS" })),
    };
    let rest = json!({
        "provisioner": provisioner,
        "parameters": parameters,
        "reclaimPolicy": "Retain",
        "allowVolumeExpansion": true,
        // Only when the pod has a node is it known in which zone the volume must be.
        "volumeBindingMode": "WaitForFirstConsumer",
    });
    inside.object(object("storage.k8s.io/v1", "StorageClass", "", NAME, rest));
    NAME.to_owned()
}
