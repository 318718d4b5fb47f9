//! `aws_lb`.

use super::attributes::{self, Making, Of};
use super::load_balancer_attributes::configure;
use super::load_balancer_view::record;
use super::{list, tagging, there};
use crate::batch;
use crate::client::Client;
use crate::family::ELB_WRITE;
use crate::naming;
use crate::tags::Tags;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    IpAddressType, LoadBalancer as Found, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum, SubnetMapping,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, Path, PlanRequest, Planned, ProviderError, Record,
    Recovered, Resource, Value, planning,
};
use std::collections::BTreeSet;

/// A load balancer: for HTTP (`application`), for connections (`network`), or in front of appliances (`gateway`).
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LoadBalancerRecord {
    /// Its name, up to 32 letters, digits and hyphens. Left out, one is made up.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// What a made-up name starts with, up to 6 characters.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
    /// `application`, `network` or `gateway`.
    #[record(optional, force_new, default = "application")]
    pub(crate) load_balancer_type: String,
    /// Whether it has private addresses only.
    #[record(optional, computed, force_new)]
    pub(crate) internal: Option<bool>,
    /// `ipv4`, `dualstack` or `dualstack-without-public-ipv4`.
    #[record(optional, computed)]
    pub(crate) ip_address_type: Option<String>,
    /// Security groups. A network load balancer that was made without can never have any.
    #[record(optional, computed)]
    pub(crate) security_groups: Option<BTreeSet<String>>,
    /// Subnets, one a zone; an application load balancer needs two.
    #[record(optional, computed)]
    pub(crate) subnets: Option<BTreeSet<String>>,
    /// Subnets with addresses of one's own, instead of `subnets`.
    #[record(block, set, computed)]
    pub(crate) subnet_mapping: Vec<SubnetMappingRecord>,
    /// Where requests are logged.
    #[record(block, max = 1)]
    pub(crate) access_logs: Vec<Logs>,
    /// Where connections are logged.
    #[record(block, max = 1)]
    pub(crate) connection_logs: Vec<Logs>,
    /// Seconds after which an idle connection is closed.
    #[record(optional, default = 60)]
    pub(crate) idle_timeout: i64,
    /// Seconds for which a client's connection is kept.
    #[record(optional, default = 3600)]
    pub(crate) client_keep_alive: i64,
    /// Whether it refuses to be deleted.
    #[record(optional, default = false, protects)]
    pub(crate) enable_deletion_protection: bool,
    /// Whether every zone's load goes to the targets of all zones. Application load balancers always do that.
    #[record(optional, default = false)]
    pub(crate) enable_cross_zone_load_balancing: bool,
    /// Whether HTTP/2 is spoken.
    #[record(optional, default = true)]
    pub(crate) enable_http2: bool,
    /// Whether headers tell the targets the TLS version and cipher.
    #[record(optional, default = false)]
    pub(crate) enable_tls_version_and_cipher_suite_headers: bool,
    /// Whether `X-Forwarded-For` keeps the client's port.
    #[record(optional, default = false)]
    pub(crate) enable_xff_client_port: bool,
    /// Whether requests pass when the firewall cannot be reached.
    #[record(optional, default = false)]
    pub(crate) enable_waf_fail_open: bool,
    /// Whether a zone may be shifted away from.
    #[record(optional, default = false)]
    pub(crate) enable_zonal_shift: bool,
    /// Whether headers with invalid names are dropped.
    #[record(optional, default = false)]
    pub(crate) drop_invalid_header_fields: bool,
    /// Whether the `Host` header is passed on as it is.
    #[record(optional, default = false)]
    pub(crate) preserve_host_header: bool,
    /// `append`, `preserve` or `remove`: what happens to `X-Forwarded-For`.
    #[record(optional, default = "append")]
    pub(crate) xff_header_processing_mode: String,
    /// `monitor`, `defensive` or `strictest`: how ambiguous requests are treated.
    #[record(optional, default = "defensive")]
    pub(crate) desync_mitigation_mode: String,
    /// `any_availability_zone`, `availability_zone_affinity` or `partial_availability_zone_affinity`.
    #[record(optional, default = "any_availability_zone")]
    pub(crate) dns_record_client_routing_policy: String,
    /// `on` or `off`: whether security groups also hold for traffic through PrivateLink.
    #[record(optional, computed)]
    pub(crate) enforce_security_group_inbound_rules_on_private_link_traffic: Option<String>,
    /// A pool of addresses of an Outpost.
    #[record(optional, force_new)]
    pub(crate) customer_owned_ipv4_pool: Option<String>,
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
    /// Its name in DNS.
    #[record(computed)]
    pub(crate) dns_name: Option<String>,
    /// The hosted zone of its DNS name, for aliases.
    #[record(computed)]
    pub(crate) zone_id: Option<String>,
    /// The VPC that it is in.
    #[record(computed)]
    pub(crate) vpc_id: Option<String>,
}

