//! Elastic IP addresses and what they are associated with: an interface, for as long as that exists.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::common::{Filters, invalid, pages, tag_set, tag_specification};
use super::network_interface::{self, NetworkInterface};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Listed, Stored};

/// Addresses per region; raised from AWS's default of 5.
pub(crate) const QUOTA: usize = 1000;

/// An address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    id: String,
    pub(crate) public_ip: Ipv4Addr,
    interface: Option<String>,
    /// `eipassoc-…`; a NAT gateway's addresses have one too.
    pub(crate) association: Option<String>,
}

impl Document for Address {
    const KIND: &'static str = "ec2/address";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        self.interface
            .iter()
            .chain(&self.association)
            .cloned()
            .chain([self.public_ip.to_string()])
            .collect()
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_eip")
    }
}

impl Address {
    /// The interface it is on; one that has vanished has let go of it.
    fn interface(&self, ctx: &Ctx<'_>) -> Option<Stored<NetworkInterface>> {
        ctx.get::<NetworkInterface>(self.interface.as_deref()?)
    }

    /// Whether it is on an interface.
    pub(crate) fn in_use(&self, ctx: &Ctx<'_>) -> bool {
        self.interface(ctx).is_some()
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AllocateAddress",
        accepts: &[
            "Domain",
            "PublicIpv4Pool",
            "NetworkBorderGroup",
            "TagSpecification.*",
        ],
        handler: allocate,
    },
    Operation {
        name: "ReleaseAddress",
        accepts: &["AllocationId", "NetworkBorderGroup"],
        handler: release,
    },
    Operation {
        name: "DescribeAddresses",
        accepts: &["AllocationId", "PublicIp", "Filter.*"],
        handler: describe,
    },
    Operation {
        name: "DescribeAddressesAttribute",
        accepts: &["AllocationId", "Attribute", "MaxResults", "NextToken"],
        handler: describe_attribute,
    },
    Operation {
        name: "AssociateAddress",
        accepts: &[
            "AllocationId",
            "NetworkInterfaceId",
            "InstanceId",
            "PrivateIpAddress",
            "AllowReassociation",
        ],
        handler: associate,
    },
    Operation {
        name: "DisassociateAddress",
        accepts: &["AssociationId"],
        handler: disassociate,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidAllocationID.NotFound",
        format!("The allocation ID '{id}' does not exist"),
    )
}

/// The address that a request names.
pub(crate) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<Address>> {
    ctx.get::<Address>(id).ok_or_else(|| not_found(id))
}

/// Puts an address on an interface; returns the association's id.
pub(crate) fn attach(ctx: &mut Ctx<'_>, id: &str, interface: &str) -> AwsResult<String> {
    let mut address = find(ctx, id)?.edit();
    let association = ctx.new_id("eipassoc");
    address.interface = Some(interface.to_owned());
    address.association = Some(association.clone());
    ctx.put(address);
    Ok(association)
}

fn allocate(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    if let Some(domain) = params.str("Domain").filter(|domain| *domain != "vpc") {
        return Err(invalid("domain", domain));
    }
    if let Some(pool) = params
        .str("PublicIpv4Pool")
        .filter(|pool| *pool != "amazon")
    {
        let message = format!("The pool ID '{pool}' does not exist");
        return Err(AwsError::new("InvalidIpv4PoolID.NotFound", message));
    }
    let group = params
        .str("NetworkBorderGroup")
        .unwrap_or(&ctx.region)
        .to_owned();
    if group != ctx.region {
        return Err(invalid("networkBorderGroup", &group));
    }
    let tags = tag_specification(params, "elastic-ip")?;
    if ctx.count::<Address>() >= QUOTA {
        let message = "The maximum number of addresses has been reached.";
        return Err(AwsError::new("AddressLimitExceeded", message));
    }
    // From a block that documentation and tests may use.
    let public_ip = loop {
        let digits = ctx.new_hex(4);
        let number = u32::from_str_radix(&digits, 16).expect("hexadecimal digits");
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number);
        if !ctx.referred::<Address>(&address.to_string()) {
            break address;
        }
    };
    let address = Address {
        id: ctx.new_id("eipalloc"),
        public_ip,
        interface: None,
        association: None,
    };
    let mut xml = Xml::new();
    xml.text("publicIp", public_ip)
        .text("allocationId", &address.id)
        .text("publicIpv4Pool", "amazon")
        .text("networkBorderGroup", group)
        .text("domain", "vpc");
    ctx.put_tagged(address, tags);
    Ok(xml)
}

