//! `load_balancer` on Google Cloud: a global one in front of the instance groups of a cluster's pools, for applications or for
//! connections (a proxy), with one address for all that it listens on. The internet reaches it at Google's front ends; an internal one
//! is Google's "cross-region internal" one, whose proxies stand in the network
//! (<https://cloud.google.com/load-balancing/docs/l7-internal>).

use super::google_reach as reach;
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

/// From where the nodes are reached: an internal one's health checks come as others', and its connections from its proxies.
fn sources(inputs: &Inputs, site: &Site) -> Vec<String> {
    let proxies = inputs.internal.then(|| site.fact("proxies"));
    let all = FRONT_ENDS.into_iter().chain(proxies);
    all.map(str::to_owned).collect()
}

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
            "source_ranges": sources(inputs, site),
            "target_tags": [cluster.output("node_security_group_id")],
            "allow": [{ "protocol": "tcp", "ports": [target.node_port.to_string()] }],
        }),
    );
    let mut health = json!({
        "name": name,
        "check_interval_sec": 15,
        "timeout_sec": 5,
        "healthy_threshold": 2,
        "unhealthy_threshold": 3,
    });
    match kind {
        Kind::Application => {
            let path = escape(&target.health_path);
            health["http_health_check"] = json!({ "port": target.node_port, "request_path": path });
        }
        Kind::Network => health["tcp_health_check"] = json!({ "port": target.node_port }),
    }
    draft.resource("google_compute_health_check", "this", health);
    backend(inputs, kind, &name, &port, cluster, draft);
    let front = Front::of(inputs, site, &name, draft);
    front.listen(inputs, kind, &name, draft);
    let address = format!("{}.address", front.address);
    for (name, expression) in [
        ("id", "google_compute_backend_service.this.id"),
        ("name", "google_compute_backend_service.this.name"),
        ("arn", "google_compute_backend_service.this.id"),
        ("dns_name", &address),
        ("zone_id", "\"\""),
        ("security_group_id", "google_compute_firewall.front_ends.id"),
    ] {
        draft.output(name, expression);
    }
}

fn check(inputs: &Inputs, kind: Kind, draft: &mut Draft<'_>) {
    if inputs.internal {
        // Its rules take any port.
        reach::check(inputs, kind, draft);
        return;
    }
    if kind == Kind::Network {
        return;
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

/// For how many seconds a request may take.
const REQUEST: u32 = 30;
/// After how many seconds a connection on which nothing moves is ended, as on AWS.
const IDLE: u32 = 350;

/// By what the load balancer is reached, which its backend service and its rules say alike.
fn scheme(inputs: &Inputs) -> &'static str {
    if inputs.internal {
        "INTERNAL_MANAGED"
    } else {
        "EXTERNAL_MANAGED"
    }
}

fn backend(
    inputs: &Inputs,
    kind: Kind,
    name: &str,
    port: &str,
    cluster: &Cluster,
    draft: &mut Draft<'_>,
) {
    let policy = reach::policy(inputs, draft);
    let (protocol, timeout) = match kind {
        Kind::Application => ("HTTP", REQUEST),
        Kind::Network => ("TCP", IDLE),
    };
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
            "protocol": protocol,
            "port_name": port,
            "load_balancing_scheme": scheme(inputs),
            "security_policy": policy,
            "timeout_sec": timeout,
            "health_checks": ["${google_compute_health_check.this.id}"],
            "backend": backends,
            "log_config": { "enable": true, "sample_rate": 1 },
            // Requests go to a port by its name.
            "depends_on": ["google_compute_instance_group_named_port.nodes"],
        }),
    );
}

/// Where it is reached.
struct Front<'s> {
    /// The block of its address.
    address: &'static str,
    /// The network that alone reaches it.
    inside: Option<&'s Site>,
    scheme: &'static str,
}

