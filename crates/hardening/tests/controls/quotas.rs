//! `quotas`.

use crate::fixture::{Fixture, comes_after, node, object, readable, shop, with};
use serde_json::json;

#[test]
fn a_shop_with_limits() {
    let expansion = Fixture::new().harden(&["quotas"], shop());
    insta::assert_snapshot!(readable(&expansion));
}

/// Under a quota a pod without limits is refused, and the limits are what gives it some.
#[test]
fn limits_come_before_quotas_and_both_before_pods() {
    let expansion = Fixture::new().harden(&["quotas", "tls"], shop());
    let (limits, quota) = (
        "kubernetes_manifest.limitrange_cert_manager_defaults",
        "kubernetes_manifest.resourcequota_cert_manager_critical_pods",
    );
    assert!(comes_after(&expansion, quota, limits));
    assert!(comes_after(&expansion, "helm_release.cert_manager", quota));
    assert!(!comes_after(
        &expansion,
        limits,
        "helm_release.cert_manager"
    ));
}

#[test]
fn every_namespace_holds_a_pod_security_standard() {
    let expansion = Fixture::new().harden(&["quotas", "tls"], shop());
    for (namespace, standard) in [
        ("shop", "restricted"),
        ("cert_manager", "restricted"),
        ("envoy_gateway_system", "baseline"),
        ("gateway", "restricted"),
    ] {
        let body = node(&expansion, &format!("kubernetes_namespace.{namespace}"));
        let labels = &body["metadata"]["labels"];
        assert_eq!(
            labels["pod-security.kubernetes.io/enforce"], standard,
            "{namespace}"
        );
        assert_eq!(
            labels["pod-security.kubernetes.io/audit"], "restricted",
            "{namespace}"
        );
    }
}

#[test]
fn an_app_gets_what_it_asks_for_or_what_all_get() {
    let inputs = with(
        shop(),
        json!({ "quotas": { "quota": { "cpu": "2" } }, "apps": {
            "shop": { "quota": { "memory": "1Gi" } },
            "blog": { "namespace": "weblog" },
        } }),
    );
    let expansion = Fixture::new().harden(&["quotas"], inputs);
    let hard = |name: &str| object(&expansion, name)["spec"]["hard"].clone();
    let shop = hard("resourcequota_shop_quota");
    assert_eq!(
        (&shop["requests.cpu"], &shop["limits.memory"]),
        (&json!("4"), &json!("1Gi"))
    );
    let blog = hard("resourcequota_weblog_quota");
    assert_eq!(
        (&blog["requests.cpu"], &blog["limits.memory"]),
        (&json!("2"), &json!("8Gi"))
    );
}

#[test]
fn what_is_refused() {
    let inputs = json!({
        "quotas": { "limit_cpu": "half", "quota": { "memory": "16 GB" } },
        "apps": { "shop": { "quota": { "cpu": "-1", "pods": 0 }, "pod_security": "open" }, "Blog": {} },
    });
    let apps = Fixture::new().refused(&["quotas"], inputs);
    let inputs = json!({
        "quotas": { "limit_cpu": "half", "quota": { "memory": "16 GB" } },
        "apps": { "shop": { "quota": { "cpu": "-1", "pods": 0 } } },
    });
    let amounts = Fixture::new().refused(&["quotas"], inputs);
    insta::assert_snapshot!(format!("{apps}\n\n{amounts}"));
}
