//! `network` on Google Cloud: a VPC network with one regional subnetwork for nodes and pods, a router with address translation,
//! and the private connection to Google's services, such as Cloud SQL.

use super::{Inputs, Nat, Plan};
use crate::draft::Draft;
use crate::google::{self, PODS};
use ipnet::Ipv4Net;
use serde_json::json;

pub(super) fn expand(inputs: &Inputs, plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    let name = draft.name("", google::NAME);
    draft.data("google_compute_zones", "this", json!({ "status": "UP" }));
    draft.resource(
        "google_compute_network",
        "this",
        json!({
            "name": name,
            "description": google::description(draft),
            "auto_create_subnetworks": false,
            "routing_mode": "REGIONAL",
        }),
    );
    let parts = Parts::of(plan.range);
    draft.resource(
        "google_compute_subnetwork",
        "private",
        json!({
            "name": name,
            "network": "${google_compute_network.this.id}",
            "ip_cidr_range": parts.nodes.to_string(),
            "secondary_ip_range": [{ "range_name": PODS, "ip_cidr_range": parts.pods.to_string() }],
            "private_ip_google_access": true,
            "log_config": inputs.flow_logs.then(|| json!({
                "aggregation_interval": "INTERVAL_5_MIN",
                "flow_sampling": 0.5,
                "metadata": "INCLUDE_ALL_METADATA",
            })),
        }),
    );
    proxies(&parts, draft);
    if nat != Nat::None {
        translation(draft);
    }
    services(&parts, draft);
    outputs(plan, nat, draft);
}

/// Who gets which addresses: of sixteen parts the first is the nodes', the second that of internal load balancers' proxies, the third
/// that of Google's services; the upper half is the pods'.
struct Parts {
    nodes: Ipv4Net,
    proxies: Ipv4Net,
    services: Ipv4Net,
    pods: Ipv4Net,
}

impl Parts {
    fn of(range: Ipv4Net) -> Parts {
        let nth = |bits: u8, index: usize| {
            let mut parts = range
                .subnets(range.prefix_len() + bits)
                .expect("a range of at most /20 can be cut into sixteen");
            parts.nth(index).expect("an index among the parts")
        };
        Parts {
            nodes: nth(4, 0),
            proxies: nth(4, 1),
            services: nth(4, 2),
            pods: nth(1, 1),
        }
    }
}

/// Internal load balancers of a network share their proxies' subnetwork: there is one per region.
/// <https://cloud.google.com/load-balancing/docs/proxy-only-subnets>
fn proxies(parts: &Parts, draft: &mut Draft<'_>) {
    let range = parts.proxies.to_string();
    draft.fact("proxies", range.as_str().into());
    let body = json!({
        "name": draft.name("proxies", google::NAME),
        "network": "${google_compute_network.this.id}",
        "ip_cidr_range": range,
        "purpose": "GLOBAL_MANAGED_PROXY",
        "role": "ACTIVE",
    });
    draft.resource("google_compute_subnetwork", "proxies", body);
}

/// A regional gateway survives the loss of a zone by itself, so that one serves all zones.
fn translation(draft: &mut Draft<'_>) {
    let name = draft.name("nat", google::NAME);
    let body = json!({ "name": name, "labels": draft.labels() });
    draft.resource("google_compute_address", "nat", body);
    draft.resource(
        "google_compute_router",
        "this",
        json!({ "name": name, "network": "${google_compute_network.this.id}" }),
    );
    draft.resource(
        "google_compute_router_nat",
        "this",
        json!({
            "name": name,
            "router": "${google_compute_router.this.id}",
            "nat_ip_allocate_option": "MANUAL_ONLY",
            "nat_ips": ["${google_compute_address.nat.id}"],
            "source_subnetwork_ip_ranges_to_nat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
            "log_config": { "enable": true, "filter": "ERRORS_ONLY" },
        }),
    );
}

fn services(parts: &Parts, draft: &mut Draft<'_>) {
    let body = json!({
        "name": draft.name("services", google::NAME),
        "purpose": "VPC_PEERING",
        "address_type": "INTERNAL",
        "address": parts.services.addr().to_string(),
        "prefix_length": parts.services.prefix_len(),
        "network": "${google_compute_network.this.id}",
        "labels": draft.labels(),
    });
    draft.resource("google_compute_global_address", "services", body);
    draft.resource(
        "google_service_networking_connection",
        "this",
        json!({
            "network": "${google_compute_network.this.id}",
            "service": "servicenetworking.googleapis.com",
            "reserved_peering_ranges": ["${google_compute_global_address.services.name}"],
        }),
    );
}

fn outputs(plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    let zones: Vec<String> = (0..plan.zones.len())
        .map(|i| format!("data.google_compute_zones.this.names[{i}]"))
        .collect();
    // A subnetwork spans the region: the same one in every zone.
    let subnets: Vec<&str> = plan
        .zones
        .iter()
        .map(|_| "google_compute_subnetwork.private.id")
        .collect();
    draft.output("id", "google_compute_network.this.id");
    draft.output("name", "google_compute_network.this.name");
    draft.output("cidr", format!("\"{}\"", plan.range));
    draft.output("zones", format!("[{}]", zones.join(", ")));
    draft.output("private_subnet_ids", format!("[{}]", subnets.join(", ")));
    draft.output("public_subnet_ids", "[]");
    draft.output(
        "egress_addresses",
        match nat {
            Nat::None => "[]",
            _ => "[google_compute_address.nat.address]",
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_inside_and_apart() {
        for text in ["10.0.0.0/16", "192.168.16.0/20"] {
            let range: Ipv4Net = text.parse().expect("a range");
            let parts = Parts::of(range);
            let all = [parts.nodes, parts.proxies, parts.services, parts.pods];
            for (i, part) in all.iter().enumerate() {
                assert!(range.contains(part), "{part}");
                let apart = |other: &Ipv4Net| !other.contains(&part.addr());
                assert!(all[i + 1..].iter().all(apart), "{part}");
            }
        }
    }
}
