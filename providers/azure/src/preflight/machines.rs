//! Clusters and their pools: versions and sizes that their region does not offer, and cores beyond its quotas.

use super::{location, usages};
use crate::client::{Client, Request};
use crate::container::VERSION as CONTAINERS;
use crate::managed::{place, text};
use futures::future::join_all;
use infra_cloud::preflight::{beyond, block, count, of_type, refused, within};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The versions of the calls of Microsoft.Compute.
const SKUS: &str = "2021-07-01";
const USAGES: &str = "2026-04-01";

/// What is planned in one region.
#[derive(Default)]
struct Region<'a> {
    clusters: Vec<&'a PreflightItem>,
    pools: Vec<Pool<'a>>,
}

/// Machines of one size.
struct Pool<'a> {
    item: &'a PreflightItem,
    /// Where the size is said.
    attribute: Path,
    size: String,
    count: u64,
}

/// A size that a region offers (Azure, "Resource Skus - List").
struct Size {
    family: String,
    cores: u64,
    /// Why the subscription cannot have it there.
    restricted: Option<String>,
}

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let places = standing(client, context, items).await;
    let regions = regions(items, places);
    let asked = regions.iter().map(|(location, region)| async move {
        let (mut findings, versions) = futures::join!(
            machines(client, context, location, &region.pools),
            versions(client, context, location, &region.clusters),
        );
        findings.extend(versions);
        findings
    });
    join_all(asked).await.into_iter().flatten().collect()
}

const CLUSTER: &str = "azurerm_kubernetes_cluster";
const POOL: &str = "azurerm_kubernetes_cluster_node_pool";

