//! Clusters and their machines: versions of Kubernetes and instance types that the region or its zones do not offer.

use super::places::zones_of;
use crate::batch::{Page, all_pages};
use crate::client::Client;
use crate::ec2::tagging::filter;
use crate::family::EKS;
use aws_sdk_ec2::types::LocationType;
use aws_sdk_eks::types::VersionStatus;
use infra_cloud::preflight::{doubtful, of_type, refused, text, texts};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, ProviderError};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let (versions, types) = futures::join!(
        versions(client, context, items),
        instance_types(client, context, items),
    );
    [versions, types].concat()
}

/// Versions of Kubernetes that EKS does not offer.
async fn versions(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let asked: Vec<_> = of_type(items, "aws_eks_cluster")
        .into_iter()
        .filter_map(|item| Some((item, text(&item.planned, "version")?)))
        .collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let offered = offered_versions(client, context).await.unwrap_or_default();
    if offered.is_empty() {
        return Vec::new();
    }
    asked
        .into_iter()
        .filter(|(_, version)| !offered.iter().any(|o| o == version))
        .map(|(item, version)| {
            let (region, all) = (client.region(), offered.join(", "));
            let message = format!("{region} offers no Kubernetes {version}: there are {all}");
            refused(item, Path::attribute("version"), message)
        })
        .collect()
}

/// The versions that new clusters may have.
async fn offered_versions(
    client: &Client,
    context: &CallContext,
) -> Result<Vec<String>, ProviderError> {
    let found = all_pages(|token| {
        let request = client
            .eks()
            .describe_cluster_versions()
            .set_next_token(token);
        async move {
            let answer = client
                .call(context, EKS, "DescribeClusterVersions", || {
                    request.clone().send()
                })
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.cluster_versions.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await?;
    let had = found
        .into_iter()
        .filter(|v| v.version_status != Some(VersionStatus::Unsupported));
    Ok(had.filter_map(|v| v.cluster_version).collect())
}

/// Machines that are planned: their types, any of which will do, and the subnets that are known.
struct Machines<'a> {
    item: &'a PreflightItem,
    attribute: &'static str,
    types: Vec<String>,
    subnets: Vec<String>,
}

/// Types of instances that are offered nowhere where they are wanted.
async fn instance_types(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let machines = machines(items);
    let types: BTreeSet<&String> = machines.iter().flat_map(|m| &m.types).collect();
    if types.is_empty() {
        return Vec::new();
    }
    let subnets: BTreeSet<&String> = machines.iter().flat_map(|m| &m.subnets).collect();
    let (offers, zones) = futures::join!(
        offers(client, context, types),
        zones_of(client, context, subnets),
    );
    let Ok(offers) = offers else {
        return Vec::new();
    };
    let zones = zones.unwrap_or_default();
    let planned: BTreeSet<String> = of_type(items, "aws_subnet")
        .into_iter()
        .filter_map(|i| text(&i.planned, "availability_zone").map(str::to_owned))
        .collect();
    let found = machines.iter().filter_map(|machines| {
        let known: BTreeSet<String> = machines
            .subnets
            .iter()
            .filter_map(|id| zones.get(id).cloned())
            .collect();
        not_offered(client.region(), machines, &offers, &known, &planned)
    });
    found.collect()
}

fn machines<'a>(items: &[&'a PreflightItem]) -> Vec<Machines<'a>> {
    let groups = of_type(items, "aws_eks_node_group")
        .into_iter()
        .map(|item| Machines {
            item,
            attribute: "instance_types",
            types: texts(&item.planned, "instance_types").unwrap_or_default(),
            subnets: texts(&item.planned, "subnet_ids").unwrap_or_default(),
        });
    let templates = of_type(items, "aws_launch_template")
        .into_iter()
        .map(|item| Machines {
            item,
            attribute: "instance_type",
            types: text(&item.planned, "instance_type")
                .map(str::to_owned)
                .into_iter()
                .collect(),
            subnets: Vec::new(),
        });
    groups
        .chain(templates)
        .filter(|m| !m.types.is_empty())
        .collect()
}

