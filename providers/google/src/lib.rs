//! Google Cloud. Each resource type is one file: its schema, and what of its life differs from that of others. The core beside
//! them talks to the REST services, marks what is ours, waits for operations and recovers; it knows no type.

mod access;
mod api;
mod artifacts;
mod change;
mod client;
mod compute;
mod config;
mod container;
mod data;
mod dns;
mod error;
mod family;
mod found;
mod http;
mod iam;
mod kind;
mod kms;
mod labels;
mod late;
mod managed;
mod official;
mod opened_secret;
mod operation;
mod part;
mod preflight;
mod project_service;
mod registry;
mod rest;
mod rest_call;
mod rest_labels;
mod secrets;
mod service_connection;
mod service_identity;
mod session;
mod sql;
mod storage;
mod wire;

use infra_model::clusters::ClusterToken;
use infra_model::provider::Environment;
use infra_model::{Provider, ProviderError, Timestamp};
use std::sync::Arc;

/// The provider `google`.
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(infra_cloud::CloudProvider::<session::Google>::new())
}

/// A token for the API server of a cluster of Google's, by the application-default credentials or, with them, as a service
/// account.
///
/// # Errors
/// No credentials.
pub async fn cluster_token(
    impersonate: Option<&str>,
    environment: &Environment,
    now: Timestamp,
) -> Result<ClusterToken, ProviderError> {
    access::cluster_token(impersonate, environment, now).await
}
