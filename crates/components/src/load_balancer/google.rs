//! `load_balancer` on Google Cloud: a global external application load balancer in front of the instance groups of a cluster's
//! pools, with one address for all that it listens on.

use super::{Behind, Certificate, Inputs, Kind, Listen};
use crate::cluster::Target as Cluster;
use crate::draft::Draft;
use crate::google;
use crate::input::escape;
use crate::network::Site;
use serde_json::{Value as Json, json};

/// From where Google's load balancers and their health checks come
/// (https://cloud.google.com/load-balancing/docs/firewall-rules).
const FRONT_ENDS: [&str; 2] = ["130.211.0.0/22", "35.191.0.0/16"];

pub(super) fn expand(
    inputs: &Inputs,
    kind: Kind,
    target: &Behind,
    site: &Site,
    draft: &mut Draft<'_>,
) {
    check(inputs, kind, draft);
    let cluster = &target.cluster;
    let name = draft.name("", google::NAME);
    let port = format!("port-{}", target.node_port);
    let keys: Vec<String> = cluster
        .node_groups
        .iter()
        .map(|k| format!("\"{k}\""))
        .collect();
    draft.resource(
        "google_compute_instance_group_named_port",
        "nodes",
        json!({
            "for_each": format!("${{toset([{}])}}", keys.join(", ")),
            "group": format!("${{{}.node_groups[each.key]}}", cluster.reference),
            "name": port,
            "port": target.node_port,
        }),
    );
    draft.resource(
        "google_compute_firewall",
        "front_ends",
        json!({
            "name": draft.name("front-ends", google::NAME),
            "network": site.output("id"),
            "description": "Load balancer and health checks to the nodes",
            "source_ranges": FRONT_ENDS,
            "target_tags": [cluster.output("node_security_group_id")],
            "allow": [{ "protocol": "tcp", "ports": [target.node_port.to_string()] }],
        }),
    );
    draft.resource(
        "google_compute_health_check",
        "this",
        json!({
            "name": name,
            "check_interval_sec": 15,
            "timeout_sec": 5,
            "healthy_threshold": 2,
            "unhealthy_threshold": 3,
            "http_health_check": { "port": target.node_port, "request_path": escape(&target.health_path) },
        }),
    );
    backend(&name, &port, cluster, draft);
    front(inputs, &name, draft);
    for (name, expression) in [
        ("id", "google_compute_backend_service.this.id"),
        ("name", "google_compute_backend_service.this.name"),
        ("arn", "google_compute_backend_service.this.id"),
        ("dns_name", "google_compute_global_address.this.address"),
        ("zone_id", "\"\""),
        ("security_group_id", "google_compute_firewall.front_ends.id"),
    ] {
        draft.output(name, expression);
    }
}

fn check(inputs: &Inputs, kind: Kind, draft: &mut Draft<'_>) {
    super::check_public_application(inputs, kind, "Google Cloud", draft);
    if inputs.from.is_some() {
        draft.refuse(
            "from",
            "who reaches a load balancer of Google Cloud is decided by a Cloud Armor policy, which cannot be built yet",
            "leave `from` out, and attach a policy with `override = { google_compute_backend_service = { security_policy = \"…\" } }`",
        );
    }
    for (index, listen) in inputs.listen.iter().enumerate() {
        // https://cloud.google.com/load-balancing/docs/forwarding-rule-concepts#port_specifications
        if listen.protocol == "http" && ![80, 8080].contains(&listen.port) {
            draft.refuse(
                &format!("listen[{index}].port"),
                format!(
                    "Google Cloud's load balancers take HTTP on ports 80 and 8080, not {}",
                    listen.port
                ),
                "write `port = 80`",
            );
        }
        if listen.protocol == "https" && listen.port != 443 {
            draft.refuse(
                &format!("listen[{index}].port"),
                format!(
                    "Google Cloud's load balancers take HTTPS on port 443, not {}",
                    listen.port
                ),
                "write `port = 443`",
            );
        }
    }
}

