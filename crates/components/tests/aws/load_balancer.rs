use crate::fixture::{Fixture, at, native, small_cluster, unfolded};
use serde_json::{Value as Json, json};

const CERTIFICATE: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/c0ffee";

fn web(more: Json) -> Json {
    let mut inputs = json!({
        "network": "main",
        "listen": [{ "port": 80, "protocol": "http" }, { "port": 443, "protocol": "https", "certificate": CERTIFICATE }],
        "target": { "cluster": "main", "node_port": 30080, "health_path": "/healthz" },
    });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

#[test]
fn an_application_load_balancer() {
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &web(json!({})));
    insta::assert_snapshot!(unfolded(&expansion));
}

#[test]
fn plain_http_only_sends_on_to_https() {
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &web(json!({})));
    assert_eq!(
        at(&expansion, "aws_lb_listener.port_80", "/default_action"),
        json!({ "type": "redirect", "redirect": { "port": "443", "protocol": "HTTPS", "status_code": "HTTP_301" } })
    );
    assert_eq!(
        at(&expansion, "aws_lb_listener.port_443", "/ssl_policy"),
        "ELBSecurityPolicy-TLS13-1-2-2021-06"
    );
    let inputs = web(json!({ "listen": { "port": 80, "protocol": "http" } }));
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &inputs);
    assert_eq!(
        at(
            &expansion,
            "aws_lb_listener.port_80",
            "/default_action/type"
        ),
        "forward"
    );
}

#[test]
fn it_reaches_one_port_of_the_nodes_and_nothing_else() {
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &web(json!({})));
    for rule in [
        "aws_vpc_security_group_egress_rule.nodes",
        "aws_vpc_security_group_ingress_rule.nodes",
    ] {
        let rule = native(&expansion, rule);
        assert_eq!(
            (&rule["from_port"], &rule["to_port"]),
            (&json!(30080), &json!(30080))
        );
    }
    assert_eq!(
        at(&expansion, "aws_autoscaling_attachment.nodes", "/for_each"),
        "${toset([\"general-a\", \"general-b\"])}"
    );
}

#[test]
fn suspicious_headers_are_dropped_and_a_protected_one_stays() {
    let mut fixture = Fixture::protected();
    fixture.add("network", "main", &json!({ "cloud": "aws" }));
    fixture.add("cluster", "main", &small_cluster());
    let expansion = fixture.add("load_balancer", "web", &web(json!({})));
    assert_eq!(
        at(&expansion, "aws_lb.this", "/drop_invalid_header_fields"),
        true
    );
    assert_eq!(
        at(&expansion, "aws_lb.this", "/enable_deletion_protection"),
        true
    );
}

#[test]
fn an_internal_network_load_balancer() {
    let inputs = web(json!({
        "kind": "network", "internal": true,
        "listen": [{ "port": 5000, "protocol": "tcp" }, { "port": 5001, "protocol": "tls", "certificate": "?" }],
    }));
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &inputs);
    assert_eq!(
        at(&expansion, "aws_lb.this", "/subnets"),
        "${network.main.private_subnet_ids}"
    );
    assert_eq!(
        at(
            &expansion,
            "aws_vpc_security_group_ingress_rule.listen",
            "/for_each/5000/from"
        ),
        "${network.main.cidr}"
    );
    assert_eq!(
        at(&expansion, "aws_lb_listener.port_5001", "/certificate_arn"),
        "${flatten([input.listen])[1].certificate}"
    );
    assert_eq!(
        at(&expansion, "aws_lb_target_group.this", "/protocol"),
        "TCP"
    );
}

fn secure(certificate: &serde_json::Value) -> serde_json::Value {
    web(json!({ "listen": { "port": 443, "protocol": "https", "certificate": certificate } }))
}

#[test]
fn a_certificate_for_a_domain_is_proved_in_its_zone() {
    let domain = json!({ "domain": "shop.example.com" });
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &secure(&domain));
    for (address, pointer, expected) in [
        (
            "aws_acm_certificate.port_443",
            "/domain_name",
            "shop.example.com",
        ),
        ("aws_acm_certificate.port_443", "/validation_method", "DNS"),
        (
            "data.aws_route53_zone.port_443",
            "/encloses",
            "shop.example.com",
        ),
        (
            "aws_route53_record.port_443",
            "/zone_id",
            "${data.aws_route53_zone.port_443.zone_id}",
        ),
        (
            "aws_route53_record.port_443",
            "/name",
            "${aws_acm_certificate.port_443.domain_validation_options[0].resource_record_name}",
        ),
        // The listener waits until the certificate is issued.
        (
            "aws_lb_listener.port_443",
            "/certificate_arn",
            "${aws_acm_certificate_validation.port_443.certificate_arn}",
        ),
    ] {
        assert_eq!(at(&expansion, address, pointer), expected, "{address}");
    }
    let domain = json!({ "domain": "shop.example.com", "zone": "Z1" });
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &secure(&domain));
    assert_eq!(
        at(&expansion, "aws_route53_record.port_443", "/zone_id"),
        "Z1"
    );
}

