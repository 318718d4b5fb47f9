//! `aws_eip`.

use super::tagging::{self, filter};
use crate::batch;
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::{EC2_READ, EC2_WRITE};
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{Address, DomainType, ResourceType};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
    planning,
};

/// A public IPv4 address that stays the same.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct EipRecord {
    /// `vpc`, the only kind there still is.
    #[record(optional, computed, force_new)]
    pub(crate) domain: Option<String>,
    /// A certain address of a pool of one's own.
    #[record(optional, force_new)]
    pub(crate) address: Option<String>,
    /// The pool that it comes from; `amazon` by default.
    #[record(optional, computed, force_new)]
    pub(crate) public_ipv4_pool: Option<String>,
    /// The zones from which the address is announced.
    #[record(optional, computed, force_new)]
    pub(crate) network_border_group: Option<String>,
    /// An instance to associate it with.
    #[record(optional)]
    pub(crate) instance: Option<String>,
    /// A network interface to associate it with. What other resources, such as a NAT gateway, make of the address does not
    /// show here.
    #[record(optional)]
    pub(crate) network_interface: Option<String>,
    /// Which private address of the instance or interface it stands for; by default the primary one.
    #[record(optional)]
    pub(crate) associate_with_private_ip: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `eipalloc-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The same as the id.
    #[record(computed)]
    pub(crate) allocation_id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The address.
    #[record(computed)]
    pub(crate) public_ip: Option<String>,
    /// Its public name.
    #[record(computed)]
    pub(crate) public_dns: Option<String>,
    /// The association that this resource made.
    #[record(computed)]
    pub(crate) association_id: Option<String>,
    /// The private address that it stands for.
    #[record(computed)]
    pub(crate) private_ip: Option<String>,
}

pub(crate) struct Eip;

#[async_trait]
impl Resource<Client> for Eip {
    type Record = EipRecord;
    const TYPE: &'static str = "aws_eip";

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 5).family(EC2_WRITE.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let targets = ["instance", "network_interface", "associate_with_private_ip"];
        if targets.iter().any(|t| prior.get(t) != planned.value.get(t)) {
            let block = EipRecord::block();
            planning::mark_unknown(planned, &block, &["association_id", "private_ip"]);
        }
        Ok(())
    }

    fn id(record: &EipRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<EipRecord>],
    ) -> Vec<Result<Option<EipRecord>, ProviderError>> {
        batch::read(
            items,
            |a: &Address| a.allocation_id.clone(),
            |ids| async move {
                let answer = client
                    .call(context, EC2_READ, "DescribeAddresses", || {
                        client
                            .ec2()
                            .describe_addresses()
                            .filters(filter("allocation-id", ids.clone()))
                            .send()
                    })
                    .await?;
                Ok(answer.addresses.unwrap_or_default())
            },
            |found, prior| Some(record(client, found, prior)),
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: EipRecord,
    ) -> Result<EipRecord, ProviderError> {
        let specification =
            tagging::specification(client, operation, ResourceType::ElasticIp, &desired.tags);
        let request = client
            .ec2()
            .allocate_address()
            .domain(DomainType::Vpc)
            .set_address(desired.address.clone())
            .set_public_ipv4_pool(desired.public_ipv4_pool.clone().filter(|p| p != "amazon"))
            .set_network_border_group(desired.network_border_group.clone())
            .tag_specifications(specification);
        let id = tagging::begin(
            client,
            context,
            operation,
            "AllocateAddress",
            || request.clone().send(),
            aws_sdk_ec2::operation::allocate_address::AllocateAddressOutput::allocation_id,
        )
        .await?;
        associate(client, context, &id, &desired).await?;
        wait::settled::<Eip>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: EipRecord,
        desired: EipRecord,
    ) -> Result<EipRecord, ProviderError> {
        let id = Eip::id(&prior);
        let target = |e: &EipRecord| {
            (
                e.instance.clone(),
                e.network_interface.clone(),
                e.associate_with_private_ip.clone(),
            )
        };
        if target(&prior) != target(&desired) {
            disassociate(client, context, &prior).await?;
            associate(client, context, &id, &desired).await?;
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
        wait::settled::<Eip>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: EipRecord,
    ) -> Result<(), ProviderError> {
        let id = Eip::id(&prior);
        disassociate(client, context, &prior).await?;
        wait::while_in_use(context, operation, wait::MINUTES, || {
            client.call(context, EC2_WRITE, "ReleaseAddress", || {
                client.ec2().release_address().allocation_id(&id).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: EipRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<Eip>(client, context, operation).await
    }
}

fn record(client: &Client, found: Address, prior: Option<&EipRecord>) -> EipRecord {
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let id = found.allocation_id.clone().unwrap_or_default();
    let (by_instance, by_interface) = prior.map_or_else(
        || (found.instance_id().is_some_and(|i| !i.is_empty()), false),
        |p| (p.instance.is_some(), p.network_interface.is_some()),
    );
    let ours = by_instance || by_interface;
    let text = |value: Option<String>| value.filter(|v| !v.is_empty());
    EipRecord {
        domain: found.domain().map(|d| d.as_str().to_owned()),
        address: prior.and_then(|p| p.address.clone()),
        public_ipv4_pool: text(found.public_ipv4_pool)
            .or_else(|| prior.and_then(|p| p.public_ipv4_pool.clone())),
        network_border_group: text(found.network_border_group)
            .or_else(|| prior.and_then(|p| p.network_border_group.clone())),
        instance: text(found.instance_id).filter(|_| by_instance),
        network_interface: text(found.network_interface_id).filter(|_| by_interface),
        associate_with_private_ip: prior.and_then(|p| p.associate_with_private_ip.clone()),
        tags,
        tags_all,
        arn: Some(client.arn("ec2", &format!("elastic-ip/{id}"))),
        public_dns: found
            .public_ip
            .as_ref()
            .map(|ip| public_name(client.region(), ip)),
        public_ip: found.public_ip,
        association_id: text(found.association_id).filter(|_| ours),
        private_ip: text(found.private_ip_address).filter(|_| ours),
        allocation_id: Some(id.clone()),
        id: Some(id),
    }
}

/// The name that the public resolver knows an address by.
fn public_name(region: &str, ip: &str) -> String {
    let dashed = ip.replace('.', "-");
    if region == "us-east-1" {
        format!("ec2-{dashed}.compute-1.amazonaws.com")
    } else {
        format!("ec2-{dashed}.{region}.compute.amazonaws.com")
    }
}

async fn associate(
    client: &Client,
    context: &CallContext,
    id: &str,
    desired: &EipRecord,
) -> Result<(), ProviderError> {
    if desired.instance.is_none() && desired.network_interface.is_none() {
        return Ok(());
    }
    // Associating with what it is associated with already changes nothing.
    client
        .call(context, EC2_WRITE, "AssociateAddress", || {
            client
                .ec2()
                .associate_address()
                .allocation_id(id)
                .set_instance_id(desired.instance.clone())
                .set_network_interface_id(desired.network_interface.clone())
                .set_private_ip_address(desired.associate_with_private_ip.clone())
                .allow_reassociation(true)
                .send()
        })
        .await
        .map(|_| ())
}

async fn disassociate(
    client: &Client,
    context: &CallContext,
    prior: &EipRecord,
) -> Result<(), ProviderError> {
    let Some(association) = &prior.association_id else {
        return Ok(());
    };
    absent_is_done(
        client
            .call(context, EC2_WRITE, "DisassociateAddress", || {
                client
                    .ec2()
                    .disassociate_address()
                    .association_id(association)
                    .send()
            })
            .await,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_names_follow_the_region() {
        for (region, name) in [
            ("us-east-1", "ec2-3-1-2-4.compute-1.amazonaws.com"),
            ("eu-west-1", "ec2-3-1-2-4.eu-west-1.compute.amazonaws.com"),
        ] {
            assert_eq!(public_name(region, "3.1.2.4"), name);
        }
    }
}