/// Where the clusters are that are there already and get new pools: by their ids in lower case.
async fn standing(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> BTreeMap<String, String> {
    let ids = |kind: &str, attribute: &str| -> BTreeMap<String, String> {
        let ids = of_type(items, kind).into_iter();
        let ids = ids.filter_map(|item| text(&item.planned, attribute));
        ids.map(|id| (id.to_ascii_lowercase(), id)).collect()
    };
    let new = ids(CLUSTER, "id");
    let mut there = ids(POOL, "kubernetes_cluster_id");
    there.retain(|id, _| !new.contains_key(id));
    let asked = there.into_iter().map(|(key, id)| async move {
        let of = "Microsoft.ContainerService/managedClusters";
        let request = Request::get(of, CONTAINERS, id).unregistered();
        let found = client.call(context, &request).await.ok()?;
        Some((key, place(found["location"].as_str()?)))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// New clusters and pools by region; a pool is where its cluster is.
fn regions<'a>(
    items: &[&'a PreflightItem],
    mut places: BTreeMap<String, String>,
) -> BTreeMap<String, Region<'a>> {
    let mut regions: BTreeMap<String, Region<'_>> = BTreeMap::new();
    for item in of_type(items, CLUSTER) {
        let Some(location) = location(item) else {
            continue;
        };
        if let Some(id) = text(&item.planned, "id") {
            places.insert(id.to_ascii_lowercase(), location.clone());
        }
        let region = regions.entry(location).or_default();
        region.clusters.push(item);
        let default = block(&item.planned, "default_node_pool");
        let at = within("default_node_pool", "vm_size");
        let pool = default.and_then(|value| pool(item, value, at));
        region.pools.extend(pool);
    }
    for item in of_type(items, POOL) {
        let cluster = text(&item.planned, "kubernetes_cluster_id");
        let location = cluster.and_then(|id| places.get(&id.to_ascii_lowercase()));
        if let Some(location) = location {
            let pool = pool(item, &item.planned, Path::attribute("vm_size"));
            regions
                .entry(location.clone())
                .or_default()
                .pools
                .extend(pool);
        }
    }
    regions
}

fn pool<'a>(item: &'a PreflightItem, value: &Value, attribute: Path) -> Option<Pool<'a>> {
    Some(Pool {
        item,
        attribute,
        size: text(value, "vm_size")?,
        count: count(value, "node_count")
            .or_else(|| count(value, "min_count"))
            .unwrap_or(1),
    })
}

/// Sizes that the region does not offer; cores for which it has no room.
async fn machines(
    client: &Client,
    context: &CallContext,
    location: &str,
    pools: &[Pool<'_>],
) -> Vec<Finding> {
    if pools.is_empty() {
        return Vec::new();
    }
    let compute = ("Microsoft.Compute", USAGES);
    let (sizes, usages) = futures::join!(
        sizes(client, context, location),
        usages(client, context, compute, location),
    );
    let Some(sizes) = sizes.filter(|sizes| !sizes.is_empty()) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let mut cores: BTreeMap<&str, (u64, &Pool<'_>)> = BTreeMap::new();
    for pool in pools {
        let message = match sizes.get(&pool.size.to_ascii_lowercase()) {
            Some(Size {
                restricted: None,
                family,
                cores: each,
            }) => {
                for quota in ["cores", family] {
                    let planned = cores.entry(quota).or_insert((0, pool));
                    *planned = (planned.0 + pool.count * each, pool);
                }
                continue;
            }
            Some(Size {
                restricted: Some(why),
                ..
            }) => format!(
                "`{}` cannot be had in {location} by this subscription: {why}",
                pool.size
            ),
            None => format!("{location} offers no machines of size `{}`", pool.size),
        };
        findings.push(refused(pool.item, pool.attribute.clone(), message));
    }
    for (quota, (planned, pool)) in cores {
        if let Some(usage) = usages.as_ref().and_then(|u| u.get(quota)) {
            let attribute = pool.attribute.clone();
            findings.extend(beyond(pool.item, attribute, location, planned, usage));
        }
    }
    findings
}

/// The sizes that a region offers by their names in lower case.
async fn sizes(
    client: &Client,
    context: &CallContext,
    location: &str,
) -> Option<BTreeMap<String, Size>> {
    let path = format!("{}/providers/Microsoft.Compute/skus", client.subscription());
    let request = Request::get("Microsoft.Compute/skus", SKUS, path)
        .query("$filter", format!("location eq '{location}'"))
        .unregistered();
    let rows = client.list(context, request).await.ok()?;
    let machines = rows
        .iter()
        .filter(|row| row["resourceType"] == "virtualMachines");
    Some(machines.filter_map(size).collect())
}

fn size(row: &Json) -> Option<(String, Size)> {
    let list = |name: &str| row[name].as_array().into_iter().flatten();
    let cores = list("capabilities").find(|c| c["name"] == "vCPUs");
    let cores = cores.and_then(|c| c["value"].as_str()?.parse().ok());
    // Restrictions of type `Zone` leave the other zones.
    let whole = list("restrictions").find(|r| r["type"] == "Location");
    let size = Size {
        family: row["family"].as_str()?.to_ascii_lowercase(),
        cores: cores.unwrap_or(0),
        restricted: whole.map(|r| r["reasonCode"].as_str().unwrap_or("restricted").to_owned()),
    };
    Some((row["name"].as_str()?.to_ascii_lowercase(), size))
}

/// Versions of Kubernetes that the region does not offer.
async fn versions(
    client: &Client,
    context: &CallContext,
    location: &str,
    clusters: &[&PreflightItem],
) -> Vec<Finding> {
    let asked: Vec<(&PreflightItem, String)> = clusters
        .iter()
        .filter_map(|item| Some((*item, text(&item.planned, "kubernetes_version")?)))
        .collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let path = format!(
        "{}/providers/Microsoft.ContainerService/locations/{location}/kubernetesVersions",
        client.subscription()
    );
    let of = "Microsoft.ContainerService/locations/kubernetesVersions";
    let request = Request::get(of, CONTAINERS, path).unregistered();
    let Ok(answer) = client.call(context, &request).await else {
        return Vec::new();
    };
    let minors = answer["values"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = minors
        .iter()
        .filter_map(|m| m["version"].as_str())
        .collect();
    let offered = |version: &str| {
        names.contains(&version)
            || minors
                .iter()
                .any(|m| m["patchVersions"].get(version).is_some())
    };
    asked
        .into_iter()
        .filter(|(_, version)| !names.is_empty() && !offered(version))
        .map(|(item, version)| {
            let all = names.join(", ");
            let message = format!("{location} offers no Kubernetes {version}: there are {all}");
            refused(item, Path::attribute("kubernetes_version"), message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_size_that_one_zone_lacks_can_be_had() {
        let row = |restriction: &str| {
            json!({
                "name": "Standard_D2s_v5", "family": "standardDSv5Family",
                "capabilities": [{ "name": "vCPUs", "value": "2" }],
                "restrictions": [{ "type": restriction, "reasonCode": "NotAvailableForSubscription" }],
            })
        };
        let (name, zoned) = size(&row("Zone")).expect("a size");
        assert_eq!(
            (&*name, zoned.cores, &*zoned.family),
            ("standard_d2s_v5", 2, "standarddsv5family")
        );
        assert_eq!(zoned.restricted, None);
        let (_, nowhere) = size(&row("Location")).expect("a size");
        assert_eq!(
            nowhere.restricted.as_deref(),
            Some("NotAvailableForSubscription")
        );
    }
}
