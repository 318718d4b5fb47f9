//! Machines of node pools: types that their zones do not offer, and processors for which their region has no room.

use super::quotas::{quota, regional};
use crate::api::short;
use crate::client::{Client, Request};
use crate::family::COMPUTE;
use futures::future::join_all;
use infra_cloud::absence::there;
use infra_cloud::preflight::{beyond, block, count, of_type, refused, text, texts, within};
use infra_model::CallContext;
use infra_model::provider::{Finding, PreflightItem};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Machines of one type.
struct Pool<'a> {
    item: &'a PreflightItem,
    kind: &'a str,
    project: String,
    region: String,
    /// The zones that are said.
    zones: Vec<String>,
    /// The region decides where: then one zone that offers the type will do.
    anywhere: bool,
    /// How many there are in each zone, or in all together.
    count: u64,
    total: bool,
}

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let pools: Vec<Pool<'_>> = of_type(items, "google_container_node_pool")
        .into_iter()
        .filter_map(pool)
        .collect();
    let mut regions: BTreeMap<(String, String), Vec<Pool<'_>>> = BTreeMap::new();
    for pool in pools {
        let key = (pool.project.clone(), pool.region.clone());
        regions.entry(key).or_default().push(pool);
    }
    let asked = regions
        .into_iter()
        .map(|((project, name), pools)| in_region(client, context, project, name, pools));
    join_all(asked).await.concat()
}

/// A pool whose place and machines are known. Types of one's own making are no business of lists.
fn pool(item: &PreflightItem) -> Option<Pool<'_>> {
    let planned = &item.planned;
    let kind = text(block(planned, "node_config")?, "machine_type")?;
    if kind.contains("custom") {
        return None;
    }
    // projects/{project}/locations/{location}/clusters/{cluster}/nodePools/{name}
    let id: Vec<&str> = text(planned, "id")?.split('/').collect();
    let (project, location) = (id.get(1)?, id.get(3)?);
    let said: Vec<String> = texts(planned, "node_locations").unwrap_or_default();
    let zonal = location.split('-').count() > 2;
    let zones = match (said.is_empty(), zonal) {
        (true, true) => vec![(*location).to_owned()],
        _ => said,
    };
    let region = match location.rsplit_once('-') {
        Some((region, _)) if zonal => region,
        _ => location,
    };
    let scaling = block(planned, "autoscaling");
    let total = scaling.and_then(|s| count(s, "total_min_node_count"));
    let each = count(planned, "node_count")
        .or_else(|| count(planned, "initial_node_count"))
        .or_else(|| scaling.and_then(|s| count(s, "min_node_count")));
    Some(Pool {
        item,
        kind,
        project: (*project).to_owned(),
        region: region.to_owned(),
        anywhere: zones.is_empty(),
        zones,
        count: total.filter(|n| *n > 0).or(each).unwrap_or(1),
        total: total.is_some_and(|n| n > 0),
    })
}

async fn in_region(
    client: &Client,
    context: &CallContext,
    project: String,
    name: String,
    mut pools: Vec<Pool<'_>>,
) -> Vec<Finding> {
    let Some(region) = regional(client, context, &project, &name).await else {
        return Vec::new();
    };
    let zones = region["zones"].as_array().into_iter().flatten();
    let zones: Vec<String> = zones
        .filter_map(Json::as_str)
        .map(|zone| short(zone).to_owned())
        .collect();
    for pool in pools.iter_mut().filter(|pool| pool.anywhere) {
        pool.zones.clone_from(&zones);
    }
    let wanted: BTreeSet<(&str, &str)> = pools
        .iter()
        .flat_map(|pool| pool.zones.iter().map(|zone| (zone.as_str(), pool.kind)))
        .collect();
    let project = &project;
    let asked = wanted.into_iter().map(|(zone, kind)| async move {
        let path = format!("projects/{project}/zones/{zone}/machineTypes/{kind}");
        let request = Request::get(COMPUTE, "compute.machineTypes.get", path);
        let found = there(client.call(context, &request).await).ok()?;
        Some(((zone, kind), found.and_then(|f| f["guestCpus"].as_u64())))
    });
    // What could not be asked is in no answer.
    let offers: BTreeMap<(&str, &str), Option<u64>> =
        join_all(asked).await.into_iter().flatten().collect();
    let mut findings = Vec::new();
    let mut processors: BTreeMap<String, (u64, &Pool<'_>)> = BTreeMap::new();
    for pool in &pools {
        if let Some(message) = lacking(pool, &name, &offers) {
            findings.push(refused(pool.item, at(), message));
            continue;
        }
        let first = pool.zones.iter().find_map(|zone| {
            let offer = offers.get(&(zone.as_str(), pool.kind))?;
            *offer
        });
        let planned = processors.entry(metric(pool.kind)).or_insert((0, pool));
        *planned = (planned.0 + machines(pool) * first.unwrap_or(0), pool);
    }
    for (metric, (planned, pool)) in processors {
        let quota = quota(&region, &metric);
        findings.extend(quota.and_then(|q| beyond(pool.item, at(), &name, planned, &q)));
    }
    findings
}

fn at() -> infra_model::Path {
    within("node_config", "machine_type")
}

/// How many machines a pool begins with: a region's pool has three zones where none are said.
fn machines(pool: &Pool<'_>) -> u64 {
    let zones = match pool.anywhere {
        true => pool.zones.len().min(3),
        false => pool.zones.len(),
    };
    let zones = u64::try_from(zones).unwrap_or(1);
    if pool.total {
        pool.count
    } else {
        pool.count * zones
    }
}

/// Where the type is not offered though it must be.
fn lacking(
    pool: &Pool<'_>,
    region: &str,
    offers: &BTreeMap<(&str, &str), Option<u64>>,
) -> Option<String> {
    let lacks = |zone: &&String| offers.get(&(zone.as_str(), pool.kind)) == Some(&None);
    let lacking: Vec<&str> = pool
        .zones
        .iter()
        .filter(lacks)
        .map(String::as_str)
        .collect();
    let all = lacking.len() == pool.zones.len();
    if lacking.is_empty() || pool.anywhere && !all {
        return None;
    }
    let place = if pool.anywhere {
        region.to_owned()
    } else {
        lacking.join(", ")
    };
    Some(format!(
        "{place} offers no machines of type `{}`",
        pool.kind
    ))
}

/// The quota that a type's processors count to: `CPUS` of the first series and those that share it, `N2_CPUS` of others
/// ("Allocation quotas", CPU quota).
fn metric(kind: &str) -> String {
    let series = kind.split('-').next().unwrap_or(kind);
    match series {
        "e2" | "n1" | "f1" | "g1" => "CPUS".to_owned(),
        other => format!("{}_CPUS", other.to_uppercase()),
    }
}
