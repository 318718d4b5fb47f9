//! `aws_route53_zone`.

use super::record_set::{self, is_required};
use super::{bare, in_sync, plain, record_sets, zone_view, zones};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::ROUTE53;
use crate::recover::Lost;
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_route53::types::{
    ChangeAction, HostedZoneConfig, Tag, TagResourceType, Vpc as SdkVpc, VpcRegion,
};
use futures::future::BoxFuture;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource, Value};
use std::time::Duration;

/// A domain whose names Route 53 answers for: to everybody, or inside VPCs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ZoneRecord {
    /// The domain.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, default = "Managed by infra")]
    pub(crate) comment: String,
    /// The reusable delegation set whose name servers it has; not of a private zone.
    #[record(optional, force_new)]
    pub(crate) delegation_set_id: Option<String>,
    /// Whether deleting it deletes the records that others made in it.
    #[record(optional, default = false)]
    pub(crate) force_destroy: bool,
    /// The VPCs in which a private zone answers. With none it is public.
    #[record(block, set)]
    pub(crate) vpc: Vec<Vpc>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its id.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its id.
    #[record(computed)]
    pub(crate) zone_id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// Its name servers, sorted.
    #[record(computed)]
    pub(crate) name_servers: Vec<String>,
    /// The first of them.
    #[record(computed)]
    pub(crate) primary_name_server: Option<String>,
}

/// A VPC in which a private zone answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct Vpc {
    /// Its id.
    #[record(required)]
    pub(crate) vpc_id: String,
    /// Its region; by default the provider's.
    #[record(optional, computed)]
    pub(crate) vpc_region: Option<String>,
}

pub(crate) struct Zone;

#[async_trait]
impl Resource<Client> for Zone {
    type Record = ZoneRecord;
    const TYPE: &'static str = "aws_route53_zone";

    fn traits() -> Traits {
        Traits::default().seconds(40, 5, 5).family(ROUTE53.name)
    }

    fn plan(
        request: &infra_model::PlanRequest<'_>,
        planned: &mut infra_model::Planned,
    ) -> Result<(), ProviderError> {
        let count = |value: &Value| value.get("vpc").and_then(Value::elements).map(<[_]>::len);
        if let Some(prior) = request.prior
            && planned.replace.is_empty()
        {
            let kinds = [prior, &planned.value].map(|v| count(v).map(|n| n > 0));
            // Public and private zones are different things.
            if let [Some(before), Some(after)] = kinds
                && before != after
            {
                planned.replace.push(infra_model::Path::attribute("vpc"));
            }
        }
        let region = request.provider.and_then(|p| p.get("region")).cloned();
        if let Some(region) = region.filter(|r| r.as_str().is_some()) {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = in_region(value, &region);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let delegated = config
            .get("delegation_set_id")
            .is_some_and(|v| !v.is_null());
        let vpcs = config.get("vpc").and_then(Value::elements);
        if delegated && vpcs.is_some_and(|v| !v.is_empty()) {
            return vec![ProviderError::invalid(
                "delegation_set_id",
                "a private zone has no delegation set: leave `delegation_set_id` or `vpc` out",
            )];
        }
        Vec::new()
    }

    fn id(record: &ZoneRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ZoneRecord>],
    ) -> Vec<Result<Option<ZoneRecord>, ProviderError>> {
        zone_view::read(client, context, items).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ZoneRecord,
    ) -> Result<ZoneRecord, ProviderError> {
        let config = HostedZoneConfig::builder()
            .comment(&desired.comment)
            .private_zone(!desired.vpc.is_empty());
        let request = client
            .route53()
            .create_hosted_zone()
            .name(&desired.name)
            .caller_reference(operation.token.as_str())
            .hosted_zone_config(config.build())
            .set_delegation_set_id(desired.delegation_set_id.clone())
            .set_vpc(desired.vpc.first().map(|vpc| to_sdk(client, vpc)));
        // A reference counts once: the same call again is refused.
        let ours = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
            Box::pin(async {
                match find(client, context, operation, &desired.name).await? {
                    Recovered::Found(id) => Ok(Some(id)),
                    _ => Ok(None),
                }
            })
        };
        let lost = Lost::LookUp(Duration::from_secs(5), &ours);
        let id = client
            .begin(
                context,
                operation,
                ROUTE53,
                "CreateHostedZone",
                lost,
                || request.clone().send(),
                |made| Some(bare(&made.hosted_zone()?.id)),
            )
            .await?;
        // More VPCs are added one by one, and so are the tags.
        let made = zone_view::one(client, context, &id)
            .await?
            .unwrap_or_default();
        associate(client, context, operation, &id, &made, &desired).await?;
        let all = tags::for_create(&client.config().tags, &desired.tags, operation);
        retag(client, context, &id, &all, Vec::new()).await?;
        wait::settled::<Zone>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ZoneRecord,
        desired: ZoneRecord,
    ) -> Result<ZoneRecord, ProviderError> {
        let id = Zone::id(&prior);
        if prior.comment != desired.comment {
            let request = client
                .route53()
                .update_hosted_zone_comment()
                .id(&id)
                .comment(&desired.comment);
            client
                .call(context, ROUTE53, "UpdateHostedZoneComment", || {
                    request.clone().send()
                })
                .await?;
        }
        associate(client, context, operation, &id, &prior, &desired).await?;
        let defaults = &client.config().tags;
        let (set, gone) = tags::changes(defaults, &prior.tags_all, &desired.tags, operation);
        retag(client, context, &id, &set, gone).await?;
        wait::settled::<Zone>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ZoneRecord,
    ) -> Result<(), ProviderError> {
        let id = Zone::id(&prior);
        if prior.force_destroy {
            empty(client, context, operation, &id).await?;
        }
        let request = client.route53().delete_hosted_zone().id(&id);
        let gone = client
            .call(context, ROUTE53, "DeleteHostedZone", || {
                request.clone().send()
            })
            .await
            .map_err(with_remedy);
        absent_is_done(gone)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ZoneRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired.name).await
    }
}

