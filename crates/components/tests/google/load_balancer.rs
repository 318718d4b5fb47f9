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

fn with(more: &serde_json::Value) -> Expansion {
    let mut inputs = json!({
        "network": "main",
        "listen": [{ "port": 80, "protocol": "http" }],
        "target": { "cluster": "main", "node_port": 30080 },
    });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    Fixture::with_cluster_on("google").add("load_balancer", "web", &inputs)
}

const POLICY: &str = "google_compute_security_policy.this";

/// A rule has at most ten ranges: `SecurityPolicyRuleMatcherConfig` in Compute's reference.
#[test]
fn only_the_ranges_that_are_named_are_let_in() {
    let ranges: Vec<String> = (0..12).map(|n| format!("198.51.{n}.0/24")).collect();
    for kind in ["application", "network"] {
        let protocol = if kind == "network" { "tcp" } else { "http" };
        let expansion = with(&json!({
            "kind": kind,
            "listen": [{ "port": 80, "protocol": protocol }],
            "from": ranges,
        }));
        let rules = native(&expansion, POLICY)["rule"].clone();
        let rules = rules.as_array().expect("rules");
        let told: Vec<_> = rules
            .iter()
            .map(|rule| {
                let ranges = &rule["match"]["config"]["src_ip_ranges"];
                (
                    rule["priority"].as_i64().expect("a priority"),
                    rule["action"].as_str().expect("an action"),
                    ranges.as_array().expect("ranges").len(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (1000, "allow", 10),
                (1001, "allow", 2),
                (2_147_483_647, "deny(403)", 1)
            ]
        );
        let service = native(&expansion, "google_compute_backend_service.this");
        let policy = "${google_compute_security_policy.this.id}";
        assert_eq!(service["security_policy"], policy);
    }
}

#[test]
fn from_nowhere_lets_nobody_in_and_from_anywhere_needs_no_policy() {
    let closed = native(&with(&json!({ "from": [] })), POLICY);
    let rules = closed["rule"].as_array().expect("rules").clone();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["action"], "deny(403)");
    assert_eq!(rules[0]["match"]["config"]["src_ip_ranges"], json!(["*"]));
    let open = readable(&with(&json!({})))["natives"].clone();
    assert_eq!(open.get(POLICY), None);
}

/// The ranges of health checks and proxies: <https://cloud.google.com/load-balancing/docs/firewall-rules>.
#[test]
fn an_internal_one_stands_in_its_network() {
    let expansion = with(&json!({
        "internal": true,
        "listen": [
            { "port": 8080, "protocol": "http" },
            {
                "port": 8443, "protocol": "https",
                "certificate": { "id": "//certificatemanager.googleapis.com/projects/p/locations/global/certificates/c" },
            },
        ],
    }));
    let rule = native(&expansion, "google_compute_firewall.front_ends");
    assert_eq!(
        rule["source_ranges"],
        json!(["130.211.0.0/22", "35.191.0.0/16", "10.0.16.0/20"])
    );
    let address = native(&expansion, "google_compute_address.this");
    assert_eq!(address["address_type"], "INTERNAL");
    assert_eq!(address["purpose"], "SHARED_LOADBALANCER_VIP");
    let service = native(&expansion, "google_compute_backend_service.this");
    assert_eq!(service["load_balancing_scheme"], "INTERNAL_MANAGED");
    for port in ["8080", "8443"] {
        let name = format!("google_compute_global_forwarding_rule.port_{port}");
        let rule = native(&expansion, &name);
        assert_eq!(rule["load_balancing_scheme"], "INTERNAL_MANAGED");
        assert_eq!(rule["ip_address"], "${google_compute_address.this.address}");
        assert_eq!(rule["subnetwork"], "${network.main.private_subnet_ids[0]}");
        assert_eq!(rule["depends_on"], json!(["network.main"]));
    }
    let proxy = native(&expansion, "google_compute_target_https_proxy.port_8443");
    assert_eq!(
        proxy["ssl_certificates"],
        json!(["//certificatemanager.googleapis.com/projects/p/locations/global/certificates/c"])
    );
    let natives = readable(&expansion)["natives"].clone();
    let natives = natives.as_object().expect("natives");
    assert!(natives.keys().all(|name| !name.contains("global_address")));
}

#[test]
fn what_an_internal_one_cannot_have_is_refused() {
    let refused = |more: serde_json::Value| {
        let mut inputs = json!({
            "network": "main",
            "internal": true,
            "listen": [{ "port": 80, "protocol": "http" }],
            "target": { "cluster": "main", "node_port": 30080 },
        });
        let more = more.as_object().expect("inputs").clone();
        inputs.as_object_mut().expect("inputs").extend(more);
        Fixture::with_cluster_on("google").refused("load_balancer", &inputs)
    };
    let told = refused(json!({ "from": ["10.0.0.0/8"] }));
    assert!(told.contains("leave `from` out"), "{told}");
    for certificate in [
        json!({ "domain": "shop.example.com" }),
        json!({ "id": "projects/p/global/sslCertificates/c" }),
    ] {
        let listen = json!([{ "port": 443, "protocol": "https", "certificate": certificate }]);
        let told = refused(json!({ "listen": listen }));
        assert!(told.contains("Certificate Manager"), "{told}");
    }
    let certificate = json!({ "id": "//certificatemanager.googleapis.com/projects/p/locations/global/certificates/c" });
    let listen = json!([{ "port": 443, "protocol": "tls", "certificate": certificate }]);
    let told = refused(json!({ "kind": "network", "listen": listen }));
    assert!(told.contains("does not end TLS"), "{told}");
}
