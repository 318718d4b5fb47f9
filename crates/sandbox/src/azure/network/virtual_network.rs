//! Virtual networks with their subnets and peerings.

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{address, begin, check_name, id_list, overlap, prefix, watcher};
use crate::azure::context::{Ctx, Input, default, items, items_mut, set, text, unset};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Part, Write};
use crate::azure::{engine, page};
use crate::http::HttpReply;
use crate::latency::Work;

pub(super) const NAME: &str = "Microsoft.Network/virtualNetworks";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmNetwork,
    update: Work::ArmNetwork,
    delete: Work::ArmNetwork,
    parts: &[
        Part {
            guard: guard_subnet,
            ..Part::new("subnets", "azurerm_subnet")
        },
        Part::new("virtualNetworkPeerings", "azurerm_virtual_network_peering"),
    ],
    prepare,
    guard,
    show,
    removed,
    ..Kind::network(NAME, "azurerm_virtual_network")
};

/// Services that a subnet can be delegated to.
const DELEGATES: [&str; 14] = [
    "Microsoft.ApiManagement/service",
    "Microsoft.App/environments",
    "Microsoft.Batch/batchAccounts",
    "Microsoft.ContainerInstance/containerGroups",
    "Microsoft.ContainerService/managedClusters",
    "Microsoft.DBforMySQL/flexibleServers",
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.Databricks/workspaces",
    "Microsoft.Logic/integrationServiceEnvironments",
    "Microsoft.NetApp/volumes",
    "Microsoft.Network/dnsResolvers",
    "Microsoft.ServiceNetworking/trafficControllers",
    "Microsoft.Sql/managedInstances",
    "Microsoft.Web/serverFarms",
];

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    // Subnets that are not spoken of stay.
    write.carry(&["/properties/subnets", "/properties/virtualNetworkPeerings"]);
    let ranges: Vec<IpNet> = items(&write.doc, "/properties/addressSpace/addressPrefixes")
        .map(|value| prefix(value.as_str().unwrap_or_default(), write.id))
        .collect::<ArmResult<_>>()?;
    if ranges.is_empty()
        && items(
            &write.doc,
            "/properties/addressSpace/ipamPoolPrefixAllocations",
        )
        .next()
        .is_none()
    {
        return Err(ArmError::network(
            "MissingAddressSpace",
            format!("Virtual network {} has no address space.", write.id.text),
        ));
    }
    for (at, range) in ranges.iter().enumerate() {
        if let Some(other) = ranges[..at].iter().find(|other| overlap(range, other)) {
            return Err(ArmError::network(
                "AddressPrefixesOverlap",
                format!(
                    "Address prefixes {other} and {range} of virtual network {} overlap.",
                    write.id.text
                ),
            ));
        }
    }
    default(&mut write.doc, "/properties/subnets", json!([]));
    default(
        &mut write.doc,
        "/properties/virtualNetworkPeerings",
        json!([]),
    );
    default(&mut write.doc, "/properties/enableDdosProtection", false);
    default(
        &mut write.doc,
        "/properties/privateEndpointVNetPolicies",
        "Disabled",
    );
    let count = items(&write.doc, "/properties/subnets").count();
    let mut used: Vec<IpNet> = Vec::new();
    for at in 0..count {
        subnet(ctx, write, at, &ranges, &mut used)?;
    }
    watcher::enable(ctx, write);
    peerings(ctx, write, &ranges)
}

