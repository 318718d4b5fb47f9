//! Subnets: ranges inside their network that do not overlap, in one zone each.

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::common::{Describe, in_use, invalid, page_xml, tag_set, tag_specification};
use super::network_interface::NetworkInterface;
use super::route_table::{self, RouteTable};
use super::vpc::{self, Ipv6Block, parse_cidr};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params, parse_bool};
use crate::aws::regions;
use crate::aws::xml::Xml;
use crate::clock::Millis;
use crate::latency::Work;
use crate::world::{Document, Listed, Stored};

/// Subnets per network; raised from AWS's default of 200.
pub(crate) const QUOTA: usize = 1000;

/// A subnet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) cidr: Ipv4Net,
    ipv6: Option<Ipv6Block>,
    pub(crate) zone: String,
    pub(crate) map_public_ip: bool,
    assign_ipv6: bool,
    dns64: bool,
    hostname_type: String,
    dns_a_record: bool,
    dns_aaaa_record: bool,
    acl_association: String,
    available_at: Millis,
}

impl Document for Subnet {
    const KIND: &'static str = "ec2/subnet";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.vpc.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_subnet")
    }
}

impl Subnet {
    /// The id of its association with the network's ACL.
    pub(super) fn acl_association(&self) -> &str {
        &self.acl_association
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateSubnet",
        accepts: &[
            "VpcId",
            "CidrBlock",
            "Ipv6CidrBlock",
            "AvailabilityZone",
            "AvailabilityZoneId",
            "TagSpecification.*",
        ],
        handler: create,
    },
    Operation {
        name: "DeleteSubnet",
        accepts: &["SubnetId"],
        handler: delete,
    },
    Operation {
        name: "DescribeSubnets",
        accepts: &["SubnetId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
    Operation {
        name: "ModifySubnetAttribute",
        accepts: &[
            "SubnetId",
            "MapPublicIpOnLaunch.Value",
            "AssignIpv6AddressOnCreation.Value",
            "EnableDns64.Value",
            "PrivateDnsHostnameTypeOnLaunch",
            "EnableResourceNameDnsARecordOnLaunch.Value",
            "EnableResourceNameDnsAAAARecordOnLaunch.Value",
        ],
        handler: modify,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidSubnetID.NotFound",
        format!("The subnet ID '{id}' does not exist"),
    )
}

/// The subnet that a request names.
pub(crate) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<Subnet>> {
    ctx.get::<Subnet>(id).ok_or_else(|| not_found(id))
}

fn zone(ctx: &Ctx<'_>, params: &Params) -> AwsResult<String> {
    let zones = regions::zones(&ctx.region);
    let (wanted, found) = match (
        params.str("AvailabilityZone"),
        params.str("AvailabilityZoneId"),
    ) {
        (Some(name), _) => (name, zones.iter().find(|zone| *zone == name)),
        (None, Some(id)) => (id, zones.iter().find(|zone| regions::zone_id(zone) == id)),
        (None, None) => ("", zones.first()),
    };
    found.cloned().ok_or_else(|| {
        let message = format!(
            "Value ({wanted}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {}.",
            zones.join(", ")
        );
        AwsError::new("InvalidParameterValue", message)
    })
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let vpc = vpc::find(ctx, params.require("VpcId")?)?;
    let text = params.require("CidrBlock")?;
    let cidr = parse_cidr(text, "InvalidSubnet.Range")?;
    if !vpc.cidr.contains(&cidr) {
        return Err(AwsError::new(
            "InvalidSubnet.Range",
            format!("The CIDR '{text}' is invalid."),
        ));
    }
    let zone = zone(ctx, params)?;
    let tags = tag_specification(params, "subnet")?;
    let siblings = ctx.referrers::<Subnet>(vpc.id());
    if siblings.len() >= QUOTA {
        let message = "The maximum number of subnets has been reached.";
        return Err(AwsError::new("SubnetLimitExceeded", message));
    }
    if siblings
        .iter()
        .any(|other| other.cidr.contains(&cidr) || cidr.contains(&other.cidr))
    {
        let message = format!("The CIDR '{text}' conflicts with another subnet");
        return Err(AwsError::new("InvalidSubnet.Conflict", message));
    }
    let ipv6 = match params.str("Ipv6CidrBlock") {
        None => None,
        Some(text) => {
            let range = || {
                AwsError::new(
                    "InvalidSubnet.Range",
                    format!("The CIDR '{text}' is invalid."),
                )
            };
            let cidr: Ipv6Net = text.parse().map_err(|_| range())?;
            let inside = vpc
                .ipv6
                .as_ref()
                .is_some_and(|block| block.cidr.contains(&cidr));
            if cidr.prefix_len() != 64 || !inside {
                return Err(range());
            }
            if siblings
                .iter()
                .any(|other| other.ipv6.as_ref().is_some_and(|block| block.cidr == cidr))
            {
                let message = format!("The CIDR '{text}' conflicts with another subnet");
                return Err(AwsError::new("InvalidSubnet.Conflict", message));
            }
            Some(Ipv6Block {
                cidr,
                association: ctx.new_id("subnet-cidr-assoc"),
            })
        }
    };
    let subnet = Subnet {
        id: ctx.new_id("subnet"),
        vpc: vpc.id().to_owned(),
        cidr,
        ipv6,
        zone,
        map_public_ip: false,
        assign_ipv6: false,
        dns64: false,
        hostname_type: "ip-name".to_owned(),
        dns_a_record: false,
        dns_aaaa_record: false,
        acl_association: ctx.new_id("aclassoc"),
        available_at: ctx.due(Work::SubnetCreate),
    };
    let id = subnet.id.clone();
    ctx.put_tagged(subnet, tags);
    let subnet = find(ctx, &id)?;
    let mut xml = Xml::new();
    xml.node("subnet", |xml| write(xml, ctx, &subnet));
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("SubnetId")?;
    find(ctx, id)?;
    if ctx.referred::<NetworkInterface>(id) {
        return Err(in_use(format!(
            "The subnet '{id}' has dependencies and cannot be deleted."
        )));
    }
    // Its route table lets go of it.
    for table in ctx.referrers::<RouteTable>(id) {
        route_table::forget_subnet(ctx, &table, id);
    }
    ctx.delete::<Subnet>(id);
    Ok(Xml::done())
}

fn state(ctx: &Ctx<'_>, subnet: &Subnet) -> &'static str {
    if ctx.past(subnet.available_at) {
        "available"
    } else {
        "pending"
    }
}

/// Addresses that nothing has: AWS keeps five of each subnet.
fn free_addresses(ctx: &Ctx<'_>, subnet: &Subnet) -> usize {
    let all = 1usize << (32 - u32::from(subnet.cidr.prefix_len()));
    all.saturating_sub(5 + ctx.referrers::<NetworkInterface>(&subnet.id).len())
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<Subnet> {
        ids: "SubnetId",
        not_found,
        filters: &[
            "availability-zone",
            "availabilityZone",
            "availability-zone-id",
            "availabilityZoneId",
            "available-ip-address-count",
            "cidr-block",
            "cidr",
            "cidrBlock",
            "default-for-az",
            "defaultForAz",
            "map-public-ip-on-launch",
            "owner-id",
            "state",
            "subnet-arn",
            "subnet-id",
            "vpc-id",
        ],
        indexed: &["vpc-id"],
        field: |ctx, subnet, name| {
            vec![match name {
                "availability-zone" | "availabilityZone" => subnet.zone.clone(),
                "availability-zone-id" | "availabilityZoneId" => regions::zone_id(&subnet.zone),
                "available-ip-address-count" => free_addresses(ctx, subnet).to_string(),
                "cidr-block" | "cidr" | "cidrBlock" => subnet.cidr.to_string(),
                "default-for-az" | "defaultForAz" => "false".to_owned(),
                "map-public-ip-on-launch" => subnet.map_public_ip.to_string(),
                "owner-id" => ACCOUNT.to_owned(),
                "state" => state(ctx, subnet).to_owned(),
                "subnet-arn" => ctx.arn("ec2", &format!("subnet/{}", subnet.id)),
                "subnet-id" => subnet.id.clone(),
                _ => subnet.vpc.clone(),
            }]
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("subnetSet", page, |xml, subnet| {
        write(xml, ctx, subnet);
    }))
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, subnet: &Stored<Subnet>) {
    xml.text("subnetId", &subnet.id)
        .text(
            "subnetArn",
            ctx.arn("ec2", &format!("subnet/{}", subnet.id)),
        )
        .text("state", state(ctx, subnet))
        .text("ownerId", ACCOUNT)
        .text("vpcId", &subnet.vpc)
        .text("cidrBlock", subnet.cidr)
        .list(
            "ipv6CidrBlockAssociationSet",
            "item",
            &subnet.ipv6,
            |xml, block| {
                xml.text("ipv6CidrBlock", block.cidr)
                    .text("associationId", &block.association)
                    .node("ipv6CidrBlockState", |xml| {
                        xml.text("state", "associated");
                    });
            },
        )
        .text("availableIpAddressCount", free_addresses(ctx, subnet))
        .text("availabilityZone", &subnet.zone)
        .text("availabilityZoneId", regions::zone_id(&subnet.zone))
        .text("defaultForAz", false)
        .text("mapPublicIpOnLaunch", subnet.map_public_ip)
        .text("mapCustomerOwnedIpOnLaunch", false)
        .text("assignIpv6AddressOnCreation", subnet.assign_ipv6)
        .text("enableDns64", subnet.dns64)
        .text("ipv6Native", false)
        .node("privateDnsNameOptionsOnLaunch", |xml| {
            xml.text("hostnameType", &subnet.hostname_type)
                .text("enableResourceNameDnsARecord", subnet.dns_a_record)
                .text("enableResourceNameDnsAAAARecord", subnet.dns_aaaa_record);
        });
    tag_set(xml, subnet.tags());
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut subnet = find(ctx, params.require("SubnetId")?)?.edit();
    let given: Vec<&str> = params.names().filter(|name| *name != "SubnetId").collect();
    let [name] = given[..] else {
        return Err(AwsError::new(
            "InvalidParameterCombination",
            "Exactly one attribute of a subnet can be modified at a time",
        ));
    };
    if name == "PrivateDnsHostnameTypeOnLaunch" {
        let value = params.require(name)?;
        if !matches!(value, "ip-name" | "resource-name") {
            return Err(invalid("privateDnsHostnameTypeOnLaunch", value));
        }
        subnet.hostname_type = value.to_owned();
    } else {
        let text = params
            .node(name)
            .and_then(|attribute| attribute.str("Value"))
            .unwrap_or_default();
        let value = parse_bool(name, text)?;
        match name {
            "MapPublicIpOnLaunch" => subnet.map_public_ip = value,
            "EnableDns64" => subnet.dns64 = value,
            "EnableResourceNameDnsARecordOnLaunch" => subnet.dns_a_record = value,
            "EnableResourceNameDnsAAAARecordOnLaunch" => subnet.dns_aaaa_record = value,
            _ => {
                if value && subnet.ipv6.is_none() {
                    let message = "The subnet has no IPv6 CIDR block";
                    return Err(AwsError::new("InvalidParameterValue", message));
                }
                subnet.assign_ipv6 = value;
            }
        }
    }
    ctx.put(subnet);
    Ok(Xml::done())
}
