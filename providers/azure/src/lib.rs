//! Azure. Each resource type is one file: its schema, and what of its life differs from that of others. The core beside them
//! talks to Azure Resource Manager, marks what is ours, waits for operations and recovers; it knows no type.

#![allow(
    dead_code,
    reason = "the core can say more than the types that are there yet need"
)]

mod api;
mod client;
mod cluster_token;
mod config;
mod credentials;
mod data;
mod error;
mod family;
mod found;
mod kind;
mod managed;
mod network;
mod operation;
mod part;
mod registry;
mod resources;
mod session;
mod tags;
mod wire;

pub use cluster_token::cluster_token;

use infra_model::Provider;
use std::sync::Arc;

/// The provider `azure`.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(infra_cloud::CloudProvider::<session::Azure>::new())
}
