//! Virtual private clouds and their attributes. What AWS makes along with one (main route table, default group,
//! default ACL) is made here and written in their own files.

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::common::{Describe, in_use, page_xml, tag_set, tag_specification};
use super::gateway::{EgressOnlyGateway, InternetGateway};
use super::network_acl::{self, NetworkAcl};
use super::network_interface::NetworkInterface;
use super::route_table::{self, RouteTable};
use super::security_group::{self, SecurityGroup};
use super::subnet::Subnet;
use super::vpc_endpoint::VpcEndpoint;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params, parse_bool};
use crate::aws::xml::Xml;
use crate::clock::Millis;
use crate::latency::Work;
use crate::world::{Document, Listed, Stored};

/// Networks per region; AWS's default of 5 would stop tests that run side by side.
pub(crate) const QUOTA: usize = 300;

/// A network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Vpc {
    id: String,
    pub(crate) cidr: Ipv4Net,
    cidr_association: String,
    /// `/56`, when asked for.
    pub(crate) ipv6: Option<Ipv6Block>,
    tenancy: String,
    pub(crate) dns_support: bool,
    pub(crate) dns_hostnames: bool,
    address_usage_metrics: bool,
    available_at: Millis,
}

/// An IPv6 range with the id of its association.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ipv6Block {
    pub(crate) cidr: Ipv6Net,
    pub(crate) association: String,
}

impl Document for Vpc {
    const KIND: &'static str = "ec2/vpc";

    fn id(&self) -> &str {
        &self.id
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_vpc")
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVpc",
        accepts: &[
            "CidrBlock",
            "InstanceTenancy",
            "AmazonProvidedIpv6CidrBlock",
            "TagSpecification.*",
        ],
        handler: create,
    },
    Operation {
        name: "DeleteVpc",
        accepts: &["VpcId"],
        handler: delete,
    },
    Operation {
        name: "DescribeVpcs",
        accepts: &[
            "VpcId",
            "Filter.Name",
            "Filter.Value",
            "MaxResults",
            "NextToken",
        ],
        handler: describe,
    },
    Operation {
        name: "ModifyVpcAttribute",
        accepts: &[
            "VpcId",
            "EnableDnsSupport.Value",
            "EnableDnsHostnames.Value",
            "EnableNetworkAddressUsageMetrics.Value",
        ],
        handler: modify_attribute,
    },
    Operation {
        name: "DescribeVpcAttribute",
        accepts: &["VpcId", "Attribute"],
        handler: describe_attribute,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidVpcID.NotFound",
        format!("The vpc ID '{id}' does not exist"),
    )
}

/// The network that a request names.
pub(crate) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<Vpc>> {
    ctx.get::<Vpc>(id).ok_or_else(|| not_found(id))
}

