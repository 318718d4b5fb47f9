//! API versions that a minor version of Kubernetes does not serve any more, of objects that are kept.
//! https://kubernetes.io/docs/reference/using-api/deprecation-guide/, and `APILifecycleRemoved` of every type of the Go module
//! k8s.io/api v0.37.2, which also says what the next minors will not serve.

use infra_cloud::minors::minor_of;
use infra_model::provider::Shift;
use infra_model::{ProviderError, Value};

/// The first minor without it, the API version, its kinds, and what has taken its place.
#[rustfmt::skip]
const REMOVED: &[(u64, &str, &[&str], &str)] = &[
    (40, "admissionregistration.k8s.io/v1beta1", &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"], "admissionregistration.k8s.io/v1"),
    (40, "certificates.k8s.io/v1beta1", &["ClusterTrustBundle"], "certificates.k8s.io/v1"),
    (39, "resource.k8s.io/v1beta2", &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"], "resource.k8s.io/v1"),
    (38, "resource.k8s.io/v1beta1", &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"], "resource.k8s.io/v1"),
    (38, "admissionregistration.k8s.io/v1alpha1", &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"], "admissionregistration.k8s.io/v1"),
    (37, "certificates.k8s.io/v1alpha1", &["ClusterTrustBundle"], "certificates.k8s.io/v1"),
    (37, "networking.k8s.io/v1beta1", &["IPAddress", "ServiceCIDR"], "networking.k8s.io/v1"),
    (37, "storage.k8s.io/v1beta1", &["VolumeAttributesClass"], "storage.k8s.io/v1"),
    (35, "storage.k8s.io/v1alpha1", &["VolumeAttributesClass"], "storage.k8s.io/v1"),
    (34, "admissionregistration.k8s.io/v1beta1", &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"], "admissionregistration.k8s.io/v1"),
    (32, "admissionregistration.k8s.io/v1alpha1", &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"], "admissionregistration.k8s.io/v1"),
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
    (24, "storage.k8s.io/v1alpha1", &["CSIStorageCapacity", "VolumeAttachment"], "storage.k8s.io/v1"),
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

/// Why an object cannot be in a cluster that becomes of a version, such as `1.32` or `1.32.4-gke.1`; nothing when it can, or the
/// version says no minor. What is changed before the cluster is need only suit the new version as it will be.
pub(crate) fn refused(shift: &Shift<'_>) -> Option<ProviderError> {
    if shift.type_name != "kubernetes_manifest" {
        return None;
    }
    let left = shift
        .before
        .filter(|_| !shift.ahead && shift.from.is_some());
    unserved(shift.after, shift.to).or_else(|| unserved(left?, shift.to))
}

fn unserved(value: &Value, version: &str) -> Option<ProviderError> {
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
            format!("write `apiVersion = \"{instead}\"`, whose fields may differ")
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

    fn object(api: &str, kind: &str) -> Value {
        implied(&json!({ "manifest": { "apiVersion": api, "kind": kind } }))
    }

    fn told(api: &str, kind: &str, version: &str) -> Option<String> {
        unserved(&object(api, kind), version).map(|e| e.message)
    }

    #[test]
    fn what_is_rewritten_before_its_cluster_is_raised_may_be() {
        let group = "flowcontrol.apiserver.k8s.io";
        let object = |version: &str| object(&format!("{group}/{version}"), "FlowSchema");
        let (old, new) = (object("v1beta3"), object("v1"));
        let shift = Shift {
            type_name: "kubernetes_manifest",
            before: Some(&old),
            after: &new,
            from: Some("1.31"),
            to: "1.32",
            ahead: true,
        };
        assert_eq!(refused(&shift), None);
        // After it, what is there could not even be taken away.
        let late = Shift {
            ahead: false,
            ..shift
        };
        assert!(refused(&late).is_some());
        let new_cluster = Shift { from: None, ..late };
        assert_eq!(refused(&new_cluster), None);
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
        // Kinds of one version go at different times, and what says no minor is not judged.
        let classes =
            |version: &str| told("storage.k8s.io/v1beta1", "VolumeAttributesClass", version);
        assert_eq!(classes("1.36"), None);
        assert!(classes("1.37").is_some_and(|told| told.contains("since 1.37")));
        assert_eq!(told(old, "FlowSchema", "latest"), None);
        assert_eq!(told("apps/v1", "Deployment", "1.34"), None);
    }
}
