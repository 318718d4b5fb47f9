//! Public zones and their records.

use serde_json::{Value, json};

use super::context::{Ctx, Input, default, set};
use super::error::ArmResult;
use super::item::Item;
use super::kind::{Etag, Kind, States, Write};
use super::private_dns::check_zone;
use super::records::{self, Style};
use crate::http::HttpReply;

const ZONES: &str = "Microsoft.Network/dnsZones";

pub(crate) const KINDS: &[Kind] = &[Kind {
    etag: Etag::Plain("etag"),
    states: States::NONE,
    prepare,
    show,
    ..Kind::new(ZONES, "azurerm_dns_zone")
}];

static STYLE: Style = Style {
    zones: ZONES,
    ttl: "TTL",
    types: &[
        ("A", "ARecords", "azurerm_dns_a_record"),
        ("AAAA", "AAAARecords", "azurerm_dns_aaaa_record"),
        ("CAA", "caaRecords", "azurerm_dns_caa_record"),
        ("CNAME", "CNAMERecord", "azurerm_dns_cname_record"),
        ("MX", "MXRecords", "azurerm_dns_mx_record"),
        ("NS", "NSRecords", "azurerm_dns_ns_record"),
        ("PTR", "PTRRecords", "azurerm_dns_ptr_record"),
        ("SOA", "SOARecord", ""),
        ("SRV", "SRVRecords", "azurerm_dns_srv_record"),
        ("TXT", "TXTRecords", "azurerm_dns_txt_record"),
    ],
};

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    if input.operation.name.starts_with("RecordSets_") {
        return records::run(ctx, input, &STYLE).map(Some);
    }
    Ok(None)
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    check_zone(write.id.name())?;
    write.carry(&["/properties"]);
    default(&mut write.doc, "/properties/zoneType", "Public");
    set(&mut write.doc, "/properties/maxNumberOfRecordSets", 10_000);
    if write.creates() {
        let shard = ctx.hex(2);
        let shard = u8::from_str_radix(&shard, 16).unwrap_or(1) % 8 + 1;
        let servers: Vec<String> = ["com", "net", "org", "info"]
            .iter()
            .enumerate()
            .map(|(at, domain)| format!("ns{}-0{shard}.azure-dns.{domain}.", at + 1))
            .collect();
        set(&mut write.doc, "/properties/nameServers", json!(servers));
        records::begin(ctx, &STYLE, write.id, &servers);
    }
    Ok(())
}

fn show(ctx: &Ctx<'_>, _item: &Item, doc: &mut Value) {
    records::show_count(ctx, &STYLE, doc);
}
