//! `aws_db_subnet_group`.

use super::{check_name, list, tagging};
use crate::batch;
use crate::client::Client;
use crate::family::RDS;
use crate::naming;
use crate::tagged::Asked;
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_rds::types::DbSubnetGroup as Found;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Value,
};
use std::collections::BTreeSet;

/// The subnets in which databases may stand.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SubnetGroupRecord {
    /// Its name, in lower case. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// What it is for.
    #[record(optional, default = "Managed by infra")]
    pub(crate) description: String,
    /// Subnets of at least two zones.
    #[record(required)]
    pub(crate) subnet_ids: BTreeSet<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The VPC of the subnets.
    #[record(computed)]
    pub(crate) vpc_id: Option<String>,
    /// `IPV4`, and `DUAL` where the subnets have IPv6.
    #[record(computed)]
    pub(crate) supported_network_types: BTreeSet<String>,
}

pub(crate) struct SubnetGroup;

#[async_trait]
impl Resource<Client> for SubnetGroup {
    type Record = SubnetGroupRecord;
    const TYPE: &'static str = "aws_db_subnet_group";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(RDS.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<SubnetGroupRecord>(request, planned, ("name", "name_prefix"));
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        check_name(config, "name", "_. ")
    }

    fn id(record: &SubnetGroupRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<SubnetGroupRecord>],
    ) -> Vec<Result<Option<SubnetGroupRecord>, ProviderError>> {
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(
            &ids,
            |g: &Found| g.db_subnet_group_name.clone(),
            |name| groups(client, context, name),
        )
        .await;
        let asked = items.iter().zip(&found).map(|(item, found)| Asked {
            arn: found
                .as_ref()
                .ok()
                .and_then(|f| f.as_ref()?.db_subnet_group_arn.clone()),
            last: item.prior.as_ref().map(|p| &p.tags_all),
        });
        let asked = asked.collect();
        let tags = tagging::read(client, context, asked).await;
        found
            .into_iter()
            .zip(tags)
            .zip(items)
            .map(|((found, tags), item)| {
                let (Some(found), Some(found_tags)) = (found?, tags?) else {
                    return Ok(None);
                };
                let prior = item.prior.as_ref();
                let (tags, tags_all) =
                    tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
                Ok(Some(SubnetGroupRecord {
                    name_prefix: prior.and_then(|p| p.name_prefix.clone()),
                    subnet_ids: found
                        .subnets()
                        .iter()
                        .filter_map(|s| s.subnet_identifier.clone())
                        .collect(),
                    supported_network_types: found
                        .supported_network_types()
                        .iter()
                        .cloned()
                        .collect(),
                    tags,
                    tags_all,
                    id: found.db_subnet_group_name.clone(),
                    name: found.db_subnet_group_name,
                    description: found.db_subnet_group_description.unwrap_or_default(),
                    arn: found.db_subnet_group_arn,
                    vpc_id: found.vpc_id,
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: SubnetGroupRecord,
    ) -> Result<SubnetGroupRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let request = client
            .rds()
            .create_db_subnet_group()
            .db_subnet_group_name(&name)
            .db_subnet_group_description(&desired.description)
            .set_subnet_ids(Some(desired.subnet_ids.iter().cloned().collect()))
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)));
        let id = client
            .begin_named(
                context,
                operation,
                RDS,
                "CreateDBSubnetGroup",
                || find(client, context, operation, &name),
                || request.clone().send(),
                |made| made.db_subnet_group()?.db_subnet_group_name(),
            )
            .await?;
        wait::settled::<SubnetGroup>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SubnetGroupRecord,
        desired: SubnetGroupRecord,
    ) -> Result<SubnetGroupRecord, ProviderError> {
        let id = SubnetGroup::id(&prior);
        if prior.subnet_ids != desired.subnet_ids || prior.description != desired.description {
            client
                .call(context, RDS, "ModifyDBSubnetGroup", || {
                    client
                        .rds()
                        .modify_db_subnet_group()
                        .db_subnet_group_name(&id)
                        .db_subnet_group_description(&desired.description)
                        .set_subnet_ids(Some(desired.subnet_ids.iter().cloned().collect()))
                        .send()
                })
                .await?;
        }
        let (before, own) = (&prior.tags_all, &desired.tags);
        let arn = prior.arn.as_deref();
        tagging::update(client, context, operation, arn, before, own).await?;
        wait::settled::<SubnetGroup>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SubnetGroupRecord,
    ) -> Result<(), ProviderError> {
        let id = SubnetGroup::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, RDS, "DeleteDBSubnetGroup", || {
                client
                    .rds()
                    .delete_db_subnet_group()
                    .db_subnet_group_name(&id)
                    .send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: SubnetGroupRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        find(client, context, operation, &name).await
    }
}

fn name(record: &SubnetGroupRecord, operation: &Operation) -> String {
    naming::chosen(
        record.name.as_deref(),
        record.name_prefix.as_deref(),
        operation,
    )
}

async fn groups(
    client: &Client,
    context: &CallContext,
    name: Option<String>,
) -> Result<Vec<Found>, ProviderError> {
    list!(client, context, "DescribeDBSubnetGroups": describe_db_subnet_groups.set_db_subnet_group_name(name) => db_subnet_groups)
        .await
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let found = groups(client, context, Some(name.to_owned())).await;
    tagging::named(client, context, operation, name, found, |g| {
        g.db_subnet_group_arn
    })
    .await
}
