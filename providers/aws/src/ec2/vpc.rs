//! `aws_vpc`.

use super::held::{Held, while_held};
use super::tagging::{self, filter, list};
use crate::batch::{FILTER_VALUES, by_id, by_key};
use crate::client::Client;
use crate::family::EC2_WRITE;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, ResourceType, Tenancy, Vpc as Found, VpcAttributeName,
    VpcCidrBlockStateCode, VpcState,
};
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, Path, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
    Value, planning,
};
use std::collections::BTreeMap;

/// A virtual private cloud.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VpcRecord {
    /// The IPv4 range, /16 to /28. Left out only when `ipv4_ipam_pool_id` is set.
    #[record(optional, computed, force_new)]
    pub(crate) cidr_block: Option<String>,
    /// An IPAM pool from which the IPv4 range comes.
    #[record(optional, force_new)]
    pub(crate) ipv4_ipam_pool_id: Option<String>,
    /// The length of the range from the IPAM pool.
    #[record(optional, force_new)]
    pub(crate) ipv4_netmask_length: Option<i32>,
    /// `default`, or `dedicated` for instances on hardware of one's own. Only `dedicated` to `default` can be changed.
    #[record(optional, default = "default")]
    pub(crate) instance_tenancy: String,
    /// Whether the resolver of AWS answers in the VPC.
    #[record(optional, default = true)]
    pub(crate) enable_dns_support: bool,
    /// Whether instances with public addresses get public names.
    #[record(optional, default = false)]
    pub(crate) enable_dns_hostnames: bool,
    /// Whether metrics of address usage are kept.
    #[record(optional, default = false)]
    pub(crate) enable_network_address_usage_metrics: bool,
    /// Whether AWS provides a /56 IPv6 range.
    #[record(optional, default = false)]
    pub(crate) assign_generated_ipv6_cidr_block: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// `vpc-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
    /// The IPv6 range.
    #[record(computed)]
    pub(crate) ipv6_cidr_block: Option<String>,
    /// The association of the IPv6 range.
    #[record(computed)]
    pub(crate) ipv6_association_id: Option<String>,
    /// Its DHCP options.
    #[record(computed)]
    pub(crate) dhcp_options_id: Option<String>,
    /// The route table of subnets without one of their own.
    #[record(computed)]
    pub(crate) main_route_table_id: Option<String>,
    /// The route table that it was made with: the main one.
    #[record(computed)]
    pub(crate) default_route_table_id: Option<String>,
    /// The network ACL of subnets without one of their own.
    #[record(computed)]
    pub(crate) default_network_acl_id: Option<String>,
    /// The security group of what has none of its own.
    #[record(computed)]
    pub(crate) default_security_group_id: Option<String>,
}

pub(crate) struct Vpc;

/// What comes with every VPC, by VPC.
struct Defaults {
    route_table: Option<String>,
    network_acl: Option<String>,
    security_group: Option<String>,
}

/// The switches that one call each reads.
struct Switches {
    dns_support: bool,
    dns_hostnames: bool,
    usage_metrics: bool,
}

#[async_trait]
impl Resource<Client> for Vpc {
    type Record = VpcRecord;
    const TYPE: &'static str = "aws_vpc";

