//! Secrets: made, described, changed, deleted, restored.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::value::{self, Version};
use super::{PAGES, invalid, not_found, not_now, require, settings};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, flag, integer, items, tag_list, text};
use crate::aws::references;
use crate::aws::tagging::Tagged;
use crate::clock::Millis;
use crate::world::{Document, Listed, Stored};

const DAY: Millis = 24 * 60 * 60 * 1000;
/// Digits after the name in an ARN.
const SUFFIX: usize = 6;

/// A secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    suffix: String,
    description: String,
    pub(super) key: Option<String>,
    created: Millis,
    pub(super) changed: Millis,
    pub(super) policy: Option<String>,
    /// The oldest first.
    pub(super) versions: Vec<Version>,
    /// When its deletion was scheduled, and when it goes.
    deletion: Option<(Millis, Millis)>,
}

impl Document for Secret {
    const KIND: &'static str = "secretsmanager/secret";

    fn id(&self) -> &str {
        &self.name
    }

    fn gone_at(&self) -> Option<Millis> {
        self.deletion.map(|(_, date)| date)
    }

    fn live_until(&self) -> Option<Millis> {
        self.deletion.map(|(since, _)| since)
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_secretsmanager_secret")
    }
}

impl Secret {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        ctx.arn(
            "secretsmanager",
            &format!("secret:{}-{}", self.name, self.suffix),
        )
    }

    /// ARN and name, which most answers have.
    pub(super) fn named(&self, ctx: &Ctx<'_>) -> Value {
        json!({"ARN": self.arn(ctx), "Name": self.name})
    }

    /// What describing and listing tell alike.
    fn view(&self, ctx: &Ctx<'_>, tags: &crate::tags::Tags, stages: &str) -> Value {
        let mut value = self.named(ctx);
        value["CreatedDate"] = seconds(self.created);
        value["LastChangedDate"] = seconds(self.changed);
        value["Tags"] = tag_list(tags);
        if !self.description.is_empty() {
            value["Description"] = self.description.clone().into();
        }
        if let Some(key) = &self.key {
            value["KmsKeyId"] = key.clone().into();
        }
        if let Some((since, _)) = self.deletion {
            value["DeletedDate"] = seconds(since);
        }
        let labelled: serde_json::Map<String, Value> = self
            .versions
            .iter()
            .filter(|version| !version.stages.is_empty())
            .map(|version| (version.id.clone(), json!(version.stages)))
            .collect();
        if !labelled.is_empty() {
            value[stages] = labelled.into();
        }
        value
    }
}

/// Seconds since 1970.
pub(super) fn seconds(at: Millis) -> Value {
    json!(at as f64 / 1000.0)
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "CreateSecret",
        accepts: &[
            "Name",
            "ClientRequestToken",
            "Description",
            "KmsKeyId",
            "SecretBinary",
            "SecretString",
            "Tags",
        ],
        handler: create,
    },
    JsonOperation {
        name: "DescribeSecret",
        accepts: &["SecretId"],
        handler: describe,
    },
    JsonOperation {
        name: "ListSecrets",
        accepts: &[
            "IncludePlannedDeletion",
            "MaxResults",
            "NextToken",
            "Filters",
            "SortOrder",
        ],
        handler: list,
    },
    JsonOperation {
        name: "UpdateSecret",
        accepts: &[
            "SecretId",
            "ClientRequestToken",
            "Description",
            "KmsKeyId",
            "SecretBinary",
            "SecretString",
        ],
        handler: update,
    },
    JsonOperation {
        name: "DeleteSecret",
        accepts: &[
            "SecretId",
            "RecoveryWindowInDays",
            "ForceDeleteWithoutRecovery",
        ],
        handler: delete,
    },
    JsonOperation {
        name: "RestoreSecret",
        accepts: &["SecretId"],
        handler: restore,
    },
];

/// The secret of a name, an ARN, or an ARN without its random end; also one that is scheduled for deletion.
pub(super) fn find_any(ctx: &Ctx<'_>, body: &Value) -> AwsResult<Stored<Secret>> {
    let text = require(body, "SecretId")?;
    let own = ctx.arn("secretsmanager", "secret:");
    let found = match text.strip_prefix(own.as_str()) {
        None if text.starts_with("arn:") => None,
        None => ctx.get::<Secret>(text),
        Some(rest) => rest
            .len()
            .checked_sub(SUFFIX + 1)
            .and_then(|at| rest.get(..at))
            .and_then(|name| ctx.get::<Secret>(name))
            .filter(|secret| secret.arn(ctx) == text)
            .or_else(|| ctx.get::<Secret>(rest)),
    };
    found.ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
}

/// The same, refusing one that is scheduled for deletion.
pub(super) fn find(ctx: &Ctx<'_>, body: &Value) -> AwsResult<Stored<Secret>> {
    let secret = find_any(ctx, body)?;
    if secret.deletion.is_some() {
        return Err(not_now(
            "You can't perform this operation on the secret because it was marked for deletion.",
        ));
    }
    Ok(secret)
}

