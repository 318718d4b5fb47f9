//! What a key carries beside its state: the policy, rotation and tags.

use serde_json::{Value, json};

use super::key::{self, Key, seconds};
use super::{paged, require, text, validation};
use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, tags_refused};
use crate::aws::references::unknown_principal;
use crate::clock::Millis;
use crate::tags::{Characters, TagError, Tags};

const DAY: Millis = 24 * 60 * 60 * 1000;

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "GetKeyPolicy",
        accepts: &["KeyId", "PolicyName"],
        handler: policy,
    },
    JsonOperation {
        name: "PutKeyPolicy",
        accepts: &[
            "KeyId",
            "PolicyName",
            "Policy",
            "BypassPolicyLockoutSafetyCheck",
        ],
        handler: put_policy,
    },
    JsonOperation {
        name: "ListKeyPolicies",
        accepts: &["KeyId", "Limit", "Marker"],
        handler: list_policies,
    },
    JsonOperation {
        name: "GetKeyRotationStatus",
        accepts: &["KeyId"],
        handler: rotation_status,
    },
    JsonOperation {
        name: "EnableKeyRotation",
        accepts: &["KeyId", "RotationPeriodInDays"],
        handler: enable_rotation,
    },
    JsonOperation {
        name: "DisableKeyRotation",
        accepts: &["KeyId"],
        handler: disable_rotation,
    },
    JsonOperation {
        name: "TagResource",
        accepts: &["KeyId", "Tags"],
        handler: tag,
    },
    JsonOperation {
        name: "UntagResource",
        accepts: &["KeyId", "TagKeys"],
        handler: untag,
    },
    JsonOperation {
        name: "ListResourceTags",
        accepts: &["KeyId", "Limit", "Marker"],
        handler: list_tags,
    },
];

/// The policy of a key that is made without one: the account decides through IAM.
pub(super) fn default_policy() -> String {
    let root = global_arn("iam", "root");
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

/// Checks that text is the policy of a key, or of a secret: both have the same form.
pub(crate) fn check_policy<'p>(ctx: &Ctx<'_>, policy: &'p str) -> AwsResult<&'p str> {
    let wrong = |message: &str| AwsError::new("MalformedPolicyDocumentException", message);
    if policy.len() > 32 * 1024 {
        return Err(AwsError::new(
            "LimitExceededException",
            "The policy is longer than 32 KB",
        ));
    }
    let Ok(Value::Object(document)) = serde_json::from_str::<Value>(policy) else {
        return Err(wrong("The policy is not a JSON object"));
    };
    let statements = match document.get("Statement") {
        Some(Value::Array(items)) if !items.is_empty() => items.iter().collect(),
        Some(item @ Value::Object(_)) => vec![item],
        _ => return Err(wrong("The policy has no statement")),
    };
    for statement in statements {
        let has = |names: [&str; 2]| names.iter().any(|name| statement.get(*name).is_some());
        let effect = statement.get("Effect").and_then(Value::as_str);
        if !matches!(effect, Some("Allow" | "Deny"))
            || !has(["Action", "NotAction"])
            || !has(["Principal", "NotPrincipal"])
        {
            return Err(wrong("Each statement needs Effect, Action and Principal"));
        }
    }
    if unknown_principal(ctx, policy).is_some() {
        return Err(wrong(
            "Policy contains a statement with one or more invalid principals.",
        ));
    }
    Ok(policy)
}

/// What a service that encrypts with a key calls.
const USES: [&str; 3] = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"];

/// Whether a policy allows a service all that it needs to encrypt with the key.
pub(super) fn admits(policy: &str, service: &str) -> bool {
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = listed(&document["Statement"]);
    USES.iter().all(|needed| {
        statements.iter().any(|statement| {
            let allows = |action: &str| match action.strip_suffix('*') {
                Some(start) => needed.starts_with(start),
                None => action == *needed,
            };
            statement["Effect"] == "Allow"
                && strings(&statement["Principal"]["Service"]).any(|name| name == service)
                && strings(&statement["Action"]).any(allows)
        })
    })
}

/// One value, or those of a list: policies write either.
fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    listed(value).into_iter().filter_map(Value::as_str)
}

