//! What secrets hold: versions, and the labels that say which of them is current.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::secret::{self, Secret, seconds};
use super::{PAGES, invalid, not_found, require};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, flag, text, texts};
use crate::aws::references;
use crate::clock::Millis;

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
/// The most bytes that a version holds.
const LONGEST: usize = 65_536;
/// The most labels that a version has.
const LABELS: usize = 20;

/// A version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    created: Millis,
    pub(super) content: Content,
    pub(super) stages: Vec<String>,
}

/// What a version holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Content {
    Text(String),
    /// In base64.
    Bytes(String),
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "PutSecretValue",
        accepts: &[
            "SecretId",
            "ClientRequestToken",
            "SecretBinary",
            "SecretString",
            "VersionStages",
        ],
        handler: put,
    },
    JsonOperation {
        name: "GetSecretValue",
        accepts: &["SecretId", "VersionId", "VersionStage"],
        handler: get,
    },
    JsonOperation {
        name: "ListSecretVersionIds",
        accepts: &["SecretId", "MaxResults", "NextToken", "IncludeDeprecated"],
        handler: list,
    },
    JsonOperation {
        name: "UpdateSecretVersionStage",
        accepts: &[
            "SecretId",
            "VersionStage",
            "RemoveFromVersionId",
            "MoveToVersionId",
        ],
        handler: relabel,
    },
];

/// What a request holds; none where it holds nothing.
pub(super) fn content(body: &Value) -> AwsResult<Option<Content>> {
    let content = match (text(body, "SecretString")?, text(body, "SecretBinary")?) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(invalid(
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            ));
        }
        (Some(text), None) => (text.len(), Content::Text(text.to_owned())),
        (None, Some(bytes)) => {
            let decoded = STANDARD.decode(bytes);
            let decoded = decoded.map_err(|_| invalid("SecretBinary is not base64."))?;
            (decoded.len(), Content::Bytes(bytes.to_owned()))
        }
    };
    match content {
        (1..=LONGEST, content) => Ok(Some(content)),
        _ => Err(invalid(format!(
            "The secret value must have 1 to {LONGEST} bytes."
        ))),
    }
}

/// Adds what a request holds as a version; the token is its id. The same again is what is there already.
pub(super) fn add(
    ctx: &mut Ctx<'_>,
    secret: &mut Secret,
    body: &Value,
    content: Content,
) -> AwsResult<String> {
    let id = match text(body, "ClientRequestToken")? {
        Some(token) if (32..=64).contains(&token.len()) => token.to_owned(),
        Some(_) => {
            return Err(invalid("ClientRequestToken must be 32-64 characters long."));
        }
        None => ctx.new_uuid(),
    };
    if let Some(known) = secret.versions.iter().find(|version| version.id == id) {
        if known.content == content {
            return Ok(id);
        }
        let message = format!(
            "You can't use ClientRequestToken {id} because that value is already in use for a version of secret {}.",
            secret.arn(ctx)
        );
        return Err(AwsError::new("ResourceExistsException", message));
    }
    if let Some(key) = &secret.key
        && references::enabled_key(ctx, key).is_none()
    {
        return Err(AwsError::new(
            "EncryptionFailure",
            "Secrets Manager can't encrypt the protected secret text using the provided KMS key.",
        ));
    }
    let stages = texts(body, "VersionStages")?;
    if stages.len() > LABELS {
        return Err(invalid(format!("A version has at most {LABELS} labels.")));
    }
    let current = vec![CURRENT];
    let stages = if stages.is_empty() { current } else { stages };
    secret.versions.push(Version {
        id: id.clone(),
        created: ctx.now,
        content,
        stages: Vec::new(),
    });
    for stage in stages {
        give(secret, stage, &id);
    }
    secret.changed = ctx.now;
    Ok(id)
}

/// Gives a label to a version, and takes it from the one that had it. The version that was current becomes the previous one.
fn give(secret: &mut Secret, stage: &str, id: &str) {
    let before = take(secret, stage);
    if stage == CURRENT
        && let Some(before) = before.filter(|before| before != id)
    {
        give(secret, PREVIOUS, &before);
    }
    if let Some(version) = secret.versions.iter_mut().find(|version| version.id == id) {
        version.stages.push(stage.to_owned());
    }
}