fn checked_name(body: &Value) -> AwsResult<&str> {
    let name = require(body, "Name")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-!".contains(c);
    if name.len() > 512 || !name.chars().all(legal) {
        return Err(AwsError::new(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    Ok(name)
}

fn checked_description(body: &Value) -> AwsResult<Option<&str>> {
    let description = text(body, "Description")?;
    if description.is_some_and(|d| d.chars().count() > 2048) {
        return Err(invalid("Description must be at most 2048 characters."));
    }
    Ok(description)
}

/// The key of a request. AWS' own key is not told apart from none.
fn checked_key(ctx: &Ctx<'_>, body: &Value) -> AwsResult<Option<Option<String>>> {
    match text(body, "KmsKeyId")? {
        None => Ok(None),
        Some("" | "alias/aws/secretsmanager") => Ok(Some(None)),
        Some(key) if references::may_be_key(ctx, key) => Ok(Some(Some(key.to_owned()))),
        Some(key) => Err(invalid(format!("The KMS key {key} is not valid."))),
    }
}

pub(super) fn create(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = checked_name(body)?;
    let description = checked_description(body)?.unwrap_or_default();
    let key = checked_key(ctx, body)?.flatten();
    let tags = settings::read_tags(body)?;
    let content = value::content(body)?;
    if let Some(known) = ctx.get::<Secret>(name) {
        if known.deletion.is_some() {
            return Err(not_now(
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        // The same request again.
        let token = text(body, "ClientRequestToken")?;
        let same = |version: &&Version| {
            Some(version.id.as_str()) == token && Some(&version.content) == content.as_ref()
        };
        return match known.versions.iter().find(same) {
            Some(version) => Ok(with_version(known.named(ctx), &version.id)),
            None => Err(AwsError::new(
                "ResourceExistsException",
                format!("The operation failed because the secret {name} already exists."),
            )),
        };
    }
    let mut secret = Secret {
        name: name.to_owned(),
        suffix: ctx.new_hex(SUFFIX),
        description: description.to_owned(),
        key,
        created: ctx.now,
        changed: ctx.now,
        policy: None,
        versions: Vec::new(),
        deletion: None,
    };
    let mut answer = secret.named(ctx);
    if let Some(content) = content {
        let id = value::add(ctx, &mut secret, body, content)?;
        answer = with_version(answer, &id);
    }
    ctx.put_tagged(secret, tags);
    Ok(answer)
}

fn with_version(mut answer: Value, id: &str) -> Value {
    answer["VersionId"] = id.into();
    answer
}

pub(super) fn describe(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let secret = find_any(ctx, body)?;
    Ok(secret.view(ctx, secret.tags(), "VersionIdsToStages"))
}

/// Whether a secret passes a filter of a listing.
fn passes(secret: &Stored<Secret>, filter: &Value) -> AwsResult<bool> {
    let values = items(filter, "Values")?;
    let mut values = values.iter().filter_map(Value::as_str);
    let starts = |text: &str, start: &str| text.to_lowercase().starts_with(&start.to_lowercase());
    Ok(match require(filter, "Key")? {
        "name" => values.any(|start| secret.name.starts_with(start)),
        "description" => values.any(|start| starts(&secret.description, start)),
        "tag-key" => {
            values.any(|start| secret.tags().iter().any(|(key, _)| key.starts_with(start)))
        }
        "tag-value" => values.any(|start| {
            secret
                .tags()
                .iter()
                .any(|(_, value)| value.starts_with(start))
        }),
        other => return Err(invalid(format!("Invalid filter key {other}."))),
    })
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let deleted = flag(body, "IncludePlannedDeletion")?;
    let filters = items(body, "Filters")?;
    let mut found = Vec::new();
    for secret in ctx.list::<Secret>() {
        let mut shown = deleted || secret.deletion.is_none();
        for filter in filters {
            shown &= passes(&secret, filter)?;
        }
        if shown {
            found.push(secret);
        }
    }
    PAGES.answer(
        body,
        "SecretList",
        found,
        |secret| &secret.name,
        |secret| secret.view(ctx, secret.tags(), "SecretVersionsToStages"),
    )
}

fn update(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut secret = find(ctx, body)?.edit();
    if let Some(description) = checked_description(body)? {
        description.clone_into(&mut secret.description);
    }
    if let Some(key) = checked_key(ctx, body)? {
        secret.key = key;
    }
    secret.changed = ctx.now;
    let mut answer = secret.named(ctx);
    if let Some(content) = value::content(body)? {
        let id = value::add(ctx, &mut secret, body, content)?;
        answer = with_version(answer, &id);
    }
    ctx.put(secret);
    Ok(answer)
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let force = flag(body, "ForceDeleteWithoutRecovery")?;
    let days = integer(body, "RecoveryWindowInDays")?;
    if force && days.is_some() {
        return Err(invalid(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let days = days.unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(invalid(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    let mut secret = find(ctx, body)?.edit();
    let date = if force {
        ctx.now
    } else {
        ctx.now + DAY * days as Millis
    };
    let mut answer = secret.named(ctx);
    answer["DeletionDate"] = seconds(date);
    if force {
        ctx.delete::<Secret>(&secret.name);
    } else {
        secret.deletion = Some((ctx.now, date));
        ctx.put(secret);
    }
    Ok(answer)
}

fn restore(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut secret = find_any(ctx, body)?.edit();
    secret.deletion = None;
    let answer = secret.named(ctx);
    ctx.put(secret);
    Ok(answer)
}

/// What has tags in the region: secrets.
pub(in crate::aws) fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    Tagged::all(ctx, |secret: &Secret| secret.arn(ctx))
}
