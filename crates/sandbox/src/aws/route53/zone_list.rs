//! Hosted zones in lists: by id, by name, and how many there are.

use http::Method;

use super::zone::Zone;
use super::{Operation, Request, answer, invalid_input, names};
use crate::aws::context::{Ctx, page};
use crate::aws::error::AwsResult;
use crate::http::HttpReply;
use crate::world::Document;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ListHostedZones",
        method: Method::GET,
        path: "hostedzone",
        accepts: &[],
        query: &["marker", "maxitems", "hostedzonetype"],
        handler: list,
    },
    Operation {
        name: "ListHostedZonesByName",
        method: Method::GET,
        path: "hostedzonesbyname",
        accepts: &[],
        query: &["dnsname", "hostedzoneid", "maxitems"],
        handler: by_name,
    },
    Operation {
        name: "GetHostedZoneCount",
        method: Method::GET,
        path: "hostedzonecount",
        accepts: &[],
        query: &[],
        handler: count,
    },
];

fn list(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut zones = ctx.list::<Zone>();
    match request.query("hostedzonetype") {
        None => {}
        Some("PrivateHostedZone") => zones.retain(|zone| zone.is_private()),
        Some(other) => {
            return Err(invalid_input(format!(
                "hostedzonetype {other:?} must be PrivateHostedZone"
            )));
        }
    }
    let size = request.page_size(100)?;
    let marker = request.query("marker");
    let bad = || invalid_input("The marker is not one of ours");
    let page = page(zones, |zone| zone.id.as_str(), marker, Some(size), bad)?;
    Ok(answer(200, "ListHostedZonesResponse", |xml| {
        xml.list("HostedZones", "HostedZone", &page.items, |xml, zone| {
            zone.write(ctx, xml);
        });
        xml.opt("Marker", marker)
            .text("IsTruncated", page.next.is_some())
            .opt("NextMarker", page.next.as_ref())
            .text("MaxItems", size);
    }))
}

fn by_name(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let start = request.query("dnsname").map(names::kept).transpose()?;
    let start_id = request.query("hostedzoneid");
    if start_id.is_some() && start.is_none() {
        return Err(invalid_input("hostedzoneid needs dnsname"));
    }
    let key = |zone: &Zone| (names::order(&zone.name), zone.id().to_owned());
    let mut zones = ctx.list::<Zone>();
    zones.sort_by_key(|zone| key(zone));
    if let Some(start) = &start {
        let from = (names::order(start), start_id.unwrap_or_default().to_owned());
        zones.retain(|zone| key(zone) >= from);
    }
    let size = request.page_size(100)?;
    let next = zones.get(size).cloned();
    zones.truncate(size);
    Ok(answer(200, "ListHostedZonesByNameResponse", |xml| {
        xml.list("HostedZones", "HostedZone", &zones, |xml, zone| {
            zone.write(ctx, xml);
        });
        xml.opt("DNSName", start.as_deref().map(names::shown))
            .opt("HostedZoneId", start_id)
            .text("IsTruncated", next.is_some());
        if let Some(next) = &next {
            xml.text("NextDNSName", names::shown(&next.name))
                .text("NextHostedZoneId", &next.id);
        }
        xml.text("MaxItems", size);
    }))
}

fn count(ctx: &mut Ctx<'_>, _: &Request<'_>) -> AwsResult<HttpReply> {
    let count = ctx.count::<Zone>();
    Ok(answer(200, "GetHostedZoneCountResponse", |xml| {
        xml.text("HostedZoneCount", count);
    }))
}
