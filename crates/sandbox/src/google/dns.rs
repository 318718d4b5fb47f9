//! Cloud DNS: managed zones, their record sets, and changes of several at once.

use serde_json::{Map, Value, json};

use super::compute::kind::table;
use super::compute::reference::path_of;
use super::context::{Ctx, Input, default, merge, text, without_nulls};
use super::error::{GoogleError, GoogleResult};
use super::item::Item;
use super::labels;
use crate::clock::iso8601_millis;
use crate::http::HttpReply;

const ZONES: &str = "dns.managedZones";
const RECORDS: &str = "dns.rrsets";
const CHANGES: &str = "dns.changes";

/// Types of records.
const TYPES: [&str; 19] = [
    "A", "AAAA", "ALIAS", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "IPSECKEY", "MX", "NAPTR", "NS",
    "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TXT",
];

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let prefix = format!("projects/{}/managedZones/", input.project());
    let names = input.names();
    let zone = names.first().copied().unwrap_or_default().to_owned();
    let answer = match (input.method.resource.as_str(), input.method.verb) {
        ("projects", _) => project(input),
        ("managedZones", "create") => create(ctx, input, &prefix)?,
        ("managedZones", "list") => {
            let wanted = input.query("dnsName");
            let rows = ctx
                .list(ZONES, &prefix)
                .iter()
                .filter(|item| wanted.is_none_or(|name| item.doc["dnsName"] == name))
                .map(|item| item.doc.clone())
                .collect();
            listing(input, rows, "managedZones", "dns#managedZonesListResponse")?
        }
        _ => {
            let item = find_zone(ctx, &prefix, &zone)?;
            in_zone(ctx, input, item)?
        }
    };
    let status = if answer.is_null() { 204 } else { 200 };
    if answer.is_null() {
        return Ok(HttpReply::new(status, "application/json", ""));
    }
    Ok(HttpReply::json(status, &answer))
}

/// Answers a request about one zone or what is in it.
fn in_zone(ctx: &mut Ctx<'_>, input: &Input<'_>, zone: Item) -> GoogleResult<Value> {
    let names = input.names();
    match (input.method.resource.as_str(), input.method.verb) {
        ("managedZones", "get") => Ok(zone.doc),
        ("managedZones", "delete") => delete(ctx, &zone),
        ("managedZones", _) => change_zone(ctx, input, zone),
        ("managedZoneOperations", "get") => {
            let message = format!(
                "The 'operation' resource named '{}' does not exist.",
                input.name()
            );
            Err(GoogleError::not_found(message))
        }
        ("managedZoneOperations", _) => {
            Ok(json!({ "kind": "dns#managedZoneOperationsListResponse", "operations": [] }))
        }
        ("resourceRecordSets", "list") => {
            let rows = records(ctx, &zone)
                .into_iter()
                .filter(|row| {
                    let fits =
                        |name: &str| input.query(name).is_none_or(|wanted| row[name] == wanted);
                    fits("name") && fits("type")
                })
                .collect();
            listing(input, rows, "rrsets", "dns#resourceRecordSetsListResponse")
        }
        ("resourceRecordSets", "create") => add(ctx, &zone, &input.body),
        ("changes", "create") => change_records(ctx, input, &zone),
        ("changes", "get") => {
            let id = format!("{}/changes/{}", zone.id, input.name());
            let found = ctx.get(CHANGES, &id).map(|item| item.doc.clone());
            found.ok_or_else(|| {
                GoogleError::not_found(format!(
                    "The 'parameters.changeId' resource named '{}' does not exist.",
                    input.name()
                ))
            })
        }
        ("changes", _) => {
            let rows = ctx
                .list(CHANGES, &format!("{}/changes/", zone.id))
                .iter()
                .map(|item| item.doc.clone())
                .collect();
            listing(input, rows, "changes", "dns#changesListResponse")
        }
        (_, verb) => {
            let (name, kind) = (names.get(1).copied().unwrap_or_default(), input.name());
            let id = format!("{}/rrsets/{name}/{kind}", zone.id);
            let item = ctx.get(RECORDS, &id).ok_or_else(|| missing(name, kind))?;
            match verb {
                "get" => Ok(item.doc.clone()),
                "delete" => {
                    take(ctx, &zone, &item.doc.clone())?;
                    Ok(json!({}))
                }
                _ => {
                    let mut item = item.edit();
                    merge(&mut item.doc, &input.body);
                    check_record(&zone, &item.doc)?;
                    let shown = item.doc.clone();
                    ctx.keep(RECORDS, item);
                    Ok(shown)
                }
            }
        }
    }
}

