//! Namespaces that are not the user's: the cluster's own, and those of its cloud.

use infra_draft::cloud::Cloud;

/// Those of every cluster.
pub(crate) const KUBERNETES: &[&str] = &["kube-system", "kube-public", "kube-node-lease"];

/// Those that EKS and its add-ons make.
pub(crate) const AWS: &[&str] = &["amazon-cloudwatch", "amazon-guardduty", "aws-observability"];

/// Those that GKE makes.
pub(crate) const GOOGLE: &[&str] = &[
    "config-management-system",
    "gke-gmp-system",
    "gke-managed-cim",
    "gke-managed-filestorecsi",
    "gke-managed-networking-dra-driver",
    "gke-managed-system",
    "gmp-public",
    "gmp-system",
];

/// Those that AKS makes.
pub(crate) const AZURE: &[&str] = &[
    "aks-command",
    "app-routing-system",
    "azure-arc",
    "calico-system",
    "tigera-operator",
];

/// Those of a cluster of this cloud's.
pub(crate) fn namespaces(cloud: &Cloud) -> impl Iterator<Item = &'static str> {
    let own = match cloud {
        Cloud::Aws(_) => AWS,
        Cloud::Google(_) => GOOGLE,
        Cloud::Azure(_) => AZURE,
    };
    KUBERNETES.iter().chain(own).copied()
}

/// Whether a namespace is nobody's to have: how those begin that Kubernetes keeps for itself
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/>), the one that every cluster begins with, and those of
/// its cloud.
pub(crate) fn is_taken(name: &str, cloud: &Cloud) -> bool {
    name.starts_with("kube-") || name == "default" || namespaces(cloud).any(|own| own == name)
}
