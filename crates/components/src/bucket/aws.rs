//! `bucket` on AWS: an S3 bucket with its key, policy, versioning and lifecycle.

use super::Inputs;
use crate::aws::{self, Encryption};
use crate::draft::Draft;
use serde_json::{Value as Json, json};

/// S3 moves nothing to this class earlier.
const ARCHIVE_FROM_DAYS: i64 = 30;

pub(super) fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
    check(inputs, draft);
    aws::key(
        draft,
        "bucket",
        format!("Objects in {}", draft.name("", 200)),
    );
    let name = match &inputs.name {
        Some(name) => name.json("input.name"),
        None => aws::unique_bucket_name(draft, ""),
    };
    let force = inputs.force_destroy || draft.instance.stack.instance.is_some();
    aws::private_bucket(
        draft,
        "this",
        "",
        name,
        force,
        &Encryption::OwnKey,
        Vec::new(),
    );
    let status = if inputs.versioning {
        "Enabled"
    } else {
        "Suspended"
    };
    draft.resource(
        "aws_s3_bucket_versioning",
        "this",
        json!({
            "bucket": "${aws_s3_bucket.this.id}",
            "versioning_configuration": { "status": status },
        }),
    );
    draft.resource(
        "aws_s3_bucket_lifecycle_configuration",
        "this",
        json!({
            "bucket": "${aws_s3_bucket.this.id}",
            "rule": rules(inputs),
            "depends_on": ["aws_s3_bucket_versioning.this"],
        }),
    );
    draft.output("id", "aws_s3_bucket.this.id");
    draft.output("name", "aws_s3_bucket.this.bucket");
    draft.output("container", "aws_s3_bucket.this.bucket");
    draft.output("arn", "aws_s3_bucket.this.arn");
    draft.output(
        "url",
        "\"https://${aws_s3_bucket.this.bucket_regional_domain_name}\"",
    );
    draft.output("key_id", "aws_kms_key.this.arn");
}

fn rules(inputs: &Inputs) -> Vec<Json> {
    // Parts of uploads that nobody finished cost money and are seen by nobody.
    let mut rules = vec![json!({
        "id": "unfinished-uploads", "status": "Enabled", "filter": {},
        "abort_incomplete_multipart_upload": { "days_after_initiation": 7 },
    })];
    if inputs.versioning {
        rules.push(json!({
            "id": "old-versions", "status": "Enabled", "filter": {},
            "noncurrent_version_expiration": { "noncurrent_days": inputs.keep_versions_days },
        }));
    }
    for (index, rule) in inputs.retention.iter().enumerate() {
        let filter = if rule.prefix.is_empty() {
            json!({})
        } else {
            json!({ "prefix": crate::input::escape(&rule.prefix) })
        };
        rules.push(json!({
            "id": format!("retention-{index}"), "status": "Enabled", "filter": filter,
            "transition": rule.archive_days.map(|days| json!({ "days": days, "storage_class": "STANDARD_IA" })),
            "expiration": rule.expire_days.map(|days| json!({ "days": days })),
        }));
    }
    rules
}

fn check(inputs: &Inputs, draft: &mut Draft<'_>) {
    for (index, rule) in inputs.retention.iter().enumerate() {
        if rule
            .archive_days
            .is_some_and(|d| (1..ARCHIVE_FROM_DAYS).contains(&d))
        {
            draft.refuse(
                &format!("retention[{index}].archive_days"),
                format!("S3 archives nothing before {ARCHIVE_FROM_DAYS} days"),
                format!("write `archive_days = {ARCHIVE_FROM_DAYS}` or more"),
            );
        }
    }
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    let Some(name) = inputs.name.as_ref().and_then(|n| n.known()) else {
        return;
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !(3..=63).contains(&name.len())
        || !name.chars().all(legal)
        || !edge(name.chars().next())
        || !edge(name.chars().next_back())
        || name.contains("..")
    {
        draft.refuse(
            "name",
            format!("`{name}` cannot be the name of a bucket"),
            "use 3 to 63 lower-case letters, digits and hyphens, first and last a letter or digit; or leave `name` out",
        );
    }
}