fn missing(name: &str, kind: &str) -> GoogleError {
    GoogleError::not_found(format!(
        "The 'parameters.name' resource named '{name} ({kind})' does not exist."
    ))
}

fn project(input: &Input<'_>) -> Value {
    json!({
        "kind": "dns#project", "id": input.project(),
        "number": super::context::project_number(input.project()),
        "quota": {
            "kind": "dns#quota", "managedZones": 10_000, "rrsetsPerManagedZone": 10_000,
            "rrsetAdditionsPerChange": 1000, "rrsetDeletionsPerChange": 1000, "resourceRecordsPerRrset": 100,
        },
    })
}

fn listing(input: &Input<'_>, rows: Vec<Value>, name: &str, kind: &str) -> GoogleResult<Value> {
    let answer = json!({ "kind": kind, name: [] });
    input.paged(answer, name, rows, input.size("maxResults", 100))
}

fn find_zone(ctx: &Ctx<'_>, prefix: &str, name: &str) -> GoogleResult<Item> {
    let found = ctx
        .get(ZONES, &format!("{prefix}{name}"))
        .map(|item| item.edit());
    let by_id = || {
        let all = ctx.list(ZONES, prefix);
        let found = all.iter().find(|item| item.doc["id"] == name);
        found.map(super::super::world::Stored::edit)
    };
    found.or_else(by_id).ok_or_else(|| {
        GoogleError::not_found(format!(
            "The 'parameters.managedZone' resource named '{name}' does not exist."
        ))
    })
}

fn check_zone(
    ctx: &Ctx<'_>,
    project: &str,
    doc: &mut Map<String, Value>,
) -> GoogleResult<Vec<String>> {
    labels::check(doc.get("labels"))?;
    let private = doc.get("visibility") == Some(&"private".into());
    let mut links = Vec::new();
    let networks = doc
        .get_mut("privateVisibilityConfig")
        .and_then(|config| config.get_mut("networks"))
        .and_then(Value::as_array_mut);
    for network in networks.into_iter().flatten() {
        let url = text(network, "/networkUrl").to_owned();
        let path =
            path_of(ctx, &url, project).filter(|path| ctx.get(&table("networks"), path).is_some());
        let Some(path) = path else {
            let message = format!(
                "Invalid value for 'entity.managedZone.privateVisibilityConfig.networks[0].networkUrl': '{url}'"
            );
            return Err(GoogleError::invalid(message));
        };
        network["kind"] = "dns#managedZonePrivateVisibilityConfigNetwork".into();
        links.push(path);
    }
    if !links.is_empty() && !private {
        return Err(GoogleError::invalid(
            "Only private zones are visible to networks.",
        ));
    }
    Ok(links)
}

fn create(ctx: &mut Ctx<'_>, input: &Input<'_>, prefix: &str) -> GoogleResult<Value> {
    let mut body = input.body.clone();
    without_nulls(&mut body);
    let name = text(&body, "/name").to_owned();
    let dns = text(&body, "/dnsName").to_lowercase();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=63).contains(&name.len())
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(good)
        || name.ends_with('-')
    {
        return Err(GoogleError::invalid(format!(
            "Invalid value for 'entity.managedZone.name': '{name}'"
        )));
    }
    if !dns.ends_with('.') || dns.contains("..") || dns.len() > 254 {
        return Err(GoogleError::invalid(format!(
            "Invalid value for 'entity.managedZone.dnsName': '{dns}'"
        )));
    }
    let id = format!("{prefix}{name}");
    if ctx.get(ZONES, &id).is_some() {
        return Err(GoogleError::exists(format!(
            "The resource 'entity.managedZone' named '{name}' already exists"
        )));
    }
    let mut doc = body.as_object().cloned().unwrap_or_default();
    default(&mut doc, "description", "");
    default(&mut doc, "visibility", "public");
    let links = check_zone(ctx, input.project(), &mut doc)?;
    doc.insert("kind".into(), "dns#managedZone".into());
    doc.insert("dnsName".into(), dns.clone().into());
    doc.insert("id".into(), ctx.number().into());
    doc.insert("creationTime".into(), iso8601_millis(ctx.now).into());
    let private = doc["visibility"] == "private";
    let servers: Vec<String> = if private {
        vec!["ns-gcp-private.googledomains.com.".to_owned()]
    } else {
        let shard = ctx.hex(2).chars().next().unwrap_or('a');
        let shard = if shard.is_ascii_digit() { 'a' } else { shard };
        (1..=4)
            .map(|at| format!("ns-cloud-{shard}{at}.googledomains.com."))
            .collect()
    };
    doc.insert("nameServers".into(), json!(servers));
    default(
        &mut doc,
        "cloudLoggingConfig",
        json!({ "kind": "dns#managedZoneCloudLoggingConfig" }),
    );
    let mut item = Item::new(id, Value::Object(doc));
    item.links = links;
    item.list_as("google_dns_managed_zone", "", None);
    let labels = item.doc.get("labels").cloned();
    let soa = format!(
        "{} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300",
        servers[0]
    );
    for (kind, data) in [("NS", json!(servers)), ("SOA", json!([soa]))] {
        put_record(
            ctx,
            &item,
            &json!({ "name": dns, "type": kind, "ttl": 21600, "rrdatas": data }),
            false,
        );
    }
    let shown = item.doc.clone();
    ctx.put(ZONES, item, labels.as_ref());
    Ok(shown)
}

