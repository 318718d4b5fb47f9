//! `aws_subnet`.

use super::held::{Held, while_held};
use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::tags::Tags;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, HostnameType, ResourceType, Subnet as Found, SubnetCidrBlockStateCode,
    SubnetState,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
    Value, planning,
};

/// A subnet of a VPC in one availability zone.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SubnetRecord {
    /// The VPC.
    #[record(required, force_new)]
    pub(crate) vpc_id: String,
    /// The IPv4 range, within the VPC's and apart from other subnets'. Left out only when `ipv6_native` is true.
    #[record(optional, force_new)]
    pub(crate) cidr_block: Option<String>,
    /// The zone by its name.
    #[record(optional, computed, force_new)]
    pub(crate) availability_zone: Option<String>,
    /// The zone by its id, which is the same in every account.
    #[record(optional, computed, force_new)]
    pub(crate) availability_zone_id: Option<String>,
    /// The IPv6 range, a /64 of the VPC's.
    #[record(optional)]
    pub(crate) ipv6_cidr_block: Option<String>,
    /// Whether it has IPv6 alone.
    #[record(optional, force_new, default = false)]
    pub(crate) ipv6_native: bool,
    /// Whether instances get a public IPv4 address.
    #[record(optional, default = false)]
    pub(crate) map_public_ip_on_launch: bool,
    /// Whether network interfaces get an IPv6 address.
    #[record(optional, default = false)]
    pub(crate) assign_ipv6_address_on_creation: bool,
    /// Whether the resolver synthesises IPv6 addresses of IPv4-only destinations.
    #[record(optional, default = false)]
    pub(crate) enable_dns64: bool,
    /// How instances are named: `ip-name` or `resource-name`.
    #[record(optional, computed)]
    pub(crate) private_dns_hostname_type_on_launch: Option<String>,
    /// Whether names made of instance ids have A records.
    #[record(optional, default = false)]
    pub(crate) enable_resource_name_dns_a_record_on_launch: bool,
    /// Whether names made of instance ids have AAAA records.
    #[record(optional, default = false)]
    pub(crate) enable_resource_name_dns_aaaa_record_on_launch: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `subnet-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
    /// The association of the IPv6 range.
    #[record(computed)]
    pub(crate) ipv6_cidr_block_association_id: Option<String>,
}

pub(crate) struct Subnet;

#[async_trait]
impl Resource<Client> for Subnet {
    type Record = SubnetRecord;
    const TYPE: &'static str = "aws_subnet";

    fn traits() -> Traits {
        Traits::default()
            .seconds(4, 3, 4)
            .family(EC2_WRITE.name)
            .referring(&["vpc_id"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let range = "ipv6_cidr_block";
        if let Some(prior) = request.prior
            && prior.get(range) != planned.value.get(range)
        {
            let block = SubnetRecord::block();
            planning::mark_unknown(planned, &block, &["ipv6_cidr_block_association_id"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        if given("availability_zone") && given("availability_zone_id") {
            return vec![ProviderError::invalid(
                "availability_zone_id",
                "say the zone by name or by id, not both",
            )];
        }
        if !given("cidr_block") && !given("ipv6_native") {
            return vec![ProviderError::invalid(
                "cidr_block",
                "a subnet needs `cidr_block`",
            )];
        }
        super::cidr::check(config, "cidr_block", 16..=28)
    }

    fn id(record: &SubnetRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<SubnetRecord>],
    ) -> Vec<Result<Option<SubnetRecord>, ProviderError>> {
        batch::read(
            items,
            |s: &Found| s.subnet_id.clone(),
            |ids| list!(client, context, "DescribeSubnets": describe_subnets.set_filters(vec![filter("subnet-id", ids)]) -> subnets),
            |found, prior| Some(record(client, found, prior)),
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: SubnetRecord,
    ) -> Result<SubnetRecord, ProviderError> {
        let specification =
            tagging::specification(client, operation, ResourceType::Subnet, &desired.tags);
        let request = client
            .ec2()
            .create_subnet()
            .vpc_id(&desired.vpc_id)
            .set_cidr_block(desired.cidr_block.clone())
            .set_availability_zone(desired.availability_zone.clone())
            .set_availability_zone_id(desired.availability_zone_id.clone())
            .set_ipv6_cidr_block(desired.ipv6_cidr_block.clone())
            .set_ipv6_native(desired.ipv6_native.then_some(true))
            .tag_specifications(specification);
        let id = tagging::begin(
            client,
            context,
            operation,
            "CreateSubnet",
            || request.clone().send(),
            |made| made.subnet()?.subnet_id(),
        )
        .await?;
        let made = available(client, context, operation, &id).await?;
        let fresh = record(client, made, None);
        configure(client, context, operation, &fresh, &desired).await?;
        wait::settled::<Subnet>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SubnetRecord,
        desired: SubnetRecord,
    ) -> Result<SubnetRecord, ProviderError> {
        let id = Subnet::id(&prior);
        configure(client, context, operation, &prior, &desired).await?;
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<Subnet>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SubnetRecord,
    ) -> Result<(), ProviderError> {
        let id = Subnet::id(&prior);
        let held = (wait::MINUTES, Held::Subnet(&id));
        while_held(client, context, operation, held, || {
            client.call(context, EC2_WRITE, "DeleteSubnet", || {
                client.ec2().delete_subnet().subnet_id(&id).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: SubnetRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<Subnet>(client, context, operation).await
    }
}

fn record(client: &Client, found: Found, prior: Option<&SubnetRecord>) -> SubnetRecord {
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let ipv6 = ipv6_association(&found);
    let names = found.private_dns_name_options_on_launch();
    SubnetRecord {
        availability_zone: found.availability_zone.clone(),
        availability_zone_id: found.availability_zone_id.clone(),
        ipv6_cidr_block: ipv6.as_ref().map(|(_, range)| range.clone()),
        ipv6_cidr_block_association_id: ipv6.map(|(association, _)| association),
        ipv6_native: found.ipv6_native == Some(true),
        map_public_ip_on_launch: found.map_public_ip_on_launch == Some(true),
        assign_ipv6_address_on_creation: found.assign_ipv6_address_on_creation == Some(true),
        enable_dns64: found.enable_dns64 == Some(true),
        private_dns_hostname_type_on_launch: names
            .and_then(|n| n.hostname_type())
            .map(|h| h.as_str().to_owned())
            .or_else(|| prior.and_then(|p| p.private_dns_hostname_type_on_launch.clone())),
        enable_resource_name_dns_a_record_on_launch: names
            .and_then(|n| n.enable_resource_name_dns_a_record)
            .unwrap_or_default(),
        enable_resource_name_dns_aaaa_record_on_launch: names
            .and_then(|n| n.enable_resource_name_dns_aaaa_record)
            .unwrap_or_default(),
        tags,
        tags_all,
        arn: found.subnet_arn,
        owner_id: found.owner_id,
        vpc_id: found.vpc_id.unwrap_or_default(),
        cidr_block: found.cidr_block.filter(|c| !c.is_empty()),
        id: found.subnet_id,
    }
}

fn ipv6_association(subnet: &Found) -> Option<(String, String)> {
    subnet
        .ipv6_cidr_block_association_set()
        .iter()
        .find_map(|a| {
            let state = a.ipv6_cidr_block_state()?.state()?;
            (*state == SubnetCidrBlockStateCode::Associated).then_some(())?;
            Some((a.association_id.clone()?, a.ipv6_cidr_block.clone()?))
        })
}

async fn available(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Found, ProviderError> {
    wait::until(context, operation, wait::QUICK, || async move {
        let found = list!(client, context, "DescribeSubnets": describe_subnets.set_filters(vec![filter("subnet-id", [id])]) -> subnets)
            .await?
            .pop();
        let Some(subnet) = found else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        let changing = subnet.ipv6_cidr_block_association_set().iter().any(|a| {
            matches!(
                a.ipv6_cidr_block_state().and_then(|s| s.state()),
                Some(
                    SubnetCidrBlockStateCode::Associating
                        | SubnetCidrBlockStateCode::Disassociating
                )
            )
        });
        Ok(match subnet.state() {
            Some(SubnetState::Available) if !changing => Progress::Done(subnet),
            state => Progress::Pending(state.map_or("pending", SubnetState::as_str).to_owned()),
        })
    })
    .await
}

/// Brings ranges and switches from what they are to what they should be; a call takes one switch at a time.
async fn configure(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    now: &SubnetRecord,
    desired: &SubnetRecord,
) -> Result<(), ProviderError> {
    let id = Subnet::id(now);
    let modify = || client.ec2().modify_subnet_attribute().subnet_id(&id);
    let to = |on: bool| AttributeBooleanValue::builder().value(on).build();
    let mut before = Vec::new();
    let mut after = Vec::new();
    if now.assign_ipv6_address_on_creation != desired.assign_ipv6_address_on_creation {
        // Addresses can be assigned only while there is a range.
        let on = desired.assign_ipv6_address_on_creation;
        let request = modify().assign_ipv6_address_on_creation(to(on));
        if on { &mut after } else { &mut before }.push(request);
    }
    if now.map_public_ip_on_launch != desired.map_public_ip_on_launch {
        after.push(modify().map_public_ip_on_launch(to(desired.map_public_ip_on_launch)));
    }
    if now.enable_dns64 != desired.enable_dns64 {
        after.push(modify().enable_dns64(to(desired.enable_dns64)));
    }
    if let Some(kind) = &desired.private_dns_hostname_type_on_launch
        && now.private_dns_hostname_type_on_launch.as_ref() != Some(kind)
    {
        after.push(modify().private_dns_hostname_type_on_launch(HostnameType::from(kind.as_str())));
    }
    let (a, aaaa) = (
        desired.enable_resource_name_dns_a_record_on_launch,
        desired.enable_resource_name_dns_aaaa_record_on_launch,
    );
    if now.enable_resource_name_dns_a_record_on_launch != a {
        after.push(modify().enable_resource_name_dns_a_record_on_launch(to(a)));
    }
    if now.enable_resource_name_dns_aaaa_record_on_launch != aaaa {
        after.push(modify().enable_resource_name_dns_aaaa_record_on_launch(to(aaaa)));
    }
    for request in before {
        client
            .call(context, EC2_WRITE, "ModifySubnetAttribute", || {
                request.clone().send()
            })
            .await?;
    }
    if now.ipv6_cidr_block != desired.ipv6_cidr_block {
        exchange_ipv6(client, context, operation, &id, now, desired).await?;
    }
    for request in after {
        client
            .call(context, EC2_WRITE, "ModifySubnetAttribute", || {
                request.clone().send()
            })
            .await?;
    }
    Ok(())
}

async fn exchange_ipv6(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    now: &SubnetRecord,
    desired: &SubnetRecord,
) -> Result<(), ProviderError> {
    if let Some(association) = &now.ipv6_cidr_block_association_id {
        client
            .call(context, EC2_WRITE, "DisassociateSubnetCidrBlock", || {
                client
                    .ec2()
                    .disassociate_subnet_cidr_block()
                    .association_id(association)
                    .send()
            })
            .await?;
        available(client, context, operation, id).await?;
    }
    if let Some(range) = &desired.ipv6_cidr_block {
        client
            .call(context, EC2_WRITE, "AssociateSubnetCidrBlock", || {
                client
                    .ec2()
                    .associate_subnet_cidr_block()
                    .subnet_id(id)
                    .ipv6_cidr_block(range)
                    .send()
            })
            .await?;
        available(client, context, operation, id).await?;
    }
    Ok(())
}
