//! `tls`.

use crate::fixture::{Fixture, comes_after, node, nodes, object, readable, shop, with};
use serde_json::{Value as Json, json};

#[test]
fn a_shop_with_certificates_of_lets_encrypt() {
    let inputs = with(shop(), json!({ "tls": { "email": "ops@example.com" } }));
    let expansion = Fixture::new().harden(&["tls"], inputs);
    insta::assert_snapshot!(readable(&expansion));
}

#[test]
fn every_issuer_is_as_its_definition_wants_it() {
    for (issuer, more) in [
        ("letsencrypt", json!({ "email": "?" })),
        ("letsencrypt-staging", json!({})),
        ("self-signed", json!({})),
        ("ca", json!({})),
        ("ca", json!({ "ca": { "certificate": "?", "key": "?" } })),
        (
            "vault",
            json!({ "vault": { "server": "https://vault.example.com", "path": "pki/sign/shop", "role": "issuer", "ca": "pem" } }),
        ),
    ] {
        for cloud in ["aws", "google"] {
            let tls = with(json!({ "issuer": issuer }), more.clone());
            let expansion =
                Fixture::on(cloud).harden(&["tls"], with(shop(), json!({ "tls": tls })));
            let name = format!("clusterissuer_{}", issuer.replace('-', "_"));
            assert_eq!(
                node(&expansion, &format!("kubernetes_manifest.{name}"))["wait"]["condition"][0]["type"],
                "Ready"
            );
        }
    }
}

/// Of routes for one host, the exact path goes before the prefix; a route for any host would not even be asked, and one
/// that is alone for the host would answer 404 to everything else while a challenge is under way.
/// <https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule>
#[test]
fn the_redirect_does_not_eat_the_challenge() {
    let expansion = Fixture::new().harden(&["tls"], shop());
    let redirect = object(&expansion, "httproute_gateway_redirect_to_https");
    assert_eq!(redirect["spec"]["hostnames"], json!(["shop.example.com"]));
    let matches = &redirect["spec"]["rules"][0]["matches"];
    assert_eq!(
        *matches,
        json!([{ "path": { "type": "PathPrefix", "value": "/" } }])
    );
    let issuer = object(&expansion, "clusterissuer_letsencrypt");
    let solver =
        &issuer["spec"]["acme"]["solvers"][0]["http01"]["gatewayHTTPRoute"]["parentRefs"][0];
    assert_eq!(*solver, redirect["spec"]["parentRefs"][0]);
    // The challenge's route stands in the namespace of the certificate, which the listener must take.
    let gateway = object(&expansion, "gateway_gateway_main");
    let certificate = object(&expansion, "certificate_gateway_tls_shop_example_com");
    let listeners = &gateway["spec"]["listeners"];
    let namespace = certificate["metadata"]["namespace"]
        .as_str()
        .expect("a namespace");
    assert_eq!(taken(&listeners[0]), [namespace]);
}

/// The namespaces whose routes a listener takes.
fn taken(listener: &Json) -> Vec<String> {
    let from = &listener["allowedRoutes"]["namespaces"];
    assert_eq!(from["from"], "Selector");
    let names = &from["selector"]["matchExpressions"][0];
    // It is what the API server itself says of a namespace.
    assert_eq!(names["key"], "kubernetes.io/metadata.name");
    assert_eq!(names["operator"], "In");
    let names = names["values"].as_array().expect("names").iter();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// Each host is open to those who have a part of it, and plain HTTP to nobody's routes but the Gateway's own.
#[test]
fn listeners_take_routes_of_the_hosts_owners_alone() {
    let mut inputs = shop();
    let route = |route: Json| json!({ "port": 8000, "route": route });
    inputs["apps"]["reviews"] = json!({ "services": {
        "api": route(json!({ "host": "reviews.example.com" })),
        "stars": route(json!({ "path": "/reviews" })),
    } });
    inputs["apps"]["quiet"] = json!({});
    let gateway = |fixture: &mut Fixture| {
        let expansion = fixture.harden(&["tls"], inputs.clone());
        object(&expansion, "gateway_gateway_main")["spec"]["listeners"].clone()
    };
    let listeners = gateway(&mut Fixture::new());
    let all: Vec<(&str, Vec<String>)> = listeners
        .as_array()
        .expect("listeners")
        .iter()
        .map(|l| (l["hostname"].as_str().unwrap_or_default(), taken(l)))
        .collect();
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("", owned(&["gateway"])),
        ("shop.example.com", owned(&["reviews", "shop"])),
        ("reviews.example.com", owned(&["reviews"])),
    ];
    for (host, namespaces) in &expected {
        assert!(
            all.contains(&(*host, namespaces.clone())),
            "{host}: {all:?}"
        );
    }
    assert_eq!(all.len(), expected.len());
}

