//! Target groups and how they check health. Targets are in `registration`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::listener::Listener;
use super::registration;
use super::rule::Rule;
use super::{
    attributes, check_name, configuration, load_balancer, pages, require, tagging, validation,
};
use crate::aws::context::Ctx;
use crate::aws::ec2::vpc::Vpc;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::token;
use crate::world::{Document, Listed, Stored};

/// Target groups per region.
pub(crate) const QUOTA: usize = 3000;

/// A target group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TargetGroup {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) protocol: String,
    version: String,
    pub(super) port: Option<u32>,
    vpc: Option<String>,
    pub(super) target_type: String,
    ip_address_type: String,
    pub(super) health: Health,
    attributes: BTreeMap<String, String>,
    fingerprint: String,
}

/// A health check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Health {
    pub(super) enabled: bool,
    protocol: String,
    pub(super) port: String,
    path: Option<String>,
    interval: i64,
    timeout: i64,
    healthy: i64,
    unhealthy: i64,
    matcher: Option<String>,
}

impl Document for TargetGroup {
    const KIND: &'static str = "elbv2/target-group";

    fn id(&self) -> &str {
        &self.arn
    }

    fn links(&self) -> Vec<String> {
        vec![by_name(&self.name)]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_lb_target_group")
    }
}

fn by_name(name: &str) -> String {
    format!("name:{name}")
}

impl TargetGroup {
    /// Whether its targets are instances.
    pub(crate) fn takes_instances(&self) -> bool {
        self.target_type == "instance"
    }

    fn is_http(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTP" | "HTTPS")
    }
}

const HEALTH: [&str; 10] = [
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckEnabled",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher.HttpCode",
    "Matcher.GrpcCode",
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateTargetGroup",
        accepts: &[
            "Name",
            "Protocol",
            "ProtocolVersion",
            "Port",
            "VpcId",
            "TargetType",
            "Tags.Key",
            "Tags.Value",
            "IpAddressType",
            HEALTH[0],
            HEALTH[1],
            HEALTH[2],
            HEALTH[3],
            HEALTH[4],
            HEALTH[5],
            HEALTH[6],
            HEALTH[7],
            HEALTH[8],
            HEALTH[9],
        ],
        handler: create,
    },
    Operation {
        name: "DescribeTargetGroups",
        accepts: &[
            "LoadBalancerArn",
            "TargetGroupArns",
            "Names",
            "Marker",
            "PageSize",
        ],
        handler: describe,
    },
    Operation {
        name: "ModifyTargetGroup",
        accepts: &[
            "TargetGroupArn",
            HEALTH[0],
            HEALTH[1],
            HEALTH[2],
            HEALTH[3],
            HEALTH[4],
            HEALTH[5],
            HEALTH[6],
            HEALTH[7],
            HEALTH[8],
            HEALTH[9],
        ],
        handler: modify,
    },
    Operation {
        name: "DeleteTargetGroup",
        accepts: &["TargetGroupArn"],
        handler: delete,
    },
    Operation {
        name: "DescribeTargetGroupAttributes",
        accepts: &["TargetGroupArn"],
        handler: describe_attributes,
    },
    Operation {
        name: "ModifyTargetGroupAttributes",
        accepts: &["TargetGroupArn", "Attributes.Key", "Attributes.Value"],
        handler: modify_attributes,
    },
];

/// The target group of an ARN.
pub(super) fn find_arn(ctx: &Ctx<'_>, arn: &str) -> AwsResult<Stored<TargetGroup>> {
    if !arn.starts_with("arn:") || !arn.contains(":targetgroup/") {
        return Err(validation(format!(
            "'{arn}' is not a valid target group ARN"
        )));
    }
    ctx.get::<TargetGroup>(arn).ok_or_else(|| {
        AwsError::new(
            "TargetGroupNotFound",
            format!("Target groups '{arn}' not found"),
        )
    })
}

