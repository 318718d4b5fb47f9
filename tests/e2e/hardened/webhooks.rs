//! What the control plane of GKE calls in the cluster: the firewall of the network lets it, on every port that a webhook listens on.

use crate::support::{Folder, Server};
use serde_json::Value as Json;
use std::collections::BTreeSet;

const STACK: &str = r#"
[stack]
name = "shop"

[clouds.google]
project = "shop"
region  = "europe-west1"

[network.main]
cloud = "google"
cidr  = "10.20.0.0/16"

[cluster.main]
network    = "main"
kubernetes = "1.34"
[cluster.main.pools.general]
size = "large"
min  = 3
max  = 3

[bucket.logs]
cloud = "google"

[hardening.main]
cluster = "main"
domain  = "shop.example.com"
profile = ["tls", "network", "database", "monitoring", "policy", "supply_chain", "crossplane"]
[hardening.main.tls]
issuer = "self-signed"
[hardening.main.policy]
engine     = "gatekeeper"
registries = ["ghcr.io/acme/"]
[hardening.main.supply_chain]
identities = [{ issuer = "https://gitlab.com", subject = "ci" }]
[hardening.main.apps.shop]
[hardening.main.apps.shop.services.front]
port  = 3000
route = {}
"#;

/// The ports that anybody may open at pods of the platform's: those of webhooks, since no policy can name who calls them, and of the way in.
fn open_ports(resources: &Json) -> BTreeSet<u64> {
    let policies = resources.as_object().expect("resources").values();
    let manifests = policies.map(|r| &r["attributes"]["manifest"]["value"]);
    let policies = manifests.filter(|m| m["kind"] == "NetworkPolicy");
    let platform = policies.filter(|m| m["metadata"]["namespace"] != "shop");
    let rules = platform.flat_map(|m| m["spec"]["ingress"].as_array().cloned());
    rules
        .flatten()
        .filter(|rule| rule["from"].is_null())
        .flat_map(|rule| rule["ports"].as_array().cloned().unwrap_or_default())
        .filter_map(|port| port["port"].as_u64())
        .collect()
}

#[test]
fn on_google_webhooks_are_reached_through_the_firewall() {
    let (folder, server) = (Folder::new(), Server::sandbox(&["--latency", "none"]));
    folder.write("stacks/shop.toml", STACK);
    let flag = server.flag();
    folder.run(&["apply", "-auto-approve", &flag]).expect(0);
    let state = folder.run(&["state", "pull"]).expect(0).json();
    let of = |address: &str| {
        let found = &state["resources"][address]["attributes"];
        assert!(found.is_object(), "{address} is not there");
        found.clone()
    };
    let wall = of("cluster.main.google_compute_firewall.webhooks");
    let allowed = wall["allow"].as_array().expect("rules");
    let allowed: BTreeSet<u64> = allowed
        .iter()
        .filter(|rule| rule["protocol"] == "tcp")
        .flat_map(|rule| rule["ports"].as_array().cloned().unwrap_or_default())
        .filter_map(|port| port.as_str()?.parse().ok())
        .collect();
    let mut called = open_ports(&state["resources"]);
    // By these people come in, from load balancers.
    let way_in = [10080, 10443];
    assert!(way_in.iter().all(|port| called.remove(port)), "{called:?}");
    assert!(called.len() >= 3, "{called:?}");
    let closed: Vec<&u64> = called.difference(&allowed).collect();
    assert!(closed.is_empty(), "{closed:?} of {called:?} are closed");

    // It stands before the cluster's nodes, and for calls out of its network alone.
    let nodes = of("cluster.main.google_container_node_pool.general");
    assert_eq!(wall["target_tags"], nodes["node_config"][0]["tags"]);
    assert_eq!(wall["source_ranges"], serde_json::json!(["10.20.0.0/16"]));
    // It is what the cloud has, and goes with the cluster.
    folder.run(&["plan", "-detailed-exitcode", &flag]).expect(0);
}