#[test]
fn listeners_show_the_certificates_and_services_listen_behind_them() {
    let expansion = Fixture::new().harden(&["tls"], shop());
    let gateway = object(&expansion, "gateway_gateway_main");
    let listener = &gateway["spec"]["listeners"][1];
    let certificate = object(&expansion, "certificate_gateway_tls_shop_example_com");
    assert_eq!(
        listener["tls"]["certificateRefs"][0]["name"],
        certificate["spec"]["secretName"]
    );
    assert_eq!(listener["hostname"], certificate["spec"]["dnsNames"][0]);
    let route = object(&expansion, "httproute_shop_front");
    assert_eq!(
        route["spec"]["parentRefs"][0]["sectionName"],
        listener["name"]
    );
    assert_eq!(route["spec"]["hostnames"], certificate["spec"]["dnsNames"]);
}

/// cert-manager looks for the Gateway API once; its webhook judges what is applied; the challenge comes in through the Gateway.
#[test]
fn the_order_of_the_parts() {
    let expansion = Fixture::new().harden(&["tls"], shop());
    for (later, earlier) in [
        ("helm_release.cert_manager", "kubernetes_crds.gateway_api"),
        ("helm_release.cert_manager", "kubernetes_crds.cert_manager"),
        (
            "kubernetes_manifest.clusterissuer_letsencrypt",
            "helm_release.cert_manager",
        ),
        (
            "kubernetes_manifest.gatewayclass_envoy",
            "helm_release.envoy_gateway",
        ),
        (
            "kubernetes_manifest.gateway_gateway_main",
            "kubernetes_manifest.gatewayclass_envoy",
        ),
        (
            "kubernetes_manifest.certificate_gateway_tls_shop_example_com",
            "kubernetes_manifest.gateway_gateway_main",
        ),
        (
            "kubernetes_manifest.certificate_gateway_tls_shop_example_com",
            "kubernetes_manifest.clusterissuer_letsencrypt",
        ),
    ] {
        assert!(
            comes_after(&expansion, later, earlier),
            "{later} before {earlier}"
        );
    }
    let gateway = node(&expansion, "kubernetes_manifest.gateway_gateway_main");
    assert_eq!(gateway["wait"]["condition"][0]["type"], "Programmed");
}

/// A load balancer of the stack ends TLS and comes in by its port of the nodes: there is no second way in.
#[test]
fn never_two_ways_in() {
    let mut fixture = Fixture::new();
    fixture.add(
        "load_balancer",
        "web",
        &json!({
            "network": "main",
            "listen": [{ "port": 443, "protocol": "https", "certificate": "?" }],
            "target": { "cluster": "main", "node_port": 30080 },
        }),
    );
    let expansion = fixture.harden(&["tls"], shop());
    let service = &object(&expansion, "envoyproxy_envoy_gateway_system_envoy")["spec"]["provider"]
        ["kubernetes"]["envoyService"]
        .clone();
    assert_eq!(service["type"], "NodePort");
    assert_eq!(
        service["patch"]["value"]["spec"]["ports"][0]["nodePort"],
        30080
    );
    assert!(
        nodes(&expansion)
            .keys()
            .all(|a| !a.contains("redirect") && !a.contains("certificate_"))
    );
    assert_eq!(
        object(&expansion, "httproute_shop_front")["spec"]["parentRefs"][0]["sectionName"],
        "http"
    );
}