/// Takes a label away; the version that had it.
fn take(secret: &mut Secret, stage: &str) -> Option<String> {
    let mut versions = secret.versions.iter_mut();
    let holder = versions.find(|version| version.stages.iter().any(|known| known == stage))?;
    holder.stages.retain(|known| known != stage);
    Some(holder.id.clone())
}

pub(super) fn put(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut secret = secret::find(ctx, body)?.edit();
    let content = content(body)?
        .ok_or_else(|| invalid("You must provide either SecretString or SecretBinary."))?;
    let id = add(ctx, &mut secret, body, content)?;
    let mut answer = secret.named(ctx);
    answer["VersionId"] = id.clone().into();
    let version = secret.versions.iter().find(|version| version.id == id);
    answer["VersionStages"] = json!(version.map(|version| &version.stages));
    ctx.put(secret);
    Ok(answer)
}

pub(super) fn get(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let secret = secret::find(ctx, body)?;
    let (id, stage) = (text(body, "VersionId")?, text(body, "VersionStage")?);
    let wanted = match (id, stage) {
        (None, None) => Some(CURRENT),
        (_, stage) => stage,
    };
    let means = |version: &&Version| {
        id.is_none_or(|id| version.id == id)
            && wanted.is_none_or(|stage| version.stages.iter().any(|known| known == stage))
    };
    let Some(version) = secret.versions.iter().find(means) else {
        let message = match (id, wanted) {
            (Some(id), _) => {
                format!("Secrets Manager can't find the specified secret value for VersionId: {id}")
            }
            (None, stage) => format!(
                "Secrets Manager can't find the specified secret value for staging label: {}",
                stage.unwrap_or_default()
            ),
        };
        return Err(not_found(&message));
    };
    let mut answer = secret.named(ctx);
    answer["VersionId"] = version.id.clone().into();
    answer["CreatedDate"] = seconds(version.created);
    if !version.stages.is_empty() {
        answer["VersionStages"] = json!(version.stages);
    }
    match &version.content {
        Content::Text(text) => answer["SecretString"] = text.clone().into(),
        Content::Bytes(bytes) => answer["SecretBinary"] = bytes.clone().into(),
    }
    Ok(answer)
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let secret = secret::find_any(ctx, body)?;
    let deprecated = flag(body, "IncludeDeprecated")?;
    let mut versions: Vec<&Version> = secret
        .versions
        .iter()
        .filter(|version| deprecated || !version.stages.is_empty())
        .collect();
    versions.sort_by(|a, b| a.id.cmp(&b.id));
    let mut answer = PAGES.answer(
        body,
        "Versions",
        versions,
        |version| &version.id,
        |version| {
            let mut value = json!({
                "VersionId": version.id,
                "CreatedDate": seconds(version.created),
            });
            if !version.stages.is_empty() {
                value["VersionStages"] = json!(version.stages);
            }
            value
        },
    )?;
    answer["ARN"] = secret.arn(ctx).into();
    answer["Name"] = secret.name.clone().into();
    Ok(answer)
}

fn relabel(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut secret = secret::find(ctx, body)?.edit();
    let stage = require(body, "VersionStage")?;
    let (from, to) = (
        text(body, "RemoveFromVersionId")?,
        text(body, "MoveToVersionId")?,
    );
    if let Some(to) = to
        && !secret.versions.iter().any(|version| version.id == to)
    {
        let message =
            format!("Secrets Manager can't find the specified secret value for VersionId: {to}");
        return Err(not_found(&message));
    }
    let mut versions = secret.versions.iter();
    let holder = versions.find(|version| version.stages.iter().any(|known| known == stage));
    let holder = holder.map(|version| version.id.clone());
    if from != holder.as_deref() && (from.is_some() || to != holder.as_deref()) {
        return Err(invalid(match (&holder, from) {
            (Some(holder), None) => format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ),
            (Some(holder), Some(from)) => format!(
                "The staging label {stage} is attached to version {holder}, not to version {from}."
            ),
            (None, _) => format!("The staging label {stage} is attached to no version."),
        }));
    }
    match to {
        Some(to) => give(&mut secret, stage, to),
        None if stage == CURRENT => {
            return Err(invalid(
                "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
            ));
        }
        None => drop(take(&mut secret, stage)),
    }
    secret.changed = ctx.now;
    let answer = secret.named(ctx);
    ctx.put(secret);
    Ok(answer)
}
