//! `aws_route_table`.

use super::held::{Held, while_held};
use super::hop::{self, Destination, Hop};
use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::recover::Lost;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, RouteTable as Found};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource, Value};

/// A route table of a VPC.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RouteTableRecord {
    /// The VPC.
    #[record(required, force_new)]
    pub(crate) vpc_id: String,
    /// Its routes, all of them. Without any here, routes are left alone, for `aws_route`.
    #[record(block, set)]
    pub(crate) route: Vec<RouteBlock>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `rtb-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct RouteBlock {
    /// The IPv4 range that it catches.
    #[record(optional)]
    pub(crate) cidr_block: Option<String>,
    /// The IPv6 range that it catches.
    #[record(optional)]
    pub(crate) ipv6_cidr_block: Option<String>,
    /// The prefix list that it catches.
    #[record(optional)]
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
    /// It leads to an internet gateway or a virtual private gateway.
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
}

pub(crate) struct RouteTable;

const DESTINATIONS: [&str; 3] = [
    "cidr_block",
    "ipv6_cidr_block",
    "destination_prefix_list_id",
];

impl RouteBlock {
    fn hop(&self) -> Hop {
        let destination = self
            .cidr_block
            .as_ref()
            .or(self.ipv6_cidr_block.as_ref())
            .or(self.destination_prefix_list_id.as_ref());
        let value = self.to_value();
        let target = hop::TARGETS.into_iter().find_map(|name| {
            let id = value.get(name).and_then(Value::as_str)?;
            Some((name, id.to_owned()))
        });
        Hop {
            destination: Destination::of(destination.map_or("", String::as_str)),
            target: target.unwrap_or(("gateway_id", String::new())),
        }
    }

    fn of(hop: &Hop) -> RouteBlock {
        let mut value = RouteBlock::default().to_value();
        let destination = match &hop.destination {
            Destination::Ipv4(_) => "cidr_block",
            Destination::Ipv6(_) => "ipv6_cidr_block",
            Destination::PrefixList(_) => "destination_prefix_list_id",
        };
        value = value.with_attribute(destination, hop.destination.as_str().into());
        value = value.with_attribute(hop.target.0, hop.target.1.as_str().into());
        // All attributes are texts or null, which is what the block holds.
        RouteBlock::from_value(&value).unwrap_or_default()
    }
}

#[async_trait]
impl Resource<Client> for RouteTable {
    type Record = RouteTableRecord;
    const TYPE: &'static str = "aws_route_table";

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 3).family(EC2_WRITE.name)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let routes = config.get("route").and_then(Value::elements);
        routes
            .unwrap_or_default()
            .iter()
            .flat_map(|route| {
                let mut errors = hop::exactly_one(route, &DESTINATIONS);
                errors.extend(hop::exactly_one(route, &hop::TARGETS));
                errors
            })
            .map(|error| ProviderError::invalid("route", error.message))
            .collect()
    }

    fn id(record: &RouteTableRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RouteTableRecord>],
    ) -> Vec<Result<Option<RouteTableRecord>, ProviderError>> {
        batch::read(
            items,
            |t: &Found| t.route_table_id.clone(),
            |ids| list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(vec![filter("route-table-id", ids)]) -> route_tables),
            |found, prior| Some(record(client, found, prior)),
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RouteTableRecord,
    ) -> Result<RouteTableRecord, ProviderError> {
        let specification =
            tagging::specification(client, operation, ResourceType::RouteTable, &desired.tags);
        let request = client
            .ec2()
            .create_route_table()
            .client_token(operation.token.as_str())
            .vpc_id(&desired.vpc_id)
            .tag_specifications(specification);
        let id = client
            .begin(
                context,
                operation,
                EC2_WRITE,
                "CreateRouteTable",
                Lost::Resend,
                || request.clone().send(),
                |made| made.route_table()?.route_table_id(),
            )
            .await?;
        let now = if operation.known_id.is_some() {
            made(client, context, &id).await?
        } else {
            Vec::new()
        };
        exchange(client, context, operation, &id, &now, &desired.route).await?;
        wait::settled::<RouteTable>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RouteTableRecord,
        desired: RouteTableRecord,
    ) -> Result<RouteTableRecord, ProviderError> {
        let id = RouteTable::id(&prior);
        let now: Vec<Hop> = prior.route.iter().map(RouteBlock::hop).collect();
        exchange(client, context, operation, &id, &now, &desired.route).await?;
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<RouteTable>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RouteTableRecord,
    ) -> Result<(), ProviderError> {
        let id = RouteTable::id(&prior);
        let held = (wait::QUICK, Held::RouteTable(&id));
        while_held(client, context, operation, held, || {
            client.call(context, EC2_WRITE, "DeleteRouteTable", || {
                client.ec2().delete_route_table().route_table_id(&id).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: RouteTableRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<RouteTable>(client, context, operation).await
    }
}

fn hops(table: &Found) -> Vec<Hop> {
    table
        .routes()
        .iter()
        .filter(|r| hop::is_made(r))
        .filter_map(|r| {
            Some(Hop {
                destination: hop::destination(r)?,
                target: hop::target(r)?,
            })
        })
        .collect()
}

/// The routes that somebody made in it.
async fn made(client: &Client, context: &CallContext, id: &str) -> Result<Vec<Hop>, ProviderError> {
    let tables = list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(vec![filter("route-table-id", [id])]) -> route_tables);
    Ok(tables.await?.iter().flat_map(hops).collect())
}

fn record(client: &Client, found: Found, prior: Option<&RouteTableRecord>) -> RouteTableRecord {
    let id = found.route_table_id.clone().unwrap_or_default();
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    // Routes show where the table manages them: others belong to `aws_route`.
    let managed = prior.map(|p| p.route.as_slice()).unwrap_or_default();
    let route = if managed.is_empty() {
        Vec::new()
    } else {
        hops(&found)
            .iter()
            .map(|hop| {
                let twin = managed.iter().find(|block| {
                    let of = block.hop();
                    of.target == hop.target && of.destination.same(&hop.destination)
                });
                twin.cloned().unwrap_or_else(|| RouteBlock::of(hop))
            })
            .collect()
    };
    RouteTableRecord {
        vpc_id: found.vpc_id.clone().unwrap_or_default(),
        route,
        tags,
        tags_all,
        arn: Some(client.arn("ec2", &format!("route-table/{id}"))),
        owner_id: found.owner_id,
        id: Some(id),
    }
}

/// Brings the routes from what they are to what they should be.
async fn exchange(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    now: &[Hop],
    desired: &[RouteBlock],
) -> Result<(), ProviderError> {
    let desired: Vec<Hop> = desired.iter().map(RouteBlock::hop).collect();
    for gone in now
        .iter()
        .filter(|n| !desired.iter().any(|d| d.destination.same(&n.destination)))
    {
        hop::delete(client, context, id, &gone.destination).await?;
    }
    for hop in &desired {
        match now.iter().find(|n| n.destination.same(&hop.destination)) {
            None => hop::create(client, context, operation, id, hop).await?,
            Some(existing) if existing.target != hop.target => {
                hop::replace(client, context, id, hop).await?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}