/// A stack's load balancer before the Gateway of `hardening.main`, as its expansion on a cloud tells.
fn behind(cloud: &str, more: Json) -> (Fixture, Json) {
    let mut fixture = Fixture::on(cloud);
    fixture.declare("hardening", "main", &json!({ "cluster": "main" }));
    let certificate = match cloud {
        "azure" => json!({ "pem": "?", "key": "?" }),
        _ => json!("?"),
    };
    fixture.add(
        "load_balancer",
        "web",
        &json!({
            "network": "main",
            "listen": [{ "port": 443, "protocol": "https", "certificate": certificate }],
            "target": { "gateway": "hardening.main" },
        }),
    );
    (fixture, with(shop(), more))
}

/// Who called is the address that the load balancer added, and nothing that callers write themselves.
#[test]
fn behind_a_load_balancer_callers_are_known_by_what_it_adds() {
    for (cloud, hops) in [("aws", 1), ("google", 2), ("azure", 1)] {
        let (mut fixture, more) = behind(cloud, json!({}));
        let expansion = fixture.harden(&["tls"], more);
        let policy = object(&expansion, "clienttrafficpolicy_gateway_main");
        assert_eq!(
            policy["spec"]["clientIPDetection"]["xForwardedFor"]["numTrustedHops"],
            hops
        );
        assert_eq!(
            expansion.outputs["address"],
            "${load_balancer.web.dns_name}"
        );
    }
    let expansion = Fixture::new().harden(&["tls"], shop());
    let policy = object(&expansion, "clienttrafficpolicy_gateway_main");
    assert_eq!(policy["spec"].get("clientIPDetection"), None);
}

/// An application gateway reaches no ports of nodes: the Gateway has the address that it sends to.
#[test]
fn on_azure_the_gateway_has_the_address_that_is_kept_for_it() {
    let (mut fixture, more) = behind("azure", json!({}));
    let expansion = fixture.harden(&["tls"], more);
    let service = &object(&expansion, "envoyproxy_envoy_gateway_system_envoy")["spec"]["provider"]
        ["kubernetes"]["envoyService"]
        .clone();
    assert_eq!(service["type"], "LoadBalancer");
    let annotations = &service["annotations"];
    let name = |rest: &str| format!("service.beta.kubernetes.io/azure-load-balancer-{rest}");
    assert_eq!(annotations[name("internal")], "true");
    let address = annotations[name("ipv4")].as_str().expect("an address");
    assert!(address.parse::<std::net::Ipv4Addr>().is_ok(), "{address}");
}

#[test]
fn records_point_to_the_load_balancer_where_there_is_one() {
    let dns = json!({ "tls": { "dns": { "zone": "zone" } } });
    let (mut fixture, more) = behind("aws", dns.clone());
    let expansion = fixture.harden(&["tls"], more);
    let record = node(&expansion, "aws_route53_record.host_shop_example_com");
    assert_eq!(record["alias"]["name"], "${load_balancer.web.dns_name}");
    assert_eq!(record["type"], "A");
    let (mut fixture, more) = behind("azure", dns);
    let expansion = fixture.harden(&["tls"], more);
    let record = node(&expansion, "azurerm_dns_a_record.host_shop_example_com");
    assert_eq!(record["target_resource_id"], "${load_balancer.web.zone_id}");
    assert_eq!(record.get("records"), None);
}

#[test]
fn a_load_balancer_before_a_gateway_that_nobody_makes_is_refused() {
    let (mut fixture, more) = behind("aws", json!({ "tls": { "enabled": false } }));
    let told = fixture.refused(&["tls"], more);
    assert!(
        told.contains("load_balancer.web sends to the Gateway"),
        "{told}"
    );
}

#[test]
fn secrets_are_referred_to_and_not_written_out() {
    let tls = json!({ "issuer": "ca", "ca": { "certificate": "?", "key": "?" } });
    let expansion = Fixture::new().harden(&["tls"], with(shop(), json!({ "tls": tls })));
    let secret: Json = node(&expansion, "kubernetes_secret.authority");
    assert_eq!(
        secret["data"]["tls.key"],
        "${flatten([flatten([input.tls])[0].ca])[0].key}"
    );
}