/// Checks and completes one subnet.
fn subnet(
    ctx: &Ctx<'_>,
    write: &mut Write<'_>,
    at: usize,
    ranges: &[IpNet],
    used: &mut Vec<IpNet>,
) -> ArmResult<()> {
    let base = format!("/properties/subnets/{at}");
    let name = text(&write.doc, &format!("{base}/name")).to_owned();
    let id = write.id.child("subnets", &name);
    check_name(&id)?;
    let network = write.id.name().to_owned();
    let element = write.doc.pointer(&base).cloned().unwrap_or(Value::Null);
    let before = items(write.before, "/properties/subnets")
        .find(|one| text(one, "/name").eq_ignore_ascii_case(&name))
        .cloned();
    let own = prefixes(&element);
    if own.is_empty() {
        return Err(ArmError::network(
            "NoAddressPrefixOrPoolProvided",
            format!(
                "No address prefix or prefix pool has been provided for subnet {}.",
                id.text
            ),
        ));
    }
    for value in &own {
        let range = prefix(value, &id)?;
        if !ranges.iter().any(|outer| outer.contains(&range)) {
            return Err(ArmError::network(
                "NetcfgInvalidSubnet",
                format!(
                    "Subnet '{name}' is not valid because its IP address range is outside the IP address range of virtual network '{network}'."
                ),
            ));
        }
        if matches!(range, IpNet::V4(v4) if v4.prefix_len() > 29) {
            return Err(ArmError::network(
                "NetcfgInvalidSubnet",
                format!(
                    "Subnet '{name}' is not valid in virtual network '{network}': the smallest range of a subnet is /29."
                ),
            ));
        }
        if used.iter().any(|other| overlap(&range, other)) {
            return Err(ArmError::network(
                "NetcfgSubnetRangesOverlap",
                format!(
                    "Subnet '{name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '{network}'."
                ),
            ));
        }
        used.push(range);
    }
    if let Some(before) = &before {
        check_change(ctx, write, &id, before, &element)?;
    }
    for (member, kind) in [
        (
            "networkSecurityGroup",
            "Microsoft.Network/networkSecurityGroups",
        ),
        ("routeTable", "Microsoft.Network/routeTables"),
        ("natGateway", "Microsoft.Network/natGateways"),
    ] {
        let pointer = format!("{base}/properties/{member}");
        if write.attach(ctx, &pointer, kind)?.is_none() {
            // A change takes the association away by saying nothing of it.
            unset(&mut write.doc, &pointer);
        }
    }
    let Some(element) = write.doc.pointer_mut(&base) else {
        return Ok(());
    };
    default(
        element,
        "/properties/privateEndpointNetworkPolicies",
        "Disabled",
    );
    default(
        element,
        "/properties/privateLinkServiceNetworkPolicies",
        "Enabled",
    );
    default(element, "/properties/delegations", json!([]));
    for delegation in items_mut(element, "/properties/delegations") {
        delegate(delegation, &id)?;
    }
    for endpoint in items_mut(element, "/properties/serviceEndpoints") {
        default(endpoint, "/locations", json!(["*"]));
        set(endpoint, "/provisioningState", "Succeeded");
    }
    Ok(())
}

fn delegate(delegation: &mut Value, subnet: &Id) -> ArmResult<()> {
    let name = text(delegation, "/name").to_owned();
    let service = text(delegation, "/properties/serviceName").to_owned();
    let known = DELEGATES
        .iter()
        .find(|known| known.eq_ignore_ascii_case(&service));
    let Some(known) = known.filter(|_| !name.is_empty()) else {
        return Err(ArmError::network(
            "InvalidServiceNameOnDelegation",
            format!(
                "Delegation '{name}' of subnet {} names the service '{service}', which a subnet cannot be delegated to.",
                subnet.text
            ),
        ));
    };
    delegation["id"] = subnet.child("delegations", &name).text.into();
    delegation["type"] = "Microsoft.Network/virtualNetworks/subnets/delegations".into();
    set(delegation, "/properties/serviceName", *known);
    set(delegation, "/properties/provisioningState", "Succeeded");
    set(
        delegation,
        "/properties/actions",
        json!(["Microsoft.Network/virtualNetworks/subnets/join/action"]),
    );
    Ok(())
}

