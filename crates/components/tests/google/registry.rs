use crate::fixture::{Fixture, at, native, readable};
use infra_model::expand::Expansion;
use serde_json::json;

const THIS: &str = "google_artifact_registry_repository.this";

fn registry() -> Expansion {
    Fixture::new().add("registry", "web", &json!({ "cloud": "google" }))
}

#[test]
fn it_is_encrypted_with_its_own_key() {
    let expansion = registry();
    assert_eq!(
        at(&expansion, THIS, "/kms_key_name"),
        "${google_kms_crypto_key.this.id}"
    );
    let agent = native(&expansion, "google_project_service_identity.this");
    assert_eq!(agent["service"], "artifactregistry.googleapis.com");
}

#[test]
fn nobody_is_let_in() {
    let natives = readable(&registry())["natives"].clone();
    let all = natives.as_object().expect("natives");
    let grants = all
        .keys()
        .filter(|a| a.starts_with("google_artifact_registry_repository_iam"));
    assert_eq!(grants.count(), 0, "{natives}");
    assert_eq!(at(&registry(), THIS, "/docker_config/immutable_tags"), true);
}
