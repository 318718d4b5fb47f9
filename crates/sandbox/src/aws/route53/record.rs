//! Resource record sets: changed in batches that count whole or not at all, and listed in their order.

use http::Method;
use serde::{Deserialize, Serialize};

use super::record_checks;
use super::zone::{self, Zone};
use super::{Operation, Request, answer, change, invalid_input, names, require};
use crate::aws::acm;
use crate::aws::context::Ctx;
use crate::aws::document::Element;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::xml::Xml;
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::world::{Document, Listed, Scope, Stored};

/// Records that a zone may have.
const QUOTA: usize = 10_000;

/// A record set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Zone, name from the root, type and identifier: documents are in the order of lists.
    id: String,
    zone: String,
    /// With the root's dot.
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(super) set: Option<String>,
    pub(super) ttl: Option<u32>,
    /// In the order in which they were given.
    pub(crate) values: Vec<String>,
    /// Zone, name, and whether its target's health counts.
    pub(super) alias: Option<(String, String, bool)>,
    /// Weight, Region, Failover, GeoLocation, MultiValueAnswer: the elements as they came.
    pub(super) routing: Vec<(String, String)>,
    pub(super) health_check: Option<String>,
    /// Whether every zone has it: its SOA and NS records.
    apex: bool,
    /// When it became what it is.
    pub(crate) changed: Millis,
}

impl Document for Record {
    const KIND: &'static str = "route53/record";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.zone.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        if self.apex {
            return None;
        }
        let mut id = format!(
            "{}_{}_{}",
            self.zone,
            self.name.trim_end_matches('.'),
            self.kind
        );
        if let Some(set) = &self.set {
            id = format!("{id}_{set}");
        }
        Some(Listed {
            id: Some(id),
            ..Listed::aws("aws_route53_record")?
        })
    }
}

impl Record {
    /// Whether it is one that every zone has.
    pub(super) fn is_apex(&self) -> bool {
        self.apex
    }

    /// What tells a record set from others of its zone.
    fn key(zone: &str, name: &str, kind: &str, set: Option<&str>) -> String {
        let set = set.unwrap_or_default();
        format!("{zone}/{}/{kind}/{set}", names::order(name))
    }

    /// Whether both say the same, whenever they came to.
    fn same(&self, other: &Self) -> bool {
        let when = |record: &Self| Self {
            changed: 0,
            ..record.clone()
        };
        when(self) == when(other)
    }

    fn write(&self, xml: &mut Xml) {
        xml.text("Name", names::shown(&self.name))
            .text("Type", &self.kind)
            .opt("SetIdentifier", self.set.as_ref());
        for (name, value) in &self.routing {
            xml.node(name, |xml| {
                xml.raw(value);
            });
        }
        xml.opt("TTL", self.ttl);
        if !self.values.is_empty() {
            xml.list(
                "ResourceRecords",
                "ResourceRecord",
                &self.values,
                |xml, value| {
                    xml.text("Value", value);
                },
            );
        }
        if let Some((zone, name, health)) = &self.alias {
            xml.node("AliasTarget", |xml| {
                xml.text("HostedZoneId", zone)
                    .text("DNSName", names::shown(name))
                    .text("EvaluateTargetHealth", health);
            });
        }
        xml.opt("HealthCheckId", self.health_check.as_ref());
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ChangeResourceRecordSets",
        method: Method::POST,
        path: "hostedzone/*/rrset",
        accepts: &["ChangeResourceRecordSetsRequest", "ChangeBatch"],
        query: &[],
        handler: change_batch,
    },
    Operation {
        name: "ListResourceRecordSets",
        method: Method::GET,
        path: "hostedzone/*/rrset",
        accepts: &[],
        query: &["name", "type", "identifier", "maxitems"],
        handler: list,
    },
];

