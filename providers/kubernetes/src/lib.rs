//! Kubernetes and Helm.
