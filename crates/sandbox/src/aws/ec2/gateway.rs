//! Internet gateways, also those for IPv6 egress only, and their attachment to networks.

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::common::{Describe, in_use, page_xml, remember, replay, tag_set, tag_specification};
use super::network_interface::NetworkInterface;
use super::vpc;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Listed, Stored};

/// An internet gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InternetGateway {
    id: String,
    pub(crate) vpc: Option<String>,
}

impl Document for InternetGateway {
    const KIND: &'static str = "ec2/internet-gateway";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        self.vpc.iter().cloned().collect()
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_internet_gateway")
    }
}

/// A gateway for IPv6 egress; attached from birth to death.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EgressOnlyGateway {
    id: String,
    pub(crate) vpc: String,
}

impl Document for EgressOnlyGateway {
    const KIND: &'static str = "ec2/egress-only-internet-gateway";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.vpc.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_egress_only_internet_gateway")
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateInternetGateway",
        accepts: &["TagSpecification.*"],
        handler: create,
    },
    Operation {
        name: "DeleteInternetGateway",
        accepts: &["InternetGatewayId"],
        handler: delete,
    },
    Operation {
        name: "DescribeInternetGateways",
        accepts: &["InternetGatewayId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
    Operation {
        name: "AttachInternetGateway",
        accepts: &["InternetGatewayId", "VpcId"],
        handler: attach,
    },
    Operation {
        name: "DetachInternetGateway",
        accepts: &["InternetGatewayId", "VpcId"],
        handler: detach,
    },
    Operation {
        name: "CreateEgressOnlyInternetGateway",
        accepts: &["VpcId", "ClientToken", "TagSpecification.*"],
        handler: create_egress_only,
    },
    Operation {
        name: "DeleteEgressOnlyInternetGateway",
        accepts: &["EgressOnlyInternetGatewayId"],
        handler: delete_egress_only,
    },
    Operation {
        name: "DescribeEgressOnlyInternetGateways",
        accepts: &[
            "EgressOnlyInternetGatewayId",
            "Filter.*",
            "MaxResults",
            "NextToken",
        ],
        handler: describe_egress_only,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidInternetGatewayID.NotFound",
        format!("The internetGateway ID '{id}' does not exist"),
    )
}

/// The gateway that a request names.
pub(crate) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<InternetGateway>> {
    ctx.get::<InternetGateway>(id).ok_or_else(|| not_found(id))
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let tags = tag_specification(params, "internet-gateway")?;
    let gateway = InternetGateway {
        id: ctx.new_id("igw"),
        vpc: None,
    };
    let id = gateway.id.clone();
    ctx.put_tagged(gateway, tags);
    let gateway = find(ctx, &id)?;
    let mut xml = Xml::new();
    xml.node("internetGateway", |xml| write(xml, &gateway));
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("InternetGatewayId")?;
    if find(ctx, id)?.vpc.is_some() {
        let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
        return Err(in_use(message));
    }
    ctx.delete::<InternetGateway>(id);
    Ok(Xml::done())
}

fn attach(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut gateway = find(ctx, params.require("InternetGatewayId")?)?.edit();
    let vpc = vpc::find(ctx, params.require("VpcId")?)?;
    if let Some(attached) = &gateway.vpc {
        let message = format!(
            "resource {} is already attached to network {attached}",
            gateway.id
        );
        return Err(AwsError::new("Resource.AlreadyAssociated", message));
    }
    if ctx.referred::<InternetGateway>(vpc.id()) {
        let message = format!(
            "Network {} already has an internet gateway attached",
            vpc.id()
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    gateway.vpc = Some(vpc.id().to_owned());
    ctx.put(gateway);
    Ok(Xml::done())
}

fn detach(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let gateway = find(ctx, params.require("InternetGatewayId")?)?;
    let vpc = params.require("VpcId")?;
    vpc::find(ctx, vpc)?;
    if gateway.vpc.as_deref() != Some(vpc) {
        let message = format!("resource {} is not attached to network {vpc}", gateway.id);
        return Err(AwsError::new("Gateway.NotAttached", message));
    }
    let mapped = ctx
        .referrers::<NetworkInterface>(vpc)
        .iter()
        .any(|interface| ctx.referred::<Address>(&interface.id) || interface.has_public_address());
    if mapped {
        let message = format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        );
        return Err(in_use(message));
    }
    ctx.put(InternetGateway {
        vpc: None,
        ..gateway.edit()
    });
    Ok(Xml::done())
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<InternetGateway> {
        ids: "InternetGatewayId",
        not_found,
        filters: &[
            "attachment.state",
            "attachment.vpc-id",
            "internet-gateway-id",
            "owner-id",
        ],
        indexed: &["attachment.vpc-id"],
        field: |_, gateway, name| match name {
            "attachment.state" => gateway.vpc.iter().map(|_| "available".to_owned()).collect(),
            "attachment.vpc-id" => gateway.vpc.iter().cloned().collect(),
            "internet-gateway-id" => vec![gateway.id.clone()],
            _ => vec![ACCOUNT.to_owned()],
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("internetGatewaySet", page, write))
}

fn write(xml: &mut Xml, gateway: &Stored<InternetGateway>) {
    xml.text("internetGatewayId", &gateway.id)
        .text("ownerId", ACCOUNT)
        .list("attachmentSet", "item", &gateway.vpc, |xml, vpc| {
            xml.text("vpcId", vpc).text("state", "available");
        });
    tag_set(xml, gateway.tags());
}

fn egress_only_not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidGatewayID.NotFound",
        format!("The egressOnlyInternetGateway ID '{id}' does not exist"),
    )
}

/// The IPv6 gateway that a request names.
pub(crate) fn find_egress_only(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<EgressOnlyGateway>> {
    ctx.get::<EgressOnlyGateway>(id)
        .ok_or_else(|| egress_only_not_found(id))
}

fn create_egress_only(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const OPERATION: &str = "CreateEgressOnlyInternetGateway";
    let id = match replay(ctx, OPERATION, params)? {
        Some(id) => id,
        None => {
            let vpc = vpc::find(ctx, params.require("VpcId")?)?;
            let tags = tag_specification(params, "egress-only-internet-gateway")?;
            let gateway = EgressOnlyGateway {
                id: ctx.new_id("eigw"),
                vpc: vpc.id().to_owned(),
            };
            let id = gateway.id.clone();
            ctx.put_tagged(gateway, tags);
            remember(ctx, OPERATION, params, &id);
            id
        }
    };
    let gateway = find_egress_only(ctx, &id)?;
    let mut xml = Xml::new();
    xml.opt("clientToken", params.str("ClientToken"));
    xml.node("egressOnlyInternetGateway", |xml| {
        write_egress_only(xml, &gateway);
    });
    Ok(xml)
}

fn delete_egress_only(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("EgressOnlyInternetGatewayId")?;
    find_egress_only(ctx, id)?;
    ctx.delete::<EgressOnlyGateway>(id);
    let mut xml = Xml::new();
    xml.text("returnCode", true);
    Ok(xml)
}

fn describe_egress_only(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let select = Describe::<EgressOnlyGateway> {
        ids: "EgressOnlyInternetGatewayId",
        not_found: egress_only_not_found,
        filters: &[],
        indexed: &[],
        field: |_, _, _| Vec::new(),
    };
    let page = select.select(ctx, params)?;
    Ok(page_xml(
        "egressOnlyInternetGatewaySet",
        page,
        write_egress_only,
    ))
}

fn write_egress_only(xml: &mut Xml, gateway: &Stored<EgressOnlyGateway>) {
    xml.text("egressOnlyInternetGatewayId", &gateway.id).list(
        "attachmentSet",
        "item",
        [&gateway.vpc],
        |xml, vpc| {
            xml.text("vpcId", vpc).text("state", "attached");
        },
    );
    tag_set(xml, gateway.tags());
}
