//! `aws_route`.

use super::hop::{self, Destination, Hop};
use super::tagging::{SETTLE, filter, list};
use crate::batch::{FILTER_VALUES, by_key};
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::recover::Lost;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{Route as Found, RouteTable};
use futures::future::BoxFuture;
use infra_cloud::read;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};

/// One route of a route table.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RouteRecord {
    /// The route table.
    #[record(required, force_new)]
    pub(crate) route_table_id: String,
    /// The IPv4 range that it catches.
    #[record(optional, force_new)]
    pub(crate) destination_cidr_block: Option<String>,
    /// The IPv6 range that it catches.
    #[record(optional, force_new)]
    pub(crate) destination_ipv6_cidr_block: Option<String>,
    /// The prefix list that it catches.
    #[record(optional, force_new)]
    pub(crate) destination_prefix_list_id: Option<String>,
    /// It leads to a carrier gateway.
    #[record(optional)]
    pub(crate) carrier_gateway_id: Option<String>,
    /// It leads to a core network.
    #[record(optional)]
    pub(crate) core_network_arn: Option<String>,
    /// It leads to an egress-only internet gateway.
    #[record(optional)]
    pub(crate) egress_only_gateway_id: Option<String>,
    /// It leads to an internet gateway, a virtual private gateway, or `local`.
    #[record(optional)]
    pub(crate) gateway_id: Option<String>,
    /// It leads to a local gateway.
    #[record(optional)]
    pub(crate) local_gateway_id: Option<String>,
    /// It leads to a NAT gateway.
    #[record(optional)]
    pub(crate) nat_gateway_id: Option<String>,
    /// It leads to a network interface.
    #[record(optional)]
    pub(crate) network_interface_id: Option<String>,
    /// It leads to a transit gateway.
    #[record(optional)]
    pub(crate) transit_gateway_id: Option<String>,
    /// It leads to a VPC endpoint.
    #[record(optional)]
    pub(crate) vpc_endpoint_id: Option<String>,
    /// It leads to a peered VPC.
    #[record(optional)]
    pub(crate) vpc_peering_connection_id: Option<String>,
    /// `<route table>_<destination>`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// How it came to be: `CreateRoute`.
    #[record(computed)]
    pub(crate) origin: Option<String>,
    /// `active`, or `blackhole` when what it leads to is gone.
    #[record(computed)]
    pub(crate) state: Option<String>,
}

pub(crate) struct Route;

const DESTINATIONS: [&str; 3] = [
    "destination_cidr_block",
    "destination_ipv6_cidr_block",
    "destination_prefix_list_id",
];

impl RouteRecord {
    fn destination(&self) -> Destination {
        let given = self
            .destination_cidr_block
            .as_ref()
            .or(self.destination_ipv6_cidr_block.as_ref())
            .or(self.destination_prefix_list_id.as_ref());
        Destination::of(given.map_or("", String::as_str))
    }

    fn hop(&self) -> Hop {
        let values = [
            &self.carrier_gateway_id,
            &self.core_network_arn,
            &self.egress_only_gateway_id,
            &self.gateway_id,
            &self.local_gateway_id,
            &self.nat_gateway_id,
            &self.network_interface_id,
            &self.transit_gateway_id,
            &self.vpc_endpoint_id,
            &self.vpc_peering_connection_id,
        ];
        let target = hop::TARGETS
            .into_iter()
            .zip(values)
            .find_map(|(name, value)| Some((name, value.clone()?)))
            .unwrap_or(("gateway_id", String::new()));
        Hop {
            destination: self.destination(),
            target,
        }
    }
}

#[async_trait]
impl Resource<Client> for Route {
    type Record = RouteRecord;
    const TYPE: &'static str = "aws_route";

