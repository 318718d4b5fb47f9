//! Network security groups with their rules.

use serde_json::{Value, json};

use super::{begin, check_unused, id_list};
use crate::azure::context::{Ctx, default, items, items_mut, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Part, Write};
use crate::latency::Work;

const NAME: &str = "Microsoft.Network/networkSecurityGroups";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmNetwork,
    update: Work::ArmNetwork,
    delete: Work::ArmNetwork,
    parts: &[
        Part::new("securityRules", "azurerm_network_security_rule"),
        Part::new("defaultSecurityRules", ""),
    ],
    prepare,
    guard,
    show,
    ..Kind::network(NAME, "azurerm_network_security_group")
};

/// Rules that every group has: name, what it is for, priority, source, destination, access, direction.
const DEFAULTS: [[&str; 7]; 6] = [
    [
        "AllowVnetInBound",
        "Allow inbound traffic from all VMs in VNET",
        "65000",
        "VirtualNetwork",
        "VirtualNetwork",
        "Allow",
        "Inbound",
    ],
    [
        "AllowAzureLoadBalancerInBound",
        "Allow inbound traffic from azure load balancer",
        "65001",
        "AzureLoadBalancer",
        "*",
        "Allow",
        "Inbound",
    ],
    [
        "DenyAllInBound",
        "Deny all inbound traffic",
        "65500",
        "*",
        "*",
        "Deny",
        "Inbound",
    ],
    [
        "AllowVnetOutBound",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        "65000",
        "VirtualNetwork",
        "VirtualNetwork",
        "Allow",
        "Outbound",
    ],
    [
        "AllowInternetOutBound",
        "Allow outbound traffic from all VMs to Internet",
        "65001",
        "*",
        "Internet",
        "Allow",
        "Outbound",
    ],
    [
        "DenyAllOutBound",
        "Deny all outbound traffic",
        "65500",
        "*",
        "*",
        "Deny",
        "Outbound",
    ],
];

const LISTS: [&str; 4] = [
    "sourcePortRanges",
    "destinationPortRanges",
    "sourceAddressPrefixes",
    "destinationAddressPrefixes",
];

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    default(&mut write.doc, "/properties/securityRules", json!([]));
    let mut seen: Vec<(i64, String, String)> = Vec::new();
    for rule in items_mut(&mut write.doc, "/properties/securityRules") {
        let name = text(rule, "/name").to_owned();
        check_rule(rule)?;
        for list in LISTS {
            default(rule, &format!("/properties/{list}"), json!([]));
        }
        let priority = rule["properties"]["priority"].as_i64().unwrap_or_default();
        let direction = text(rule, "/properties/direction").to_owned();
        let same = seen
            .iter()
            .find(|(other, way, _)| *other == priority && *way == direction);
        if let Some((_, _, other)) = same {
            return Err(ArmError::network(
                "SecurityRuleConflict",
                format!(
                    "Security rule {name} conflicts with rule {other}. Rules cannot have the same Priority and Direction."
                ),
            ));
        }
        seen.push((priority, direction, name));
    }
    let rules: Vec<Value> = DEFAULTS
        .iter()
        .map(|[name, about, priority, from, to, access, direction]| {
            json!({ "name": name, "properties": {
                "description": about, "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*",
                "sourceAddressPrefix": from, "destinationAddressPrefix": to, "access": access,
                "priority": priority.parse::<i64>().unwrap_or_default(), "direction": direction, "sourcePortRanges": [],
                "destinationPortRanges": [], "sourceAddressPrefixes": [], "destinationAddressPrefixes": [],
            } })
        })
        .collect();
    set(&mut write.doc, "/properties/defaultSecurityRules", rules);
    Ok(())
}

fn check_rule(rule: &Value) -> ArmResult<()> {
    let name = text(rule, "/name");
    let refuse = |code: &str, message: String| Err(ArmError::network(code, message));
    let properties = &rule["properties"];
    let priority = properties["priority"].as_i64().unwrap_or_default();
    if !(100..=4096).contains(&priority) {
        return refuse(
            "SecurityRuleInvalidPriority",
            format!(
                "Security rule {name} has invalid Priority. Value provided: {priority} Allowed range 100-4096."
            ),
        );
    }
    let protocol = text(properties, "/protocol");
    for side in ["source", "destination"] {
        for (what, check) in [
            ("PortRange", port_range as fn(&str) -> bool),
            ("AddressPrefix", address_prefix),
        ] {
            let single = text(properties, &format!("/{side}{what}"));
            let plural = match what {
                "PortRange" => "PortRanges",
                _ => "AddressPrefixes",
            };
            let many: Vec<_> = items(properties, &format!("/{side}{plural}"))
                .filter_map(Value::as_str)
                .collect();
            let groups = properties[format!("{side}ApplicationSecurityGroups")].is_array();
            if single.is_empty() && many.is_empty() && !(what == "AddressPrefix" && groups) {
                // Protocols without ports need none.
                if what == "PortRange" && matches!(protocol, "Icmp" | "Esp" | "Ah") {
                    continue;
                }
                return refuse(
                    "SecurityRuleParameterMissing",
                    format!(
                        "Required security rule parameters are missing for security rule with Id: {name}. Security rule must specify {side}{what} or {side}{plural}."
                    ),
                );
            }
            if !single.is_empty() && !many.is_empty() {
                return refuse(
                    "SecurityRuleParameterContainsUnsupportedValue",
                    format!(
                        "Security rule {name} may not specify both {side}{what} and {side}{plural}."
                    ),
                );
            }
            let all = many
                .iter()
                .copied()
                .chain((!single.is_empty()).then_some(single));
            for value in all {
                if !check(value) {
                    let (code, text) = match what {
                        "PortRange" => ("SecurityRuleInvalidPortRange", "Port range"),
                        _ => ("SecurityRuleInvalidAddressPrefix", "Address prefix"),
                    };
                    return refuse(
                        code,
                        format!(
                            "Security rule {name} has invalid {text}. Value provided: {value}."
                        ),
                    );
                }
            }
        }
    }
    Ok(())
}

/// `*`, a port, or a range of them.
fn port_range(text: &str) -> bool {
    let port = |text: &str| text.trim().parse::<u16>().ok();
    match text.split_once('-') {
        _ if text == "*" => true,
        Some((from, to)) => matches!((port(from), port(to)), (Some(from), Some(to)) if from <= to),
        None => port(text).is_some(),
    }
}

/// `*`, an address, a range, or a service tag.
fn address_prefix(text: &str) -> bool {
    let tag = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        && !text.contains("..");
    text == "*"
        || text.parse::<std::net::IpAddr>().is_ok()
        || text.parse::<ipnet::IpNet>().is_ok()
        || tag
}

fn guard(ctx: &Ctx<'_>, _item: &Item, id: &Id) -> ArmResult<()> {
    let code = "InUseNetworkSecurityGroupCannotBeDeleted";
    check_unused(ctx, id, &id.text, code, "Network security group")
}

fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    let (subnets, interfaces): (Vec<_>, Vec<_>) = ctx
        .users(&item.id, &item.id)
        .into_iter()
        .partition(|user| user.to_lowercase().contains("/subnets/"));
    for (name, ids) in [("subnets", subnets), ("networkInterfaces", interfaces)] {
        if !ids.is_empty() {
            set(doc, &format!("/properties/{name}"), id_list(ids));
        }
    }
}
