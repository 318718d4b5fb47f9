use crate::fixture::{Fixture, native, readable};
use infra_model::expand::Expansion;
use serde_json::json;

fn web() -> Expansion {
    let inputs = json!({
        "network": "main",
        "listen": [
            { "port": 80, "protocol": "http" },
            { "port": 443, "protocol": "https", "certificate": { "domain": "shop.example.com" } },
        ],
        "target": { "cluster": "main", "node_port": 30080, "health_path": "/healthz" },
    });
    Fixture::with_cluster_on("google").add("load_balancer", "web", &inputs)
}

/// The ranges are Google's front ends and health checks: <https://cloud.google.com/load-balancing/docs/health-checks>.
#[test]
fn only_the_front_ends_reach_the_nodes_and_only_at_the_port() {
    let rule = native(&web(), "google_compute_firewall.front_ends");
    assert_eq!(
        rule["source_ranges"],
        json!(["130.211.0.0/22", "35.191.0.0/16"])
    );
    assert_eq!(
        rule["allow"],
        json!([{ "protocol": "tcp", "ports": ["30080"] }])
    );
    assert_eq!(
        rule["target_tags"],
        json!(["${cluster.main.node_security_group_id}"])
    );
}

#[test]
fn port_80_only_sends_to_tls() {
    let expansion = web();
    let map = native(&expansion, "google_compute_url_map.to_https");
    assert_eq!(map["default_url_redirect"]["https_redirect"], true);
    let natives = readable(&expansion)["natives"].clone();
    let proxies = natives.as_object().expect("natives").iter();
    let plain = proxies.filter(|(a, _)| a.starts_with("google_compute_target_http_proxy."));
    for (address, proxy) in plain {
        assert_eq!(
            proxy["url_map"], "${google_compute_url_map.to_https.id}",
            "{address}"
        );
    }
}

/// Clients with older versions are refused, which Google's own default would let in.
#[test]
fn connections_are_over_tls_12_or_newer() {
    let expansion = web();
    let policy = native(&expansion, "google_compute_ssl_policy.this");
    assert_eq!(policy["min_tls_version"], "TLS_1_2");
    let proxy = native(&expansion, "google_compute_target_https_proxy.port_443");
    assert_eq!(proxy["ssl_policy"], "${google_compute_ssl_policy.this.id}");
}

#[test]
fn connections_of_any_kind_are_balanced_by_proxies() {
    let inputs = json!({
        "network": "main",
        "kind": "network",
        "listen": [
            { "port": 5000, "protocol": "tcp" },
            { "port": 5443, "protocol": "tls", "certificate": { "domain": "shop.example.com" } },
        ],
        "target": { "cluster": "main", "node_port": 30500 },
    });
    let expansion = Fixture::with_cluster_on("google").add("load_balancer", "web", &inputs);
    let backend = native(&expansion, "google_compute_backend_service.this");
    assert_eq!(backend["protocol"], "TCP");
    let health = native(&expansion, "google_compute_health_check.this");
    assert_eq!(health["tcp_health_check"], json!({ "port": 30500 }));
    let plain = native(&expansion, "google_compute_target_tcp_proxy.port_5000");
    assert_eq!(plain.get("ssl_policy"), None);
    let secure = native(&expansion, "google_compute_target_ssl_proxy.port_5443");
    assert_eq!(
        secure["ssl_certificates"],
        json!(["${google_compute_managed_ssl_certificate.this.id}"])
    );
    assert_eq!(secure["ssl_policy"], "${google_compute_ssl_policy.this.id}");
    for port in ["5000", "5443"] {
        let rule = native(
            &expansion,
            &format!("google_compute_global_forwarding_rule.port_{port}"),
        );
        assert_eq!(rule["port_range"], port);
    }
    let natives = readable(&expansion)["natives"].clone();
    assert!(
        natives
            .as_object()
            .expect("natives")
            .keys()
            .all(|name| !name.contains("url_map"))
    );
}
