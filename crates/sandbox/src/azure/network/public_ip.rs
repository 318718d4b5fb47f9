//! Public addresses.

use serde_json::{Value, json};

use super::{address, begin};
use crate::azure::context::{Ctx, default, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Write};
use crate::azure::places;
use crate::latency::Work;

pub(crate) const NAME: &str = "Microsoft.Network/publicIPAddresses";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmNetwork,
    update: Work::ArmNetwork,
    delete: Work::ArmNetwork,
    prepare,
    guard,
    show,
    ..Kind::network(NAME, "azurerm_public_ip")
};

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    write.carry(&["/properties/ipAddress", "/sku"]);
    let doc = &mut write.doc;
    default(doc, "/sku/name", "Basic");
    default(doc, "/sku/tier", "Regional");
    default(doc, "/properties/publicIPAddressVersion", "IPv4");
    default(doc, "/properties/publicIPAllocationMethod", "Dynamic");
    default(doc, "/properties/idleTimeoutInMinutes", 4);
    default(doc, "/properties/ipTags", json!([]));
    let sku = text(doc, "/sku/name").to_owned();
    if sku == "Basic" && write.creates() {
        return Err(ArmError::network(
            "IPv4BasicSkuPublicIpCountLimitReached",
            "Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region.",
        ));
    }
    let id = write.id.text.clone();
    if text(&write.doc, "/properties/publicIPAllocationMethod") != "Static" {
        return Err(ArmError::network(
            "StandardAndStandardV2SkuPublicIPAddressesMustBeStatic",
            format!("Standard sku publicIp {id} must have AllocationMethod set to Static."),
        ));
    }
    let idle = write.doc["properties"]["idleTimeoutInMinutes"].as_i64();
    if !idle.is_some_and(|idle| (4..=30).contains(&idle)) {
        return Err(ArmError::network(
            "InvalidIdleTimeout",
            format!("The idle timeout of {id} must be between 4 and 30 minutes."),
        ));
    }
    check_zones(&write.doc)?;
    if write.changed("/zones") {
        return Err(ArmError::network(
            "ResourceAvailabilityZonesCannotBeModified",
            format!(
                "Resource {id} has an existing availability zone constraint and the request has another: the zones of a resource cannot be changed."
            ),
        ));
    }
    for member in [
        "/sku/name",
        "/sku/tier",
        "/properties/publicIPAddressVersion",
    ] {
        if write.changed(member) {
            let name = member.rsplit('/').next().unwrap_or(member);
            return Err(ArmError::network(
                "PropertyChangeNotAllowed",
                format!("Changing property '{name}' of {id} is not allowed."),
            ));
        }
    }
    let label = text(&write.doc, "/properties/dnsSettings/domainNameLabel").to_owned();
    if !label.is_empty() {
        let location = text(&write.doc, "/location").to_owned();
        let name = places::named(&location, &format!("{label}.{location}.cloudapp.azure.com"));
        let others = ctx.of_kind("/subscriptions/", NAME);
        let taken = others.iter().any(|other| {
            other.id != write.id.key() && text(&other.doc, "/properties/dnsSettings/fqdn") == name
        });
        if taken {
            return Err(ArmError::network(
                "DnsRecordInUse",
                format!("DNS record {name} is already used by another public IP."),
            ));
        }
        set(&mut write.doc, "/properties/dnsSettings/fqdn", name);
    }
    // The address is known when the work is done.
    if text(&write.doc, "/properties/ipAddress").is_empty() {
        let v6 = text(&write.doc, "/properties/publicIPAddressVersion") == "IPv6";
        let found = address::public(ctx, v6);
        set(&mut write.later, "/properties/ipAddress", found);
    }
    Ok(())
}

/// Refuses zones that the region does not have.
pub(crate) fn check_zones(doc: &Value) -> ArmResult<()> {
    let location = text(doc, "/location");
    for zone in crate::azure::context::items(doc, "/zones") {
        let zone = zone.as_str().unwrap_or_default();
        if !places::has_zone(location, zone) {
            let most = places::zones(location);
            return Err(ArmError::network(
                "InvalidAvailabilityZone",
                format!(
                    "The zone(s) '{zone}' for resource '{}' is not supported. The supported zones for location '{location}' are 1 to {most}.",
                    text(doc, "/id")
                ),
            ));
        }
    }
    Ok(())
}

/// Refuses to attach an address that is attached elsewhere.
pub(crate) fn check_free(ctx: &Ctx<'_>, address: &Id, by: &Id, part: &str) -> ArmResult<()> {
    let users = ctx.users(&address.text, &by.text);
    let Some(user) = users.first() else {
        return Ok(());
    };
    Err(ArmError::network(
        "PublicIPAddressInUse",
        format!(
            "Resource {part} is referencing public IP address {} that is already allocated to resource {user}.",
            address.text
        ),
    ))
}

fn guard(ctx: &Ctx<'_>, _item: &Item, id: &Id) -> ArmResult<()> {
    let users = ctx.users(&id.text, &id.text);
    let Some(user) = users.first() else {
        return Ok(());
    };
    Err(ArmError::network(
        "PublicIPAddressCannotBeDeleted",
        format!(
            "Public IP address {} can not be deleted since it is still allocated to resource {user}. In order to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do this, see aka.ms/deletepublicip.",
            id.text
        ),
    ))
}

fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    for user in ctx.users(&item.id, &item.id) {
        let kind = Id::new(user.as_str()).kind().to_lowercase();
        let name = if kind.ends_with("natgateways") {
            "natGateway"
        } else {
            "ipConfiguration"
        };
        set(doc, &format!("/properties/{name}"), json!({ "id": user }));
    }
}
