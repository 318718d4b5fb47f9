//! Auto Scaling groups. They come and go with the node groups that own them.

use serde::{Deserialize, Serialize};

use super::{pages, validation};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::NetworkInterface;
use crate::aws::ec2::subnet::Subnet;
use crate::aws::elbv2::registration;
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::tags::Tags;
use crate::world::{Document, Stored};

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) uuid: String,
    /// The node group's ARN.
    pub(crate) owner: String,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) desired: u32,
    pub(crate) zones: Vec<String>,
    pub(crate) subnets: Vec<String>,
    /// Ids of its instances.
    pub(crate) instances: Vec<String>,
    pub(crate) instance_type: String,
    /// Whether they are spot instances.
    #[serde(default)]
    pub(crate) spot: bool,
    /// Id and name.
    pub(crate) launch_template: (String, String),
    pub(crate) created: Millis,
    /// When its first instances run.
    pub(crate) ready_at: Millis,
    /// ARNs of target groups that its instances are registered with.
    pub(crate) target_groups: Vec<String>,
    /// Keys of tags that new instances get.
    pub(crate) propagated: Vec<String>,
    pub(crate) gone_at: Option<Millis>,
}

impl Document for Group {
    const KIND: &'static str = "autoscaling/group";

    fn id(&self) -> &str {
        &self.name
    }

    fn links(&self) -> Vec<String> {
        let mut links = self.target_groups.clone();
        links.push(self.owner.clone());
        links
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }
}

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeAutoScalingGroups",
    accepts: &[
        "AutoScalingGroupNames",
        "IncludeInstances",
        "NextToken",
        "MaxRecords",
        "Filters.Name",
        "Filters.Values",
    ],
    handler: describe,
}];

/// The group of a name.
pub(super) fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<Group>> {
    let name = params.require("AutoScalingGroupName")?;
    ctx.get::<Group>(name)
        .ok_or_else(|| validation("AutoScalingGroup name not found - null"))
}

/// Keeps a new group, whose tags new instances get.
pub(crate) fn put_new(ctx: &mut Ctx<'_>, mut group: Group, tags: Tags) {
    group.propagated = tags.iter().map(|(key, _)| key.to_owned()).collect();
    ctx.put_tagged(group, tags);
}

/// Keeps a changed group and registers its instances with its target groups.
pub(crate) fn put(ctx: &mut Ctx<'_>, group: Group) {
    for target_group in &group.target_groups {
        registration::sync(ctx, target_group, &group.name, &group.instances);
    }
    ctx.put(group);
}

/// Lets a group vanish at `at`; its instances leave the target groups now.
pub(crate) fn remove_at(ctx: &mut Ctx<'_>, name: &str, at: Millis) {
    let Some(group) = ctx.get::<Group>(name) else {
        return;
    };
    for target_group in &group.target_groups {
        registration::sync(ctx, target_group, name, &[]);
    }
    if ctx.past(at) {
        ctx.delete::<Group>(name);
    } else {
        ctx.put(Group {
            gone_at: Some(at),
            target_groups: Vec::new(),
            ..group.edit()
        });
    }
}

