//! What a secret carries beside what it holds: its policy and tags.

use serde_json::{Value, json};

use super::secret::{self, Secret};
use super::{invalid, require};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, flag, items, text, texts};
use crate::aws::kms::key_settings::check_policy;
use crate::tags::{Characters, TagError, Tags};

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "PutResourcePolicy",
        accepts: &["SecretId", "ResourcePolicy", "BlockPublicPolicy"],
        handler: put_policy,
    },
    JsonOperation {
        name: "GetResourcePolicy",
        accepts: &["SecretId"],
        handler: policy,
    },
    JsonOperation {
        name: "DeleteResourcePolicy",
        accepts: &["SecretId"],
        handler: delete_policy,
    },
    JsonOperation {
        name: "TagResource",
        accepts: &["SecretId", "Tags"],
        handler: tag,
    },
    JsonOperation {
        name: "UntagResource",
        accepts: &["SecretId", "TagKeys"],
        handler: untag,
    },
];

fn put_policy(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut secret = secret::find(ctx, body)?.edit();
    let policy = check_policy(ctx, require(body, "ResourcePolicy")?)?;
    if flag(body, "BlockPublicPolicy")? && is_public(policy) {
        return Err(AwsError::new(
            "PublicPolicyException",
            "The resource policy grants broad access to the secret.",
        ));
    }
    secret.policy = Some(policy.to_owned());
    let answer = secret.named(ctx);
    ctx.put(secret);
    Ok(answer)
}

/// Whether any statement lets everybody in without a condition.
fn is_public(policy: &str) -> bool {
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = match &document["Statement"] {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    statements.iter().any(|statement| {
        let principal = &statement["Principal"];
        statement["Effect"] == "Allow"
            && (principal == "*" || principal["AWS"] == "*")
            && statement.get("Condition").is_none()
    })
}

fn policy(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let secret = secret::find(ctx, body)?;
    let mut answer = secret.named(ctx);
    if let Some(policy) = &secret.policy {
        answer["ResourcePolicy"] = policy.clone().into();
    }
    Ok(answer)
}

pub(super) fn delete_policy(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut secret = secret::find(ctx, body)?.edit();
    secret.policy = None;
    let answer = secret.named(ctx);
    ctx.put(secret);
    Ok(answer)
}

fn refused(error: &TagError) -> AwsError {
    invalid(error.to_string())
}

/// Tags of a request.
pub(super) fn read_tags(body: &Value) -> AwsResult<Tags> {
    let mut pairs = Vec::new();
    for tag in items(body, "Tags")? {
        let value = text(tag, "Value")?.unwrap_or_default();
        pairs.push((require(tag, "Key")?.to_owned(), value.to_owned()));
    }
    Tags::from_pairs(pairs, Characters::Restricted).map_err(|error| refused(&error))
}

fn tag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let secret = secret::find(ctx, body)?;
    let mut tags = secret.tags().clone();
    tags.merge(read_tags(body)?)
        .map_err(|error| refused(&error))?;
    ctx.set_tags::<Secret>(&secret.name, tags);
    Ok(json!({}))
}

fn untag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let secret = secret::find(ctx, body)?;
    let mut tags = secret.tags().clone();
    for key in texts(body, "TagKeys")? {
        tags.remove(key);
    }
    ctx.set_tags::<Secret>(&secret.name, tags);
    Ok(json!({}))
}
