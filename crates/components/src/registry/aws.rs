//! `registry` on AWS: a repository of ECR with its key and lifecycle policy.

use super::{Inputs, check_name};
use crate::aws;
use crate::draft::Draft;
use serde_json::json;

pub(super) fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
    // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    check_name(
        inputs,
        |name| (2..=256).contains(&name.len()) && name.chars().all(legal),
        "use 2 to 256 lower-case letters, digits, hyphens, dots, underscores and slashes",
        draft,
    );
    aws::key(
        draft,
        "registry",
        format!("Images in {}", draft.name("", 200)),
    );
    let name = match &inputs.name {
        Some(name) => name.json("input.name"),
        None => json!(draft.name("", 256)),
    };
    let body = json!({
        "name": name,
        "image_tag_mutability": if inputs.immutable_tags { "IMMUTABLE" } else { "MUTABLE" },
        "image_scanning_configuration": { "scan_on_push": true },
        "encryption_configuration": { "encryption_type": "KMS", "kms_key": "${aws_kms_key.this.arn}" },
        "force_delete": inputs.force_destroy || draft.instance.stack.instance.is_some(),
        "tags": draft.tags("", &[]),
    });
    draft.resource("aws_ecr_repository", "this", body);
    if inputs.keep_untagged_days > 0 {
        let policy = json!({ "rules": [{
            "rulePriority": 1,
            "description": "Images without a tag",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": inputs.keep_untagged_days,
            },
            "action": { "type": "expire" },
        }] });
        draft.resource(
            "aws_ecr_lifecycle_policy",
            "this",
            json!({ "repository": "${aws_ecr_repository.this.name}", "policy": policy.to_string() }),
        );
    }
    for (name, expression) in [
        ("id", "aws_ecr_repository.this.id"),
        ("name", "aws_ecr_repository.this.name"),
        ("arn", "aws_ecr_repository.this.arn"),
        ("url", "aws_ecr_repository.this.repository_url"),
        (
            "host",
            "split(\"/\", aws_ecr_repository.this.repository_url)[0]",
        ),
        ("key_id", "aws_kms_key.this.arn"),
    ] {
        draft.output(name, expression);
    }
}
