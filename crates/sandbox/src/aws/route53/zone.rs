//! Hosted zones: made, shown, given another comment, deleted. Lists and the VPCs of private ones are in the files beside.

use http::Method;
use serde::{Deserialize, Serialize};

use super::record::Record;
use super::{Operation, Request, answer, change, invalid_input, names, record, require, zone_vpcs};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::xml::Xml;
use crate::http::HttpReply;
use crate::world::{Document, Listed, Scope, Stored};

/// Zones that an account may have (`MAX_HOSTED_ZONES_BY_OWNER`).
pub(crate) const QUOTA: usize = 500;

/// The name servers of private zones, the same for all.
const PRIVATE_SERVERS: [&str; 4] = [
    "ns-1536.awsdns-00.co.uk.",
    "ns-0.awsdns-00.com.",
    "ns-1024.awsdns-00.org.",
    "ns-512.awsdns-00.net.",
];

/// A hosted zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Zone {
    /// `Z…`
    pub(super) id: String,
    /// With the root's dot.
    pub(crate) name: String,
    caller_reference: String,
    comment: Option<String>,
    /// Region and id of the VPCs of a private zone; empty for a public one.
    pub(super) vpcs: Vec<(String, String)>,
    servers: Vec<String>,
}

impl Document for Zone {
    const KIND: &'static str = "route53/zone";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        self.vpcs.iter().map(|(_, id)| id.clone()).collect()
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_route53_zone")
    }
}

impl Zone {
    /// Whether it is for VPCs only.
    pub(crate) fn is_private(&self) -> bool {
        !self.vpcs.is_empty()
    }

    /// What lists and answers say of it.
    pub(super) fn write(&self, ctx: &Ctx<'_>, xml: &mut Xml) {
        let records = ctx.referrers::<Record>(&self.id).len();
        xml.text("Id", format!("/hostedzone/{}", self.id))
            .text("Name", names::shown(&self.name))
            .text("CallerReference", &self.caller_reference);
        xml.node("Config", |xml| {
            xml.opt("Comment", self.comment.as_ref())
                .text("PrivateZone", self.is_private());
        });
        xml.text("ResourceRecordSetCount", records);
    }

    fn write_servers(&self, xml: &mut Xml) {
        if self.is_private() {
            return;
        }
        xml.node("DelegationSet", |xml| {
            let bare = self.servers.iter().map(|s| s.trim_end_matches('.'));
            xml.texts("NameServers", "NameServer", bare);
        });
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateHostedZone",
        method: Method::POST,
        path: "hostedzone",
        accepts: &[
            "CreateHostedZoneRequest",
            "Name",
            "VPC",
            "CallerReference",
            "HostedZoneConfig",
        ],
        query: &[],
        handler: create,
    },
    Operation {
        name: "GetHostedZone",
        method: Method::GET,
        path: "hostedzone/*",
        accepts: &[],
        query: &[],
        handler: get,
    },
    Operation {
        name: "UpdateHostedZoneComment",
        method: Method::POST,
        path: "hostedzone/*",
        accepts: &["UpdateHostedZoneCommentRequest", "Comment"],
        query: &[],
        handler: comment,
    },
    Operation {
        name: "DeleteHostedZone",
        method: Method::DELETE,
        path: "hostedzone/*",
        accepts: &[],
        query: &[],
        handler: delete,
    },
];

/// The zone that a request names.
pub(super) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<Zone>> {
    ctx.get::<Zone>(id).ok_or_else(|| {
        AwsError::with_status(
            404,
            "NoSuchHostedZone",
            format!("No hosted zone found with ID: {id}"),
        )
    })
}

fn checked_comment(text: Option<&str>) -> AwsResult<Option<String>> {
    match text {
        Some(text) if text.chars().count() > 256 => Err(invalid_input(
            "Comment must have length less than or equal to 256",
        )),
        text => Ok(text.filter(|t| !t.is_empty()).map(str::to_owned)),
    }
}