    fn traits() -> Traits {
        Traits::default().seconds(5, 3, 3).family(EC2_WRITE.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let text =
            |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let tenancy = (
            text(prior, "instance_tenancy"),
            text(&planned.value, "instance_tenancy"),
        );
        if tenancy.0 != tenancy.1 && tenancy.1.as_deref() == Some("dedicated") {
            planned.replace.push(Path::attribute("instance_tenancy"));
        }
        let flag = "assign_generated_ipv6_cidr_block";
        if planned.replace.is_empty() && planned.value.get(flag) != prior.get(flag) {
            planning::mark_unknown(
                planned,
                &VpcRecord::block(),
                &["ipv6_cidr_block", "ipv6_association_id"],
            );
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let absent = |name: &str| config.get(name).is_none_or(Value::is_null);
        if absent("cidr_block") && absent("ipv4_ipam_pool_id") {
            return vec![ProviderError::invalid(
                "cidr_block",
                "a VPC needs `cidr_block` or `ipv4_ipam_pool_id`",
            )];
        }
        super::cidr::check(config, "cidr_block", 16..=28)
    }

    fn id(record: &VpcRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<VpcRecord>],
    ) -> Vec<Result<Option<VpcRecord>, ProviderError>> {
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = by_id(&ids, |v: &Found| v.vpc_id.clone(), |ids| {
            list!(client, context, "DescribeVpcs": describe_vpcs.set_filters(vec![filter("vpc-id", ids)]) -> vpcs)
        })
        .await;
        let there: Vec<String> = found
            .iter()
            .filter_map(|f| f.as_ref().ok()?.as_ref()?.vpc_id.clone())
            .collect();
        let defaults = defaults(client, context, &there).await;
        let switches = join_all(there.iter().map(|id| switches(client, context, id))).await;
        let mut beside: BTreeMap<_, _> = there
            .into_iter()
            .zip(defaults.into_iter().zip(switches))
            .collect();
        found
            .into_iter()
            .zip(items)
            .map(|(found, item)| {
                let Some(vpc) = found? else { return Ok(None) };
                let Some((defaults, switches)) = beside.remove(&item.id) else {
                    return Ok(None);
                };
                // One that disappeared between the calls is absent.
                match (defaults, switches) {
                    (_, Err(e)) if e.kind == infra_model::ErrorKind::NotFound => Ok(None),
                    (defaults, switches) => Ok(Some(record(
                        client,
                        &vpc,
                        defaults?,
                        &switches?,
                        item.prior.as_ref(),
                    ))),
                }
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: VpcRecord,
    ) -> Result<VpcRecord, ProviderError> {
        let request = client
            .ec2()
            .create_vpc()
            .set_cidr_block(desired.cidr_block.clone())
            .set_ipv4_ipam_pool_id(desired.ipv4_ipam_pool_id.clone())
            .set_ipv4_netmask_length(desired.ipv4_netmask_length)
            .instance_tenancy(Tenancy::from(desired.instance_tenancy.as_str()))
            .amazon_provided_ipv6_cidr_block(desired.assign_generated_ipv6_cidr_block)
            .tag_specifications(tagging::specification(
                client,
                operation,
                ResourceType::Vpc,
                &desired.tags,
            ));
        let id = tagging::begin(
            client,
            context,
            operation,
            "CreateVpc",
            || request.clone().send(),
            |made| made.vpc()?.vpc_id(),
        )
        .await?;
        let made = available(client, context, operation, &id).await?;
        let ipv6 = ipv6_association(&made).is_some();
        if operation.known_id.is_some() && desired.assign_generated_ipv6_cidr_block != ipv6 {
            set_ipv6(client, context, operation, &id, &made, !ipv6).await?;
        }
        set_switches(client, context, &id, None, &desired).await?;
        wait::settled::<Vpc>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: VpcRecord,
        desired: VpcRecord,
    ) -> Result<VpcRecord, ProviderError> {
        let id = Vpc::id(&prior);
        if prior.instance_tenancy != desired.instance_tenancy {
            client
                .call(context, EC2_WRITE, "ModifyVpcTenancy", || {
                    client
                        .ec2()
                        .modify_vpc_tenancy()
                        .vpc_id(&id)
                        .instance_tenancy(desired.instance_tenancy.as_str().into())
                        .send()
                })
                .await?;
        }
        set_switches(client, context, &id, Some(&prior), &desired).await?;
        if prior.assign_generated_ipv6_cidr_block != desired.assign_generated_ipv6_cidr_block {
            let now = available(client, context, operation, &id).await?;
            let wanted = desired.assign_generated_ipv6_cidr_block;
            set_ipv6(client, context, operation, &id, &now, wanted).await?;
        }
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<Vpc>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: VpcRecord,
    ) -> Result<(), ProviderError> {
        let id = Vpc::id(&prior);
        let held = (wait::MINUTES, Held::Vpc(&id));
        while_held(client, context, operation, held, || {
            client.call(context, EC2_WRITE, "DeleteVpc", || {
                client.ec2().delete_vpc().vpc_id(&id).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: VpcRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<Vpc>(client, context, operation).await
    }
}

fn record(
    client: &Client,
    vpc: &Found,
    defaults: Defaults,
    switches: &Switches,
    prior: Option<&VpcRecord>,
) -> VpcRecord {
    let id = vpc.vpc_id().unwrap_or_default();
    let (tags, tags_all) = tagging::read(client, vpc.tags(), prior.map(|p| &p.tags));
    let ipv6 = ipv6_association(vpc);
    VpcRecord {
        cidr_block: vpc.cidr_block.clone(),
        ipv4_ipam_pool_id: prior.and_then(|p| p.ipv4_ipam_pool_id.clone()),
        ipv4_netmask_length: prior.and_then(|p| p.ipv4_netmask_length),
        instance_tenancy: vpc
            .instance_tenancy()
            .map_or("default", Tenancy::as_str)
            .to_owned(),
        enable_dns_support: switches.dns_support,
        enable_dns_hostnames: switches.dns_hostnames,
        enable_network_address_usage_metrics: switches.usage_metrics,
        assign_generated_ipv6_cidr_block: ipv6.is_some(),
        tags,
        tags_all,
        arn: Some(client.arn("ec2", &format!("vpc/{id}"))),
        owner_id: vpc.owner_id.clone(),
        ipv6_cidr_block: ipv6.as_ref().map(|(_, cidr)| cidr.clone()),
        ipv6_association_id: ipv6.map(|(association, _)| association),
        dhcp_options_id: vpc.dhcp_options_id.clone(),
        main_route_table_id: defaults.route_table.clone(),
        // AWS does not tell the original from the main one; they differ only after the main one was exchanged.
        default_route_table_id: prior
            .and_then(|p| p.default_route_table_id.clone())
            .or(defaults.route_table),
        default_network_acl_id: defaults.network_acl,
        default_security_group_id: defaults.security_group,
        id: Some(id.to_owned()),
    }
}

/// The association and range of the IPv6 block that AWS provided.
fn ipv6_association(vpc: &Found) -> Option<(String, String)> {
    vpc.ipv6_cidr_block_association_set().iter().find_map(|a| {
        let state = a.ipv6_cidr_block_state()?.state()?;
        (*state == VpcCidrBlockStateCode::Associated).then_some(())?;
        Some((a.association_id.clone()?, a.ipv6_cidr_block.clone()?))
    })
}

/// Waits until the VPC and its ranges are available.
async fn available(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Found, ProviderError> {
    wait::until(context, operation, wait::QUICK, || async move {
        let found = list!(client, context, "DescribeVpcs": describe_vpcs.set_filters(vec![filter("vpc-id", [id])]) -> vpcs)
            .await?
            .pop();
        let Some(vpc) = found else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        let changing = vpc.ipv6_cidr_block_association_set().iter().any(|a| {
            matches!(
                a.ipv6_cidr_block_state().and_then(|s| s.state()),
                Some(VpcCidrBlockStateCode::Associating | VpcCidrBlockStateCode::Disassociating)
            )
        });
        Ok(match vpc.state() {
            Some(VpcState::Available) if !changing => Progress::Done(vpc),
            state => Progress::Pending(state.map_or("pending", VpcState::as_str).to_owned()),
        })
    })
    .await
}

/// Associates or disassociates the range that AWS provides.
async fn set_ipv6(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    now: &Found,
    wanted: bool,
) -> Result<(), ProviderError> {
    match (ipv6_association(now), wanted) {
        (None, true) => {
            client
                .call(context, EC2_WRITE, "AssociateVpcCidrBlock", || {
                    client
                        .ec2()
                        .associate_vpc_cidr_block()
                        .vpc_id(id)
                        .amazon_provided_ipv6_cidr_block(true)
                        .send()
                })
                .await?;
        }
        (Some((association, _)), false) => {
            client
                .call(context, EC2_WRITE, "DisassociateVpcCidrBlock", || {
                    client
                        .ec2()
                        .disassociate_vpc_cidr_block()
                        .association_id(&association)
                        .send()
                })
                .await?;
        }
        _ => return Ok(()),
    }
    available(client, context, operation, id).await.map(|_| ())
}

/// Sets the switches that differ; a call takes one at a time. Without a prior, from what a new VPC has.
async fn set_switches(
    client: &Client,
    context: &CallContext,
    id: &str,
    prior: Option<&VpcRecord>,
    desired: &VpcRecord,
) -> Result<(), ProviderError> {
    let was = prior.map_or((true, false, false), |p| {
        (
            p.enable_dns_support,
            p.enable_dns_hostnames,
            p.enable_network_address_usage_metrics,
        )
    });
    let modify = || client.ec2().modify_vpc_attribute().vpc_id(id);
    let to = |on: bool| AttributeBooleanValue::builder().value(on).build();
    let mut requests = Vec::new();
    // Names need the resolver: it goes on before them and off after them.
    if was.0 != desired.enable_dns_support && desired.enable_dns_support {
        requests.push(modify().enable_dns_support(to(true)));
    }
    if was.1 != desired.enable_dns_hostnames {
        requests.push(modify().enable_dns_hostnames(to(desired.enable_dns_hostnames)));
    }
    if was.0 != desired.enable_dns_support && !desired.enable_dns_support {
        requests.push(modify().enable_dns_support(to(false)));
    }
    if was.2 != desired.enable_network_address_usage_metrics {
        requests.push(modify().enable_network_address_usage_metrics(to(
            desired.enable_network_address_usage_metrics,
        )));
    }
    for request in requests {
        client
            .call(context, EC2_WRITE, "ModifyVpcAttribute", || {
                request.clone().send()
            })
            .await?;
    }
    Ok(())
}

async fn switches(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Switches, ProviderError> {
    let ask = |name: VpcAttributeName| async move {
        client
            .call(
                context,
                crate::family::EC2_READ,
                "DescribeVpcAttribute",
                || {
                    client
                        .ec2()
                        .describe_vpc_attribute()
                        .vpc_id(id)
                        .attribute(name.clone())
                        .send()
                },
            )
            .await
    };
    let (support, hostnames, metrics) = futures::try_join!(
        ask(VpcAttributeName::EnableDnsSupport),
        ask(VpcAttributeName::EnableDnsHostnames),
        ask(VpcAttributeName::EnableNetworkAddressUsageMetrics),
    )?;
    let on = |value: Option<AttributeBooleanValue>| value.and_then(|v| v.value) == Some(true);
    Ok(Switches {
        dns_support: on(support.enable_dns_support),
        dns_hostnames: on(hostnames.enable_dns_hostnames),
        usage_metrics: on(metrics.enable_network_address_usage_metrics),
    })
}

/// What AWS made beside each VPC: three listings for all of them.
async fn defaults(
    client: &Client,
    context: &CallContext,
    vpcs: &[String],
) -> Vec<Result<Defaults, ProviderError>> {
    let of = |ids: Vec<String>| filter("vpc-id", ids);
    let tables = by_key(
        vpcs,
        FILTER_VALUES,
        |t: &aws_sdk_ec2::types::RouteTable| t.vpc_id.clone(),
        |ids| list!(client, context, "DescribeRouteTables": describe_route_tables.set_filters(vec![of(ids), filter("association.main", ["true"])]) -> route_tables),
    );
    let acls = by_key(
        vpcs,
        FILTER_VALUES,
        |a: &aws_sdk_ec2::types::NetworkAcl| a.vpc_id.clone(),
        |ids| list!(client, context, "DescribeNetworkAcls": describe_network_acls.set_filters(vec![of(ids), filter("default", ["true"])]) -> network_acls),
    );
    let groups = by_key(
        vpcs,
        FILTER_VALUES,
        |g: &aws_sdk_ec2::types::SecurityGroup| g.vpc_id.clone(),
        |ids| list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(vec![of(ids), filter("group-name", ["default"])]) -> security_groups),
    );
    let (tables, acls, groups) = futures::join!(tables, acls, groups);
    tables
        .into_iter()
        .zip(acls)
        .zip(groups)
        .map(|((tables, acls), groups)| {
            Ok(Defaults {
                route_table: tables?.pop().and_then(|t| t.route_table_id),
                network_acl: acls?.pop().and_then(|a| a.network_acl_id),
                security_group: groups?.pop().and_then(|g| g.group_id),
            })
        })
        .collect()
}
