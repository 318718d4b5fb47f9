//! What holds a network and its parts: AWS refuses to delete them with `DependencyViolation` and says no more than that, for as long as
//! a load balancer that somebody made from inside a cluster, a function or a machine is still in them.

use super::tagging::{filter, list};
use crate::client::Client;
use crate::wait::{self, Pace};
use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceStatus, RouteTable, Tag};
use infra_model::{CallContext, Operation, ProviderError};
use std::collections::BTreeSet;
use std::future::Future;

/// What is to go, by its id.
#[derive(Clone, Copy, Debug)]
pub(super) enum Held<'a> {
    Vpc(&'a str),
    Subnet(&'a str),
    SecurityGroup(&'a str),
    RouteTable(&'a str),
    /// The internet gateway of this VPC, which is held by public addresses.
    GatewayOf(&'a str),
}

/// Sends a delete until it is accepted; what is in its way is the status meanwhile, and in the end the error.
///
/// # Errors
/// As [`wait::while_held`].
pub(super) async fn while_held<T, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    (pace, held): (Pace, Held<'_>),
    delete: impl Fn() -> F + Send + Sync,
) -> Result<(), ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let holders = || holders(client, context, held);
    wait::while_held(context, operation, pace, holders, delete).await
}

/// What there is in it, by id and what tells it from others.
async fn holders(
    client: &Client,
    context: &CallContext,
    held: Held<'_>,
) -> Result<Vec<String>, ProviderError> {
    let (name, id) = match held {
        Held::Vpc(id) | Held::GatewayOf(id) => ("vpc-id", id),
        Held::Subnet(id) => ("subnet-id", id),
        Held::SecurityGroup(id) => ("group-id", id),
        Held::RouteTable(id) => return followers(client, context, id).await,
    };
    let interfaces = list!(client, context, "DescribeNetworkInterfaces": describe_network_interfaces.set_filters(vec![filter(name, [id])]) -> network_interfaces).await?;
    let counts = |i: &&NetworkInterface| {
        !matches!(held, Held::GatewayOf(_))
            || i.association().is_some_and(|a| a.public_ip().is_some())
    };
    let mut found: Vec<String> = interfaces.iter().filter(counts).map(interface).collect();
    match held {
        Held::SecurityGroup(id) => found.extend(references(client, context, id).await?),
        Held::Vpc(id) if found.is_empty() => found = parts(client, context, id).await?,
        _ => {}
    }
    Ok(found)
}

/// `eni-1 (ELB app/shop/1234, made by amazon-elb)`
fn interface(interface: &NetworkInterface) -> String {
    let machine = interface
        .attachment()
        .and_then(|a| a.instance_id())
        .map(|id| format!("of {id}"));
    let maker = interface
        .requester_id()
        // A number is an account's.
        .filter(|id| id.contains('-'))
        .map(|id| format!("made by {id}"));
    let free = (interface.status() == Some(&NetworkInterfaceStatus::Available))
        .then(|| "attached to nothing".to_owned());
    let description = interface.description().map(str::to_owned);
    described(
        interface.network_interface_id(),
        [description, machine, maker, free],
    )
}

/// Other groups whose rules name it.
async fn references(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<BTreeSet<String>, ProviderError> {
    let mut found = BTreeSet::new();
    for name in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
        let groups = list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(vec![filter(name, [id])]) -> security_groups).await?;
        for group in groups.iter().filter(|g| g.group_id() != Some(id)) {
            let rule = "which names it in a rule".to_owned();
            let name = group.group_name().map(str::to_owned);
            found.insert(described(group.group_id(), [name, Some(rule)]));
        }
    }
    Ok(found)
}

/// Subnets and gateways that follow a route table.
async fn followers(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Vec<String>, ProviderError> {
    let tables = list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(vec![filter("route-table-id", [id])]) -> route_tables).await?;
    let associations = tables.iter().flat_map(RouteTable::associations);
    Ok(associations
        .map(|a| {
            let of = a
                .subnet_id()
                .or(a.gateway_id())
                .map(|of| format!("of {of}"));
            described(a.route_table_association_id(), [of])
        })
        .collect())
}

/// What is in a VPC where no interface is: its own table, group and list go with it.
async fn parts(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Vec<String>, ProviderError> {
    let of = |name: &str| vec![filter(name, [id])];
    let subnets = list!(client, context, "DescribeSubnets": describe_subnets.set_filters(of("vpc-id")) -> subnets).await?;
    let groups = list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(of("vpc-id")) -> security_groups).await?;
    let tables = list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(of("vpc-id")) -> route_tables).await?;
    let gateways = list!(client, context, "DescribeInternetGateways": describe_internet_gateways.set_filters(of("attachment.vpc-id")) -> internet_gateways).await?;
    let subnets = subnets
        .iter()
        .map(|s| described(s.subnet_id(), [name(s.tags())]));
    let groups = groups
        .iter()
        .filter(|g| g.group_name() != Some("default"))
        .map(|g| described(g.group_id(), [g.group_name().map(str::to_owned)]));
    let tables = tables
        .iter()
        .filter(|t| !t.associations().iter().any(|a| a.main() == Some(true)))
        .map(|t| described(t.route_table_id(), [name(t.tags())]));
    let gateways = gateways
        .iter()
        .map(|g| described(g.internet_gateway_id(), [name(g.tags())]));
    Ok(subnets
        .chain(groups)
        .chain(tables)
        .chain(gateways)
        .collect())
}

fn name(tags: &[Tag]) -> Option<String> {
    let tag = tags.iter().find(|t| t.key() == Some("Name"))?;
    tag.value().map(str::to_owned)
}

fn described<const N: usize>(id: Option<&str>, details: [Option<String>; N]) -> String {
    let details: Vec<String> = details
        .into_iter()
        .flatten()
        .filter(|d| !d.is_empty())
        .collect();
    let id = id.unwrap_or("something");
    if details.is_empty() {
        return id.to_owned();
    }
    format!("{id} ({})", details.join(", "))
}
