//! What can be known before the first call to be going to fail, for few calls: zones, ranges of addresses, versions, instance
//! types, names that are taken, room in quotas. A check that cannot be made finds nothing: the call itself will tell.

mod account_quotas;
mod buckets;
mod databases;
mod machines;
mod network;
mod node_groups;
mod places;
mod processors;
mod quotas;

use crate::client::Client;
use crate::family::EC2_READ;
use infra_cloud::preflight::{of_type, refused, text};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path};
use std::collections::BTreeSet;

/// Everything that is found.
pub(crate) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[PreflightItem],
) -> Vec<Finding> {
    let new: Vec<&PreflightItem> = items.iter().filter(|i| i.creates).collect();
    let found = futures::join!(
        zones(client, context, &new),
        network::check(client, context, &new),
        machines::check(client, context, &new),
        databases::check(client, context, &new),
        buckets::check(client, context, &new),
        quotas::check(client, context, &new),
        account_quotas::check(client, context, &new),
        places::check(client, context, &new),
        processors::check(client, context, &new),
        node_groups::check(client, context, items),
    );
    let (zones, network, machines, databases, buckets, quotas, account, places, vcpus, groups) =
        found;
    let quotas = [quotas, account, places, vcpus, groups].concat();
    [zones, network, machines, databases, buckets, quotas].concat()
}

/// Subnets in zones that the region does not have.
async fn zones(client: &Client, context: &CallContext, items: &[&PreflightItem]) -> Vec<Finding> {
    let placed: Vec<_> = of_type(items, "aws_subnet")
        .into_iter()
        .filter_map(|i| Some((i, text(&i.planned, "availability_zone")?)))
        .collect();
    if placed.is_empty() {
        return Vec::new();
    }
    let answer = client
        .call(context, EC2_READ, "DescribeAvailabilityZones", || {
            client.ec2().describe_availability_zones().send()
        })
        .await;
    let Ok(answer) = answer else {
        return Vec::new();
    };
    let known: BTreeSet<&str> = answer
        .availability_zones()
        .iter()
        .filter_map(|z| z.zone_name())
        .collect();
    placed
        .into_iter()
        .filter(|(_, zone)| !known.contains(zone))
        .map(|(item, zone)| {
            let region = client.region();
            let message = format!("{region} has no zone `{zone}` that is open to this account");
            refused(item, Path::attribute("availability_zone"), message)
        })
        .collect()
}