/// Ranges of a subnet, as written.
fn prefixes(subnet: &Value) -> Vec<String> {
    let single = text(subnet, "/properties/addressPrefix");
    if !single.is_empty() {
        return vec![single.to_owned()];
    }
    items(subnet, "/properties/addressPrefixes")
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn delegates(subnet: &Value) -> Vec<String> {
    items(subnet, "/properties/delegations")
        .map(|one| text(one, "/properties/serviceName").to_lowercase())
        .collect()
}

/// What is in use keeps its range and its delegation.
fn check_change(
    ctx: &Ctx<'_>,
    write: &Write<'_>,
    id: &Id,
    before: &Value,
    after: &Value,
) -> ArmResult<()> {
    let users = ctx.users(&id.text, &write.id.text);
    if users.is_empty() {
        return Ok(());
    }
    let after_ranges = prefixes(after);
    if let Some(lost) = prefixes(before)
        .iter()
        .find(|range| !after_ranges.contains(range))
    {
        return Err(ArmError::network(
            "InUsePrefixCannotBeDeleted",
            format!(
                "IpPrefix {lost} on Subnet {} has active allocations and cannot be deleted.",
                id.name()
            ),
        ));
    }
    if delegates(before) != delegates(after) && !delegates(before).is_empty() {
        return Err(ArmError::network(
            "SubnetMissingRequiredDelegation",
            format!(
                "Subnet {} requires the delegation {} to reference service association link {}.",
                id.text,
                delegates(before).join(", "),
                users.join(", ")
            ),
        ));
    }
    Ok(())
}

fn peerings(ctx: &Ctx<'_>, write: &mut Write<'_>, ranges: &[IpNet]) -> ArmResult<()> {
    let count = items(&write.doc, "/properties/virtualNetworkPeerings").count();
    for at in 0..count {
        let base = format!("/properties/virtualNetworkPeerings/{at}");
        let pointer = format!("{base}/properties/remoteVirtualNetwork/id");
        let Some(remote) = write.refer(ctx, &pointer)? else {
            return Err(ArmError::network(
                "RemoteVnetIdMissing",
                format!("A peering of {} names no remote network.", write.id.text),
            ));
        };
        let Some(other) = ctx.get(&remote.text) else {
            continue;
        };
        let theirs = other.at(ctx.now);
        let prefixes = theirs["properties"]["addressSpace"].clone();
        for value in items(&prefixes, "/addressPrefixes") {
            let range = value.as_str().and_then(|text| text.parse::<IpNet>().ok());
            if range.is_some_and(|range| ranges.iter().any(|own| overlap(own, &range))) {
                return Err(ArmError::network(
                    "VnetAddressSpacesOverlap",
                    format!(
                        "Cannot create or update peering. Virtual networks {} and {} cannot be peered because their address spaces overlap.",
                        write.id.text, remote.text
                    ),
                ));
            }
        }
        let back = items(theirs, "/properties/virtualNetworkPeerings").any(|one| {
            write
                .id
                .is(text(one, "/properties/remoteVirtualNetwork/id"))
        });
        if let Some(element) = write.doc.pointer_mut(&base) {
            let state = if back { "Connected" } else { "Initiated" };
            set(element, "/properties/peeringState", state);
            set(element, "/properties/peeringSyncLevel", "FullyInSync");
            set(element, "/properties/remoteAddressSpace", prefixes);
            default(element, "/properties/allowVirtualNetworkAccess", true);
            for name in [
                "allowForwardedTraffic",
                "allowGatewayTransit",
                "useRemoteGateways",
            ] {
                default(element, &format!("/properties/{name}"), false);
            }
        }
    }
    Ok(())
}

fn guard_subnet(ctx: &Ctx<'_>, network: &Item, id: &Id) -> ArmResult<()> {
    let users = ctx.users(&id.text, &network.id);
    if users.is_empty() {
        return Ok(());
    }
    Err(ArmError::network(
        "InUseSubnetCannotBeDeleted",
        format!(
            "Subnet {} is in use by {} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
            id.name(),
            users.join(" and ")
        ),
    ))
}

fn guard(ctx: &Ctx<'_>, item: &Item, id: &Id) -> ArmResult<()> {
    for subnet in items(&item.doc, "/properties/subnets") {
        guard_subnet(ctx, item, &id.child("subnets", text(subnet, "/name")))?;
    }
    Ok(())
}

/// Links of private zones to a network that goes away are cleared.
fn removed(ctx: &mut Ctx<'_>, item: &Item, until: crate::Millis) -> ArmResult<()> {
    for holder in ctx.holders(&item.id) {
        if text(&holder.doc, "/type") == "Microsoft.Network/privateDnsZones/virtualNetworkLinks" {
            engine::vanish(ctx, holder.edit(), "Deleting", until, "");
        }
    }
    Ok(())
}

/// Adds what is in each subnet.
fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    for subnet in items_mut(doc, "/properties/subnets") {
        let id = text(subnet, "/id").to_owned();
        let (mut interfaces, mut endpoints, mut gateways) = (Vec::new(), Vec::new(), Vec::new());
        for user in ctx.users(&id, &item.id) {
            let kind = Id::new(user.as_str()).kind().to_lowercase();
            if kind.contains("privateendpoints") {
                endpoints.push(user);
            } else if kind.contains("applicationgateways") {
                gateways.push(user);
            } else if kind.contains("loadbalancers")
                || kind.contains("networkinterfaces")
                || kind.contains("virtualmachinescalesets")
            {
                interfaces.push(user);
            }
        }
        for (name, ids) in [
            ("ipConfigurations", interfaces),
            ("privateEndpoints", endpoints),
            ("applicationGatewayIPConfigurations", gateways),
        ] {
            if !ids.is_empty() {
                set(subnet, &format!("/properties/{name}"), id_list(ids));
            }
        }
    }
}

