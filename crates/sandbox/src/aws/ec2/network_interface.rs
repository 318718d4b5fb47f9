//! Network interfaces. Clients see and delete them; they are made by the services that need addresses in a subnet
//! (NAT gateways, endpoints, load balancers, clusters, databases, instances) through `create`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::common::{Describe, page_xml, tag_set};
use super::security_group::{self, SecurityGroup};
use super::subnet;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::regions;
use crate::aws::xml::Xml;
use crate::clock::Millis;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// A network interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NetworkInterface {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) subnet: String,
    pub(crate) zone: String,
    pub(crate) private_ip: Ipv4Addr,
    pub(crate) groups: Vec<String>,
    description: String,
    interface_type: String,
    requester: String,
    /// What it belongs to: a NAT gateway's id, a load balancer's or cluster's ARN, ….
    owner: String,
    /// The instance it is attached to, if that is what it is attached to.
    instance: Option<String>,
    attachment: String,
    /// Shown as a resource of its own, made by this controller.
    controller: Option<String>,
    mac: String,
    /// Has a public address that AWS gave it, as those of an internet-facing load balancer do.
    public: bool,
    gone_at: Option<Millis>,
}

impl Document for NetworkInterface {
    const KIND: &'static str = "ec2/network-interface";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        let mut links = vec![self.vpc.clone(), self.subnet.clone(), self.owner.clone()];
        links.extend(self.groups.iter().cloned());
        links.extend(self.instance.clone());
        links
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        let controller = self.controller.clone()?;
        Listed::aws("aws_network_interface").map(|listed| Listed {
            owner: Some(controller),
            ..listed
        })
    }
}

impl NetworkInterface {
    /// Whether a service made it for itself; those of instances are the account's.
    pub(crate) fn is_managed(&self) -> bool {
        self.instance.is_none()
    }

    /// Whether it has a public address that is not the account's.
    pub(crate) fn has_public_address(&self) -> bool {
        self.public
    }
}

/// An interface to make.
#[derive(Debug)]
pub(crate) struct NewInterface<'a> {
    pub(crate) subnet: &'a str,
    /// Group ids; none takes none (NAT gateways have no group).
    pub(crate) groups: Vec<String>,
    pub(crate) description: String,
    /// `interface`, `nat_gateway`, `network_load_balancer`, `vpc_endpoint`, ….
    pub(crate) interface_type: &'a str,
    /// Who made it, such as `amazon-elb`.
    pub(crate) requester: &'a str,
    /// What it belongs to; `release` takes the same.
    pub(crate) owner: &'a str,
    pub(crate) instance: Option<&'a str>,
    /// The cluster or other controller that made the owner, if one did.
    pub(crate) controller: Option<&'a str>,
    /// Whether AWS gives it a public address, which holds the internet gateway.
    pub(crate) public: bool,
}

/// Makes an interface with the first free address of its subnet.
pub(crate) fn create(
    ctx: &mut Ctx<'_>,
    new: NewInterface<'_>,
    tags: Tags,
) -> AwsResult<NetworkInterface> {
    let subnet = subnet::find(ctx, new.subnet)?;
    for group in &new.groups {
        let group = security_group::find(ctx, group)?;
        if group.vpc != subnet.vpc {
            let message = "You have specified two resources that belong to different networks.";
            return Err(AwsError::new("InvalidParameter", message));
        }
    }
    let taken: BTreeSet<Ipv4Addr> = ctx
        .referrers::<NetworkInterface>(&subnet.id)
        .iter()
        .map(|other| other.private_ip)
        .collect();
    let first = u32::from(subnet.cidr.network()) + 4;
    let last = u32::from(subnet.cidr.broadcast());
    let free = (first..last)
        .map(Ipv4Addr::from)
        .find(|address| !taken.contains(address));
    let Some(private_ip) = free else {
        let message = format!(
            "There are not enough free addresses in subnet '{}'",
            subnet.id
        );
        return Err(AwsError::new("InsufficientFreeAddressesInSubnet", message));
    };
    let digits = ctx.new_hex(10);
    let mac: Vec<&str> = (0..5).map(|byte| &digits[byte * 2..byte * 2 + 2]).collect();
    let interface = NetworkInterface {
        id: ctx.new_id("eni"),
        vpc: subnet.vpc.clone(),
        subnet: subnet.id.clone(),
        zone: subnet.zone.clone(),
        private_ip,
        groups: new.groups,
        description: new.description,
        interface_type: new.interface_type.to_owned(),
        requester: new.requester.to_owned(),
        owner: new.owner.to_owned(),
        instance: new.instance.map(str::to_owned),
        attachment: ctx.new_id("eni-attach"),
        controller: new.controller.map(str::to_owned),
        mac: format!("02:{}", mac.join(":")),
        public: new.public,
        gone_at: None,
    };
    ctx.put_tagged(interface.clone(), tags);
    Ok(interface)
}

/// Lets all interfaces of an owner vanish at `at`; until then they hold their subnets and groups.
pub(crate) fn release(ctx: &mut Ctx<'_>, owner: &str, at: Millis) {
    for interface in ctx.referrers::<NetworkInterface>(owner) {
        if ctx.past(at) {
            ctx.delete::<NetworkInterface>(&interface.id);
        } else {
            ctx.put(NetworkInterface {
                gone_at: Some(at),
                ..interface.edit()
            });
        }
    }
}

