//! Where a server is reached: publicly, or in a delegated subnet with a private zone.

use serde_json::Value;

use super::server::{NAME, refuse};
use crate::azure::context::{Ctx, default, items, set, text};
use crate::azure::error::ArmResult;
use crate::azure::kind::Write;
use crate::azure::{engine, places, private_dns};

/// Checks where a server is reached, and gives it its address.
pub(super) fn check(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let id = write.id.clone();
    let subnet = write.refer(ctx, "/properties/network/delegatedSubnetResourceId")?;
    let zone = write.refer(ctx, "/properties/network/privateDnsZoneArmResourceId")?;
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
        .any(|one| text(one, "/properties/serviceName").eq_ignore_ascii_case(NAME));
    if !delegated {
        return refuse(
            "SubnetNotDelegated",
            format!(
                "The subnet '{}' must be delegated to '{NAME}'.",
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
    let domain = places::named(text(&write.doc, "/location"), "postgres.database.azure.com");
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