pub(super) fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<TargetGroup>> {
    find_arn(ctx, require(params, "TargetGroupArn")?)
}

fn number(params: &Params, name: &str, least: i64, most: i64) -> AwsResult<Option<i64>> {
    match params.int(name)? {
        Some(number) if !(least..=most).contains(&number) => Err(validation(format!(
            "{name} '{number}' must be between {least} and {most}"
        ))),
        number => Ok(number),
    }
}

/// A health check with the settings of a request over those it had.
fn health(params: &Params, mut health: Health, changing: bool) -> AwsResult<Health> {
    if let Some(protocol) = params.str("HealthCheckProtocol") {
        if !matches!(protocol, "HTTP" | "HTTPS" | "TCP") {
            return Err(validation(format!(
                "Health check protocol '{protocol}' must be one of: HTTP, HTTPS, TCP"
            )));
        }
        if health.protocol == "TCP" && protocol != "TCP" {
            health.path.get_or_insert_with(|| "/".to_owned());
            health.matcher.get_or_insert_with(|| "200-399".to_owned());
            if !changing {
                health.timeout = 6;
            }
        }
        protocol.clone_into(&mut health.protocol);
    }
    let http = health.protocol != "TCP";
    if let Some(port) = params.str("HealthCheckPort") {
        if port != "traffic-port" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(validation(format!(
                "Health check port '{port}' must be a number between 1 and 65535 or 'traffic-port'"
            )));
        }
        port.clone_into(&mut health.port);
    }
    if let Some(path) = params.str("HealthCheckPath") {
        if !http {
            return Err(configuration(
                "Health check path can only be specified for HTTP and HTTPS health checks",
            ));
        }
        if !path.starts_with('/') || path.len() > 1024 {
            return Err(validation(format!(
                "Health check path '{path}' must begin with a forward slash ('/')"
            )));
        }
        health.path = Some(path.to_owned());
    }
    let matcher = params
        .node("Matcher")
        .and_then(|node| node.str("HttpCode").or_else(|| node.str("GrpcCode")));
    if let Some(matcher) = matcher {
        if !http {
            return Err(configuration(
                "Health check matcher can only be specified for HTTP and HTTPS health checks",
            ));
        }
        health.matcher = Some(matcher.to_owned());
    }
    health.enabled = params.bool("HealthCheckEnabled")?.unwrap_or(health.enabled);
    health.interval =
        number(params, "HealthCheckIntervalSeconds", 5, 300)?.unwrap_or(health.interval);
    health.timeout = number(params, "HealthCheckTimeoutSeconds", 2, 120)?.unwrap_or(health.timeout);
    health.healthy = number(params, "HealthyThresholdCount", 2, 10)?.unwrap_or(health.healthy);
    health.unhealthy =
        number(params, "UnhealthyThresholdCount", 2, 10)?.unwrap_or(health.unhealthy);
    if health.timeout >= health.interval && http {
        return Err(validation(format!(
            "Health check timeout '{}' must be smaller than the interval '{}'",
            health.timeout, health.interval
        )));
    }
    if !http {
        health.path = None;
        health.matcher = None;
    }
    Ok(health)
}

