//! Room in the quotas of the project and of its regions (Compute Engine, `projects.get` and `regions.get`).

use super::{project, region};
use crate::client::{Client, Request};
use crate::family::COMPUTE;
use futures::future::join_all;
use infra_cloud::preflight::{self, Usage, of_type, text};
use infra_model::CallContext;
use infra_model::provider::{Finding, PreflightItem};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Types that quotas of the whole project count, and by which metric.
const GLOBAL: [(&str, &str); 14] = [
    ("google_compute_network", "NETWORKS"),
    ("google_compute_subnetwork", "SUBNETWORKS"),
    ("google_compute_router", "ROUTERS"),
    ("google_compute_firewall", "FIREWALLS"),
    ("google_compute_health_check", "HEALTH_CHECKS"),
    ("google_compute_backend_service", "BACKEND_SERVICES"),
    ("google_compute_url_map", "URL_MAPS"),
    ("google_compute_target_http_proxy", "TARGET_HTTP_PROXIES"),
    ("google_compute_target_https_proxy", "TARGET_HTTPS_PROXIES"),
    ("google_compute_managed_ssl_certificate", "SSL_CERTIFICATES"),
    ("google_compute_ssl_certificate", "SSL_CERTIFICATES"),
    ("google_compute_global_forwarding_rule", "FORWARDING_RULES"),
    ("google_compute_global_address", "STATIC_ADDRESSES"),
    (
        "google_compute_network_endpoint_group",
        "NETWORK_ENDPOINT_GROUPS",
    ),
];

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let (projects, regions) = futures::join!(
        of_projects(client, context, items),
        of_regions(client, context, items),
    );
    [projects, regions].concat()
}

/// What is planned by project and metric.
async fn of_projects(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    type Planned<'a> = BTreeMap<&'static str, Vec<&'a PreflightItem>>;
    let mut projects: BTreeMap<String, Planned<'_>> = BTreeMap::new();
    for (kind, metric) in GLOBAL {
        for item in of_type(items, kind) {
            let planned = projects.entry(project(client, item)).or_default();
            planned.entry(metric).or_default().push(item);
        }
    }
    let asked = projects.into_iter().map(|(project, planned)| async move {
        let path = format!("projects/{project}");
        let request = Request::get(COMPUTE, "compute.projects.get", path);
        let found = client.call(context, &request).await.ok()?;
        let told = planned
            .into_iter()
            .filter_map(|(metric, new)| full(&new, &project, &found, metric));
        Some(told.collect::<Vec<_>>())
    });
    join_all(asked)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

/// Addresses that are known outside, by project and region.
async fn of_regions(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let mut regions: BTreeMap<(String, String), Vec<&PreflightItem>> = BTreeMap::new();
    for item in of_type(items, "google_compute_address") {
        let outside = text(&item.planned, "address_type") != Some("INTERNAL");
        if let (true, Some(region)) = (outside, region(client, item)) {
            let key = (project(client, item), region);
            regions.entry(key).or_default().push(item);
        }
    }
    let asked = regions
        .into_iter()
        .map(|((project, name), new)| async move {
            let found = regional(client, context, &project, &name).await?;
            full(&new, &name, &found, "STATIC_ADDRESSES")
        });
    join_all(asked).await.into_iter().flatten().collect()
}

/// A region with its zones and quotas.
pub(super) async fn regional(
    client: &Client,
    context: &CallContext,
    project: &str,
    region: &str,
) -> Option<Json> {
    let path = format!("projects/{project}/regions/{region}");
    let request = Request::get(COMPUTE, "compute.regions.get", path);
    client.call(context, &request).await.ok()
}

/// More of something, one each, than a quota of a project or region has room for.
fn full(new: &[&PreflightItem], place: &str, owner: &Json, metric: &str) -> Option<Finding> {
    preflight::full(new, "name", place, &quota(owner, metric)?)
}

/// A quota of a project or region.
pub(super) fn quota(owner: &Json, metric: &str) -> Option<Usage> {
    let quotas = owner["quotas"].as_array()?;
    let quota = quotas.iter().find(|quota| quota["metric"] == metric)?;
    // Numbers of quotas are whole, and written as floating ones.
    let whole = |name: &str| Some(quota[name].as_f64()?.max(0.0) as u64);
    Some(Usage {
        used: whole("usage")?,
        limit: whole("limit")?,
        shown: metric.to_owned(),
    })
}
