//! The VPCs that a private zone answers in.

use http::Method;

use super::zone::{self, Zone};
use super::{Operation, Request, answer, change, names, require};
use crate::aws::context::Ctx;
use crate::aws::document::Element;
use crate::aws::ec2::vpc::Vpc;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::regions;
use crate::aws::xml::Xml;
use crate::http::HttpReply;

/// VPCs that a zone may have.
const QUOTA: usize = 300;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AssociateVPCWithHostedZone",
        method: Method::POST,
        path: "hostedzone/*/associatevpc",
        accepts: &["AssociateVPCWithHostedZoneRequest", "VPC", "Comment"],
        query: &[],
        handler: associate,
    },
    Operation {
        name: "DisassociateVPCFromHostedZone",
        method: Method::POST,
        path: "hostedzone/*/disassociatevpc",
        accepts: &["DisassociateVPCFromHostedZoneRequest", "VPC", "Comment"],
        query: &[],
        handler: disassociate,
    },
];

/// Region and id of a VPC that there is.
pub(super) fn read(ctx: &Ctx<'_>, vpc: &Element) -> AwsResult<(String, String)> {
    let (region, id) = (require(vpc, "VPCRegion")?, require(vpc, "VPCId")?);
    let there = regions::exists(region) && ctx.tx.get::<Vpc>(region, id).is_some();
    if !there {
        return Err(AwsError::new(
            "InvalidVPCId",
            format!(
                "The VPC: {id} in region {region} that you provided is not authorized to make the association or does not exist."
            ),
        ));
    }
    Ok((region.to_owned(), id.to_owned()))
}

pub(super) fn write(xml: &mut Xml, (region, id): &(String, String)) {
    xml.node("VPC", |xml| {
        xml.text("VPCRegion", region).text("VPCId", id);
    });
}

/// Refuses a second zone of the same name in a VPC.
pub(super) fn refuse_overlap(ctx: &Ctx<'_>, name: &str, vpc: &str) -> AwsResult<()> {
    let same = ctx
        .referrers::<Zone>(vpc)
        .into_iter()
        .find(|zone| zone.name == name);
    match same {
        None => Ok(()),
        Some(zone) => Err(AwsError::new(
            "ConflictingDomainExists",
            format!(
                "The VPC {vpc} is already associated with the hosted zone {} of the same domain {}",
                zone.id,
                names::shown(name)
            ),
        )),
    }
}

fn associate(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut zone = zone::find(ctx, request.id())?.edit();
    let vpc = read(
        ctx,
        request.body.child("VPC").unwrap_or(&Element::default()),
    )?;
    if !zone.is_private() {
        return Err(AwsError::new(
            "PublicZoneVPCAssociation",
            "You're trying to associate a VPC with a public hosted zone",
        ));
    }
    if !zone.vpcs.contains(&vpc) {
        refuse_overlap(ctx, &zone.name, &vpc.1)?;
        if zone.vpcs.len() >= QUOTA {
            return Err(AwsError::new(
                "LimitsExceeded",
                format!("A private hosted zone may have no more than {QUOTA} VPCs"),
            ));
        }
        zone.vpcs.push(vpc);
        ctx.put(zone);
    }
    let change = change::begin(ctx, request.body.text_of("Comment"));
    Ok(answer(200, "AssociateVPCWithHostedZoneResponse", |xml| {
        change.write(ctx, xml);
    }))
}

fn disassociate(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let mut zone = zone::find(ctx, request.id())?.edit();
    let none = Element::default();
    let vpc = request.body.child("VPC").unwrap_or(&none);
    let vpc = (
        require(vpc, "VPCRegion")?.to_owned(),
        require(vpc, "VPCId")?.to_owned(),
    );
    if !zone.vpcs.contains(&vpc) {
        return Err(AwsError::with_status(
            404,
            "VPCAssociationNotFound",
            format!(
                "The VPC {} and hosted zone {} that you specified are not currently associated.",
                vpc.1, zone.id
            ),
        ));
    }
    if zone.vpcs.len() == 1 {
        return Err(AwsError::new(
            "LastVPCAssociation",
            "The VPC that you're trying to disassociate from the private hosted zone is the last VPC that is associated with the hosted zone.",
        ));
    }
    zone.vpcs.retain(|other| *other != vpc);
    ctx.put(zone);
    let change = change::begin(ctx, request.body.text_of("Comment"));
    Ok(answer(
        200,
        "DisassociateVPCFromHostedZoneResponse",
        |xml| change.write(ctx, xml),
    ))
}
