//! `policy`: what is made, and how Kyverno's and Gatekeeper's own programs judge pods by it.

use crate::alternatives::{objects, on, with_database};
use crate::fixture::{comes_after, node, object, readable, shop, with};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

mod elastic;
#[cfg(unix)]
mod judges;
pub(crate) mod operators;
#[cfg(unix)]
mod platform;
mod scan;
#[cfg(unix)]
mod signatures;
#[cfg(unix)]
mod webhooks;

fn hardened(policy: Json) -> Expansion {
    on("aws").harden(&["policy"], with(shop(), json!({ "policy": policy })))
}

#[test]
fn policies_for_kyverno() {
    insta::assert_snapshot!(readable(&hardened(
        json!({ "registries": ["ghcr.io/acme/"] })
    )));
}

#[test]
fn constraints_for_gatekeeper() {
    let policy = json!({ "engine": "gatekeeper", "registries": ["ghcr.io/acme/"] });
    insta::assert_snapshot!(readable(&hardened(policy)));
}

#[test]
fn exceptions_name_one_workload() {
    let exception = json!({
        "namespace": "shop", "labels": { "app": "it's" }, "rules": ["no-root", "pinned-images"],
        "reason": "until it is rewritten",
    });
    let expansion = hardened(json!({ "exceptions": [exception] }));
    let made = object(&expansion, "policyexception_kyverno_shop_1");
    insta::assert_snapshot!(format!("{made:#}"));
}

/// Which namespaces are left alone is tried in `webhooks`.
#[test]
fn everything_fails_closed_and_azure_leaves_the_webhooks_as_they_are() {
    for engine in ["kyverno", "gatekeeper"] {
        let expansion = hardened(json!({ "engine": engine }));
        let values = node(&expansion, &format!("helm_release.{engine}"))["values"].clone();
        let annotations = match engine {
            "kyverno" => &values["config"]["webhookAnnotations"],
            _ => &values["validatingWebhookAnnotations"],
        };
        assert_eq!(annotations["admissions.enforcer/disabled"], "true");
        if engine == "gatekeeper" {
            assert_eq!(values["validatingWebhookFailurePolicy"], "Fail");
        } else {
            let policy = object(&expansion, "validatingpolicy_apps_no_root");
            assert_eq!(policy["spec"]["failurePolicy"], "Fail");
            assert_eq!(policy["spec"]["validationActions"], json!(["Deny"]));
        }
    }
}

/// What operators bring into apps' namespaces is let in there.
#[test]
fn databases_of_apps_come_from_a_trusted_registry() {
    let policy = json!({ "registries": ["ghcr.io/acme/"] });
    let expansion = on("aws").harden(
        &["tls", "database", "policy"],
        with(with_database(), json!({ "policy": policy })),
    );
    let policy = object(&expansion, "validatingpolicy_apps_trusted_registries");
    let list = policy["spec"]["variables"][2]["expression"].to_string();
    assert!(
        list.contains("'ghcr.io/acme/', 'ghcr.io/cloudnative-pg/'"),
        "{list}"
    );
}

#[test]
fn the_platform_is_judged_when_all_of_it_is_there() {
    let expansion = on("aws").harden(&["tls", "monitoring", "policy"], shop());
    let platform = "kubernetes_manifest.validatingpolicy_platform_no_root";
    for release in [
        "cert_manager",
        "envoy_gateway",
        "kube_prometheus_stack",
        "kyverno",
    ] {
        assert!(
            comes_after(&expansion, platform, &format!("helm_release.{release}")),
            "{release}"
        );
    }
    assert!(comes_after(
        &expansion,
        platform,
        "kubernetes_manifest.policyexception_kyverno_platform_node_exporter"
    ));
    let apps = "kubernetes_manifest.validatingpolicy_apps_no_root";
    assert!(!comes_after(
        &expansion,
        apps,
        "helm_release.kube_prometheus_stack"
    ));
    let count = objects(&expansion)
        .iter()
        .filter(|o| o["kind"] == "ValidatingPolicy")
        .count();
    // Without registries of its own the app tier has one rule less; of the platform's, one half looks and the other refuses.
    assert_eq!(count, 5 + 6 + 6);
}

/// A policy about the platform's namespaces, of which there are none, would be one about all.
#[test]
fn where_nothing_is_the_platforms_nothing_of_it_is_judged() {
    for engine in ["kyverno", "gatekeeper"] {
        let expansion = hardened(json!({ "engine": engine }));
        let selectors: Vec<Json> = objects(&expansion)
            .iter()
            .filter(|o| o["kind"] != "ValidatingAdmissionPolicy")
            .filter_map(|o| {
                let spec = &o["spec"];
                let found = spec.pointer("/matchConstraints/namespaceSelector");
                found.or(spec.pointer("/match/namespaceSelector")).cloned()
            })
            .collect();
        assert_eq!(selectors.len(), 5, "{engine}");
        for selector in selectors {
            assert_eq!(selector["matchExpressions"][0]["operator"], "NotIn");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused =
        |policy: Json| on("aws").refused(&["policy"], with(shop(), json!({ "policy": policy })));
    let except = |labels: Json, rules: Json| json!({ "exceptions": [{ "namespace": "shop", "labels": labels, "rules": rules, "reason": "x" }] });
    let all = [
        refused(json!({ "engine": "opa" })),
        refused(json!({ "mode": "enforced" })),
        refused(json!({ "registries": ["ghcr.io/acme"] })),
        refused(json!({ "registries": ["acme/"] })),
        refused(except(json!({ "app": "x" }), json!(["no-rot"]))),
        refused(except(json!({}), json!(["no-root"]))),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}
