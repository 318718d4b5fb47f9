//! What Route 53 refuses of a record set: by itself, and beside the others of its zone.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>

use std::net::{Ipv4Addr, Ipv6Addr};

use super::record::Record;
use super::zone::Zone;
use super::{invalid_input, names};
use crate::aws::context::Ctx;
use crate::aws::document::Element;
use crate::aws::elbv2::load_balancer::LoadBalancer;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::regions::REGIONS;

/// How one of several record sets of a name is chosen: the elements that say it, one of them.
pub(super) const ROUTING: [&str; 5] = [
    "Weight",
    "Region",
    "GeoLocation",
    "Failover",
    "MultiValueAnswer",
];

const TYPES: [&str; 16] = [
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV",
    "SSHFP", "SVCB", "TXT",
];

fn refused(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidChangeBatch", message)
}

/// Refuses members that a record set does not have.
pub(super) fn members(set: &Element) -> AwsResult<()> {
    let mut known = vec![
        "Name",
        "Type",
        "SetIdentifier",
        "TTL",
        "ResourceRecords",
        "AliasTarget",
        "HealthCheckId",
    ];
    known.extend(ROUTING);
    if set.only(&known) {
        return Ok(());
    }
    Err(AwsError::new(
        "MalformedInput",
        "The record set has members that it cannot have",
    ))
}

/// What can be told of a record set without others.
pub(super) fn alone(zone: &Zone, record: &Record) -> AwsResult<()> {
    let name = names::shown(&record.name);
    if !names::within(&record.name, &zone.name) {
        return Err(refused(format!(
            "RRSet with DNS name {name} is not permitted in zone {}",
            names::shown(&zone.name)
        )));
    }
    if !TYPES.contains(&record.kind.as_str()) {
        return Err(invalid_input(format!(
            "Value '{}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: {TYPES:?}",
            record.kind
        )));
    }
    match (&record.alias, record.ttl, record.values.is_empty()) {
        (Some(_), None, true) | (None, Some(_), false) => {}
        (Some(_), ..) => {
            return Err(invalid_input(
                "Invalid request: an alias record has neither TTL nor resource records",
            ));
        }
        (None, ..) => {
            return Err(invalid_input(format!(
                "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with [Action=CREATE, Name={name}, Type={}, SetIdentifier={}]",
                record.kind,
                record.set.as_deref().unwrap_or("null")
            )));
        }
    }
    if record.kind == "CNAME" {
        if record.name == zone.name {
            return Err(refused(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {}",
                names::shown(&zone.name)
            )));
        }
        if record.values.len() > 1 {
            return Err(refused(format!(
                "CNAME record {name} has more than one value"
            )));
        }
    }
    if record.kind == "NS" && record.name == zone.name && record.values.is_empty() {
        return Err(refused("The NS record of a zone has at least one server"));
    }
    for (index, value) in record.values.iter().enumerate() {
        if !fits(&record.kind, value) {
            return Err(refused(format!(
                "Invalid Resource Record: 'FATAL problem: {} encountered with '{value}''",
                problem(&record.kind)
            )));
        }
        if record.values[..index].contains(value) {
            return Err(refused(format!("Duplicate Resource Record: '{value}'")));
        }
    }
    routing(record)
}

fn routing(record: &Record) -> AwsResult<()> {
    let identified = record.set.is_some();
    match (record.routing.as_slice(), identified) {
        ([], false) => return Ok(()),
        ([_], true) => {}
        ([], true) => {
            return Err(invalid_input(
                "Invalid request: Missing field 'Weight', 'Region', 'GeoLocation', 'Failover' or 'MultiValueAnswer' beside SetIdentifier",
            ));
        }
        ([_], false) => {
            return Err(invalid_input(
                "Invalid request: Missing field 'SetIdentifier'",
            ));
        }
        _ => {
            return Err(invalid_input(
                "Invalid request: a record set is chosen in one way, not in several",
            ));
        }
    }
    let (name, value) = &record.routing[0];
    let fits = match name.as_str() {
        "Weight" => value.parse::<u16>().is_ok_and(|weight| weight <= 255),
        "Failover" => matches!(value.as_str(), "PRIMARY" | "SECONDARY"),
        "Region" => REGIONS.iter().any(|(region, _)| region == value),
        "MultiValueAnswer" => value == "true" && record.alias.is_none(),
        _ => !value.is_empty(),
    };
    if fits {
        Ok(())
    } else {
        Err(invalid_input(format!("Invalid {name}: {value}")))
    }
}

