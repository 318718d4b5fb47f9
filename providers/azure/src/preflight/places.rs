//! Regions that the subscription does not have.

use super::location;
use crate::client::{Client, Request};
use crate::data::SUBSCRIPTIONS;
use crate::managed::place;
use infra_cloud::preflight::refused;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, diagnostic};
use std::collections::BTreeMap;

/// The regions of a subscription are one call (Azure, "Subscriptions - List Locations"); those of another Azure are not among them.
pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    // Told once for each region, at the first that shall be there.
    let mut said: BTreeMap<String, &PreflightItem> = BTreeMap::new();
    for item in items {
        if let Some(location) = location(item) {
            said.entry(location).or_insert(item);
        }
    }
    said.remove("global");
    if said.is_empty() {
        return Vec::new();
    }
    let path = format!("{}/locations", client.subscription());
    let of = "Microsoft.Resources/subscriptions/locations";
    let request = Request::get(of, SUBSCRIPTIONS, path).unregistered();
    let Ok(rows) = client.list(context, request).await else {
        return Vec::new();
    };
    let names: Vec<String> = rows
        .iter()
        .filter_map(|row| row["name"].as_str())
        .map(place)
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    said.retain(|location, _| !names.contains(location));
    let unknown = said.into_iter().map(|(location, item)| {
        let hint = diagnostic::meant(&location, names.iter().map(String::as_str));
        let environment = client.config().cloud().name;
        let message = format!(
            "this subscription, of the Azure `{environment}`, has no region `{location}`{hint}"
        );
        refused(item, Path::attribute("location"), message)
    });
    unknown.collect()
}
