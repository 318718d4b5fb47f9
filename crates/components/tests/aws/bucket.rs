use crate::fixture::{Fixture, at, policy, readable, unfolded};
use serde_json::json;

#[test]
fn a_bucket() {
    let expansion = Fixture::new().add("bucket", "assets", &json!({ "cloud": "aws" }));
    insta::assert_snapshot!(unfolded(&expansion));
}

#[test]
fn it_cannot_be_reached_without_tls_12() {
    let expansion = Fixture::new().add("bucket", "assets", &json!({ "cloud": "aws" }));
    let document = policy(&expansion, "aws_s3_bucket_policy.this", "policy");
    assert_eq!(document["Statement"][0]["Effect"], "Deny");
    assert_eq!(
        document["Statement"][0]["Condition"],
        json!({ "Bool": { "aws:SecureTransport": "false" } })
    );
    assert_eq!(document["Statement"][1]["Effect"], "Deny");
    assert_eq!(
        document["Statement"][1]["Condition"],
        json!({ "NumericLessThan": { "s3:TlsVersion": "1.2" } })
    );
}

#[test]
fn it_is_closed_to_the_public() {
    let expansion = Fixture::new().add("bucket", "assets", &json!({ "cloud": "aws" }));
    for switch in [
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    ] {
        let pointer = format!("/{switch}");
        assert_eq!(
            at(
                &expansion,
                "aws_s3_bucket_public_access_block.this",
                &pointer
            ),
            true
        );
    }
}

#[test]
fn it_is_encrypted_with_its_own_key_and_versioned() {
    let expansion = Fixture::new().add("bucket", "assets", &json!({ "cloud": "aws" }));
    let rule = at(
        &expansion,
        "aws_s3_bucket_server_side_encryption_configuration.this",
        "/rule",
    );
    assert_eq!(
        rule["apply_server_side_encryption_by_default"]["sse_algorithm"],
        "aws:kms"
    );
    assert_eq!(
        rule["apply_server_side_encryption_by_default"]["kms_master_key_id"],
        "${aws_kms_key.this.arn}"
    );
    let versioning = at(
        &expansion,
        "aws_s3_bucket_versioning.this",
        "/versioning_configuration",
    );
    assert_eq!(versioning, json!({ "status": "Enabled" }));
}

#[test]
fn destroying_it_spares_objects_unless_the_copy_is_ephemeral() {
    let mut fixture = Fixture::new();
    let expansion = fixture.add("bucket", "a", &json!({ "cloud": "aws" }));
    assert_eq!(
        at(&expansion, "aws_s3_bucket.this", "/force_destroy"),
        false
    );
    fixture.0.stack.instance = Some("pr-1".into());
    let expansion = fixture.add("bucket", "b", &json!({ "cloud": "aws" }));
    assert_eq!(at(&expansion, "aws_s3_bucket.this", "/force_destroy"), true);
}

#[test]
fn names_and_retention() {
    let inputs = json!({
        "cloud": "aws", "name": "assets.shop.example.com", "versioning": false,
        "retention": [{ "prefix": "logs/", "archive_days": 30, "expire_days": 365 }],
    });
    let expansion = Fixture::new().add("bucket", "assets", &inputs);
    assert_eq!(
        at(&expansion, "aws_s3_bucket.this", "/bucket"),
        "assets.shop.example.com"
    );
    assert!(
        readable(&expansion)["natives"]
            .get("random_id.this")
            .is_none()
    );
    assert_eq!(
        at(
            &expansion,
            "aws_s3_bucket_lifecycle_configuration.this",
            "/rule/1"
        ),
        json!({
            "id": "retention-0", "status": "Enabled", "filter": { "prefix": "logs/" },
            "transition": { "days": 30, "storage_class": "STANDARD_IA" }, "expiration": { "days": 365 },
        })
    );
    let expansion = Fixture::new().add("bucket", "assets", &json!({ "cloud": "aws", "name": "?" }));
    assert_eq!(
        at(&expansion, "aws_s3_bucket.this", "/bucket"),
        "${input.name}"
    );
}

#[test]
fn what_is_refused() {
    let cases = [
        json!({}),
        json!({ "cloud": "azur" }),
        json!({ "cloud": "aws", "name": "Assets_1" }),
        json!({ "cloud": "aws", "keep_versions_days": 0 }),
        json!({ "cloud": "aws", "retention": [{}, { "expire_days": 0 }, { "archive_days": 7, "expire_days": 5 }] }),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|c| Fixture::new().refused("bucket", c))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}
