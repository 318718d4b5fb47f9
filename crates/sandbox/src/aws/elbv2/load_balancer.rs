//! Load balancers: made in subnets, where each has network interfaces. Their settings are in
//! `load_balancer_settings`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::listener::{self, Listener};
use super::{attributes, check_name, configuration, pages, require, tagging, validation};
use crate::aws::context::Ctx;
use crate::aws::ec2::address::Address;
use crate::aws::ec2::gateway::InternetGateway;
use crate::aws::ec2::network_interface::{self, NetworkInterface, NewInterface};
use crate::aws::ec2::security_group::{self, SecurityGroup};
use crate::aws::ec2::subnet::Subnet;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::latency::Work;
use crate::tags::Tags;
use crate::token;
use crate::world::{Document, Listed, Stored};

/// Load balancers per region.
pub(crate) const QUOTA: usize = 500;

/// A load balancer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoadBalancer {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) scheme: String,
    pub(super) ip_address_type: String,
    pub(super) vpc: String,
    pub(super) places: Vec<Place>,
    pub(super) groups: Vec<String>,
    pub(super) dns: String,
    pub(super) created: Millis,
    pub(super) active_at: Millis,
    /// Whether making it ends in failure.
    #[serde(default)]
    pub(super) failed: bool,
    /// Attributes that differ from the defaults.
    pub(super) attributes: BTreeMap<String, String>,
    /// Of the request that made it: the same request again is no error.
    pub(super) fingerprint: String,
    /// The cluster or other controller that made it, if one did.
    pub(super) controller: Option<String>,
}

impl LoadBalancer {
    /// Its name in DNS.
    pub(crate) fn dns_name(&self) -> &str {
        &self.dns
    }

    /// The zone of that name, for one of this region.
    pub(crate) fn dns_zone(&self, region: &str) -> &'static str {
        hosted_zone(region, &self.kind)
    }
}

/// A subnet that a load balancer is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) subnet: String,
    pub(super) zone: String,
    pub(super) allocation: Option<String>,
    pub(super) private_address: Option<String>,
}

impl Document for LoadBalancer {
    const KIND: &'static str = "elbv2/load-balancer";

    fn id(&self) -> &str {
        &self.arn
    }

    fn links(&self) -> Vec<String> {
        vec![by_name(&self.name), self.vpc.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_lb").map(|listed| Listed {
            owner: self.controller.clone(),
            ..listed
        })
    }
}

fn by_name(name: &str) -> String {
    format!("name:{name}")
}

impl LoadBalancer {
    /// `app/NAME/ID`, the part of ARNs that follows `loadbalancer/`.
    pub(super) fn path(&self) -> &str {
        self.arn
            .split_once(":loadbalancer/")
            .map_or("", |(_, path)| path)
    }

    pub(super) fn is_application(&self) -> bool {
        self.kind == "application"
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateLoadBalancer",
        accepts: &[
            "Name",
            "Subnets",
            "SubnetMappings.SubnetId",
            "SubnetMappings.AllocationId",
            "SubnetMappings.PrivateIPv4Address",
            "SecurityGroups",
            "Scheme",
            "Tags.Key",
            "Tags.Value",
            "Type",
            "IpAddressType",
        ],
        handler: create,
    },
    Operation {
        name: "DescribeLoadBalancers",
        accepts: &["LoadBalancerArns", "Names", "Marker", "PageSize"],
        handler: describe,
    },
    Operation {
        name: "DeleteLoadBalancer",
        accepts: &["LoadBalancerArn"],
        handler: delete,
    },
];

pub(super) fn not_found(what: &str) -> AwsError {
    AwsError::new(
        "LoadBalancerNotFound",
        format!("Load balancer '{what}' not found"),
    )
}

/// The load balancer that a request names.
pub(super) fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<LoadBalancer>> {
    find_arn(ctx, require(params, "LoadBalancerArn")?)
}

/// The load balancer of an ARN.
pub(super) fn find_arn(ctx: &Ctx<'_>, arn: &str) -> AwsResult<Stored<LoadBalancer>> {
    if !arn.starts_with("arn:") || !arn.contains(":loadbalancer/") {
        return Err(validation(format!(
            "'{arn}' is not a valid load balancer ARN"
        )));
    }
    ctx.get::<LoadBalancer>(arn).ok_or_else(|| not_found(arn))
}