fn change_zone(ctx: &mut Ctx<'_>, input: &Input<'_>, mut zone: Item) -> GoogleResult<Value> {
    let before = zone.doc.clone();
    merge(&mut zone.doc, &input.body);
    for field in ["dnsName", "visibility", "name"] {
        if zone.doc[field] != before[field] {
            return Err(GoogleError::invalid(format!(
                "The field '{field}' of a managed zone cannot be changed."
            )));
        }
    }
    let mut doc = zone.doc.as_object().cloned().unwrap_or_default();
    zone.links = check_zone(ctx, input.project(), &mut doc)?;
    zone.doc = Value::Object(doc);
    let labels = zone.doc.get("labels").cloned();
    let shown = zone.doc.clone();
    ctx.put(ZONES, zone, labels.as_ref());
    // Changes of zones are done when they are answered.
    Ok(json!({
        "kind": "dns#operation", "id": ctx.uuid(), "startTime": iso8601_millis(ctx.now), "status": "done",
        "user": super::context::USER, "type": "update",
        "zoneContext": { "oldValue": before, "newValue": shown },
    }))
}

fn delete(ctx: &mut Ctx<'_>, zone: &Item) -> GoogleResult<Value> {
    let all = ctx.list(RECORDS, &format!("{}/rrsets/", zone.id));
    let own = |item: &Item| {
        item.doc["name"] == zone.doc["dnsName"] && matches!(text(&item.doc, "/type"), "NS" | "SOA")
    };
    if all.iter().any(|item| !own(item)) {
        let message = format!(
            "The resource named '{}' cannot be deleted because it contains one or more 'resource record sets'.",
            zone.short()
        );
        return Err(GoogleError::new(
            400,
            "containerNotEmpty",
            "FAILED_PRECONDITION",
            message,
        ));
    }
    for item in all {
        ctx.remove(RECORDS, &item.id);
    }
    ctx.remove(ZONES, &zone.id);
    Ok(Value::Null)
}

fn records(ctx: &Ctx<'_>, zone: &Item) -> Vec<Value> {
    ctx.list(RECORDS, &format!("{}/rrsets/", zone.id))
        .iter()
        .map(|item| item.doc.clone())
        .collect()
}

fn record_id(zone: &Item, record: &Value) -> String {
    format!(
        "{}/rrsets/{}/{}",
        zone.id,
        text(record, "/name"),
        text(record, "/type")
    )
}

fn put_record(ctx: &mut Ctx<'_>, zone: &Item, record: &Value, listed: bool) -> Value {
    let mut doc = record.clone();
    without_nulls(&mut doc);
    doc["kind"] = "dns#resourceRecordSet".into();
    if let Some(members) = doc.as_object_mut() {
        default(members, "signatureRrdatas", json!([]));
    }
    let mut item = Item::new(record_id(zone, record), doc.clone());
    if listed {
        item.list_as("google_dns_record_set", "", None);
    }
    ctx.put(RECORDS, item, None);
    doc
}

