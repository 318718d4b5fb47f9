//! Instances: the nodes of Auto Scaling groups, which come and go with those.

use super::common::{Filters, pages, tag_set};
use super::instance_type;
use super::network_interface::NetworkInterface;
use crate::aws::autoscaling::group::Group;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::iso8601_millis;
use crate::tags::Tags;
use crate::world::Stored;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeInstances",
    accepts: &["InstanceId", "Filter.*", "MaxResults", "NextToken"],
    handler: describe,
}];

const FILTERS: &[&str] = &[
    "availability-zone",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "private-ip-address",
    "subnet-id",
    "vpc-id",
];

/// One instance.
struct Instance {
    id: String,
    group: Stored<Group>,
    /// That of its interface, when it has one.
    interface: Option<Stored<NetworkInterface>>,
    tags: Tags,
}

impl Instance {
    fn state(&self, ctx: &Ctx<'_>) -> (u8, &'static str) {
        if self.group.gone_at.is_some() {
            (32, "shutting-down")
        } else if ctx.past(self.group.ready_at) {
            (16, "running")
        } else {
            (0, "pending")
        }
    }

    fn field(&self, ctx: &Ctx<'_>, name: &str) -> Vec<String> {
        let of_interface = |of: fn(&NetworkInterface) -> String| {
            self.interface.iter().map(|i| of(i)).collect::<Vec<_>>()
        };
        match name {
            "availability-zone" => of_interface(|i| i.zone.clone()),
            "private-ip-address" => of_interface(|i| i.private_ip.to_string()),
            "subnet-id" => of_interface(|i| i.subnet.clone()),
            "vpc-id" => of_interface(|i| i.vpc.clone()),
            "instance-lifecycle" => self
                .group
                .spot
                .then(|| "spot".to_owned())
                .into_iter()
                .collect(),
            "instance-state-code" => vec![self.state(ctx).0.to_string()],
            "instance-state-name" => vec![self.state(ctx).1.to_owned()],
            "instance-type" => vec![self.group.instance_type.clone()],
            _ => vec![self.id.clone()],
        }
    }

    fn write(&self, xml: &mut Xml, ctx: &Ctx<'_>) {
        let (code, state) = self.state(ctx);
        let kind = instance_type::find(&self.group.instance_type);
        xml.text("instanceId", &self.id)
            .node("instanceState", |xml| {
                xml.text("code", code).text("name", state);
            })
            .text("instanceType", &self.group.instance_type)
            .text("launchTime", iso8601_millis(self.group.created));
        if let Some(kind) = &kind {
            xml.text("architecture", kind.architecture)
                .node("cpuOptions", |xml| {
                    let threads = if kind.architecture == "arm64" { 1 } else { 2 };
                    xml.text("coreCount", kind.vcpus / threads)
                        .text("threadsPerCore", threads);
                });
        }
        if self.group.spot {
            xml.text("instanceLifecycle", "spot");
        }
        if let Some(interface) = &self.interface {
            xml.text("subnetId", &interface.subnet)
                .text("vpcId", &interface.vpc)
                .text("privateIpAddress", interface.private_ip)
                .node("placement", |xml| {
                    xml.text("availabilityZone", &interface.zone)
                        .text("groupName", "")
                        .text("tenancy", "default");
                });
        }
        tag_set(xml, &self.tags);
    }
}

/// All instances, each with the tags that its group gives it.
fn all(ctx: &Ctx<'_>) -> Vec<Instance> {
    let mut found = Vec::new();
    for group in ctx.list::<Group>() {
        let mut tags = Tags::default();
        tags.set("aws:autoscaling:groupName", &group.name);
        for (key, value) in group.tags().iter() {
            if group.propagated.iter().any(|own| own == key) {
                tags.set(key, value);
            }
        }
        for id in &group.instances {
            found.push(Instance {
                id: id.clone(),
                group: group.clone(),
                interface: ctx.referrers::<NetworkInterface>(id).into_iter().next(),
                tags: tags.clone(),
            });
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let filters = Filters::parse(params, FILTERS)?;
    let mut found = all(ctx);
    let ids = params.strings("InstanceId");
    if let Some(id) = ids.iter().find(|id| !found.iter().any(|i| i.id == **id)) {
        return Err(AwsError::new(
            "InvalidInstanceID.NotFound",
            format!("The instance ID '{id}' does not exist"),
        ));
    }
    found.retain(|instance| {
        (ids.is_empty() || ids.contains(&instance.id.as_str()))
            && filters.pass(&instance.tags, |name| instance.field(ctx, name))
    });
    let page = pages(found, |instance| instance.id.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list("reservationSet", "item", &page.items, |xml, instance| {
        xml.text("reservationId", instance.id.replacen("i-", "r-", 1))
            .text("ownerId", ACCOUNT)
            .list("instancesSet", "item", [instance], |xml, instance| {
                instance.write(xml, ctx);
            });
    });
    xml.opt("nextToken", page.next);
    Ok(xml)
}
