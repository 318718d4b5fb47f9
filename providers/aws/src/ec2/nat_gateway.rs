//! `aws_nat_gateway`.

use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::recover::Lost;
use crate::tags::Tags;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    ConnectivityType, NatGateway as Found, NatGatewayAddress, NatGatewayState, ResourceType,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource};
use std::collections::BTreeSet;

/// A gateway through which private subnets reach out.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NatGatewayRecord {
    /// The subnet that it stands in.
    #[record(required, force_new)]
    pub(crate) subnet_id: String,
    /// `public`, or `private` to reach other networks without the internet.
    #[record(optional, force_new, default = "public")]
    pub(crate) connectivity_type: String,
    /// The address of a public one.
    #[record(optional, force_new)]
    pub(crate) allocation_id: Option<String>,
    /// The private address.
    #[record(optional, computed, force_new)]
    pub(crate) private_ip: Option<String>,
    /// Further addresses of a public one.
    #[record(optional, force_new)]
    pub(crate) secondary_allocation_ids: BTreeSet<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `nat-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The public address.
    #[record(computed)]
    pub(crate) public_ip: Option<String>,
    /// The association of the address.
    #[record(computed)]
    pub(crate) association_id: Option<String>,
    /// Its network interface.
    #[record(computed)]
    pub(crate) network_interface_id: Option<String>,
}

pub(crate) struct NatGateway;

#[async_trait]
impl Resource<Client> for NatGateway {
    type Record = NatGatewayRecord;
    const TYPE: &'static str = "aws_nat_gateway";

    fn traits() -> Traits {
        Traits::default()
            .seconds(105, 3, 60)
            .family(EC2_WRITE.name)
            .referring(&["subnet_id"])
    }

    fn id(record: &NatGatewayRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<NatGatewayRecord>],
    ) -> Vec<Result<Option<NatGatewayRecord>, ProviderError>> {
        batch::read(
            items,
            |n: &Found| n.nat_gateway_id.clone(),
            |ids| list!(client, context, "DescribeNatGateways": describe_nat_gateways.set_filter(vec![filter("nat-gateway-id", ids)]) -> nat_gateways),
            |found, prior| {
                // A deleted one is listed for an hour.
                (!gone(&found)).then(|| record(client, found, prior))
            },
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: NatGatewayRecord,
    ) -> Result<NatGatewayRecord, ProviderError> {
        let secondary: Vec<String> = desired.secondary_allocation_ids.iter().cloned().collect();
        let request = client
            .ec2()
            .create_nat_gateway()
            .client_token(operation.token.as_str())
            .subnet_id(&desired.subnet_id)
            .connectivity_type(ConnectivityType::from(desired.connectivity_type.as_str()))
            .set_allocation_id(desired.allocation_id.clone())
            .set_private_ip_address(desired.private_ip.clone())
            .set_secondary_allocation_ids((!secondary.is_empty()).then_some(secondary))
            .tag_specifications(tagging::specification(
                client,
                operation,
                ResourceType::Natgateway,
                &desired.tags,
            ));
        let id = client
            .begin(
                context,
                operation,
                EC2_WRITE,
                "CreateNatGateway",
                Lost::Resend,
                || request.clone().send(),
                |made| made.nat_gateway()?.nat_gateway_id(),
            )
            .await?;
        let limits = wait::MINUTES;
        wait::until(context, operation, limits, || {
            let id = &id;
            async move {
                let Some(found) = find(client, context, id).await? else {
                    return Ok(Progress::Pending("appearing".to_owned()));
                };
                match found.state() {
                    Some(NatGatewayState::Available) => Ok(Progress::Done(())),
                    Some(NatGatewayState::Failed) => Err(failed(&found)),
                    state => Ok(Progress::Pending(
                        state.map_or("pending", NatGatewayState::as_str).to_owned(),
                    )),
                }
            }
        })
        .await?;
        wait::settled::<NatGateway>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NatGatewayRecord,
        desired: NatGatewayRecord,
    ) -> Result<NatGatewayRecord, ProviderError> {
        let id = NatGateway::id(&prior);
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<NatGateway>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NatGatewayRecord,
    ) -> Result<(), ProviderError> {
        let id = NatGateway::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, EC2_WRITE, "DeleteNatGateway", || {
                client.ec2().delete_nat_gateway().nat_gateway_id(&id).send()
            })
        })
        .await?;
        wait::until(context, operation, wait::MINUTES, || {
            let id = &id;
            async move {
                Ok(match find(client, context, id).await? {
                    Some(found) if !gone(&found) => Progress::Pending(
                        found
                            .state()
                            .map_or("deleting", NatGatewayState::as_str)
                            .to_owned(),
                    ),
                    _ => Progress::Done(()),
                })
            }
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: NatGatewayRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<NatGateway>(client, context, operation).await
    }
}

async fn find(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Found>, ProviderError> {
    client
        .nat_gateways
        .ask(
            context,
            id,
            |n| n.nat_gateway_id.clone(),
            |ids| list!(client, context, "DescribeNatGateways": describe_nat_gateways.set_filter(vec![filter("nat-gateway-id", ids)]) -> nat_gateways),
        )
        .await
}

fn gone(found: &Found) -> bool {
    matches!(found.state(), Some(NatGatewayState::Deleted))
}

fn failed(found: &Found) -> ProviderError {
    ProviderError {
        service: "ec2".to_owned(),
        operation: "CreateNatGateway".to_owned(),
        code: found.failure_code().unwrap_or("failed").to_owned(),
        ..ProviderError::new(
            ErrorKind::Failed,
            found.failure_message().unwrap_or("the NAT gateway failed"),
        )
    }
}

fn record(client: &Client, found: Found, prior: Option<&NatGatewayRecord>) -> NatGatewayRecord {
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let primary = |a: &&NatGatewayAddress| a.is_primary != Some(false);
    let addresses = found.nat_gateway_addresses();
    let first = addresses.iter().find(primary);
    NatGatewayRecord {
        connectivity_type: found
            .connectivity_type()
            .map_or("public", ConnectivityType::as_str)
            .to_owned(),
        allocation_id: first.and_then(|a| a.allocation_id.clone()),
        private_ip: first.and_then(|a| a.private_ip.clone()),
        public_ip: first.and_then(|a| a.public_ip.clone()),
        association_id: first.and_then(|a| a.association_id.clone()),
        network_interface_id: first.and_then(|a| a.network_interface_id.clone()),
        secondary_allocation_ids: addresses
            .iter()
            .filter(|a| a.is_primary == Some(false))
            .filter_map(|a| a.allocation_id.clone())
            .collect(),
        tags,
        tags_all,
        subnet_id: found.subnet_id.unwrap_or_default(),
        id: found.nat_gateway_id,
    }
}