fn release(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("AllocationId")?;
    let address = find(ctx, id)?;
    if address.in_use(ctx) {
        let message = format!("Address {} is in use.", address.public_ip);
        return Err(AwsError::new("InvalidIPAddress.InUse", message));
    }
    ctx.delete::<Address>(id);
    Ok(Xml::done())
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const FILTERS: &[&str] = &[
        "allocation-id",
        "association-id",
        "domain",
        "network-border-group",
        "network-interface-id",
        "network-interface-owner-id",
        "private-ip-address",
        "public-ip",
    ];
    let filters = Filters::parse(params, FILTERS)?;
    let mut found = Vec::new();
    for id in params.strings("AllocationId") {
        found.push(find(ctx, id)?);
    }
    for ip in params.strings("PublicIp") {
        let mut addresses = ctx.referrers::<Address>(ip);
        if addresses.is_empty() {
            return Err(AwsError::new(
                "InvalidAddress.NotFound",
                format!("Address '{ip}' not found."),
            ));
        }
        found.append(&mut addresses);
    }
    if !params.has("AllocationId") && !params.has("PublicIp") {
        found = ctx.list::<Address>();
    }
    found.retain(|address| {
        filters.pass(address.tags(), |name| {
            let interface = address.interface(ctx);
            let value = match name {
                "allocation-id" => Some(address.id.clone()),
                "association-id" => interface.and(address.association.clone()),
                "domain" => Some("vpc".to_owned()),
                "network-border-group" => Some(ctx.region.clone()),
                "network-interface-id" => interface.map(|interface| interface.id.clone()),
                "network-interface-owner-id" => interface.map(|_| ACCOUNT.to_owned()),
                "private-ip-address" => interface.map(|interface| interface.private_ip.to_string()),
                _ => Some(address.public_ip.to_string()),
            };
            value.into_iter().collect()
        })
    });
    let mut xml = Xml::new();
    xml.list("addressesSet", "item", &found, |xml, address| {
        xml.text("publicIp", address.public_ip)
            .text("allocationId", &address.id)
            .text("domain", "vpc");
        if let Some(interface) = address.interface(ctx) {
            xml.opt("associationId", address.association.as_ref())
                .text("networkInterfaceId", &interface.id)
                .text("networkInterfaceOwnerId", ACCOUNT)
                .text("privateIpAddress", interface.private_ip);
        }
        xml.text("publicIpv4Pool", "amazon")
            .text("networkBorderGroup", &ctx.region);
        tag_set(xml, address.tags());
    });
    Ok(xml)
}

fn describe_attribute(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    if let Some(attribute) = params
        .str("Attribute")
        .filter(|attribute| *attribute != "domain-name")
    {
        return Err(invalid("attribute", attribute));
    }
    let ids = params.strings("AllocationId");
    let mut found = Vec::new();
    for id in &ids {
        found.push(find(ctx, id)?);
    }
    if ids.is_empty() {
        found = ctx.list::<Address>();
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let page = pages(found, |address| &address.id, params)?;
    let mut xml = Xml::new();
    xml.list("addressSet", "item", page.items, |xml, address| {
        xml.text("publicIp", address.public_ip)
            .text("allocationId", &address.id);
    });
    xml.opt("nextToken", page.next);
    Ok(xml)
}

fn associate(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let address = find(ctx, params.require("AllocationId")?)?;
    let interface = match (params.str("NetworkInterfaceId"), params.str("InstanceId")) {
        (Some(id), _) => ctx
            .get::<NetworkInterface>(id)
            .ok_or_else(|| network_interface::not_found(id))?,
        (None, Some(id)) => ctx
            .referrers::<NetworkInterface>(id)
            .into_iter()
            .next()
            .ok_or_else(|| {
                AwsError::new(
                    "InvalidInstanceID.NotFound",
                    format!("The instance ID '{id}' does not exist"),
                )
            })?,
        (None, None) => {
            let message = "Either instance ID or network interface ID must be specified";
            return Err(AwsError::new("MissingParameter", message));
        }
    };
    if params
        .str("PrivateIpAddress")
        .is_some_and(|ip| ip != interface.private_ip.to_string())
    {
        return Err(invalid(
            "privateIpAddress",
            params.str("PrivateIpAddress").unwrap_or_default(),
        ));
    }
    if let Some(current) = address.interface(ctx) {
        if current.id == interface.id {
            let mut xml = Xml::done();
            xml.opt("associationId", address.association.as_ref());
            return Ok(xml);
        }
        if !params.bool("AllowReassociation")?.unwrap_or(false) {
            let message = format!(
                "resource {} is already associated with associate-id {}",
                address.id,
                address.association.as_deref().unwrap_or_default()
            );
            return Err(AwsError::new("Resource.AlreadyAssociated", message));
        }
    }
    let association = attach(ctx, &address.id, &interface.id)?;
    let mut xml = Xml::done();
    xml.text("associationId", association);
    Ok(xml)
}

fn disassociate(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("AssociationId")?;
    let found = ctx
        .referrers::<Address>(id)
        .into_iter()
        .find(|address| address.in_use(ctx));
    let Some(address) = found else {
        let message = format!("The association ID '{id}' does not exist");
        return Err(AwsError::new("InvalidAssociationID.NotFound", message));
    };
    if address
        .interface(ctx)
        .is_some_and(|interface| interface.is_managed())
    {
        let message = "You do not have permission to access the specified resource.";
        return Err(AwsError::new("AuthFailure", message));
    }
    ctx.put(Address {
        interface: None,
        association: None,
        ..address.edit()
    });
    Ok(Xml::done())
}
