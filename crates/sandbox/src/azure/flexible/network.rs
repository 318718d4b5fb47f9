//! Where a server is reached: publicly, or in a delegated subnet with a private zone.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::{Engine, refuse};
use crate::azure::context::{Ctx, default, items, set, text};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;
use crate::azure::kind::Write;
use crate::azure::{places, private_dns};
use crate::clock::Millis;

/// Checks where a server is reached, and gives it its address.
pub(in crate::azure) fn check(
    ctx: &mut Ctx<'_>,
    write: &mut Write<'_>,
    of: &Engine,
) -> ArmResult<()> {
    let id = write.id.clone();
    let kind = of.name;
    let subnet = write.refer(ctx, "/properties/network/delegatedSubnetResourceId")?;
    let zone = write.refer(ctx, of.zone)?;
    if write.changed("/properties/network/delegatedSubnetResourceId") {
        return refuse(
            "SubnetCannotBeChanged",
            "The delegated subnet of a server cannot be changed.".to_owned(),
        );
    }
    let Some(subnet) = subnet else {
        if zone.is_some() {
            return refuse(
                "EmptyDelegatedSubnetResourceId",
                "A private DNS zone is for servers in a delegated subnet.".to_owned(),
            );
        }
        default(
            &mut write.doc,
            "/properties/network/publicNetworkAccess",
            "Enabled",
        );
        return Ok(());
    };
    let element = crate::azure::parts::get(ctx, &subnet).unwrap_or(Value::Null);
    let delegated = items(&element, "/properties/delegations")
        .any(|one| text(one, "/properties/serviceName").eq_ignore_ascii_case(kind));
    if !delegated {
        return refuse(
            "SubnetNotDelegated",
            format!(
                "The subnet '{}' must be delegated to '{kind}'.",
                subnet.text
            ),
        );
    }
    let network = subnet.parent();
    if engine::location_of(ctx, &network) != text(&write.doc, "/location") {
        return refuse(
            "VnetLocationMismatch",
            format!(
                "The virtual network {} is not in the location of the server.",
                network.text
            ),
        );
    }
    let Some(zone) = zone else {
        return refuse("EmptyPrivateDnsZoneArmResourceId", "The provided Private DNS zone ARM resource ID should not be empty for servers with Virtual Network access.".to_owned());
    };
    let full = zone.name().to_lowercase();
    let first = full.split('.').next().unwrap_or_default();
    let domain = places::named(text(&write.doc, "/location"), of.domain);
    if !full.ends_with(&domain) || first == id.name() {
        return refuse(
            "InvalidPrivateDnsZoneName",
            format!(
                "The private DNS zone '{full}' must end with '{domain}' and not be named as the server."
            ),
        );
    }
    let linked = ctx.holders(&network.text).iter().any(|holder| {
        holder
            .id
            .starts_with(&format!("{}/virtualnetworklinks/", zone.key()))
    });
    if !linked {
        return refuse(
            "PrivateDnsZoneNotLinked",
            format!(
                "The private DNS zone '{full}' is not linked to the virtual network '{}'.",
                network.name()
            ),
        );
    }
    if text(&write.doc, "/properties/network/publicNetworkAccess") == "Enabled" {
        return refuse(
            "ConflictingPublicNetworkAccess",
            "Public network access must be disabled for servers with Virtual Network access."
                .to_owned(),
        );
    }
    set(
        &mut write.doc,
        "/properties/network/publicNetworkAccess",
        "Disabled",
    );
    if write.creates() {
        let address = crate::azure::network::free_address(ctx, &subnet.text);
        let Some(address) = address else {
            return refuse(
                "SubnetIsFull",
                format!("The subnet '{}' has no free address.", subnet.text),
            );
        };
        write.hidden["address"] = address.to_string().into();
        let name = ctx.hex(12);
        write.hidden["record"] = name.clone().into();
        private_dns::register(ctx, &zone, &name, &[address.to_string().into()], &id.text);
    }
    Ok(())
}

/// The record of a server in its zone goes with it.
pub(in crate::azure) fn removed(
    ctx: &mut Ctx<'_>,
    item: &Item,
    until: Millis,
    of: &Engine,
) -> ArmResult<()> {
    let zone = text(&item.doc, of.zone);
    let record = text(&item.hidden, "/record");
    if !record.is_empty()
        && let Some(found) = ctx.get(&format!("{zone}/A/{record}"))
    {
        engine::vanish(ctx, found.edit(), "", until, "");
    }
    Ok(())
}

/// Checks a rule that opens a server with a public address to others.
pub(in crate::azure) fn open(write: &Write<'_>, owner: &Item) -> ArmResult<()> {
    if !text(&owner.doc, "/properties/network/delegatedSubnetResourceId").is_empty() {
        return Err(ArmError::bad(
            "FirewallRulesNotSupportedForPrivateAccess",
            "Firewall rules are for servers with public access: this one is in a virtual network.",
        ));
    }
    let name = write.id.name();
    let good = (1..=128).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let address = |member: &str| {
        text(&write.doc, &format!("/properties/{member}"))
            .parse::<Ipv4Addr>()
            .ok()
    };
    let range = (address("startIpAddress"), address("endIpAddress"));
    match range {
        (Some(from), Some(to)) if from <= to && good => Ok(()),
        _ => Err(ArmError::bad(
            "InvalidFirewallRule",
            format!(
                "The firewall rule '{name}' is not a name of up to 128 letters, digits, '-' and '_', with a range of IPv4 addresses."
            ),
        )),
    }
}
