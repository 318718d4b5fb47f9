//! Microsoft.Network: networks, security, addresses, gateways, load balancers, private endpoints.

mod address;
mod application_gateway;
mod gateway_certificates;
mod interface;
mod load_balancer;
mod nat_gateway;
mod private_endpoint;
mod public_ip;
mod route_table;
mod security;
mod virtual_network;
mod watcher;

use ipnet::IpNet;
use serde_json::{Value, json};

pub(crate) use self::address::first_range;
pub(crate) use self::public_ip::NAME as PUBLIC_IP;

use super::context::{Ctx, Input, default, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::{Kind, Write};
use super::{engine, page, usage};
use crate::http::HttpReply;

pub(crate) const KINDS: &[Kind] = &[
    virtual_network::KIND,
    security::KIND,
    route_table::KIND,
    public_ip::KIND,
    nat_gateway::KIND,
    load_balancer::KIND,
    application_gateway::KIND,
    interface::KIND,
    private_endpoint::KIND,
    private_endpoint::ZONE_GROUP,
    watcher::KIND,
    watcher::FLOW_LOG,
];

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    match input.operation.name {
        "Usages_List" => usages(ctx, input).map(Some),
        "VirtualNetworks_CheckIpAddressAvailability" => {
            virtual_network::available(ctx, input).map(Some)
        }
        "VirtualNetworks_ListUsage" => virtual_network::usage(ctx, input).map(Some),
        "ApplicationGateways_Start" => application_gateway::power(ctx, input, "Running").map(Some),
        "ApplicationGateways_Stop" => application_gateway::power(ctx, input, "Stopped").map(Some),
        "ApplicationGateways_BackendHealth" => application_gateway::health(ctx, input).map(Some),
        _ => Ok(None),
    }
}

/// What is said to who would change a resource that is being changed.
pub(crate) fn busy(ctx: &Ctx<'_>, item: &Item, id: &Id) -> ArmError {
    let operation = item
        .busy
        .as_ref()
        .map_or("", |busy| busy.operation.as_str());
    let location = engine::location_of(ctx, id);
    let url = format!(
        "{}/subscriptions/{}/providers/Microsoft.Network/locations/{location}/operations/{operation}",
        ctx.base,
        id.subscription()
    );
    let mut error = ArmError::network(
        "AnotherOperationInProgress",
        format!(
            "Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: {url}."
        ),
    );
    error.status = 429;
    error
}

/// Refuses to use a resource that is not ready yet.
pub(crate) fn check_ready(ctx: &Ctx<'_>, id: &str, by: &Id) -> ArmResult<()> {
    let owner = match ctx.get(id) {
        Some(item) => Some(item),
        None => ctx.get(&Id::new(id).parent().text),
    };
    let Some(item) = owner else { return Ok(()) };
    let Some(busy) = item.busy(ctx.now) else {
        return Ok(());
    };
    if item.id == by.key() || by.key().starts_with(&format!("{}/", item.id)) {
        return Ok(());
    }
    let name = text(&item.doc, "/id");
    let message = format!(
        "Cannot proceed with operation because resource {name} used by resource {} is not in Succeeded state. Resource is in {} state and the last operation that updated/is updating the resource is PutOperation.",
        by.text, busy.verb
    );
    let mut error = ArmError::network("RetryableError", "A retryable error occurred.")
        .detail("ReferencedResourceNotProvisioned", message);
    error.status = 429;
    Err(error)
}

impl Write<'_> {
    /// Refers to a resource of Microsoft.Network, which must be ready, of one type, and in the same region. Of the member
    /// that names it nothing but the id is kept.
    pub(crate) fn attach(
        &mut self,
        ctx: &Ctx<'_>,
        pointer: &str,
        kind: &str,
    ) -> ArmResult<Option<Id>> {
        let Some(id) = self.refer(ctx, &format!("{pointer}/id"))? else {
            return Ok(None);
        };
        if !id.kind().eq_ignore_ascii_case(kind) {
            return Err(wrong_type(&id, kind, self.id));
        }
        check_ready(ctx, &id.text, self.id)?;
        let (own, other) = (text(&self.doc, "/location"), engine::location_of(ctx, &id));
        if !own.is_empty() && other != "global" && own != other {
            return Err(super::context::missing_reference(&id.text, self.id));
        }
        set(&mut self.doc, pointer, json!({ "id": id.text }));
        Ok(Some(id))
    }
}

fn wrong_type(id: &Id, kind: &str, by: &Id) -> ArmError {
    ArmError::network(
        "InvalidResourceReference",
        format!(
            "Resource {} referenced by resource {} is of type {} where {kind} is expected.",
            id.text,
            by.text,
            id.kind()
        ),
    )
}

/// Reads a prefix as Microsoft.Network does: none of its host bits may be set.
pub(crate) fn prefix(value: &str, by: &Id) -> ArmResult<IpNet> {
    let net: IpNet = value.parse().map_err(|_| {
        ArmError::network(
            "InvalidAddressPrefixFormat",
            format!(
                "Address prefix {value} of resource {} is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24.",
                by.text
            ),
        )
    })?;
    if net.trunc() != net {
        return Err(ArmError::network(
            "InvalidCIDRNotation",
            format!(
                "The address prefix {value} in resource {} has an invalid CIDR notation. For the given prefix length, the address prefix should be {}.",
                by.text,
                net.trunc()
            ),
        ));
    }
    Ok(net)
}