fn problem(kind: &str) -> &'static str {
    match kind {
        "A" => "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)",
        "AAAA" => "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)",
        "TXT" | "SPF" => "InvalidCharacterString (Value should be enclosed in quotation marks)",
        "MX" => "MXRRDATANotTwoFields (Value must be a priority and a name)",
        "CAA" => {
            "CAARRDATANotThreeFields (Value must be flags, a tag and a value in quotation marks)"
        }
        "SRV" => "SRVRRDATANotFourFields (Value must be priority, weight, port and name)",
        _ => "DomainNameEmpty (Value is not a domain name)",
    }
}

fn fits(kind: &str, value: &str) -> bool {
    let fields: Vec<&str> = value.split_whitespace().collect();
    let number = |field: &str| field.parse::<u16>().is_ok();
    let named = |name: &str| names::kept(name).is_ok();
    match kind {
        "A" => value.parse::<Ipv4Addr>().is_ok(),
        "AAAA" => value.parse::<Ipv6Addr>().is_ok(),
        "TXT" | "SPF" => quoted(value),
        "CNAME" | "NS" | "PTR" => fields.len() == 1 && named(value),
        "MX" => matches!(fields[..], [priority, name] if number(priority) && named(name)),
        "SRV" => {
            matches!(fields[..], [a, b, c, name] if [a, b, c].iter().all(|f| number(f)) && named(name))
        }
        "CAA" => fields.len() >= 3 && number(fields[0]) && value.trim_end().ends_with('"'),
        _ => !value.trim().is_empty(),
    }
}

/// Whether a value is one or more texts in quotation marks, of 255 characters at most.
fn quoted(value: &str) -> bool {
    let mut chars = value.chars().peekable();
    let mut texts = 0;
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.next() {
            None => return texts > 0,
            Some('"') => {}
            Some(_) => return false,
        }
        let mut length = 0;
        loop {
            match chars.next() {
                None => return false,
                Some('"') => break,
                Some('\\') if chars.next().is_none() => return false,
                Some(_) => length += 1,
            }
        }
        if length > 255 {
            return false;
        }
        texts += 1;
    }
}

/// What the other record sets of the zone, and what an alias points to, have against it.
pub(super) fn beside(ctx: &Ctx<'_>, zone: &Zone, record: &Record) -> AwsResult<()> {
    let name = names::shown(&record.name);
    let others = ctx.referrers::<Record>(&zone.id);
    let same_name = others.iter().filter(|other| other.name == record.name);
    for other in same_name {
        let same_kind = other.kind == record.kind;
        if !same_kind && (other.kind == "CNAME" || record.kind == "CNAME") {
            return Err(refused(format!(
                "RRSet of type {} with DNS name {name} is not permitted because a conflicting RRSet of type {} with the same DNS name already exists in zone {}",
                record.kind,
                other.kind,
                names::shown(&zone.name)
            )));
        }
        if !same_kind || other.set == record.set {
            continue;
        }
        let how = |record: &Record| record.routing.first().map(|(name, _)| name.clone());
        if how(other) != how(record) {
            return Err(refused(format!(
                "RRSet with DNS name {name}, type {}, SetIdentifier {}, cannot be created as other RRSets exist with the same name and type that are chosen in another way",
                record.kind,
                record.set.as_deref().unwrap_or("null")
            )));
        }
        if how(record).as_deref() == Some("Failover") && other.routing == record.routing {
            return Err(refused(format!(
                "RRSet with DNS name {name} and type {} already has a {}",
                record.kind, record.routing[0].1
            )));
        }
    }
    alias(ctx, zone, record)
}

/// An alias in its own zone needs a record there; one of a load balancer needs the load balancer.
fn alias(ctx: &Ctx<'_>, zone: &Zone, record: &Record) -> AwsResult<()> {
    let Some((target_zone, target, _)) = &record.alias else {
        return Ok(());
    };
    let found = if *target_zone == zone.id {
        let records = ctx.referrers::<Record>(&zone.id);
        records
            .iter()
            .any(|other| other.name == *target && other.kind == record.kind)
    } else if target.contains(".elb.") {
        let bare = target.trim_end_matches('.');
        let bare = bare.strip_prefix("dualstack.").unwrap_or(bare);
        REGIONS.iter().any(|(region, _)| {
            let balancers = ctx.tx.list::<LoadBalancer>(region);
            balancers.iter().any(|b| {
                b.dns_name().eq_ignore_ascii_case(bare) && b.dns_zone(region) == target_zone
            })
        })
    } else {
        true
    };
    if found {
        return Ok(());
    }
    Err(refused(format!(
        "Tried to create an alias that targets {}, type {} in zone {target_zone}, but the alias target name does not lie within the target zone",
        names::shown(target),
        record.kind
    )))
}
