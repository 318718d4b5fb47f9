//! Microsoft.ContainerService.

pub(crate) mod addons;
pub(crate) mod blocks;
pub(crate) mod bridge;
pub(crate) mod cluster;
pub(crate) mod cluster_rules;
pub(crate) mod default_pool;
pub(crate) mod kubeconfig;
pub(crate) mod node_pool;
pub(crate) mod pool;
pub(crate) mod versions;

/// The version of its calls.
pub(crate) const VERSION: &str = "2026-08-01";
