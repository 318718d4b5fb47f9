//! `aws_route_table_association`.

use super::hop::exactly_one;
use super::tagging::{SETTLE, filter, list};
use crate::batch::{FILTER_VALUES, by_key};
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EC2_WRITE;
use crate::recover::Lost;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    RouteTable, RouteTableAssociation as Found, RouteTableAssociationStateCode,
};
use futures::future::BoxFuture;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};

/// Which route table a subnet or gateway follows.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RouteTableAssociationRecord {
    /// The route table.
    #[record(required)]
    pub(crate) route_table_id: String,
    /// The subnet.
    #[record(optional, force_new)]
    pub(crate) subnet_id: Option<String>,
    /// The internet gateway or virtual private gateway.
    #[record(optional, force_new)]
    pub(crate) gateway_id: Option<String>,
    /// `rtbassoc-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct RouteTableAssociation;

#[async_trait]
impl Resource<Client> for RouteTableAssociation {
    type Record = RouteTableAssociationRecord;
    const TYPE: &'static str = "aws_route_table_association";

    fn traits() -> Traits {
        Traits::default()
            .family(EC2_WRITE.name)
            .unique(&["subnet_id", "gateway_id"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let table = "route_table_id";
        if let Some(prior) = request.prior
            && prior.get(table) != planned.value.get(table)
        {
            // Another table is another association.
            planning::mark_unknown(planned, &RouteTableAssociationRecord::block(), &["id"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        exactly_one(config, &["subnet_id", "gateway_id"])
    }

    fn id(record: &RouteTableAssociationRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    /// An id is an association's, or `<subnet or gateway>/<route table>` when it is imported. One that the state knows is sought
    /// in its table, which it never leaves: another table is another association.
    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RouteTableAssociationRecord>],
    ) -> Vec<Result<Option<RouteTableAssociationRecord>, ProviderError>> {
        let table = |item: &Item<RouteTableAssociationRecord>| match &item.prior {
            Some(prior) => prior.route_table_id.clone(),
            None => item.id.split_once('/').unwrap_or_default().1.to_owned(),
        };
        let known: Vec<String> = items.iter().map(table).collect();
        let unknown = items.iter().zip(&known).map(|(item, table)| {
            let id = table.is_empty().then(|| item.id.clone());
            id.unwrap_or_default()
        });
        let by_association = tables(
            client,
            context,
            "association.route-table-association-id",
            unknown.collect(),
        );
        let by_table = tables(client, context, "route-table-id", known);
        let (by_association, by_table) = futures::join!(by_association, by_table);
        by_association
            .into_iter()
            .zip(by_table)
            .zip(items)
            .map(|((a, b), item)| {
                let found = a?.into_iter().chain(b?);
                Ok(found.flat_map(associations).find_map(|association| {
                    matches(&association, &item.id).then(|| record(association))
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RouteTableAssociationRecord,
    ) -> Result<RouteTableAssociationRecord, ProviderError> {
        let find = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
            Box::pin(async {
                match here(client, context, &desired).await? {
                    Recovered::Found(id) => Ok(Some(id)),
                    _ => Ok(None),
                }
            })
        };
        let id = client
            .begin(
                context,
                operation,
                EC2_WRITE,
                "AssociateRouteTable",
                Lost::LookUp(SETTLE, &find),
                || {
                    client
                        .ec2()
                        .associate_route_table()
                        .route_table_id(&desired.route_table_id)
                        .set_subnet_id(desired.subnet_id.clone())
                        .set_gateway_id(desired.gateway_id.clone())
                        .send()
                },
                aws_sdk_ec2::operation::associate_route_table::AssociateRouteTableOutput::association_id,
            )
            .await?;
        wait::settled::<RouteTableAssociation>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RouteTableAssociationRecord,
        desired: RouteTableAssociationRecord,
    ) -> Result<RouteTableAssociationRecord, ProviderError> {
        let replaced = client
            .call_as(
                context,
                EC2_WRITE,
                "ReplaceRouteTableAssociation",
                infra_cloud::retry::Resend::Never,
                || {
                    client
                        .ec2()
                        .replace_route_table_association()
                        .set_association_id(prior.id.clone())
                        .route_table_id(&desired.route_table_id)
                        .send()
                },
            )
            .await;
        let id = match replaced {
            Ok(answer) => answer.new_association_id.unwrap_or_default(),
            // The answer was lost, or an earlier run already replaced it.
            Err(error) if matches!(error.kind, ErrorKind::Transient | ErrorKind::NotFound) => {
                context.clock.sleep(SETTLE).await;
                match here(client, context, &desired).await? {
                    Recovered::Found(id) => id,
                    _ => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        context.events.id_known(operation, &id).await?;
        wait::settled::<RouteTableAssociation>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: RouteTableAssociationRecord,
    ) -> Result<(), ProviderError> {
        absent_is_done(
            client
                .call(context, EC2_WRITE, "DisassociateRouteTable", || {
                    client
                        .ec2()
                        .disassociate_route_table()
                        .set_association_id(prior.id.clone())
                        .send()
                })
                .await,
        )
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: RouteTableAssociationRecord,
    ) -> Result<Recovered, ProviderError> {
        here(client, context, &desired).await
    }

    fn import(id: &str) -> Result<Imported<RouteTableAssociationRecord>, ProviderError> {
        if !id.starts_with("rtbassoc-") && !id.contains('/') {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not <subnet or gateway>/<route table>, such as subnet-1/rtb-1"),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// Route tables under each key.
async fn tables(
    client: &Client,
    context: &CallContext,
    name: &'static str,
    keys: Vec<String>,
) -> Vec<Result<Vec<RouteTable>, ProviderError>> {
    // A table has many associations, so it answers to many keys: each key is sought in every table of its chunk.
    let listed = |ids: Vec<String>| async move {
        let tables = list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(vec![filter(name, ids.clone())]) -> route_tables).await?;
        let under = |table: &RouteTable, id: &String| {
            table.route_table_id.as_ref() == Some(id)
                || table
                    .associations()
                    .iter()
                    .any(|a| a.route_table_association_id.as_ref() == Some(id))
        };
        Ok(ids
            .iter()
            .flat_map(|id| {
                tables
                    .iter()
                    .filter(|t| under(t, id))
                    .map(|t| (id.clone(), t.clone()))
            })
            .collect::<Vec<_>>())
    };
    by_key(
        &keys,
        FILTER_VALUES,
        |(id, _): &(String, RouteTable)| Some(id.clone()),
        listed,
    )
    .await
    .into_iter()
    .map(|found| found.map(|pairs| pairs.into_iter().map(|(_, table)| table).collect()))
    .collect()
}

fn associations(table: RouteTable) -> Vec<Found> {
    let gone = |a: &Found| {
        matches!(
            a.association_state().and_then(|s| s.state()),
            Some(
                RouteTableAssociationStateCode::Disassociated
                    | RouteTableAssociationStateCode::Failed
            )
        )
    };
    table
        .associations
        .unwrap_or_default()
        .into_iter()
        .filter(|a| !gone(a))
        .collect()
}

fn matches(association: &Found, id: &str) -> bool {
    match id.split_once('/') {
        None => association.route_table_association_id() == Some(id),
        Some((of, table)) => {
            association.route_table_id() == Some(table)
                && (association.subnet_id() == Some(of) || association.gateway_id() == Some(of))
        }
    }
}

fn record(found: Found) -> RouteTableAssociationRecord {
    RouteTableAssociationRecord {
        route_table_id: found.route_table_id.unwrap_or_default(),
        subnet_id: found.subnet_id.filter(|s| !s.is_empty()),
        gateway_id: found.gateway_id.filter(|g| !g.is_empty()),
        id: found.route_table_association_id,
    }
}

/// An association has no tags: a subnet has at most one, and it is the operation's when it is to the right table.
async fn here(
    client: &Client,
    context: &CallContext,
    desired: &RouteTableAssociationRecord,
) -> Result<Recovered, ProviderError> {
    let (name, of) = match (&desired.subnet_id, &desired.gateway_id) {
        (Some(subnet), _) => ("association.subnet-id", subnet),
        (None, Some(gateway)) => ("association.gateway-id", gateway),
        (None, None) => return Ok(Recovered::Absent),
    };
    let tables = list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(vec![filter(name, [of])]) -> route_tables).await?;
    let found = tables
        .into_iter()
        .flat_map(associations)
        .map(record)
        .find(|r| r.subnet_id.as_ref() == Some(of) || r.gateway_id.as_ref() == Some(of));
    Ok(match found {
        None => Recovered::Absent,
        Some(record) => {
            let id = RouteTableAssociation::id(&record);
            if record.route_table_id == desired.route_table_id {
                Recovered::Found(id)
            } else {
                Recovered::Foreign(id)
            }
        }
    })
}
