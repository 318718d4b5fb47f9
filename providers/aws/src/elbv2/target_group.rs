//! `aws_lb_target_group`.

use super::attributes::{self, Making, Of, Pairs, fill};
use super::load_balancer::check_name;
use super::target_group_attributes::{
    ATTRIBUTES, LAMBDA, configure, health_state, kind, stickiness,
};
use super::{list, suffix, tagging, there};
use crate::batch;
use crate::client::Client;
use crate::family::ELB_WRITE;
use crate::naming;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup as Found, TargetGroupIpAddressTypeEnum, TargetTypeEnum,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource, Type,
    Value,
};

/// Targets of load balancers, and how they are checked.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct TargetGroupRecord {
    /// Its name, up to 32 letters, digits and hyphens. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with, up to 6 characters.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// `instance`, `ip`, `lambda` or `alb`.
    #[record(optional, force_new, default = "instance")]
    pub(crate) target_type: String,
    /// The port of the targets. Not for `lambda`.
    #[record(optional, force_new)]
    pub(crate) port: Option<i32>,
    /// `HTTP`, `HTTPS`, `TCP`, `UDP`, `TCP_UDP`, `TLS` or `GENEVE`. Not for `lambda`.
    #[record(optional, force_new)]
    pub(crate) protocol: Option<String>,
    /// `HTTP1`, `HTTP2` or `GRPC`.
    #[record(optional, computed, force_new)]
    pub(crate) protocol_version: Option<String>,
    /// The VPC of the targets. Not for `lambda`.
    #[record(optional, force_new)]
    pub(crate) vpc_id: Option<String>,
    /// `ipv4` or `ipv6`.
    #[record(optional, computed, force_new)]
    pub(crate) ip_address_type: Option<String>,
    /// How targets are checked.
    #[record(block, max = 1, computed)]
    pub(crate) health_check: Vec<HealthCheck>,
    /// Whether a client comes back to the same target.
    #[record(block, max = 1, computed)]
    pub(crate) stickiness: Vec<Stickiness>,
    /// What happens to connections of unhealthy targets, behind a network load balancer.
    #[record(block, max = 1, computed)]
    pub(crate) target_health_state: Vec<TargetHealthState>,
    /// Seconds for which a leaving target goes on answering.
    #[record(optional, default = 300)]
    pub(crate) deregistration_delay: i64,
    /// Seconds over which a new target's share of requests grows.
    #[record(optional, default = 0)]
    pub(crate) slow_start: i64,
    /// `round_robin`, `least_outstanding_requests` or `weighted_random`.
    #[record(optional, computed)]
    pub(crate) load_balancing_algorithm_type: Option<String>,
    /// `on` or `off`: whether targets that behave oddly get less.
    #[record(optional, computed)]
    pub(crate) load_balancing_anomaly_mitigation: Option<String>,
    /// `true`, `false` or `use_load_balancer_configuration`.
    #[record(optional, computed)]
    pub(crate) load_balancing_cross_zone_enabled: Option<String>,
    /// Whether connections are closed when a target has left.
    #[record(optional, computed)]
    pub(crate) connection_termination: Option<bool>,
    /// Whether targets see the clients' addresses.
    #[record(optional, computed)]
    pub(crate) preserve_client_ip: Option<bool>,
    /// Whether connections start with a proxy protocol header.
    #[record(optional, default = false)]
    pub(crate) proxy_protocol_v2: bool,
    /// Whether a function gets repeated headers as lists.
    #[record(optional, default = false)]
    pub(crate) lambda_multi_value_headers_enabled: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// What metrics call it.
    #[record(computed)]
    pub(crate) arn_suffix: Option<String>,
}

