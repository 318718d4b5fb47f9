//! `supply_chain`.

use crate::alternatives::on;
use crate::fixture::{comes_after, node, nodes, object, readable, shop, with};
use serde_json::{Value as Json, json};

fn inputs(supply_chain: Json, policy: Json) -> Json {
    with(
        shop(),
        json!({ "supply_chain": supply_chain, "policy": policy }),
    )
}

fn identities() -> Json {
    json!([{
        "issuer": "https://token.actions.githubusercontent.com",
        "subject_regexp": "^https://github.com/acme/.+",
    }])
}

#[test]
fn signatures_by_kyverno() {
    let policy = json!({ "registries": ["ghcr.io/acme/"] });
    let expansion = on("aws").harden(
        &["supply_chain", "policy"],
        inputs(json!({ "identities": identities() }), policy),
    );
    let asked = object(&expansion, "imagevalidatingpolicy_signed_images");
    insta::assert_snapshot!(format!("{asked:#}"));
    let address = "kubernetes_manifest.imagevalidatingpolicy_signed_images";
    assert!(comes_after(&expansion, address, "helm_release.kyverno"));
}

#[test]
fn signatures_by_policy_controller() {
    let supply_chain = json!({
        "identities": identities(), "registries": ["ghcr.io/acme/"], "scan": false,
        "keys": ["-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"],
    });
    let expansion = on("aws").harden(
        &["supply_chain"],
        with(shop(), json!({ "supply_chain": supply_chain })),
    );
    insta::assert_snapshot!(readable(&expansion));
    // Only apps' namespaces are judged: they say so themselves.
    let labels = &node(&expansion, "kubernetes_namespace.shop")["metadata"]["labels"];
    assert_eq!(labels["policy.sigstore.dev/include"], "true");
}

#[test]
fn only_the_registries_named_are_asked_for_signatures() {
    let policy = json!({ "registries": ["ghcr.io/acme/"] });
    let expansion = on("aws").harden(
        &["supply_chain", "policy"],
        inputs(json!({ "identities": identities() }), policy),
    );
    let asked = object(&expansion, "imagevalidatingpolicy_signed_images");
    assert_eq!(
        asked["spec"]["matchImageReferences"],
        json!([{ "glob": "ghcr.io/acme/*" }])
    );
    let namespaces = &asked["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"][0];
    assert_eq!(
        *namespaces,
        json!({ "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop"] })
    );
}

#[test]
fn clair_stands_on_a_database_of_the_cluster() {
    let supply_chain = json!({ "clair": true, "scan": false });
    let expansion = on("aws").harden(
        &["tls", "database", "supply_chain"],
        with(shop(), json!({ "supply_chain": supply_chain })),
    );
    let (clair, database) = (
        "kubernetes_manifest.deployment_clair_clair",
        "kubernetes_manifest.cluster_clair_clair_postgres",
    );
    assert!(comes_after(&expansion, clair, database));
    assert!(!nodes(&expansion).contains_key("helm_release.trivy_operator"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |supply_chain: Json| {
        on("aws").refused(
            &["supply_chain"],
            with(shop(), json!({ "supply_chain": supply_chain })),
        )
    };
    let all = [
        refused(json!({ "identities": identities() })),
        refused(
            json!({ "identities": identities(), "registries": ["ghcr.io/acme/"], "verifier": "kyverno" }),
        ),
        refused(json!({ "verifier": "cosign" })),
        refused(json!({ "severity": "HIGH,SEVERE" })),
        refused(json!({ "identities": [{ "issuer": "https://gitlab.com" }] })),
        refused(
            json!({ "identities": [{ "issuer": "https://gitlab.com", "subject_regexp": "acme/.+" }] }),
        ),
        refused(json!({ "keys": ["-----BEGIN PRIVATE KEY-----"] })),
        refused(json!({ "keys": ["cosign.pub"] })),
        refused(json!({ "clair": true })),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}
