//! What an account sees of the cloud itself: regions, zones and its own attributes.

use super::common::{Filters, invalid};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::regions;
use crate::aws::xml::Xml;
use crate::tags::Tags;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeAvailabilityZones",
        accepts: &["ZoneName", "ZoneId", "AllAvailabilityZones", "Filter.*"],
        handler: zones,
    },
    Operation {
        name: "DescribeRegions",
        accepts: &["RegionName", "AllRegions", "Filter.*"],
        handler: all_regions,
    },
    Operation {
        name: "DescribeAccountAttributes",
        accepts: &["AttributeName"],
        handler: attributes,
    },
];

fn zones(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let filters = Filters::parse(
        params,
        &[
            "group-name",
            "opt-in-status",
            "region-name",
            "state",
            "zone-id",
            "zone-name",
            "zone-type",
        ],
    )?;
    let (names, ids) = (params.strings("ZoneName"), params.strings("ZoneId"));
    let all = regions::zones(&ctx.region);
    if let Some(name) = names
        .iter()
        .find(|name| !all.iter().any(|zone| zone == *name))
    {
        return Err(AwsError::new(
            "InvalidParameterValue",
            format!("Invalid availability zone: [{name}]"),
        ));
    }
    if let Some(id) = ids
        .iter()
        .find(|id| !all.iter().any(|zone| regions::zone_id(zone) == **id))
    {
        return Err(AwsError::new(
            "InvalidParameterValue",
            format!("Invalid availability zone-id: [{id}]"),
        ));
    }
    let group = format!("{}-zg-1", ctx.region);
    let chosen = all.into_iter().filter(|zone| {
        let id = regions::zone_id(zone);
        (names.is_empty() || names.contains(&zone.as_str()))
            && (ids.is_empty() || ids.contains(&id.as_str()))
            && filters.pass(&Tags::default(), |name| {
                vec![match name {
                    "group-name" => group.clone(),
                    "opt-in-status" => "opt-in-not-required".to_owned(),
                    "region-name" => ctx.region.clone(),
                    "state" => "available".to_owned(),
                    "zone-id" => id.clone(),
                    "zone-name" => zone.clone(),
                    _ => "availability-zone".to_owned(),
                }]
            })
    });
    let mut xml = Xml::new();
    xml.list("availabilityZoneInfo", "item", chosen, |xml, zone| {
        xml.text("zoneName", &zone)
            .text("zoneId", regions::zone_id(&zone))
            .text("zoneState", "available")
            .text("regionName", &ctx.region)
            .text("groupName", &group)
            .text("networkBorderGroup", &ctx.region)
            .text("zoneType", "availability-zone")
            .text("optInStatus", "opt-in-not-required")
            .node("messageSet", |_| {});
    });
    Ok(xml)
}

fn all_regions(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let filters = Filters::parse(params, &["endpoint", "opt-in-status", "region-name"])?;
    let names = params.strings("RegionName");
    if let Some(name) = names.iter().find(|name| !regions::exists(name)) {
        return Err(invalid("region", name));
    }
    let endpoint = |region: &str| format!("ec2.{region}.amazonaws.com");
    let chosen = regions::REGIONS
        .iter()
        .map(|(name, _)| *name)
        .filter(|region| {
            (names.is_empty() || names.contains(region))
                && filters.pass(&Tags::default(), |name| {
                    vec![match name {
                        "endpoint" => endpoint(region),
                        "opt-in-status" => "opt-in-not-required".to_owned(),
                        _ => (*region).to_owned(),
                    }]
                })
        });
    let mut xml = Xml::new();
    xml.list("regionInfo", "item", chosen, |xml, region| {
        xml.text("regionName", region)
            .text("regionEndpoint", endpoint(region))
            .text("optInStatus", "opt-in-not-required");
    });
    Ok(xml)
}

fn attributes(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const ATTRIBUTES: &[(&str, &str)] = &[
        ("supported-platforms", "VPC"),
        ("default-vpc", "none"),
        ("max-instances", "1000"),
        ("vpc-max-security-groups-per-interface", "5"),
        ("max-elastic-ips", "1000"),
        ("vpc-max-elastic-ips", "1000"),
    ];
    let names = params.strings("AttributeName");
    if let Some(name) = names
        .iter()
        .find(|name| !ATTRIBUTES.iter().any(|(known, _)| known == *name))
    {
        return Err(invalid("attributeName", name));
    }
    let chosen = ATTRIBUTES
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    let mut xml = Xml::new();
    xml.list(
        "accountAttributeSet",
        "item",
        chosen,
        |xml, (name, value)| {
            xml.text("attributeName", name).list(
                "attributeValueSet",
                "item",
                [value],
                |xml, value| {
                    xml.text("attributeValue", value);
                },
            );
        },
    );
    Ok(xml)
}
