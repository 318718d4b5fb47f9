//! Ranges of addresses that a network would have twice: of subnetworks, their secondary ranges, control planes of clusters, and
//! ranges for Google's services. Ids of networks are known while planning.

use super::project;
use crate::api::relative;
use crate::client::{Client, Request};
use crate::family::COMPUTE;
use futures::future::join_all;
use infra_cloud::preflight::{
    Range, block, doubtful, of_type, overlap, overlapping, refused, text, within,
};
use infra_model::path::Step;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, Value};
use ipnet::IpNet;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let mut networks: BTreeMap<String, Vec<Range<'_>>> = BTreeMap::new();
    for range in ranges(items) {
        if let Some(network) = network(client, range.item) {
            networks.entry(network).or_default().push(range);
        }
    }
    let new: BTreeSet<&str> = of_type(items, "google_compute_network")
        .into_iter()
        .filter_map(|item| text(&item.planned, "id"))
        .collect();
    let ids: BTreeSet<&str> = of_type(items, "google_compute_subnetwork")
        .into_iter()
        .filter_map(|item| text(&item.planned, "id"))
        .collect();
    let mut findings = Vec::new();
    for planned in networks.values() {
        findings.extend(overlapping(planned).into_iter().map(|(range, other)| {
            let message = format!(
                "{} has addresses of {}, which has {}",
                range.net, other.item.address, other.net
            );
            refused(range.item, range.attribute.clone(), message)
        }));
    }
    let standing = networks
        .iter()
        .filter(|(network, _)| !new.contains(network.as_str()))
        .map(|(network, planned)| standing(client, context, network, planned, &ids));
    findings.extend(join_all(standing).await.concat());
    findings
}

/// All ranges that are planned and known.
fn ranges<'a>(items: &[&'a PreflightItem]) -> Vec<Range<'a>> {
    let mut ranges = Vec::new();
    for item in of_type(items, "google_compute_subnetwork") {
        ranges.extend(Range::said(item, "ip_cidr_range"));
        let secondary = item.planned.get("secondary_ip_range");
        let secondary = secondary.and_then(Value::elements).unwrap_or_default();
        for (at, value) in secondary.iter().enumerate() {
            let path = Path::attribute("secondary_ip_range")
                .join(Step::Index(at))
                .join(Step::Attribute("ip_cidr_range".into()));
            let said = text(value, "ip_cidr_range");
            ranges.extend(said.and_then(|said| Range::of(item, path, said)));
        }
    }
    const MASTER: (&str, &str) = ("private_cluster_config", "master_ipv4_cidr_block");
    for item in of_type(items, "google_container_cluster") {
        let said = block(&item.planned, MASTER.0).and_then(|b| text(b, MASTER.1));
        ranges.extend(said.and_then(|said| Range::of(item, within(MASTER.0, MASTER.1), said)));
    }
    for item in of_type(items, "google_compute_global_address") {
        let length = item.planned.get("prefix_length").and_then(Value::as_i64);
        if let (Some(address), Some(length)) = (text(&item.planned, "address"), length) {
            let range = format!("{address}/{length}");
            ranges.extend(Range::of(item, Path::attribute("address"), &range));
        }
    }
    ranges
}

/// The whole name of the network that something is planned in: `projects/{project}/global/networks/{name}`.
fn network(client: &Client, item: &PreflightItem) -> Option<String> {
    let said = relative(text(&item.planned, "network")?);
    if said.contains('/') {
        return Some(said.to_owned());
    }
    let project = project(client, item);
    Some(format!("projects/{project}/global/networks/{said}"))
}

/// Ranges of a network that is there already, other than those of subnetworks that the plan replaces. A subnetwork says not
/// whose it is, so that it may be about to go: this is a warning.
async fn standing(
    client: &Client,
    context: &CallContext,
    network: &str,
    planned: &[Range<'_>],
    replaced: &BTreeSet<&str>,
) -> Vec<Finding> {
    let Some(found) = subnetworks(client, context, network).await else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for subnetwork in &found {
        let id = subnetwork["selfLink"].as_str().map_or("", relative);
        if replaced.contains(id) {
            continue;
        }
        let secondary = subnetwork["secondaryIpRanges"].as_array();
        let all = secondary.into_iter().flatten().chain([subnetwork]);
        let nets = all.filter_map(|r| r["ipCidrRange"].as_str()?.parse::<IpNet>().ok());
        for net in nets {
            for range in planned.iter().filter(|range| overlap(&range.net, &net)) {
                let message = format!("{} has addresses of {id}, which has {net}", range.net);
                findings.push(doubtful(range.item, range.attribute.clone(), message));
            }
        }
    }
    findings
}

/// The subnetworks of a network, of all regions.
async fn subnetworks(client: &Client, context: &CallContext, network: &str) -> Option<Vec<Json>> {
    let project = network.split('/').nth(1)?;
    let request = Request::get(
        COMPUTE,
        "compute.subnetworks.aggregatedList",
        format!("projects/{project}/aggregated/subnetworks"),
    );
    let pages = client.pages(context, request).await.ok()?;
    let places = pages.iter().flat_map(|page| page["items"].as_object());
    let found = places
        .flatten()
        .flat_map(|(_, place)| place["subnetworks"].as_array().into_iter().flatten());
    let own = found.filter(|s| s["network"].as_str().map(relative) == Some(network));
    Some(own.cloned().collect())
}