/// A subnet with an address of one's own.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SubnetMappingRecord {
    /// The subnet.
    #[record(required)]
    pub(crate) subnet_id: String,
    /// An elastic address, for one on the internet.
    #[record(optional)]
    pub(crate) allocation_id: Option<String>,
    /// A private address, for an internal one.
    #[record(optional)]
    pub(crate) private_ipv4_address: Option<String>,
    /// An IPv6 address.
    #[record(optional)]
    pub(crate) ipv6_address: Option<String>,
}

/// A place for logs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Logs {
    /// The bucket.
    #[record(required)]
    pub(crate) bucket: String,
    /// What the objects' names start with.
    #[record(optional)]
    pub(crate) prefix: Option<String>,
    /// Whether logs are written.
    #[record(optional, default = false)]
    pub(crate) enabled: bool,
}

pub(crate) struct LoadBalancer;

#[async_trait]
impl Resource<Client> for LoadBalancer {
    type Record = LoadBalancerRecord;
    const TYPE: &'static str = "aws_lb";

    fn traits() -> Traits {
        Traits::default()
            .seconds(150, 5, 15)
            .family(ELB_WRITE.name)
            .unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<LoadBalancerRecord>(request, planned, ("name", "name_prefix"));
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        let count = |value: &Value| {
            let groups = value.get("security_groups")?;
            Some(groups.elements().map_or(0, <[Value]>::len))
        };
        let network = prior.get("load_balancer_type").and_then(Value::as_str) == Some("network");
        let known = planned
            .value
            .get("security_groups")
            .is_some_and(|v| !v.is_unknown());
        // A network load balancer has security groups from the start or never.
        if network && known && (count(prior) == Some(0)) != (count(&planned.value) == Some(0)) {
            planned.replace.push(Path::attribute("security_groups"));
            return Ok(());
        }
        let block = LoadBalancerRecord::block();
        let changed = |name: &str| planned.value.get(name) != prior.get(name);
        let (subnets, mapping) = (changed("subnets"), changed("subnet_mapping"));
        if subnets && !mapping {
            if let Some(nested) = block.blocks.get("subnet_mapping") {
                let unknown = Value::Unknown(nested.value_type());
                let value = std::mem::replace(&mut planned.value, Value::NULL);
                planned.value = value.with_attribute("subnet_mapping", unknown);
            }
        } else if mapping && !subnets {
            planning::mark_unknown(planned, &block, &["subnets"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = Vec::new();
        if let Some(name) = config.get("name").and_then(Value::as_str) {
            errors.extend(check_name(name, 32));
            if name.starts_with("internal-") {
                errors.push(ProviderError::invalid(
                    "name",
                    "the name of a load balancer must not start with `internal-`",
                ));
            }
        }
        let given = |name: &str| {
            config
                .get(name)
                .is_some_and(|v| !v.is_null() && v.elements().is_none_or(|e| !e.is_empty()))
        };
        if !given("subnets") && !given("subnet_mapping") {
            errors.push(ProviderError::invalid(
                "subnets",
                "a load balancer needs `subnets` or `subnet_mapping`",
            ));
        }
        errors
    }

    fn id(record: &LoadBalancerRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<LoadBalancerRecord>],
    ) -> Vec<Result<Option<LoadBalancerRecord>, ProviderError>> {
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(
            &ids,
            |b: &Found| b.load_balancer_arn.clone(),
            |arn| named(client, context, arn.map(|a| vec![a]), None),
        )
        .await;
        let making = Making {
            of: Of::LoadBalancer,
            arn: |f: &Found| f.load_balancer_arn.clone(),
            record,
            tags: |r: &mut LoadBalancerRecord| (&mut r.tags, &mut r.tags_all),
            prior_tags: |r| &r.tags,
        };
        attributes::records(client, context, items, found, making).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: LoadBalancerRecord,
    ) -> Result<LoadBalancerRecord, ProviderError> {
        let name = name(&desired, operation);
        desired.name = Some(name.clone());
        let (subnets, mappings) = places(&desired);
        let gateway = desired.load_balancer_type == "gateway";
        let scheme = if desired.internal == Some(true) {
            LoadBalancerSchemeEnum::Internal
        } else {
            LoadBalancerSchemeEnum::InternetFacing
        };
        let request = client
            .elbv2()
            .create_load_balancer()
            .name(&name)
            .r#type(LoadBalancerTypeEnum::from(
                desired.load_balancer_type.as_str(),
            ))
            .set_scheme((!gateway).then_some(scheme))
            .set_ip_address_type(desired.ip_address_type.as_deref().map(IpAddressType::from))
            .set_security_groups(groups(&desired))
            .set_subnets(subnets)
            .set_subnet_mappings(mappings)
            .set_customer_owned_ipv4_pool(desired.customer_owned_ipv4_pool.clone())
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)));
        let arn = client
            .begin_named(
                context,
                operation,
                ELB_WRITE,
                "CreateLoadBalancer",
                || find(client, context, operation, &name),
                || request.clone().send(),
                |made| made.load_balancers().first()?.load_balancer_arn(),
            )
            .await?;
        active(client, context, operation, &arn).await?;
        configure(client, context, &arn, &desired).await?;
        if let Some(enforce) = &desired.enforce_security_group_inbound_rules_on_private_link_traffic
        {
            set_groups(client, context, &arn, &desired, Some(enforce)).await?;
        }
        wait::settled::<LoadBalancer>(client, context, operation, &arn, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: LoadBalancerRecord,
        desired: LoadBalancerRecord,
    ) -> Result<LoadBalancerRecord, ProviderError> {
        let arn = LoadBalancer::id(&prior);
        let enforce = &desired.enforce_security_group_inbound_rules_on_private_link_traffic;
        let enforced =
            *enforce != prior.enforce_security_group_inbound_rules_on_private_link_traffic;
        if prior.security_groups != desired.security_groups || enforced {
            let enforce = enforce.as_ref().filter(|_| enforced);
            set_groups(client, context, &arn, &desired, enforce).await?;
        }
        if places(&prior) != places(&desired) {
            let (subnets, mappings) = places(&desired);
            let kind = desired.ip_address_type.as_deref().map(IpAddressType::from);
            client
                .call(context, ELB_WRITE, "SetSubnets", || {
                    client
                        .elbv2()
                        .set_subnets()
                        .load_balancer_arn(&arn)
                        .set_subnets(subnets.clone())
                        .set_subnet_mappings(mappings.clone())
                        .set_ip_address_type(kind.clone())
                        .send()
                })
                .await?;
        } else if prior.ip_address_type != desired.ip_address_type
            && let Some(kind) = &desired.ip_address_type
        {
            client
                .call(context, ELB_WRITE, "SetIpAddressType", || {
                    client
                        .elbv2()
                        .set_ip_address_type()
                        .load_balancer_arn(&arn)
                        .ip_address_type(kind.as_str().into())
                        .send()
                })
                .await?;
        }
        configure(client, context, &arn, &desired).await?;
        let (before, own) = (&prior.tags_all, &desired.tags);
        tagging::update(client, context, operation, &arn, before, own).await?;
        active(client, context, operation, &arn).await?;
        wait::settled::<LoadBalancer>(client, context, operation, &arn, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: LoadBalancerRecord,
    ) -> Result<(), ProviderError> {
        let arn = LoadBalancer::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, ELB_WRITE, "DeleteLoadBalancer", || {
                client
                    .elbv2()
                    .delete_load_balancer()
                    .load_balancer_arn(&arn)
                    .send()
            })
        })
        .await?;
        wait::until(context, operation, wait::MINUTES, || {
            let arn = arn.clone();
            async move {
                match named(client, context, Some(vec![arn]), None).await {
                    Err(error) if error.kind == ErrorKind::NotFound => Ok(Progress::Done(())),
                    Err(error) => Err(error),
                    Ok(found) if found.is_empty() => Ok(Progress::Done(())),
                    Ok(_) => Ok(Progress::Pending("deleting".to_owned())),
                }
            }
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: LoadBalancerRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = name(&desired, operation);
        find(client, context, operation, &name).await
    }
}

