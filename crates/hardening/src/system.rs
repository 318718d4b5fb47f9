//! Namespaces that are not the user's: the cluster's own, and those of its cloud.

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
