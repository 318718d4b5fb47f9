//! Addresses, of a region and global: external ones out of Google's, internal ones out of a subnetwork or network.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde_json::{Map, Value};

use super::super::context::{Ctx, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::kind::{Kind, Subject, table, to};
use super::reference::PREFIX;
use super::subnetwork::{overlap, ranges};

pub(crate) const REGIONAL: Kind = Kind {
    resource: "addresses",
    collection: "addresses",
    word: "address",
    terraform: |_| "google_compute_address",
    references: &[
        to("subnetwork", &["subnetworks"]),
        to("network", &["networks"]),
    ],
    labels: true,
    quota: Some(("STATIC_ADDRESSES", 21)),
    prepare,
    view,
    ..Kind::BASE
};

pub(crate) const GLOBAL: Kind = Kind {
    resource: "globalAddresses",
    terraform: |_| "google_compute_global_address",
    ..REGIONAL
};

fn prepare(
    ctx: &mut Ctx<'_>,
    subject: &Subject<'_>,
    doc: &mut Map<String, Value>,
) -> GoogleResult<()> {
    let whole = Value::Object(doc.clone());
    let global = subject.place.word() == "global";
    default(doc, "addressType", "EXTERNAL");
    let purpose = text(&whole, "/purpose");
    let field = |name: &str, why: &str| {
        let value = whole[name].to_string();
        GoogleError::field(&format!("resource.{name}"), value.trim_matches('"'), why)
    };
    let given = match text(&whole, "/address") {
        "" => None,
        address => Some(
            address
                .parse::<Ipv4Addr>()
                .map_err(|_| field("address", "The address must be a valid IPv4 address."))?,
        ),
    };
    if doc["addressType"] == "EXTERNAL" {
        if doc.contains_key("subnetwork") || doc.contains_key("network") || !purpose.is_empty() {
            let why = "External addresses have no purpose, network or subnetwork.";
            return Err(field("addressType", why));
        }
        if given.is_some() {
            return Err(field("address", "An external address cannot be chosen."));
        }
        if doc.get("ipVersion") == Some(&Value::from("IPV6")) {
            let hex = ctx.hex(12);
            let address = format!("2600:1901:0:{}:{}:{}::", &hex[..4], &hex[4..8], &hex[8..]);
            default(doc, "address", address);
        } else {
            let address = external(ctx);
            default(doc, "address", address);
        }
        default(doc, "networkTier", "PREMIUM");
        if !global {
            default(doc, "description", "");
        }
        return Ok(());
    }
    if global {
        let address = match purpose {
            "VPC_PEERING" => peering_range(ctx, &whole, given)?,
            "PRIVATE_SERVICE_CONNECT" if given.is_none() => {
                return Err(GoogleError::required("resource.address"));
            }
            "PRIVATE_SERVICE_CONNECT" => given.unwrap_or(Ipv4Addr::LOCALHOST),
            _ => {
                return Err(field(
                    "purpose",
                    "Global internal addresses are for VPC_PEERING or PRIVATE_SERVICE_CONNECT.",
                ));
            }
        };
        if !doc.contains_key("network") {
            return Err(GoogleError::required("resource.network"));
        }
        doc.insert("address".into(), address.to_string().into());
        return Ok(());
    }
    default(doc, "purpose", "GCE_ENDPOINT");
    let path = text(&whole, "/subnetwork").replace(PREFIX, "");
    if path.is_empty() {
        return Err(GoogleError::required("resource.subnetwork"));
    }
    let address = internal(ctx, &path, given, subject.place.region())?;
    doc.insert("address".into(), address.into());
    default(doc, "networkTier", "PREMIUM");
    Ok(())
}

/// An address of Google's that was not given out before.
pub(crate) fn external(ctx: &mut Ctx<'_>) -> String {
    let hex = ctx.hex(6);
    super::address_of(&hex)
}

/// An address of a subnetwork: the one asked for, or the first that is free.
pub(crate) fn internal(
    ctx: &Ctx<'_>,
    subnetwork: &str,
    given: Option<Ipv4Addr>,
    region: &str,
) -> GoogleResult<String> {
    let item = ctx
        .get(&table("subnetworks"), subnetwork)
        .ok_or_else(|| super::reference::missing(subnetwork))?;
    if subnetwork.split('/').nth(3) != Some(region) {
        let why = "The subnetwork must be in the same region.";
        return Err(GoogleError::field("resource.subnetwork", subnetwork, why));
    }
    let net: Ipv4Net = text(item.at(ctx.now), "/ipCidrRange")
        .parse()
        .map_err(|_| GoogleError::invalid("The subnetwork has no IPv4 range."))?;
    let taken: Vec<String> = ctx
        .holders(subnetwork)
        .iter()
        .flat_map(|holder| {
            ["address", "IPAddress"]
                .map(|name| holder.doc[name].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    match given {
        Some(address) => {
            let text = address.to_string();
            if !net.contains(&address) {
                let why = format!("It is not in the range of subnetwork '{subnetwork}'.");
                return Err(GoogleError::field("resource.address", &text, &why));
            }
            if taken.contains(&text) {
                return Err(conflict(&text));
            }
            Ok(text)
        }
        // The first two and the last two are Google's.
        None => net
            .hosts()
            .skip(1)
            .map(|address| address.to_string())
            .find(|address| !taken.contains(address))
            .ok_or_else(|| {
                GoogleError::invalid("IP_SPACE_EXHAUSTED: the subnetwork has no free address.")
            }),
    }
}

/// 400 because an address is taken.
pub(crate) fn conflict(address: &str) -> GoogleError {
    let why = "Specified IP address is in-use and would result in a conflict.";
    GoogleError::field("resource.IPAddress", address, why)
}

/// A range of a network for managed services: the one asked for, or the first that is free.
fn peering_range(ctx: &Ctx<'_>, doc: &Value, given: Option<Ipv4Addr>) -> GoogleResult<Ipv4Addr> {
    let Some(length) = doc["prefixLength"]
        .as_u64()
        .and_then(|length| u8::try_from(length).ok())
    else {
        return Err(GoogleError::required("resource.prefixLength"));
    };
    let bad = |why: &str| GoogleError::field("resource.prefixLength", &length.to_string(), why);
    if !(8..=30).contains(&length) {
        return Err(bad("Must be between 8 and 30."));
    }
    let network = text(doc, "/network").replace(PREFIX, "");
    let taken = ranges(ctx, &network, "");
    let free = |net: &Ipv4Net| !taken.iter().any(|(other, _)| overlap(net, other));
    if let Some(address) = given {
        let net = Ipv4Net::new(address, length).map_err(|_| bad("Must be a prefix length."))?;
        if net.network() != address {
            let why = "The address must be the first of its range.";
            return Err(GoogleError::field(
                "resource.address",
                &address.to_string(),
                why,
            ));
        }
        if let Some((_, owner)) = taken.iter().find(|(other, _)| overlap(&net, other)) {
            let message = format!("Invalid IPCidrRange: {net} conflicts with {owner}.");
            return Err(GoogleError::invalid(message));
        }
        return Ok(address);
    }
    let all =
        Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), 8).map_err(|_| bad("Must be a prefix length."))?;
    let mut nets = all
        .subnets(length)
        .map_err(|_| bad("Must be a prefix length."))?;
    nets.find(free)
        .map(|net| net.network())
        .ok_or_else(|| GoogleError::invalid("IP_SPACE_EXHAUSTED: the network has no free range."))
}

fn view(ctx: &Ctx<'_>, item: &Item, doc: &mut Map<String, Value>) {
    let mut users: Vec<_> = ctx
        .holders(&item.id)
        .iter()
        .filter(|holder| holder.holds(&item.id, ctx.now))
        .filter_map(|holder| holder.doc["selfLink"].as_str().map(str::to_owned))
        .collect();
    users.sort();
    let ranges = matches!(
        text(&item.doc, "/purpose"),
        "VPC_PEERING" | "PRIVATE_SERVICE_CONNECT"
    );
    if !ranges {
        let status = if item.ready_at > ctx.now {
            "RESERVING"
        } else if users.is_empty() {
            "RESERVED"
        } else {
            "IN_USE"
        };
        doc.insert("status".into(), status.into());
    }
    if !users.is_empty() {
        doc.insert("users".into(), users.into());
    }
}

/// The reserved address with this number in a project and place.
pub(crate) fn reserved(ctx: &Ctx<'_>, prefix: &str, address: &str) -> Option<String> {
    ctx.list(&table("addresses"), &format!("{prefix}/addresses/"))
        .iter()
        .find(|item| item.doc["address"] == address)
        .map(|item| item.id.clone())
}

/// Whether a string is an address rather than a URL.
pub(crate) fn is_literal(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}
