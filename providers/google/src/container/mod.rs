//! Kubernetes Engine.

pub(crate) mod cluster;
pub(crate) mod cluster_blocks;
pub(crate) mod node_config;
pub(crate) mod node_pool;

use crate::client::Client;
use crate::client::Request;
use crate::family::CONTAINER;
use crate::kind::Kind;
use crate::managed::run;
use infra_model::{CallContext, Operation, ProviderError};
use reqwest::Method;
use serde_json::Value as Json;

/// One call that changes one thing; clusters take one change at a time, so it waits for its turn.
async fn change<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    verb: &str,
    body: Json,
) -> Result<(), ProviderError> {
    let call = format!("{}.{verb}", K::API.name);
    let request = if verb == "update" {
        Request::send(CONTAINER, call, Method::PUT, id, body)
    } else {
        Request::send(CONTAINER, call, Method::POST, format!("{id}:{verb}"), body)
    };
    run::<K>(client, context, operation, id, request)
        .await
        .map(|_| ())
}
