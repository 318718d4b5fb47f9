//! `load_balancer` on Azure: an application gateway in front of an address in the network that is kept for a Service of the cluster.
//! It has a public address in every case, as Azure demands; an internal one listens only on an address of its subnet.

use super::azure_certificates::{self, Certificates};
use super::{Behind, Inputs, Kind, Listen};
use crate::azure::{self, LOCATION, NAME, Opening};
use crate::draft::Draft;
use crate::input::escape;
use crate::names;
use crate::network::Site;
use infra_model::Value;
use ipnet::Ipv4Net;
use serde_json::{Value as Json, json};
use std::net::Ipv4Addr;

/// TLS 1.2 and 1.3 with forward secrecy.
const TLS_POLICY: &str = "AppGwSslPolicy20220101";

/// What it listens on: its public address, or one of its subnet.
const OUTER: &str = "public";
const INNER: &str = "private";

/// What tells the cluster who called.
const CLIENT: &str = "client";

/// How many addresses at the end of the nodes' range are kept for Services: nodes take theirs from its beginning.
const KEPT: u32 = 1024;

pub(super) fn expand(
    inputs: &Inputs,
    kind: Kind,
    target: &Behind,
    site: &Site,
    draft: &mut Draft<'_>,
) {
    if kind == Kind::Network {
        draft.refuse(
            "kind",
            "on Azure the machines of a cluster are behind load balancers that the cluster itself makes: there is none of kind `network` apart from it",
            "write `kind = \"application\"`, or give the cluster a Service of type LoadBalancer, which is one",
        );
    }
    let Some(address) = address(site, target) else {
        return;
    };
    if target.gateway {
        let address = address.to_string();
        draft.fact("gateway_address", Value::from(address.as_str()));
    } else {
        tell_service(target, address, draft);
    }
    let group = azure::group_of(site, draft);
    firewall(inputs, site, &group, draft);
    let body = json!({
        "name": draft.name("", NAME),
        "resource_group_name": group,
        "location": LOCATION,
        "allocation_method": "Static",
        "sku": "Standard",
        "domain_name_label": format!("{}-${{{}}}", draft.start(54), azure::unique(draft)),
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_public_ip", "this", body);
    let Some(inner) = front_address(inputs, site, draft) else {
        return;
    };
    gateway(inputs, target, site, &group, (address, inner), draft);
    let firewall = azure::beside(site, "networkSecurityGroups", site.fact("public_name"));
    let firewall = format!("\"{firewall}\"");
    let (reached_by, reached_at) = match inner {
        Some(inner) => (format!("\"{inner}\""), "\"\""),
        None => (
            "azurerm_public_ip.this.fqdn".to_owned(),
            "azurerm_public_ip.this.id",
        ),
    };
    for (name, expression) in [
        ("id", "azurerm_application_gateway.this.id"),
        ("name", "azurerm_application_gateway.this.name"),
        ("arn", "azurerm_application_gateway.this.id"),
        ("dns_name", &*reached_by),
        ("zone_id", reached_at),
        ("security_group_id", &*firewall),
    ] {
        draft.output(name, expression);
    }
}

/// Says what the Service must be like that nobody else makes.
fn tell_service(target: &Behind, address: Ipv4Addr, draft: &mut Draft<'_>) {
    draft.remark(
        "target",
        format!(
            "an application gateway reaches no ports of nodes: it sends to {address}, which {} must answer on port {}",
            target.cluster.reference, target.node_port
        ),
        format!(
            "give it a Service of type LoadBalancer on port {} with the annotations `service.beta.kubernetes.io/azure-load-balancer-internal: \"true\"` and `service.beta.kubernetes.io/azure-load-balancer-ipv4: {address}`; with `target = {{ gateway = \"hardening.NAME\" }}` the hardening of the cluster makes it",
            target.node_port
        ),
    );
}

/// The address that is kept for the Service: near the end of the nodes' range, by cluster and port.
fn address(site: &Site, target: &Behind) -> Option<Ipv4Addr> {
    let whose = format!("{} {}", target.cluster.reference, target.node_port);
    near_end(site.fact("private_range"), &whose)
}

/// The address that an internal one listens on, near the end of its subnet; `Some(None)` for one that is not.
fn front_address(inputs: &Inputs, site: &Site, draft: &Draft<'_>) -> Option<Option<Ipv4Addr>> {
    if !inputs.internal {
        return Some(None);
    }
    near_end(site.fact("public_range"), &draft.name("", NAME)).map(Some)
}

/// An address that is the same on every run, where those that Azure gives come last.
fn near_end(range: &str, whose: &str) -> Option<Ipv4Addr> {
    let range: Ipv4Net = range.parse().ok()?;
    let size = u32::from(range.broadcast()) - u32::from(range.network());
    let kept = KEPT.min(size / 4);
    let place = names::number(whose) % kept;
    // The last address of a range is nobody's.
    Some(Ipv4Addr::from(u32::from(range.broadcast()) - 1 - place))
}

fn firewall(inputs: &Inputs, site: &Site, group: &str, draft: &mut Draft<'_>) {
    let priority = azure::priority(draft, &format!("{} public", site.reference));
    let ports: Vec<String> = inputs.listen.iter().map(|l| l.port.to_string()).collect();
    let from = match &inputs.from {
        Some(ranges) if ranges.is_empty() => return,
        Some(ranges) => json!(ranges),
        None if inputs.internal => json!([site.output("cidr")]),
        None => json!("Internet"),
    };
    let opening = Opening {
        group,
        security_group: site.fact("public_name"),
        priority,
        from,
        ports: json!(ports),
        description: "Clients to the load balancer",
    };
    azure::open(draft, "listen", &opening);
}

fn gateway(
    inputs: &Inputs,
    target: &Behind,
    site: &Site,
    group: &str,
    (address, inner): (Ipv4Addr, Option<Ipv4Addr>),
    draft: &mut Draft<'_>,
) {
    let Certificates {
        all: certificates,
        grants,
    } = azure_certificates::make(inputs, group, draft);
    let secure = inputs.listen.iter().find(|l| l.protocol == "https");
    let redirect = secure.filter(|_| inputs.listen.iter().any(plain_80));
    let ports = inputs
        .listen
        .iter()
        .map(|l| json!({ "name": front(l), "port": l.port }));
    let subnet = format!("${{{}.public_subnet_ids[0]}}", site.reference);
    let outer = json!({ "name": OUTER, "public_ip_address_id": "${azurerm_public_ip.this.id}" });
    let fronts: Vec<Json> = std::iter::once(outer)
        .chain(inner.map(|inner| {
            json!({
                "name": INNER,
                "subnet_id": subnet,
                "private_ip_address_allocation": "Static",
                "private_ip_address": inner.to_string(),
            })
        }))
        .collect();
    let listeners = inputs.listen.iter().map(|l| {
        json!({
            "name": front(l),
            "frontend_ip_configuration_name": if inner.is_some() { INNER } else { OUTER },
            "frontend_port_name": front(l),
            "protocol": if l.protocol == "https" { "Https" } else { "Http" },
            "ssl_certificate_name": (l.protocol == "https").then(|| front(l)),
        })
    });
    let rules = inputs.listen.iter().enumerate().map(|(index, l)| {
        let away = redirect.is_some() && plain_80(l);
        json!({
            "name": front(l),
            "rule_type": "Basic",
            "priority": 100 + 10 * index,
            "http_listener_name": front(l),
            "backend_address_pool_name": (!away).then_some("nodes"),
            "backend_http_settings_name": (!away).then_some("nodes"),
            "redirect_configuration_name": away.then_some("to-https"),
            "rewrite_rule_set_name": (!away).then_some(CLIENT),
        })
    });
    let identity = (!certificates.is_empty()).then(|| {
        json!({ "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.this.id}"] })
    });
    let mut depends = vec![site.reference.clone()];
    depends.extend(grants);
    let body = json!({
        "name": draft.name("", NAME),
        "resource_group_name": group,
        "location": LOCATION,
        "zones": azure::zones(site),
        "sku": { "name": "Standard_v2", "tier": "Standard_v2" },
        "autoscale_configuration": { "min_capacity": 1, "max_capacity": 10 },
        "http2_enabled": true,
        "identity": identity,
        "ssl_policy": { "policy_type": "Predefined", "policy_name": TLS_POLICY },
        "gateway_ip_configuration": {
            "name": "subnet",
            "subnet_id": subnet,
        },
        "frontend_ip_configuration": fronts,
        "frontend_port": ports.collect::<Vec<Json>>(),
        "ssl_certificate": (!certificates.is_empty()).then_some(certificates),
        "backend_address_pool": { "name": "nodes", "ip_addresses": [address.to_string()] },
        "backend_http_settings": {
            "name": "nodes",
            // The Service of a Gateway has the port of its listener.
            "port": if target.gateway { 80 } else { target.node_port },
            "protocol": "Http",
            "cookie_based_affinity": "Disabled",
            "request_timeout": 30,
            "probe_name": "nodes",
        },
        "probe": {
            "name": "nodes",
            "protocol": "Http",
            "host": "127.0.0.1",
            "path": escape(&target.health_path),
            "interval": 15,
            "timeout": 5,
            "unhealthy_threshold": 3,
            "match": { "status_code": ["200-399"] },
        },
        "http_listener": listeners.collect::<Vec<Json>>(),
        "redirect_configuration": redirect.map(|secure| json!({
            "name": "to-https",
            "redirect_type": "Permanent",
            "target_listener_name": front(secure),
            "include_path": true,
            "include_query_string": true,
        })),
        // By itself the gateway sends on the address of whoever calls with a port, which few programs read.
        "rewrite_rule_set": {
            "name": CLIENT,
            "rewrite_rule": {
                "name": CLIENT,
                "rule_sequence": 100,
                "request_header_configuration": {
                    "header_name": "X-Forwarded-For",
                    "header_value": "{var_add_x_forwarded_for_proxy}",
                },
            },
        },
        "request_routing_rule": rules.collect::<Vec<Json>>(),
        "tags": draft.plain_tags(),
        // Its subnet's rules come with the network, and without the grant it cannot read its certificates.
        "depends_on": depends,
    });
    draft.resource("azurerm_application_gateway", "this", body);
}

fn plain_80(listen: &Listen) -> bool {
    listen.protocol == "http" && listen.port == 80
}

/// What belongs to a listener is named so.
pub(super) fn front(listen: &Listen) -> String {
    format!("port-{}", listen.port)
}
