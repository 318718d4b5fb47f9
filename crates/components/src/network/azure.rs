//! `network` on Azure: a resource group for all that stands in the network, a virtual network with regional subnets, a NAT
//! gateway, and closed network security groups.

use super::{Inputs, Nat, Plan};
use crate::azure::{self, LOCATION, NAME, Opening};
use crate::draft::Draft;
use infra_model::Value;
use ipnet::Ipv4Net;
use serde_json::{Value as Json, json};

/// A region has so many zones.
const ZONES: usize = 3;

pub(super) fn expand(inputs: &Inputs, plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    check(plan, draft);
    let group = azure::own_group(draft);
    let body = json!({
        "name": draft.name("", 64),
        "resource_group_name": group,
        "location": LOCATION,
        "address_space": [inputs.cidr],
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_virtual_network", "this", body);
    let parts = Parts::of(plan.range);
    // Whoever opens a way out or in does so by a rule or a gateway of its own; nothing leaves by itself.
    let private = json!({ "default_outbound_access_enabled": false });
    subnet("private", parts.nodes, private, &group, draft);
    subnet("public", parts.public, json!({}), &group, draft);
    // A subnet is delegated to one service: each engine has one of its own.
    let postgres = delegation("postgres", "Microsoft.DBforPostgreSQL/flexibleServers");
    subnet("database", parts.databases, postgres, &group, draft);
    let mysql = delegation("mysql", "Microsoft.DBforMySQL/flexibleServers");
    subnet("mysql", parts.mysql, mysql, &group, draft);
    rules(&parts, &group, draft);
    if nat != Nat::None {
        translation(nat, &group, draft);
    }
    if inputs.flow_logs {
        flow_logs(&group, draft);
    }
    draft.fact("nat", Value::from(nat != Nat::None));
    outputs(plan, nat, draft);
}

fn check(plan: &Plan, draft: &mut Draft<'_>) {
    if plan.zones.len() > ZONES {
        draft.refuse(
            "zones",
            format!(
                "a region of Azure has {ZONES} zones, not {}",
                plan.zones.len()
            ),
            format!("write `zones = {ZONES}` or less"),
        );
    }
}

/// Gives a subnet to a service of databases. A server adds the endpoint by itself, for its backups.
fn delegation(name: &str, service: &str) -> Json {
    json!({
        "service_endpoints": ["Microsoft.Storage"],
        "delegation": {
            "name": name,
            "service_delegation": {
                "name": service,
                "actions": ["Microsoft.Network/virtualNetworks/subnets/join/action"],
            },
        },
    })
}

/// Who gets which addresses: of sixteen parts the first is the nodes', the third that of PostgreSQL's databases, the fourth that of
/// MySQL's, the last that of what stands towards the internet.
struct Parts {
    nodes: Ipv4Net,
    databases: Ipv4Net,
    mysql: Ipv4Net,
    public: Ipv4Net,
}

impl Parts {
    fn of(range: Ipv4Net) -> Parts {
        let nth = |index: usize| {
            let mut parts = range
                .subnets(range.prefix_len() + 4)
                .expect("a range of at most /20 can be cut into sixteen");
            parts.nth(index).expect("an index among the parts")
        };
        Parts {
            nodes: nth(0),
            databases: nth(2),
            mysql: nth(3),
            public: nth(15),
        }
    }
}

/// A subnet with a network security group of its own; later components know the names of both.
fn subnet(block: &str, range: Ipv4Net, more: Json, group: &str, draft: &mut Draft<'_>) {
    let name = draft.name(block, NAME);
    draft.fact(&format!("{block}_range"), range.to_string().into());
    draft.fact(&format!("{block}_name"), name.as_str().into());
    let mut body = json!({
        "name": name,
        "resource_group_name": group,
        "virtual_network_name": "${azurerm_virtual_network.this.name}",
        "address_prefixes": [range.to_string()],
    });
    let entries = body.as_object_mut().expect("a body is an object");
    entries.extend(more.as_object().cloned().unwrap_or_default());
    draft.resource("azurerm_subnet", block, body);
    let body = json!({
        "name": name,
        "resource_group_name": group,
        "location": LOCATION,
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_network_security_group", block, body);
    draft.resource(
        "azurerm_subnet_network_security_group_association",
        block,
        json!({
            "subnet_id": format!("${{azurerm_subnet.{block}.id}}"),
            "network_security_group_id": format!("${{azurerm_network_security_group.{block}.id}}"),
        }),
    );
}

fn rules(parts: &Parts, group: &str, draft: &mut Draft<'_>) {
    // The nodes' own groups, which the cluster keeps, let in only what a Service of type LoadBalancer asks for.
    let services = Opening {
        group,
        security_group: "${azurerm_network_security_group.private.name}",
        priority: 4000,
        from: json!("Internet"),
        ports: json!(["80", "443"]),
        description: "HTTP and HTTPS to Services of type LoadBalancer",
    };
    azure::open(draft, "services", &services);
    // https://learn.microsoft.com/azure/application-gateway/configuration-infrastructure#network-security-groups
    let managers = Opening {
        group,
        security_group: "${azurerm_network_security_group.public.name}",
        priority: 100,
        from: json!("GatewayManager"),
        ports: json!(["65200-65535"]),
        description: "Azure to the application gateways that it runs",
    };
    azure::open(draft, "managers", &managers);
    let postgres = json!(["5432", "6432"]);
    closed(
        "database",
        parts.databases,
        postgres,
        ["databases", "closed"],
        group,
        draft,
    );
    let mysql = json!(["3306"]);
    closed(
        "mysql",
        parts.mysql,
        mysql,
        ["mysql", "closed_mysql"],
        group,
        draft,
    );
}

/// Lets nobody in to databases but who is let in by a rule of its own: of its two rules one is for themselves, one for all others.
fn closed(
    subnet: &str,
    range: Ipv4Net,
    ports: Json,
    [among, others]: [&str; 2],
    group: &str,
    draft: &mut Draft<'_>,
) {
    let security_group = format!("${{azurerm_network_security_group.{subnet}.name}}");
    // A server and its standby speak to each other.
    let standbys = Opening {
        group,
        security_group: &security_group,
        priority: 100,
        from: json!([range.to_string()]),
        ports,
        description: "Databases among themselves",
    };
    azure::open(draft, among, &standbys);
    let body = json!({
        "name": draft.name(&others.replace('_', "-"), NAME),
        "resource_group_name": group,
        "network_security_group_name": security_group,
        "description": "Nobody to the databases, but their clients",
        "priority": 4096,
        "direction": "Inbound",
        "access": "Deny",
        "protocol": "*",
        "source_address_prefix": "*",
        "source_port_range": "*",
        "destination_address_prefix": "*",
        "destination_port_range": "*",
    });
    draft.resource("azurerm_network_security_rule", others, body);
}

/// One gateway: in one zone, or of the kind that spans all of them.
fn translation(nat: Nat, group: &str, draft: &mut Draft<'_>) {
    let sku = match nat {
        Nat::PerZone => "StandardV2",
        _ => "Standard",
    };
    let body = json!({
        "name": draft.name("nat", NAME),
        "resource_group_name": group,
        "location": LOCATION,
        "allocation_method": "Static",
        "sku": sku,
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_public_ip", "nat", body);
    let body = json!({
        "name": draft.name("nat", NAME),
        "resource_group_name": group,
        "location": LOCATION,
        "sku_name": sku,
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_nat_gateway", "this", body);
    draft.resource(
        "azurerm_nat_gateway_public_ip_association",
        "this",
        json!({
            "nat_gateway_id": "${azurerm_nat_gateway.this.id}",
            "public_ip_address_id": "${azurerm_public_ip.nat.id}",
        }),
    );
    draft.resource(
        "azurerm_subnet_nat_gateway_association",
        "private",
        json!({
            "subnet_id": "${azurerm_subnet.private.id}",
            "nat_gateway_id": "${azurerm_nat_gateway.this.id}",
            // A gateway without an address leads nowhere.
            "depends_on": ["azurerm_nat_gateway_public_ip_association.this"],
        }),
    );
}

/// The record of the network's traffic, kept for 90 days in an account of its own, which an identity writes to: there are no keys that
/// could be lost (<https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-managed-identity>). The watcher that keeps it is the
/// region's, which Azure makes with the first network there.
fn flow_logs(group: &str, draft: &mut Draft<'_>) {
    azure::identity(draft, "flow_logs", "flow-logs", group);
    let start: String = draft.start(24).replace('-', "").chars().take(12).collect();
    // A bucket of the same name has another one.
    let name = json!(format!("{start}flow${{{}}}", azure::unique(draft)));
    let mut body = azure::account(name, group);
    body["tags"] = draft.plain_tags();
    draft.resource("azurerm_storage_account", "flow_logs", body);
    azure::grant(
        draft,
        "flow_logs",
        "flow_logs",
        "Storage Blob Data Contributor",
        "${azurerm_storage_account.flow_logs.id}",
    );
    let body = json!({
        "name": draft.name("", NAME),
        "network_watcher_name": azure::WATCHER,
        "resource_group_name": azure::WATCHERS,
        "location": LOCATION,
        "target_resource_id": "${azurerm_virtual_network.this.id}",
        "storage_account_id": "${azurerm_storage_account.flow_logs.id}",
        "enabled": true,
        "version": 2,
        "retention_policy": { "enabled": true, "days": 90 },
        "identity": { "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.flow_logs.id}"] },
        "tags": draft.plain_tags(),
        "depends_on": ["azurerm_role_assignment.flow_logs"],
    });
    draft.resource("azurerm_network_watcher_flow_log", "this", body);
}

fn outputs(plan: &Plan, nat: Nat, draft: &mut Draft<'_>) {
    let each = |item: &dyn Fn(usize) -> String| {
        let items: Vec<String> = (0..plan.zones.len()).map(item).collect();
        format!("[{}]", items.join(", "))
    };
    draft.output("id", "azurerm_virtual_network.this.id");
    draft.output("name", "azurerm_virtual_network.this.name");
    draft.output("cidr", format!("\"{}\"", plan.range));
    draft.output("zones", each(&|zone| format!("\"{}\"", zone + 1)));
    // A subnet spans the region: the same one in every zone.
    draft.output(
        "private_subnet_ids",
        each(&|_| "azurerm_subnet.private.id".to_owned()),
    );
    draft.output(
        "public_subnet_ids",
        each(&|_| "azurerm_subnet.public.id".to_owned()),
    );
    draft.output(
        "egress_addresses",
        match nat {
            Nat::None => "[]",
            _ => "[azurerm_public_ip.nat.ip_address]",
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
            let all = [parts.nodes, parts.databases, parts.mysql, parts.public];
            for (i, part) in all.iter().enumerate() {
                assert!(range.contains(part), "{part} in {range}");
                for other in &all[..i] {
                    assert!(!other.contains(part) && !part.contains(other));
                }
            }
        }
    }
}
