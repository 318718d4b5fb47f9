//! `aws_default_security_group`: takes over the security group that AWS makes with each VPC, and closes it.

use super::permissions::{self, RuleBlock};
use super::security_group::set_rules;
use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::{EC2_TAGS, EC2_WRITE};
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{SecurityGroup as Found, Tag};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource};

/// The security group that AWS makes with each VPC: taken over, not created, and left behind, not deleted. It has
/// exactly the rules given here: without any, it is closed.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct DefaultSecurityGroupRecord {
    /// The VPC; by default the default one.
    #[record(optional, computed, force_new)]
    pub(crate) vpc_id: Option<String>,
    /// Rules for what comes in.
    #[record(block, set)]
    pub(crate) ingress: Vec<RuleBlock>,
    /// Rules for what goes out.
    #[record(block, set)]
    pub(crate) egress: Vec<RuleBlock>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `sg-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// `default`
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// What AWS calls it.
    #[record(computed)]
    pub(crate) description: Option<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
}

pub(crate) struct DefaultSecurityGroup;

#[async_trait]
impl Resource<Client> for DefaultSecurityGroup {
    type Record = DefaultSecurityGroupRecord;
    const TYPE: &'static str = "aws_default_security_group";

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 1).family(EC2_WRITE.name)
    }

    fn id(record: &DefaultSecurityGroupRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<DefaultSecurityGroupRecord>],
    ) -> Vec<Result<Option<DefaultSecurityGroupRecord>, ProviderError>> {
        batch::read(
            items,
            |g: &Found| g.group_id.clone(),
            |ids| list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(vec![filter("group-id", ids)]) -> security_groups),
            |found, prior| Some(record(client, found, prior)),
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: DefaultSecurityGroupRecord,
    ) -> Result<DefaultSecurityGroupRecord, ProviderError> {
        let vpc = match &desired.vpc_id {
            Some(vpc) => vpc.clone(),
            None => default_vpc(client, context).await?,
        };
        let found = wait::until(context, operation, wait::QUICK, || {
            let vpc = vpc.clone();
            async move {
                let filters = vec![filter("vpc-id", [vpc]), filter("group-name", ["default"])];
                let groups = list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(filters) -> security_groups);
                Ok(match groups.await?.pop() {
                    Some(found) => wait::Progress::Done(found),
                    None => wait::Progress::Pending("appearing".to_owned()),
                })
            }
        })
        .await?;
        let id = found.group_id.clone().unwrap_or_default();
        context.events.id_known(operation, &id).await?;
        let all = tags::for_create(&client.config().tags, &desired.tags, operation);
        tagging::write(client, context, &id, &all).await?;
        set_rules(client, context, &found, &desired.ingress, &desired.egress).await?;
        wait::settled::<DefaultSecurityGroup>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: DefaultSecurityGroupRecord,
        desired: DefaultSecurityGroupRecord,
    ) -> Result<DefaultSecurityGroupRecord, ProviderError> {
        let id = DefaultSecurityGroup::id(&prior);
        let groups = list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(vec![filter("group-id", [&id])]) -> security_groups);
        if let Some(found) = groups.await?.pop() {
            set_rules(client, context, &found, &desired.ingress, &desired.egress).await?;
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
        wait::settled::<DefaultSecurityGroup>(client, context, operation, &id, desired).await
    }

    /// It goes with its VPC; before that it only stops being ours. Its rules stay as they are: closed is the safe side.
    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: DefaultSecurityGroupRecord,
    ) -> Result<(), ProviderError> {
        let id = DefaultSecurityGroup::id(&prior);
        let marks = tags::marks(operation);
        let keys = marks
            .keys()
            .chain(prior.tags_all.keys())
            .map(String::as_str)
            .chain([tags::OPERATION]);
        let gone: Vec<Tag> = keys.map(|k| Tag::builder().key(k).build()).collect();
        absent_is_done(
            client
                .call(context, EC2_TAGS, "DeleteTags", || {
                    client
                        .ec2()
                        .delete_tags()
                        .resources(&id)
                        .set_tags(Some(gone.clone()))
                        .send()
                })
                .await,
        )
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: DefaultSecurityGroupRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<DefaultSecurityGroup>(client, context, operation).await
    }
}

fn record(
    client: &Client,
    found: Found,
    prior: Option<&DefaultSecurityGroupRecord>,
) -> DefaultSecurityGroupRecord {
    let id = found.group_id.clone().unwrap_or_default();
    let account = client.account();
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let shown = |permissions: &[_], written: Option<&Vec<RuleBlock>>| {
        let rules = permissions::listed(permissions, account);
        let written = written.map(Vec::as_slice).unwrap_or_default();
        permissions::blocks(rules, written, &id, account)
    };
    DefaultSecurityGroupRecord {
        ingress: shown(found.ip_permissions(), prior.map(|p| &p.ingress)),
        egress: shown(found.ip_permissions_egress(), prior.map(|p| &p.egress)),
        tags,
        tags_all,
        arn: found
            .security_group_arn
            .or_else(|| Some(client.arn("ec2", &format!("security-group/{id}")))),
        name: found.group_name,
        description: found.description,
        vpc_id: found.vpc_id,
        owner_id: found.owner_id,
        id: Some(id),
    }
}

async fn default_vpc(client: &Client, context: &CallContext) -> Result<String, ProviderError> {
    let vpcs = list!(client, context, "DescribeVpcs": describe_vpcs.set_filters(vec![filter("is-default", ["true"])]) -> vpcs);
    vpcs.await?
        .pop()
        .and_then(|v| v.vpc_id)
        .ok_or_else(|| ProviderError {
            attribute: Some(infra_model::Path::attribute("vpc_id")),
            ..ProviderError::new(
                ErrorKind::NotFound,
                "the region has no default VPC: say `vpc_id`",
            )
        })
}
