//! Tags of load balancers, target groups, listeners and rules, by ARN; the operation's tag tells what an interrupted create
//! made.

use crate::client::Client;
use crate::family::{ELB_READ, ELB_WRITE};
use crate::tags::{self, Tags};
use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures::future::join_all;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Recovered};
use std::collections::BTreeMap;

/// The most ARNs that one call takes.
const ARNS: usize = 20;

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect()
}

/// The tags of a new resource, for its create call.
pub(super) fn for_create(client: &Client, operation: &Operation, own: &Tags) -> Vec<Tag> {
    to_sdk(&tags::for_create(&client.config().tags, own, operation))
}

/// The tags of each ARN that there is.
pub(super) async fn read(
    client: &Client,
    context: &CallContext,
    arns: &[String],
) -> BTreeMap<String, Result<Tags, ProviderError>> {
    let chunks: Vec<&[String]> = arns.chunks(ARNS).collect();
    let answers = join_all(chunks.iter().map(|arns| describe(client, context, arns))).await;
    let mut out = BTreeMap::new();
    for (arns, answer) in chunks.into_iter().zip(answers) {
        match answer {
            Ok(found) => out.extend(found.into_iter().map(|(arn, tags)| (arn, Ok(tags)))),
            // One that is gone meanwhile fails them all.
            Err(error) if error.kind == ErrorKind::NotFound => {
                for arn in arns {
                    match describe(client, context, std::slice::from_ref(arn)).await {
                        Ok(found) => {
                            out.extend(found.into_iter().map(|(arn, tags)| (arn, Ok(tags))));
                        }
                        Err(error) if error.kind == ErrorKind::NotFound => {}
                        Err(error) => {
                            out.insert(arn.clone(), Err(error));
                        }
                    }
                }
            }
            Err(error) => out.extend(arns.iter().map(|arn| (arn.clone(), Err(error.clone())))),
        }
    }
    out
}

async fn describe(
    client: &Client,
    context: &CallContext,
    arns: &[String],
) -> Result<Vec<(String, Tags)>, ProviderError> {
    let answer = client
        .call(context, ELB_READ, "DescribeTags", || {
            client
                .elbv2()
                .describe_tags()
                .set_resource_arns(Some(arns.to_vec()))
                .send()
        })
        .await?;
    let found = answer.tag_descriptions.unwrap_or_default().into_iter();
    Ok(found
        .filter_map(|d| {
            let tags = d.tags.unwrap_or_default().into_iter();
            let tags = tags.filter_map(|t| Some((t.key?, t.value.unwrap_or_default())));
            Some((d.resource_arn?, tags.collect()))
        })
        .collect())
}

/// Which of what stands in a place the operation made.
pub(super) async fn whose(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    arns: Vec<String>,
) -> Result<Recovered, ProviderError> {
    let mut found = read(client, context, &arns).await;
    let mut foreign = None;
    for arn in arns {
        let Some(tags) = found.remove(&arn) else {
            continue;
        };
        if tags?.get(tags::OPERATION).map(String::as_str) == Some(&*operation.id.0) {
            return Ok(Recovered::Found(arn));
        }
        foreign = foreign.or(Some(arn));
    }
    Ok(foreign.map_or(Recovered::Absent, Recovered::Foreign))
}

/// Brings tags from what they were, defaults included, to the resource's own and the present defaults.
pub(super) async fn update(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    arn: &str,
    prior_all: &Tags,
    own: &Tags,
) -> Result<(), ProviderError> {
    let defaults = &client.config().tags;
    let (set, gone) = tags::changes(defaults, prior_all, own, operation);
    if !gone.is_empty() {
        client
            .call(context, ELB_WRITE, "RemoveTags", || {
                client
                    .elbv2()
                    .remove_tags()
                    .resource_arns(arn)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
    }
    client
        .call(context, ELB_WRITE, "AddTags", || {
            client
                .elbv2()
                .add_tags()
                .resource_arns(arn)
                .set_tags(Some(to_sdk(&set)))
                .send()
        })
        .await?;
    Ok(())
}