/// Letters, digits and single hyphens inside.
pub(super) fn check_name(name: &str, longest: usize) -> Option<ProviderError> {
    let legal = name.len() <= longest
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    (!legal).then(|| {
        ProviderError::invalid(
            "name",
            format!("`{name}` must be up to {longest} letters, digits and hyphens, and neither start nor end with a hyphen"),
        )
    })
}

fn name(record: &LoadBalancerRecord, operation: &Operation) -> String {
    naming::chosen(
        record.name.as_deref(),
        record.name_prefix.as_deref(),
        operation,
    )
}

fn groups(record: &LoadBalancerRecord) -> Option<Vec<String>> {
    let groups = record.security_groups.as_ref()?;
    (!groups.is_empty()).then(|| groups.iter().cloned().collect())
}

/// Subnets or subnet mappings: the API takes one of the two.
fn places(record: &LoadBalancerRecord) -> (Option<Vec<String>>, Option<Vec<SubnetMapping>>) {
    let plain = record.subnet_mapping.iter().all(|m| {
        m.allocation_id.is_none() && m.private_ipv4_address.is_none() && m.ipv6_address.is_none()
    });
    match &record.subnets {
        Some(subnets) if plain || record.subnet_mapping.len() != subnets.len() => {
            (Some(subnets.iter().cloned().collect()), None)
        }
        _ => {
            let mappings = record.subnet_mapping.iter().map(|m| {
                SubnetMapping::builder()
                    .subnet_id(&m.subnet_id)
                    .set_allocation_id(m.allocation_id.clone())
                    .set_private_ipv4_address(m.private_ipv4_address.clone())
                    .set_ipv6_address(m.ipv6_address.clone())
                    .build()
            });
            (None, Some(mappings.collect()))
        }
    }
}