/// The records that a new zone has.
pub(super) fn put_apex(ctx: &mut Ctx<'_>, zone: &str, name: &str, servers: &[String]) {
    let first = servers.first().map_or("", String::as_str);
    let start = format!("{first} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400");
    for (kind, ttl, values) in [("NS", 172_800, servers.to_vec()), ("SOA", 900, vec![start])] {
        let record = Record {
            id: Record::key(zone, name, kind, None),
            zone: zone.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            set: None,
            ttl: Some(ttl),
            values,
            alias: None,
            routing: Vec::new(),
            health_check: None,
            apex: true,
            changed: ctx.now,
        };
        ctx.put(record);
    }
}

/// The values of a name in the public zones, with when they came: what the world's resolvers would answer.
pub(crate) fn public(ctx: &Ctx<'_>, name: &str, kind: &str) -> Vec<(String, Millis)> {
    let zones = ctx.list::<Zone>();
    let public = zones
        .iter()
        .filter(|zone| !zone.is_private() && names::within(name, &zone.name));
    let found =
        public.filter_map(|zone| ctx.get::<Record>(&Record::key(&zone.id, name, kind, None)));
    let of = |record: Stored<Record>| {
        let changed = record.changed;
        let values = record.values.clone();
        values.into_iter().map(move |value| (value, changed))
    };
    found.flat_map(of).collect()
}

/// All changes of a batch, in order; what is wrong with each.
fn change_batch(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let zone = zone::find(ctx, request.id())?.edit();
    let none = Element::default();
    let batch = request.body.child("ChangeBatch").unwrap_or(&none);
    let changes: Vec<&Element> = batch
        .child("Changes")
        .into_iter()
        .flat_map(|changes| changes.all("Change"))
        .collect();
    if changes.is_empty() || changes.len() > 1000 {
        return Err(invalid_input("A change batch has 1 to 1000 changes"));
    }
    let mut wrong = Vec::new();
    for element in changes {
        if let Err(error) = apply(ctx, &zone, element) {
            if error.code != "InvalidChangeBatch" {
                return Err(error);
            }
            wrong.push(error.message);
        }
    }
    if !wrong.is_empty() {
        return Err(refused(format!("[{}]", wrong.join(", "))));
    }
    acm::certificate::look_at_records(ctx);
    let change = change::begin(ctx, batch.text_of("Comment"));
    Ok(answer(200, "ChangeResourceRecordSetsResponse", |xml| {
        change.write(ctx, xml);
    }))
}

fn refused(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidChangeBatch", message)
}

fn apply(ctx: &mut Ctx<'_>, zone: &Zone, element: &Element) -> AwsResult<()> {
    let action = require(element, "Action")?;
    let none = Element::default();
    let set = element.child("ResourceRecordSet").unwrap_or(&none);
    let record = read(ctx, zone, set)?;
    let there = ctx.get::<Record>(&record.id);
    let described = |what: &str| {
        let set = record
            .set
            .as_ref()
            .map_or_else(String::new, |set| format!(", set-identifier='{set}'"));
        format!(
            "Tried to {what} resource record set [name='{}', type='{}'{set}]",
            names::shown(&record.name),
            record.kind
        )
    };
    match (action, there) {
        ("DELETE", None) => Err(refused(format!(
            "{} but it was not found",
            described("delete")
        ))),
        ("DELETE", Some(there)) if there.apex => Err(refused(format!(
            "A HostedZone must contain at least one NS record for the zone itself and exactly one SOA record; {} ",
            described("delete")
        ))),
        ("DELETE", Some(there)) if !there.same(&record) => Err(refused(format!(
            "{} but the values provided do not match the current values",
            described("delete")
        ))),
        ("DELETE", Some(there)) => {
            ctx.delete::<Record>(&there.id);
            Ok(())
        }
        ("CREATE", Some(_)) => Err(refused(format!(
            "{} but it already exists",
            described("create")
        ))),
        ("CREATE" | "UPSERT", there) => {
            record_checks::beside(ctx, zone, &record)?;
            if there.is_none() && ctx.referrers::<Record>(&zone.id).len() >= QUOTA {
                return Err(refused(format!(
                    "Limits Exceeded: MAX_RRSETS_BY_ZONE - {QUOTA}"
                )));
            }
            // What stays as it is has been known since it came.
            let changed = there
                .as_ref()
                .filter(|t| t.same(&record))
                .map_or(ctx.now, |t| t.changed);
            let apex = there.is_some_and(|t| t.apex);
            ctx.put(Record {
                changed,
                apex,
                ..record
            });
            Ok(())
        }
        (other, _) => Err(invalid_input(format!(
            "Invalid action {other:?}: CREATE, DELETE or UPSERT"
        ))),
    }
}