    fn traits() -> Traits {
        Traits::default().family(EC2_WRITE.name).unique(&[
            "route_table_id",
            "destination_cidr_block",
            "destination_ipv6_cidr_block",
            "destination_prefix_list_id",
        ])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior else {
            return Ok(());
        };
        if hop::TARGETS
            .iter()
            .any(|t| prior.get(t) != planned.value.get(t))
        {
            planning::mark_unknown(planned, &RouteRecord::block(), &["state", "origin"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = hop::exactly_one(config, &DESTINATIONS);
        errors.extend(hop::exactly_one(config, &hop::TARGETS));
        errors
    }

    fn id(record: &RouteRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RouteRecord>],
    ) -> Vec<Result<Option<RouteRecord>, ProviderError>> {
        let tables: Vec<String> = items.iter().map(|i| parse(&i.id).0).collect();
        by_key(
            &tables,
            FILTER_VALUES,
            |t: &RouteTable| t.route_table_id.clone(),
            |ids| list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(vec![filter("route-table-id", ids)]) -> route_tables),
        )
        .await
        .into_iter()
        .zip(items)
        .map(|(tables, item)| {
            let (table, wanted) = parse(&item.id);
            let tables = tables?;
            let found = tables.iter().flat_map(RouteTable::routes).find(|r| {
                hop::destination(r).is_some_and(|d| d.same(&wanted))
            });
            Ok(found.map(|route| record(&table, &wanted, route)))
        })
        .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RouteRecord,
    ) -> Result<RouteRecord, ProviderError> {
        let hop = desired.hop();
        let id = format!("{}_{}", desired.route_table_id, hop.destination.as_str());
        let request = hop::create_request(client, &desired.route_table_id, &hop);
        let find = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
            Box::pin(async {
                match here(client, context, &id, &desired).await? {
                    Recovered::Found(id) => Ok(Some(id)),
                    _ => Ok(None),
                }
            })
        };
        wait::while_refused(
            context,
            operation,
            wait::QUICK,
            hop::is_not_known_yet,
            || {
                client.begin(
                    context,
                    operation,
                    EC2_WRITE,
                    "CreateRoute",
                    Lost::LookUp(SETTLE, &find),
                    || {
                        let (call, id) = (request.clone().send(), id.clone());
                        async move { call.await.map(|_| id) }
                    },
                    |made: &String| Some(made.as_str()),
                )
            },
        )
        .await?;
        wait::settled::<Route>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RouteRecord,
        desired: RouteRecord,
    ) -> Result<RouteRecord, ProviderError> {
        let hop = desired.hop();
        if prior.hop() != hop {
            hop::replace(client, context, &desired.route_table_id, &hop).await?;
        }
        wait::settled::<Route>(client, context, operation, &Route::id(&prior), desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: RouteRecord,
    ) -> Result<(), ProviderError> {
        hop::delete(client, context, &prior.route_table_id, &prior.destination()).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: RouteRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = format!(
            "{}_{}",
            desired.route_table_id,
            desired.destination().as_str()
        );
        here(client, context, &id, &desired).await
    }

    fn import(id: &str) -> Result<Imported<RouteRecord>, ProviderError> {
        let (table, destination) = parse(id);
        if table.is_empty() || destination.as_str().is_empty() {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not <route table>_<destination>, such as rtb-1_0.0.0.0/0"),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// A route has no tags: it is the operation's when it leads where it should, as the destination was free before.
async fn here(
    client: &Client,
    context: &CallContext,
    id: &str,
    desired: &RouteRecord,
) -> Result<Recovered, ProviderError> {
    let found = read::one::<_, Route>(client, context, id, None).await?;
    Ok(match found {
        None => Recovered::Absent,
        Some(route) if route.hop().target == desired.hop().target => {
            Recovered::Found(id.to_owned())
        }
        Some(_) => Recovered::Foreign(id.to_owned()),
    })
}

fn parse(id: &str) -> (String, Destination) {
    let (table, destination) = id.split_once('_').unwrap_or((id, ""));
    (table.to_owned(), Destination::of(destination))
}

/// The destination stays as it was written: EC2 drops host bits.
fn record(table: &str, wanted: &Destination, route: &Found) -> RouteRecord {
    let mut record = RouteRecord {
        route_table_id: table.to_owned(),
        id: Some(format!("{table}_{}", wanted.as_str())),
        origin: route.origin().map(|o| o.as_str().to_owned()),
        state: route.state().map(|s| s.as_str().to_owned()),
        ..RouteRecord::default()
    };
    let text = Some(wanted.as_str().to_owned());
    match wanted {
        Destination::Ipv4(_) => record.destination_cidr_block = text,
        Destination::Ipv6(_) => record.destination_ipv6_cidr_block = text,
        Destination::PrefixList(_) => record.destination_prefix_list_id = text,
    }
    if let Some((attribute, id)) = hop::target(route) {
        let slot = match attribute {
            "carrier_gateway_id" => &mut record.carrier_gateway_id,
            "core_network_arn" => &mut record.core_network_arn,
            "egress_only_gateway_id" => &mut record.egress_only_gateway_id,
            "local_gateway_id" => &mut record.local_gateway_id,
            "nat_gateway_id" => &mut record.nat_gateway_id,
            "network_interface_id" => &mut record.network_interface_id,
            "transit_gateway_id" => &mut record.transit_gateway_id,
            "vpc_endpoint_id" => &mut record.vpc_endpoint_id,
            "vpc_peering_connection_id" => &mut record.vpc_peering_connection_id,
            _ => &mut record.gateway_id,
        };
        *slot = Some(id);
    }
    record
}