fn create(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let body = &request.body;
    let name = names::kept(require(body, "Name")?)
        .map_err(|error| AwsError::new("InvalidDomainName", error.message))?;
    let reference = require(body, "CallerReference")?.to_owned();
    if reference.len() > 128 {
        return Err(invalid_input(
            "CallerReference must have length less than or equal to 128",
        ));
    }
    let config = body.child("HostedZoneConfig");
    let vpc = body.child("VPC").map(|vpc| zone_vpcs::read(ctx, vpc));
    let vpcs: Vec<_> = vpc.transpose()?.into_iter().collect();
    let private = config.and_then(|c| c.text_of("PrivateZone")) == Some("true");
    if private && vpcs.is_empty() {
        return Err(invalid_input(
            "When you're creating a private hosted zone, you must specify a VPC",
        ));
    }
    let zones = ctx.list::<Zone>();
    if zones.iter().any(|zone| zone.caller_reference == reference) {
        return Err(AwsError::with_status(
            409,
            "HostedZoneAlreadyExists",
            format!(
                "A hosted zone has already been created with the specified caller reference: {reference}"
            ),
        ));
    }
    if zones.len() >= QUOTA {
        return Err(AwsError::new(
            "TooManyHostedZones",
            format!(
                "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER - Cannot create more than {QUOTA} hosted zones."
            ),
        ));
    }
    for (_, vpc) in &vpcs {
        zone_vpcs::refuse_overlap(ctx, &name, vpc)?;
    }
    let servers = match vpcs.is_empty() {
        true => servers(ctx),
        false => PRIVATE_SERVERS.map(str::to_owned).to_vec(),
    };
    let zone = Zone {
        id: format!("Z{}", ctx.new_hex(19).to_uppercase()),
        name,
        caller_reference: reference,
        comment: checked_comment(config.and_then(|c| c.text_of("Comment")))?,
        vpcs,
        servers,
    };
    record::put_apex(ctx, &zone.id, &zone.name, &zone.servers);
    let change = change::begin(ctx, None);
    ctx.put(zone.clone());
    let reply = answer(201, "CreateHostedZoneResponse", |xml| {
        xml.node("HostedZone", |xml| zone.write(ctx, xml));
        change.write(ctx, xml);
        zone.write_servers(xml);
        if let Some(vpc) = zone.vpcs.first() {
            zone_vpcs::write(xml, vpc);
        }
    });
    let location = format!(
        "https://route53.amazonaws.com/2013-04-01/hostedzone/{}",
        zone.id
    );
    Ok(reply.with("location", location))
}

/// Four servers under four top-level domains.
fn servers(ctx: &mut Ctx<'_>) -> Vec<String> {
    let digits = ctx.new_hex(6);
    let number = usize::from_str_radix(&digits, 16).unwrap_or_default();
    let domains = ["com", "net", "org", "co.uk"];
    let server = |(index, domain): (usize, &str)| {
        let place = number % 512 + 512 * index;
        format!("ns-{place}.awsdns-{:02}.{domain}.", number % 64)
    };
    domains.into_iter().enumerate().map(server).collect()
}

fn get(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let zone = find(ctx, request.id())?;
    Ok(answer(200, "GetHostedZoneResponse", |xml| {
        xml.node("HostedZone", |xml| zone.write(ctx, xml));
        zone.write_servers(xml);
        if zone.is_private() {
            xml.node("VPCs", |xml| {
                zone.vpcs.iter().for_each(|vpc| zone_vpcs::write(xml, vpc));
            });
        }
    }))
}

fn comment(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut zone = find(ctx, request.id())?.edit();
    zone.comment = checked_comment(request.body.text_of("Comment"))?;
    ctx.put(zone.clone());
    Ok(answer(200, "UpdateHostedZoneCommentResponse", |xml| {
        xml.node("HostedZone", |xml| zone.write(ctx, xml));
    }))
}

fn delete(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let zone = find(ctx, request.id())?.edit();
    let records = ctx.referrers::<Record>(&zone.id);
    if records.iter().any(|record| !record.is_apex()) {
        return Err(AwsError::new(
            "HostedZoneNotEmpty",
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        ));
    }
    for record in records {
        ctx.delete::<Record>(Document::id(&*record));
    }
    ctx.delete::<Zone>(&zone.id);
    let change = change::begin(ctx, None);
    Ok(answer(200, "DeleteHostedZoneResponse", |xml| {
        change.write(ctx, xml);
    }))
}
