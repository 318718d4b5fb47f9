//! Log groups.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{broken, invalid, not_found, require, tagging};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, Paging, flag, integer, text, texts};
use crate::aws::kms::key::{self, Key};
use crate::aws::references;
use crate::clock::Millis;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// Days that events can be kept.
const DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// Groups whose events are delivered elsewhere keep them for so long.
const DELIVERY_DAYS: u32 = 2;

const PAGES: Paging = Paging {
    limit: "limit",
    token: "nextToken",
    default: 50,
    most: 50,
    wrong: |message| invalid(message),
    strange: |message| invalid(message),
};

/// A log group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LogGroup {
    pub(super) name: String,
    created: Millis,
    class: String,
    retention: Option<u32>,
    /// ARN of the key that encrypts new events.
    key: Option<String>,
    protected: bool,
}

impl Document for LogGroup {
    const KIND: &'static str = "logs/log-group";

    fn id(&self) -> &str {
        &self.name
    }

    /// A group that a service made for its own logs is listed as any: it outlives what is logged in it.
    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_cloudwatch_log_group")
    }
}

impl LogGroup {
    fn new(name: &str, class: &str, now: Millis) -> Self {
        Self {
            name: name.to_owned(),
            created: now,
            class: class.to_owned(),
            retention: (class == "DELIVERY").then_some(DELIVERY_DAYS),
            key: None,
            protected: false,
        }
    }

    fn view(&self, ctx: &Ctx<'_>) -> Value {
        let arn = arn(ctx, &self.name);
        let mut value = json!({
            "logGroupName": self.name,
            "creationTime": self.created,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "storedBytes": 0,
            "logGroupClass": self.class,
            "deletionProtectionEnabled": self.protected,
        });
        if let Some(days) = self.retention {
            value["retentionInDays"] = days.into();
        }
        if let Some(key) = &self.key {
            value["kmsKeyId"] = key.clone().into();
        }
        value
    }
}

pub(super) fn arn(ctx: &Ctx<'_>, name: &str) -> String {
    ctx.arn("logs", &format!("log-group:{name}"))
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "CreateLogGroup",
        accepts: &[
            "logGroupName",
            "kmsKeyId",
            "tags",
            "logGroupClass",
            "deletionProtectionEnabled",
        ],
        handler: create,
    },
    JsonOperation {
        name: "DescribeLogGroups",
        accepts: &[
            "logGroupNamePrefix",
            "logGroupNamePattern",
            "nextToken",
            "limit",
            "logGroupClass",
            "logGroupIdentifiers",
        ],
        handler: describe,
    },
    JsonOperation {
        name: "PutRetentionPolicy",
        accepts: &["logGroupName", "retentionInDays"],
        handler: put_retention,
    },
    JsonOperation {
        name: "DeleteRetentionPolicy",
        accepts: &["logGroupName"],
        handler: delete_retention,
    },
    JsonOperation {
        name: "AssociateKmsKey",
        accepts: &["logGroupName", "kmsKeyId", "resourceIdentifier"],
        handler: associate_key,
    },
    JsonOperation {
        name: "DisassociateKmsKey",
        accepts: &["logGroupName", "resourceIdentifier"],
        handler: disassociate_key,
    },
    JsonOperation {
        name: "PutLogGroupDeletionProtection",
        accepts: &["logGroupIdentifier", "deletionProtectionEnabled"],
        handler: protect,
    },
    JsonOperation {
        name: "DeleteLogGroup",
        accepts: &["logGroupName"],
        handler: delete,
    },
];

/// Makes the group that a service logs to by itself, where there is none.
pub(crate) fn ensure(ctx: &mut Ctx<'_>, name: &str) {
    if !ctx.exists::<LogGroup>(name) {
        let group = LogGroup::new(name, "STANDARD", ctx.now);
        ctx.put(group);
    }
}

/// The group that a name or an ARN means.
pub(super) fn find(ctx: &Ctx<'_>, identifier: &str) -> AwsResult<Stored<LogGroup>> {
    let own = arn(ctx, "");
    let name = identifier.strip_prefix(own.as_str()).unwrap_or(identifier);
    ctx.get::<LogGroup>(name).ok_or_else(not_found)
}

fn named(body: &Value) -> AwsResult<&str> {
    let name = require(body, "logGroupName")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-/#".contains(c);
    if name.is_empty() {
        let rule = "must have length greater than or equal to 1";
        return Err(broken(name, "logGroupName", rule));
    }
    if name.len() > 512 {
        let rule = "must have length less than or equal to 512";
        return Err(broken(name, "logGroupName", rule));
    }
    if !name.chars().all(legal) {
        let rule = "must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
        return Err(broken(name, "logGroupName", rule));
    }
    if name.starts_with("aws/") {
        return Err(invalid(
            "Log groups starting with AWS/ are reserved for AWS.",
        ));
    }
    Ok(name)
}

fn create(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = named(body)?;
    let class = text(body, "logGroupClass")?.unwrap_or("STANDARD");
    if !["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"].contains(&class) {
        let rule = "must satisfy enum value set: [INFREQUENT_ACCESS, STANDARD, DELIVERY]";
        return Err(broken(class, "logGroupClass", rule));
    }
    let tags = tagging::read(body)?;
    if ctx.exists::<LogGroup>(name) {
        return Err(AwsError::new(
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        ));
    }
    let key = match text(body, "kmsKeyId")? {
        Some(key) => Some(usable_key(ctx, key, name)?),
        None => None,
    };
    let group = LogGroup {
        key,
        protected: flag(body, "deletionProtectionEnabled")?,
        ..LogGroup::new(name, class, ctx.now)
    };
    ctx.put_tagged(group, tags);
    Ok(Value::Null)
}

