//! `load_balancer` on AWS: an ALB or NLB with its target group on the autoscaling groups of a cluster, its listeners, and the
//! firewall rules between it and the nodes.

use super::aws_certificate as certificate;
use super::{Behind, Inputs, Kind, Listen};
use crate::aws;
use crate::draft::Draft;
use crate::input::escape;
use crate::network::Site;
use serde_json::{Map, json};

/// TLS 1.2 and 1.3 with forward secrecy.
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

pub(super) fn expand(
    inputs: &Inputs,
    kind: Kind,
    target: &Behind,
    site: &Site,
    draft: &mut Draft<'_>,
) {
    if kind == Kind::Application {
        site.spans_two_zones("an application load balancer", draft);
    }
    firewall(inputs, target, site, draft);
    balancer(inputs, kind, site, draft);
    target_group(kind, target, site, draft);
    let secure_port = inputs
        .listen
        .iter()
        .find(|l| l.protocol == "https")
        .map(|l| l.port);
    for (index, listen) in inputs.listen.iter().enumerate() {
        listener(index, listen, secure_port, draft);
    }
    for (name, expression) in [
        ("id", "aws_lb.this.id"),
        ("name", "aws_lb.this.name"),
        ("arn", "aws_lb.this.arn"),
        ("dns_name", "aws_lb.this.dns_name"),
        ("zone_id", "aws_lb.this.zone_id"),
        ("security_group_id", "aws_security_group.this.id"),
    ] {
        draft.output(name, expression);
    }
}

fn firewall(inputs: &Inputs, target: &Behind, site: &Site, draft: &mut Draft<'_>) {
    aws::security_group(
        draft,
        "this",
        "load-balancer",
        "Load balancer",
        &site.output("id"),
    );
    let own = vec![site.output("cidr")];
    let all = vec!["0.0.0.0/0".to_owned()];
    let ranges = inputs
        .from
        .as_ref()
        .unwrap_or(if inputs.internal { &own } else { &all });
    let mut each = Map::new();
    for listen in &inputs.listen {
        for (index, range) in ranges.iter().enumerate() {
            let key = if ranges.len() == 1 {
                listen.port.to_string()
            } else {
                format!("{}-{index}", listen.port)
            };
            each.insert(key, json!({ "port": listen.port, "from": range }));
        }
    }
    draft.resource(
        "aws_vpc_security_group_ingress_rule",
        "listen",
        json!({
            "for_each": each,
            "security_group_id": "${aws_security_group.this.id}",
            "cidr_ipv4": "${each.value.from}",
            "description": "Clients to port ${each.value.port}",
            "ip_protocol": "tcp", "from_port": "${each.value.port}", "to_port": "${each.value.port}",
        }),
    );
    let nodes = target.cluster.output("node_security_group_id");
    draft.resource(
        "aws_vpc_security_group_egress_rule",
        "nodes",
        json!({
            "security_group_id": "${aws_security_group.this.id}",
            "referenced_security_group_id": nodes,
            "description": "To the nodes",
            "ip_protocol": "tcp", "from_port": target.node_port, "to_port": target.node_port,
        }),
    );
    draft.resource(
        "aws_vpc_security_group_ingress_rule",
        "nodes",
        json!({
            "security_group_id": nodes,
            "referenced_security_group_id": "${aws_security_group.this.id}",
            "description": format!("From the load balancer {}", draft.name("", 32)),
            "ip_protocol": "tcp", "from_port": target.node_port, "to_port": target.node_port,
        }),
    );
}

fn balancer(inputs: &Inputs, kind: Kind, site: &Site, draft: &mut Draft<'_>) {
    let subnets = if inputs.internal {
        "private_subnet_ids"
    } else {
        "public_subnet_ids"
    };
    let application = kind == Kind::Application;
    let body = json!({
        "name": draft.name("", 32),
        "load_balancer_type": if application { "application" } else { "network" },
        "internal": inputs.internal,
        "subnets": site.output(subnets),
        "security_groups": ["${aws_security_group.this.id}"],
        // Request smuggling starts with headers that two servers read differently.
        "drop_invalid_header_fields": application.then_some(true),
        "enable_cross_zone_load_balancing": (!application).then_some(true),
        "enable_deletion_protection": draft.protect(),
        "tags": draft.tags("", &[]),
        // A public load balancer needs its subnets' way out.
        "depends_on": [site.reference],
    });
    draft.resource("aws_lb", "this", body);
}

fn target_group(kind: Kind, target: &Behind, site: &Site, draft: &mut Draft<'_>) {
    let health = match kind {
        Kind::Application => json!({
            "protocol": "HTTP", "port": "traffic-port", "path": escape(&target.health_path), "matcher": "200-399",
            "interval": 15, "timeout": 5, "healthy_threshold": 2, "unhealthy_threshold": 3,
        }),
        Kind::Network => json!({
            "protocol": "TCP", "port": "traffic-port",
            "interval": 15, "healthy_threshold": 2, "unhealthy_threshold": 3,
        }),
    };
    let (protocol, start) = match kind {
        Kind::Application => ("HTTP", "http"),
        Kind::Network => ("TCP", "tcp"),
    };
    let suffix = format!("{start}-{}", target.node_port);
    let body = json!({
        // With protocol and port, so that the group of another port can be there before this one goes.
        "name": draft.name(&suffix, 32),
        "port": target.node_port,
        "protocol": protocol,
        "target_type": "instance",
        "vpc_id": site.output("id"),
        "health_check": health,
        "tags": draft.tags(&suffix, &[]),
        "lifecycle": { "create_before_destroy": true },
    });
    draft.resource("aws_lb_target_group", "this", body);
    let cluster = &target.cluster;
    let keys: Vec<String> = cluster
        .node_groups
        .iter()
        .map(|k| format!("\"{k}\""))
        .collect();
    draft.resource(
        "aws_autoscaling_attachment",
        "nodes",
        json!({
            "for_each": format!("${{toset([{}])}}", keys.join(", ")),
            "autoscaling_group_name": format!("${{{}.node_groups[each.key]}}", cluster.reference),
            "lb_target_group_arn": "${aws_lb_target_group.this.arn}",
        }),
    );
}

fn listener(index: usize, listen: &Listen, secure_port: Option<i64>, draft: &mut Draft<'_>) {
    let secure = matches!(listen.protocol.as_str(), "https" | "tls");
    let certificate = if secure {
        certificate::arn(index, listen, draft)
    } else {
        None
    };
    let action = match secure_port {
        Some(port) if listen.protocol == "http" && listen.port == 80 => json!({
            "type": "redirect",
            "redirect": { "port": port.to_string(), "protocol": "HTTPS", "status_code": "HTTP_301" },
        }),
        _ => json!({ "type": "forward", "target_group_arn": "${aws_lb_target_group.this.arn}" }),
    };
    let body = json!({
        "load_balancer_arn": "${aws_lb.this.arn}",
        "port": listen.port,
        "protocol": listen.protocol.to_uppercase(),
        "certificate_arn": certificate,
        "ssl_policy": secure.then_some(TLS_POLICY),
        "default_action": action,
        "tags": draft.tags(&listen.port.to_string(), &[]),
    });
    draft.resource("aws_lb_listener", &format!("port_{}", listen.port), body);
}
