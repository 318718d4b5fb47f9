//! Load balancers: everything of theirs is in one document.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::public_ip::{self, check_free, check_zones};
use super::{address, begin, check_unused, id_list};
use crate::azure::context::{Ctx, default, items, items_mut, references, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Part, Write};
use crate::latency::Work;

const NAME: &str = "Microsoft.Network/loadBalancers";
pub(crate) const SUBNET: &str = "Microsoft.Network/virtualNetworks/subnets";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmBalancer,
    update: Work::ArmNetwork,
    delete: Work::ArmBalancer,
    parts: &[
        Part {
            guard: guard_part,
            ..Part::new("backendAddressPools", "azurerm_lb_backend_address_pool")
        },
        Part::new("frontendIPConfigurations", ""),
        Part::new("loadBalancingRules", "azurerm_lb_rule"),
        Part::new("probes", "azurerm_lb_probe"),
        Part::new("inboundNatRules", "azurerm_lb_nat_rule"),
        Part::new("inboundNatPools", ""),
        Part::new("outboundRules", "azurerm_lb_outbound_rule"),
    ],
    prepare,
    show,
    ..Kind::network(NAME, "azurerm_lb")
};

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    write.carry(&["/sku"]);
    default(&mut write.doc, "/sku/name", "Basic");
    default(&mut write.doc, "/sku/tier", "Regional");
    let id = write.id.clone();
    if text(&write.doc, "/sku/name") == "Basic" && write.creates() {
        return Err(ArmError::network(
            "BasicSkuLoadBalancerCreationNotAllowed",
            format!(
                "Load balancer {} cannot be made: the Basic SKU is retired, use Standard.",
                id.text
            ),
        ));
    }
    if write.changed("/sku/name") {
        return Err(ArmError::network(
            "PropertyChangeNotAllowed",
            format!(
                "Changing property 'sku.name' of {} is not allowed.",
                id.text
            ),
        ));
    }
    for part in KIND.parts {
        default(
            &mut write.doc,
            &format!("/properties/{}", part.field),
            json!([]),
        );
    }
    frontends(ctx, write, NAME)?;
    rules(write)?;
    check_own_references(write)
}

/// Gives each frontend its address, and holds what it uses.
pub(crate) fn frontends(ctx: &mut Ctx<'_>, write: &mut Write<'_>, kind: &str) -> ArmResult<()> {
    let id = write.id.clone();
    let count = items(&write.doc, "/properties/frontendIPConfigurations").count();
    let mut given: Vec<IpAddr> = Vec::new();
    for at in 0..count {
        let base = format!("/properties/frontendIPConfigurations/{at}");
        let name = text(&write.doc, &format!("{base}/name")).to_owned();
        let own = id.child("frontendIPConfigurations", &name);
        let part = write.doc.pointer(&base).cloned().unwrap_or(Value::Null);
        check_zones(
            &json!({ "location": write.doc["location"], "id": id.text, "zones": part["zones"] }),
        )?;
        let outer = format!("{base}/properties/publicIPAddress");
        if let Some(found) = write.attach(ctx, &outer, public_ip::NAME)? {
            check_free(ctx, &found, &id, &own.text)?;
            default(
                &mut write.doc,
                &format!("{base}/properties/privateIPAllocationMethod"),
                "Dynamic",
            );
            continue;
        }
        let inner = format!("{base}/properties/subnet");
        let Some(subnet) = write.attach(ctx, &inner, SUBNET)? else {
            if part["properties"]["publicIPPrefix"].is_object() {
                continue;
            }
            return Err(ArmError::network(
                "FrontendIPConfigurationHasNoReference",
                format!(
                    "Frontend {} of {kind} names neither a subnet nor a public IP address.",
                    own.text
                ),
            ));
        };
        let before = items(write.before, "/properties/frontendIPConfigurations")
            .find(|one| text(one, "/name").eq_ignore_ascii_case(&name))
            .map(|one| text(one, "/properties/privateIPAddress").to_owned())
            .unwrap_or_default();
        private_address(
            ctx,
            write,
            &format!("{base}/properties"),
            &subnet,
            &before,
            &mut given,
        )?;
    }
    Ok(())
}