impl<'s> Front<'s> {
    fn of(inputs: &Inputs, site: &'s Site, name: &str, draft: &mut Draft<'_>) -> Front<'s> {
        let address = if inputs.internal {
            reach::address(name, site, draft);
            "google_compute_address.this"
        } else {
            let body = json!({ "name": name, "labels": draft.labels() });
            draft.resource("google_compute_global_address", "this", body);
            "google_compute_global_address.this"
        };
        Front {
            address,
            inside: inputs.internal.then_some(site),
            scheme: scheme(inputs),
        }
    }

    /// A port, from which a proxy takes connections.
    fn rule(&self, proxy: &str, listen: &Listen, draft: &mut Draft<'_>) {
        let mut body = json!({
            "name": draft.name(&listen.port.to_string(), google::NAME),
            "target": format!("${{{proxy}.id}}"),
            "ip_address": format!("${{{}.address}}", self.address),
            "port_range": listen.port.to_string(),
            "load_balancing_scheme": self.scheme,
            "labels": draft.labels(),
        });
        if let Some(site) = self.inside {
            reach::rule(site, &mut body);
        }
        let block = format!("port_{}", listen.port);
        draft.resource("google_compute_global_forwarding_rule", &block, body);
    }

    /// A map of URLs where there are any, and for each port a proxy.
    fn listen(&self, inputs: &Inputs, kind: Kind, name: &str, draft: &mut Draft<'_>) {
        if kind == Kind::Application {
            let service = "${google_compute_backend_service.this.id}";
            let body = json!({ "name": name, "default_service": service });
            draft.resource("google_compute_url_map", "this", body);
        }
        let is_secure = |l: &Listen| l.protocol == kind.protocols()[1];
        let secure = inputs.listen.iter().any(is_secure);
        if secure {
            // TLS 1.2 and 1.3 with forward secrecy; without a policy 1.0 is spoken too.
            draft.resource(
                "google_compute_ssl_policy",
                "this",
                json!({ "name": name, "profile": "RESTRICTED", "min_tls_version": "TLS_1_2" }),
            );
        }
        for (index, listen) in inputs.listen.iter().enumerate() {
            let proxy = match (kind, is_secure(listen)) {
                (Kind::Application, false) => http(secure && listen.port == 80, listen.port, draft),
                (Kind::Network, false) => proxy(
                    "google_compute_target_tcp_proxy",
                    SERVICE,
                    listen,
                    None,
                    draft,
                ),
                (Kind::Application, true) => {
                    let certificate = certificate(index, listen, draft);
                    proxy(
                        "google_compute_target_https_proxy",
                        MAP,
                        listen,
                        Some(certificate),
                        draft,
                    )
                }
                (Kind::Network, true) => {
                    let certificate = certificate(index, listen, draft);
                    proxy(
                        "google_compute_target_ssl_proxy",
                        SERVICE,
                        listen,
                        Some(certificate),
                        draft,
                    )
                }
            };
            self.rule(&proxy, listen, draft);
        }
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

/// What proxies send to: the attribute, and the block that it names.
const MAP: (&str, &str) = ("url_map", "google_compute_url_map.this");
const SERVICE: (&str, &str) = ("backend_service", "google_compute_backend_service.this");

/// A proxy for one port, with a certificate where it ends TLS.
fn proxy(
    of_type: &str,
    (attribute, to): (&str, &str),
    listen: &Listen,
    certificate: Option<Json>,
    draft: &mut Draft<'_>,
) -> String {
    let block = format!("port_{}", listen.port);
    let policy = certificate
        .as_ref()
        .map(|_| "${google_compute_ssl_policy.this.id}");
    let mut body = json!({
        "name": draft.name(&listen.port.to_string(), google::NAME),
        "ssl_certificates": certificate.map(|certificate| json!([certificate])),
        "ssl_policy": policy,
    });
    body[attribute] = json!(format!("${{{to}.id}}"));
    draft.resource(of_type, &block, body);
    format!("{of_type}.{block}")
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
