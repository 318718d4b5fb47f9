//! NAT gateways.

use super::public_ip::{self, check_free, check_zones};
use super::{begin, check_unused, show_subnets};
use crate::azure::context::{Ctx, default, items, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Write};
use crate::latency::Work;

const NAME: &str = "Microsoft.Network/natGateways";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmBalancer,
    update: Work::ArmNetwork,
    delete: Work::ArmBalancer,
    prepare,
    guard,
    show: show_subnets,
    ..Kind::network(NAME, "azurerm_nat_gateway")
};

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    default(&mut write.doc, "/properties/idleTimeoutInMinutes", 4);
    let id = write.id.clone();
    if text(&write.doc, "/sku/name").is_empty() {
        return Err(ArmError::network(
            "MissingSku",
            format!(
                "NAT gateway {} has no SKU: 'Standard' or 'StandardV2'.",
                id.text
            ),
        ));
    }
    let idle = write.doc["properties"]["idleTimeoutInMinutes"].as_i64();
    if !idle.is_some_and(|idle| (4..=120).contains(&idle)) {
        return Err(ArmError::network(
            "NatGatewayIdleTimeoutOutOfRange",
            format!(
                "The idle timeout of {} must be between 4 and 120 minutes.",
                id.text
            ),
        ));
    }
    check_zones(&write.doc)?;
    if items(&write.doc, "/zones").count() > 1 && text(&write.doc, "/sku/name") == "Standard" {
        return Err(ArmError::network(
            "NatGatewayMultipleZonesNotSupported",
            format!(
                "NAT gateway {} of SKU Standard can be in one zone only.",
                id.text
            ),
        ));
    }
    if write.changed("/zones") {
        return Err(ArmError::network(
            "ResourceAvailabilityZonesCannotBeModified",
            format!(
                "Resource {} has an existing availability zone constraint, which cannot be changed.",
                id.text
            ),
        ));
    }
    for list in ["publicIpAddresses", "publicIpAddressesV6"] {
        let count = items(&write.doc, &format!("/properties/{list}")).count();
        for at in 0..count {
            let pointer = format!("/properties/{list}/{at}");
            if let Some(found) = write.attach(ctx, &pointer, public_ip::NAME)? {
                check_free(ctx, &found, &id, &id.text)?;
            }
        }
    }
    Ok(())
}

fn guard(ctx: &Ctx<'_>, _item: &Item, id: &Id) -> ArmResult<()> {
    let code = "InUseNatGatewayCannotBeDeleted";
    check_unused(ctx, id, &id.text, code, "NAT gateway")
}
