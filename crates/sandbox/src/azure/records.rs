//! Record sets of zones, public and private: what each type holds, and how a zone begins.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use super::context::{Ctx, Input, items, set, text};
use super::engine;
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::page;
use crate::http::HttpReply;
use crate::world::Stored;

/// How a service writes its records.
#[derive(Debug)]
pub(crate) struct Style {
    /// The type of its zones.
    pub(crate) zones: &'static str,
    /// The member of the time to live.
    pub(crate) ttl: &'static str,
    /// Types of records, the member each has its data in, and how stack files call it.
    pub(crate) types: &'static [(&'static str, &'static str, &'static str)],
}

impl Style {
    fn find(&self, kind: &str) -> ArmResult<(&'static str, &'static str, &'static str)> {
        let found = self
            .types
            .iter()
            .find(|(name, _, _)| name.eq_ignore_ascii_case(kind));
        found.copied().ok_or_else(|| {
            ArmError::bad(
                "BadRequest",
                format!("The record type '{kind}' is not one of those of a zone."),
            )
        })
    }
}

/// Whether a text can stand between the dots of a name.
pub(crate) fn is_label(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=63).contains(&text.len()) && text.chars().all(good)
}

/// The id of a record set.
fn id_of(zone: &Id, kind: &str, name: &str) -> Id {
    zone.child(kind, &name.to_lowercase())
}

/// Record sets of a zone.
fn all(ctx: &Ctx<'_>, style: &Style, zone: &Id) -> Vec<Stored<Item>> {
    let mut sets = ctx.below(&format!("{}/", zone.text));
    // What is below a zone besides are links to networks.
    sets.retain(|item| {
        let kind = text(&item.doc, "/type").rsplit('/').next();
        style.types.iter().any(|(name, _, _)| Some(*name) == kind)
    });
    sets
}

/// Answers a request about record sets.
pub(crate) fn run(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    style: &'static Style,
) -> ArmResult<HttpReply> {
    let operation = input.operation.name;
    if operation.starts_with("RecordSets_List") {
        let zone = zone_of(ctx, style, &input.id)?;
        let suffix = input.query("$recordsetnamesuffix").unwrap_or_default();
        let wanted = match &input.shape {
            super::context::Shape::Collection(name) if operation == "RecordSets_ListByType" => {
                Some(style.find(name)?.0)
            }
            _ => None,
        };
        let mut rows: Vec<Value> = all(ctx, style, &zone)
            .iter()
            .map(|item| item.doc.clone())
            .filter(|row| {
                let kind = text(row, "/type").rsplit('/').next().unwrap_or_default();
                wanted.is_none_or(|wanted| wanted == kind)
                    && (suffix.is_empty() || text(row, "/name").ends_with(suffix))
            })
            .collect();
        rows.sort_by_key(|row| text(row, "/name").to_owned());
        return page::reply(ctx, input, rows);
    }
    let zone = zone_of(ctx, style, &input.id.parent())?;
    let kind = style.find(input.variable("recordType"))?;
    let name = input.variable("relativeRecordSetName").to_lowercase();
    let id = id_of(&zone, kind.0, &name);
    let old = ctx.get(&id.text).map(|item| item.edit());
    let etag = old.as_ref().map(|item| text(&item.doc, "/etag").to_owned());
    match input.operation.http {
        "GET" => match old {
            Some(item) => Ok(HttpReply::json(200, &item.doc)),
            None => Err(missing(&zone, style, kind.0, &name)),
        },
        "DELETE" => {
            engine::check_conditions(input, etag.as_deref())?;
            let apex = name == "@" && matches!(kind.0, "SOA" | "NS");
            if apex {
                return Err(ArmError::bad(
                    "BadRequest",
                    format!(
                        "The record set of type {} at the apex of a zone cannot be deleted.",
                        kind.0
                    ),
                ));
            }
            let status = if ctx.remove(&id.text) { 200 } else { 204 };
            Ok(HttpReply::new(status, "application/json", ""))
        }
        _ => {
            engine::check_conditions(input, etag.as_deref())?;
            if input.is_patch() && old.is_none() {
                return Err(missing(&zone, style, kind.0, &name));
            }
            write(ctx, input, style, &zone, kind, &name, old)
        }
    }
}

