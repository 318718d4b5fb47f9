//! Routes of a route table: a destination and one target each. A route whose target is gone stays, as a blackhole.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::common::invalid;
use super::gateway::{self, EgressOnlyGateway, InternetGateway};
use super::nat_gateway::NatGateway;
use super::network_interface::{self, NetworkInterface};
use super::route_table::{self, RouteTable};
use super::vpc::{self, Vpc};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Stored};

/// Routes per table; raised from AWS's default of 50 (500 is the most it grants).
const QUOTA: usize = 500;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    destination: Destination,
    target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Destination {
    Net(IpNet),
    PrefixList(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Target {
    Local,
    InternetGateway(String),
    EgressOnlyGateway(String),
    NatGateway(String),
    NetworkInterface(String),
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Net(net) => net.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

/// The routes that a table has from the beginning.
pub(super) fn local(vpc: &Vpc) -> Vec<Route> {
    let ipv6 = vpc.ipv6.as_ref().map(|block| IpNet::V6(block.cidr));
    [IpNet::V4(vpc.cidr)]
        .into_iter()
        .chain(ipv6)
        .map(|net| Route {
            destination: Destination::Net(net),
            target: Target::Local,
        })
        .collect()
}

impl Route {
    fn state(&self, ctx: &Ctx<'_>, vpc: &str) -> &'static str {
        let alive = match &self.target {
            Target::Local => true,
            Target::InternetGateway(id) => ctx
                .get::<InternetGateway>(id)
                .is_some_and(|gateway| gateway.vpc.as_deref() == Some(vpc)),
            Target::EgressOnlyGateway(id) => ctx.exists::<EgressOnlyGateway>(id),
            Target::NatGateway(id) => ctx
                .get::<NatGateway>(id)
                .is_some_and(|gateway| !matches!(gateway.state(ctx), "deleted" | "failed")),
            Target::NetworkInterface(id) => ctx.exists::<NetworkInterface>(id),
        };
        if alive { "active" } else { "blackhole" }
    }

    fn origin(&self) -> &'static str {
        if self.target == Target::Local {
            "CreateRouteTable"
        } else {
            "CreateRoute"
        }
    }

    /// The value that a `route.…` filter compares.
    pub(super) fn field(&self, ctx: &Ctx<'_>, vpc: &str, name: &str) -> Option<String> {
        match (name, &self.destination, &self.target) {
            ("destination-cidr-block", Destination::Net(IpNet::V4(net)), _) => {
                Some(net.to_string())
            }
            ("destination-ipv6-cidr-block", Destination::Net(IpNet::V6(net)), _) => {
                Some(net.to_string())
            }
            ("destination-prefix-list-id", Destination::PrefixList(id), _)
            | ("gateway-id", _, Target::InternetGateway(id))
            | ("nat-gateway-id", _, Target::NatGateway(id)) => Some(id.clone()),
            ("gateway-id", _, Target::Local) => Some("local".to_owned()),
            ("state", ..) => Some(self.state(ctx, vpc).to_owned()),
            ("origin", ..) => Some(self.origin().to_owned()),
            _ => None,
        }
    }

    /// Writes a member of `routeSet`.
    pub(super) fn write(&self, xml: &mut Xml, ctx: &Ctx<'_>, vpc: &str) {
        match &self.destination {
            Destination::Net(IpNet::V4(net)) => xml.text("destinationCidrBlock", net),
            Destination::Net(IpNet::V6(net)) => xml.text("destinationIpv6CidrBlock", net),
            Destination::PrefixList(id) => xml.text("destinationPrefixListId", id),
        };
        match &self.target {
            Target::Local => xml.text("gatewayId", "local"),
            Target::InternetGateway(id) => xml.text("gatewayId", id),
            Target::EgressOnlyGateway(id) => xml.text("egressOnlyInternetGatewayId", id),
            Target::NatGateway(id) => xml.text("natGatewayId", id),
            Target::NetworkInterface(id) => xml.text("networkInterfaceId", id),
        };
        xml.text("state", self.state(ctx, vpc))
            .text("origin", self.origin());
    }
}

const ROUTE: &[&str] = &[
    "RouteTableId",
    "DestinationCidrBlock",
    "DestinationIpv6CidrBlock",
    "DestinationPrefixListId",
    "GatewayId",
    "NatGatewayId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
];

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRoute",
        accepts: ROUTE,
        handler: create,
    },
    Operation {
        name: "ReplaceRoute",
        accepts: ROUTE,
        handler: replace,
    },
    Operation {
        name: "DeleteRoute",
        accepts: &[
            "RouteTableId",
            "DestinationCidrBlock",
            "DestinationIpv6CidrBlock",
            "DestinationPrefixListId",
        ],
        handler: delete,
    },
];

fn destination(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Destination> {
    let given = [
        params.str("DestinationCidrBlock"),
        params.str("DestinationIpv6CidrBlock"),
        params.str("DestinationPrefixListId"),
    ];
    match given {
        [Some(text), None, None] => {
            let net: Ipv4Net = text
                .parse()
                .map_err(|_| invalid("destinationCidrBlock", text))?;
            Ok(Destination::Net(IpNet::V4(net.trunc())))
        }
        [None, Some(text), None] => {
            let net: Ipv6Net = text
                .parse()
                .map_err(|_| invalid("destinationIpv6CidrBlock", text))?;
            Ok(Destination::Net(IpNet::V6(net.trunc())))
        }
        [None, None, Some(id)] => {
            if !super::prefix_list::exists(ctx, id) {
                let message = format!("The prefix list ID '{id}' does not exist");
                return Err(AwsError::new("InvalidPrefixListID.NotFound", message));
            }
            Ok(Destination::PrefixList(id.to_owned()))
        }
        [None, None, None] => Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter destinationCidrBlock",
        )),
        _ => Err(AwsError::new(
            "InvalidParameterCombination",
            "Exactly one destination must be given",
        )),
    }
}

