//! `aws_egress_only_internet_gateway`.

use super::tagging::{self, list};
use crate::batch;
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::recover::Lost;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{EgressOnlyInternetGateway as Found, ResourceType};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource};

/// A gateway through which IPv6 connections go out and none come in.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct EgressOnlyInternetGatewayRecord {
    /// The VPC.
    #[record(required, force_new)]
    pub(crate) vpc_id: String,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `eigw-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct EgressOnlyInternetGateway;

#[async_trait]
impl Resource<Client> for EgressOnlyInternetGateway {
    type Record = EgressOnlyInternetGatewayRecord;
    const TYPE: &'static str = "aws_egress_only_internet_gateway";

    fn traits() -> Traits {
        Traits::default().family(EC2_WRITE.name)
    }

    fn id(record: &EgressOnlyInternetGatewayRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<EgressOnlyInternetGatewayRecord>],
    ) -> Vec<Result<Option<EgressOnlyInternetGatewayRecord>, ProviderError>> {
        batch::read(
            items,
            |g: &Found| g.egress_only_internet_gateway_id.clone(),
            // This API filters by tags alone, so that the few there are are all listed.
            |_| list!(client, context, "DescribeEgressOnlyInternetGateways": describe_egress_only_internet_gateways.set_filters(Vec::new()) -> egress_only_internet_gateways),
            |found, prior| {
                let (tags, tags_all) =
                    tagging::read(client, found.tags(), prior.map(|p| &p.tags));
                Some(EgressOnlyInternetGatewayRecord {
                    vpc_id: found.attachments().iter().find_map(|a| a.vpc_id.clone())?,
                    tags,
                    tags_all,
                    id: found.egress_only_internet_gateway_id,
                })
            },
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: EgressOnlyInternetGatewayRecord,
    ) -> Result<EgressOnlyInternetGatewayRecord, ProviderError> {
        let request = client
            .ec2()
            .create_egress_only_internet_gateway()
            .client_token(operation.token.as_str())
            .vpc_id(&desired.vpc_id)
            .tag_specifications(tagging::specification(
                client,
                operation,
                ResourceType::EgressOnlyInternetGateway,
                &desired.tags,
            ));
        let id = client
            .begin(
                context,
                operation,
                EC2_WRITE,
                "CreateEgressOnlyInternetGateway",
                Lost::Resend,
                || request.clone().send(),
                |made| {
                    made.egress_only_internet_gateway()?
                        .egress_only_internet_gateway_id()
                },
            )
            .await?;
        wait::settled::<EgressOnlyInternetGateway>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: EgressOnlyInternetGatewayRecord,
        desired: EgressOnlyInternetGatewayRecord,
    ) -> Result<EgressOnlyInternetGatewayRecord, ProviderError> {
        let id = EgressOnlyInternetGateway::id(&prior);
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<EgressOnlyInternetGateway>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: EgressOnlyInternetGatewayRecord,
    ) -> Result<(), ProviderError> {
        let id = EgressOnlyInternetGateway::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(
                context,
                EC2_WRITE,
                "DeleteEgressOnlyInternetGateway",
                || {
                    client
                        .ec2()
                        .delete_egress_only_internet_gateway()
                        .egress_only_internet_gateway_id(&id)
                        .send()
                },
            )
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: EgressOnlyInternetGatewayRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<EgressOnlyInternetGateway>(client, context, operation).await
    }
}