#[test]
fn a_certificate_of_ones_own_is_imported_apart_from_its_chain() {
    let own = json!({ "pem": "-----BEGIN CERTIFICATE-----", "key": "k" });
    let expansion = Fixture::with_cluster().add("load_balancer", "web", &secure(&own));
    let body = |pointer: &str| at(&expansion, "aws_acm_certificate.port_443", pointer).clone();
    assert_eq!(body("/private_key"), "k");
    let first = body("/certificate_body");
    assert!(
        first.as_str().is_some_and(|f| f.starts_with("${regex(")),
        "{first}"
    );
    let chain = body("/certificate_chain");
    assert!(
        chain.as_str().is_some_and(|c| c.ends_with(": null}")),
        "{chain}"
    );
    assert_eq!(
        at(&expansion, "aws_lb_listener.port_443", "/certificate_arn"),
        "${aws_acm_certificate.port_443.arn}"
    );
}

/// The cluster of a Gateway is that of its hardening, which is expanded later.
#[test]
fn a_gateway_answers_on_a_port_of_the_nodes() {
    let mut fixture = Fixture::with_cluster();
    let hardening = json!({ "cluster": "cluster.main", "domain": "?" });
    fixture.0.declare("hardening", "main", &hardening);
    let gateway = json!({ "target": { "gateway": "hardening.main" } });
    let by_gateway = fixture.add("load_balancer", "web", &web(gateway));
    let by_port = Fixture::with_cluster().add("load_balancer", "web", &web(json!({})));
    let mut facts = by_gateway.facts.clone();
    let named = facts.shift_remove("gateway");
    assert_eq!(named.expect("a fact").as_str(), Some("hardening.main"));
    assert_eq!(facts, by_port.facts);
    for (one, other) in by_gateway.blocks.iter().zip(&by_port.blocks) {
        assert_eq!(one.body, other.body, "{}", one.name);
    }
    let elsewhere =
        json!({ "target": { "gateway": "main", "node_port": 31080, "health_path": "/" } });
    let expansion = fixture.add("load_balancer", "other", &web(elsewhere));
    let group = |pointer: &str| at(&expansion, "aws_lb_target_group.this", pointer);
    assert_eq!(group("/port"), 31080);
    assert_eq!(group("/health_check/path"), "/");
}

#[test]
fn what_is_refused() {
    let cases = [
        web(json!({ "kind": "classic" })),
        web(json!({ "listen": [] })),
        web(
            json!({ "listen": [{ "port": 80, "protocol": "tcp" }, { "port": 80, "protocol": "http" }] }),
        ),
        web(json!({ "listen": { "port": 443, "protocol": "https" } })),
        web(json!({ "listen": { "port": 80, "protocol": "http", "certificate": CERTIFICATE } })),
        web(
            json!({ "listen": { "port": 443, "protocol": "https", "certificate": { "name": "shop.example.com" } } }),
        ),
        web(json!({ "target": { "cluster": "mian", "node_port": 30080 } })),
        web(json!({ "target": { "cluster": "main", "node_port": 80 } })),
        web(json!({ "from": ["everywhere"] })),
        web(json!({ "target": { "health_path": "/" } })),
        web(json!({ "target": { "cluster": "main" } })),
        web(json!({ "target": { "gateway": "main", "cluster": "main" } })),
        web(json!({ "target": { "gateway": "hardening.mian" } })),
        web(json!({ "target": { "gateway": "later" } })),
        web(
            json!({ "kind": "network", "listen": { "port": 80, "protocol": "tcp" }, "target": { "gateway": "main" } }),
        ),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|c| {
            let mut fixture = Fixture::with_cluster();
            for (name, cluster) in [("main", "main"), ("later", "?")] {
                let hardening = json!({ "cluster": cluster });
                fixture.0.declare("hardening", name, &hardening);
            }
            fixture.refused("load_balancer", c)
        })
        .collect();
    let mut apart = Fixture::with_cluster();
    apart.add("network", "other", &json!({ "cloud": "aws" }));
    let apart = apart.refused("load_balancer", &web(json!({ "network": "other" })));
    insta::assert_snapshot!(format!("{}\n\n{apart}", told.join("\n\n")));
}
