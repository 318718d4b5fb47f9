//! Regions and zones that a project does not have.

use super::project;
use crate::api::short;
use crate::client::{Client, Request};
use crate::family::COMPUTE;
use futures::future::join_all;
use infra_cloud::preflight::{refused, text, texts};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path};
use std::collections::{BTreeMap, BTreeSet};

/// A place that is planned, and the attribute that says it.
struct Place<'a> {
    item: &'a PreflightItem,
    attribute: &'static str,
    name: String,
    /// Whether it may be a region, and whether a zone.
    kinds: (bool, bool),
}

const REGION: (bool, bool) = (true, false);
const ZONE: (bool, bool) = (false, true);
const EITHER: (bool, bool) = (true, true);

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let mut projects: BTreeMap<String, Vec<Place<'_>>> = BTreeMap::new();
    for place in items.iter().flat_map(|item| places(item)) {
        let project = project(client, place.item);
        projects.entry(project).or_default().push(place);
    }
    let asked = projects.into_iter().map(|(project, places)| async move {
        let zones = zones(client, context, &project).await?;
        let told = places.iter().filter_map(|place| unknown(place, &zones));
        Some(told.collect::<Vec<_>>())
    });
    let found = join_all(asked).await;
    found.into_iter().flatten().flatten().collect()
}

/// The places of an item, where what it is is in a region or a zone of Compute Engine's. Others have places of their own too, such as
/// the multi-regions of keys.
fn places(item: &PreflightItem) -> Vec<Place<'_>> {
    let kind = &*item.address.block.type_name;
    let attributes: &[(&'static str, (bool, bool))] = match kind {
        "google_sql_database_instance" => &[("region", REGION)],
        "google_storage_bucket" | "google_artifact_registry_repository" => &[("location", REGION)],
        _ if kind.starts_with("google_container_") => &[("location", EITHER)],
        _ if kind.starts_with("google_compute_") => &[("region", REGION), ("zone", ZONE)],
        _ => &[],
    };
    let one = |(attribute, kinds): &(&'static str, (bool, bool))| {
        let name = short(text(&item.planned, attribute)?).to_ascii_lowercase();
        // `EU`, `nam4`, `europe`: places of several regions.
        name.contains('-').then_some(Place {
            item,
            attribute,
            name,
            kinds: *kinds,
        })
    };
    let mut all: Vec<Place<'_>> = attributes.iter().filter_map(one).collect();
    if kind.starts_with("google_container_") {
        let zones = texts(&item.planned, "node_locations").unwrap_or_default();
        all.extend(zones.into_iter().map(|name| Place {
            item,
            attribute: "node_locations",
            name,
            kinds: ZONE,
        }));
    }
    all
}

/// The zones of a project, by their names.
async fn zones(client: &Client, context: &CallContext, project: &str) -> Option<BTreeSet<String>> {
    let request = Request::get(
        COMPUTE,
        "compute.zones.list",
        format!("projects/{project}/zones"),
    );
    let found = client.list(context, request, "items").await.ok()?;
    let names = found.iter().filter_map(|zone| zone["name"].as_str());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    (!names.is_empty()).then_some(names)
}

fn unknown(place: &Place<'_>, zones: &BTreeSet<String>) -> Option<Finding> {
    let regions: BTreeSet<&str> = zones
        .iter()
        .filter_map(|zone| Some(zone.rsplit_once('-')?.0))
        .collect();
    let name = place.name.as_str();
    let (region, zone) = place.kinds;
    if (region && regions.contains(name)) || (zone && zones.contains(name)) {
        return None;
    }
    // Those of the same part of the world, or of the same region.
    let begins = |known: &&str| {
        let same = |parts: usize| name.split('-').take(parts).eq(known.split('-').take(parts));
        if region { same(1) } else { same(2) }
    };
    let there: Vec<&str> = if region {
        regions.iter().copied().filter(begins).collect()
    } else {
        zones.iter().map(String::as_str).filter(begins).collect()
    };
    let word = match (region, zone) {
        (true, true) => "region or zone",
        (true, false) => "region",
        _ => "zone",
    };
    let near = if there.is_empty() {
        String::new()
    } else {
        format!(": there are {}", there.join(", "))
    };
    let message = format!("the project has no {word} `{name}`{near}");
    Some(refused(
        place.item,
        Path::attribute(place.attribute),
        message,
    ))
}