#[test]
fn what_is_refused() {
    let inputs = json!({
        "tls": { "issuer": "letsencript", "min_version": "1.1", "replicas": 0, "email": "nobody" },
        "apps": { "shop": { "services": {
            "front": { "port": 3000, "route": {} },
            "back": { "route": { "host": "Shop_example" } },
            "side": { "port": 70000 },
        } } },
    });
    let one = Fixture::new().refused(&["tls"], inputs);
    let two = Fixture::new().refused(&["tls"], json!({ "tls": { "issuer": "vault" } }));
    insta::assert_snapshot!(format!("{one}\n\n{two}"));
}

/// Address → record → certificate; without a zone nothing waits for what nobody makes.
#[test]
fn a_zone_makes_records_and_certificates_wait_for_them() {
    let tls = json!({ "dns": { "zone": "shop" } });
    let expansion = Fixture::on("google").harden(&["tls"], with(shop(), json!({ "tls": tls })));
    let record = node(&expansion, "google_dns_record_set.host_shop_example_com");
    assert_eq!(record["name"], "shop.example.com.");
    let address =
        "${try(kubernetes_manifest.gateway_gateway_main.object.status.addresses[0].value, null)}";
    assert_eq!(record["rrdatas"], json!([address]));
    let certificate = "kubernetes_manifest.certificate_gateway_tls_shop_example_com";
    assert!(comes_after(
        &expansion,
        certificate,
        "google_dns_record_set.host_shop_example_com"
    ));
    assert_eq!(
        node(&expansion, certificate)["wait"]["condition"][0]["type"],
        "Ready"
    );

    let id =
        "/subscriptions/s/resourceGroups/names/providers/Microsoft.Network/dnsZones/example.com";
    for (cloud, zone, kind) in [
        ("aws", "Z1", "aws_route53_record"),
        ("azure", id, "azurerm_dns_a_record"),
    ] {
        let tls = json!({ "dns": { "zone": zone } });
        let expansion = Fixture::on(cloud).harden(&["tls"], with(shop(), json!({ "tls": tls })));
        let record = format!("{kind}.host_shop_example_com");
        let body = node(&expansion, &record);
        assert_eq!(body["records"], json!([address]), "{cloud}");
        assert!(comes_after(&expansion, certificate, &record), "{cloud}");
        if cloud == "aws" {
            // Its load balancers have names.
            assert_eq!(
                (&body["zone_id"], &body["type"]),
                (&json!("Z1"), &json!("CNAME"))
            );
            assert_eq!(body["name"], "shop.example.com");
        } else {
            let group = body["resource_group_name"].as_str().unwrap_or_default();
            assert!(group.starts_with("${split(\"/\", "), "{group}");
        }
    }

    let expansion = Fixture::on("google").harden(&["tls"], shop());
    assert!(node(&expansion, certificate)["wait"].is_null());
    let told = crate::expansions::told(&expansion.diagnostics);
    assert!(
        told.contains("DNS records point here: shop.example.com"),
        "{told}"
    );
}

/// Whoever reads the error sees both.
#[test]
fn two_apps_do_not_have_the_same_path_of_a_host() {
    let mut inputs = shop();
    let route =
        |path: &str| json!({ "port": 8000, "route": { "host": "shop.example.com", "path": path } });
    inputs["apps"]["reviews"] = json!({ "services": { "api": route("/") } });
    let told = Fixture::new().refused(&["tls"], inputs.clone());
    for part in [
        "apps.reviews.services.api",
        "apps.shop.services.front",
        "same path of the same host",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // A slash at the end makes it no other one.
    inputs["apps"]["shop"]["services"]["front"]["route"]["path"] = json!("/reviews");
    inputs["apps"]["reviews"]["services"]["api"] = route("/reviews/");
    Fixture::new().refused(&["tls"], inputs.clone());
    inputs["apps"]["reviews"]["services"]["api"] = route("/stars");
    Fixture::new().harden(&["tls"], inputs);
}
