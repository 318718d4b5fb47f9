//! NAT gateways: pending, then available; deleting, then deleted and shown for a while. Each holds an interface in
//! its subnet and, when public, an address.

use serde::{Deserialize, Serialize};

use super::address;
use super::common::{Describe, invalid, page_xml, remember, replay, tag_set, tag_specification};
use super::gateway::InternetGateway;
use super::network_interface::{self, NewInterface};
use super::subnet;
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// NAT gateways per zone; raised from AWS's default of 5.
pub(crate) const QUOTA: usize = 200;

/// A NAT gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NatGateway {
    id: String,
    subnet: String,
    pub(crate) vpc: String,
    connectivity: String,
    interface: String,
    private_ip: String,
    allocation: Option<String>,
    public_ip: Option<String>,
    association: Option<String>,
    created_at: Millis,
    available_at: Millis,
    /// It never becomes available.
    failure: Option<(String, String)>,
    deleting: Option<Deleting>,
}

/// When a deletion began and when it is done, and until when the gateway is shown after that.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Deleting {
    since: Millis,
    done_at: Millis,
    gone_at: Millis,
}

impl Document for NatGateway {
    const KIND: &'static str = "ec2/natgateway";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.vpc.clone(), self.subnet.clone()]
    }

    fn gone_at(&self) -> Option<Millis> {
        self.deleting.map(|deleting| deleting.gone_at)
    }

    fn live_until(&self) -> Option<Millis> {
        self.deleting.map(|deleting| deleting.done_at)
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_nat_gateway")
    }
}

