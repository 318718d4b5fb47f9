//! `supply_chain`.

use crate::alternatives::{objects, on};
use crate::fixture::{comes_after, node, nodes, object, readable, shop, with};
use crate::reach::{End, reaches};
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

/// Else every update of a pod that runs would ask its registry again.
#[test]
fn signatures_are_asked_for_when_something_is_to_run() {
    let policy = json!({ "registries": ["ghcr.io/acme/"] });
    let expansion = on("aws").harden(
        &["supply_chain", "policy"],
        inputs(json!({ "identities": identities() }), policy),
    );
    let condition = |name: &str| object(&expansion, name)["spec"]["matchConditions"].clone();
    let asked = condition("imagevalidatingpolicy_signed_images");
    assert_eq!(asked, condition("validatingpolicy_apps_no_root"));
    let expression = asked[0]["expression"].as_str().expect("a condition");
    assert!(
        expression.ends_with("object.spec != oldObject.spec"),
        "{expression}"
    );
}

#[test]
fn clair_answers_who_is_named_and_nobody_else() {
    let reached = |from: Json| {
        let supply_chain = json!({ "clair": true, "scan": false, "clair_from": from });
        let mut inputs = with(shop(), json!({ "supply_chain": supply_chain }));
        inputs["apps"]["ci"] = json!({ "services": { "runner": {} } });
        let controls = ["tls", "network", "database", "supply_chain"];
        let expansion = on("aws").harden(&controls, inputs);
        let mut policies = objects(&expansion);
        policies.retain(|o| o["kind"] == "NetworkPolicy");
        let clair = End::pod("clair", "clair", &["app.kubernetes.io/name=clair"]);
        let from = [
            End::pod("runner", "ci", &["app.kubernetes.io/name=runner"]),
            End::pod("front", "shop", &["app.kubernetes.io/name=front"]),
            End::address("203.0.113.9"),
        ];
        let told = crate::expansions::told(&expansion.diagnostics);
        let reaches = from.map(|end| reaches(&policies, &end, &clair, "TCP", 6060));
        (reaches, told.contains("nobody may ask Clair"))
    };
    assert_eq!(reached(json!([])), ([false, false, false], true));
    assert_eq!(reached(json!(["ci.runner"])), ([true, false, false], false));
    assert_eq!(
        reached(json!(["203.0.113.0/24"])),
        ([false, false, true], false)
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
