//! Sealing: what is sealed is opened by the key alone, under the name it was sealed for.

use infra_hardening::seal::{Certificate, Keys, Scope};
use infra_model::Random;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value as Json, json};

/// Made with `openssl req -x509 -newkey rsa:2048 -nodes -days 36500 -subj /CN=sealing`.
const CERTIFICATE: &str = include_str!("sealing.crt");
const KEY: &str = include_str!("sealing.key");
const OTHER: &str = include_str!("other.key");

fn secret() -> Json {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": "database", "namespace": "shop", "labels": { "team": "shop" },
            "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":\"c2VjcmV0\"}" },
        },
        "type": "kubernetes.io/basic-auth",
        "data": { "username": "c2hvcA==" },
        "stringData": { "password": "hunter2 ${not.a.template}" },
    })
}

/// The same on every run.
struct Seeded;

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        ChaCha20Rng::seed_from_u64(bytes.len() as u64).fill_bytes(bytes);
    }
}

fn sealed(secret: &Json, scope: Option<Scope>) -> Json {
    let certificate = Certificate::parse(CERTIFICATE).expect("a certificate");
    certificate.seal(secret, scope, &Seeded).expect("sealed")
}

fn keys(pem: &str) -> Keys {
    Keys::parse([pem]).expect("a key")
}

#[test]
fn what_is_sealed_is_opened_by_the_key() {
    let sealed = sealed(&secret(), None);
    assert_eq!(sealed["apiVersion"], "bitnami.com/v1alpha1");
    assert!(crate::schema::problems(&sealed).is_empty());
    let text = sealed.to_string();
    assert!(
        !text.contains("hunter2") && !text.contains("c2VjcmV0"),
        "{text}"
    );
    let opened = keys(KEY).open(&sealed).expect("opened");
    assert_eq!(opened["data"]["username"], "c2hvcA==");
    assert_eq!(
        opened["data"]["password"],
        "aHVudGVyMiAke25vdC5hLnRlbXBsYXRlfQ=="
    );
    assert_eq!(opened["type"], "kubernetes.io/basic-auth");
    assert_eq!(opened["metadata"]["labels"]["team"], "shop");
    assert!(keys(OTHER).open(&sealed).is_err());
}

#[test]
fn a_secret_is_bound_to_where_it_was_sealed_for() {
    for (scope, other_name, other_namespace) in [
        (Scope::Strict, false, false),
        (Scope::Namespace, true, false),
        (Scope::Cluster, true, true),
    ] {
        let sealed = sealed(&secret(), Some(scope));
        for (field, opens) in [("name", other_name), ("namespace", other_namespace)] {
            let mut moved = sealed.clone();
            moved["metadata"][field] = json!("elsewhere");
            assert_eq!(keys(KEY).open(&moved).is_ok(), opens, "{scope:?} {field}");
        }
    }
}

#[test]
fn annotations_say_the_scope_too() {
    let mut secret = secret();
    secret["metadata"]["annotations"] =
        json!({ "sealedsecrets.bitnami.com/namespace-wide": "true" });
    let sealed = sealed(&secret, None);
    assert_eq!(
        sealed["metadata"]["annotations"]["sealedsecrets.bitnami.com/namespace-wide"],
        "true"
    );
    assert_eq!(
        sealed["spec"]["template"]["metadata"]["annotations"]["sealedsecrets.bitnami.com/namespace-wide"],
        "true"
    );
}

/// What `kubeseal` 0.27.1 made of a secret with the certificate beside this file.
#[test]
fn what_kubeseal_sealed_is_opened() {
    let sealed: Json = serde_json::from_str(include_str!("kubeseal.json")).expect("JSON");
    let opened = keys(KEY).open(&sealed).expect("opened");
    assert_eq!(opened["data"]["password"], "aHVudGVyMg==");
}

#[test]
fn what_is_refused() {
    let certificate = Certificate::parse(CERTIFICATE).expect("a certificate");
    let mut told = vec![Certificate::parse(KEY).expect_err("a key").to_string()];
    for change in [
        json!({ "kind": "ConfigMap" }),
        json!({ "metadata": { "namespace": "shop" } }),
        json!({ "metadata": { "name": "database" } }),
        json!({ "data": { "a": "not base64!" } }),
        json!({ "data": {}, "stringData": {} }),
        json!({ "stringData": { "a": 1 } }),
    ] {
        let mut secret = secret();
        for (field, value) in change.as_object().expect("a table") {
            secret[field] = value.clone();
        }
        let error = certificate
            .seal(&secret, None, &Seeded)
            .expect_err("refused");
        told.push(error.to_string());
    }
    insta::assert_snapshot!(told.join("\n"));
}