impl NatGateway {
    pub(crate) fn state(&self, ctx: &Ctx<'_>) -> &'static str {
        match self.deleting {
            Some(deleting) if ctx.past(deleting.done_at) => "deleted",
            Some(_) => "deleting",
            None if !ctx.past(self.available_at) => "pending",
            None if self.failure.is_some() => "failed",
            None => "available",
        }
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateNatGateway",
        accepts: &[
            "SubnetId",
            "AllocationId",
            "ConnectivityType",
            "ClientToken",
            "TagSpecification.*",
        ],
        handler: create,
    },
    Operation {
        name: "DeleteNatGateway",
        accepts: &["NatGatewayId"],
        handler: delete,
    },
    Operation {
        name: "DescribeNatGateways",
        accepts: &["NatGatewayId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "NatGatewayNotFound",
        format!("NAT gateway {id} was not found"),
    )
}

/// The gateway that a request names.
pub(crate) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<NatGateway>> {
    ctx.get::<NatGateway>(id).ok_or_else(|| not_found(id))
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const OPERATION: &str = "CreateNatGateway";
    let id = match replay(ctx, OPERATION, params)? {
        Some(id) => id,
        None => {
            let id = make(ctx, params)?;
            remember(ctx, OPERATION, params, &id);
            id
        }
    };
    let gateway = find(ctx, &id)?;
    let mut xml = Xml::new();
    xml.opt("clientToken", params.str("ClientToken"));
    xml.node("natGateway", |xml| write(xml, ctx, &gateway));
    Ok(xml)
}

fn make(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<String> {
    let subnet = subnet::find(ctx, params.require("SubnetId")?)?;
    let connectivity = params.str("ConnectivityType").unwrap_or("public");
    let tags = tag_specification(params, "natgateway")?;
    let allocation = match (connectivity, params.str("AllocationId")) {
        ("public", Some(id)) => Some(address::find(ctx, id)?),
        ("public", None) => {
            let message = "The request must contain the parameter AllocationId";
            return Err(AwsError::new("MissingParameter", message));
        }
        ("private", None) => None,
        ("private", Some(_)) => {
            let message = "A private NAT gateway has no allocation ID";
            return Err(AwsError::new("InvalidParameterCombination", message));
        }
        (other, _) => return Err(invalid("connectivityType", other)),
    };
    if let Some(address) = &allocation
        && address.in_use(ctx)
    {
        let message = format!(
            "Elastic IP address [{}] is already associated",
            address.id()
        );
        return Err(AwsError::new("Resource.AlreadyAssociated", message));
    }
    let live = |gateway: &Stored<NatGateway>| gateway.deleting.is_none();
    if ctx
        .referrers::<NatGateway>(&subnet.id)
        .iter()
        .filter(|gateway| live(gateway))
        .count()
        >= QUOTA
    {
        let message = "The maximum number of NAT gateways has been reached.";
        return Err(AwsError::new("NatGatewayLimitExceeded", message));
    }
    let id = ctx.new_id("nat");
    let interface = NewInterface {
        subnet: &subnet.id,
        groups: Vec::new(),
        description: format!("Interface for NAT Gateway {id}"),
        interface_type: "nat_gateway",
        requester: "amazon-nat",
        owner: &id,
        instance: None,
        controller: None,
        public: false,
    };
    let interface = network_interface::create(ctx, interface, Tags::default())?;
    // Without a way out the real service makes it, and then reports it as failed.
    let failure = if ctx.pace.fails {
        Some((
            "InternalError".to_owned(),
            "Network interface could not be configured".to_owned(),
        ))
    } else if allocation.is_some() && !ctx.referred::<InternetGateway>(&subnet.vpc) {
        let message = format!("Network {} has no Internet gateway attached", subnet.vpc);
        Some(("Gateway.NotAttached".to_owned(), message))
    } else {
        None
    };
    let association = match &allocation {
        Some(address) if failure.is_none() => {
            Some(address::attach(ctx, address.id(), &interface.id)?)
        }
        _ => None,
    };
    let gateway = NatGateway {
        id: id.clone(),
        subnet: subnet.id.clone(),
        vpc: subnet.vpc.clone(),
        connectivity: connectivity.to_owned(),
        interface: interface.id.clone(),
        private_ip: interface.private_ip.to_string(),
        public_ip: allocation
            .as_ref()
            .map(|address| address.public_ip.to_string()),
        allocation: allocation.map(|address| address.id().to_owned()),
        association,
        created_at: ctx.now,
        available_at: ctx.due(Work::NatGatewayCreate),
        failure,
        deleting: None,
    };
    if gateway.failure.is_some() {
        network_interface::release(ctx, &id, gateway.available_at);
    }
    ctx.put_tagged(gateway, tags);
    Ok(id)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("NatGatewayId")?;
    let gateway = find(ctx, id)?;
    if gateway.deleting.is_none() {
        let done_at = ctx.due(Work::NatGatewayDelete);
        let gone_at = ctx.due_after(done_at, Work::NatGatewayLinger);
        network_interface::release(ctx, id, done_at);
        let deleting = Some(Deleting {
            since: ctx.now,
            done_at,
            gone_at,
        });
        ctx.put(NatGateway {
            deleting,
            ..gateway.edit()
        });
    }
    let mut xml = Xml::new();
    xml.text("natGatewayId", id);
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<NatGateway> {
        ids: "NatGatewayId",
        not_found,
        filters: &["nat-gateway-id", "state", "subnet-id", "vpc-id"],
        indexed: &["subnet-id", "vpc-id"],
        field: |ctx, gateway, name| {
            vec![match name {
                "nat-gateway-id" => gateway.id.clone(),
                "state" => gateway.state(ctx).to_owned(),
                "subnet-id" => gateway.subnet.clone(),
                _ => gateway.vpc.clone(),
            }]
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("natGatewaySet", page, |xml, gateway| {
        write(xml, ctx, gateway);
    }))
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, gateway: &Stored<NatGateway>) {
    let state = gateway.state(ctx);
    xml.text("natGatewayId", &gateway.id)
        .text("subnetId", &gateway.subnet)
        .text("vpcId", &gateway.vpc)
        .text("state", state)
        .text("connectivityType", &gateway.connectivity)
        .text("createTime", iso8601_millis(gateway.created_at))
        .opt(
            "deleteTime",
            gateway
                .deleting
                .map(|deleting| iso8601_millis(deleting.since)),
        );
    if state == "failed"
        && let Some((code, message)) = &gateway.failure
    {
        xml.text("failureCode", code)
            .text("failureMessage", message);
    }
    xml.list("natGatewayAddressSet", "item", [gateway], |xml, gateway| {
        let settled = matches!(state, "available" | "deleting");
        xml.opt("allocationId", gateway.allocation.as_ref())
            .opt("publicIp", gateway.public_ip.as_ref().filter(|_| settled))
            .text("networkInterfaceId", &gateway.interface)
            .text("privateIp", &gateway.private_ip)
            .opt(
                "associationId",
                gateway.association.as_ref().filter(|_| settled),
            )
            .text("isPrimary", true)
            .text(
                "status",
                match state {
                    "pending" => "associating",
                    "failed" => "failed",
                    "available" => "succeeded",
                    _ => "disassociating",
                },
            );
    });
    tag_set(xml, gateway.tags());
}