fn zone_of(ctx: &Ctx<'_>, style: &Style, id: &Id) -> ArmResult<Id> {
    match ctx.get(&id.text) {
        Some(item) => Ok(Id::new(text(&item.doc, "/id"))),
        None => Err(engine::missing(ctx, style.zones, id)),
    }
}

fn missing(zone: &Id, style: &Style, kind: &str, name: &str) -> ArmError {
    ArmError::new(
        404,
        "NotFound",
        format!(
            "The resource record '{name}' of type '{kind}' does not exist in resource group '{}' of subscription '{}', zone '{}' of {}.",
            zone.group(),
            zone.subscription(),
            zone.name(),
            style.zones
        ),
    )
}

fn write(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    style: &'static Style,
    zone: &Id,
    kind: (&'static str, &'static str, &'static str),
    name: &str,
    old: Option<Item>,
) -> ArmResult<HttpReply> {
    let mut properties = match (&old, input.is_patch()) {
        (Some(item), true) => item.doc["properties"].clone(),
        _ => Value::Object(Map::new()),
    };
    super::context::merge(&mut properties, &input.body["properties"]);
    check(style, zone, kind, name, &properties)?;
    let others = style
        .types
        .iter()
        .filter(|(other, _, _)| *other != kind.0)
        .any(|(other, _, _)| {
            (kind.0 == "CNAME" || *other == "CNAME")
                && ctx.get(&id_of(zone, other, name).text).is_some()
        });
    if others {
        return Err(ArmError::bad(
            "BadRequest",
            format!(
                "The record could not be created because a CNAME record or another record with the name '{name}' already exists in this zone: a CNAME has its name for itself."
            ),
        ));
    }
    let created = old.is_none();
    let item = put(ctx, style, zone, kind, name, properties, true);
    let status = if created { 201 } else { 200 };
    Ok(HttpReply::json(status, &item))
}

/// Writes a record set, and gives its document.
pub(crate) fn put(
    ctx: &mut Ctx<'_>,
    style: &Style,
    zone: &Id,
    kind: (&'static str, &'static str, &'static str),
    name: &str,
    mut properties: Value,
    listed: bool,
) -> Value {
    let id = id_of(zone, kind.0, name);
    let full = if name == "@" {
        format!("{}.", zone.name())
    } else {
        format!("{name}.{}.", zone.name())
    };
    properties["fqdn"] = full.into();
    if style.zones.ends_with("privateDnsZones") {
        properties["isAutoRegistered"] = false.into();
    } else {
        properties["provisioningState"] = "Succeeded".into();
    }
    let etag = ctx.uuid();
    let doc = json!({
        "id": id.text, "name": name, "type": format!("{}/{}", style.zones, kind.0), "etag": etag, "properties": properties,
    });
    let created = ctx.get(&id.text).map_or(ctx.now, |item| item.created);
    let mut item = Item::new(&id.text, doc.clone(), ctx.now);
    item.created = created;
    let target = text(&doc, "/properties/targetResource/id");
    if !target.is_empty() {
        item.links.push(target.to_lowercase());
    }
    if listed && !kind.2.is_empty() {
        item.list_as(kind.2, &id.text, "global", None);
    }
    ctx.put(item);
    doc
}

/// The records that every zone has.
pub(crate) fn begin(ctx: &mut Ctx<'_>, style: &'static Style, zone: &Id, servers: &[String]) {
    let (soa, minimum) = if style.ttl == "TTL" {
        ("SOARecord", "minimumTTL")
    } else {
        ("soaRecord", "minimumTtl")
    };
    let host = servers
        .first()
        .cloned()
        .unwrap_or_else(|| "azureprivatedns.net".to_owned());
    let email = if servers.is_empty() {
        "azureprivatedns-host.microsoft.com"
    } else {
        "azuredns-hostmaster.microsoft.com"
    };
    let mut data = json!({
        "host": host, "email": email, "serialNumber": 1, "refreshTime": 3600, "retryTime": 300, "expireTime": 2_419_200,
    });
    data[minimum] = if servers.is_empty() { 10 } else { 300 }.into();
    let mut properties = json!({ soa: data });
    properties[style.ttl] = 3600.into();
    put(ctx, style, zone, ("SOA", soa, ""), "@", properties, false);
    if !servers.is_empty() {
        let rows: Vec<_> = servers
            .iter()
            .map(|name| json!({ "nsdname": name }))
            .collect();
        let mut properties = json!({ "NSRecords": rows });
        properties[style.ttl] = 172_800.into();
        put(
            ctx,
            style,
            zone,
            ("NS", "NSRecords", ""),
            "@",
            properties,
            false,
        );
    }
}

fn check(
    style: &Style,
    zone: &Id,
    kind: (&str, &str, &str),
    name: &str,
    properties: &Value,
) -> ArmResult<()> {
    let bad = |message: String| Err(ArmError::bad("BadRequest", message));
    let good = name == "@"
        || name
            .split('.')
            .enumerate()
            .all(|(at, one)| at == 0 && one == "*" || is_label(one));
    if !good || name.len() + zone.name().len() > 253 {
        return bad(format!(
            "The domain name '{name}.{}' is invalid. The provided record set relative name '{name}' is invalid.",
            zone.name()
        ));
    }
    let ttl = properties[style.ttl].as_i64();
    let alias = properties["targetResource"].is_object();
    if !alias && !ttl.is_some_and(|ttl| (1..=2_147_483_647).contains(&ttl)) {
        return bad(format!(
            "The TTL property '{}' of the record set '{name}' must be between 1 and 2147483647.",
            ttl.unwrap_or_default()
        ));
    }
    for (other, member, _) in style.types {
        let given = !properties[*member].is_null();
        if given && *other != kind.0 {
            return bad(format!(
                "The record set '{name}' is of type {} and has data of type {other}.",
                kind.0
            ));
        }
    }
    let data = &properties[kind.1];
    if data.is_null() && !alias {
        return bad(format!(
            "The record set '{name}' of type {} has no data in '{}'.",
            kind.0, kind.1
        ));
    }
    if kind.0 == "CNAME" {
        if name == "@" {
            return bad("A CNAME record cannot be at the apex of a zone.".to_owned());
        }
        if text(data, "/cname").is_empty() && !alias {
            return bad(format!("The record set '{name}' names no canonical name."));
        }
        return Ok(());
    }
    let list = json!({ "rows": data });
    let rows: Vec<&Value> = items(&list, "/rows").collect();
    if kind.0 != "SOA" && rows.is_empty() && !alias {
        return bad(format!(
            "The record set '{name}' of type {} has no records.",
            kind.0
        ));
    }
    for row in rows {
        let value = |member: &str| text(row, &format!("/{member}")).to_owned();
        let good = match kind.0 {
            "A" => value("ipv4Address").parse::<Ipv4Addr>().is_ok(),
            "AAAA" => value("ipv6Address").parse::<Ipv6Addr>().is_ok(),
            "MX" => !value("exchange").is_empty() && row["preference"].is_i64(),
            "NS" => !value("nsdname").is_empty(),
            "PTR" => !value("ptrdname").is_empty(),
            "SRV" => !value("target").is_empty() && row["port"].is_i64(),
            "TXT" => items(row, "/value").next().is_some(),
            "CAA" => {
                !value("value").is_empty()
                    && matches!(value("tag").as_str(), "issue" | "issuewild" | "iodef")
            }
            _ => true,
        };
        if !good {
            return bad(format!(
                "The record '{row}' of the record set '{name}' is not one of type {}.",
                kind.0
            ));
        }
    }
    Ok(())
}

/// Shows how many record sets a zone has.
pub(crate) fn show_count(ctx: &Ctx<'_>, style: &Style, doc: &mut Value) {
    let id = Id::new(text(doc, "/id"));
    let found = all(ctx, style, &id).len();
    set(doc, "/properties/numberOfRecordSets", found);
}
