//! Ranges of addresses: subnets outside their VPC or in each other's, addresses of Kubernetes' services that the VPC has.
//!
//! The id of a VPC that is planned is not known, but which resource it will be the id of. Where that cannot be told either, and the plan
//! makes one VPC and no more, what has no VPC's id yet is taken to be its; what is found so is a warning.

use super::places::planned_one;
use crate::client::Client;
use crate::ec2::tagging::{filter, list};
use crate::tags;
use aws_sdk_ec2::types::{Subnet, Vpc};
use infra_cloud::preflight::{
    Range, block, doubtful, of_type, overlap, overlapping, refused, text, texts, within,
};
use infra_model::address::Address;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ProviderError};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let vpcs = of_type(items, "aws_vpc");
    let made: Vec<Range<'_>> = vpcs
        .iter()
        .filter_map(|item| Range::said(item, "cidr_block"))
        .collect();
    // A range from a pool is not known: then nothing is said of what has no VPC yet.
    let made = if made.len() == vpcs.len() {
        made
    } else {
        Vec::new()
    };
    let subnets: Vec<Range<'_>> = of_type(items, "aws_subnet")
        .into_iter()
        .filter_map(|item| Range::said(item, "cidr_block"))
        .collect();
    let (known, unknown): (Vec<Range<'_>>, Vec<Range<'_>>) = subnets
        .into_iter()
        .partition(|range| text(&range.item.planned, "vpc_id").is_some());
    let (told, untold): (Vec<Range<'_>>, Vec<Range<'_>>) = unknown
        .into_iter()
        .partition(|range| planned_one(range.item, "vpc_id").is_some());
    let mut findings = in_planned(&made, &untold);
    findings.extend(in_told(items, &told));
    let (standing, services) = futures::join!(
        in_standing(client, context, &known),
        services(client, context, items, &made),
    );
    findings.extend(standing);
    findings.extend(services);
    findings
}

