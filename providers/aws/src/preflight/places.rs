//! Room in the quotas that count by place: subnets of a VPC, NAT gateways of a zone
//! (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>).

use super::account_quotas::limit;
use super::network::subnets_by;
use crate::client::{Client, Place};
use crate::ec2::tagging::{filter, list};
use infra_cloud::preflight::{Usage, full, of_type, text};
use infra_model::address::Address;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ProviderError};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let (subnets, gateways) = futures::join!(
        subnets(client, context, items),
        gateways(client, context, items),
    );
    [subnets, gateways].concat()
}

/// The one resource of this plan that an attribute refers to.
pub(super) fn planned_one<'a>(item: &'a PreflightItem, attribute: &str) -> Option<&'a Address> {
    match item.refers.get(attribute)?.as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

/// Subnets by their VPC, one that is there or one of this plan.
async fn subnets(client: &Client, context: &CallContext, items: &[&PreflightItem]) -> Vec<Finding> {
    let (mut standing, mut planned) = (BTreeMap::new(), BTreeMap::new());
    for item in of_type(items, "aws_subnet") {
        let of: Option<&mut Vec<&PreflightItem>> = match text(&item.planned, "vpc_id") {
            Some(id) => Some(standing.entry(id.to_owned()).or_default()),
            None => planned_one(item, "vpc_id").map(|vpc| planned.entry(vpc).or_default()),
        };
        of.into_iter().for_each(|of| of.push(item));
    }
    if standing.is_empty() && planned.is_empty() {
        return Vec::new();
    }
    let (limit, there) = futures::join!(
        limit(client, context, Place::Region, ("vpc", "L-407747CB")),
        async {
            match standing.is_empty() {
                true => Ok(Vec::new()),
                false => subnets_by(client, context, "vpc-id", standing.keys()).await,
            }
        }
    );
    let (Some(limit), Ok(there)) = (limit, there) else {
        return Vec::new();
    };
    let usage = |used: usize| Usage {
        used: u64::try_from(used).unwrap_or(u64::MAX),
        limit,
        shown: "subnets".to_owned(),
    };
    let of = |id: &str| there.iter().filter(|s| s.vpc_id() == Some(id)).count();
    let standing = standing
        .iter()
        .filter_map(|(id, new)| full(new, "vpc_id", id, &usage(of(id))));
    let planned = planned
        .iter()
        .filter_map(|(vpc, new)| full(new, "vpc_id", &vpc.to_string(), &usage(0)));
    standing.chain(planned).collect()
}

/// NAT gateways by their zone, which is their subnet's.
async fn gateways(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let new = of_type(items, "aws_nat_gateway");
    if new.is_empty() {
        return Vec::new();
    }
    let (limit, there) = futures::join!(
        limit(client, context, Place::Region, ("vpc", "L-FE5A380F")),
        standing_gateways(client, context),
    );
    let (Some(limit), Ok(there)) = (limit, there) else {
        return Vec::new();
    };
    let ids: BTreeSet<String> = new
        .iter()
        .filter_map(|item| text(&item.planned, "subnet_id").map(str::to_owned))
        .chain(there.iter().cloned())
        .collect();
    let Ok(zones) = zones_of(client, context, ids.iter().collect()).await else {
        return Vec::new();
    };
    let mut by_zone: BTreeMap<&str, Vec<&PreflightItem>> = BTreeMap::new();
    for item in new {
        if let Some(zone) = zone_of(items, item, &zones) {
            by_zone.entry(zone).or_default().push(item);
        }
    }
    let used = |zone: &str| {
        let there = there.iter().filter_map(|subnet| zones.get(subnet));
        there.filter(|found| *found == zone).count()
    };
    let found = by_zone.iter().filter_map(|(zone, new)| {
        let usage = Usage {
            used: u64::try_from(used(zone)).ok()?,
            limit,
            shown: "NAT gateways".to_owned(),
        };
        full(new, "subnet_id", zone, &usage)
    });
    found.collect()
}

/// The zone of a new gateway: that of a subnet that is there, or the one that a subnet of this plan says.
fn zone_of<'a>(
    items: &[&'a PreflightItem],
    gateway: &PreflightItem,
    zones: &'a BTreeMap<String, String>,
) -> Option<&'a str> {
    if let Some(subnet) = text(&gateway.planned, "subnet_id") {
        return zones.get(subnet).map(String::as_str);
    }
    let subnet = planned_one(gateway, "subnet_id")?;
    let subnet = items.iter().find(|item| item.address == *subnet)?;
    text(&subnet.planned, "availability_zone")
}

/// The subnets of the gateways that count: "in the pending, active, and deleting states".
async fn standing_gateways(
    client: &Client,
    context: &CallContext,
) -> Result<Vec<String>, ProviderError> {
    let counted = vec![filter("state", ["pending", "available", "deleting"])];
    let found = list!(client, context, "DescribeNatGateways": describe_nat_gateways.set_filter(counted) -> nat_gateways);
    let found = found.await?;
    Ok(found.into_iter().filter_map(|g| g.subnet_id).collect())
}

/// The zones of subnets by their ids.
pub(super) async fn zones_of(
    client: &Client,
    context: &CallContext,
    subnets: BTreeSet<&String>,
) -> Result<BTreeMap<String, String>, ProviderError> {
    if subnets.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = subnets_by(client, context, "subnet-id", subnets).await?;
    let known = found.into_iter();
    Ok(known
        .filter_map(|s| Some((s.subnet_id?, s.availability_zone?)))
        .collect())
}