/// Gives what stands in a subnet its address: the one it asks for, the one it had, or a free one.
pub(crate) fn private_address(
    ctx: &Ctx<'_>,
    write: &mut Write<'_>,
    base: &str,
    subnet: &Id,
    before: &str,
    given: &mut Vec<IpAddr>,
) -> ArmResult<()> {
    let pointer = format!("{base}/privateIPAddress");
    let method = format!("{base}/privateIPAllocationMethod");
    default(&mut write.doc, &method, "Dynamic");
    let is_static = text(&write.doc, &method) == "Static";
    let asked = text(&write.doc, &pointer).to_owned();
    let address = if is_static {
        let element = crate::azure::parts::get(ctx, subnet).unwrap_or(Value::Null);
        let range = address::first_range(&element);
        let wanted: Option<IpAddr> = asked.parse().ok();
        let Some(wanted) =
            wanted.filter(|wanted| range.is_some_and(|range| range.contains(wanted)))
        else {
            return Err(ArmError::network(
                "PrivateIPAddressNotInSubnet",
                format!(
                    "Private static IP address {asked} does not belong to the range of subnet prefix {}.",
                    range.map_or_else(String::new, |range| range.to_string())
                ),
            ));
        };
        let reserved = range.is_some_and(|range| {
            wanted == range.network()
                || wanted == range.broadcast()
                || range.hosts().take(3).any(|host| host == wanted)
        });
        if reserved {
            return Err(ArmError::network(
                "PrivateIPAddressInReservedRange",
                format!(
                    "Private static IP address {asked} falls within reserved IP range of subnet prefix {}.",
                    range.map_or_else(String::new, |range| range.to_string())
                ),
            ));
        }
        let taken = before != asked && address::taken(ctx, &subnet.text).contains(&wanted);
        if taken || given.contains(&wanted) {
            return Err(ArmError::network(
                "PrivateIPAddressIsAllocated",
                format!(
                    "IP configuration of {} is using the private IP address {asked} which is already allocated to another resource.",
                    write.id.text
                ),
            ));
        }
        wanted
    } else if let Ok(before) = before.parse() {
        before
    } else {
        address::free(ctx, &subnet.text, given).ok_or_else(|| {
            ArmError::network(
                "SubnetIsFull",
                format!(
                    "Subnet {} with address prefix has no capacity for 1 IP addresses.",
                    subnet.name()
                ),
            )
        })?
    };
    given.push(address);
    set(&mut write.doc, &pointer, address.to_string());
    default(
        &mut write.doc,
        &format!("{base}/privateIPAddressVersion"),
        "IPv4",
    );
    Ok(())
}

fn rules(write: &mut Write<'_>) -> ArmResult<()> {
    let mut seen: Vec<(String, String, i64, String)> = Vec::new();
    for rule in items_mut(&mut write.doc, "/properties/loadBalancingRules") {
        let name = text(rule, "/name").to_owned();
        for (member, value) in [
            ("enableFloatingIP", json!(false)),
            ("enableTcpReset", json!(false)),
            ("disableOutboundSnat", json!(false)),
            ("idleTimeoutInMinutes", json!(4)),
            ("loadDistribution", json!("Default")),
        ] {
            default(rule, &format!("/properties/{member}"), value);
        }
        let port = rule["properties"]["frontendPort"]
            .as_i64()
            .unwrap_or_default();
        default(rule, "/properties/backendPort", port);
        let protocol = text(rule, "/properties/protocol").to_owned();
        if !(0..=65_534).contains(&port) || (port == 0) != (protocol == "All") {
            return Err(ArmError::network(
                "LoadBalancingRuleInvalidPort",
                format!(
                    "Load balancing rule {name} has an invalid frontend port {port} for protocol {protocol}."
                ),
            ));
        }
        let frontend = text(rule, "/properties/frontendIPConfiguration/id").to_lowercase();
        if frontend.is_empty() {
            return Err(ArmError::network(
                "LoadBalancingRuleMustReferenceFrontend",
                format!("Load balancing rule {name} names no frontend IP configuration."),
            ));
        }
        let same = seen.iter().find(|(own, way, other, _)| {
            *own == frontend
                && *other == port
                && (*way == protocol || way == "All" || protocol == "All")
        });
        if let Some((_, _, _, other)) = same {
            return Err(ArmError::network(
                "RulesUseSameFrontendPortProtocolAndVip",
                format!(
                    "Load balancing rules {other} and {name} use the same frontend, protocol {protocol} and port {port}."
                ),
            ));
        }
        seen.push((frontend, protocol, port, name));
    }
    for probe in items_mut(&mut write.doc, "/properties/probes") {
        default(probe, "/properties/intervalInSeconds", 15);
        default(probe, "/properties/numberOfProbes", 2);
        default(probe, "/properties/probeThreshold", 1);
        let (name, protocol) = (text(probe, "/name"), text(probe, "/properties/protocol"));
        let path = text(probe, "/properties/requestPath");
        if (protocol == "Tcp") != path.is_empty() {
            return Err(ArmError::network(
                "ProbeRequestPathInvalid",
                format!(
                    "Probe {name}: a request path is given for Http and Https, and not for Tcp."
                ),
            ));
        }
        let interval = probe["properties"]["intervalInSeconds"].as_i64();
        if interval.is_some_and(|interval| interval < 5) {
            return Err(ArmError::network(
                "ProbeIntervalInvalid",
                format!("Probe {name}: the interval is 5 seconds or more."),
            ));
        }
    }
    for pool in items_mut(&mut write.doc, "/properties/backendAddressPools") {
        default(pool, "/properties/loadBalancerBackendAddresses", json!([]));
    }
    Ok(())
}

