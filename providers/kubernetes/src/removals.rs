//! API versions that a minor version of Kubernetes does not serve any more.
//! https://kubernetes.io/docs/reference/using-api/deprecation-guide/

use infra_cloud::minors::minor_of;
use infra_model::{ProviderError, Value};

/// The first minor without it, the API version, its kinds, and what has taken its place.
#[rustfmt::skip]
const REMOVED: &[(u64, &str, &[&str], &str)] = &[
    (32, "flowcontrol.apiserver.k8s.io/v1beta3", &["FlowSchema", "PriorityLevelConfiguration"], "flowcontrol.apiserver.k8s.io/v1"),
    (29, "flowcontrol.apiserver.k8s.io/v1beta2", &["FlowSchema", "PriorityLevelConfiguration"], "flowcontrol.apiserver.k8s.io/v1"),
    (27, "storage.k8s.io/v1beta1", &["CSIStorageCapacity"], "storage.k8s.io/v1"),
    (26, "flowcontrol.apiserver.k8s.io/v1beta1", &["FlowSchema", "PriorityLevelConfiguration"], "flowcontrol.apiserver.k8s.io/v1"),
    (26, "autoscaling/v2beta2", &["HorizontalPodAutoscaler"], "autoscaling/v2"),
    (25, "autoscaling/v2beta1", &["HorizontalPodAutoscaler"], "autoscaling/v2"),
    (25, "batch/v1beta1", &["CronJob"], "batch/v1"),
    (25, "discovery.k8s.io/v1beta1", &["EndpointSlice"], "discovery.k8s.io/v1"),
    (25, "events.k8s.io/v1beta1", &["Event"], "events.k8s.io/v1"),
    (25, "node.k8s.io/v1beta1", &["RuntimeClass"], "node.k8s.io/v1"),
    (25, "policy/v1beta1", &["PodDisruptionBudget"], "policy/v1"),
    (25, "policy/v1beta1", &["PodSecurityPolicy"], ""),
    (22, "admissionregistration.k8s.io/v1beta1", &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"], "admissionregistration.k8s.io/v1"),
    (22, "apiextensions.k8s.io/v1beta1", &["CustomResourceDefinition"], "apiextensions.k8s.io/v1"),
    (22, "apiregistration.k8s.io/v1beta1", &["APIService"], "apiregistration.k8s.io/v1"),
    (22, "certificates.k8s.io/v1beta1", &["CertificateSigningRequest"], "certificates.k8s.io/v1"),
    (22, "coordination.k8s.io/v1beta1", &["Lease"], "coordination.k8s.io/v1"),
    (22, "extensions/v1beta1", &["Ingress"], "networking.k8s.io/v1"),
    (22, "networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], "networking.k8s.io/v1"),
    (22, "rbac.authorization.k8s.io/v1beta1", &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"], "rbac.authorization.k8s.io/v1"),
    (22, "scheduling.k8s.io/v1beta1", &["PriorityClass"], "scheduling.k8s.io/v1"),
    (22, "storage.k8s.io/v1beta1", &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"], "storage.k8s.io/v1"),
    (16, "apps/v1beta1", &["ControllerRevision", "Deployment", "StatefulSet"], "apps/v1"),
    (16, "apps/v1beta2", &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"], "apps/v1"),
    (16, "extensions/v1beta1", &["DaemonSet", "Deployment", "ReplicaSet"], "apps/v1"),
    (16, "extensions/v1beta1", &["NetworkPolicy"], "networking.k8s.io/v1"),
    (16, "extensions/v1beta1", &["PodSecurityPolicy"], ""),
];

/// Why an object cannot be in a cluster of a version, such as `1.32` or `1.32.4-gke.1`; nothing when it can, or the version says
/// no minor.
pub(crate) fn refused(type_name: &str, value: &Value, version: &str) -> Option<ProviderError> {
    if type_name != "kubernetes_manifest" {
        return None;
    }
    let (1, minor) = minor_of(version)? else {
        return None;
    };
    let manifest = value.get("manifest")?;
    let text = |name: &str| manifest.get(name).and_then(Value::as_str);
    let (api, kind) = (text("apiVersion")?, text("kind")?);
    let (since, _, _, instead) = REMOVED
        .iter()
        .find(|(since, old, kinds, _)| *since <= minor && *old == api && kinds.contains(&kind))?;
    let remedy = match *instead {
        "" => "nothing has taken its place: take it out of the stack first".to_owned(),
        instead => {
            format!(
                "write `apiVersion = \"{instead}\"`, whose fields may differ, and apply that first"
            )
        }
    };
    Some(ProviderError::invalid(
        "manifest",
        format!(
            "Kubernetes serves no {kind} of {api} since 1.{since}, and the cluster is to have {version}: {remedy}"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::implied;
    use serde_json::json;

    fn told(api: &str, kind: &str, version: &str) -> Option<String> {
        let value = implied(&json!({ "manifest": { "apiVersion": api, "kind": kind } }));
        refused("kubernetes_manifest", &value, version).map(|e| e.message)
    }

    #[test]
    fn what_a_minor_no_longer_serves_is_refused() {
        let old = "flowcontrol.apiserver.k8s.io/v1beta3";
        assert_eq!(told(old, "FlowSchema", "1.31"), None);
        for version in ["1.32", "1.32.4-gke.1", "v1.34"] {
            let told = told(old, "FlowSchema", version).expect("removed");
            assert!(
                told.contains("since 1.32")
                    && told.contains("`apiVersion = \"flowcontrol.apiserver.k8s.io/v1\"`"),
                "{told}"
            );
        }
        let gone = told("policy/v1beta1", "PodSecurityPolicy", "1.30").expect("removed");
        assert!(gone.contains("nothing has taken its place"), "{gone}");
        // The same version of other kinds is served, and what says no minor is not judged.
        assert_eq!(
            told("storage.k8s.io/v1beta1", "VolumeAttributesClass", "1.34"),
            None
        );
        assert_eq!(told(old, "FlowSchema", "latest"), None);
        assert_eq!(told("apps/v1", "Deployment", "1.34"), None);
    }
}