async fn named(
    client: &Client,
    context: &CallContext,
    arns: Option<Vec<String>>,
    names: Option<Vec<String>>,
) -> Result<Vec<Found>, ProviderError> {
    list!(client, context, "DescribeLoadBalancers": describe_load_balancers.set_load_balancer_arns(arns).set_names(names) => load_balancers).await
}

/// What has the name, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let found = there(named(client, context, None, Some(vec![name.to_owned()])).await)?;
    let arns = found.into_iter().filter_map(|b| b.load_balancer_arn);
    tagging::whose(client, context, operation, arns.collect()).await
}

async fn active(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    arn: &str,
) -> Result<(), ProviderError> {
    wait::until(context, operation, wait::MINUTES, || async move {
        let mut found = there(named(client, context, Some(vec![arn.to_owned()]), None).await)?;
        let Some(balancer) = found.pop() else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        let state = balancer.state();
        match state.and_then(|s| s.code()) {
            Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => {
                Ok(Progress::Done(()))
            }
            Some(LoadBalancerStateEnum::Failed) => Err(ProviderError {
                service: "elbv2".to_owned(),
                operation: "CreateLoadBalancer".to_owned(),
                ..ProviderError::new(
                    ErrorKind::Failed,
                    state
                        .and_then(|s| s.reason())
                        .unwrap_or("the load balancer failed"),
                )
            }),
            code => Ok(Progress::Pending(
                code.map_or("provisioning", LoadBalancerStateEnum::as_str)
                    .to_owned(),
            )),
        }
    })
    .await
}

async fn set_groups(
    client: &Client,
    context: &CallContext,
    arn: &str,
    desired: &LoadBalancerRecord,
    enforce: Option<&String>,
) -> Result<(), ProviderError> {
    client
        .call(context, ELB_WRITE, "SetSecurityGroups", || {
            client
                .elbv2()
                .set_security_groups()
                .load_balancer_arn(arn)
                .set_security_groups(Some(groups(desired).unwrap_or_default()))
                .set_enforce_security_group_inbound_rules_on_private_link_traffic(
                    enforce.map(|e| e.as_str().into()),
                )
                .send()
        })
        .await?;
    Ok(())
}