fn policy_name(body: &Value) -> AwsResult<()> {
    match text(body, "PolicyName")? {
        None | Some("default") => Ok(()),
        Some(name) => Err(AwsError::new(
            "NotFoundException",
            format!("No such policy exists: {name}"),
        )),
    }
}

fn policy(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let key = key::find(ctx, body)?;
    policy_name(body)?;
    Ok(json!({"Policy": key.policy, "PolicyName": "default"}))
}

fn put_policy(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut key = key::find(ctx, body)?.edit();
    policy_name(body)?;
    key.not_pending(ctx)?;
    key.policy = check_policy(ctx, require(body, "Policy")?)?.to_owned();
    ctx.put(key);
    Ok(Value::Null)
}

fn list_policies(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    key::find(ctx, body)?;
    Ok(json!({"PolicyNames": ["default"], "Truncated": false}))
}

fn rotatable(ctx: &Ctx<'_>, key: &Key) -> AwsResult<()> {
    if key.spec != "SYMMETRIC_DEFAULT" {
        let message = "You cannot perform this operation on an asymmetric or HMAC key";
        return Err(AwsError::new("UnsupportedOperationException", message));
    }
    key.not_pending(ctx)
}

fn rotation_status(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let key = key::find(ctx, body)?;
    let mut answer = json!({"KeyId": key.arn(ctx), "KeyRotationEnabled": key.rotation.is_some()});
    if let Some((days, since)) = key.rotation {
        answer["RotationPeriodInDays"] = days.into();
        answer["NextRotationDate"] = seconds(since + DAY * Millis::from(days));
    }
    Ok(answer)
}

fn enable_rotation(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut key = key::find(ctx, body)?.edit();
    rotatable(ctx, &key)?;
    if !key.is_enabled() {
        return Err(AwsError::new(
            "DisabledException",
            format!("{} is disabled.", key.arn(ctx)),
        ));
    }
    let days = match body.get("RotationPeriodInDays").map(Value::as_u64) {
        None => key.rotation.map_or(365, |(days, _)| days),
        Some(Some(days @ 90..=2560)) => days as u32,
        Some(_) => {
            return Err(validation(
                "RotationPeriodInDays must be between 90 and 2560",
            ));
        }
    };
    key.rotation = Some((days, ctx.now));
    ctx.put(key);
    Ok(Value::Null)
}

fn disable_rotation(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut key = key::find(ctx, body)?.edit();
    rotatable(ctx, &key)?;
    key.rotation = None;
    ctx.put(key);
    Ok(Value::Null)
}

fn tag_error(error: &TagError) -> AwsError {
    tags_refused(error, "LimitExceededException", "TagException")
}

/// Tags of a request.
pub(super) fn read_tags(body: &Value) -> AwsResult<Tags> {
    let mut pairs = Vec::new();
    for tag in body
        .get("Tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        pairs.push((
            require(tag, "TagKey")?.to_owned(),
            text(tag, "TagValue")?.unwrap_or_default().to_owned(),
        ));
    }
    Tags::from_pairs(pairs, Characters::Restricted).map_err(|error| tag_error(&error))
}

fn tag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let key = key::find(ctx, body)?;
    key.not_pending(ctx)?;
    let mut tags = key.tags().clone();
    tags.merge(read_tags(body)?)
        .map_err(|error| tag_error(&error))?;
    let id = crate::world::Document::id(&*key).to_owned();
    ctx.set_tags::<Key>(&id, tags);
    Ok(Value::Null)
}

fn untag(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let key = key::find(ctx, body)?;
    key.not_pending(ctx)?;
    let mut tags = key.tags().clone();
    for name in body
        .get("TagKeys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        tags.remove(name);
    }
    let id = crate::world::Document::id(&*key).to_owned();
    ctx.set_tags::<Key>(&id, tags);
    Ok(Value::Null)
}

fn list_tags(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let key = key::find(ctx, body)?;
    let tags: Vec<(&str, &str)> = key.tags().iter().collect();
    paged(
        body,
        "Tags",
        50,
        50,
        tags,
        |(name, _)| name,
        |(name, value)| json!({"TagKey": name, "TagValue": value}),
    )
}