/// The record set of a request, checked by itself.
fn read(ctx: &Ctx<'_>, zone: &Zone, set: &Element) -> AwsResult<Record> {
    record_checks::members(set)?;
    let name = names::kept(require(set, "Name")?)?;
    let kind = require(set, "Type")?.to_owned();
    let values = set.child("ResourceRecords").into_iter();
    let values = values.flat_map(|records| records.all("ResourceRecord"));
    let values = values
        .map(|record| require(record, "Value").map(str::to_owned))
        .collect::<AwsResult<Vec<_>>>()?;
    let alias = set.child("AliasTarget").map(|alias| {
        let health = require(alias, "EvaluateTargetHealth")? == "true";
        let target = names::kept(require(alias, "DNSName")?)?;
        Ok::<_, AwsError>((require(alias, "HostedZoneId")?.to_owned(), target, health))
    });
    let routing = record_checks::ROUTING.iter().filter_map(|name| {
        let mut inside = Xml::new();
        set.child(name)?.inside(&mut inside);
        Some(((*name).to_owned(), inside.as_str().to_owned()))
    });
    let identifier = set.text_of("SetIdentifier").map(str::to_owned);
    let ttl = set.text_of("TTL").map(|text| {
        let seconds = text.parse().ok().filter(|ttl| *ttl <= i32::MAX as u32);
        seconds.ok_or_else(|| invalid_input("TTL must be 0 to 2147483647 seconds"))
    });
    let record = Record {
        id: Record::key(&zone.id, &name, &kind, identifier.as_deref()),
        zone: zone.id.clone(),
        apex: name == zone.name && matches!(kind.as_str(), "NS" | "SOA"),
        name,
        kind,
        set: identifier,
        ttl: ttl.transpose()?,
        values,
        alias: alias.transpose()?,
        routing: routing.collect(),
        health_check: set.text_of("HealthCheckId").map(str::to_owned),
        changed: ctx.now,
    };
    record_checks::alone(zone, &record)?;
    Ok(record)
}

fn list(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let zone = zone::find(ctx, request.id())?;
    let start = request.query("name").map(names::kept).transpose()?;
    let (kind, identifier) = (request.query("type"), request.query("identifier"));
    if (kind.is_some() && start.is_none()) || (identifier.is_some() && kind.is_none()) {
        return Err(invalid_input("type needs name, and identifier needs type"));
    }
    let key = |record: &Record| {
        let set = record.set.clone().unwrap_or_default();
        (names::order(&record.name), record.kind.clone(), set)
    };
    let mut records = ctx.referrers::<Record>(&zone.id);
    records.sort_by_key(|record| key(record));
    if let Some(start) = &start {
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let from = (names::order(start), text(kind), text(identifier));
        records.retain(|record| key(record) >= from);
    }
    let size = request.page_size(300)?;
    let next = records.get(size).cloned();
    records.truncate(size);
    Ok(answer(200, "ListResourceRecordSetsResponse", |xml| {
        xml.list(
            "ResourceRecordSets",
            "ResourceRecordSet",
            &records,
            |xml, record| {
                record.write(xml);
            },
        );
        xml.text("IsTruncated", next.is_some())
            .text("MaxItems", size);
        if let Some(next) = &next {
            xml.text("NextRecordName", names::shown(&next.name))
                .text("NextRecordType", &next.kind)
                .opt("NextRecordIdentifier", next.set.as_ref());
        }
    }))
}
