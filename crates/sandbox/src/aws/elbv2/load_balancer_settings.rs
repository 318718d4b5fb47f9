//! Changes of load balancers: attributes, groups, subnets, address type.

use super::load_balancer::{self, LoadBalancer};
use super::{attributes, configuration, require, validation};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface;
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeLoadBalancerAttributes",
        accepts: &["LoadBalancerArn"],
        handler: describe,
    },
    Operation {
        name: "ModifyLoadBalancerAttributes",
        accepts: &["LoadBalancerArn", "Attributes.Key", "Attributes.Value"],
        handler: modify,
    },
    Operation {
        name: "SetSecurityGroups",
        accepts: &[
            "LoadBalancerArn",
            "SecurityGroups",
            "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
        ],
        handler: set_groups,
    },
    Operation {
        name: "SetSubnets",
        accepts: &[
            "LoadBalancerArn",
            "Subnets",
            "SubnetMappings.SubnetId",
            "SubnetMappings.AllocationId",
            "SubnetMappings.PrivateIPv4Address",
            "IpAddressType",
        ],
        handler: set_subnets,
    },
    Operation {
        name: "SetIpAddressType",
        accepts: &["LoadBalancerArn", "IpAddressType"],
        handler: set_ip_type,
    },
    Operation {
        name: "DescribeCapacityReservation",
        accepts: &["LoadBalancerArn"],
        handler: capacity,
    },
];

fn of(balancer: &LoadBalancer) -> attributes::Of<'_> {
    attributes::Of::LoadBalancer(&balancer.kind)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let balancer = load_balancer::find(ctx, params)?;
    Ok(attributes::answer(of(&balancer), &balancer.attributes))
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut balancer = load_balancer::find(ctx, params)?.edit();
    let changed = attributes::change(of(&balancer), &balancer.attributes, params)?;
    balancer.attributes = changed;
    let answer = attributes::answer(of(&balancer), &balancer.attributes);
    ctx.put(balancer);
    Ok(answer)
}

fn set_groups(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut balancer = load_balancer::find(ctx, params)?.edit();
    let groups = load_balancer::groups(ctx, params, &balancer.vpc)?;
    if groups.is_empty() && balancer.is_application() {
        return Err(validation("At least one security group must be specified"));
    }
    if !balancer.is_application() && (balancer.kind == "gateway" || balancer.groups.is_empty()) {
        let message =
            "You cannot add security groups to a load balancer that was created without one";
        return Err(configuration(message));
    }
    let arn = balancer.arn.clone();
    network_interface::set_groups(ctx, &arn, &groups);
    let mut xml = Xml::new();
    xml.texts("SecurityGroupIds", "member", &groups);
    balancer.groups = groups;
    ctx.put(balancer);
    Ok(xml)
}

fn set_subnets(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut balancer = load_balancer::find(ctx, params)?.edit();
    let (vpc, places) = load_balancer::places(ctx, params, &balancer.kind)?;
    if vpc != balancer.vpc {
        return Err(configuration(
            "The subnets belong to another VPC than the load balancer",
        ));
    }
    if let Some(kind) = params.str("IpAddressType") {
        load_balancer::check_ip_type(kind)?;
        kind.clone_into(&mut balancer.ip_address_type);
    }
    let kept: Vec<String> = places.iter().map(|place| place.subnet.clone()).collect();
    let arn = balancer.arn.clone();
    for interface in ctx.referrers::<network_interface::NetworkInterface>(&arn) {
        if !kept.contains(&interface.subnet) {
            ctx.delete::<network_interface::NetworkInterface>(&interface.id);
        }
    }
    balancer.places = places;
    load_balancer::make_interfaces(ctx, &balancer)?;
    let mut xml = Xml::new();
    load_balancer::write_places(&mut xml, ctx, &balancer.places);
    xml.text("IpAddressType", &balancer.ip_address_type);
    ctx.put(balancer);
    Ok(xml)
}

fn set_ip_type(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut balancer = load_balancer::find(ctx, params)?.edit();
    let kind = require(params, "IpAddressType")?;
    load_balancer::check_ip_type(kind)?;
    kind.clone_into(&mut balancer.ip_address_type);
    ctx.put(balancer);
    let mut xml = Xml::new();
    xml.text("IpAddressType", kind);
    Ok(xml)
}

/// No capacity is reserved.
fn capacity(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    load_balancer::find(ctx, params)?;
    let mut xml = Xml::new();
    xml.text("DecreaseRequestsRemaining", 2)
        .texts("CapacityReservationState", "member", [""; 0]);
    Ok(xml)
}
