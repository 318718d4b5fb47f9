use crate::fixture::{Fixture, at, native, unfolded};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const THIS: &str = "google_storage_bucket.this";

fn bucket(more: Json) -> Expansion {
    let mut inputs = json!({ "cloud": "google" });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    Fixture::new().add("bucket", "assets", &inputs)
}

#[test]
fn a_bucket() {
    insta::assert_snapshot!(unfolded(&bucket(json!({}))));
}

/// Google's APIs are served over TLS alone, so that there is nothing to ask for.
#[test]
fn it_is_private_and_has_no_lists_of_its_own() {
    let made = native(&bucket(json!({})), THIS);
    assert_eq!(made["uniform_bucket_level_access"], true);
    assert_eq!(made["public_access_prevention"], "enforced");
}

#[test]
fn it_is_encrypted_with_its_own_key_and_versioned() {
    let expansion = bucket(json!({}));
    assert_eq!(
        at(&expansion, THIS, "/encryption/default_kms_key_name"),
        "${google_kms_crypto_key.this.id}"
    );
    assert_eq!(
        at(&expansion, "google_kms_crypto_key.this", "/rotation_period"),
        "7776000s"
    );
    assert_eq!(at(&expansion, THIS, "/versioning/enabled"), true);
    assert_eq!(
        at(&expansion, THIS, "/depends_on"),
        json!(["google_kms_crypto_key_iam_member.this"])
    );
}

#[test]
fn what_is_in_it_is_kept_unless_it_is_said_otherwise() {
    assert_eq!(at(&bucket(json!({})), THIS, "/force_destroy"), false);
    let said = bucket(json!({ "force_destroy": true }));
    assert_eq!(at(&said, THIS, "/force_destroy"), true);
}