/// Reads subnets, checks them against each other; the network that they are in.
pub(super) fn places(
    ctx: &Ctx<'_>,
    params: &Params,
    kind: &str,
) -> AwsResult<(String, Vec<Place>)> {
    let mappings = params.items("SubnetMappings");
    if mappings.is_empty() == params.strings("Subnets").is_empty() {
        return Err(validation(
            "You must specify either subnets or subnet mappings, but not both",
        ));
    }
    let mut wanted: Vec<(&str, Option<&str>, Option<&str>)> = params
        .strings("Subnets")
        .into_iter()
        .map(|id| (id, None, None))
        .collect();
    for mapping in mappings {
        wanted.push((
            require(mapping, "SubnetId")?,
            mapping.str("AllocationId"),
            mapping.str("PrivateIPv4Address"),
        ));
    }
    let mut places: Vec<Place> = Vec::new();
    let mut vpcs = BTreeSet::new();
    for (id, allocation, private_address) in wanted {
        let Some(subnet) = ctx.get::<Subnet>(id) else {
            return Err(AwsError::new(
                "SubnetNotFound",
                format!("The subnet ID '{id}' does not exist"),
            ));
        };
        if let Some(allocation) = allocation {
            if kind != "network" {
                return Err(configuration(
                    "Elastic IP addresses can only be given for Network Load Balancers",
                ));
            }
            if !ctx.exists::<Address>(allocation) {
                let message = format!("The allocation ID '{allocation}' does not exist");
                return Err(AwsError::new("AllocationIdNotFound", message));
            }
        }
        if places.iter().any(|place| place.zone == subnet.zone) {
            let message = format!(
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone ({})",
                subnet.zone
            );
            return Err(configuration(message));
        }
        vpcs.insert(subnet.vpc.clone());
        places.push(Place {
            subnet: id.to_owned(),
            zone: subnet.zone.clone(),
            allocation: allocation.map(str::to_owned),
            private_address: private_address.map(str::to_owned),
        });
    }
    if kind == "application" && places.len() < 2 {
        return Err(validation(
            "At least two subnets in two different Availability Zones must be specified",
        ));
    }
    let mut vpcs = vpcs.into_iter();
    match (vpcs.next(), vpcs.next()) {
        (Some(vpc), None) => Ok((vpc, places)),
        _ => Err(configuration("All subnets must belong to the same VPC")),
    }
}

/// Reads security groups of a network.
pub(super) fn groups(ctx: &Ctx<'_>, params: &Params, vpc: &str) -> AwsResult<Vec<String>> {
    let groups = params.strings("SecurityGroups");
    for id in &groups {
        match ctx.get::<SecurityGroup>(id) {
            None => {
                let message = format!("The security group '{id}' does not exist");
                return Err(AwsError::new("InvalidSecurityGroup", message));
            }
            Some(group) if group.vpc != vpc => {
                let message = format!("Security group '{id}' does not belong to VPC '{vpc}'");
                return Err(configuration(message));
            }
            Some(_) => {}
        }
    }
    Ok(groups.into_iter().map(str::to_owned).collect())
}

