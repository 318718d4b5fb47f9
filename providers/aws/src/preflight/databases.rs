//! Databases: engines, versions and instance classes that RDS does not offer in the region.

use crate::batch::pages_by_marker;
use crate::client::Client;
use crate::family::RDS;
use aws_sdk_rds::types::OrderableDbInstanceOption as Offer;
use futures::future::join_all;
use infra_cloud::preflight::{is_version_of, of_type, refused, text};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, ProviderError, Value};
use std::collections::BTreeMap;

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    // What is made of a snapshot or another instance has its engine from there.
    let mut engines: BTreeMap<&str, Vec<&PreflightItem>> = BTreeMap::new();
    for item in of_type(items, "aws_db_instance") {
        if let Some(engine) = text(&item.planned, "engine") {
            engines.entry(engine).or_default().push(item);
        }
    }
    let asked = engines
        .into_iter()
        .map(|(engine, items)| of_engine(client, context, engine, items));
    join_all(asked).await.concat()
}

async fn of_engine(
    client: &Client,
    context: &CallContext,
    engine: &str,
    items: Vec<&PreflightItem>,
) -> Vec<Finding> {
    let Ok(versions) = versions(client, context, engine.to_owned()).await else {
        return Vec::new();
    };
    let region = client.region();
    if versions.is_empty() {
        let message = format!("{region} offers no database engine `{engine}`");
        let engine = Path::attribute("engine");
        let all = items.into_iter();
        return all
            .map(|item| refused(item, engine.clone(), message.clone()))
            .collect();
    }
    let mut classes: BTreeMap<&str, Vec<&PreflightItem>> = BTreeMap::new();
    let mut findings = Vec::new();
    for item in items {
        let wanted = text(&item.planned, "engine_version");
        if let Some(wanted) = wanted.filter(|w| !versions.iter().any(|v| is_of(v, w))) {
            let newest = versions.last().map_or("", String::as_str);
            let message =
                format!("{region} offers no {engine} {wanted}: {newest} is the newest there is");
            findings.push(refused(item, Path::attribute("engine_version"), message));
        } else if let Some(class) = text(&item.planned, "instance_class") {
            classes.entry(class).or_default().push(item);
        }
    }
    let asked = classes.into_iter().map(|(class, items)| async move {
        let offers = offers(client, context, engine.to_owned(), class.to_owned()).await;
        let offers = offers.ok()?;
        let told = items
            .into_iter()
            .filter_map(|item| not_offered(region, item, engine, class, &offers));
        Some(told.collect::<Vec<_>>())
    });
    findings.extend(join_all(asked).await.into_iter().flatten().flatten());
    findings
}

/// Whether a version is the one that is wanted, or one of those that a part of it means: `17` means `17.4`.
fn is_of(version: &str, wanted: &str) -> bool {
    is_version_of(version, wanted, &['.'])
}

/// What of an instance cannot be had together with its class.
fn not_offered(
    region: &str,
    item: &PreflightItem,
    engine: &str,
    class: &str,
    offers: &[Offer],
) -> Option<Finding> {
    let planned = &item.planned;
    let told =
        |attribute: &str, message: String| Some(refused(item, Path::attribute(attribute), message));
    if offers.is_empty() {
        let message = format!("{region} offers no `{class}` for {engine}");
        return told("instance_class", message);
    }
    let mut left: Vec<&Offer> = offers.iter().collect();
    if let Some(wanted) = text(planned, "engine_version") {
        left.retain(|o| o.engine_version().is_some_and(|v| is_of(v, wanted)));
        if left.is_empty() {
            let message = format!("{region} offers no `{class}` for {engine} {wanted}");
            return told("instance_class", message);
        }
    }
    if let Some(storage) = text(planned, "storage_type") {
        left.retain(|o| o.storage_type() == Some(storage));
        if left.is_empty() {
            let message = format!("`{class}` cannot have storage of type `{storage}` in {region}");
            return told("storage_type", message);
        }
    }
    if let Some(zone) = text(planned, "availability_zone") {
        left.retain(|o| {
            o.availability_zones()
                .iter()
                .any(|z| z.name() == Some(zone))
        });
        if left.is_empty() {
            let message = format!("`{class}` cannot be had in {zone}");
            return told("availability_zone", message);
        }
    }
    let standby = planned.get("multi_az").and_then(Value::as_bool) == Some(true);
    if standby && left.iter().all(|o| o.multi_az_capable() == Some(false)) {
        let message = format!("`{class}` cannot have a standby in another zone in {region}");
        return told("multi_az", message);
    }
    None
}

/// The versions of an engine that are offered, in RDS' order.
async fn versions(
    client: &Client,
    context: &CallContext,
    engine: String,
) -> Result<Vec<String>, ProviderError> {
    let found = pages_by_marker!(client, context, rds, RDS, "DescribeDBEngineVersions":
        describe_db_engine_versions.engine(engine) => db_engine_versions, marker);
    let versions = found.await?.into_iter();
    Ok(versions.filter_map(|v| v.engine_version).collect())
}

/// What can be ordered of a class for an engine.
async fn offers(
    client: &Client,
    context: &CallContext,
    engine: String,
    class: String,
) -> Result<Vec<Offer>, ProviderError> {
    let found = pages_by_marker!(client, context, rds, RDS, "DescribeOrderableDBInstanceOptions":
        describe_orderable_db_instance_options.engine(engine).db_instance_class(class)
        => orderable_db_instance_options, marker);
    found.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_version_means_all_that_start_so() {
        for (version, wanted, is) in [
            ("17.4", "17", true),
            ("17.4", "17.4", true),
            ("17.4", "17.40", false),
            ("17.4", "1", false),
            ("8.0.43", "8.0", true),
        ] {
            assert_eq!(is_of(version, wanted), is, "{version} {wanted}");
        }
    }
}
