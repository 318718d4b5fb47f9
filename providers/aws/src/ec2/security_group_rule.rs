//! `aws_vpc_security_group_ingress_rule` and `aws_vpc_security_group_egress_rule`: two types that differ in a direction.

use super::cidr::canonical;
use super::hop::exactly_one;
use super::permissions::protocol;
use super::tagging::{self, filter, list};
use crate::batch;
use crate::client::Client;
use crate::error::absent_is_done;
use crate::family::EC2_WRITE;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule as Found,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource, Value};
use std::marker::PhantomData;

/// One rule of a security group.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecurityGroupRuleRecord {
    /// The security group.
    #[record(required, force_new)]
    pub(crate) security_group_id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all.
    #[record(required)]
    pub(crate) ip_protocol: String,
    /// The first port, or the ICMP type.
    #[record(optional)]
    pub(crate) from_port: Option<i32>,
    /// The last port, or the ICMP code.
    #[record(optional)]
    pub(crate) to_port: Option<i32>,
    /// The other side is an IPv4 range.
    #[record(optional)]
    pub(crate) cidr_ipv4: Option<String>,
    /// The other side is an IPv6 range.
    #[record(optional)]
    pub(crate) cidr_ipv6: Option<String>,
    /// The other side is a prefix list.
    #[record(optional)]
    pub(crate) prefix_list_id: Option<String>,
    /// The other side is what is in a security group; `account/sg-…` for one of another account.
    #[record(optional)]
    pub(crate) referenced_security_group_id: Option<String>,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `sgr-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The same as the id.
    #[record(computed)]
    pub(crate) security_group_rule_id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

/// A direction of traffic.
pub(crate) trait Way: Send + Sync + 'static {
    const TYPE: &'static str;
    const EGRESS: bool;
}

pub(crate) struct In;
pub(crate) struct Out;

impl Way for In {
    const TYPE: &'static str = "aws_vpc_security_group_ingress_rule";
    const EGRESS: bool = false;
}

impl Way for Out {
    const TYPE: &'static str = "aws_vpc_security_group_egress_rule";
    const EGRESS: bool = true;
}

pub(crate) struct SecurityGroupRule<W>(PhantomData<fn() -> W>);

#[async_trait]
impl<W: Way> Resource<Client> for SecurityGroupRule<W> {
    type Record = SecurityGroupRuleRecord;
    const TYPE: &'static str = W::TYPE;

    fn traits() -> Traits {
        Traits::default().family(EC2_WRITE.name)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = exactly_one(
            config,
            &[
                "cidr_ipv4",
                "cidr_ipv6",
                "prefix_list_id",
                "referenced_security_group_id",
            ],
        );
        let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        match config
            .get("ip_protocol")
            .and_then(Value::as_str)
            .map(protocol)
        {
            Some(p) if p == "-1" && (given("from_port") || given("to_port")) => {
                errors.push(ProviderError::invalid(
                    "from_port",
                    "a rule for all protocols has no ports: leave `from_port` and `to_port` out",
                ));
            }
            Some(p) if matches!(p.as_str(), "tcp" | "udp") && !given("from_port") => {
                errors.push(ProviderError::invalid(
                    "from_port",
                    format!("a rule for {p} needs `from_port` and `to_port`"),
                ));
            }
            _ => {}
        }
        errors
    }

    fn id(record: &SecurityGroupRuleRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<SecurityGroupRuleRecord>],
    ) -> Vec<Result<Option<SecurityGroupRuleRecord>, ProviderError>> {
        batch::read(
            items,
            |r: &Found| r.security_group_rule_id.clone(),
            |ids| list!(client, context, "DescribeSecurityGroupRules": describe_security_group_rules.set_filters(vec![filter("security-group-rule-id", ids)]) -> security_group_rules),
            |found, prior| {
                (found.is_egress == Some(W::EGRESS)).then(|| record(client, found, prior))
            },
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: SecurityGroupRuleRecord,
    ) -> Result<SecurityGroupRuleRecord, ProviderError> {
        let permission = permission(&desired);
        let specification = tagging::specification(
            client,
            operation,
            ResourceType::SecurityGroupRule,
            &desired.tags,
        );
        let group = &desired.security_group_id;
        let id = if W::EGRESS {
            let request = client
                .ec2()
                .authorize_security_group_egress()
                .group_id(group)
                .ip_permissions(permission)
                .tag_specifications(specification);
            tagging::begin(
                client,
                context,
                operation,
                "AuthorizeSecurityGroupEgress",
                || request.clone().send(),
                |made| {
                    made.security_group_rules()
                        .first()?
                        .security_group_rule_id()
                },
            )
            .await?
        } else {
            let request = client
                .ec2()
                .authorize_security_group_ingress()
                .group_id(group)
                .ip_permissions(permission)
                .tag_specifications(specification);
            tagging::begin(
                client,
                context,
                operation,
                "AuthorizeSecurityGroupIngress",
                || request.clone().send(),
                |made| {
                    made.security_group_rules()
                        .first()?
                        .security_group_rule_id()
                },
            )
            .await?
        };
        wait::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: SecurityGroupRuleRecord,
        desired: SecurityGroupRuleRecord,
    ) -> Result<SecurityGroupRuleRecord, ProviderError> {
        let id = Self::id(&prior);
        if of(&prior) != of(&desired) {
            let update = SecurityGroupRuleUpdate::builder()
                .security_group_rule_id(&id)
                .security_group_rule(of(&desired))
                .build();
            client
                .call(context, EC2_WRITE, "ModifySecurityGroupRules", || {
                    client
                        .ec2()
                        .modify_security_group_rules()
                        .group_id(&desired.security_group_id)
                        .security_group_rules(update.clone())
                        .send()
                })
                .await?;
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
        wait::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: SecurityGroupRuleRecord,
    ) -> Result<(), ProviderError> {
        let (id, group) = (Self::id(&prior), &prior.security_group_id);
        let result = if W::EGRESS {
            client
                .call(context, EC2_WRITE, "RevokeSecurityGroupEgress", || {
                    client
                        .ec2()
                        .revoke_security_group_egress()
                        .group_id(group)
                        .security_group_rule_ids(&id)
                        .send()
                })
                .await
                .map(|_| ())
        } else {
            client
                .call(context, EC2_WRITE, "RevokeSecurityGroupIngress", || {
                    client
                        .ec2()
                        .revoke_security_group_ingress()
                        .group_id(group)
                        .security_group_rule_ids(&id)
                        .send()
                })
                .await
                .map(|_| ())
        };
        absent_is_done(result)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: SecurityGroupRuleRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<Self>(client, context, operation).await
    }
}

/// `account/sg-…` as its two parts.
fn group_pair(text: &str) -> (Option<String>, String) {
    text.split_once('/').map_or_else(
        || (None, text.to_owned()),
        |(owner, id)| (Some(owner.to_owned()), id.to_owned()),
    )
}

fn permission(rule: &SecurityGroupRuleRecord) -> IpPermission {
    let description = rule.description.clone();
    let mut permission = IpPermission::builder()
        .ip_protocol(protocol(&rule.ip_protocol))
        .set_from_port(rule.from_port)
        .set_to_port(rule.to_port);
    if let Some(range) = &rule.cidr_ipv4 {
        let range = IpRange::builder().cidr_ip(canonical(range));
        permission = permission.ip_ranges(range.set_description(description.clone()).build());
    }
    if let Some(range) = &rule.cidr_ipv6 {
        let range = Ipv6Range::builder().cidr_ipv6(canonical(range));
        permission = permission.ipv6_ranges(range.set_description(description.clone()).build());
    }
    if let Some(id) = &rule.prefix_list_id {
        let list = PrefixListId::builder().prefix_list_id(id);
        permission = permission.prefix_list_ids(list.set_description(description.clone()).build());
    }
    if let Some(group) = &rule.referenced_security_group_id {
        let (owner, id) = group_pair(group);
        let pair = UserIdGroupPair::builder().group_id(id).set_user_id(owner);
        permission = permission.user_id_group_pairs(pair.set_description(description).build());
    }
    permission.build()
}

/// The rule as a change sends it: the whole of it.
fn of(rule: &SecurityGroupRuleRecord) -> SecurityGroupRuleRequest {
    let all = protocol(&rule.ip_protocol) == "-1";
    SecurityGroupRuleRequest::builder()
        .ip_protocol(protocol(&rule.ip_protocol))
        .set_from_port(rule.from_port.or(all.then_some(-1)))
        .set_to_port(rule.to_port.or(all.then_some(-1)))
        .set_cidr_ipv4(rule.cidr_ipv4.as_deref().map(canonical))
        .set_cidr_ipv6(rule.cidr_ipv6.as_deref().map(canonical))
        .set_prefix_list_id(rule.prefix_list_id.clone())
        .set_referenced_group_id(
            rule.referenced_security_group_id
                .as_deref()
                .map(|g| group_pair(g).1),
        )
        .set_description(rule.description.clone())
        .build()
}

/// What means the same stays as it was written.
fn kept(
    found: Option<String>,
    prior: Option<&String>,
    form: impl Fn(&str) -> String,
) -> Option<String> {
    match (&found, prior) {
        (Some(f), Some(p)) if form(f) == form(p) => Some(p.clone()),
        _ => found,
    }
}

fn record(
    client: &Client,
    found: Found,
    prior: Option<&SecurityGroupRuleRecord>,
) -> SecurityGroupRuleRecord {
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let id = found.security_group_rule_id.clone().unwrap_or_default();
    let all = found.ip_protocol() == Some("-1");
    let group = found.referenced_group_info().and_then(|info| {
        let id = info.group_id()?;
        Some(
            match info
                .user_id()
                .filter(|u| !u.is_empty() && *u != client.account())
            {
                Some(owner) => format!("{owner}/{id}"),
                None => id.to_owned(),
            },
        )
    });
    let account = client.account().to_owned();
    let without_account = |g: &str| {
        g.strip_prefix(&format!("{account}/"))
            .unwrap_or(g)
            .to_owned()
    };
    SecurityGroupRuleRecord {
        from_port: found.from_port.filter(|_| !all),
        to_port: found.to_port.filter(|_| !all),
        ip_protocol: kept(found.ip_protocol, prior.map(|p| &p.ip_protocol), protocol)
            .unwrap_or_default(),
        cidr_ipv4: kept(
            found.cidr_ipv4,
            prior.and_then(|p| p.cidr_ipv4.as_ref()),
            canonical,
        ),
        cidr_ipv6: kept(
            found.cidr_ipv6,
            prior.and_then(|p| p.cidr_ipv6.as_ref()),
            canonical,
        ),
        prefix_list_id: found.prefix_list_id,
        referenced_security_group_id: kept(
            group,
            prior.and_then(|p| p.referenced_security_group_id.as_ref()),
            without_account,
        ),
        description: found.description.filter(|d| !d.is_empty()),
        tags,
        tags_all,
        arn: found
            .security_group_rule_arn
            .or_else(|| Some(client.arn("ec2", &format!("security-group-rule/{id}")))),
        security_group_id: found.group_id.unwrap_or_default(),
        security_group_rule_id: Some(id.clone()),
        id: Some(id),
    }
}
