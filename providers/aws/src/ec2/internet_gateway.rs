//! `aws_internet_gateway`.

use super::held::{Held, while_held};
use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{InternetGateway as Found, ResourceType};
use infra_cloud::read;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource};

/// A gateway between a VPC and the internet.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct InternetGatewayRecord {
    /// The VPC that it is attached to.
    #[record(optional, computed)]
    pub(crate) vpc_id: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `igw-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
}

pub(crate) struct InternetGateway;

#[async_trait]
impl Resource<Client> for InternetGateway {
    type Record = InternetGatewayRecord;
    const TYPE: &'static str = "aws_internet_gateway";

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 10).family(EC2_WRITE.name)
    }

    fn id(record: &InternetGatewayRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<InternetGatewayRecord>],
    ) -> Vec<Result<Option<InternetGatewayRecord>, ProviderError>> {
        batch::read(
            items,
            |g: &Found| g.internet_gateway_id.clone(),
            |ids| list!(client, context, "DescribeInternetGateways": describe_internet_gateways.set_filters(vec![filter("internet-gateway-id", ids)]) -> internet_gateways),
            |found, prior| {
                let id = found.internet_gateway_id.clone()?;
                let (tags, tags_all) =
                    tagging::read(client, found.tags(), prior.map(|p| &p.tags));
                Some(InternetGatewayRecord {
                    vpc_id: found.attachments().iter().find_map(|a| a.vpc_id.clone()),
                    tags,
                    tags_all,
                    arn: Some(client.arn("ec2", &format!("internet-gateway/{id}"))),
                    owner_id: found.owner_id,
                    id: Some(id),
                })
            },
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: InternetGatewayRecord,
    ) -> Result<InternetGatewayRecord, ProviderError> {
        let request =
            client
                .ec2()
                .create_internet_gateway()
                .tag_specifications(tagging::specification(
                    client,
                    operation,
                    ResourceType::InternetGateway,
                    &desired.tags,
                ));
        let id = tagging::begin(
            client,
            context,
            operation,
            "CreateInternetGateway",
            || request.clone().send(),
            |made| made.internet_gateway()?.internet_gateway_id(),
        )
        .await?;
        if let Some(vpc) = &desired.vpc_id {
            attach(client, context, operation, &id, vpc).await?;
        }
        wait::settled::<InternetGateway>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: InternetGatewayRecord,
        desired: InternetGatewayRecord,
    ) -> Result<InternetGatewayRecord, ProviderError> {
        let id = InternetGateway::id(&prior);
        if prior.vpc_id != desired.vpc_id {
            if let Some(vpc) = &prior.vpc_id {
                detach(client, context, operation, &id, vpc).await?;
            }
            if let Some(vpc) = &desired.vpc_id {
                attach(client, context, operation, &id, vpc).await?;
            }
        }
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<InternetGateway>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: InternetGatewayRecord,
    ) -> Result<(), ProviderError> {
        let id = InternetGateway::id(&prior);
        if let Some(vpc) = &prior.vpc_id {
            detach(client, context, operation, &id, vpc).await?;
        }
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, EC2_WRITE, "DeleteInternetGateway", || {
                client
                    .ec2()
                    .delete_internet_gateway()
                    .internet_gateway_id(&id)
                    .send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: InternetGatewayRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<InternetGateway>(client, context, operation).await
    }
}

/// Attaches; a gateway that is new to EC2 may not be known everywhere yet.
async fn attach(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    vpc: &str,
) -> Result<(), ProviderError> {
    let unknown = |e: &ProviderError| e.code == "InvalidInternetGatewayID.NotFound";
    let result = wait::while_refused(context, operation, wait::QUICK, unknown, || {
        client.call(context, EC2_WRITE, "AttachInternetGateway", || {
            client
                .ec2()
                .attach_internet_gateway()
                .internet_gateway_id(id)
                .vpc_id(vpc)
                .send()
        })
    })
    .await;
    match result {
        // A lost answer or an earlier run did it; to another VPC it would still be an error.
        Err(error) if error.kind == ErrorKind::Conflict => {
            match read::one::<_, InternetGateway>(client, context, id, None).await? {
                Some(now) if now.vpc_id.as_deref() == Some(vpc) => Ok(()),
                _ => Err(error),
            }
        }
        other => other.map(|_| ()),
    }
}

/// Detaches; refused while addresses are mapped through it, which goes by as what uses them goes.
async fn detach(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    vpc: &str,
) -> Result<(), ProviderError> {
    let held = (wait::MINUTES, Held::GatewayOf(vpc));
    let result = while_held(client, context, operation, held, || {
        client.call(context, EC2_WRITE, "DetachInternetGateway", || {
            client
                .ec2()
                .detach_internet_gateway()
                .internet_gateway_id(id)
                .vpc_id(vpc)
                .send()
        })
    })
    .await;
    match result {
        Err(error) if error.code == "Gateway.NotAttached" => Ok(()),
        other => other,
    }
}
