//! The load balancer of a Service of type LoadBalancer: a network load balancer with a security group of its own, both
//! owned by the cluster and tagged as its controller does.

use super::cluster::Cluster;
use crate::aws::context::Ctx;
use crate::aws::ec2::permissions::{Peer, Permission};
use crate::aws::ec2::security_group::{self, SecurityGroup};
use crate::aws::ec2::security_group_rule::{self as rules, SecurityGroupRule};
use crate::aws::ec2::subnet::Subnet;
use crate::aws::elbv2::owned::{self, Owned};
use crate::core::Frame;
use crate::kubernetes::clusters::{Address, Exposed, Found};
use crate::tags::Tags;

pub(super) fn expose<'a>(
    given: Frame<'a>,
    cluster: &Found,
    service: &Exposed,
) -> (Frame<'a>, Result<Address, String>) {
    let mut ctx = Ctx::new(given, &cluster.location);
    let result = make(&mut ctx, cluster, service);
    (ctx.into_frame(), result)
}

pub(super) fn withdraw<'a>(given: Frame<'a>, cluster: &Found, service: &Exposed) -> Frame<'a> {
    let mut ctx = Ctx::new(given, &cluster.location);
    let gone_at = owned::take_away(&mut ctx, &service.cloud_name());
    if let Some(group) = group(&ctx, cluster, service) {
        // The nodes' group lets nobody in from it any more.
        for rule in ctx.list::<SecurityGroupRule>() {
            if matches!(&rule.permission.peer, Peer::Group(peer) if *peer == group) {
                ctx.delete::<SecurityGroupRule>(&rule.id);
            }
        }
        security_group::remove_at(&mut ctx, &group, gone_at);
    }
    ctx.into_frame()
}

/// The security group of a Service's load balancer.
fn group(ctx: &Ctx<'_>, cluster: &Found, service: &Exposed) -> Option<String> {
    let vpc = ctx.get::<Cluster>(&cluster.name)?.vpc.clone();
    let wanted = format!("k8s-elb-{}", service.cloud_name());
    let groups = ctx.referrers::<SecurityGroup>(&vpc);
    let found = groups.iter().find(|group| group.name == wanted)?;
    Some(found.id.clone())
}

fn is_internal(service: &Exposed) -> bool {
    service.annotation("aws-load-balancer-scheme") == "internal"
        || matches!(
            service.annotation("aws-load-balancer-internal"),
            "true" | "0.0.0.0/0"
        )
}

/// The subnets for load balancers: those with the role's tag, or those of the cluster that are as public as it is.
fn subnets(ctx: &Ctx<'_>, cluster: &Cluster, internal: bool) -> Vec<String> {
    let role = if internal {
        "kubernetes.io/role/internal-elb"
    } else {
        "kubernetes.io/role/elb"
    };
    let all = ctx.referrers::<Subnet>(&cluster.vpc);
    let tagged: Vec<String> = all
        .iter()
        .filter(|subnet| subnet.tags().get(role).is_some())
        .map(|subnet| subnet.id.clone())
        .collect();
    if !tagged.is_empty() {
        return tagged;
    }
    let own = &cluster.config.resources_vpc_config.subnet_ids;
    all.iter()
        .filter(|subnet| own.contains(&subnet.id) && subnet.map_public_ip != internal)
        .map(|subnet| subnet.id.clone())
        .collect()
}

fn make(ctx: &mut Ctx<'_>, found: &Found, service: &Exposed) -> Result<Address, String> {
    let cluster = ctx
        .get::<Cluster>(&found.name)
        .ok_or_else(|| "the cluster has gone".to_owned())?;
    let internal = is_internal(service);
    let subnets = subnets(ctx, &cluster, internal);
    if subnets.is_empty() {
        return Err("could not find any suitable subnets for creating the ELB".to_owned());
    }
    let arn = cluster.arn(ctx);
    let name = service.cloud_name();
    let mut tags = Tags::default();
    tags.set(&format!("kubernetes.io/cluster/{}", found.name), "owned");
    let place = format!("{}/{}", service.namespace, service.name);
    tags.set("kubernetes.io/service-name", &place);
    let group = match group(ctx, found, service) {
        Some(group) => group,
        None => {
            let text = format!("Security group for Kubernetes ELB {name} ({place})");
            let group_name = format!("k8s-elb-{name}");
            let id = security_group::make(
                ctx,
                &cluster.vpc,
                &group_name,
                &text,
                Some(&arn),
                tags.clone(),
            );
            let from = Permission::everything_from_group(&id);
            rules::make(ctx, &cluster.security_group, false, from);
            id
        }
    };
    admit(ctx, &group, service)?;
    let new = Owned {
        name: &name,
        vpc: &cluster.vpc,
        subnets: &subnets,
        groups: vec![group],
        internal,
        controller: &arn,
    };
    owned::make(ctx, &new, tags).map(Address::Host)
}

/// Lets the ports of a Service in, from where it says, and nothing else.
fn admit(ctx: &mut Ctx<'_>, group: &str, service: &Exposed) -> Result<(), String> {
    let anywhere = vec!["0.0.0.0/0".to_owned()];
    let sources = if service.sources.is_empty() {
        &anywhere
    } else {
        &service.sources
    };
    let mut wanted = Vec::new();
    for (port, _, protocol) in &service.ports {
        for source in sources {
            let range = source
                .parse()
                .map_err(|_| format!("{source:?} is no IPv4 range"))?;
            wanted.push(Permission {
                protocol: protocol.to_lowercase(),
                from_port: i64::from(*port),
                to_port: i64::from(*port),
                peer: Peer::Ipv4(range),
                description: None,
            });
        }
    }
    let old = ctx.referrers::<SecurityGroupRule>(group);
    let incoming = old
        .iter()
        .filter(|rule| rule.group == group && !rule.egress);
    let mut there = Vec::new();
    for rule in incoming {
        if wanted.iter().any(|one| one.same(&rule.permission)) {
            there.push(rule.permission.clone());
        } else {
            ctx.delete::<SecurityGroupRule>(&rule.id);
        }
    }
    for permission in wanted {
        if !there.iter().any(|one| one.same(&permission)) {
            rules::make(ctx, group, false, permission);
        }
    }
    Ok(())
}