/// Parts name each other by their full ids, and must be there.
pub(crate) fn check_own_references(write: &mut Write<'_>) -> ArmResult<()> {
    let mut found = Vec::new();
    references(&write.doc["properties"], "/properties", &mut found);
    let own = format!("{}/", write.id.key());
    for (_, id) in found {
        let Some(rest) = id.to_lowercase().strip_prefix(&own).map(str::to_owned) else {
            continue;
        };
        let (list, name) = rest.split_once('/').unwrap_or((&rest, ""));
        let field = write.doc["properties"].as_object().and_then(|members| {
            members
                .keys()
                .find(|key| key.eq_ignore_ascii_case(list))
                .cloned()
        });
        let first = name.split('/').next().unwrap_or_default();
        let there = field.is_some_and(|field| {
            items(&write.doc, &format!("/properties/{field}"))
                .any(|one| text(one, "/name").eq_ignore_ascii_case(first))
        });
        if !there {
            return Err(crate::azure::context::missing_reference(&id, write.id));
        }
    }
    Ok(())
}

/// A pool that a rule or a network interface uses stays.
fn guard_part(ctx: &Ctx<'_>, item: &Item, id: &Id) -> ArmResult<()> {
    let code = "InUseBackendAddressPoolCannotBeDeleted";
    check_unused(ctx, id, &item.id, code, "Backend address pool")
}

/// Adds who uses each part.
fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    let whole = doc.clone();
    let using = |lists: &[&str], id: &str| -> Vec<(String, String)> {
        let mut all = Vec::new();
        for list in lists {
            for rule in items(&whole, &format!("/properties/{list}")) {
                let mut found = Vec::new();
                references(&rule["properties"], "", &mut found);
                if found
                    .iter()
                    .any(|(_, other)| other.eq_ignore_ascii_case(id))
                {
                    all.push(((*list).to_owned(), text(rule, "/id").to_owned()));
                }
            }
        }
        all
    };
    let lists = [
        "loadBalancingRules",
        "inboundNatRules",
        "inboundNatPools",
        "outboundRules",
    ];
    for (part, by) in [
        ("frontendIPConfigurations", &lists[..]),
        (
            "backendAddressPools",
            &["loadBalancingRules", "outboundRules"],
        ),
        ("probes", &["loadBalancingRules"]),
    ] {
        for one in items_mut(doc, &format!("/properties/{part}")) {
            let id = text(one, "/id").to_owned();
            let all = using(by, &id);
            for list in by {
                let ids: Vec<_> = all
                    .iter()
                    .filter(|(own, _)| own == list)
                    .map(|(_, id)| id.clone())
                    .collect();
                if !ids.is_empty() {
                    set(one, &format!("/properties/{list}"), id_list(ids));
                }
            }
            if part == "backendAddressPools" {
                let users = ctx.users(&id, &item.id);
                if !users.is_empty() {
                    set(one, "/properties/backendIPConfigurations", id_list(users));
                }
            }
        }
    }
}
