//! Load balancers that a controller of a cluster makes and takes away, and that nobody takes away when the cluster
//! has gone first.

use std::collections::{BTreeMap, BTreeSet};

use super::listener::{self, Listener};
use super::load_balancer::{LoadBalancer, Place};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::{self, NewInterface};
use crate::aws::ec2::subnet::Subnet;
use crate::latency::Work;
use crate::tags::Tags;

/// A load balancer to make.
#[derive(Debug)]
pub(crate) struct Owned<'a> {
    pub(crate) name: &'a str,
    pub(crate) vpc: &'a str,
    pub(crate) subnets: &'a [String],
    pub(crate) groups: Vec<String>,
    pub(crate) internal: bool,
    /// The cluster's ARN.
    pub(crate) controller: &'a str,
}

/// The load balancers of a network that a controller made under a name.
fn named(ctx: &Ctx<'_>, name: &str) -> Option<LoadBalancer> {
    let found = ctx.referrers::<LoadBalancer>(&format!("name:{name}"));
    found.first().map(crate::world::Stored::edit)
}

/// Makes a network load balancer with its interfaces, or leaves it as it is; its name in DNS.
pub(crate) fn make(ctx: &mut Ctx<'_>, new: &Owned<'_>, tags: Tags) -> Result<String, String> {
    if let Some(old) = named(ctx, new.name) {
        return Ok(old.dns);
    }
    let id = ctx.new_hex(16);
    let arn = ctx.arn(
        "elasticloadbalancing",
        &format!("loadbalancer/net/{}/{id}", new.name),
    );
    let mut zones = BTreeSet::new();
    let mut places = Vec::new();
    for subnet in new.subnets {
        let Some(found) = ctx.get::<Subnet>(subnet) else {
            continue;
        };
        if zones.insert(found.zone.clone()) {
            places.push(Place {
                subnet: subnet.clone(),
                zone: found.zone.clone(),
                allocation: None,
                private_address: None,
            });
        }
    }
    let scheme = if new.internal {
        "internal"
    } else {
        "internet-facing"
    };
    let dns = format!("{}-{id}.elb.{}.amazonaws.com", new.name, ctx.region);
    for place in &places {
        let interface = NewInterface {
            subnet: &place.subnet,
            groups: new.groups.clone(),
            description: format!("ELB net/{}/{id}", new.name),
            interface_type: "network_load_balancer",
            requester: "amazon-elb",
            owner: &arn,
            instance: None,
            controller: Some(new.controller),
            public: !new.internal,
        };
        network_interface::create(ctx, interface, tags.clone()).map_err(|error| error.message)?;
    }
    let balancer = LoadBalancer {
        arn,
        name: new.name.to_owned(),
        kind: "network".to_owned(),
        scheme: scheme.to_owned(),
        ip_address_type: "ipv4".to_owned(),
        vpc: new.vpc.to_owned(),
        places,
        groups: new.groups.clone(),
        dns: dns.clone(),
        created: ctx.now,
        active_at: ctx.now,
        failed: false,
        attributes: BTreeMap::new(),
        fingerprint: String::new(),
        controller: Some(new.controller.to_owned()),
    };
    ctx.put_tagged(balancer, tags);
    Ok(dns)
}

/// Takes one away; its interfaces hold their subnets and groups for a while. When that is over.
pub(crate) fn take_away(ctx: &mut Ctx<'_>, name: &str) -> crate::clock::Millis {
    let gone_at = ctx.due(Work::LoadBalancerDelete);
    if let Some(old) = named(ctx, name) {
        for listener in ctx.referrers::<Listener>(&old.arn) {
            listener::remove(ctx, &listener.arn);
        }
        network_interface::release(ctx, &old.arn, gone_at);
        ctx.delete::<LoadBalancer>(&old.arn);
    }
    gone_at
}