/// Reads an IPv4 range as networks and subnets have it: /16 to /28, no host bits.
pub(crate) fn parse_cidr(text: &str, code: &str) -> AwsResult<Ipv4Net> {
    let Ok(cidr) = text.parse::<Ipv4Net>() else {
        let message = format!(
            "Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    };
    if !(16..=28).contains(&cidr.prefix_len()) {
        return Err(AwsError::new(
            code,
            format!("The CIDR '{text}' is invalid."),
        ));
    }
    // AWS takes 10.0.0.5/16 and makes 10.0.0.0/16 of it.
    Ok(cidr.trunc())
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let cidr = parse_cidr(params.require("CidrBlock")?, "InvalidVpc.Range")?;
    let tenancy = params.str("InstanceTenancy").unwrap_or("default");
    if !matches!(tenancy, "default" | "dedicated") {
        let message = format!("Value ({tenancy}) for parameter instanceTenancy is invalid.");
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    let tags = tag_specification(params, "vpc")?;
    if ctx.count::<Vpc>() >= QUOTA {
        return Err(AwsError::new(
            "VpcLimitExceeded",
            "The maximum number of VPCs has been reached.",
        ));
    }
    let ipv6 = if params.bool("AmazonProvidedIpv6CidrBlock")?.unwrap_or(false) {
        let digits = ctx.new_hex(6);
        let cidr = format!(
            "2600:1f{}:{}:{}00::/56",
            &digits[..2],
            &digits[2..6],
            &digits[..2]
        );
        let association = ctx.new_id("vpc-cidr-assoc");
        Some(Ipv6Block {
            cidr: cidr.parse().expect("hexadecimal groups"),
            association,
        })
    } else {
        None
    };
    let vpc = Vpc {
        id: ctx.new_id("vpc"),
        cidr,
        cidr_association: ctx.new_id("vpc-cidr-assoc"),
        ipv6,
        tenancy: tenancy.to_owned(),
        dns_support: true,
        dns_hostnames: false,
        address_usage_metrics: false,
        available_at: ctx.due(Work::VpcCreate),
    };
    let id = vpc.id.clone();
    ctx.put_tagged(vpc.clone(), tags);
    route_table::make(ctx, &vpc, true);
    network_acl::make_default(ctx, &id);
    security_group::make_default(ctx, &id);
    let vpc = find(ctx, &id)?;
    let mut xml = Xml::new();
    xml.node("vpc", |xml| write(xml, ctx, &vpc));
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("VpcId")?;
    find(ctx, id)?;
    let groups = ctx.referrers::<SecurityGroup>(id);
    let tables = ctx.referrers::<RouteTable>(id);
    let used = ctx.referred::<Subnet>(id)
        || ctx.referred::<InternetGateway>(id)
        || ctx.referred::<EgressOnlyGateway>(id)
        || ctx.referred::<NetworkInterface>(id)
        || ctx.referred::<VpcEndpoint>(id)
        || groups.iter().any(|group| !group.is_default())
        || tables.iter().any(|table| !table.is_original());
    if used {
        return Err(in_use(format!(
            "The vpc '{id}' has dependencies and cannot be deleted."
        )));
    }
    for group in groups {
        security_group::remove(ctx, &group.id);
    }
    for table in tables {
        ctx.delete::<RouteTable>(&table.id);
    }
    for acl in ctx.referrers::<NetworkAcl>(id) {
        ctx.delete::<NetworkAcl>(acl.id());
    }
    ctx.delete::<Vpc>(id);
    Ok(Xml::done())
}

fn state(ctx: &Ctx<'_>, vpc: &Vpc) -> &'static str {
    if ctx.past(vpc.available_at) {
        "available"
    } else {
        "pending"
    }
}

/// The DHCP options that every network of the account has: AWS's own.
fn dhcp_options(ctx: &Ctx<'_>) -> String {
    let digest: String = ctx
        .region
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("dopt-0{digest:0<16.16}")
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<Vpc> {
        ids: "VpcId",
        not_found,
        filters: &[
            "cidr",
            "cidr-block",
            "cidr-block-association.cidr-block",
            "dhcp-options-id",
            "is-default",
            "isDefault",
            "owner-id",
            "state",
            "vpc-id",
        ],
        indexed: &[],
        field: |ctx, vpc, name| {
            vec![match name {
                "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => vpc.cidr.to_string(),
                "dhcp-options-id" => dhcp_options(ctx),
                "is-default" | "isDefault" => "false".to_owned(),
                "owner-id" => ACCOUNT.to_owned(),
                "vpc-id" => vpc.id.clone(),
                _ => state(ctx, vpc).to_owned(),
            }]
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("vpcSet", page, |xml, vpc| write(xml, ctx, vpc)))
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, vpc: &Stored<Vpc>) {
    xml.text("vpcId", &vpc.id)
        .text("ownerId", ACCOUNT)
        .text("state", state(ctx, vpc))
        .text("cidrBlock", vpc.cidr)
        .list(
            "cidrBlockAssociationSet",
            "item",
            [&vpc.cidr],
            |xml, cidr| {
                xml.text("cidrBlock", cidr)
                    .text("associationId", &vpc.cidr_association)
                    .node("cidrBlockState", |xml| {
                        xml.text("state", "associated");
                    });
            },
        )
        .list(
            "ipv6CidrBlockAssociationSet",
            "item",
            &vpc.ipv6,
            |xml, block| {
                xml.text("ipv6CidrBlock", block.cidr)
                    .text("associationId", &block.association)
                    .text("networkBorderGroup", &ctx.region)
                    .text("ipv6Pool", "Amazon")
                    .node("ipv6CidrBlockState", |xml| {
                        xml.text("state", "associated");
                    });
            },
        )
        .text("dhcpOptionsId", dhcp_options(ctx))
        .text("instanceTenancy", &vpc.tenancy)
        .text("isDefault", false);
    tag_set(xml, vpc.tags());
}

fn modify_attribute(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut vpc = find(ctx, params.require("VpcId")?)?.edit();
    let given: Vec<&str> = params.names().filter(|name| *name != "VpcId").collect();
    let [name] = given[..] else {
        return Err(AwsError::new(
            "InvalidParameterCombination",
            "Exactly one attribute must be given: enableDnsSupport, enableDnsHostnames or enableNetworkAddressUsageMetrics",
        ));
    };
    let text = params
        .node(name)
        .and_then(|attribute| attribute.str("Value"))
        .unwrap_or_default();
    let value = parse_bool(name, text)?;
    match name {
        "EnableDnsSupport" => vpc.dns_support = value,
        "EnableDnsHostnames" => vpc.dns_hostnames = value,
        _ => vpc.address_usage_metrics = value,
    }
    ctx.put(vpc);
    Ok(Xml::done())
}

fn describe_attribute(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let vpc = find(ctx, params.require("VpcId")?)?;
    let attribute = params.require("Attribute")?;
    let value = match attribute {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => vpc.address_usage_metrics,
        _ => {
            let message = format!(
                "Value ({attribute}) for parameter attribute is invalid. Unknown VPC attribute."
            );
            return Err(AwsError::new("InvalidParameterValue", message));
        }
    };
    let mut xml = Xml::new();
    xml.text("vpcId", &vpc.id).node(attribute, |xml| {
        xml.text("value", value);
    });
    Ok(xml)
}
