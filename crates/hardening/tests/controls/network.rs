//! `network`.

mod apps;

use crate::fixture::{Fixture, comes_after, givens, nodes, readable, shop, with};
use crate::reach::{End, reaches};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

fn policies(expansion: &Expansion) -> Vec<Json> {
    let all = nodes(expansion)
        .into_iter()
        .map(|(_, body)| body["manifest"].clone());
    all.filter(|o| o["kind"] == "NetworkPolicy").collect()
}

/// The shop with all that the guide lets it do.
fn busy_shop() -> Json {
    with(
        shop(),
        json!({ "apps": {
            "shop": { "services": {
                "front": { "port": 3000, "route": {}, "metrics": "/metrics" },
                "back": {
                    "port": 8000, "from": ["front"], "to": ["203.0.113.0/24:443", "mail.relay"], "labels": { "app": "back" },
                },
                "job": { "to": ["0.0.0.0/0:443"] },
            } },
            "mail": { "services": { "relay": { "port": 2525 } } },
        } }),
    )
}

/// Everybody who is there, and the ports on which anybody listens.
fn everybody() -> Vec<(End, Vec<u16>)> {
    let proxy = [
        "gateway.envoyproxy.io/owning-gateway-name=main",
        "gateway.envoyproxy.io/owning-gateway-namespace=gateway",
        "app.kubernetes.io/component=proxy",
    ];
    let named = |name: &'static str, namespace, label: &str| {
        End::pod(
            name,
            namespace,
            &[&format!("app.kubernetes.io/name={label}")],
        )
    };
    vec![
        (named("front", "shop", "front"), vec![3000, 9090]),
        (End::pod("back", "shop", &["app=back"]), vec![8000]),
        (named("job", "shop", "job"), vec![8000]),
        (End::pod("stranger", "shop", &["app=other"]), vec![5432]),
        (named("relay", "mail", "relay"), vec![2525]),
        (
            End::pod("proxy", "envoy-gateway-system", &proxy),
            vec![10080, 10443, 19001],
        ),
        (
            End::pod(
                "envoy",
                "envoy-gateway-system",
                &["app.kubernetes.io/name=gateway-helm"],
            ),
            vec![18000, 9443],
        ),
        (
            named("cert-manager", "cert-manager", "cert-manager"),
            vec![9402],
        ),
        (named("webhook", "cert-manager", "webhook"), vec![10250]),
        (
            End::pod(
                "solver",
                "gateway",
                &["acme.cert-manager.io/http01-solver=true"],
            ),
            vec![8089],
        ),
        (
            End::pod("elsewhere", "default", &["app=elsewhere"]),
            vec![80],
        ),
        // The control plane, a partner, the internet, the metadata service, a machine of the network.
        (End::address("10.0.3.7"), vec![443, 5432]),
        (End::address("203.0.113.9"), vec![443, 80]),
        (End::address("198.51.100.1"), vec![443, 80]),
        (End::address("169.254.169.254"), vec![80, 443]),
    ]
}

fn matrix(expansion: &Expansion) -> BTreeSet<String> {
    let policies = policies(expansion);
    let mut out = BTreeSet::new();
    for (from, _) in everybody() {
        for (to, ports) in everybody() {
            let outside = |end: &End| matches!(end, End::Address(_));
            if from.name() == to.name() || (outside(&from) && outside(&to)) {
                continue;
            }
            for port in ports {
                if reaches(&policies, &from, &to, "TCP", port) {
                    out.insert(format!("{} -> {}:{port}", from.name(), to.name()));
                }
            }
        }
    }
    out
}

/// The whole matrix, so that nothing is reachable that nobody declared.
#[test]
fn exactly_the_declared_flows_go_through() {
    let expansion = Fixture::new().harden(&["network", "tls"], busy_shop());
    let matrix: Vec<String> = matrix(&expansion).into_iter().collect();
    insta::assert_snapshot!(matrix.join("\n"));
}

#[test]
fn apps_reach_what_they_declare_and_nothing_more() {
    let expansion = Fixture::new().harden(&["network", "tls"], busy_shop());
    let matrix = matrix(&expansion);
    for allowed in [
        "front -> back:8000",
        "back -> 203.0.113.9:443",
        "back -> relay:2525",
        "job -> 198.51.100.1:443",
        "proxy -> front:3000",
    ] {
        assert!(matrix.contains(allowed), "{allowed}");
    }
    for forbidden in [
        "job -> back:8000",
        "stranger -> back:8000",
        "front -> relay:2525",
        "front -> 203.0.113.9:443",
        "back -> 198.51.100.1:443",
        "back -> 203.0.113.9:80",
        "job -> 10.0.3.7:443",
        "elsewhere -> back:8000",
        "proxy -> back:8000",
        "front -> stranger:5432",
    ] {
        assert!(!matrix.contains(forbidden), "{forbidden}");
    }
}

