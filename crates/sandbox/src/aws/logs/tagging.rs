//! Tags of log groups, by ARN.

use serde_json::{Value, json};

use super::group::{self, LogGroup};
use super::{invalid, require};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, tags_refused, texts};
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
    tags_refused(error, "TooManyTagsException", "InvalidParameterException")
}

/// Tags of a request: a map.
pub(super) fn read(body: &Value) -> AwsResult<Tags> {
    let mut pairs = Vec::new();
    for (key, value) in body
        .get("tags")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let Some(value) = value.as_str() else {
            return Err(invalid(format!("The value of tag {key} is no string")));
        };
        pairs.push((key.clone(), value.to_owned()));
    }
    Tags::from_pairs(pairs, Characters::Restricted).map_err(|error| refused(&error))
}

/// The name of the group of an ARN, which has no `:*` here.
fn named(ctx: &Ctx<'_>, body: &Value) -> AwsResult<(String, Tags)> {
    let arn = require(body, "resourceArn")?;
    if !arn.starts_with(&ctx.arn("logs", "log-group:")) || arn.ends_with('*') {
        return Err(invalid(format!("Invalid resource ARN: {arn}")));
    }
    let found = group::find(ctx, arn)?;
    Ok((found.name.clone(), found.tags().clone()))
}

fn tag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (name, mut tags) = named(ctx, body)?;
    tags.merge(read(body)?).map_err(|error| refused(&error))?;
    group::retag(ctx, &name, tags);
    Ok(Value::Null)
}

fn untag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (name, mut tags) = named(ctx, body)?;
    for key in texts(body, "tagKeys")? {
        tags.remove(key);
    }
    group::retag(ctx, &name, tags);
    Ok(Value::Null)
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (_, tags) = named(ctx, body)?;
    Ok(json!({"tags": tags.to_map()}))
}

/// What has tags in the region.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    Tagged::all(ctx, |found: &LogGroup| group::arn(ctx, found.id()))
}
