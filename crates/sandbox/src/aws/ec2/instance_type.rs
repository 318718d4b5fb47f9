//! The catalogue of instance types, and where each is offered.

use super::common::{Filters, pages};
use crate::aws::context::{Ctx, Page};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::regions;
use crate::aws::xml::Xml;
use crate::tags::Tags;

/// vCPUs of on-demand instances of the standard families that an account may run in a region; raised from AWS's default of 5.
pub(crate) const STANDARD_VCPUS: usize = 5000;

/// Families with architecture, memory per vCPU in GiB, and interfaces of the smallest size.
const FAMILIES: &[(&str, &str, f64, &[&str])] = &[
    ("t3", "x86_64", 4.0, &["large", "xlarge", "2xlarge"]),
    ("t3a", "x86_64", 4.0, &["large", "xlarge", "2xlarge"]),
    ("t4g", "arm64", 4.0, &["large", "xlarge", "2xlarge"]),
    ("m5", "x86_64", 4.0, LARGE),
    ("m5a", "x86_64", 4.0, LARGE),
    ("m6a", "x86_64", 4.0, LARGE),
    ("m6i", "x86_64", 4.0, LARGE),
    ("m6g", "arm64", 4.0, LARGE),
    ("m7a", "x86_64", 4.0, LARGE),
    ("m7i", "x86_64", 4.0, LARGE),
    ("m7g", "arm64", 4.0, LARGE),
    ("c5", "x86_64", 2.0, LARGE),
    ("c6i", "x86_64", 2.0, LARGE),
    ("c6g", "arm64", 2.0, LARGE),
    ("c7i", "x86_64", 2.0, LARGE),
    ("c7g", "arm64", 2.0, LARGE),
    ("r5", "x86_64", 8.0, LARGE),
    ("r6i", "x86_64", 8.0, LARGE),
    ("r6g", "arm64", 8.0, LARGE),
    ("r7i", "x86_64", 8.0, LARGE),
    ("r7g", "arm64", 8.0, LARGE),
    (
        "g5",
        "x86_64",
        4.0,
        &["xlarge", "2xlarge", "4xlarge", "8xlarge"],
    ),
];

const LARGE: &[&str] = &[
    "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge",
];

/// Burstable sizes below `large`, with memory in MiB; all have two vCPUs.
const SMALL: &[(&str, u64)] = &[("micro", 1024), ("small", 2048), ("medium", 4096)];

/// An instance type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InstanceType {
    pub(crate) name: String,
    pub(crate) architecture: &'static str,
    pub(crate) vcpus: u64,
    pub(crate) memory_mib: u64,
    burstable: bool,
}

impl InstanceType {
    /// Network interfaces it takes, and IPv4 addresses on each: what bounds pods on a node.
    fn interfaces(&self) -> (u64, u64) {
        match (self.vcpus, self.memory_mib) {
            (_, 0..=1024) => (2, 2),
            (_, 1025..=2048) => (3, 4),
            (_, 2049..=4096) if self.burstable => (3, 6),
            (0..=2, _) if self.burstable => (3, 12),
            (0..=2, _) => (3, 10),
            (3..=16, _) => (4, 15),
            (17..=48, _) => (8, 30),
            _ => (15, 50),
        }
    }
}

impl InstanceType {
    /// Pods that fit on a node of it, by the addresses of its interfaces.
    pub(crate) fn max_pods(&self) -> u64 {
        let (interfaces, addresses) = self.interfaces();
        interfaces * (addresses - 1) + 2
    }
}

