//! `bucket` on Google Cloud.

use super::Inputs;
use crate::draft::Draft;
use crate::google;
use serde_json::{Value as Json, json};

pub(super) fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
    check(inputs, draft);
    google::key(draft, "bucket", google::Agent::Storage);
    draft.data("google_client_config", "this", json!({}));
    let name = match &inputs.name {
        Some(name) => name.json("input.name"),
        None => {
            draft.builtin("random_id", "this", json!({ "byte_length": 4 }));
            // No name may have Google's in it.
            let name = draft.name("", 54).replace("google", "gcp");
            json!(format!("{name}-${{random_id.this.hex}}"))
        }
    };
    let force = inputs.force_destroy || draft.instance.stack.instance.is_some();
    let body = json!({
        "name": name,
        "location": "${upper(data.google_client_config.this.region)}",
        "force_destroy": force,
        "uniform_bucket_level_access": true,
        "public_access_prevention": "enforced",
        "versioning": { "enabled": inputs.versioning },
        "lifecycle_rule": rules(inputs),
        "encryption": { "default_kms_key_name": "${google_kms_crypto_key.this.id}" },
        "labels": draft.labels(),
        "depends_on": ["google_kms_crypto_key_iam_member.this"],
    });
    draft.resource("google_storage_bucket", "this", body);
    draft.output("id", "google_storage_bucket.this.id");
    draft.output("name", "google_storage_bucket.this.name");
    draft.output("container", "google_storage_bucket.this.name");
    draft.output(
        "arn",
        "\"projects/_/buckets/${google_storage_bucket.this.name}\"",
    );
    draft.output(
        "url",
        "\"https://storage.googleapis.com/${google_storage_bucket.this.name}\"",
    );
    draft.output("key_id", "google_kms_crypto_key.this.id");
}

fn rules(inputs: &Inputs) -> Vec<Json> {
    // Parts of uploads that nobody finished cost money and are seen by nobody.
    let mut rules = vec![json!({
        "action": { "type": "AbortIncompleteMultipartUpload" }, "condition": { "age": 7 },
    })];
    if inputs.versioning {
        rules.push(json!({
            "action": { "type": "Delete" },
            "condition": { "days_since_noncurrent_time": inputs.keep_versions_days },
        }));
    }
    for rule in &inputs.retention {
        let prefix = (!rule.prefix.is_empty()).then(|| vec![crate::input::escape(&rule.prefix)]);
        if let Some(days) = rule.archive_days {
            rules.push(json!({
                "action": { "type": "SetStorageClass", "storage_class": "NEARLINE" },
                "condition": { "age": days, "matches_prefix": prefix },
            }));
        }
        if let Some(days) = rule.expire_days {
            rules.push(json!({
                "action": { "type": "Delete" },
                "condition": { "age": days, "matches_prefix": prefix },
            }));
        }
    }
    rules
}

fn check(inputs: &Inputs, draft: &mut Draft<'_>) {
    // https://cloud.google.com/storage/docs/buckets#naming; dots would need a verified domain.
    let Some(name) = inputs.name.as_ref().and_then(|n| n.known()) else {
        return;
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !(3..=63).contains(&name.len())
        || !name.chars().all(legal)
        || !edge(name.chars().next())
        || !edge(name.chars().next_back())
        || name.starts_with("goog")
        || name.contains("google")
    {
        draft.refuse(
            "name",
            format!("`{name}` cannot be the name of a bucket"),
            "use 3 to 63 lower-case letters, digits, hyphens and underscores, first and last a letter or digit, and not Google's name; or leave `name` out",
        );
    }
}
