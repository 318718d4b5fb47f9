//! What Route 53 says of a hosted zone.

use super::zone::{Vpc, ZoneRecord};
use super::{bare, plain, record_sets};
use crate::client::Client;
use crate::error::there;
use crate::family::ROUTE53;
use crate::tags::{self, Tags};
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::TagResourceType;
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::{CallContext, ProviderError};
use std::collections::BTreeMap;

/// The most zones whose tags one call tells (`ListTagsForResources`).
const TAGGED: usize = 10;

/// Reads zones: a call for each, and one for the tags of ten.
pub(super) async fn read(
    client: &Client,
    context: &CallContext,
    items: &[Item<ZoneRecord>],
) -> Vec<Result<Option<ZoneRecord>, ProviderError>> {
    let found = join_all(items.iter().map(|item| get(client, context, &item.id))).await;
    let zones = items.iter().zip(&found);
    let there = zones.filter(|(_, found)| matches!(found, Ok(Some(_))));
    let tags = tags_of(
        client,
        context,
        there.map(|(item, _)| item.id.clone()).collect(),
    )
    .await;
    let views = items.iter().zip(found).map(|(item, found)| async {
        let Some(found) = found? else {
            return Ok(None);
        };
        let tags = match &tags {
            Ok(tags) => tags.get(&item.id).cloned().unwrap_or_default(),
            Err(error) => return Err(error.clone()),
        };
        let servers = servers(client, context, &found).await?;
        Ok(record(client, found, servers, tags, item.prior.as_ref()))
    });
    join_all(views).await
}

async fn get(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<GetHostedZoneOutput>, ProviderError> {
    let request = client.route53().get_hosted_zone().id(id);
    let answer = client
        .call(context, ROUTE53, "GetHostedZone", || request.clone().send())
        .await;
    there(answer)
}

async fn tags_of(
    client: &Client,
    context: &CallContext,
    ids: Vec<String>,
) -> Result<BTreeMap<String, Tags>, ProviderError> {
    let calls = ids.chunks(TAGGED).map(|ids| {
        let request = client
            .route53()
            .list_tags_for_resources()
            .resource_type(TagResourceType::Hostedzone)
            .set_resource_ids(Some(ids.to_vec()));
        async move {
            client
                .call(context, ROUTE53, "ListTagsForResources", || {
                    request.clone().send()
                })
                .await
        }
    });
    let mut all = BTreeMap::new();
    for answer in join_all(calls).await {
        for set in answer?.resource_tag_sets {
            let pairs = set.tags.unwrap_or_default().into_iter();
            let tags = pairs.filter_map(|t| Some((t.key?, t.value.unwrap_or_default())));
            all.insert(set.resource_id.unwrap_or_default(), tags.collect());
        }
    }
    Ok(all)
}

/// The zone's name servers, sorted. Of a private zone only its NS record tells them.
async fn servers(
    client: &Client,
    context: &CallContext,
    found: &GetHostedZoneOutput,
) -> Result<Vec<String>, ProviderError> {
    let mut servers = match (&found.delegation_set, &found.hosted_zone) {
        (Some(set), _) => set.name_servers.clone(),
        (None, Some(zone)) => {
            let from = Some((&*zone.name, "NS", None));
            let found = record_sets(client, context, bare(&zone.id), from).await?;
            let records = found.into_iter().filter(|set| set.name == zone.name);
            records
                .flat_map(|set| set.resource_records.unwrap_or_default())
                .map(|record| plain(&record.value))
                .collect()
        }
        (None, None) => Vec::new(),
    };
    servers.sort();
    Ok(servers)
}

fn record(
    client: &Client,
    found: GetHostedZoneOutput,
    servers: Vec<String>,
    found_tags: Tags,
    prior: Option<&ZoneRecord>,
) -> Option<ZoneRecord> {
    let zone = found.hosted_zone?;
    let id = bare(&zone.id).to_owned();
    let name = plain(&zone.name);
    let said = prior.map(|p| &p.name).filter(|said| plain(said) == name);
    let (tags, tags_all) = tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
    let delegated = found.delegation_set.and_then(|set| set.id);
    let vpcs = found.vpcs.unwrap_or_default().into_iter();
    let vpcs = vpcs.filter_map(|vpc| {
        Some(Vpc {
            vpc_id: vpc.vpc_id?,
            vpc_region: Some(vpc.vpc_region?.as_str().to_owned()),
        })
    });
    let mut vpcs: Vec<Vpc> = vpcs.collect();
    vpcs.sort();
    let config = zone
        .config
        .unwrap_or_else(|| aws_sdk_route53::types::HostedZoneConfig::builder().build());
    Some(ZoneRecord {
        name: said.unwrap_or(&name).clone(),
        comment: config.comment.unwrap_or_default(),
        // It is chosen when the zone is made, and never changes: what the state says of it counts.
        delegation_set_id: match prior {
            Some(prior) => prior.delegation_set_id.clone(),
            None => delegated.map(|id| bare(&id).to_owned()),
        },
        force_destroy: prior.is_some_and(|p| p.force_destroy),
        vpc: vpcs,
        tags,
        tags_all,
        arn: Some(format!(
            "arn:{}:route53:::hostedzone/{id}",
            client.partition()
        )),
        zone_id: Some(id.clone()),
        id: Some(id),
        primary_name_server: servers.first().cloned(),
        name_servers: servers,
    })
}

/// One zone, as it is.
pub(crate) async fn one(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<ZoneRecord>, ProviderError> {
    let item = Item {
        id: id.to_owned(),
        prior: None,
    };
    read(client, context, &[item])
        .await
        .pop()
        .unwrap_or(Ok(None))
}