/// The default region of VPCs, where none is said.
fn in_region(value: Value, region: &Value) -> Value {
    let Some(vpcs) = value.get("vpc").and_then(Value::elements) else {
        return value;
    };
    let missing = |vpc: &Value| {
        let said = vpc.get("vpc_region");
        said.is_none_or(|region| region.is_null() || region.is_unknown())
    };
    let vpcs: Vec<Value> = vpcs
        .iter()
        .map(|vpc| match missing(vpc) && !vpc.is_unknown() {
            true => vpc.clone().with_attribute("vpc_region", region.clone()),
            false => vpc.clone(),
        })
        .collect();
    let vpcs = Value::set(Vpc::block().implied_type(), vpcs);
    value.with_attribute("vpc", vpcs)
}

fn with_remedy(mut error: ProviderError) -> ProviderError {
    if error.code == "HostedZoneNotEmpty" {
        error.message = format!(
            "{} Delete them, or set `force_destroy = true` and apply that first.",
            error.message
        );
    }
    error
}

fn to_sdk(client: &Client, vpc: &Vpc) -> SdkVpc {
    let region = vpc.vpc_region.as_deref().unwrap_or(client.region());
    SdkVpc::builder()
        .vpc_id(&vpc.vpc_id)
        .vpc_region(VpcRegion::from(region))
        .build()
}

/// The zone that was made under the operation's token, which Route 53 keeps and tells.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let zones = zones(client, context).await?;
    let ours = zones.into_iter().find(|zone| {
        zone.caller_reference == operation.token.as_str() && plain(&zone.name) == plain(name)
    });
    Ok(ours.map_or(Recovered::Absent, |zone| {
        Recovered::Found(bare(&zone.id).to_owned())
    }))
}

/// Brings the VPCs of a zone from what they were to what is desired; new ones first, for it must have one.
async fn associate(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &ZoneRecord,
    desired: &ZoneRecord,
) -> Result<(), ProviderError> {
    let key = |vpc: &Vpc| {
        let region = vpc.vpc_region.clone();
        (
            vpc.vpc_id.clone(),
            region.unwrap_or_else(|| client.region().to_owned()),
        )
    };
    let has = |all: &[Vpc], vpc: &Vpc| all.iter().any(|other| key(other) == key(vpc));
    for vpc in desired.vpc.iter().filter(|vpc| !has(&prior.vpc, vpc)) {
        let request = client
            .route53()
            .associate_vpc_with_hosted_zone()
            .hosted_zone_id(id)
            .vpc(to_sdk(client, vpc));
        let answer = client
            .call(context, ROUTE53, "AssociateVPCWithHostedZone", || {
                request.clone().send()
            })
            .await?;
        if let Some(change) = answer.change_info {
            in_sync(client, context, operation, &change.id).await?;
        }
    }
    for vpc in prior.vpc.iter().filter(|vpc| !has(&desired.vpc, vpc)) {
        let request = client
            .route53()
            .disassociate_vpc_from_hosted_zone()
            .hosted_zone_id(id)
            .vpc(to_sdk(client, vpc));
        let answer = client
            .call(context, ROUTE53, "DisassociateVPCFromHostedZone", || {
                request.clone().send()
            })
            .await;
        match answer {
            // A lost answer's work.
            Err(error) if error.code == "VPCAssociationNotFound" => {}
            answer => drop(answer?),
        }
    }
    Ok(())
}

async fn retag(
    client: &Client,
    context: &CallContext,
    id: &str,
    set: &Tags,
    gone: Vec<String>,
) -> Result<(), ProviderError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let added: Vec<Tag> = set.iter().map(tag).collect();
    let change = |added: &[Tag], gone: &[String]| {
        let some = |any: bool| any.then_some(());
        client
            .route53()
            .change_tags_for_resource()
            .resource_type(TagResourceType::Hostedzone)
            .resource_id(id)
            .set_add_tags(some(!added.is_empty()).map(|()| added.to_vec()))
            .set_remove_tag_keys(some(!gone.is_empty()).map(|()| gone.to_vec()))
    };
    // "You can add a maximum of 10 tags" in one call, and remove as many.
    let mut requests: Vec<_> = gone.chunks(10).map(|gone| change(&[], gone)).collect();
    requests.extend(added.chunks(10).map(|added| change(added, &[])));
    for request in requests {
        client
            .call(context, ROUTE53, "ChangeTagsForResource", || {
                request.clone().send()
            })
            .await?;
    }
    Ok(())
}

/// Deletes every record but those that a zone must have.
async fn empty(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    let Some(found) = there(record_sets(client, context, id, None).await)? else {
        return Ok(());
    };
    let Some(zone) = zone_view::one(client, context, id).await? else {
        return Ok(());
    };
    let apex = plain(&zone.name);
    let sets: Vec<_> = found
        .into_iter()
        .filter(|set| !is_required(set, &apex))
        .collect();
    for sets in sets.chunks(100) {
        let changes = sets.iter().map(|set| (ChangeAction::Delete, set.clone()));
        record_set::change(client, context, operation, id, changes.collect()).await?;
    }
    Ok(())
}