/// The zone of an instance.
fn zone(ctx: &Ctx<'_>, group: &Group, index: usize, instance: &str) -> String {
    let interface = ctx
        .referrers::<NetworkInterface>(instance)
        .into_iter()
        .next();
    let subnet = interface.map(|interface| interface.subnet.clone());
    let subnet = subnet.and_then(|id| ctx.get::<Subnet>(&id));
    subnet.map_or_else(
        || {
            group
                .zones
                .get(index % group.zones.len().max(1))
                .cloned()
                .unwrap_or_default()
        },
        |subnet| subnet.zone.clone(),
    )
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let names = params.strings("AutoScalingGroupNames");
    let mut groups = ctx.list::<Group>();
    groups.retain(|group| names.is_empty() || names.contains(&group.name.as_str()));
    for filter in params.items("Filters") {
        let name = filter.require("Name")?;
        let values = filter.strings("Values");
        let wanted = |value: &str| values.contains(&value);
        match name {
            "tag-key" => groups.retain(|group| group.tags().iter().any(|(key, _)| wanted(key))),
            "tag-value" => {
                groups.retain(|group| group.tags().iter().any(|(_, value)| wanted(value)));
            }
            _ => match name.strip_prefix("tag:") {
                Some(key) => groups.retain(|group| group.tags().get(key).is_some_and(wanted)),
                None => {
                    return Err(validation(format!(
                        "Filter type {name} is not correct. Allowed Filter types are: tag-key tag-value tag:<key>"
                    )));
                }
            },
        }
    }
    let page = pages(groups, |group| group.name.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list("AutoScalingGroups", "member", &page.items, |xml, group| {
        write(xml, ctx, group);
    });
    xml.opt("NextToken", page.next);
    Ok(xml)
}

fn template(xml: &mut Xml, group: &Group) {
    xml.text("LaunchTemplateId", &group.launch_template.0)
        .text("LaunchTemplateName", &group.launch_template.1)
        .text("Version", 1);
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, group: &Stored<Group>) {
    xml.text("AutoScalingGroupName", &group.name)
        .text(
            "AutoScalingGroupARN",
            ctx.arn(
                "autoscaling",
                &format!(
                    "autoScalingGroup:{}:autoScalingGroupName/{}",
                    group.uuid, group.name
                ),
            ),
        )
        .node("MixedInstancesPolicy", |xml| {
            xml.node("LaunchTemplate", |xml| {
                xml.node("LaunchTemplateSpecification", |xml| template(xml, group));
                xml.list(
                    "Overrides",
                    "member",
                    [&group.instance_type],
                    |xml, kind| {
                        xml.text("InstanceType", kind);
                    },
                );
            });
        })
        .text("MinSize", group.min)
        .text("MaxSize", group.max)
        .text("DesiredCapacity", group.desired)
        .text("DefaultCooldown", 300)
        .texts("AvailabilityZones", "member", &group.zones)
        .texts("LoadBalancerNames", "member", [""; 0])
        .texts("TargetGroupARNs", "member", &group.target_groups)
        .text("HealthCheckType", "EC2")
        .text("HealthCheckGracePeriod", 15);
    let running = ctx.past(group.ready_at);
    let shown: &[String] = if group.gone_at.is_some() {
        &[]
    } else {
        &group.instances
    };
    xml.list(
        "Instances",
        "member",
        shown.iter().enumerate(),
        |xml, (index, instance)| {
            xml.text("InstanceId", instance)
                .text("InstanceType", &group.instance_type)
                .text("AvailabilityZone", zone(ctx, group, index, instance))
                .text(
                    "LifecycleState",
                    if running { "InService" } else { "Pending" },
                )
                .text("HealthStatus", "Healthy")
                .node("LaunchTemplate", |xml| template(xml, group))
                .text("ProtectedFromScaleIn", false);
        },
    );
    xml.text("CreatedTime", iso8601_millis(group.created))
        .texts("SuspendedProcesses", "member", [""; 0])
        .text("VPCZoneIdentifier", group.subnets.join(","))
        .texts("EnabledMetrics", "member", [""; 0]);
    if group.gone_at.is_some() {
        xml.text("Status", "Delete in progress");
    }
    xml.list(
        "Tags",
        "member",
        group.tags().iter(),
        |xml, (key, value)| {
            super::tagging::write(xml, group, key, value);
        },
    )
    .texts(
        "TerminationPolicies",
        "member",
        [
            "AllocationStrategy",
            "OldestLaunchTemplate",
            "OldestInstance",
        ],
    )
    .text("NewInstancesProtectedFromScaleIn", false)
    .text("CapacityRebalance", true)
    .list(
        "TrafficSources",
        "member",
        &group.target_groups,
        |xml, arn| {
            xml.text("Identifier", arn)
                .text("Type", super::traffic::TYPE);
        },
    );
}