fn target(ctx: &Ctx<'_>, params: &Params, table: &RouteTable) -> AwsResult<Target> {
    let names = [
        "GatewayId",
        "NatGatewayId",
        "EgressOnlyInternetGatewayId",
        "NetworkInterfaceId",
    ];
    let given: Vec<(&str, &str)> = names
        .into_iter()
        .filter_map(|name| Some((name, params.str(name)?)))
        .collect();
    let [(name, id)] = given[..] else {
        let message = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId, or carrierGatewayId";
        return Err(AwsError::new("InvalidParameterCombination", message));
    };
    let (target, vpc) = match name {
        "GatewayId" if id == "local" => return Ok(Target::Local),
        "GatewayId" => {
            let gateway = ctx.get::<InternetGateway>(id).ok_or_else(|| {
                let message = format!("The gateway ID '{id}' does not exist");
                AwsError::new("InvalidGatewayID.NotFound", message)
            })?;
            (Target::InternetGateway(id.to_owned()), gateway.vpc.clone())
        }
        "NatGatewayId" => {
            let gateway = ctx
                .get::<NatGateway>(id)
                .filter(|gateway| !matches!(gateway.state(ctx), "deleted" | "deleting" | "failed"))
                .ok_or_else(|| {
                    let message = format!("The natGateway ID '{id}' does not exist");
                    AwsError::new("InvalidNatGatewayID.NotFound", message)
                })?;
            (Target::NatGateway(id.to_owned()), Some(gateway.vpc.clone()))
        }
        "EgressOnlyInternetGatewayId" => {
            let gateway = gateway::find_egress_only(ctx, id)?;
            (
                Target::EgressOnlyGateway(id.to_owned()),
                Some(gateway.vpc.clone()),
            )
        }
        _ => {
            let interface = ctx
                .get::<NetworkInterface>(id)
                .ok_or_else(|| network_interface::not_found(id))?;
            (
                Target::NetworkInterface(id.to_owned()),
                Some(interface.vpc.clone()),
            )
        }
    };
    if vpc.as_deref() != Some(table.vpc.as_str()) {
        let message = format!(
            "route table {} and network gateway {id} belong to different networks",
            table.id
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    Ok(target)
}

/// IPv6-only gateways take no IPv4, and NAT gateways no IPv6 beyond NAT64's prefix.
fn check(vpc: &Vpc, route: &Route) -> AwsResult<()> {
    let Destination::Net(net) = &route.destination else {
        return Ok(());
    };
    if matches!(route.target, Target::EgressOnlyGateway(_)) && matches!(net, IpNet::V4(_)) {
        return Err(invalid("destinationCidrBlock", &net.to_string()));
    }
    let inside = match net {
        IpNet::V4(net) => vpc.cidr.contains(net),
        IpNet::V6(net) => vpc
            .ipv6
            .as_ref()
            .is_some_and(|block| block.cidr.contains(net)),
    };
    if inside && !matches!(route.target, Target::NetworkInterface(_) | Target::Local) {
        let message = format!(
            "The destination CIDR block {net} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance."
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    Ok(())
}

fn read(ctx: &Ctx<'_>, params: &Params) -> AwsResult<(Stored<RouteTable>, Route)> {
    let table = route_table::find(ctx, params.require("RouteTableId")?)?;
    let destination = destination(ctx, params)?;
    let target = target(ctx, params, &table)?;
    Ok((
        table,
        Route {
            destination,
            target,
        },
    ))
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (table, route) = read(ctx, params)?;
    if table
        .routes
        .iter()
        .any(|other| other.destination == route.destination)
    {
        let message = format!(
            "The route identified by {} already exists.",
            route.destination
        );
        return Err(AwsError::new("RouteAlreadyExists", message));
    }
    check(&*vpc::find(ctx, &table.vpc)?, &route)?;
    if table.routes.len() >= QUOTA {
        let message = "The maximum number of routes has been reached.";
        return Err(AwsError::new("RouteLimitExceeded", message));
    }
    let mut table = table.edit();
    table.routes.push(route);
    ctx.put(table);
    Ok(Xml::done())
}

fn missing(destination: &Destination, table: &str) -> AwsError {
    let name = match destination {
        Destination::Net(IpNet::V4(_)) => "destination-cidr-block",
        Destination::Net(IpNet::V6(_)) => "destination-ipv6-cidr-block",
        Destination::PrefixList(_) => "destination-prefix-list-id",
    };
    let message = format!("no route with {name} {destination} in route table {table}");
    AwsError::new("InvalidRoute.NotFound", message)
}

fn replace(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let (table, route) = read(ctx, params)?;
    let mut edited = table.edit();
    let old = edited
        .routes
        .iter_mut()
        .find(|other| other.destination == route.destination);
    let Some(old) = old else {
        return Err(missing(&route.destination, &table.id));
    };
    check(&*vpc::find(ctx, &table.vpc)?, &route)?;
    *old = route;
    ctx.put(edited);
    Ok(Xml::done())
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut table = route_table::find(ctx, params.require("RouteTableId")?)?.edit();
    let destination = destination(ctx, params)?;
    let position = table
        .routes
        .iter()
        .position(|route| route.destination == destination);
    let Some(position) = position else {
        return Err(missing(&destination, table.id()));
    };
    if table.routes[position].target == Target::Local {
        let message = format!(
            "cannot remove local route {destination} in route table {}",
            table.id()
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    table.routes.remove(position);
    ctx.put(table);
    Ok(Xml::done())
}