fn default_health(protocol: &str, target_type: &str, version: &str) -> Health {
    let http = matches!(protocol, "HTTP" | "HTTPS");
    let checked = if http || target_type == "lambda" {
        "HTTP"
    } else {
        "TCP"
    };
    let (path, matcher) = match (http, version) {
        (true, "GRPC") => (Some("/AWS.ALB/healthcheck"), Some("12")),
        (true, _) => (Some("/"), Some("200")),
        _ => (None, None),
    };
    Health {
        enabled: target_type != "lambda",
        protocol: checked.to_owned(),
        port: "traffic-port".to_owned(),
        path: path.map(str::to_owned),
        interval: 30,
        timeout: if http { 5 } else { 10 },
        healthy: 5,
        unhealthy: 2,
        matcher: matcher.map(str::to_owned),
    }
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = require(params, "Name")?;
    check_name("target group", name)?;
    let target_type = params.str("TargetType").unwrap_or("instance");
    if !matches!(target_type, "instance" | "ip" | "lambda" | "alb") {
        return Err(validation(format!(
            "Value '{target_type}' at 'targetType' failed to satisfy constraint"
        )));
    }
    let lambda = target_type == "lambda";
    let protocol = if lambda {
        ""
    } else {
        require(params, "Protocol").map_err(|_| validation("A protocol must be specified"))?
    };
    if !lambda
        && !matches!(
            protocol,
            "HTTP" | "HTTPS" | "TCP" | "TLS" | "UDP" | "TCP_UDP" | "GENEVE"
        )
    {
        return Err(validation(format!(
            "Value '{protocol}' at 'protocol' failed to satisfy constraint"
        )));
    }
    if target_type == "alb" && protocol != "TCP" {
        return Err(validation("Protocol must be TCP for target type alb"));
    }
    let port = number(params, "Port", 1, 65535)?.map(|port| port as u32);
    let vpc = params.str("VpcId");
    if !lambda {
        if port.is_none() {
            return Err(validation("A port must be specified"));
        }
        let id = vpc.ok_or_else(|| validation("A VPC ID must be specified"))?;
        if !ctx.exists::<Vpc>(id) {
            return Err(validation(format!("The VPC ID '{id}' is not found")));
        }
    }
    let version = params.str("ProtocolVersion").unwrap_or("HTTP1");
    if !matches!(version, "HTTP1" | "HTTP2" | "GRPC") {
        return Err(validation(format!(
            "Protocol version '{version}' must be one of: HTTP1, HTTP2, GRPC"
        )));
    }
    let tags = tagging::read(params)?;
    let fingerprint = token::fingerprint(&params.to_json().to_string());
    if let Some(old) = ctx
        .referrers::<TargetGroup>(&by_name(name))
        .into_iter()
        .next()
    {
        if old.fingerprint == fingerprint {
            return Ok(answer(ctx, &[old]));
        }
        let message = format!(
            "A target group with the same name '{name}' exists, but with different settings"
        );
        return Err(AwsError::new("DuplicateTargetGroupName", message));
    }
    if ctx.count::<TargetGroup>() >= QUOTA {
        return Err(AwsError::new(
            "TooManyTargetGroups",
            "The maximum number of target groups has been reached",
        ));
    }
    let health = health(
        params,
        default_health(protocol, target_type, version),
        false,
    )?;
    let id = ctx.new_hex(16);
    let arn = ctx.arn("elasticloadbalancing", &format!("targetgroup/{name}/{id}"));
    let group = TargetGroup {
        arn: arn.clone(),
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        version: version.to_owned(),
        port,
        vpc: vpc.map(str::to_owned),
        target_type: target_type.to_owned(),
        ip_address_type: params.str("IpAddressType").unwrap_or("ipv4").to_owned(),
        health,
        attributes: BTreeMap::new(),
        fingerprint,
    };
    ctx.put_tagged(group, tags);
    let group = find_arn(ctx, &arn)?;
    Ok(answer(ctx, &[group]))
}