/// How targets are checked.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct HealthCheck {
    /// Whether they are.
    #[record(optional, default = true)]
    pub(crate) enabled: bool,
    /// `HTTP`, `HTTPS` or `TCP`.
    #[record(optional, default = "HTTP")]
    pub(crate) protocol: String,
    /// A port, or `traffic-port` for the targets' own.
    #[record(optional, default = "traffic-port")]
    pub(crate) port: String,
    /// What is asked for over HTTP.
    #[record(optional, computed)]
    pub(crate) path: Option<String>,
    /// The answers that are healthy, as `200-399`.
    #[record(optional, computed)]
    pub(crate) matcher: Option<String>,
    /// Seconds between checks.
    #[record(optional, default = 30)]
    pub(crate) interval: i32,
    /// Seconds to wait for an answer.
    #[record(optional, computed)]
    pub(crate) timeout: Option<i32>,
    /// Good checks in a row that make a target healthy.
    #[record(optional, default = 3)]
    pub(crate) healthy_threshold: i32,
    /// Bad checks in a row that make a target unhealthy.
    #[record(optional, default = 3)]
    pub(crate) unhealthy_threshold: i32,
}

/// Whether a client comes back to the same target.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Stickiness {
    /// `lb_cookie`, `app_cookie`, `source_ip`, `source_ip_dest_ip` or `source_ip_dest_ip_proto`.
    #[record(required, rename = "type")]
    pub(crate) kind: String,
    /// Whether it does.
    #[record(optional, default = true)]
    pub(crate) enabled: bool,
    /// Seconds for which a cookie holds.
    #[record(optional, default = 86400)]
    pub(crate) cookie_duration: i64,
    /// The application's own cookie.
    #[record(optional)]
    pub(crate) cookie_name: Option<String>,
}

/// What happens to connections of unhealthy targets.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct TargetHealthState {
    /// Whether they are closed.
    #[record(required)]
    pub(crate) enable_unhealthy_connection_termination: bool,
    /// Seconds to wait when they are not.
    #[record(optional)]
    pub(crate) unhealthy_draining_interval: Option<i64>,
}

pub(crate) struct TargetGroup;

#[async_trait]
impl Resource<Client> for TargetGroup {
    type Record = TargetGroupRecord;
    const TYPE: &'static str = "aws_lb_target_group";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(ELB_WRITE.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<TargetGroupRecord>(request, planned, ("name", "name_prefix"));
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        let check = |value: &Value| value.get("health_check")?.elements()?.first().cloned();
        let (Some(old), Some(mut new)) = (check(prior), check(&planned.value)) else {
            return Ok(());
        };
        if old.get("protocol") == new.get("protocol") {
            return Ok(());
        }
        // A check over another protocol has another path, matcher and timeout, unless they are said.
        let said = check(request.config);
        for (name, ty) in [
            ("path", Type::String),
            ("matcher", Type::String),
            ("timeout", Type::Number),
        ] {
            let said = said.as_ref().and_then(|c| c.get(name));
            if said.is_none_or(Value::is_null) {
                new = new.with_attribute(name, Value::Unknown(ty));
            }
        }
        let block = TargetGroupRecord::block();
        if let Some(nested) = block.blocks.get("health_check") {
            let list = Value::list(nested.block.implied_type(), vec![new]);
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("health_check", list);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = Vec::new();
        if let Some(name) = config.get("name").and_then(Value::as_str) {
            errors.extend(check_name(name, 32));
        }
        let kind = config.get("target_type").cloned().unwrap_or(Value::NULL);
        if kind.is_unknown() || kind.as_str() == Some(LAMBDA) {
            return errors;
        }
        for name in ["port", "protocol", "vpc_id"] {
            if config.get(name).is_none_or(Value::is_null) {
                errors.push(ProviderError::invalid(
                    name,
                    format!(
                        "a target group needs `{name}`, unless its `target_type` is \"lambda\""
                    ),
                ));
            }
        }
        errors
    }

