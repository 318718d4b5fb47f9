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
use futures::future::try_join_all;
use infra_model::{CallContext, Operation, ProviderError};
use reqwest::Method;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

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

/// The clusters of the projects of these ids by their own, wherever they are (`projects.locations.clusters.list`: `-` matches all
/// zones and regions).
async fn clusters(
    client: &Client,
    context: &CallContext,
    ids: &[&str],
) -> Result<BTreeMap<String, Json>, ProviderError> {
    let projects: BTreeSet<&str> = ids.iter().filter_map(|id| id.split('/').nth(1)).collect();
    let listings = projects.into_iter().map(|project| async move {
        let call = "container.projects.locations.clusters.list";
        let path = format!("projects/{project}/locations/-/clusters");
        let request = Request::get(CONTAINER, call, path);
        let found = client.list(context, request, "clusters").await?;
        let named = found.into_iter().filter_map(|cluster| {
            let (location, name) = (cluster["location"].as_str()?, cluster["name"].as_str()?);
            let id = format!("projects/{project}/locations/{location}/clusters/{name}");
            Some((id, cluster))
        });
        Ok::<Vec<_>, ProviderError>(named.collect())
    });
    Ok(try_join_all(listings)
        .await?
        .into_iter()
        .flatten()
        .collect())
}
