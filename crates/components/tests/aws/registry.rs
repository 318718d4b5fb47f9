use crate::fixture::{Fixture, at, native, policy, readable, small_cluster, unfolded};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

fn registry_on(cloud: &str, more: Json) -> Expansion {
    let mut inputs = json!({ "cloud": cloud });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    Fixture::new().add("registry", "web", &inputs)
}

#[test]
fn a_registry() {
    insta::assert_snapshot!(unfolded(&registry_on("aws", json!({}))));
}

#[test]
fn a_registry_on_google_cloud() {
    insta::assert_snapshot!(unfolded(&registry_on("google", json!({}))));
}

#[test]
fn images_are_scanned_and_encrypted_with_its_own_key_and_tags_stay() {
    let repository = native(&registry_on("aws", json!({})), "aws_ecr_repository.this");
    assert_eq!(
        repository["image_scanning_configuration"],
        json!({ "scan_on_push": true })
    );
    assert_eq!(
        repository["encryption_configuration"],
        json!({ "encryption_type": "KMS", "kms_key": "${aws_kms_key.this.arn}" })
    );
    assert_eq!(repository["image_tag_mutability"], "IMMUTABLE");
    let google = native(
        &registry_on("google", json!({})),
        "google_artifact_registry_repository.this",
    );
    assert_eq!(google["kms_key_name"], "${google_kms_crypto_key.this.id}");
    assert_eq!(google["docker_config"], json!({ "immutable_tags": true }));
    let moving = registry_on("aws", json!({ "immutable_tags": false }));
    assert_eq!(
        at(&moving, "aws_ecr_repository.this", "/image_tag_mutability"),
        "MUTABLE"
    );
}

#[test]
fn the_account_that_uses_a_key_is_made_before_it_may() {
    const GRANT: &str = "google_kms_crypto_key_iam_member.this";
    let registry = registry_on("google", json!({}));
    assert_eq!(
        at(
            &registry,
            "google_project_service_identity.this",
            "/service"
        ),
        "artifactregistry.googleapis.com"
    );
    assert_eq!(
        at(&registry, GRANT, "/depends_on"),
        json!(["google_project_service_identity.this"])
    );
    // That of Cloud Storage is made by asking for it.
    let bucket = Fixture::new().add("bucket", "b", &json!({ "cloud": "google" }));
    assert_eq!(
        at(&bucket, GRANT, "/member"),
        "${data.google_storage_project_service_account.this.member}"
    );
}

#[test]
fn images_without_a_tag_go_unless_they_are_to_stay() {
    let rules = policy(
        &registry_on("aws", json!({ "keep_untagged_days": 7 })),
        "aws_ecr_lifecycle_policy.this",
        "policy",
    );
    assert_eq!(rules["rules"][0]["selection"]["tagStatus"], "untagged");
    assert_eq!(rules["rules"][0]["selection"]["countNumber"], 7);
    let google = registry_on("google", json!({ "keep_untagged_days": 7 }));
    assert_eq!(
        at(
            &google,
            "google_artifact_registry_repository.this",
            "/cleanup_policies/0/condition"
        ),
        json!({ "tag_state": "UNTAGGED", "older_than": "604800s" })
    );
    let kept = registry_on("aws", json!({ "keep_untagged_days": 0 }));
    let natives = readable(&kept)["natives"].clone();
    assert_eq!(natives.get("aws_ecr_lifecycle_policy.this"), None);
}

#[test]
fn destroying_it_spares_images_unless_the_copy_is_ephemeral() {
    let mut fixture = Fixture::new();
    let expansion = fixture.add("registry", "a", &json!({ "cloud": "aws" }));
    let force = |expansion: &Expansion| at(expansion, "aws_ecr_repository.this", "/force_delete");
    assert_eq!(force(&expansion), false);
    fixture.0.stack.instance = Some("pr-1".into());
    let expansion = fixture.add("registry", "b", &json!({ "cloud": "aws" }));
    assert_eq!(force(&expansion), true);
}

#[test]
fn what_is_refused() {
    let mut elsewhere = Fixture::with_network();
    elsewhere.add("cluster", "main", &small_cluster());
    let told = [
        Fixture::new().refused("registry", &json!({})),
        Fixture::new().refused("registry", &json!({ "cloud": "aws", "name": "Shop" })),
        Fixture::new().refused("registry", &json!({ "cloud": "google", "name": "9-shop" })),
        Fixture::new().refused(
            "registry",
            &json!({ "cloud": "aws", "keep_untagged_days": -1 }),
        ),
        Fixture::new().refused(
            "registry",
            &json!({ "cloud": "aws", "clusters": ["other"] }),
        ),
        elsewhere.refused(
            "registry",
            &json!({ "cloud": "google", "clusters": ["main"] }),
        ),
    ];
    insta::assert_snapshot!(told.join("\n\n"));
}