/// Whether an address of the network is free.
pub(crate) fn available(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let network = engine::find(ctx, &KIND, &input.id)?;
    let asked = input.query("ipAddress").unwrap_or_default();
    let wanted = asked.parse::<std::net::IpAddr>().map_err(|_| {
        ArmError::network(
            "InvalidIPAddressFormat",
            format!("The IP address '{asked}' is not valid."),
        )
    })?;
    let subnet = items(&network.doc, "/properties/subnets")
        .find(|one| address::first_range(one).is_some_and(|range| range.contains(&wanted)));
    let Some(subnet) = subnet else {
        return Err(ArmError::network(
            "PrivateIPAddressNotInAnySubnet",
            format!(
                "Private static IP address {asked} does not belong to the range of any subnet in the virtual network {}.",
                input.id.name()
            ),
        ));
    };
    let id = text(subnet, "/id");
    let reserved = address::first_range(subnet).is_some_and(|range| {
        range.hosts().take(3).any(|host| host == wanted)
            || range.network() == wanted
            || range.broadcast() == wanted
    });
    let free = !reserved && !address::taken(ctx, id).contains(&wanted);
    let next: Vec<_> = address::free(ctx, id, &[])
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut answer = json!({ "available": free, "isPlatformReserved": reserved });
    if !free {
        answer["availableIPAddresses"] = json!(next);
    }
    Ok(HttpReply::json(200, &answer))
}

/// How many addresses of each subnet are in use.
pub(crate) fn usage(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let network = engine::find(ctx, &KIND, &input.id)?;
    let rows = items(&network.doc, "/properties/subnets")
        .map(|subnet| {
            let id = text(subnet, "/id");
            let size = address::first_range(subnet).map_or(0, |range| range.hosts().take(65_536).count());
            json!({
                "id": id, "currentValue": address::taken(ctx, id).len(), "limit": size.saturating_sub(3), "unit": "Count",
                "name": { "value": "SubnetSpace", "localizedValue": "Subnet size and usage" },
            })
        })
        .collect();
    page::reply(ctx, input, rows)
}
