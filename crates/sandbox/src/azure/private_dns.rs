//! Private zones, the networks that they are linked to, and their records.

use serde_json::{Value, json};

use super::context::{Ctx, Input, default, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::{Etag, Kind, Write};
use super::records::{self, Style};
use crate::http::HttpReply;
use crate::latency::Work;

pub(crate) const ZONES: &str = "Microsoft.Network/privateDnsZones";
const LINKS: &str = "Microsoft.Network/privateDnsZones/virtualNetworkLinks";

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        etag: Etag::Plain("etag"),
        create: Work::PrivateZoneCreate,
        prepare,
        guard,
        show,
        ..Kind::new(ZONES, "azurerm_private_dns_zone")
    },
    Kind {
        etag: Etag::Plain("etag"),
        create: Work::PrivateZoneCreate,
        delete: Work::PrivateZoneCreate,
        prepare: prepare_link,
        show: show_link,
        ..Kind::new(LINKS, "azurerm_private_dns_zone_virtual_network_link")
    },
];

static STYLE: Style = Style {
    zones: ZONES,
    ttl: "ttl",
    types: &[
        ("A", "aRecords", "azurerm_private_dns_a_record"),
        ("AAAA", "aaaaRecords", "azurerm_private_dns_aaaa_record"),
        ("CNAME", "cnameRecord", "azurerm_private_dns_cname_record"),
        ("MX", "mxRecords", "azurerm_private_dns_mx_record"),
        ("PTR", "ptrRecords", "azurerm_private_dns_ptr_record"),
        ("SOA", "soaRecord", ""),
        ("SRV", "srvRecords", "azurerm_private_dns_srv_record"),
        ("TXT", "txtRecords", "azurerm_private_dns_txt_record"),
    ],
};

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    if input.operation.name.starts_with("RecordSets_") {
        return records::run(ctx, input, &STYLE).map(Some);
    }
    Ok(None)
}

/// Names of zones: two labels or more.
pub(crate) fn check_zone(name: &str) -> ArmResult<()> {
    let labels = name.split('.');
    if name.len() <= 253 && labels.clone().count() >= 2 && labels.clone().all(records::is_label) {
        return Ok(());
    }
    Err(ArmError::bad(
        "BadRequest",
        format!(
            "The domain name '{name}' is invalid: it has 2 to 34 labels of 1 to 63 characters."
        ),
    ))
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    check_zone(write.id.name())?;
    write.carry(&["/properties"]);
    let internal = ctx.uuid();
    default(&mut write.doc, "/properties/internalId", internal);
    for (member, value) in [
        ("maxNumberOfRecordSets", 25_000),
        ("maxNumberOfVirtualNetworkLinks", 1000),
        ("maxNumberOfVirtualNetworkLinksWithRegistration", 100),
    ] {
        set(&mut write.doc, &format!("/properties/{member}"), value);
    }
    if write.creates() {
        records::begin(ctx, &STYLE, write.id, &[]);
    }
    Ok(())
}

fn guard(ctx: &Ctx<'_>, item: &Item, id: &Id) -> ArmResult<()> {
    let links = ctx.of_kind(&format!("{}/", item.id), LINKS);
    let Some(link) = links.first() else {
        return Ok(());
    };
    Err(ArmError::conflict(
        "CannotDeleteResource",
        format!(
            "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: '{}'. Please delete all nested resources before deleting this resource.",
            text(&link.doc, "/id")
        ),
    )
    .target(id.text.as_str()))
}

fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    records::show_count(ctx, &STYLE, doc);
    let links = ctx.of_kind(&format!("{}/", item.id), LINKS);
    let registering = links
        .iter()
        .filter(|link| link.doc["properties"]["registrationEnabled"] == true)
        .count();
    set(doc, "/properties/numberOfVirtualNetworkLinks", links.len());
    set(
        doc,
        "/properties/numberOfVirtualNetworkLinksWithRegistration",
        registering,
    );
}

fn prepare_link(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let id = write.id.clone();
    default(&mut write.doc, "/properties/registrationEnabled", false);
    default(&mut write.doc, "/properties/resolutionPolicy", "Default");
    let Some(network) = write.refer(ctx, "/properties/virtualNetwork/id")? else {
        return Err(ArmError::bad(
            "BadRequest",
            format!(
                "The virtual network link {} names no virtual network.",
                id.text
            ),
        ));
    };
    if write.changed("/properties/virtualNetwork/id") {
        return Err(ArmError::bad(
            "BadRequest",
            format!(
                "The virtual network of the link {} cannot be changed.",
                id.text
            ),
        ));
    }
    let zone = id.parent().name().to_lowercase();
    let registers = write.doc["properties"]["registrationEnabled"] == true;
    for holder in ctx.holders(&network.text) {
        if holder.id == id.key() || text(&holder.doc, "/type") != LINKS {
            continue;
        }
        let other = Id::new(text(&holder.doc, "/id"))
            .parent()
            .name()
            .to_lowercase();
        if other == zone {
            return Err(ArmError::bad(
                "BadRequest",
                format!(
                    "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link virtual network with '{zone}' and '{other}' zones."
                ),
            ));
        }
        if registers && holder.doc["properties"]["registrationEnabled"] == true {
            return Err(ArmError::conflict(
                "Conflict",
                format!(
                    "A virtual network can only be linked to one Private DNS zone with auto registration: '{}' is to '{other}'.",
                    network.text
                ),
            ));
        }
    }
    set(
        &mut write.doc,
        "/properties/virtualNetworkLinkState",
        "Completed",
    );
    Ok(())
}

fn show_link(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    if item.busy(ctx.now).is_some() {
        set(doc, "/properties/virtualNetworkLinkState", "InProgress");
    }
}

/// Writes the record of a name that the cloud itself gives in a zone.
pub(crate) fn register(ctx: &mut Ctx<'_>, zone: &Id, name: &str, addresses: &[Value], owner: &str) {
    let rows: Vec<_> = addresses
        .iter()
        .map(|address| json!({ "ipv4Address": address }))
        .collect();
    let properties = json!({ "aRecords": rows, "ttl": 10, "metadata": { "creator": format!("created by {owner}") } });
    records::put(ctx, &STYLE, zone, STYLE.types[0], name, properties, false);
}