/// Replaces the groups of all interfaces of an owner.
pub(crate) fn set_groups(ctx: &mut Ctx<'_>, owner: &str, groups: &[String]) {
    for interface in ctx.referrers::<NetworkInterface>(owner) {
        ctx.put(NetworkInterface {
            groups: groups.to_vec(),
            ..interface.edit()
        });
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeNetworkInterfaces",
        accepts: &["NetworkInterfaceId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
    Operation {
        name: "DeleteNetworkInterface",
        accepts: &["NetworkInterfaceId"],
        handler: delete,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidNetworkInterfaceID.NotFound",
        format!("The networkInterface ID '{id}' does not exist"),
    )
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("NetworkInterfaceId")?;
    let interface = ctx
        .get::<NetworkInterface>(id)
        .ok_or_else(|| not_found(id))?;
    // Every interface here is attached to what made it.
    let message = format!("Network interface '{}' is currently in use.", interface.id);
    Err(AwsError::new("InvalidParameterValue", message))
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<NetworkInterface> {
        ids: "NetworkInterfaceId",
        not_found,
        filters: &[
            "addresses.private-ip-address",
            "attachment.instance-id",
            "attachment.status",
            "availability-zone",
            "description",
            "group-id",
            "interface-type",
            "network-interface-id",
            "owner-id",
            "private-ip-address",
            "requester-id",
            "requester-managed",
            "status",
            "subnet-id",
            "vpc-id",
        ],
        indexed: &["subnet-id", "group-id", "attachment.instance-id", "vpc-id"],
        field: |_, interface, name| match name {
            "group-id" => interface.groups.clone(),
            "attachment.instance-id" => interface.instance.iter().cloned().collect(),
            name => vec![match name {
                "addresses.private-ip-address" | "private-ip-address" => {
                    interface.private_ip.to_string()
                }
                "attachment.status" => "attached".to_owned(),
                "availability-zone" => interface.zone.clone(),
                "description" => interface.description.clone(),
                "interface-type" => interface.interface_type.clone(),
                "network-interface-id" => interface.id.clone(),
                "owner-id" => ACCOUNT.to_owned(),
                "requester-id" => interface.requester.clone(),
                "requester-managed" => interface.instance.is_none().to_string(),
                "status" => "in-use".to_owned(),
                "subnet-id" => interface.subnet.clone(),
                _ => interface.vpc.clone(),
            }],
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("networkInterfaceSet", page, |xml, interface| {
        write(xml, ctx, interface);
    }))
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, interface: &Stored<NetworkInterface>) {
    let names = |id: &String| {
        ctx.get::<SecurityGroup>(id)
            .map(|group| group.name.clone())
            .unwrap_or_default()
    };
    let dashed = interface.private_ip.to_string().replace('.', "-");
    let dns = format!("ip-{dashed}.{}.compute.internal", ctx.region);
    let addresses = ctx.referrers::<Address>(&interface.id);
    let association = |xml: &mut Xml| {
        if let Some(address) = addresses.first() {
            xml.node("association", |xml| {
                xml.text("allocationId", address.id())
                    .opt("associationId", address.association.as_ref())
                    .text("ipOwnerId", ACCOUNT)
                    .text("publicIp", address.public_ip);
            });
        }
    };
    xml.text("networkInterfaceId", &interface.id)
        .text("subnetId", &interface.subnet)
        .text("vpcId", &interface.vpc)
        .text("availabilityZone", &interface.zone)
        .text("availabilityZoneId", regions::zone_id(&interface.zone))
        .text("description", &interface.description)
        .text("ownerId", ACCOUNT)
        .text("requesterId", &interface.requester)
        .text("requesterManaged", interface.instance.is_none())
        .text("status", "in-use")
        .text("macAddress", &interface.mac)
        .text("privateIpAddress", interface.private_ip)
        .text("privateDnsName", &dns)
        .text("sourceDestCheck", interface.interface_type != "nat_gateway")
        .text("interfaceType", &interface.interface_type)
        .list("groupSet", "item", &interface.groups, |xml, group| {
            xml.text("groupId", group).text("groupName", names(group));
        })
        .node("attachment", |xml| {
            xml.text("attachmentId", &interface.attachment)
                .text("status", "attached")
                .text("deviceIndex", u8::from(interface.instance.is_none()))
                .text("deleteOnTermination", interface.instance.is_some())
                .text(
                    "instanceOwnerId",
                    interface
                        .instance
                        .as_ref()
                        .map_or(interface.requester.as_str(), |_| ACCOUNT),
                )
                .opt("instanceId", interface.instance.as_ref());
        });
    association(xml);
    xml.list(
        "privateIpAddressesSet",
        "item",
        [&interface.private_ip],
        |xml, ip| {
            xml.text("privateIpAddress", ip)
                .text("privateDnsName", &dns)
                .text("primary", true);
            association(xml);
        },
    );
    tag_set(xml, interface.tags());
}
