//! Databases: versions and tiers that Cloud SQL does not offer.

use super::{project, region};
use crate::client::{Client, Request};
use crate::family::SQL;
use futures::future::join_all;
use infra_cloud::preflight::{block, of_type, refused, text, within};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let mut projects: BTreeMap<String, Vec<&PreflightItem>> = BTreeMap::new();
    for item in of_type(items, "google_sql_database_instance") {
        projects
            .entry(project(client, item))
            .or_default()
            .push(item);
    }
    let asked = projects.into_iter().map(|(project, items)| async move {
        let (versions, tiers) =
            futures::join!(versions(client, context), tiers(client, context, &project),);
        let told = items.into_iter().flat_map(|item| {
            let region = region(client, item);
            let version = unknown_version(item, &versions);
            let tier = missing_tier(item, region.as_deref(), &tiers);
            version.into_iter().chain(tier)
        });
        told.collect::<Vec<_>>()
    });
    join_all(asked).await.concat()
}

/// All versions that flags are told of: Cloud SQL has no other list of them.
async fn versions(client: &Client, context: &CallContext) -> BTreeSet<String> {
    let request = Request::get(SQL, "sql.flags.list", "flags");
    let flags = client.list(context, request, "items").await;
    let versions = flags.unwrap_or_default();
    let versions = versions.iter().flat_map(|flag| {
        let names = flag["appliesTo"].as_array().into_iter().flatten();
        names.filter_map(Json::as_str)
    });
    versions.map(str::to_owned).collect()
}

/// Tiers that are offered, and the regions of each.
async fn tiers(
    client: &Client,
    context: &CallContext,
    project: &str,
) -> BTreeMap<String, Vec<String>> {
    let request = Request::get(SQL, "sql.tiers.list", format!("projects/{project}/tiers"));
    let tiers = client.list(context, request, "items").await;
    let rows = tiers.unwrap_or_default().into_iter().filter_map(|row| {
        let regions = row["region"].as_array().into_iter().flatten();
        let regions = regions.filter_map(Json::as_str).map(str::to_owned);
        Some((row["tier"].as_str()?.to_owned(), regions.collect()))
    });
    rows.collect()
}

fn unknown_version(item: &PreflightItem, versions: &BTreeSet<String>) -> Option<Finding> {
    let wanted = text(&item.planned, "database_version")?;
    if versions.is_empty() || versions.contains(wanted) {
        return None;
    }
    let engine = wanted.split('_').next().unwrap_or(wanted);
    let alike = versions.iter().filter(|v| v.starts_with(engine));
    let alike: Vec<&str> = alike.map(String::as_str).collect();
    let all = if alike.is_empty() {
        String::new()
    } else {
        format!(": there are {}", alike.join(", "))
    };
    let message = format!("Cloud SQL offers no `{wanted}`{all}");
    Some(refused(item, Path::attribute("database_version"), message))
}

fn missing_tier(
    item: &PreflightItem,
    region: Option<&str>,
    tiers: &BTreeMap<String, Vec<String>>,
) -> Option<Finding> {
    let tier = text(block(&item.planned, "settings")?, "tier")?;
    let refused = |message| Some(refused(item, within("settings", "tier"), message));
    if let Some(rest) = tier.strip_prefix("db-custom-") {
        let why = bad_custom(rest)?;
        return refused(format!("`{tier}` cannot be had: {why}"));
    }
    if tiers.is_empty() {
        return None;
    }
    match (tiers.get(tier), region) {
        (None, _) => refused(format!("Cloud SQL offers no tier `{tier}`")),
        (Some(regions), Some(region))
            if !regions.is_empty() && !regions.iter().any(|r| r == region) =>
        {
            refused(format!("{region} offers no tier `{tier}`"))
        }
        _ => None,
    }
}

/// What is wrong with the processors and memory of a tier of one's own making, `CPUS-MIB` (Cloud SQL, "About instance settings",
/// "Custom instance configurations").
fn bad_custom(rest: &str) -> Option<&'static str> {
    let numbers = rest.split_once('-').and_then(|(cpus, mib)| {
        let (cpus, mib) = (cpus.parse::<u32>().ok()?, mib.parse::<u32>().ok()?);
        Some((cpus, mib))
    });
    let Some((cpus, mib)) = numbers else {
        return Some("its name is not `db-custom-CPUS-MIB`");
    };
    if cpus != 1 && (!cpus.is_multiple_of(2) || !(2..=96).contains(&cpus)) {
        return Some("it has 1 processor or an even number up to 96");
    }
    if !mib.is_multiple_of(256) || mib < 3840 {
        return Some("its memory is a multiple of 256 MiB, and 3,840 at least");
    }
    let gib = f64::from(mib) / f64::from(cpus) / 1024.0;
    (!(0.9..=6.5).contains(&gib)).then_some("it has 0.9 to 6.5 GiB of memory for each processor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_tiers_follow_their_rules() {
        for (rest, good) in [
            ("1-3840", true),
            ("2-7680", true),
            ("4-26624", true),
            ("3-7680", false),
            ("2-7681", false),
            ("2-3072", false),
            ("2-16384", false),
            ("many", false),
        ] {
            assert_eq!(bad_custom(rest).is_none(), good, "{rest}");
        }
    }
}
