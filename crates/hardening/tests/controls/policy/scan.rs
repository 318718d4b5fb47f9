//! The platform is looked at before it is judged.

use super::hardened;
use crate::alternatives::{objects, on, with_database};
use crate::fixture::{comes_after, node, nodes, object, shop, with};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const SCAN: &str = "kubernetes_policy_scan.scan";

fn platform(policy: Json) -> Expansion {
    let controls = ["tls", "monitoring", "policy"];
    on("aws").harden(&controls, with(shop(), json!({ "policy": policy })))
}

/// The policies that have a name that begins so, with their addresses.
fn named(expansion: &Expansion, is_one: impl Fn(&Json) -> bool) -> Vec<(String, Json)> {
    let all = nodes(expansion).into_iter();
    let all = all.map(|(address, body)| (address, body["manifest"].clone()));
    all.filter(|(_, object)| is_one(object)).collect()
}

#[test]
fn nothing_of_the_platforms_is_refused_before_a_scan_was_clean() {
    for engine in ["kyverno", "gatekeeper"] {
        let expansion = platform(json!({ "engine": engine }));
        let looks = named(&expansion, |o| match engine {
            "kyverno" => o["spec"]["evaluation"]["admission"]["enabled"] == false,
            _ => o["spec"]["enforcementAction"] == "dryrun",
        });
        let refuses = named(&expansion, |o| {
            let name = o["metadata"]["name"].as_str().unwrap_or_default();
            match engine {
                "kyverno" => name.starts_with("platform-") && o["kind"] == "ValidatingPolicy",
                _ => name == "platform" && o["spec"]["enforcementAction"] == "deny",
            }
        });
        assert_eq!((looks.len(), refuses.len()), (6, 6), "{engine}");
        for (address, policy) in &refuses {
            assert!(comes_after(&expansion, address, SCAN), "{address}");
            // An exception that goes waits for what came directly after it, and the next scan for it.
            let after = node(&expansion, address)["depends_on"].to_string();
            assert!(!after.contains("policyexception"), "{after}");
            if engine == "kyverno" {
                assert_eq!(policy["spec"]["validationActions"], json!(["Deny"]));
                assert_eq!(policy["spec"]["evaluation"]["background"]["enabled"], false);
            }
        }
        for (address, policy) in &looks {
            assert!(comes_after(&expansion, SCAN, address), "{address}");
            if engine == "kyverno" {
                assert_eq!(policy["spec"]["validationActions"], json!(["Audit"]));
                assert_eq!(policy["spec"]["evaluation"]["background"]["enabled"], true);
            }
        }
        // All of which pods come is there before.
        for release in ["cert_manager", "envoy_gateway", "kube_prometheus_stack"] {
            assert!(comes_after(
                &expansion,
                SCAN,
                &format!("helm_release.{release}")
            ));
        }
        let scan = node(&expansion, SCAN);
        let names: Vec<&str> = scan["namespaces"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        assert_eq!(
            names,
            [
                "cert-manager",
                "envoy-gateway-system",
                "gateway",
                "monitoring"
            ]
        );
        let told = scan["policy"].as_array().expect("policies");
        assert_eq!(told.len(), 6);
        for policy in told {
            let there = |(_, o): &(String, Json)| {
                o["kind"] == policy["kind"]
                    && o["metadata"]["name"] == policy["name"]
                    && o["apiVersion"] == policy["api_version"]
            };
            assert!(looks.iter().any(there), "{policy}");
        }
        assert_eq!(scan["exceptions"], "hardening.main.policy.exceptions");
        // Apps wait for no scan.
        let apps = named(&expansion, |o| {
            o["metadata"]["name"]
                .as_str()
                .is_some_and(|n| n.starts_with("apps"))
        });
        assert!(apps.len() > 4);
        for (address, _) in apps {
            assert!(!comes_after(&expansion, &address, SCAN), "{address}");
        }
    }
}

#[test]
fn a_platform_that_is_only_audited_is_only_looked_at() {
    for engine in ["kyverno", "gatekeeper"] {
        let expansion = platform(json!({ "engine": engine, "platform": "audit" }));
        assert!(!nodes(&expansion).contains_key(SCAN));
        for object in objects(&expansion) {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            assert!(!name.starts_with("platform-no-"), "{name}");
            assert!(name != "platform" || object["spec"]["enforcementAction"] != "deny");
        }
    }
}

/// Kyverno does not judge anew when an exception comes or goes, but when a policy is another one.
#[test]
fn another_exception_makes_another_scan() {
    let except = |rules: Json| {
        json!({ "exceptions": [{
            "namespace": "monitoring", "labels": { "app.kubernetes.io/name": "grafana" }, "rules": rules, "reason": "x",
        }] })
    };
    let changes = |policy: Json| {
        let expansion = platform(policy);
        let annotations =
            &object(&expansion, "validatingpolicy_scan_no_root")["metadata"]["annotations"];
        (
            node(&expansion, SCAN)["changes"].clone(),
            annotations["infra/exceptions"].clone(),
        )
    };
    let without = changes(json!({}));
    let with_one = changes(except(json!(["no-root"])));
    let with_other = changes(except(json!(["no-root", "pinned-images"])));
    assert_eq!(without, changes(json!({})));
    assert!(without.0 != with_one.0 && with_one.0 != with_other.0);
    assert!(without.1 != with_one.1 && with_one.1 != with_other.1);
    // What it is excepted from it is excepted from in both halves.
    let expansion = platform(except(json!(["no-root"])));
    let exceptions = named(&expansion, |o| o["kind"] == "PolicyException");
    let (_, grafana) = exceptions
        .iter()
        .find(|(address, _)| address.contains("monitoring"))
        .expect("the exception");
    assert_eq!(
        grafana["spec"]["policyRefs"],
        json!([
            { "kind": "ValidatingPolicy", "name": "scan-no-root" },
            { "kind": "ValidatingPolicy", "name": "platform-no-root" },
        ])
    );
}

/// Under `gitops` what looks is committed; the scan is made when that is there, and what refuses is applied after it.
#[test]
fn from_a_repository_the_scan_comes_after_the_commit() {
    for engine in ["argocd", "flux"] {
        let gitops = json!({ "engine": engine, "repository": "https://github.com/acme/config" });
        let more = json!({ "delivery": "gitops", "gitops": gitops });
        let controls = ["tls", "gitops", "secrets", "policy"];
        let expansion = on("aws").harden(&controls, with(with_database_free(), more));
        let repository = "kubernetes_config_repository.platform";
        assert!(comes_after(&expansion, SCAN, repository));
        let refuses = "kubernetes_manifest.validatingpolicy_platform_no_root";
        assert!(comes_after(&expansion, refuses, SCAN));
        let files = node(&expansion, repository)["files"].to_string();
        assert!(files.contains("scan-no-root") && files.contains("apps-no-root"));
        assert!(!files.contains("\"name\":\"platform-no-root\",\"labels"));
        let there = nodes(&expansion);
        assert!(!there.contains_key("kubernetes_manifest.validatingpolicy_scan_no_root"));
        // The scan keeps nothing out of the repository that is not after it.
        assert!(!there.contains_key("helm_release.kyverno"), "{engine}");
    }
}

fn with_database_free() -> Json {
    let mut inputs = with_database();
    if let Some(shop) = inputs["apps"]["shop"].as_object_mut() {
        shop.shift_remove("postgres");
    }
    inputs
}

#[test]
fn where_nothing_is_the_platforms_nothing_is_scanned() {
    assert!(!nodes(&hardened(json!({}))).contains_key(SCAN));
}