/// Checks name, type and data of a record set.
fn check_record(zone: &Item, record: &Value) -> GoogleResult<()> {
    let name = text(record, "/name");
    let apex = text(&zone.doc, "/dnsName");
    let bad = |field: &str, value: &str| {
        GoogleError::invalid(format!(
            "Invalid value for 'entity.change.additions[0].{field}': '{value}'"
        ))
    };
    if !(name == apex || name.ends_with(&format!(".{apex}"))) {
        return Err(bad("name", name));
    }
    let kind = text(record, "/type");
    if !TYPES.contains(&kind) {
        return Err(bad("type", kind));
    }
    if record["ttl"].as_i64().is_some_and(|ttl| ttl < 0) {
        return Err(bad("ttl", &record["ttl"].to_string()));
    }
    let data = record["rrdatas"].as_array().cloned().unwrap_or_default();
    if data.is_empty() && !record["routingPolicy"].is_object() {
        return Err(bad("rrdatas", ""));
    }
    if kind == "CNAME" && (data.len() > 1 || name == apex) {
        return Err(bad("rrdata", text(record, "/rrdatas/0")));
    }
    for value in &data {
        let value = value.as_str().unwrap_or_default();
        let good = match kind {
            "A" => value.parse::<std::net::Ipv4Addr>().is_ok(),
            "AAAA" => value.parse::<std::net::Ipv6Addr>().is_ok(),
            "CNAME" | "NS" | "PTR" => value.ends_with('.'),
            "MX" => value
                .split_once(' ')
                .is_some_and(|(rank, _)| rank.parse::<u16>().is_ok()),
            _ => !value.is_empty(),
        };
        if !good {
            return Err(bad("rrdata[0]", value));
        }
    }
    Ok(())
}

fn add(ctx: &mut Ctx<'_>, zone: &Item, record: &Value) -> GoogleResult<Value> {
    check_record(zone, record)?;
    if ctx.get(RECORDS, &record_id(zone, record)).is_some() {
        let (name, kind) = (text(record, "/name"), text(record, "/type"));
        let message = format!(
            "The resource 'entity.change.additions[0]' named '{name} ({kind})' already exists"
        );
        return Err(GoogleError::exists(message));
    }
    let name = text(record, "/name");
    let others = records(ctx, zone)
        .into_iter()
        .filter(|row| row["name"] == name);
    let alias = record["type"] == "CNAME";
    if others
        .into_iter()
        .any(|row| alias || row["type"] == "CNAME")
    {
        let message = format!(
            "The resource record set 'entity.change.additions[0]' is invalid because '{name}' has a CNAME and other records."
        );
        return Err(GoogleError::new(
            400,
            "cnameResourceRecordSetConflict",
            "INVALID_ARGUMENT",
            message,
        ));
    }
    Ok(put_record(ctx, zone, record, true))
}

/// Takes a record set away; those of the zone itself stay.
fn take(ctx: &mut Ctx<'_>, zone: &Item, record: &Value) -> GoogleResult<()> {
    let (name, kind) = (text(record, "/name"), text(record, "/type"));
    if name == text(&zone.doc, "/dnsName") && matches!(kind, "NS" | "SOA") {
        let message = "A non-empty zone needs its SOA and NS record sets.";
        return Err(GoogleError::invalid(message));
    }
    if !ctx.remove(RECORDS, &record_id(zone, record)) {
        return Err(missing(name, kind));
    }
    Ok(())
}

/// `changes.create`: deletions must be as they are, then additions are made; all or nothing.
fn change_records(ctx: &mut Ctx<'_>, input: &Input<'_>, zone: &Item) -> GoogleResult<Value> {
    let list = |name: &str| input.body[name].as_array().cloned().unwrap_or_default();
    let (additions, deletions) = (list("additions"), list("deletions"));
    if additions.is_empty() && deletions.is_empty() {
        return Err(GoogleError::required("entity.change"));
    }
    for record in &deletions {
        let current = ctx
            .get(RECORDS, &record_id(zone, record))
            .map(|item| item.doc.clone());
        let same = current.as_ref().is_some_and(|current| {
            current["ttl"] == record["ttl"] && current["rrdatas"] == record["rrdatas"]
        });
        if current.is_some() && !same {
            let message = "Precondition not met for 'entity.change.deletions[0]'";
            return Err(GoogleError::condition(message));
        }
        let replaced = additions
            .iter()
            .any(|added| record_id(zone, added) == record_id(zone, record));
        if replaced {
            ctx.remove(RECORDS, &record_id(zone, record));
        } else {
            take(ctx, zone, record)?;
        }
    }
    for record in &additions {
        add(ctx, zone, record)?;
    }
    let number = ctx.list(CHANGES, &format!("{}/changes/", zone.id)).len() + 1;
    let mut doc = json!({
        "kind": "dns#change", "id": number.to_string(), "startTime": iso8601_millis(ctx.now), "status": "done",
        "isServing": zone.doc["visibility"] == "public",
    });
    for (name, list) in [("additions", additions), ("deletions", deletions)] {
        if !list.is_empty() {
            doc[name] = list.into();
        }
    }
    let id = format!("{}/changes/{number}", zone.id);
    ctx.put(CHANGES, Item::new(id, doc.clone()), None);
    Ok(doc)
}
