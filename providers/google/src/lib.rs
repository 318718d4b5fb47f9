//! Google Cloud. Each resource type is one file: its schema, and what of its life differs from that of others. The core beside
//! them talks to the REST services, marks what is ours, waits for operations and recovers; it knows no type.

mod api;
mod artifacts;
mod client;
mod compute;
mod config;
mod container;
mod data;
mod dns;
mod error;
mod family;
mod found;
mod iam;
mod kind;
mod kms;
mod labels;
mod managed;
#[cfg(test)]
mod official;
mod operation;
mod part;
mod project_service;
mod registry;
mod rest;
mod secrets;
mod service_connection;
mod session;
mod sql;
mod storage;
mod wire;

use infra_model::Provider;
use std::sync::Arc;

/// The provider `google`.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(infra_cloud::CloudProvider::<session::Google>::new())
}