/// Credentials of the node are for the node.
#[test]
fn nobody_reaches_the_metadata_service() {
    let expansion = Fixture::new().harden(&["network", "tls"], busy_shop());
    let matrix = matrix(&expansion);
    let reached: Vec<&String> = matrix
        .iter()
        .filter(|m| m.contains("-> 169.254.169.254"))
        .collect();
    // A namespace that infra did not make is as it was.
    assert_eq!(
        reached,
        [
            "elsewhere -> 169.254.169.254:443",
            "elsewhere -> 169.254.169.254:80"
        ]
    );
}

#[test]
fn everybody_asks_for_names_and_in_google_the_clouds_own_service_answers() {
    for (cloud, google) in [("aws", false), ("google", true)] {
        let expansion = Fixture::on(cloud).harden(&["network"], busy_shop());
        let policies = policies(&expansion);
        let front = End::pod("front", "shop", &["app.kubernetes.io/name=front"]);
        let dns = End::pod("dns", "kube-system", &["k8s-app=kube-dns"]);
        for protocol in ["UDP", "TCP"] {
            assert!(reaches(&policies, &front, &dns, protocol, 53), "{cloud}");
            assert!(reaches(
                &policies,
                &front,
                &End::address("169.254.20.10"),
                protocol,
                53
            ));
            let service = End::address("169.254.169.254");
            assert_eq!(reaches(&policies, &front, &service, protocol, 53), google);
        }
        assert!(!reaches(&policies, &front, &dns, "TCP", 8080));
    }
}

/// Nodes are no pods, and on most clouds no range stands for them.
#[test]
fn prometheus_reaches_kubelets_and_exporters_on_nodes_and_nobody_else_does() {
    for cloud in ["aws", "google", "azure"] {
        let expansion = Fixture::on(cloud).harden(&["network", "monitoring"], shop());
        let policies = policies(&expansion);
        let node = End::address("10.0.3.7");
        let pod = |namespace, name| {
            let label = format!("app.kubernetes.io/name={name}");
            End::pod(name, namespace, &[&label])
        };
        for port in [10250, 9100] {
            let reached = |from: &End| reaches(&policies, from, &node, "TCP", port);
            assert!(reached(&pod("monitoring", "prometheus")), "{cloud}: {port}");
            assert!(!reached(&pod("monitoring", "grafana")), "{cloud}: {port}");
            assert!(!reached(&pod("shop", "front")), "{cloud}: {port}");
        }
        let prometheus = pod("monitoring", "prometheus");
        assert!(
            !reaches(&policies, &prometheus, &node, "TCP", 22),
            "{cloud}"
        );
        let outside = End::address("198.51.100.1");
        assert!(
            !reaches(&policies, &prometheus, &outside, "TCP", 8443),
            "{cloud}"
        );
    }
}

/// What enforces policies on EKS sees a packet to the API's service before it is sent on to where the API is.
#[test]
fn on_eks_the_api_is_reached_by_the_address_of_its_service() {
    let expansion = Fixture::new().harden(&["network", "tls"], busy_shop());
    let policies = policies(&expansion);
    let injector = End::pod(
        "cainjector",
        "cert-manager",
        &["app.kubernetes.io/name=cainjector"],
    );
    let front = End::pod("front", "shop", &["app.kubernetes.io/name=front"]);
    for service in ["10.100.0.1", "172.20.0.1"] {
        let service = End::address(service);
        assert!(reaches(&policies, &injector, &service, "TCP", 443));
        assert!(!reaches(&policies, &front, &service, "TCP", 443));
    }
}

/// Where nobody reaches the API from outside, nobody inside goes outside for it.
#[test]
fn on_azure_the_api_is_asked_for_outside_only_where_it_is_outside() {
    for (from, outside) in [(json!([]), false), (json!(["203.0.113.0/24"]), true)] {
        let mut fixture = Fixture::reached_from("azure", &from);
        let expansion = fixture.harden(&["network", "tls"], busy_shop());
        let policies = policies(&expansion);
        let injector = End::pod(
            "cainjector",
            "cert-manager",
            &["app.kubernetes.io/name=cainjector"],
        );
        let api = |address: &str| reaches(&policies, &injector, &End::address(address), "TCP", 443);
        assert!(api("10.0.3.7"), "{from}");
        assert_eq!(api("198.51.100.1"), outside, "{from}");
    }
}

