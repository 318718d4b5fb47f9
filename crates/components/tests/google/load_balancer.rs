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
