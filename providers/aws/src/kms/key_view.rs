//! What KMS says of a key, and how an interrupted creation's key is found.

use super::key::KeyRecord;
use super::list;
use crate::client::{Client, Place};
use crate::document;
use crate::error::there;
use crate::family::KMS;
use crate::tagged::{self, Asked};
use crate::tags::{self, Tags};
use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyState, Tag};
use futures::future::join_all;
use futures::try_join;
use infra_model::resource::Item;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};

pub(super) fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    tags.iter()
        .map(|(k, v)| {
            Tag::builder()
                .tag_key(k)
                .tag_value(v)
                .build()
                .map_err(|e| ProviderError::new(ErrorKind::Invalid, e.to_string()))
        })
        .collect()
}

/// The keys; none of what is not there or whose deletion is pending.
pub(super) async fn read(
    client: &Client,
    context: &CallContext,
    items: &[Item<KeyRecord>],
) -> Vec<Result<Option<KeyRecord>, ProviderError>> {
    let asked = items.iter().map(|item| {
        let prior = item.prior.as_ref();
        let arn = prior.and_then(|p| p.arn.clone());
        Asked {
            // KMS takes ids and ARNs alike.
            arn: Some(arn.unwrap_or_else(|| item.id.clone())),
            last: prior.map(|p| &p.tags_all),
        }
    });
    let own = |arn: String| async move { there(key_tags(client, context, &arn).await) };
    let (found, tagged) = futures::join!(
        join_all(
            items
                .iter()
                .map(|item| described(client, context, &item.id))
        ),
        tagged::read(client, context, Place::Region, asked.collect(), own),
    );
    let both = found.into_iter().zip(tagged).zip(items);
    both.map(|((found, tags), item)| {
        let (Some(found), Some(tags)) = (there(found)?.flatten(), tags?) else {
            return Ok(None);
        };
        Ok(Some(record(client, found, tags, item.prior.as_ref())))
    })
    .collect()
}

/// What KMS says of a key, but for its tags.
pub(super) struct Described {
    key: KeyMetadata,
    policy: String,
    /// Whether it is rotated, and every how many days.
    rotation: (bool, Option<i32>),
}

pub(super) async fn described(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Described>, ProviderError> {
    let key = client
        .call(context, KMS, "DescribeKey", || {
            client.kms().describe_key().key_id(id).send()
        })
        .await?
        .key_metadata
        .filter(|k| !going(k));
    let Some(key) = key else {
        return Ok(None);
    };
    let (policy, rotation) = try_join!(
        policy(client, context, &key.key_id),
        rotation(client, context, &key),
    )?;
    Ok(Some(Described {
        key,
        policy,
        rotation,
    }))
}

fn record(
    client: &Client,
    found: Described,
    found_tags: Tags,
    prior: Option<&KeyRecord>,
) -> KeyRecord {
    let Described {
        key,
        policy,
        rotation: (enable_key_rotation, period),
    } = found;
    let (tags, tags_all) = tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
    let policy = document::as_said(policy, prior.and_then(|p| p.policy.as_deref()));
    KeyRecord {
        description: Some(key.description.unwrap_or_default()),
        key_usage: key.key_usage.map_or_else(
            || "ENCRYPT_DECRYPT".to_owned(),
            |usage| usage.as_str().to_owned(),
        ),
        customer_master_key_spec: key.key_spec.map_or_else(
            || "SYMMETRIC_DEFAULT".to_owned(),
            |spec| spec.as_str().to_owned(),
        ),
        custom_key_store_id: key.custom_key_store_id,
        policy: Some(policy),
        bypass_policy_lockout_safety_check: prior
            .is_some_and(|p| p.bypass_policy_lockout_safety_check),
        deletion_window_in_days: prior.and_then(|p| p.deletion_window_in_days),
        is_enabled: key.enabled,
        enable_key_rotation,
        rotation_period_in_days: match period {
            None if !enable_key_rotation => prior.and_then(|p| p.rotation_period_in_days),
            period => period,
        },
        multi_region: Some(key.multi_region.unwrap_or_default()),
        tags,
        tags_all,
        id: Some(key.key_id.clone()),
        key_id: Some(key.key_id),
        arn: key.arn,
    }
}

fn going(key: &KeyMetadata) -> bool {
    matches!(
        key.key_state(),
        Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)
    )
}

async fn policy(client: &Client, context: &CallContext, id: &str) -> Result<String, ProviderError> {
    let answer = client
        .call(context, KMS, "GetKeyPolicy", || {
            let request = client.kms().get_key_policy();
            request.key_id(id).policy_name("default").send()
        })
        .await?;
    Ok(answer.policy.unwrap_or_default())
}

/// Whether it rotates, and how often. Only symmetric keys of KMS' own do.
async fn rotation(
    client: &Client,
    context: &CallContext,
    key: &KeyMetadata,
) -> Result<(bool, Option<i32>), ProviderError> {
    if key.custom_key_store_id.is_some()
        || key
            .key_spec()
            .is_some_and(|s| *s != KeySpec::SymmetricDefault)
    {
        return Ok((false, None));
    }
    let answer = client
        .call(context, KMS, "GetKeyRotationStatus", || {
            let request = client.kms().get_key_rotation_status();
            request.key_id(&key.key_id).send()
        })
        .await;
    match answer {
        Ok(found) => Ok((
            found.key_rotation_enabled,
            found
                .rotation_period_in_days
                .filter(|_| found.key_rotation_enabled),
        )),
        Err(error) if error.code == "UnsupportedOperationException" => Ok((false, None)),
        Err(error) => Err(error),
    }
}

async fn key_tags(client: &Client, context: &CallContext, id: &str) -> Result<Tags, ProviderError> {
    let found = list!(client, context, "ListResourceTags": list_resource_tags.key_id(id) => tags);
    Ok(found
        .await?
        .into_iter()
        .map(|t| (t.tag_key, t.tag_value))
        .collect())
}

/// Keys that carry the operation's tag.
pub(super) async fn of_operation(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<Vec<String>, ProviderError> {
    let ours =
        |tags: &Tags| tags.get(tags::OPERATION).map(String::as_str) == Some(&*operation.id.0);
    tagged(client, context, ours).await
}

/// Keys whose tags are of a kind. KMS has no filters: every key of the region is asked.
pub(super) async fn tagged(
    client: &Client,
    context: &CallContext,
    is_one: impl Fn(&Tags) -> bool,
) -> Result<Vec<String>, ProviderError> {
    let keys = list!(client, context, "ListKeys": list_keys => keys).await?;
    let ids: Vec<String> = keys.into_iter().filter_map(|k| k.key_id).collect();
    let answers = join_all(ids.iter().map(|id| key_tags(client, context, id))).await;
    let (mut ours, mut seen, mut denied) = (Vec::new(), false, None);
    for (id, answer) in ids.into_iter().zip(answers) {
        match answer {
            Ok(tags) => {
                seen = true;
                if is_one(&tags) {
                    ours.push(id);
                }
            }
            Err(error) if error.kind == ErrorKind::NotFound => {}
            // Keys whose policy keeps us out are not ours.
            Err(error) if error.kind == ErrorKind::Denied => denied = Some(error),
            Err(error) => return Err(error),
        }
    }
    match denied {
        Some(error) if !seen => Err(error),
        _ => Ok(ours),
    }
}