/// The ARN of a key that Logs may encrypt with.
fn usable_key(ctx: &Ctx<'_>, text: &str, group: &str) -> AwsResult<String> {
    if !text.starts_with("arn:") || !references::may_be_key(ctx, text) {
        return Err(invalid(
            "Specified KMS Key Id is not valid. Please provide the ARN of a key.",
        ));
    }
    let Some(found) = key::resolve(ctx, text).filter(|key| key.is_enabled()) else {
        return Err(invalid(
            "The specified KMS key does not exist or is disabled.",
        ));
    };
    if !found.admits(&format!("logs.{}.amazonaws.com", ctx.region)) {
        let message = format!(
            "The specified KMS key does not exist or is not allowed to be used with Arn '{}'",
            arn(ctx, group)
        );
        return Err(AwsError::new("AccessDeniedException", message));
    }
    Ok(Key::arn(&found, ctx))
}

fn describe(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (prefix, pattern) = (
        text(body, "logGroupNamePrefix")?,
        text(body, "logGroupNamePattern")?,
    );
    let identifiers = texts(body, "logGroupIdentifiers")?;
    let given = [prefix.is_some(), pattern.is_some(), !identifiers.is_empty()];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(invalid(
            "LogGroup name prefix, LogGroup name pattern and LogGroup identifiers are mutually exclusive parameters.",
        ));
    }
    if identifiers.len() > 50 {
        let rule = "must have length less than or equal to 50";
        return Err(broken("[…]", "logGroupIdentifiers", rule));
    }
    let class = text(body, "logGroupClass")?;
    let own = arn(ctx, "");
    let named = |name: &str| {
        let means = |i: &&str| i.strip_prefix(own.as_str()).unwrap_or(i) == name;
        identifiers.is_empty() || identifiers.iter().any(means)
    };
    let mut groups = ctx.list::<LogGroup>();
    groups.retain(|group| {
        named(&group.name)
            && prefix.is_none_or(|start| group.name.starts_with(start))
            && pattern.is_none_or(|part| group.name.contains(part))
            && class.is_none_or(|class| class == group.class)
    });
    PAGES.answer(
        body,
        "logGroups",
        groups,
        |group| &group.name,
        |group| group.view(ctx),
    )
}

/// Changes the group of the request.
fn change(
    ctx: &mut Ctx<'_>,
    identifier: &str,
    change: impl FnOnce(&mut LogGroup),
) -> AwsResult<Value> {
    let mut group = find(ctx, identifier)?.edit();
    change(&mut group);
    ctx.put(group);
    Ok(Value::Null)
}

fn put_retention(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = named(body)?;
    let days = integer(body, "retentionInDays")?
        .ok_or_else(|| broken("null", "retentionInDays", "must not be null"))?;
    if !DAYS.contains(&days) {
        let rule = format!("must satisfy enum value set: {DAYS:?}");
        return Err(broken(&days.to_string(), "retentionInDays", &rule));
    }
    fixed(&*find(ctx, name)?)?;
    change(ctx, name, |group| {
        group.retention = u32::try_from(days).ok();
    })
}

fn delete_retention(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = named(body)?;
    fixed(&*find(ctx, name)?)?;
    change(ctx, name, |group| group.retention = None)
}

/// Refuses a change of a retention that the class fixes.
fn fixed(group: &LogGroup) -> AwsResult<()> {
    if group.class == "DELIVERY" {
        return Err(invalid(
            "Retention policy cannot be changed for log groups of the Delivery class.",
        ));
    }
    Ok(())
}

/// The name of the group whose key is changed.
fn keyed(ctx: &Ctx<'_>, body: &Value) -> AwsResult<String> {
    let by_name = text(body, "logGroupName")?;
    let ((Some(identifier), None) | (None, Some(identifier))) =
        (by_name, text(body, "resourceIdentifier")?)
    else {
        return Err(invalid(
            "Specify either logGroupName or resourceIdentifier, but not both.",
        ));
    };
    Ok(find(ctx, identifier)?.name.clone())
}

fn associate_key(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = keyed(ctx, body)?;
    let key = usable_key(ctx, require(body, "kmsKeyId")?, &name)?;
    change(ctx, &name, |group| group.key = Some(key))
}

fn disassociate_key(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = keyed(ctx, body)?;
    change(ctx, &name, |group| group.key = None)
}

fn protect(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let protected = flag(body, "deletionProtectionEnabled")?;
    let identifier = require(body, "logGroupIdentifier")?;
    change(ctx, identifier, |group| group.protected = protected)
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let name = named(body)?;
    if find(ctx, name)?.protected {
        return Err(AwsError::new(
            "ValidationException",
            "The log group has deletion protection enabled.",
        ));
    }
    ctx.delete::<LogGroup>(name);
    Ok(Value::Null)
}

/// Replaces the tags of a group.
pub(super) fn retag(ctx: &mut Ctx<'_>, name: &str, tags: Tags) {
    ctx.set_tags::<LogGroup>(name, tags);
}
