//! Tags of repositories, by ARN.

use serde_json::{Value, json};

use super::repository::{self, Repository};
use super::{broken, require};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, items, tag_list, tags_refused, texts};
use crate::aws::tagging::Tagged;
use crate::tags::{Characters, TagError, Tags};
use crate::world::Document;

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "TagResource",
        accepts: &["resourceArn", "tags"],
        handler: tag,
    },
    JsonOperation {
        name: "UntagResource",
        accepts: &["resourceArn", "tagKeys"],
        handler: untag,
    },
    JsonOperation {
        name: "ListTagsForResource",
        accepts: &["resourceArn"],
        handler: list,
    },
];

fn refused(error: &TagError) -> AwsError {
    tags_refused(
        error,
        "TooManyTagsException",
        "InvalidTagParameterException",
    )
}

/// Tags of a request.
pub(super) fn read(body: &Value) -> AwsResult<Tags> {
    let pairs: AwsResult<Vec<(String, String)>> = items(body, "tags")?
        .iter()
        .map(|tag| {
            Ok((
                require(tag, "Key")?.to_owned(),
                require(tag, "Value")?.to_owned(),
            ))
        })
        .collect();
    Tags::from_pairs(pairs?, Characters::Restricted).map_err(|error| refused(&error))
}

fn named(ctx: &Ctx<'_>, body: &Value) -> AwsResult<(String, Tags)> {
    let arn = require(body, "resourceArn")?;
    let Some(name) = arn.strip_prefix(&repository::arn(ctx, "")) else {
        return Err(broken("resourceArn", "Invalid ARN"));
    };
    let found = repository::get(ctx, name)?;
    Ok((found.name.clone(), found.tags().clone()))
}

fn tag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (name, mut tags) = named(ctx, body)?;
    tags.merge(read(body)?).map_err(|error| refused(&error))?;
    ctx.set_tags::<Repository>(&name, tags);
    Ok(json!({}))
}

fn untag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (name, mut tags) = named(ctx, body)?;
    for key in texts(body, "tagKeys")? {
        tags.remove(key);
    }
    ctx.set_tags::<Repository>(&name, tags);
    Ok(json!({}))
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (_, tags) = named(ctx, body)?;
    Ok(json!({"tags": tag_list(&tags)}))
}

/// What has tags in the region.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    Tagged::all(ctx, |found: &Repository| repository::arn(ctx, found.id()))
}
