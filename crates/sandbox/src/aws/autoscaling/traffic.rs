//! Target groups that a group's instances are registered with, under the older and the newer name.

use super::group::{self, Group};
use super::{pages, validation};
use crate::aws::context::Ctx;
use crate::aws::elbv2::registration;
use crate::aws::elbv2::target_group::TargetGroup;
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

/// The type of target groups among traffic sources.
pub(super) const TYPE: &str = "elbv2";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "AttachLoadBalancerTargetGroups",
        accepts: &["AutoScalingGroupName", "TargetGroupARNs"],
        handler: |ctx, params| attach(ctx, params, &params.strings("TargetGroupARNs")),
    },
    Operation {
        name: "DetachLoadBalancerTargetGroups",
        accepts: &["AutoScalingGroupName", "TargetGroupARNs"],
        handler: |ctx, params| detach(ctx, params, &params.strings("TargetGroupARNs")),
    },
    Operation {
        name: "DescribeLoadBalancerTargetGroups",
        accepts: &["AutoScalingGroupName", "NextToken", "MaxRecords"],
        handler: describe_target_groups,
    },
    Operation {
        name: "AttachTrafficSources",
        accepts: &[
            "AutoScalingGroupName",
            "TrafficSources.Identifier",
            "TrafficSources.Type",
            "SkipZonalShiftValidation",
        ],
        handler: |ctx, params| attach(ctx, params, &sources(params)?),
    },
    Operation {
        name: "DetachTrafficSources",
        accepts: &[
            "AutoScalingGroupName",
            "TrafficSources.Identifier",
            "TrafficSources.Type",
        ],
        handler: |ctx, params| detach(ctx, params, &sources(params)?),
    },
    Operation {
        name: "DescribeTrafficSources",
        accepts: &[
            "AutoScalingGroupName",
            "TrafficSourceType",
            "NextToken",
            "MaxRecords",
        ],
        handler: describe_sources,
    },
];

fn sources(params: &Params) -> AwsResult<Vec<&str>> {
    let mut arns = Vec::new();
    for source in params.items("TrafficSources") {
        if source.str("Type").is_some_and(|kind| kind != TYPE) {
            return Err(validation(
                "Only traffic sources of type elbv2 are supported by the sandbox",
            ));
        }
        arns.push(source.require("Identifier")?);
    }
    Ok(arns)
}

fn attach(ctx: &mut Ctx<'_>, params: &Params, arns: &[&str]) -> AwsResult<Xml> {
    let mut group = group::find(ctx, params)?.edit();
    if arns.is_empty() {
        return Err(validation("At least one target group must be given"));
    }
    for arn in arns {
        let Some(target_group) = ctx.get::<TargetGroup>(arn) else {
            return Err(validation(format!(
                "Provided Target Groups may not be valid. Please ensure they exist and try again: {arn}"
            )));
        };
        if !target_group.takes_instances() {
            let message = format!("Provided Target Group {arn} does not have target type instance");
            return Err(validation(message));
        }
        if !group.target_groups.iter().any(|known| known == arn) {
            group.target_groups.push((*arn).to_owned());
        }
    }
    group::put(ctx, group);
    Ok(Xml::new())
}

fn detach(ctx: &mut Ctx<'_>, params: &Params, arns: &[&str]) -> AwsResult<Xml> {
    let mut group = group::find(ctx, params)?.edit();
    for arn in arns {
        let before = group.target_groups.len();
        group.target_groups.retain(|known| known != arn);
        if group.target_groups.len() == before {
            let message =
                format!("Trying to remove Target Groups that are not part of the group: {arn}");
            return Err(validation(message));
        }
        registration::sync(ctx, arn, &group.name, &[]);
    }
    ctx.put(group);
    Ok(Xml::new())
}

fn state(ctx: &Ctx<'_>, group: &Group) -> &'static str {
    if ctx.past(group.ready_at) {
        "InService"
    } else {
        "Adding"
    }
}

fn describe_target_groups(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = group::find(ctx, params)?;
    let mut arns = group.target_groups.clone();
    arns.sort();
    let page = pages(arns, String::as_str, params)?;
    let mut xml = Xml::new();
    xml.list(
        "LoadBalancerTargetGroups",
        "member",
        &page.items,
        |xml, arn| {
            xml.text("LoadBalancerTargetGroupARN", arn)
                .text("State", state(ctx, &group));
        },
    )
    .opt("NextToken", page.next);
    Ok(xml)
}

fn describe_sources(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = group::find(ctx, params)?;
    let wanted = params
        .str("TrafficSourceType")
        .is_none_or(|kind| kind == TYPE);
    let mut arns = if wanted {
        group.target_groups.clone()
    } else {
        Vec::new()
    };
    arns.sort();
    let page = pages(arns, String::as_str, params)?;
    let mut xml = Xml::new();
    xml.list("TrafficSources", "member", &page.items, |xml, arn| {
        xml.text("TrafficSource", arn)
            .text("State", state(ctx, &group))
            .text("Identifier", arn)
            .text("Type", TYPE);
    })
    .opt("NextToken", page.next);
    Ok(xml)
}
