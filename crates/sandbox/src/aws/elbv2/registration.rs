//! Targets of target groups, registered by clients or by an Auto Scaling group, and how healthy they are.

use serde::{Deserialize, Serialize};

use super::target_group::{self, TargetGroup};
use super::{require, validation};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::NetworkInterface;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::Millis;
use crate::latency::Work;
use crate::world::Document;

/// A registered target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Target {
    /// Target group, target and port.
    id: String,
    group: String,
    target: String,
    port: Option<u32>,
    zone: Option<String>,
    /// The Auto Scaling group that registered it, if one did.
    source: Option<String>,
    healthy_at: Millis,
}

impl Document for Target {
    const KIND: &'static str = "elbv2/target";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.group.clone()]
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "RegisterTargets",
        accepts: &[
            "TargetGroupArn",
            "Targets.Id",
            "Targets.Port",
            "Targets.AvailabilityZone",
        ],
        handler: register,
    },
    Operation {
        name: "DeregisterTargets",
        accepts: &[
            "TargetGroupArn",
            "Targets.Id",
            "Targets.Port",
            "Targets.AvailabilityZone",
        ],
        handler: deregister,
    },
    Operation {
        name: "DescribeTargetHealth",
        accepts: &[
            "TargetGroupArn",
            "Targets.Id",
            "Targets.Port",
            "Targets.AvailabilityZone",
            "Include",
        ],
        handler: health,
    },
];

fn key(group: &str, target: &str, port: Option<u32>) -> String {
    format!(
        "{group}\u{0}{target}:{}",
        port.map(|port| port.to_string()).unwrap_or_default()
    )
}

fn put(
    ctx: &mut Ctx<'_>,
    group: &TargetGroup,
    target: &str,
    port: Option<u32>,
    zone: Option<String>,
    source: Option<&str>,
) {
    let port = port.or(group.port);
    let id = key(&group.arn, target, port);
    if ctx.exists::<Target>(&id) {
        return;
    }
    ctx.put(Target {
        id,
        group: group.arn.clone(),
        target: target.to_owned(),
        port,
        zone,
        source: source.map(str::to_owned),
        healthy_at: ctx.due(Work::TargetRegistration),
    });
}

/// Makes the targets that an Auto Scaling group has registered be these instances.
pub(crate) fn sync(ctx: &mut Ctx<'_>, group: &str, source: &str, instances: &[String]) {
    for target in ctx.referrers::<Target>(group) {
        if target.source.as_deref() == Some(source) && !instances.contains(&target.target) {
            ctx.delete::<Target>(&target.id);
        }
    }
    let Some(group) = ctx.get::<TargetGroup>(group) else {
        return;
    };
    for instance in instances {
        put(ctx, &group, instance, None, None, Some(source));
    }
}

/// Takes all targets of a group away.
pub(super) fn remove_all(ctx: &mut Ctx<'_>, group: &str) {
    for target in ctx.referrers::<Target>(group) {
        ctx.delete::<Target>(&target.id);
    }
}

fn port(target: &Params) -> AwsResult<Option<u32>> {
    match target.int("Port")? {
        None => Ok(None),
        Some(port @ 1..=65535) => Ok(Some(port as u32)),
        Some(port) => Err(validation(format!(
            "Target port '{port}' must be between 1 and 65535"
        ))),
    }
}

fn register(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = target_group::find(ctx, params)?;
    let targets = params.items("Targets");
    if targets.is_empty() {
        return Err(validation("At least one target must be specified"));
    }
    for target in targets {
        let id = require(target, "Id")?;
        let bad = |message: String| Err(AwsError::new("InvalidTarget", message));
        match group.target_type.as_str() {
            "instance" if !ctx.referred::<NetworkInterface>(id) => {
                return bad(format!(
                    "The following targets are not in a running state and cannot be registered: '{id}'"
                ));
            }
            "ip" if id.parse::<std::net::IpAddr>().is_err() => {
                return Err(validation(format!(
                    "The IP address '{id}' is not a valid IPv4 or IPv6 address"
                )));
            }
            "lambda" | "alb" if !id.starts_with("arn:") => {
                return Err(validation(format!("'{id}' is not a valid ARN")));
            }
            _ => {}
        }
        let zone = target.str("AvailabilityZone").map(str::to_owned);
        put(ctx, &group, id, port(target)?, zone, None);
    }
    Ok(Xml::new())
}

fn deregister(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = target_group::find(ctx, params)?;
    for target in params.items("Targets") {
        let id = require(target, "Id")?;
        let port = port(target)?;
        let found: Vec<_> = ctx
            .referrers::<Target>(&group.arn)
            .into_iter()
            .filter(|known| known.target == id && port.is_none_or(|port| known.port == Some(port)))
            .collect();
        if found.is_empty() && group.target_type != "instance" {
            let message = format!("The following targets are not registered: '{id}'");
            return Err(AwsError::new("InvalidTarget", message));
        }
        for target in found {
            ctx.delete::<Target>(&target.id);
        }
    }
    Ok(Xml::new())
}

fn health(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = target_group::find(ctx, params)?;
    let mut targets: Vec<Target> = ctx
        .referrers::<Target>(&group.arn)
        .iter()
        .map(crate::world::Stored::edit)
        .collect();
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    let wanted = params.items("Targets");
    let mut missing = Vec::new();
    if !wanted.is_empty() {
        let mut chosen = Vec::new();
        for target in wanted {
            let id = require(target, "Id")?;
            let port = port(target)?.or(group.port);
            match targets
                .iter()
                .find(|known| known.target == id && known.port == port)
            {
                Some(known) => chosen.push(known.clone()),
                None => missing.push((id.to_owned(), port)),
            }
        }
        targets = chosen;
    }
    let used = !target_group::balancers(ctx, &group.arn).is_empty();
    let mut xml = Xml::new();
    let known = targets.into_iter().map(|target| {
        let state = match (used, group.health.enabled, ctx.past(target.healthy_at)) {
            (false, ..) => (
                "unused",
                Some((
                    "Target.NotInUse",
                    "Target group is not configured to receive traffic from the load balancer",
                )),
            ),
            (true, true, false) => (
                "initial",
                Some((
                    "Elb.RegistrationInProgress",
                    "Target registration is in progress",
                )),
            ),
            (true, true, true) => ("healthy", None),
            (true, false, _) => (
                "unavailable",
                Some((
                    "Target.HealthCheckDisabled",
                    "Health checks are not enabled for this target",
                )),
            ),
        };
        (target.target, target.port, target.zone, state)
    });
    let unknown = missing.into_iter().map(|(id, port)| {
        (
            id,
            port,
            None,
            (
                "unused",
                Some((
                    "Target.NotRegistered",
                    "Target is not registered to the target group",
                )),
            ),
        )
    });
    let check_port = |port: Option<u32>| match group.health.port.as_str() {
        "traffic-port" => port.map(|port| port.to_string()).unwrap_or_default(),
        fixed => fixed.to_owned(),
    };
    xml.list(
        "TargetHealthDescriptions",
        "member",
        known.chain(unknown),
        |xml, (id, port, zone, (state, reason))| {
            xml.node("Target", |xml| {
                xml.text("Id", id)
                    .opt("Port", port)
                    .opt("AvailabilityZone", zone);
            })
            .text("HealthCheckPort", check_port(port))
            .node("TargetHealth", |xml| {
                xml.text("State", state);
                if let Some((reason, description)) = reason {
                    xml.text("Reason", reason).text("Description", description);
                }
            });
        },
    );
    Ok(xml)
}
