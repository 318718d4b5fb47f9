//! Aliases of keys.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::{self, seconds};
use super::{paged, require, text, validation};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::JsonOperation;
use crate::clock::Millis;
use crate::world::{Document, Listed};

/// An alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Alias {
    /// With `alias/` before it.
    name: String,
    target: String,
    created: Millis,
    updated: Millis,
}

impl Document for Alias {
    const KIND: &'static str = "kms/alias";

    fn id(&self) -> &str {
        &self.name
    }

    fn links(&self) -> Vec<String> {
        vec![self.target.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_kms_alias")
    }
}

impl Alias {
    /// The id of its key.
    pub(super) fn target(&self) -> &str {
        &self.target
    }
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "CreateAlias",
        accepts: &["AliasName", "TargetKeyId"],
        handler: create,
    },
    JsonOperation {
        name: "UpdateAlias",
        accepts: &["AliasName", "TargetKeyId"],
        handler: update,
    },
    JsonOperation {
        name: "DeleteAlias",
        accepts: &["AliasName"],
        handler: delete,
    },
    JsonOperation {
        name: "ListAliases",
        accepts: &["KeyId", "Limit", "Marker"],
        handler: list,
    },
];

fn target(ctx: &Ctx<'_>, body: &Value) -> AwsResult<String> {
    let text = require(body, "TargetKeyId")?;
    if text.contains("alias/") {
        return Err(validation("Aliases must refer to keys. Not aliases"));
    }
    let key = key::find_any(ctx, text)?;
    key.not_pending(ctx)?;
    Ok(key.id().to_owned())
}

fn create(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = require(body, "AliasName")?;
    let Some(rest) = name.strip_prefix("alias/").filter(|rest| !rest.is_empty()) else {
        return Err(AwsError::new(
            "InvalidAliasNameException",
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    if rest.starts_with("aws/") || name.len() > 256 || !rest.chars().all(allowed) {
        let message = format!("{name} contains invalid characters or is reserved for an alias");
        return Err(AwsError::new("InvalidAliasNameException", message));
    }
    let target = target(ctx, body)?;
    if ctx.exists::<Alias>(name) {
        let message = format!(
            "An alias with the name {} already exists",
            ctx.arn("kms", name)
        );
        return Err(AwsError::new("AlreadyExistsException", message));
    }
    ctx.put(Alias {
        name: name.to_owned(),
        target,
        created: ctx.now,
        updated: ctx.now,
    });
    Ok(Value::Null)
}

fn not_found(ctx: &Ctx<'_>, name: &str) -> AwsError {
    AwsError::new(
        "NotFoundException",
        format!("Alias {} is not found.", ctx.arn("kms", name)),
    )
}

fn update(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = require(body, "AliasName")?;
    let mut alias = ctx
        .get::<Alias>(name)
        .ok_or_else(|| not_found(ctx, name))?
        .edit();
    alias.target = target(ctx, body)?;
    alias.updated = ctx.now;
    ctx.put(alias);
    Ok(Value::Null)
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = require(body, "AliasName")?;
    if ctx.delete::<Alias>(name) {
        Ok(Value::Null)
    } else {
        Err(not_found(ctx, name))
    }
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let aliases = match text(body, "KeyId")? {
        Some(id) => {
            let key = key::find_any(ctx, id)?;
            let mut found = ctx.referrers::<Alias>(key.id());
            found.sort_by(|a, b| a.name.cmp(&b.name));
            found
        }
        None => ctx.list::<Alias>(),
    };
    paged(
        body,
        "Aliases",
        50,
        100,
        aliases,
        |alias| alias.name.as_str(),
        |alias| {
            json!({
                "AliasName": alias.name,
                "AliasArn": ctx.arn("kms", &alias.name),
                "TargetKeyId": alias.target,
                "CreationDate": seconds(alias.created),
                "LastUpdatedDate": seconds(alias.updated),
            })
        },
    )
}
