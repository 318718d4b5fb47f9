//! `DescribeImages`: the images that AWS publishes. Nobody makes images of their own.

use super::common::{Filters, pages, wildcard};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::images::{self, Image};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::tags::Tags;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeImages",
    accepts: &[
        "ImageId",
        "Owner",
        "ExecutableBy",
        "Filter.*",
        "IncludeDeprecated",
        "IncludeDisabled",
        "MaxResults",
        "NextToken",
    ],
    handler: describe,
}];

const FILTERS: &[&str] = &[
    "architecture",
    "block-device-mapping.volume-type",
    "creation-date",
    "description",
    "ena-support",
    "hypervisor",
    "image-id",
    "image-type",
    "is-public",
    "name",
    "owner-alias",
    "owner-id",
    "platform-details",
    "root-device-name",
    "root-device-type",
    "state",
    "virtualization-type",
];

/// The only device that the images have.
const DEVICE: &str = "/dev/xvda";

/// GiB of it, by the owner's habit.
fn size(image: &Image) -> u32 {
    if image.release.is_some() { 20 } else { 8 }
}

fn moment(image: &Image) -> String {
    format!("{}T00:00:00.000Z", image.date)
}

fn field(image: &Image, name: &str) -> String {
    match name {
        "architecture" => image.architecture.to_owned(),
        "block-device-mapping.volume-type" => "gp3".to_owned(),
        "creation-date" => moment(image),
        "description" => image.description.clone(),
        "ena-support" | "is-public" => "true".to_owned(),
        "hypervisor" => "xen".to_owned(),
        "image-id" => image.id.clone(),
        "image-type" => "machine".to_owned(),
        "name" => image.name.clone(),
        "owner-alias" => "amazon".to_owned(),
        "owner-id" => image.owner.to_owned(),
        "platform-details" => "Linux/UNIX".to_owned(),
        "root-device-name" => DEVICE.to_owned(),
        "root-device-type" => "ebs".to_owned(),
        "state" => "available".to_owned(),
        _ => "hvm".to_owned(),
    }
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let filters = Filters::parse(params, FILTERS)?;
    let (ids, owners) = (params.strings("ImageId"), params.strings("Owner"));
    let all = images::all(&ctx.region);
    if let Some(id) = ids
        .iter()
        .find(|id| !all.iter().any(|image| image.id == **id))
    {
        let (code, what) = if id.starts_with("ami-") {
            ("InvalidAMIID.NotFound", "does not exist")
        } else {
            ("InvalidAMIID.Malformed", "is invalid")
        };
        let message = format!("The image id '[{id}]' {what}");
        return Err(AwsError::new(code, message));
    }
    let owned = |image: &Image| {
        let by = |owner: &&str| match *owner {
            "amazon" => true,
            // The account has none of its own.
            "self" | ACCOUNT => false,
            owner => wildcard(owner, image.owner),
        };
        owners.is_empty() || owners.iter().any(by)
    };
    let mut found = all;
    found.retain(|image| {
        (ids.is_empty() || ids.contains(&image.id.as_str()))
            && owned(image)
            && filters.pass(&Tags::default(), |name| vec![field(image, name)])
    });
    let page = pages(found, |image| &image.id, params)?;
    let mut xml = Xml::new();
    xml.list("imagesSet", "item", &page.items, write);
    xml.opt("nextToken", page.next);
    Ok(xml)
}

fn write(xml: &mut Xml, image: &Image) {
    xml.text("imageId", &image.id)
        .text("imageLocation", format!("amazon/{}", image.name))
        .text("imageState", "available")
        .text("imageOwnerId", image.owner)
        .text("imageOwnerAlias", "amazon")
        .text("isPublic", true)
        .text("architecture", image.architecture)
        .text("imageType", "machine")
        .text("platformDetails", "Linux/UNIX")
        .text("usageOperation", "RunInstances")
        .text("name", &image.name)
        .text("description", &image.description)
        .text("creationDate", moment(image))
        .text("rootDeviceType", "ebs")
        .text("rootDeviceName", DEVICE)
        .text("virtualizationType", "hvm")
        .text("hypervisor", "xen")
        .text("enaSupport", true)
        .text("sriovNetSupport", "simple")
        .text("imdsSupport", "v2.0")
        .text("bootMode", "uefi-preferred");
    xml.list("blockDeviceMapping", "item", [size(image)], |xml, size| {
        xml.text("deviceName", DEVICE).node("ebs", |xml| {
            xml.text("deleteOnTermination", true)
                .text("snapshotId", image.id.replacen("ami-", "snap-", 1))
                .text("volumeSize", size)
                .text("volumeType", "gp3")
                .text("iops", 3000)
                .text("throughput", 125)
                .text("encrypted", false);
        });
    });
    xml.node("tagSet", |_| {});
}
