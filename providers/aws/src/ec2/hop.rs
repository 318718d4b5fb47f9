//! Where a route leads, shared by `aws_route` and the routes inside `aws_route_table`.

use super::cidr::canonical;
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EC2_WRITE;
use crate::wait;
use aws_sdk_ec2::types::{Route, RouteOrigin};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Value};

/// What a route catches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Destination {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
}

/// A route: what it catches, and the attribute and id of where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) destination: Destination,
    pub(super) target: (&'static str, String),
}

/// The attributes that say where a route leads; exactly one is set.
pub(super) const TARGETS: [&str; 10] = [
    "carrier_gateway_id",
    "core_network_arn",
    "egress_only_gateway_id",
    "gateway_id",
    "local_gateway_id",
    "nat_gateway_id",
    "network_interface_id",
    "transit_gateway_id",
    "vpc_endpoint_id",
    "vpc_peering_connection_id",
];

impl Destination {
    /// By its form: `pl-…`, with colons, or else IPv4.
    pub(super) fn of(text: &str) -> Destination {
        if text.starts_with("pl-") {
            Destination::PrefixList(text.to_owned())
        } else if text.contains(':') {
            Destination::Ipv6(text.to_owned())
        } else {
            Destination::Ipv4(text.to_owned())
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Destination::Ipv4(text) | Destination::Ipv6(text) | Destination::PrefixList(text) => {
                text
            }
        }
    }

    /// Whether both catch the same addresses.
    pub(super) fn same(&self, other: &Destination) -> bool {
        canonical(self.as_str()) == canonical(other.as_str())
    }

    fn parts(&self) -> (Option<String>, Option<String>, Option<String>) {
        match self.clone() {
            Destination::Ipv4(text) => (Some(text), None, None),
            Destination::Ipv6(text) => (None, Some(text), None),
            Destination::PrefixList(text) => (None, None, Some(text)),
        }
    }
}

/// The destination of a route that EC2 lists.
pub(super) fn destination(route: &Route) -> Option<Destination> {
    if let Some(range) = route.destination_cidr_block() {
        return Some(Destination::Ipv4(range.to_owned()));
    }
    if let Some(range) = route.destination_ipv6_cidr_block() {
        return Some(Destination::Ipv6(range.to_owned()));
    }
    Some(Destination::PrefixList(
        route.destination_prefix_list_id()?.to_owned(),
    ))
}

/// The target of a route that EC2 lists. A VPC endpoint is listed as a gateway.
pub(super) fn target(route: &Route) -> Option<(&'static str, String)> {
    let gateway = route.gateway_id();
    let (endpoint, gateway) = if gateway.is_some_and(|g| g.starts_with("vpce-")) {
        (gateway, None)
    } else {
        (None, gateway)
    };
    let found = [
        route.carrier_gateway_id(),
        route.core_network_arn(),
        route.egress_only_internet_gateway_id(),
        gateway,
        route.local_gateway_id(),
        route.nat_gateway_id(),
        route.network_interface_id(),
        route.transit_gateway_id(),
        endpoint,
        route.vpc_peering_connection_id(),
    ];
    TARGETS
        .into_iter()
        .zip(found)
        .find_map(|(name, id)| id.filter(|i| !i.is_empty()).map(|i| (name, i.to_owned())))
}

/// Whether somebody made the route, rather than AWS: not the local one, not one that a gateway announces.
pub(super) fn is_made(route: &Route) -> bool {
    route.origin() == Some(&RouteOrigin::CreateRoute)
        && !(route.destination_prefix_list_id().is_some()
            && route.gateway_id().is_some_and(|g| g.starts_with("vpce-")))
}

/// Checks that exactly one of the attributes is given, as far as that is known.
pub(super) fn exactly_one(config: &Value, names: &[&str]) -> Vec<ProviderError> {
    let given: Vec<&&str> = names
        .iter()
        .filter(|n| config.get(n).is_some_and(|v| !v.is_null()))
        .collect();
    if given.len() == 1 {
        return Vec::new();
    }
    vec![ProviderError::invalid(
        given.get(1).map_or(names[0], |n| n),
        format!(
            "exactly one of {} is needed, and {} are given",
            names
                .iter()
                .map(|n| format!("`{n}`"))
                .collect::<Vec<_>>()
                .join(", "),
            given.len()
        ),
    )]
}

