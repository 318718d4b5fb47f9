//! Kubernetes and Helm. Each resource type is one file: its schema, and what of its life differs from that of others. The core
//! beside them applies objects on the server, tells what is ours from what is others', waits and recovers; it knows no type.

#![allow(
    clippy::result_large_err,
    reason = "`ProviderError` says much, and is rare"
)]

mod apply;
mod client;
mod config;
mod config_map;
mod config_repository;
mod crds;
mod crossplane;
mod data;
mod data_loss;
mod deletion;
mod discovery;
mod error;
mod evictions;
mod family;
mod fields;
mod helm;
mod kind;
mod leave;
mod listing;
mod manifest;
mod metadata;
mod namespace;
mod object;
mod options;
mod policy_scan;
mod read;
mod refine;
mod registry;
mod removals;
mod secret;
mod session;
mod takeover;
mod vacate;
mod wait;
mod yaml;

pub use config_repository::sandbox_repository;
pub use helm::newest::{Found as FoundChart, newest as newest_chart};
pub use listing::{delete, list, list_of};

use infra_model::Provider;
use std::sync::Arc;

/// The provider `kubernetes`, which serves `helm_release` too.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(infra_cloud::CloudProvider::<session::Kubernetes>::new())
}