/// Subnets of VPCs of this plan, each known to be of which.
fn in_told(items: &[&PreflightItem], subnets: &[Range<'_>]) -> Vec<Finding> {
    let mut by_vpc: BTreeMap<&Address, Vec<Range<'_>>> = BTreeMap::new();
    for subnet in subnets {
        if let Some(vpc) = planned_one(subnet.item, "vpc_id") {
            by_vpc.entry(vpc).or_default().push(subnet.clone());
        }
    }
    // A VPC can get further ranges, from a resource of any type.
    let widened = of_type(items, "aws_cloudcontrol_resource")
        .iter()
        .any(|item| text(&item.planned, "type_name") == Some("AWS::EC2::VPCCidrBlock"));
    let mut findings = Vec::new();
    for (vpc, planned) in by_vpc {
        let both = overlapping(&planned).into_iter();
        findings.extend(both.map(|(subnet, other)| {
            refused(subnet.item, subnet.attribute.clone(), shared(subnet, other))
        }));
        let vpc = items.iter().find(|item| item.address == *vpc);
        let Some(vpc) = vpc.and_then(|vpc| Range::said(vpc, "cidr_block")) else {
            continue;
        };
        let outside = planned.iter().filter(|s| !vpc.net.contains(&s.net));
        findings.extend(outside.filter(|_| !widened).map(|subnet| {
            let message = outside_of(subnet, &vpc.net.to_string());
            refused(subnet.item, subnet.attribute.clone(), message)
        }));
    }
    findings
}

/// Subnets of VPCs that are planned themselves.
fn in_planned(made: &[Range<'_>], subnets: &[Range<'_>]) -> Vec<Finding> {
    if made.is_empty() {
        return Vec::new();
    }
    let outside = subnets
        .iter()
        .filter(|subnet| !made.iter().any(|vpc| vpc.net.contains(&subnet.net)));
    let mut findings: Vec<Finding> = outside
        .map(|subnet| {
            let ranges = listed(made.iter().map(|vpc| vpc.net));
            doubtful(
                subnet.item,
                subnet.attribute.clone(),
                outside_of(subnet, &ranges),
            )
        })
        .collect();
    if made.len() == 1 {
        findings.extend(overlapping(subnets).into_iter().map(|(subnet, other)| {
            doubtful(subnet.item, subnet.attribute.clone(), shared(subnet, other))
        }));
    }
    findings
}

fn listed(nets: impl IntoIterator<Item = IpNet>) -> String {
    let nets: Vec<String> = nets.into_iter().map(|net| net.to_string()).collect();
    nets.join(", ")
}

fn outside_of(subnet: &Range<'_>, ranges: &str) -> String {
    format!("{} is not within its VPC, which has {ranges}", subnet.net)
}

fn shared(subnet: &Range<'_>, other: &Range<'_>) -> String {
    format!(
        "{} has addresses of {}, which is {}",
        subnet.net, other.item.address, other.net
    )
}

/// Subnets of VPCs that are there already.
async fn in_standing(
    client: &Client,
    context: &CallContext,
    subnets: &[Range<'_>],
) -> Vec<Finding> {
    let mut by_vpc: BTreeMap<String, Vec<Range<'_>>> = BTreeMap::new();
    for subnet in subnets {
        let vpc = text(&subnet.item.planned, "vpc_id").unwrap_or_default();
        by_vpc
            .entry(vpc.to_owned())
            .or_default()
            .push(subnet.clone());
    }
    if by_vpc.is_empty() {
        return Vec::new();
    }
    let ids: Vec<&String> = by_vpc.keys().collect();
    let (vpcs, taken) = futures::join!(
        vpcs(client, context, ids.clone()),
        subnets_by(client, context, "vpc-id", ids.clone()),
    );
    let (vpcs, taken) = (vpcs.unwrap_or_default(), taken.unwrap_or_default());
    let mut findings = Vec::new();
    for (vpc, planned) in &by_vpc {
        for (subnet, other) in overlapping(planned) {
            let message = shared(subnet, other);
            findings.push(refused(subnet.item, subnet.attribute.clone(), message));
        }
        let ranges = vpcs.get(vpc).map_or(&[][..], Vec::as_slice);
        for subnet in planned {
            if !ranges.is_empty() && !ranges.iter().any(|range| range.contains(&subnet.net)) {
                let message = outside_of(subnet, &listed(ranges.iter().copied()));
                findings.push(refused(subnet.item, subnet.attribute.clone(), message));
            }
            let own = taken.iter().filter(|other| other.vpc_id() == Some(vpc));
            findings.extend(own.filter_map(|other| in_the_way(subnet, other)));
        }
    }
    findings
}

/// A subnet of others that has the addresses. What a stack made may be about to go.
fn in_the_way(subnet: &Range<'_>, other: &Subnet) -> Option<Finding> {
    let net: IpNet = other.cidr_block()?.parse().ok()?;
    let managed = other
        .tags()
        .iter()
        .any(|tag| tag.key() == Some(tags::OPERATION));
    if managed || !overlap(&subnet.net, &net) {
        return None;
    }
    let id = other.subnet_id().unwrap_or_default();
    let message = format!(
        "{} has addresses of the subnet {id}, which is {net}",
        subnet.net
    );
    Some(refused(subnet.item, subnet.attribute.clone(), message))
}

/// The IPv4 ranges of VPCs by their ids.
async fn vpcs(
    client: &Client,
    context: &CallContext,
    ids: impl IntoIterator<Item = &String>,
) -> Result<BTreeMap<String, Vec<IpNet>>, ProviderError> {
    let filters = vec![filter("vpc-id", ids)];
    let found = list!(client, context, "DescribeVpcs": describe_vpcs.set_filters(filters) -> vpcs);
    let ranges = |vpc: &Vpc| {
        let blocks = vpc.cidr_block_association_set().iter();
        blocks
            .filter_map(|b| b.cidr_block()?.parse().ok())
            .collect()
    };
    let found = found.await?;
    let known = found.iter();
    Ok(known
        .filter_map(|vpc| Some((vpc.vpc_id()?.to_owned(), ranges(vpc))))
        .collect())
}

/// Subnets by a filter.
pub(super) async fn subnets_by(
    client: &Client,
    context: &CallContext,
    name: &str,
    ids: impl IntoIterator<Item = &String>,
) -> Result<Vec<Subnet>, ProviderError> {
    let filters = vec![filter(name, ids)];
    list!(client, context, "DescribeSubnets": describe_subnets.set_filters(filters) -> subnets)
        .await
}

/// Addresses of services that the VPC of the cluster has ("Doesn't overlap with any CIDR block assigned to the VPC", EKS,
/// `KubernetesNetworkConfigRequest`).
async fn services(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
    made: &[Range<'_>],
) -> Vec<Finding> {
    const AT: (&str, &str) = ("kubernetes_network_config", "service_ipv4_cidr");
    let clusters: Vec<(Range<'_>, Vec<String>)> = of_type(items, "aws_eks_cluster")
        .into_iter()
        .filter_map(|item| {
            let said = text(block(&item.planned, AT.0)?, AT.1)?;
            let range = Range::of(item, within(AT.0, AT.1), said)?;
            let subnets = texts(block(&item.planned, "vpc_config")?, "subnet_ids");
            Some((range, subnets.unwrap_or_default()))
        })
        .collect();
    let known: BTreeSet<&String> = clusters.iter().flat_map(|(_, ids)| ids).collect();
    let standing = match known.is_empty() {
        true => BTreeMap::new(),
        false => by_subnet(client, context, known).await.unwrap_or_default(),
    };
    let found = clusters.into_iter().filter_map(|(range, subnets)| {
        let message = |net: &IpNet| {
            format!(
                "{} has addresses of the cluster's VPC, which is {net}",
                range.net
            )
        };
        let at = || range.attribute.clone();
        let there = subnets.iter().find_map(|id| standing.get(id));
        match there {
            Some(nets) => {
                let net = nets.iter().find(|net| overlap(net, &range.net))?;
                Some(refused(range.item, at(), message(net)))
            }
            None => match vpc_of(items, range.item) {
                Some(vpc) => {
                    let planned = overlap(&vpc.net, &range.net);
                    planned.then(|| refused(range.item, at(), message(&vpc.net)))
                }
                None => {
                    let [vpc] = made else { return None };
                    let planned = overlap(&vpc.net, &range.net);
                    planned.then(|| doubtful(range.item, at(), message(&vpc.net)))
                }
            },
        }
    });
    found.collect()
}

/// The VPC of this plan that the subnets of a cluster are in, which are of this plan too.
fn vpc_of<'a>(items: &[&'a PreflightItem], cluster: &PreflightItem) -> Option<Range<'a>> {
    let subnets = cluster.refers.get("vpc_config.subnet_ids")?;
    let found = |address: &Address| items.iter().copied().find(|item| item.address == *address);
    let subnet = subnets.iter().find_map(found)?;
    Range::said(found(planned_one(subnet, "vpc_id")?)?, "cidr_block")
}

/// The ranges of the VPCs that subnets are in, by subnet.
async fn by_subnet(
    client: &Client,
    context: &CallContext,
    ids: BTreeSet<&String>,
) -> Result<BTreeMap<String, Vec<IpNet>>, ProviderError> {
    let subnets = subnets_by(client, context, "subnet-id", ids).await?;
    let of = |subnet: &Subnet| Some((subnet.subnet_id.clone()?, subnet.vpc_id.clone()?));
    let vpc_of: BTreeMap<String, String> = subnets.iter().filter_map(of).collect();
    if vpc_of.is_empty() {
        return Ok(BTreeMap::new());
    }
    let unique: BTreeSet<&String> = vpc_of.values().collect();
    let ranges = vpcs(client, context, unique).await?;
    let known = vpc_of.iter();
    Ok(known
        .filter_map(|(subnet, vpc)| Some((subnet.clone(), ranges.get(vpc)?.clone())))
        .collect())
}
