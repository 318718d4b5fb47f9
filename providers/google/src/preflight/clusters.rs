//! Versions of Kubernetes that a place does not offer.

use super::project;
use crate::client::{Client, Request};
use crate::family::CONTAINER;
use futures::future::join_all;
use infra_cloud::preflight::{is_version_of, of_type, refused, text};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let mut places: BTreeMap<String, Vec<(&PreflightItem, &str)>> = BTreeMap::new();
    for item in of_type(items, "google_container_cluster") {
        let wanted = text(&item.planned, "min_master_version");
        // Words that stand for a version.
        let wanted = wanted.filter(|version| !matches!(*version, "latest" | "-"));
        let location = text(&item.planned, "location").or(client.config().region.as_deref());
        if let (Some(version), Some(location)) = (wanted, location) {
            let place = format!("projects/{}/locations/{location}", project(client, item));
            places.entry(place).or_default().push((item, version));
        }
    }
    let asked = places.into_iter().map(|(place, wanted)| async move {
        let offered = offered(client, context, &place).await?;
        let told = wanted
            .into_iter()
            .filter_map(|(item, version)| not_offered(item, version, &place, &offered));
        Some(told.collect::<Vec<_>>())
    });
    join_all(asked)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

/// All versions that control planes may have in a place, whatever the channel.
async fn offered(client: &Client, context: &CallContext, place: &str) -> Option<BTreeSet<String>> {
    let request = Request::get(
        CONTAINER,
        "container.projects.locations.getServerConfig",
        format!("{place}/serverConfig"),
    );
    let found = client.call(context, &request).await.ok()?;
    let list = |json: &Json| -> Vec<String> {
        let names = json.as_array().into_iter().flatten();
        names.filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let mut all: BTreeSet<String> = list(&found["validMasterVersions"]).into_iter().collect();
    for channel in found["channels"].as_array().into_iter().flatten() {
        all.extend(list(&channel["validVersions"]));
    }
    (!all.is_empty()).then_some(all)
}

fn not_offered(
    item: &PreflightItem,
    wanted: &str,
    place: &str,
    offered: &BTreeSet<String>,
) -> Option<Finding> {
    if offered.iter().any(|version| is_of(version, wanted)) {
        return None;
    }
    let minors: BTreeSet<&str> = offered.iter().map(|version| minor(version)).collect();
    let (place, all) = (
        crate::api::short(place),
        minors.into_iter().collect::<Vec<_>>().join(", "),
    );
    let message = format!("{place} offers no Kubernetes {wanted}: there are {all}");
    Some(refused(
        item,
        Path::attribute("min_master_version"),
        message,
    ))
}

/// Whether a version is the one that is wanted, or one of those that a part of it means ("Specifying cluster version").
fn is_of(version: &str, wanted: &str) -> bool {
    is_version_of(version, wanted, &['.', '-'])
}

/// `1.34` of `1.34.1-gke.2909000`.
fn minor(version: &str) -> &str {
    let end = version.match_indices('.').nth(1);
    end.map_or(version, |(at, _)| &version[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_version_means_all_that_start_so() {
        for (wanted, is) in [
            ("1.34", true),
            ("1.34.1", true),
            ("1.34.1-gke.2909000", true),
            ("1.3", false),
            ("1.34.1-gke.29", false),
        ] {
            assert_eq!(is_of("1.34.1-gke.2909000", wanted), is, "{wanted}");
        }
        assert_eq!(minor("1.34.1-gke.2909000"), "1.34");
    }
}
