//! Tags of certificates.

use serde_json::{Value, json};

use super::certificate::{self, Certificate};
use super::{require, text};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, tag_list, tags_refused};
use crate::aws::tagging::Tagged;
use crate::tags::{Characters, TagError, Tags};

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "AddTagsToCertificate",
        accepts: &["CertificateArn", "Tags"],
        handler: add,
    },
    JsonOperation {
        name: "RemoveTagsFromCertificate",
        accepts: &["CertificateArn", "Tags"],
        handler: remove,
    },
    JsonOperation {
        name: "ListTagsForCertificate",
        accepts: &["CertificateArn"],
        handler: list,
    },
];

fn pairs(body: &Value) -> AwsResult<Vec<(String, Option<String>)>> {
    let tags = body.get("Tags").and_then(Value::as_array);
    let pair = |tag: &Value| {
        let value = text(tag, "Value")?.map(str::to_owned);
        Ok((require(tag, "Key")?.to_owned(), value))
    };
    tags.into_iter().flatten().map(pair).collect()
}

fn refused(error: &TagError) -> AwsError {
    tags_refused(error, "TooManyTagsException", "InvalidTagException")
}

/// Tags of a request.
pub(super) fn read(body: &Value) -> AwsResult<Tags> {
    let pairs = pairs(body)?.into_iter();
    let pairs = pairs.map(|(key, value)| (key, value.unwrap_or_default()));
    Tags::from_pairs(pairs, Characters::Restricted).map_err(|error| refused(&error))
}

fn add(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let certificate = certificate::find(ctx, body)?;
    let mut tags = certificate.tags().clone();
    tags.merge(read(body)?).map_err(|error| refused(&error))?;
    ctx.set_tags::<Certificate>(&certificate.arn, tags);
    Ok(Value::Null)
}

/// A tag with a value is only taken away if it has that value.
fn remove(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let certificate = certificate::find(ctx, body)?;
    let mut tags = certificate.tags().clone();
    for (key, value) in pairs(body)? {
        if value.is_none() || value.as_deref() == tags.get(&key) {
            tags.remove(&key);
        }
    }
    ctx.set_tags::<Certificate>(&certificate.arn, tags);
    Ok(Value::Null)
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let certificate = certificate::find(ctx, body)?;
    Ok(json!({"Tags": tag_list(certificate.tags())}))
}

/// What has tags in the region.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    Tagged::all(ctx, |certificate: &Certificate| certificate.arn.clone())
}
