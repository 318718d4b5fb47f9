//! Tags of IAM's resources. Each kind of resource has calls of its own.

use crate::client::Client;
use crate::tags::{self, Tags};
use aws_sdk_iam::types::Tag;
use infra_model::{ErrorKind, Operation, ProviderError, Recovered};

pub(super) fn to_sdk(tags: &Tags) -> Result<Vec<Tag>, ProviderError> {
    tags.iter()
        .map(|(k, v)| {
            Tag::builder()
                .key(k)
                .value(v)
                .build()
                .map_err(|e| ProviderError::new(ErrorKind::Invalid, e.to_string()))
        })
        .collect()
}

/// As the provider keeps them.
pub(super) fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter()
        .map(|t| (t.key.clone(), t.value.clone()))
        .collect()
}

/// The tags of a new resource, for its create call.
pub(super) fn for_create(
    client: &Client,
    operation: &Operation,
    own: &Tags,
) -> Result<Vec<Tag>, ProviderError> {
    to_sdk(&tags::for_create(&client.config().tags, own, operation))
}

/// Whether the operation made what has these tags; none when there is nothing.
pub(super) fn whose(operation: &Operation, id: String, found: Option<&[Tag]>) -> Recovered {
    let Some(found) = found else {
        return Recovered::Absent;
    };
    let ours = |t: &Tag| t.key == tags::OPERATION && *t.value == *operation.id.0;
    if found.iter().any(ours) {
        Recovered::Found(id)
    } else {
        Recovered::Foreign(id)
    }
}

/// Brings tags from what they were, defaults included, to the resource's own and the present defaults.
macro_rules! update {
    ($client:expr, $context:expr, $operation:expr, $prior_all:expr, $own:expr,
        $id:ident($value:expr), $tag_call:literal: $tag:ident, $untag_call:literal: $untag:ident) => {{
        let defaults = &$client.config().tags;
        let (set, gone) = $crate::tags::changes(defaults, $prior_all, $own, $operation);
        if !gone.is_empty() {
            let request = $client.iam().$untag().$id($value).set_tag_keys(Some(gone));
            $client
                .call($context, $crate::family::IAM, $untag_call, || {
                    request.clone().send()
                })
                .await?;
        }
        let set = $crate::iam::tagging::to_sdk(&set)?;
        let request = $client.iam().$tag().$id($value).set_tags(Some(set));
        $client
            .call($context, $crate::family::IAM, $tag_call, || {
                request.clone().send()
            })
            .await?;
    }};
}
pub(super) use update;
