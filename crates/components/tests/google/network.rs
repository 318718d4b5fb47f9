use crate::fixture::{Fixture, at, native, readable, unfolded};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const SUBNETWORK: &str = "google_compute_subnetwork.private";

fn network(more: Json) -> Expansion {
    let mut inputs = json!({ "cloud": "google" });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    Fixture::new().add("network", "main", &inputs)
}

#[test]
fn a_network_over_two_zones() {
    insta::assert_snapshot!(unfolded(&network(json!({}))));
}

#[test]
fn nothing_is_in_it_that_was_not_asked_for() {
    let made = native(&network(json!({})), "google_compute_network.this");
    assert_eq!(made["auto_create_subnetworks"], false);
}

#[test]
fn nothing_is_let_in() {
    // A network that is made by hand has no rules of its own but that nothing comes in: what lets something in would be a rule here.
    let natives = readable(&network(json!({})))["natives"].clone();
    let all = natives.as_object().expect("natives");
    let rules = all.keys().filter(|a| a.contains("firewall"));
    assert_eq!(rules.count(), 0, "{natives}");
}

#[test]
fn flows_are_logged() {
    let logs = at(&network(json!({})), SUBNETWORK, "/log_config");
    assert_eq!(logs["metadata"], "INCLUDE_ALL_METADATA");
    let silent = network(json!({ "flow_logs": false }));
    assert_eq!(at(&silent, SUBNETWORK, "/log_config"), Json::Null);
}

#[test]
fn machines_get_out_through_one_address_and_reach_google_without_one() {
    let expansion = network(json!({}));
    assert_eq!(
        at(&expansion, SUBNETWORK, "/private_ip_google_access"),
        true
    );
    let nat = native(&expansion, "google_compute_router_nat.this");
    assert_eq!(nat["nat_ip_allocate_option"], "MANUAL_ONLY");
    assert_eq!(nat["nat_ips"], json!(["${google_compute_address.nat.id}"]));
}
