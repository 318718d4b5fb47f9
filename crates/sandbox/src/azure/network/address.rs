//! Addresses that the cloud gives out: public ones, and private ones of subnets.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::azure::context::{Ctx, items, text};
use crate::azure::id::Id;

/// A public address that nobody else has: of a range for documentation, so that it never leads anywhere.
pub(crate) fn public(ctx: &mut Ctx<'_>, v6: bool) -> String {
    let hex = ctx.hex(8);
    let number = u32::from_str_radix(&hex, 16).unwrap_or_default();
    if v6 {
        return format!("2001:db8::{:x}:{:x}", number >> 16, number & 0xffff);
    }
    // 198.18.0.0/15 is for benchmarks.
    let number = number % (1 << 17);
    format!(
        "198.{}.{}.{}",
        18 + (number >> 16),
        number >> 8 & 0xff,
        number & 0xff
    )
}

/// Addresses of a subnet that are taken, as the documents that use it have them.
pub(crate) fn taken(ctx: &Ctx<'_>, subnet: &str) -> Vec<IpAddr> {
    let mut all = Vec::new();
    for holder in ctx.holders(subnet) {
        for list in ["ipConfigurations", "frontendIPConfigurations"] {
            for one in items(&holder.doc, &format!("/properties/{list}")) {
                let within = text(one, "/properties/subnet/id").eq_ignore_ascii_case(subnet);
                let address = text(one, "/properties/privateIPAddress").parse();
                if let (true, Ok(address)) = (within, address) {
                    all.push(address);
                }
            }
        }
    }
    all
}

/// The first free address of a subnet: the first four and the last are the cloud's.
pub(crate) fn free(ctx: &Ctx<'_>, subnet: &str, also: &[IpAddr]) -> Option<IpAddr> {
    let element = crate::azure::parts::get(ctx, &Id::new(subnet))?;
    let net = first_range(&element)?;
    let taken = taken(ctx, subnet);
    let last = net.broadcast();
    net.hosts()
        .skip(3)
        .take(65_536)
        .find(|host| *host != last && !taken.contains(host) && !also.contains(host))
}

/// The first range of a subnet.
pub(crate) fn first_range(subnet: &serde_json::Value) -> Option<IpNet> {
    let single = text(subnet, "/properties/addressPrefix");
    let first = if single.is_empty() {
        items(subnet, "/properties/addressPrefixes")
            .next()?
            .as_str()?
    } else {
        single
    };
    first.parse().ok()
}