/// Jobs that a chart runs when it is upgraded or goes, long after its namespace was locked. Their pods have no label but the job's
/// name.
#[test]
fn jobs_of_charts_reach_the_api() {
    let inputs = json!({
        "policy": { "registries": ["ghcr.io/acme/"] },
        "supply_chain": { "verifier": "policy-controller", "keys": ["-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"] },
    });
    let controls = ["network", "policy", "supply_chain"];
    let expansion = Fixture::new().harden(&controls, with(shop(), inputs));
    let policies = policies(&expansion);
    for (namespace, job) in [
        ("kyverno", "kyverno-migrate-resources"),
        ("kyverno", "kyverno-rm-webhooks"),
        ("kyverno", "kyverno-scale-to-zero"),
        ("cosign-system", "leases-cleanup"),
    ] {
        let label = format!("batch.kubernetes.io/job-name={job}");
        let pod = End::pod(job, namespace, &[&label]);
        let api = End::address("10.0.3.7");
        assert!(reaches(&policies, &pod, &api, "TCP", 443), "{job}");
        let stranger = End::pod("stranger", namespace, &["app=other"]);
        assert!(!reaches(&policies, &stranger, &api, "TCP", 443));
    }
}

/// Apps are locked before anything runs in them; the platform's own namespaces when what runs there has been installed.
#[test]
fn default_deny_is_first_for_apps_and_last_for_the_platform() {
    let expansion = Fixture::new().harden(&["network", "tls"], shop());
    let deny = "kubernetes_manifest.networkpolicy_cert_manager_default_deny";
    assert!(comes_after(&expansion, deny, "helm_release.cert_manager"));
    let nodes = nodes(&expansion);
    let deny = &nodes["kubernetes_manifest.networkpolicy_shop_default_deny"];
    let after = deny["depends_on"].as_array().expect("a list");
    assert!(
        after
            .iter()
            .all(|a| !a.as_str().unwrap_or_default().starts_with("helm_release"))
    );
}

#[test]
fn every_namespace_that_is_made_denies_by_default() {
    let inputs = with(with(busy_shop(), givens()), json!({ "cluster": "main" }));
    let mut fixture = crate::alternatives::on("aws");
    let expansion = fixture.add("hardening", "main", &inputs);
    let policies = policies(&expansion);
    let names = nodes(&expansion);
    let namespaces = names
        .iter()
        .filter(|(a, _)| a.starts_with("kubernetes_namespace."));
    for (_, body) in namespaces {
        let name = &body["metadata"]["name"];
        let denies = |p: &&Json| {
            p["metadata"]["namespace"] == *name
                && p["spec"]["podSelector"] == json!({})
                && p["spec"]["policyTypes"] == json!(["Ingress", "Egress"])
                && p["spec"]["egress"].is_null()
        };
        assert_eq!(policies.iter().filter(denies).count(), 1, "{name}");
    }
}

#[test]
fn a_managed_database_is_reached_by_who_declares_it() {
    for (cloud, range) in [
        ("aws", "10.0.0.0/16"),
        ("google", "${database.shop.address}/32"),
    ] {
        let mut fixture = Fixture::on(cloud);
        let database = json!({ "network": "main", "engine": "postgres", "version": "17" });
        fixture.add("database", "shop", &database);
        let inputs =
            json!({ "apps": { "shop": { "services": { "back": { "to": ["database.shop"] } } } } });
        let expansion = fixture.harden(&["network"], inputs);
        let policy = crate::fixture::object(&expansion, "networkpolicy_shop_back");
        assert_eq!(
            policy["spec"]["egress"],
            json!([{ "to": [{ "ipBlock": { "cidr": range } }], "ports": [{ "protocol": "TCP", "port": 5432 }] }])
        );
    }
}

#[test]
fn a_shop_of_its_own() {
    let expansion = Fixture::new().harden(&["network"], busy_shop());
    insta::assert_snapshot!(readable(&expansion));
}

#[test]
fn what_is_refused() {
    let inputs = json!({
        "network": { "dns": ["one.one.one.one"] },
        "apps": { "shop": { "services": {
            "front": { "port": 3000, "from": ["bakc", "mail.relay"] },
            "back": { "to": ["203.0.113.0/24", "203.0.113.0/24:none", "169.254.169.254/32:80", "database.shop", "job"] },
            "job": {},
        } } },
    });
    insta::assert_snapshot!(Fixture::new().refused(&["network"], inputs));
}