fn backend(name: &str, port: &str, cluster: &Cluster, draft: &mut Draft<'_>) {
    let backends: Vec<Json> = cluster
        .node_groups
        .iter()
        .map(|key| {
            json!({
                "group": format!("${{{}.node_groups[\"{key}\"]}}", cluster.reference),
                "balancing_mode": "UTILIZATION",
                "max_utilization": 0.8,
            })
        })
        .collect();
    draft.resource(
        "google_compute_backend_service",
        "this",
        json!({
            "name": name,
            "protocol": "HTTP",
            "port_name": port,
            "load_balancing_scheme": "EXTERNAL_MANAGED",
            "timeout_sec": 30,
            "health_checks": ["${google_compute_health_check.this.id}"],
            "backend": backends,
            "log_config": { "enable": true, "sample_rate": 1 },
            // Requests go to a port by its name.
            "depends_on": ["google_compute_instance_group_named_port.nodes"],
        }),
    );
}

/// Address, map of URLs, and for each protocol a proxy with its ports.
fn front(inputs: &Inputs, name: &str, draft: &mut Draft<'_>) {
    let body = json!({ "name": name, "labels": draft.labels() });
    draft.resource("google_compute_global_address", "this", body);
    draft.resource(
        "google_compute_url_map",
        "this",
        json!({ "name": name, "default_service": "${google_compute_backend_service.this.id}" }),
    );
    let secure = inputs.listen.iter().any(|l| l.protocol == "https");
    for (index, listen) in inputs.listen.iter().enumerate() {
        let proxy = if listen.protocol == "https" {
            https(index, listen, draft)
        } else {
            http(secure && listen.port == 80, listen.port, draft)
        };
        let body = json!({
            "name": draft.name(&listen.port.to_string(), google::NAME),
            "target": format!("${{{proxy}.id}}"),
            "ip_address": "${google_compute_global_address.this.address}",
            "port_range": listen.port.to_string(),
            "load_balancing_scheme": "EXTERNAL_MANAGED",
            "labels": draft.labels(),
        });
        let block = format!("port_{}", listen.port);
        draft.resource("google_compute_global_forwarding_rule", &block, body);
    }
}

fn http(redirects: bool, port: i64, draft: &mut Draft<'_>) -> String {
    let block = format!("port_{port}");
    let map = if redirects {
        let body = json!({
            "name": draft.name("to-https", google::NAME),
            "default_url_redirect": {
                "https_redirect": true,
                "strip_query": false,
                "redirect_response_code": "MOVED_PERMANENTLY_DEFAULT",
            },
        });
        draft.resource("google_compute_url_map", "to_https", body);
        "google_compute_url_map.to_https"
    } else {
        "google_compute_url_map.this"
    };
    let body = json!({
        "name": draft.name(&port.to_string(), google::NAME),
        "url_map": format!("${{{map}.id}}"),
    });
    draft.resource("google_compute_target_http_proxy", &block, body);
    format!("google_compute_target_http_proxy.{block}")
}

fn https(index: usize, listen: &Listen, draft: &mut Draft<'_>) -> String {
    let block = format!("port_{}", listen.port);
    let certificate = certificate(index, listen, draft);
    let body = json!({
        "name": draft.name(&listen.port.to_string(), google::NAME),
        "url_map": "${google_compute_url_map.this.id}",
        "ssl_certificates": [certificate],
    });
    draft.resource("google_compute_target_https_proxy", &block, body);
    format!("google_compute_target_https_proxy.{block}")
}

/// A certificate by its id, for a domain, or of one's own.
fn certificate(index: usize, listen: &Listen, draft: &mut Draft<'_>) -> Json {
    let name = draft.name("cert", google::NAME);
    match super::certificate(index, &listen.certificate, draft) {
        None => Json::Null,
        Some(Certificate::There(id)) => id,
        // Google proves the domain by the records that point to the address.
        Some(Certificate::ForDomain { domain, .. }) => {
            let body = json!({ "name": name, "managed": { "domains": [domain] } });
            draft.resource("google_compute_managed_ssl_certificate", "this", body);
            json!("${google_compute_managed_ssl_certificate.this.id}")
        }
        Some(Certificate::Own { pem, key }) => {
            let body = json!({ "name": name, "certificate": pem, "private_key": key });
            draft.resource("google_compute_ssl_certificate", "this", body);
            json!("${google_compute_ssl_certificate.this.id}")
        }
    }
}
