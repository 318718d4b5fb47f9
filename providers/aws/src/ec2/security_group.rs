//! `aws_security_group`.

use super::held::{Held, while_held};
use super::permissions::{self, Direction, RuleBlock, exchange};
use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::naming;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, SecurityGroup as Found};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Value,
};
use std::collections::BTreeSet;

/// A security group.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecurityGroupRecord {
    /// Its name. By default one that no other has.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// The beginning of a name that no other has.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// What it is for.
    #[record(optional, force_new, default = "Managed by infra")]
    pub(crate) description: String,
    /// The VPC; by default the default one.
    #[record(optional, computed, force_new)]
    pub(crate) vpc_id: Option<String>,
    /// Rules for what comes in, all of them. Without any here, they are left alone, for
    /// `aws_vpc_security_group_ingress_rule`.
    #[record(block, set)]
    pub(crate) ingress: Vec<RuleBlock>,
    /// Rules for what goes out, all of them. Without any here, they are left alone, for
    /// `aws_vpc_security_group_egress_rule`; the rule for everything, which AWS makes, is taken away.
    #[record(block, set)]
    pub(crate) egress: Vec<RuleBlock>,
    /// Whether rules go before the group does: for groups whose rules name each other.
    #[record(optional, default = false)]
    pub(crate) revoke_rules_on_delete: bool,
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
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
}

pub(crate) struct SecurityGroup;

#[async_trait]
impl Resource<Client> for SecurityGroup {
    type Record = SecurityGroupRecord;
    const TYPE: &'static str = "aws_security_group";

    fn traits() -> Traits {
        Traits::default()
            .seconds(4, 3, 4)
            .family(EC2_WRITE.name)
            .unique(&["vpc_id", "name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<SecurityGroupRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        if given("name") && given("name_prefix") {
            return vec![ProviderError::invalid(
                "name_prefix",
                "say `name` or `name_prefix`, not both",
            )];
        }
        let name = config.get("name").and_then(Value::as_str);
        if name.is_some_and(|n| n.starts_with("sg-")) {
            return vec![ProviderError::invalid(
                "name",
                "a name that begins with `sg-` is refused: it looks like an id",
            )];
        }
        Vec::new()
    }

    fn id(record: &SecurityGroupRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<SecurityGroupRecord>],
    ) -> Vec<Result<Option<SecurityGroupRecord>, ProviderError>> {
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
        desired: SecurityGroupRecord,
    ) -> Result<SecurityGroupRecord, ProviderError> {
        let name = desired.name.clone().unwrap_or_else(|| {
            let prefix = desired.name_prefix.as_deref().unwrap_or("infra-");
            format!("{prefix}{}", operation.id)
        });
        let request = client
            .ec2()
            .create_security_group()
            .group_name(name)
            .description(&desired.description)
            .set_vpc_id(desired.vpc_id.clone())
            .tag_specifications(tagging::specification(
                client,
                operation,
                ResourceType::SecurityGroup,
                &desired.tags,
            ));
        let id = tagging::begin(
            client,
            context,
            operation,
            "CreateSecurityGroup",
            || request.clone().send(),
            aws_sdk_ec2::operation::create_security_group::CreateSecurityGroupOutput::group_id,
        )
        .await?;
        let found = visible(client, context, operation, &id).await?;
        set_rules(client, context, &found, &desired.ingress, &desired.egress).await?;
        wait::settled::<SecurityGroup>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SecurityGroupRecord,
        desired: SecurityGroupRecord,
    ) -> Result<SecurityGroupRecord, ProviderError> {
        let id = SecurityGroup::id(&prior);
        let of = |blocks: &[RuleBlock]| permissions::rules(blocks, &id, client.account());
        for (direction, was, will) in [
            (Direction::Ingress, &prior.ingress, &desired.ingress),
            (Direction::Egress, &prior.egress, &desired.egress),
        ] {
            exchange(client, context, &id, direction, &of(was), &of(will)).await?;
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
        wait::settled::<SecurityGroup>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SecurityGroupRecord,
    ) -> Result<(), ProviderError> {
        let id = SecurityGroup::id(&prior);
        if prior.revoke_rules_on_delete
            && let Some(found) = find(client, context, &id).await?
        {
            set_rules(client, context, &found, &[], &[]).await?;
        }
        let held = (wait::MINUTES, Held::SecurityGroup(&id));
        while_held(client, context, operation, held, || {
            client.call(context, EC2_WRITE, "DeleteSecurityGroup", || {
                client.ec2().delete_security_group().group_id(&id).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: SecurityGroupRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<SecurityGroup>(client, context, operation).await
    }
}

fn record(
    client: &Client,
    found: Found,
    prior: Option<&SecurityGroupRecord>,
) -> SecurityGroupRecord {
    let id = found.group_id.clone().unwrap_or_default();
    let account = client.account();
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    // Rules show where the group manages them: others belong to the rule types.
    let shown = |permissions: &[_], written: Option<&Vec<RuleBlock>>| match written {
        Some(written) if !written.is_empty() => {
            let rules = permissions::listed(permissions, account);
            permissions::blocks(rules, written, &id, account)
        }
        _ => Vec::new(),
    };
    SecurityGroupRecord {
        ingress: shown(found.ip_permissions(), prior.map(|p| &p.ingress)),
        egress: shown(found.ip_permissions_egress(), prior.map(|p| &p.egress)),
        name: found.group_name.clone(),
        name_prefix: prior.and_then(|p| p.name_prefix.clone()),
        revoke_rules_on_delete: prior.is_some_and(|p| p.revoke_rules_on_delete),
        tags,
        tags_all,
        arn: found
            .security_group_arn
            .or_else(|| Some(client.arn("ec2", &format!("security-group/{id}")))),
        description: found.description.unwrap_or_default(),
        vpc_id: found.vpc_id.filter(|v| !v.is_empty()),
        owner_id: found.owner_id,
        id: Some(id),
    }
}

/// The group as EC2 lists it.
async fn find(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Found>, ProviderError> {
    let groups = list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(vec![filter("group-id", [id])]) -> security_groups);
    Ok(groups.await?.pop())
}

async fn visible(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Found, ProviderError> {
    wait::until(context, operation, wait::QUICK, || async move {
        Ok(match find(client, context, id).await? {
            Some(found) => wait::Progress::Done(found),
            None => wait::Progress::Pending("appearing".to_owned()),
        })
    })
    .await
}

/// Brings all rules of a group, whoever made them, to those of the blocks.
pub(super) async fn set_rules(
    client: &Client,
    context: &CallContext,
    found: &Found,
    ingress: &[RuleBlock],
    egress: &[RuleBlock],
) -> Result<(), ProviderError> {
    let id = found.group_id().unwrap_or_default();
    let account = client.account();
    for (direction, permissions, blocks) in [
        (Direction::Ingress, found.ip_permissions(), ingress),
        (Direction::Egress, found.ip_permissions_egress(), egress),
    ] {
        let now: BTreeSet<_> = permissions::listed(permissions, account);
        let desired = permissions::rules(blocks, id, account);
        exchange(client, context, id, direction, &now, &desired).await?;
    }
    Ok(())
}