/// ARNs of the load balancers whose listeners or rules forward to a target group.
pub(super) fn balancers(ctx: &Ctx<'_>, arn: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = ctx
        .referrers::<Listener>(arn)
        .iter()
        .map(|listener| listener.balancer.clone())
        .collect();
    for rule in ctx.referrers::<Rule>(arn) {
        found.extend(
            ctx.get::<Listener>(&rule.listener)
                .map(|listener| listener.balancer.clone()),
        );
    }
    found
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arns = params.strings("TargetGroupArns");
    let names = params.strings("Names");
    let balancer = params.str("LoadBalancerArn");
    let given = [!arns.is_empty(), !names.is_empty(), balancer.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(validation(
            "Target group ARNs, names and a load balancer ARN cannot be specified together",
        ));
    }
    let mut found = Vec::new();
    if let Some(arn) = balancer {
        load_balancer::find_arn(ctx, arn)?;
        found = ctx.list::<TargetGroup>();
        found.retain(|group| balancers(ctx, &group.arn).contains(arn));
    } else if !given.contains(&true) {
        found = ctx.list::<TargetGroup>();
    }
    for arn in arns {
        found.push(find_arn(ctx, arn)?);
    }
    for name in names {
        let by_name = ctx
            .referrers::<TargetGroup>(&by_name(name))
            .into_iter()
            .next();
        let missing =
            || AwsError::new("TargetGroupNotFound", "One or more target groups not found");
        found.push(by_name.ok_or_else(missing)?);
    }
    found.sort_by(|a, b| a.arn.cmp(&b.arn));
    found.dedup_by(|a, b| a.arn == b.arn);
    let page = pages(found, |group| group.arn.as_str(), params)?;
    let mut xml = answer(ctx, &page.items);
    xml.opt("NextMarker", page.next);
    Ok(xml)
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut group = find(ctx, params)?.edit();
    group.health = health(params, group.health, true)?;
    let arn = group.arn.clone();
    ctx.put(group);
    let group = find_arn(ctx, &arn)?;
    Ok(answer(ctx, &[group]))
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arn = require(params, "TargetGroupArn")?;
    // Deleting what is not there is no error.
    if ctx.get::<TargetGroup>(arn).is_none() {
        return Ok(Xml::new());
    }
    if ctx.referred::<Listener>(arn) || ctx.referred::<Rule>(arn) {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(AwsError::new("ResourceInUse", message));
    }
    registration::remove_all(ctx, arn);
    ctx.delete::<TargetGroup>(arn);
    Ok(Xml::new())
}

fn describe_attributes(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let group = find(ctx, params)?;
    Ok(attributes::answer(
        attributes::Of::TargetGroup(&group.protocol),
        &group.attributes,
    ))
}

fn modify_attributes(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut group = find(ctx, params)?.edit();
    let of = attributes::Of::TargetGroup(&group.protocol);
    let changed = attributes::change(of, &group.attributes, params)?;
    let answer = attributes::answer(of, &changed);
    group.attributes = changed;
    ctx.put(group);
    Ok(answer)
}

fn answer(ctx: &Ctx<'_>, groups: &[Stored<TargetGroup>]) -> Xml {
    let mut xml = Xml::new();
    xml.list("TargetGroups", "member", groups, |xml, group| {
        write(xml, ctx, group);
    });
    xml
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, group: &TargetGroup) {
    let health = &group.health;
    xml.text("TargetGroupArn", &group.arn)
        .text("TargetGroupName", &group.name);
    if !group.protocol.is_empty() {
        xml.text("Protocol", &group.protocol);
    }
    xml.opt("Port", group.port)
        .opt("VpcId", group.vpc.as_ref())
        .text("HealthCheckProtocol", &health.protocol)
        .text("HealthCheckPort", &health.port)
        .text("HealthCheckEnabled", health.enabled)
        .text("HealthCheckIntervalSeconds", health.interval)
        .text("HealthCheckTimeoutSeconds", health.timeout)
        .text("HealthyThresholdCount", health.healthy)
        .text("UnhealthyThresholdCount", health.unhealthy)
        .opt("HealthCheckPath", health.path.as_ref());
    if let Some(matcher) = &health.matcher {
        xml.node("Matcher", |xml| {
            xml.text(
                if group.version == "GRPC" {
                    "GrpcCode"
                } else {
                    "HttpCode"
                },
                matcher,
            );
        });
    }
    xml.texts("LoadBalancerArns", "member", balancers(ctx, &group.arn))
        .text("TargetType", &group.target_type);
    if group.is_http() {
        xml.text("ProtocolVersion", &group.version);
    }
    xml.text("IpAddressType", &group.ip_address_type);
}