/// Whether two ranges have addresses in common.
pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// References to resources, as `[{ "id": … }]`.
pub(crate) fn id_list(ids: impl IntoIterator<Item = String>) -> Value {
    ids.into_iter().map(|id| json!({ "id": id })).collect()
}

/// Refuses to take away what others use; what is below `except` does not count.
pub(crate) fn check_unused(
    ctx: &Ctx<'_>,
    id: &Id,
    except: &str,
    code: &str,
    what: &str,
) -> ArmResult<()> {
    let users = ctx.users(&id.text, except);
    if users.is_empty() {
        return Ok(());
    }
    Err(ArmError::network(
        code,
        format!(
            "{what} {} cannot be deleted because it is in use by the following resources: {}. In order to delete the {what}, remove the association with the resource(s).",
            id.text,
            users.join(", ")
        ),
    ))
}

/// Shows which subnets use a resource.
pub(crate) fn show_subnets(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    let subnets = ctx.users(&item.id, &item.id);
    if !subnets.is_empty() {
        set(doc, "/properties/subnets", id_list(subnets));
    }
}

/// What most types begin with: a good name, room for one more, and a GUID that stays.
pub(crate) fn begin(ctx: &mut Ctx<'_>, write: &mut Write<'_>, kind: &str) -> ArmResult<()> {
    check_name(write.id)?;
    check_quota(ctx, write, kind)?;
    write.carry(&["/properties/resourceGuid"]);
    let guid = ctx.uuid();
    default(&mut write.doc, "/properties/resourceGuid", guid);
    Ok(())
}

fn usages(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let location = input.variable("location").to_owned();
    let subscription = format!("/subscriptions/{}/", input.variable("subscriptionId"));
    let count = |kind: &str| {
        let all = ctx.of_kind(&subscription, kind);
        all.iter()
            .filter(|item| text(&item.doc, "/location").eq_ignore_ascii_case(&location))
            .count()
    };
    let rows = QUOTAS
        .iter()
        .map(|(name, display, kind, limit)| {
            let mut row = usage(name, display, count(kind), *limit);
            row["id"] = format!(
                "{subscription}providers/Microsoft.Network/locations/{location}/usages/{name}"
            )
            .into();
            row
        })
        .collect();
    page::reply(ctx, input, rows)
}

/// Quotas of a region: name, display, type, limit.
pub(crate) const QUOTAS: [(&str, &str, &str, u64); 9] = [
    (
        "VirtualNetworks",
        "Virtual Networks",
        "Microsoft.Network/virtualNetworks",
        1000,
    ),
    (
        "NetworkSecurityGroups",
        "Network Security Groups",
        "Microsoft.Network/networkSecurityGroups",
        5000,
    ),
    (
        "PublicIPAddresses",
        "Public IP Addresses",
        "Microsoft.Network/publicIPAddresses",
        1000,
    ),
    (
        "NatGateways",
        "NAT Gateways",
        "Microsoft.Network/natGateways",
        1000,
    ),
    (
        "LoadBalancers",
        "Load Balancers",
        "Microsoft.Network/loadBalancers",
        1000,
    ),
    (
        "ApplicationGateways",
        "Application Gateways",
        "Microsoft.Network/applicationGateways",
        1000,
    ),
    (
        "RouteTables",
        "Route Tables",
        "Microsoft.Network/routeTables",
        200,
    ),
    (
        "NetworkInterfaces",
        "Network Interfaces",
        "Microsoft.Network/networkInterfaces",
        65_536,
    ),
    (
        "PrivateEndpoints",
        "Private Endpoints",
        "Microsoft.Network/privateEndpoints",
        65_536,
    ),
];

/// Refuses what is more than the subscription may have in a region.
pub(crate) fn check_quota(ctx: &Ctx<'_>, write: &Write<'_>, kind: &str) -> ArmResult<()> {
    let Some((name, _, _, limit)) = QUOTAS.iter().find(|(_, _, other, _)| *other == kind) else {
        return Ok(());
    };
    if !write.creates() {
        return Ok(());
    }
    let location = text(&write.doc, "/location");
    let all = ctx.of_kind(
        &format!("/subscriptions/{}/", write.id.subscription()),
        kind,
    );
    let there = all
        .iter()
        .filter(|item| text(&item.doc, "/location") == location)
        .count();
    if u64::try_from(there).unwrap_or(u64::MAX) < *limit {
        return Ok(());
    }
    Err(ArmError::network(
        &format!("{name}CountLimitReached"),
        format!("Cannot create more than {limit} {name} for this subscription in this region."),
    ))
}

/// Names of most types: letters, digits, `_`, `.`, `-`; it begins with a letter or digit and ends with one or `_`.
pub(crate) fn check_name(id: &Id) -> ArmResult<()> {
    let name = id.name();
    let word = |c: char| c.is_ascii_alphanumeric();
    let good = (1..=80).contains(&name.len())
        && name.starts_with(word)
        && name.ends_with(|c| word(c) || c == '_')
        && name.chars().all(|c| word(c) || "_.-".contains(c));
    if good {
        return Ok(());
    }
    Err(ArmError::network(
        "InvalidResourceName",
        format!(
            "Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'."
        ),
    ))
}

/// A public IPv4 address that nobody else has.
pub(crate) fn public_address(ctx: &mut Ctx<'_>) -> String {
    address::public(ctx, false)
}

/// A free address of a subnet.
pub(crate) fn free_address(ctx: &Ctx<'_>, subnet: &str) -> Option<std::net::IpAddr> {
    address::free(ctx, subnet, &[])
}