fn all() -> Vec<InstanceType> {
    let mut types = Vec::new();
    for (family, architecture, memory, sizes) in FAMILIES {
        let burstable = family.starts_with('t');
        if burstable {
            types.extend(SMALL.iter().map(|(size, memory_mib)| InstanceType {
                name: format!("{family}.{size}"),
                architecture,
                vcpus: 2,
                memory_mib: *memory_mib,
                burstable,
            }));
        }
        for size in *sizes {
            let vcpus = match size.strip_suffix("xlarge") {
                Some("") => 4,
                Some(times) => 4 * times.parse::<u64>().unwrap_or(1),
                None => 2,
            };
            types.push(InstanceType {
                name: format!("{family}.{size}"),
                architecture,
                vcpus,
                // Whole GiB, small numbers.
                memory_mib: (memory * vcpus as f64 * 1024.0) as u64,
                burstable,
            });
        }
    }
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

/// The type of that name.
pub(crate) fn find(name: &str) -> Option<InstanceType> {
    all().into_iter().find(|kind| kind.name == name)
}

/// Whether there is such a type.
pub(crate) fn exists(name: &str) -> bool {
    find(name).is_some()
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeInstanceTypes",
        accepts: &["InstanceType", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
    Operation {
        name: "DescribeInstanceTypeOfferings",
        accepts: &["LocationType", "Filter.*", "MaxResults", "NextToken"],
        handler: describe_offerings,
    },
];

fn describe(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let filters = Filters::parse(
        params,
        &[
            "burstable-performance-supported",
            "current-generation",
            "instance-type",
            "memory-info.size-in-mib",
            "processor-info.supported-architecture",
            "vcpu-info.default-vcpus",
        ],
    )?;
    let names = params.strings("InstanceType");
    let unknown: Vec<_> = names.iter().copied().filter(|name| !exists(name)).collect();
    if !unknown.is_empty() {
        let message = format!(
            "The following supplied instance types do not exist: [{}]",
            unknown.join(", ")
        );
        return Err(AwsError::new("InvalidInstanceType", message));
    }
    let mut types = all();
    types.retain(|kind| names.is_empty() || names.contains(&kind.name.as_str()));
    types.retain(|kind| {
        filters.pass(&Tags::default(), |name| {
            vec![match name {
                "burstable-performance-supported" => kind.burstable.to_string(),
                "current-generation" => "true".to_owned(),
                "instance-type" => kind.name.clone(),
                "memory-info.size-in-mib" => kind.memory_mib.to_string(),
                "processor-info.supported-architecture" => kind.architecture.to_owned(),
                _ => kind.vcpus.to_string(),
            }]
        })
    });
    let page = pages(types, |kind| &kind.name, params)?;
    let mut xml = Xml::new();
    xml.list("instanceTypeSet", "item", &page.items, |xml, kind| {
        let (interfaces, addresses) = kind.interfaces();
        xml.text("instanceType", &kind.name)
            .text("currentGeneration", true)
            .texts("supportedUsageClasses", "item", ["on-demand", "spot"])
            .text("bareMetal", false)
            .text("hypervisor", "nitro")
            .node("processorInfo", |xml| {
                xml.texts("supportedArchitectures", "item", [kind.architecture]);
            })
            .node("vCpuInfo", |xml| {
                xml.text("defaultVCpus", kind.vcpus);
            })
            .node("memoryInfo", |xml| {
                xml.text("sizeInMiB", kind.memory_mib);
            })
            .node("networkInfo", |xml| {
                xml.text("maximumNetworkInterfaces", interfaces)
                    .text("ipv4AddressesPerInterface", addresses)
                    .text("ipv6AddressesPerInterface", addresses)
                    .text("ipv6Supported", true)
                    .text("enaSupport", "required");
            })
            .text("burstablePerformanceSupported", kind.burstable);
    });
    xml.opt("nextToken", page.next);
    Ok(xml)
}

/// Whether a zone has machines of a type. The oldest zone of `us-east-1` has none of the families above, which are all of the
/// Nitro system ("t3.micro is not supported in your requested Availability Zone (us-east-1e)").
fn offered(zone: &str) -> bool {
    zone != "us-east-1e"
}

fn describe_offerings(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let kind = params.str("LocationType").unwrap_or("region");
    let zones = regions::zones(&ctx.region)
        .into_iter()
        .filter(|zone| offered(zone));
    let locations = match kind {
        "region" => vec![ctx.region.clone()],
        "availability-zone" => zones.collect(),
        "availability-zone-id" => zones.map(|zone| regions::zone_id(&zone)).collect(),
        other => return Err(super::common::invalid("locationType", other)),
    };
    let filters = Filters::parse(params, &["instance-type", "location"])?;
    let mut rows = Vec::new();
    for instance in all() {
        for location in &locations {
            let pass = filters.pass(&Tags::default(), |name| {
                vec![if name == "location" {
                    location.clone()
                } else {
                    instance.name.clone()
                }]
            });
            if pass {
                rows.push((
                    format!("{}/{location}", instance.name),
                    instance.name.clone(),
                    location,
                ));
            }
        }
    }
    rows.sort();
    let page: Page<_> = pages(rows, |row| row.0.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list(
        "instanceTypeOfferingSet",
        "item",
        &page.items,
        |xml, (_, name, location)| {
            xml.text("instanceType", name)
                .text("locationType", kind)
                .text("location", location);
        },
    );
    xml.opt("nextToken", page.next);
    Ok(xml)
}