pub(super) fn check_ip_type(kind: &str) -> AwsResult<()> {
    if matches!(kind, "ipv4" | "dualstack" | "dualstack-without-public-ipv4") {
        Ok(())
    } else {
        Err(validation(format!(
            "Value '{kind}' at 'ipAddressType' failed to satisfy constraint"
        )))
    }
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = require(params, "Name")?;
    check_name("load balancer", name)?;
    if name.starts_with("internal-") {
        return Err(validation(format!(
            "The load balancer name '{name}' cannot begin with 'internal-'"
        )));
    }
    let kind = params.str("Type").unwrap_or("application");
    let short = match kind {
        "application" => "app",
        "network" => "net",
        "gateway" => "gwy",
        _ => {
            return Err(validation(format!(
                "Value '{kind}' at 'type' failed to satisfy constraint"
            )));
        }
    };
    let scheme = params.str("Scheme").unwrap_or("internet-facing");
    if !matches!(scheme, "internet-facing" | "internal") {
        return Err(AwsError::new(
            "InvalidScheme",
            format!("The scheme '{scheme}' is not valid"),
        ));
    }
    let ip_address_type = params.str("IpAddressType").unwrap_or("ipv4");
    check_ip_type(ip_address_type)?;
    let tags = tagging::read(params)?;
    let fingerprint = token::fingerprint(&params.to_json().to_string());
    if let Some(old) = ctx
        .referrers::<LoadBalancer>(&by_name(name))
        .into_iter()
        .next()
    {
        if old.fingerprint == fingerprint {
            return Ok(answer(ctx, &[old]));
        }
        let message = format!(
            "A load balancer with the same name '{name}' exists, but with different settings"
        );
        return Err(AwsError::new("DuplicateLoadBalancerName", message));
    }
    let (vpc, places) = places(ctx, params, kind)?;
    if scheme == "internet-facing" && kind != "gateway" && !ctx.referred::<InternetGateway>(&vpc) {
        return Err(AwsError::new(
            "InvalidSubnet",
            format!("VPC {vpc} has no internet gateway"),
        ));
    }
    let mut groups = groups(ctx, params, &vpc)?;
    if kind == "gateway" && !groups.is_empty() {
        return Err(configuration(
            "Security groups are not supported for Gateway Load Balancers",
        ));
    }
    if groups.is_empty() && kind == "application" {
        groups.extend(security_group::default_of(ctx, &vpc).map(|group| group.id.clone()));
    }
    if ctx.count::<LoadBalancer>() >= QUOTA {
        let message = "The maximum number of load balancers has been reached";
        return Err(AwsError::new("TooManyLoadBalancers", message));
    }
    let id = ctx.new_hex(16);
    let arn = ctx.arn(
        "elasticloadbalancing",
        &format!("loadbalancer/{short}/{name}/{id}"),
    );
    let prefix = if scheme == "internal" && kind == "application" {
        "internal-"
    } else {
        ""
    };
    let dns = if kind == "application" {
        let number = u64::from_str_radix(&id[..8], 16).unwrap_or(0);
        format!("{prefix}{name}-{number}.{}.elb.amazonaws.com", ctx.region)
    } else {
        format!("{name}-{id}.elb.{}.amazonaws.com", ctx.region)
    };
    let balancer = LoadBalancer {
        arn: arn.clone(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        scheme: scheme.to_owned(),
        ip_address_type: ip_address_type.to_owned(),
        vpc,
        places,
        groups,
        dns,
        created: ctx.now,
        active_at: ctx.due(Work::LoadBalancerCreate),
        failed: ctx.pace.fails,
        attributes: BTreeMap::new(),
        fingerprint,
        controller: None,
    };
    make_interfaces(ctx, &balancer)?;
    ctx.put_tagged(balancer, tags);
    let stored = find_arn(ctx, &arn)?;
    Ok(answer(ctx, &[stored]))
}

/// Makes the interface of each subnet that has none yet.
pub(super) fn make_interfaces(ctx: &mut Ctx<'_>, balancer: &LoadBalancer) -> AwsResult<()> {
    let there: Vec<String> = ctx
        .referrers::<NetworkInterface>(&balancer.arn)
        .iter()
        .map(|interface| interface.subnet.clone())
        .collect();
    for place in balancer
        .places
        .iter()
        .filter(|place| !there.contains(&place.subnet))
    {
        let new = NewInterface {
            subnet: &place.subnet,
            groups: balancer.groups.clone(),
            description: format!("ELB {}", balancer.path()),
            interface_type: match balancer.kind.as_str() {
                "network" => "network_load_balancer",
                "gateway" => "gateway_load_balancer",
                _ => "interface",
            },
            requester: "amazon-elb",
            owner: &balancer.arn,
            instance: None,
            controller: None,
            public: balancer.scheme == "internet-facing",
        };
        network_interface::create(ctx, new, Tags::default())
            .map_err(|error| AwsError::new("InvalidSubnet", error.message))?;
    }
    Ok(())
}

fn answer(ctx: &Ctx<'_>, balancers: &[Stored<LoadBalancer>]) -> Xml {
    let mut xml = Xml::new();
    xml.list("LoadBalancers", "member", balancers, |xml, balancer| {
        write(xml, ctx, balancer);
    });
    xml
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arns = params.strings("LoadBalancerArns");
    let names = params.strings("Names");
    if !arns.is_empty() && !names.is_empty() {
        return Err(validation(
            "Load balancer ARNs and load balancer names cannot be specified at the same time",
        ));
    }
    if arns.len().max(names.len()) > 20 {
        return Err(validation("At most 20 load balancers may be named"));
    }
    let mut found = if arns.is_empty() && names.is_empty() {
        ctx.list::<LoadBalancer>()
    } else {
        Vec::new()
    };
    for arn in arns {
        found.push(find_arn(ctx, arn)?);
    }
    for name in names {
        let by_name = ctx
            .referrers::<LoadBalancer>(&by_name(name))
            .into_iter()
            .next();
        // AWS says the names, in brackets.
        found.push(by_name.ok_or_else(|| {
            AwsError::new(
                "LoadBalancerNotFound",
                format!("Load balancers '[{name}]' not found"),
            )
        })?);
    }
    found.sort_by(|a, b| a.arn.cmp(&b.arn));
    found.dedup_by(|a, b| a.arn == b.arn);
    let page = pages(found, |balancer| balancer.arn.as_str(), params)?;
    let mut xml = answer(ctx, &page.items);
    xml.opt("NextMarker", page.next);
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arn = require(params, "LoadBalancerArn")?;
    // Deleting what is not there is no error.
    let Some(balancer) = ctx.get::<LoadBalancer>(arn) else {
        return Ok(Xml::new());
    };
    if attributes::value(
        attributes::Of::LoadBalancer(&balancer.kind),
        &balancer.attributes,
        "deletion_protection.enabled",
    ) == "true"
    {
        let message = format!(
            "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        );
        return Err(AwsError::new("OperationNotPermitted", message));
    }
    for listener in ctx.referrers::<Listener>(arn) {
        listener::remove(ctx, &listener.arn);
    }
    let gone_at = ctx.due(Work::LoadBalancerDelete);
    network_interface::release(ctx, arn, gone_at);
    ctx.delete::<LoadBalancer>(arn);
    Ok(Xml::new())
}

/// The zone of DNS that aliases to load balancers name.
fn hosted_zone(region: &str, kind: &str) -> &'static str {
    match (region, kind) {
        ("eu-west-1", "application") => "Z32O12XQLNTSW2",
        ("eu-west-1", _) => "Z2IFOLAFXWLO4F",
        ("eu-central-1", "application") => "Z215JYRZR1TBD5",
        ("eu-central-1", _) => "Z3F0SRJ5LGBH90",
        ("us-east-1", "application") => "Z35SXDOTRQ7X7K",
        ("us-east-1", _) => "Z26RNL4JYFTOTI",
        ("us-west-2", "application") => "Z1H1FL5HABSF5",
        ("us-west-2", _) => "Z18D5FSROUN65G",
        _ => "Z00000000SANDBOX",
    }
}

/// Writes `AvailabilityZones`.
pub(super) fn write_places(xml: &mut Xml, ctx: &Ctx<'_>, places: &[Place]) {
    xml.list("AvailabilityZones", "member", places, |xml, place| {
        xml.text("ZoneName", &place.zone)
            .text("SubnetId", &place.subnet);
        let addresses: Vec<&Place> =
            if place.allocation.is_some() || place.private_address.is_some() {
                vec![place]
            } else {
                Vec::new()
            };
        xml.list(
            "LoadBalancerAddresses",
            "member",
            addresses,
            |xml, place| {
                if let Some(allocation) = &place.allocation {
                    let address = ctx.get::<Address>(allocation);
                    xml.opt("IpAddress", address.map(|address| address.public_ip))
                        .text("AllocationId", allocation);
                }
                xml.opt("PrivateIPv4Address", place.private_address.as_ref());
            },
        );
    });
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, balancer: &LoadBalancer) {
    xml.text("LoadBalancerArn", &balancer.arn)
        .text("DNSName", &balancer.dns)
        .text(
            "CanonicalHostedZoneId",
            hosted_zone(&ctx.region, &balancer.kind),
        )
        .text("CreatedTime", iso8601_millis(balancer.created))
        .text("LoadBalancerName", &balancer.name)
        .text("Scheme", &balancer.scheme)
        .text("VpcId", &balancer.vpc)
        .node("State", |xml| {
            let state = match (ctx.past(balancer.active_at), balancer.failed) {
                (false, _) => "provisioning",
                (true, false) => "active",
                (true, true) => "failed",
            };
            xml.text("Code", state);
        })
        .text("Type", &balancer.kind);
    write_places(xml, ctx, &balancer.places);
    xml.texts("SecurityGroups", "member", &balancer.groups)
        .text("IpAddressType", &balancer.ip_address_type);
}