    fn id(record: &TargetGroupRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<TargetGroupRecord>],
    ) -> Vec<Result<Option<TargetGroupRecord>, ProviderError>> {
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(
            &ids,
            |g: &Found| g.target_group_arn.clone(),
            |arn| named(client, context, arn.map(|a| vec![a]), None),
        )
        .await;
        let making = Making {
            of: Of::TargetGroup,
            arn: |f: &Found| f.target_group_arn.clone(),
            record,
            tags: |r: &mut TargetGroupRecord| (&mut r.tags, &mut r.tags_all),
            prior_tags: |r| &r.tags,
        };
        attributes::records(client, context, items, found, making).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: TargetGroupRecord,
    ) -> Result<TargetGroupRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let check = desired.health_check.first();
        let request = client
            .elbv2()
            .create_target_group()
            .name(&name)
            .target_type(TargetTypeEnum::from(desired.target_type.as_str()))
            .set_port(desired.port)
            .set_protocol(desired.protocol.as_deref().map(ProtocolEnum::from))
            .set_protocol_version(desired.protocol_version.clone())
            .set_vpc_id(desired.vpc_id.clone())
            .set_ip_address_type(
                desired
                    .ip_address_type
                    .as_deref()
                    .map(TargetGroupIpAddressTypeEnum::from),
            )
            .set_health_check_enabled(check.map(|c| c.enabled))
            .set_health_check_protocol(check.and_then(|c| protocol(c, &desired)))
            .set_health_check_port(check.and_then(|c| port(c, &desired)))
            .set_health_check_path(check.and_then(path))
            .set_matcher(check.and_then(|c| matcher(c, &desired)))
            .set_health_check_interval_seconds(check.map(|c| c.interval))
            .set_health_check_timeout_seconds(check.and_then(|c| c.timeout))
            .set_healthy_threshold_count(check.map(|c| c.healthy_threshold))
            .set_unhealthy_threshold_count(check.map(|c| c.unhealthy_threshold))
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)));
        let arn = client
            .begin_named(
                context,
                operation,
                ELB_WRITE,
                "CreateTargetGroup",
                || find(client, context, operation, &name),
                || request.clone().send(),
                |made| made.target_groups().first()?.target_group_arn(),
            )
            .await?;
        configure(client, context, &arn, &desired).await?;
        wait::settled::<TargetGroup>(client, context, operation, &arn, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: TargetGroupRecord,
        desired: TargetGroupRecord,
    ) -> Result<TargetGroupRecord, ProviderError> {
        let arn = TargetGroup::id(&prior);
        if let Some(check) = desired.health_check.first() {
            client
                .call(context, ELB_WRITE, "ModifyTargetGroup", || {
                    client
                        .elbv2()
                        .modify_target_group()
                        .target_group_arn(&arn)
                        .health_check_enabled(check.enabled)
                        .set_health_check_protocol(protocol(check, &desired))
                        .set_health_check_port(port(check, &desired))
                        .set_health_check_path(path(check))
                        .set_matcher(matcher(check, &desired))
                        .health_check_interval_seconds(check.interval)
                        .set_health_check_timeout_seconds(check.timeout)
                        .healthy_threshold_count(check.healthy_threshold)
                        .unhealthy_threshold_count(check.unhealthy_threshold)
                        .send()
                })
                .await?;
        }
        configure(client, context, &arn, &desired).await?;
        let (before, own) = (&prior.tags_all, &desired.tags);
        tagging::update(client, context, operation, &arn, before, own).await?;
        wait::settled::<TargetGroup>(client, context, operation, &arn, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: TargetGroupRecord,
    ) -> Result<(), ProviderError> {
        let arn = TargetGroup::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, ELB_WRITE, "DeleteTargetGroup", || {
                client
                    .elbv2()
                    .delete_target_group()
                    .target_group_arn(&arn)
                    .send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: TargetGroupRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        find(client, context, operation, &name).await
    }
}

fn name(record: &TargetGroupRecord, operation: &Operation) -> String {
    naming::chosen(
        record.name.as_deref(),
        record.name_prefix.as_deref(),
        operation,
    )
}

/// A function is asked by itself, over no protocol and at no port.
fn protocol(check: &HealthCheck, record: &TargetGroupRecord) -> Option<ProtocolEnum> {
    (record.target_type != LAMBDA).then(|| ProtocolEnum::from(check.protocol.as_str()))
}

fn port(check: &HealthCheck, record: &TargetGroupRecord) -> Option<String> {
    (record.target_type != LAMBDA).then(|| check.port.clone())
}

fn path(check: &HealthCheck) -> Option<String> {
    check.path.clone().filter(|_| check.protocol != "TCP")
}

fn matcher(check: &HealthCheck, record: &TargetGroupRecord) -> Option<Matcher> {
    let codes = check.matcher.clone().filter(|_| check.protocol != "TCP")?;
    let builder = Matcher::builder();
    Some(if record.protocol_version.as_deref() == Some("GRPC") {
        builder.grpc_code(codes).build()
    } else {
        builder.http_code(codes).build()
    })
}

async fn named(
    client: &Client,
    context: &CallContext,
    arns: Option<Vec<String>>,
    names: Option<Vec<String>>,
) -> Result<Vec<Found>, ProviderError> {
    list!(client, context, "DescribeTargetGroups": describe_target_groups.set_target_group_arns(arns).set_names(names) => target_groups).await
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let found = there(named(client, context, None, Some(vec![name.to_owned()])).await)?;
    let arns = found.into_iter().filter_map(|g| g.target_group_arn);
    tagging::whose(client, context, operation, arns.collect()).await
}

fn record(
    found: Found,
    attributes: &Pairs,
    prior: Option<&TargetGroupRecord>,
) -> TargetGroupRecord {
    let arn = found.target_group_arn.clone().unwrap_or_default();
    let check = health_check(&found, prior);
    let mut record = TargetGroupRecord {
        name_prefix: prior.and_then(|p| p.name_prefix.clone()),
        target_type: found
            .target_type()
            .map_or("instance", TargetTypeEnum::as_str)
            .to_owned(),
        port: found.port,
        protocol: found.protocol().map(|p| p.as_str().to_owned()),
        ip_address_type: found.ip_address_type().map(|t| t.as_str().to_owned()),
        health_check: vec![check],
        stickiness: stickiness(attributes, prior),
        target_health_state: health_state(attributes, prior),
        arn_suffix: suffix(&arn),
        id: Some(arn.clone()),
        arn: Some(arn),
        name: found.target_group_name,
        protocol_version: found.protocol_version,
        vpc_id: found.vpc_id,
        ..TargetGroupRecord::default()
    };
    let kind = kind(&record).to_owned();
    fill(ATTRIBUTES, &kind, attributes, prior, &mut record);
    record
}

fn health_check(found: &Found, prior: Option<&TargetGroupRecord>) -> HealthCheck {
    let before = prior.and_then(|p| p.health_check.first());
    let matcher = found.matcher();
    let codes = matcher.and_then(|m| m.http_code.clone().or_else(|| m.grpc_code.clone()));
    HealthCheck {
        enabled: found.health_check_enabled.unwrap_or(true),
        // Functions have neither: what was said stays.
        protocol: found.health_check_protocol().map_or_else(
            || before.map_or_else(|| "HTTP".to_owned(), |b| b.protocol.clone()),
            |p| p.as_str().to_owned(),
        ),
        port: found.health_check_port.clone().unwrap_or_else(|| {
            before.map_or_else(|| "traffic-port".to_owned(), |b| b.port.clone())
        }),
        path: found.health_check_path.clone(),
        matcher: codes,
        interval: found.health_check_interval_seconds.unwrap_or(30),
        timeout: found.health_check_timeout_seconds,
        healthy_threshold: found.healthy_threshold_count.unwrap_or(3),
        unhealthy_threshold: found.unhealthy_threshold_count.unwrap_or(3),
    }
}
