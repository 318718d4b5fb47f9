//! Azure. Each resource type is one file: its schema, and what of its life differs from that of others. The core beside them
//! talks to Azure Resource Manager, marks what is ours, waits for operations and recovers; it knows no type.

mod access;
mod api;
mod azapi;
mod certificate;
mod claims;
mod client;
mod cluster_token;
mod config;
mod container;
mod container_registry;
mod credentials;
mod data;
mod disk_encryption_set;
mod dns;
mod entry;
mod error;
mod family;
mod flexible;
mod found;
mod identity;
mod kind;
mod late;
mod link;
mod managed;
mod monitor;
mod mysql;
mod network;
mod operation;
mod part;
mod postgres;
mod preflight;
mod registry;
mod resources;
mod session;
mod storage;
mod tags;
mod vaults;
mod wire;

pub use cluster_token::cluster_token;

use infra_model::Provider;
use std::sync::Arc;

/// The provider `azure`.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(infra_cloud::CloudProvider::<session::Azure>::new())
}
