//! What can be known before the first call to be going to fail, for few calls: versions, machine types, database tiers, names of
//! buckets, ranges of addresses, room in quotas. A check that cannot be made finds nothing: the call itself will tell.

mod buckets;
mod clusters;
mod databases;
mod machines;
mod network;
mod places;
mod quotas;

use crate::api::short;
use crate::client::Client;
use infra_cloud::preflight::text;
use infra_model::CallContext;
use infra_model::provider::{Finding, PreflightItem};

/// Everything that is found.
pub(crate) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[PreflightItem],
) -> Vec<Finding> {
    let new: Vec<&PreflightItem> = items.iter().filter(|i| i.creates).collect();
    let (network, clusters, machines, databases, buckets, quotas, places) = futures::join!(
        network::check(client, context, &new),
        clusters::check(client, context, &new),
        machines::check(client, context, &new),
        databases::check(client, context, &new),
        buckets::check(client, context, &new),
        quotas::check(client, context, &new),
        places::check(client, context, &new),
    );
    [
        places, network, clusters, machines, databases, buckets, quotas,
    ]
    .concat()
}

/// The project of something that is planned.
fn project(client: &Client, item: &PreflightItem) -> String {
    let said = text(&item.planned, "project").unwrap_or_else(|| client.project());
    said.to_owned()
}

/// The region of something that is planned, where one is said at all.
fn region(client: &Client, item: &PreflightItem) -> Option<String> {
    let said = text(&item.planned, "region").or(client.config().region.as_deref());
    said.map(|region| short(region).to_owned())
}