/// What is wrong with where machines are wanted. `known` are the zones of the subnets that are there; `planned` those of the
/// plan's own, which count when no other is known.
fn not_offered(
    region: &str,
    machines: &Machines<'_>,
    offers: &BTreeMap<String, BTreeSet<String>>,
    known: &BTreeSet<String>,
    planned: &BTreeSet<String>,
) -> Option<Finding> {
    let at = || Path::attribute(machines.attribute);
    if let Some(unknown) = machines.types.iter().find(|t| !offers.contains_key(*t)) {
        let message = format!("{region} offers no instances of type `{unknown}`");
        return Some(refused(machines.item, at(), message));
    }
    let offered: BTreeSet<&String> = machines.types.iter().flat_map(|t| &offers[t]).collect();
    let zones = if known.is_empty() { planned } else { known };
    // A launch template does not say where.
    let placed = machines.attribute == "instance_types";
    let lacking: Vec<&str> = zones
        .iter()
        .filter(|zone| placed && !offered.contains(zone))
        .map(String::as_str)
        .collect();
    if lacking.is_empty() {
        return None;
    }
    let (types, places) = (machines.types.join("`, `"), lacking.join(", "));
    let message = format!("`{types}` cannot be had in {places}");
    if lacking.len() == zones.len() {
        return Some(refused(machines.item, at(), message));
    }
    (!known.is_empty()).then(|| doubtful(machines.item, at(), message))
}

/// The zones that offer instance types, by type.
async fn offers(
    client: &Client,
    context: &CallContext,
    types: BTreeSet<&String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, ProviderError> {
    let filters = Some(vec![filter("instance-type", types)]);
    let found = all_pages(|token| {
        let request = client
            .ec2()
            .describe_instance_type_offerings()
            .location_type(LocationType::AvailabilityZone)
            .set_filters(filters.clone())
            .set_next_token(token);
        async move {
            let answer = client
                .call(
                    context,
                    crate::family::EC2_READ,
                    "DescribeInstanceTypeOfferings",
                    || request.clone().send(),
                )
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.instance_type_offerings.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await?;
    let mut offers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for offer in found {
        if let (Some(kind), Some(zone)) = (offer.instance_type, offer.location) {
            let zones = offers.entry(kind.as_str().to_owned()).or_default();
            zones.insert(zone);
        }
    }
    Ok(offers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Value;

    #[test]
    fn types_are_looked_for_where_the_machines_will_be() {
        let item = PreflightItem {
            address: "aws_eks_node_group.n".parse().expect("an address"),
            planned: Value::NULL,
            creates: true,
            refers: Default::default(),
        };
        let of = |types: &[&str]| Machines {
            item: &item,
            attribute: "instance_types",
            types: types.iter().map(|t| (*t).to_owned()).collect(),
            subnets: Vec::new(),
        };
        let set = |zones: &[&str]| {
            zones
                .iter()
                .map(|z| (*z).to_owned())
                .collect::<BTreeSet<_>>()
        };
        let offers = BTreeMap::from([
            ("m7i.large".to_owned(), set(&["a", "b"])),
            ("t2.micro".to_owned(), set(&["e"])),
        ]);
        let told = |types: &[&str], known: &[&str], planned: &[&str]| {
            let found = not_offered("r", &of(types), &offers, &set(known), &set(planned))?;
            Some((found.fatal, found.error.message))
        };
        assert_eq!(told(&["m7i.large"], &["a"], &["e"]), None);
        assert_eq!(told(&["m7i.large", "t2.micro"], &["a", "e"], &[]), None);
        assert_eq!(told(&["m7i.large"], &[], &["a", "e"]), None);
        let nowhere = Some((true, "`m7i.large` cannot be had in e".to_owned()));
        assert_eq!(told(&["m7i.large"], &["e"], &["a"]), nowhere);
        assert_eq!(told(&["m7i.large"], &[], &["e"]), nowhere);
        let partly = Some((false, "`m7i.large` cannot be had in e".to_owned()));
        assert_eq!(told(&["m7i.large"], &["a", "e"], &[]), partly);
        let unknown = Some((true, "r offers no instances of type `q1.tiny`".to_owned()));
        assert_eq!(told(&["q1.tiny"], &[], &[]), unknown);
    }
}
