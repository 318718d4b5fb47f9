//! Route tables with their routes.

use serde_json::json;

use super::{begin, check_unused, show_subnets};
use crate::azure::context::{Ctx, default, items_mut, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Part, Write};
use crate::latency::Work;

const NAME: &str = "Microsoft.Network/routeTables";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmNetwork,
    update: Work::ArmNetwork,
    delete: Work::ArmNetwork,
    parts: &[Part::new("routes", "azurerm_route")],
    prepare,
    guard,
    show: show_subnets,
    ..Kind::network(NAME, "azurerm_route_table")
};

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    default(&mut write.doc, "/properties/routes", json!([]));
    default(
        &mut write.doc,
        "/properties/disableBgpRoutePropagation",
        false,
    );
    let mut seen: Vec<(String, String)> = Vec::new();
    for route in items_mut(&mut write.doc, "/properties/routes") {
        let name = text(route, "/name").to_owned();
        let prefix = text(route, "/properties/addressPrefix").to_owned();
        let tag = prefix.starts_with(|c: char| c.is_ascii_alphabetic());
        if !tag {
            super::prefix(&prefix, write.id)?;
        }
        if let Some((_, other)) = seen
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(&prefix))
        {
            return Err(ArmError::network(
                "RouteConflict",
                format!(
                    "Route {name} conflicts with route {other}. Routes cannot have the same AddressPrefix."
                ),
            ));
        }
        seen.push((prefix, name.clone()));
        let kind = text(route, "/properties/nextHopType").to_owned();
        let hop = text(route, "/properties/nextHopIpAddress").to_owned();
        let good = hop.parse::<std::net::IpAddr>().is_ok();
        if (kind == "VirtualAppliance") != good {
            return Err(ArmError::network(
                "NextHopIpAddressInvalid",
                format!(
                    "Route {name} has next hop type {kind}: a next hop address is given for VirtualAppliance, and for it only. Value provided: '{hop}'."
                ),
            ));
        }
        set(route, "/properties/hasBgpOverride", false);
    }
    Ok(())
}

fn guard(ctx: &Ctx<'_>, _item: &Item, id: &Id) -> ArmResult<()> {
    let code = "InUseRouteTableCannotBeDeleted";
    check_unused(ctx, id, &id.text, code, "Route table")
}
