//! `registry` on Google Cloud: a repository of Artifact Registry with its key.

use super::{Inputs, check_name};
use crate::draft::Draft;
use crate::google;
use serde_json::json;

const DAY: i64 = 24 * 60 * 60;

pub(super) fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
    // https://cloud.google.com/artifact-registry/docs/repositories/create-repos
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    check_name(
        inputs,
        |name| {
            name.len() <= google::NAME
                && name.starts_with(|c: char| c.is_ascii_lowercase())
                && !name.ends_with('-')
                && name.chars().all(legal)
        },
        "use at most 63 lower-case letters, digits and hyphens, first a letter and last no hyphen",
        draft,
    );
    google::key(draft, "registry", google::Agent::Artifacts);
    draft.data("google_client_config", "this", json!({}));
    let name = match &inputs.name {
        Some(name) => name.json("input.name"),
        None => json!(draft.name("", google::NAME)),
    };
    let days = inputs.keep_untagged_days;
    let untagged = (days > 0).then(|| {
        json!([{
            "id": "untagged",
            "action": "DELETE",
            "condition": { "tag_state": "UNTAGGED", "older_than": format!("{}s", days.saturating_mul(DAY)) },
        }])
    });
    let body = json!({
        "repository_id": name,
        "location": "${data.google_client_config.this.region}",
        "format": "DOCKER",
        "description": google::description(draft),
        "kms_key_name": "${google_kms_crypto_key.this.id}",
        "docker_config": { "immutable_tags": inputs.immutable_tags },
        "cleanup_policies": untagged,
        "labels": draft.labels(),
        "depends_on": ["google_kms_crypto_key_iam_member.this"],
    });
    draft.resource("google_artifact_registry_repository", "this", body);
    let this = "google_artifact_registry_repository.this";
    let host = format!("${{{this}.location}}-docker.pkg.dev");
    draft.output("id", format!("{this}.id"));
    draft.output("name", format!("{this}.repository_id"));
    draft.output("arn", format!("{this}.id"));
    draft.output(
        "url",
        format!(
            "\"{host}/${{{this}.project}}/${{{this}.repository_id}}/${{{this}.repository_id}}\""
        ),
    );
    draft.output("host", format!("\"{host}\""));
    draft.output("key_id", "google_kms_crypto_key.this.id");
}