macro_rules! with_target {
    ($request:expr, $hop:expr) => {{
        let (v4, v6, list) = $hop.destination.parts();
        let to = |name: &str| ($hop.target.0 == name).then(|| $hop.target.1.clone());
        $request
            .set_destination_cidr_block(v4)
            .set_destination_ipv6_cidr_block(v6)
            .set_destination_prefix_list_id(list)
            .set_carrier_gateway_id(to("carrier_gateway_id"))
            .set_core_network_arn(to("core_network_arn"))
            .set_egress_only_internet_gateway_id(to("egress_only_gateway_id"))
            .set_gateway_id(to("gateway_id"))
            .set_local_gateway_id(to("local_gateway_id"))
            .set_nat_gateway_id(to("nat_gateway_id"))
            .set_network_interface_id(to("network_interface_id"))
            .set_transit_gateway_id(to("transit_gateway_id"))
            .set_vpc_endpoint_id(to("vpc_endpoint_id"))
            .set_vpc_peering_connection_id(to("vpc_peering_connection_id"))
    }};
}

/// The request that makes a route.
pub(super) fn create_request(
    client: &Client,
    table: &str,
    hop: &Hop,
) -> aws_sdk_ec2::operation::create_route::builders::CreateRouteFluentBuilder {
    with_target!(client.ec2().create_route().route_table_id(table), hop)
}

/// Makes a route that leads where an existing one of the same destination does not.
pub(super) async fn replace(
    client: &Client,
    context: &CallContext,
    table: &str,
    hop: &Hop,
) -> Result<(), ProviderError> {
    let request = with_target!(client.ec2().replace_route().route_table_id(table), hop);
    client
        .call(context, EC2_WRITE, "ReplaceRoute", || {
            request.clone().send()
        })
        .await
        .map(|_| ())
}

/// Makes a route; a gateway that was just made may not be known everywhere yet.
pub(super) async fn create(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    table: &str,
    hop: &Hop,
) -> Result<(), ProviderError> {
    let request = create_request(client, table, hop);
    wait::while_refused(context, operation, wait::QUICK, is_not_known_yet, || {
        client.call(context, EC2_WRITE, "CreateRoute", || request.clone().send())
    })
    .await
    .map(|_| ())
}

/// Whether a route's target exists but is not known to the routing service yet.
pub(super) fn is_not_known_yet(error: &ProviderError) -> bool {
    error.kind == ErrorKind::NotFound && error.code.contains("Gateway")
}

/// Deletes a route; absent is done.
pub(super) async fn delete(
    client: &Client,
    context: &CallContext,
    table: &str,
    destination: &Destination,
) -> Result<(), ProviderError> {
    let (v4, v6, list) = destination.parts();
    let request = client
        .ec2()
        .delete_route()
        .route_table_id(table)
        .set_destination_cidr_block(v4)
        .set_destination_ipv6_cidr_block(v6)
        .set_destination_prefix_list_id(list);
    absent_is_done(
        client
            .call(context, EC2_WRITE, "DeleteRoute", || request.clone().send())
            .await,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_route_has_a_destination_and_a_target() {
        let endpoint = Route::builder()
            .destination_cidr_block("10.0.0.0/8")
            .gateway_id("vpce-1")
            .origin(RouteOrigin::CreateRoute)
            .build();
        assert_eq!(
            target(&endpoint),
            Some(("vpc_endpoint_id", "vpce-1".to_owned()))
        );
        assert!(is_made(&endpoint));
        let announced = Route::builder()
            .destination_prefix_list_id("pl-1")
            .gateway_id("vpce-1")
            .origin(RouteOrigin::CreateRoute)
            .build();
        assert!(!is_made(&announced));
        assert!(
            Destination::of("2001:DB8::/32").same(&Destination::of("2001:db8::/32")),
            "the same range"
        );
    }

    #[test]
    fn one_target_is_needed() {
        let config = Value::object([
            ("gateway_id", Value::from("igw-1")),
            ("nat_gateway_id", Value::UNKNOWN),
        ]);
        assert_eq!(exactly_one(&config, &TARGETS).len(), 1);
        assert!(exactly_one(&config, &["gateway_id", "vpc_endpoint_id"]).is_empty());
    }
}
