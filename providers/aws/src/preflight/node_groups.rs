//! Room for EKS's managed node groups: how many a cluster may have, and how many nodes each.

use super::account_quotas::limit;
use crate::batch::{self, Page};
use crate::client::{Client, Place};
use crate::error::there;
use crate::family::EKS;
use futures::future::join_all;
use infra_cloud::preflight::{Usage, beyond, block, count, of_type, text, within};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ErrorKind, Path, ProviderError};
use std::collections::BTreeMap;

/// A quota of EKS, by its code, and what it is where nobody has raised it: then it is not asked for.
/// <https://docs.aws.amazon.com/general/latest/gr/eks.html>
type Quota = (&'static str, u64);

const GROUPS: Quota = ("L-6D54EA21", 30);
const NODES: Quota = ("L-BD136A63", 450);

/// Looks at groups that are made and at those that grow.
pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[PreflightItem],
) -> Vec<Finding> {
    let all: Vec<&PreflightItem> = items.iter().collect();
    let groups = of_type(&all, "aws_eks_node_group");
    let clusters = of_type(&all, "aws_eks_cluster");
    let mut new: BTreeMap<&str, Vec<&PreflightItem>> = BTreeMap::new();
    for item in groups.iter().filter(|item| item.creates) {
        if let Some(cluster) = text(&item.planned, "cluster_name") {
            new.entry(cluster).or_default().push(item);
        }
    }
    let is_new = |name: &str| {
        let named = |item: &&&PreflightItem| text(&item.planned, "name") == Some(name);
        clusters.iter().find(named).is_some_and(|item| item.creates)
    };
    let crowded = new.iter().map(|(cluster, new)| {
        let empty = is_new(cluster);
        crowded(client, context, cluster, new, empty)
    });
    let large = async {
        let largest: Vec<_> = groups
            .iter()
            .filter_map(|item| {
                Some((
                    *item,
                    count(block(&item.planned, "scaling_config")?, "max_size")?,
                ))
            })
            .filter(|(_, most)| *most > NODES.1)
            .collect();
        if largest.is_empty() {
            return Vec::new();
        }
        let Some(limit) = raised(client, context, NODES).await else {
            return Vec::new();
        };
        let over = largest.into_iter().filter(|(_, most)| *most > limit);
        over.map(|(item, most)| too_large(item, most, limit))
            .collect()
    };
    let (crowded, large) = futures::join!(join_all(crowded), large);
    crowded.into_iter().flatten().chain(large).collect()
}

async fn raised(client: &Client, context: &CallContext, quota: Quota) -> Option<u64> {
    limit(client, context, Place::Region, ("eks", quota.0)).await
}

/// Not fatal: a quota may have been raised a moment ago.
fn too_large(item: &PreflightItem, most: u64, limit: u64) -> Finding {
    let message = format!("a node group of {most} nodes is planned, and the quota is {limit}");
    Finding {
        address: item.address.clone(),
        error: ProviderError {
            attribute: Some(within("scaling_config", "max_size")),
            ..ProviderError::new(ErrorKind::Quota, message)
        },
        fatal: false,
    }
}

/// More groups than a cluster may have.
async fn crowded(
    client: &Client,
    context: &CallContext,
    cluster: &str,
    new: &[&PreflightItem],
    empty: bool,
) -> Option<Finding> {
    let used = if empty {
        0
    } else {
        groups_of(client, context, cluster).await.ok()?
    };
    let planned = u64::try_from(new.len()).ok()?;
    if used + planned <= GROUPS.1 {
        return None;
    }
    let usage = Usage {
        used,
        limit: raised(client, context, GROUPS).await?,
        shown: "managed node groups".to_owned(),
    };
    let place = format!("the cluster {cluster}");
    let at = Path::attribute("cluster_name");
    beyond(new.last()?, at, &place, planned, &usage)
}

async fn groups_of(
    client: &Client,
    context: &CallContext,
    cluster: &str,
) -> Result<u64, ProviderError> {
    let listing = batch::all_pages(|token| {
        let request = client
            .eks()
            .list_nodegroups()
            .cluster_name(cluster)
            .set_next_token(token);
        async move {
            let answer = client
                .call(context, EKS, "ListNodegroups", || request.clone().send())
                .await?;
            Ok::<_, ProviderError>(Page {
                items: answer.nodegroups.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    });
    let found = there(listing.await)?.unwrap_or_default();
    Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
}
