//! Room in the quotas that services tell themselves. What only Service Quotas knows is asked in `account_quotas`.

use crate::batch::pages_by_marker;
use crate::client::Client;
use crate::ec2::tagging::filter;
use crate::family::{EC2_READ, ELB_READ, IAM, RDS};
use aws_sdk_ec2::types::AccountAttribute;
use aws_sdk_iam::types::SummaryKeyType as Sum;
use infra_cloud::preflight::{Usage, full, of_type, text};
use infra_model::CallContext;
use infra_model::provider::{Finding, PreflightItem};
use std::collections::BTreeMap;

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let (addresses, databases, balancers, identities) = futures::join!(
        addresses(client, context, items),
        databases(client, context, items),
        balancers(client, context, items),
        identities(client, context, items),
    );
    let mut findings: Vec<Finding> = addresses.into_iter().collect();
    findings.extend([databases, balancers, identities].concat());
    findings
}

/// Elastic IPs.
async fn addresses(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Option<Finding> {
    let new = of_type(items, "aws_eip");
    new.last()?;
    let limit = client.call(context, EC2_READ, "DescribeAccountAttributes", || {
        client
            .ec2()
            .describe_account_attributes()
            .attribute_names("vpc-max-elastic-ips".into())
            .send()
    });
    let used = client.call(context, EC2_READ, "DescribeAddresses", || {
        client
            .ec2()
            .describe_addresses()
            .filters(filter("domain", ["vpc"]))
            .send()
    });
    let (limit, used) = futures::join!(limit, used);
    let limit = limit
        .ok()?
        .account_attributes()
        .iter()
        .flat_map(AccountAttribute::attribute_values)
        .find_map(|v| v.attribute_value()?.parse().ok())?;
    let usage = Usage {
        used: u64::try_from(used.ok()?.addresses().len()).ok()?,
        limit,
        shown: "elastic IPs".to_owned(),
    };
    full(&new, "domain", client.region(), &usage)
}

/// Database instances and their subnet groups (RDS, `DescribeAccountAttributes`).
async fn databases(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    const TYPES: [(&str, &str, &str, &str); 2] = [
        (
            "aws_db_instance",
            "DBInstances",
            "database instances",
            "instance_class",
        ),
        (
            "aws_db_subnet_group",
            "DBSubnetGroups",
            "database subnet groups",
            "subnet_ids",
        ),
    ];
    if TYPES
        .iter()
        .all(|(kind, ..)| of_type(items, kind).is_empty())
    {
        return Vec::new();
    }
    let answer = client
        .call(context, RDS, "DescribeAccountAttributes", || {
            client.rds().describe_account_attributes().send()
        })
        .await;
    let Ok(answer) = answer else {
        return Vec::new();
    };
    let found = TYPES.iter().filter_map(|(kind, name, shown, attribute)| {
        let quotas = answer.account_quotas().iter();
        let mut named = quotas.filter(|q| q.account_quota_name() == Some(name));
        let quota = named.next()?;
        let usage = Usage {
            used: u64::try_from(quota.used()?).ok()?,
            limit: u64::try_from(quota.max()?).ok()?,
            shown: (*shown).to_owned(),
        };
        full(&of_type(items, kind), attribute, client.region(), &usage)
    });
    found.collect()
}

/// Load balancers by kind, and target groups (ELB, `DescribeAccountLimits`).
async fn balancers(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let (new, groups) = (
        of_type(items, "aws_lb"),
        of_type(items, "aws_lb_target_group"),
    );
    if new.is_empty() && groups.is_empty() {
        return Vec::new();
    }
    let limits = pages_by_marker!(client, context, elbv2, ELB_READ, "DescribeAccountLimits":
        describe_account_limits => limits, next_marker);
    let there = async {
        if new.is_empty() {
            return Some(Vec::new());
        }
        let all = pages_by_marker!(client, context, elbv2, ELB_READ, "DescribeLoadBalancers":
            describe_load_balancers => load_balancers, next_marker);
        all.await.ok()
    };
    let groups_there = async {
        if groups.is_empty() {
            return Some(0);
        }
        let all = pages_by_marker!(client, context, elbv2, ELB_READ, "DescribeTargetGroups":
            describe_target_groups => target_groups, next_marker);
        u64::try_from(all.await.ok()?.len()).ok()
    };
    let (limits, there, groups_there) = futures::join!(limits, there, groups_there);
    let (Ok(limits), Some(there), Some(groups_there)) = (limits, there, groups_there) else {
        return Vec::new();
    };
    let limits: BTreeMap<&str, u64> = limits
        .iter()
        .filter_map(|l| Some((l.name()?, l.max()?.parse().ok()?)))
        .collect();
    let usage = |name: &str, used: u64| {
        let shown = name.replace('-', " ");
        let limit = *limits.get(name)?;
        Some(Usage { used, limit, shown })
    };
    let region = client.region();
    let mut findings = Vec::new();
    for kind in ["application", "network", "gateway"] {
        let of_kind = new
            .iter()
            .filter(|i| text(&i.planned, "load_balancer_type") == Some(kind));
        let of_kind: Vec<&PreflightItem> = of_kind.copied().collect();
        let is = |lb: &&aws_sdk_elasticloadbalancingv2::types::LoadBalancer| {
            lb.r#type().is_some_and(|t| t.as_str() == kind)
        };
        let used = u64::try_from(there.iter().filter(is).count()).unwrap_or(0);
        let usage = usage(&format!("{kind}-load-balancers"), used);
        findings.extend(usage.and_then(|u| full(&of_kind, "load_balancer_type", region, &u)));
    }
    let usage = usage("target-groups", groups_there);
    findings.extend(usage.and_then(|u| full(&groups, "name", region, &u)));
    findings
}

/// Roles and policies (IAM, `GetAccountSummary`).
async fn identities(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let types = [
        ("aws_iam_role", Sum::Roles, Sum::RolesQuota, "roles"),
        (
            "aws_iam_policy",
            Sum::Policies,
            Sum::PoliciesQuota,
            "policies",
        ),
    ];
    if types
        .iter()
        .all(|(kind, ..)| of_type(items, kind).is_empty())
    {
        return Vec::new();
    }
    let answer = client
        .call(context, IAM, "GetAccountSummary", || {
            client.iam().get_account_summary().send()
        })
        .await;
    let Some(sums) = answer.ok().and_then(|a| a.summary_map) else {
        return Vec::new();
    };
    let sum = |key: &Sum| u64::try_from(*sums.get(key)?).ok();
    let found = types.iter().filter_map(|(kind, used, limit, shown)| {
        let usage = Usage {
            used: sum(used)?,
            limit: sum(limit)?,
            shown: (*shown).to_owned(),
        };
        full(&of_type(items, kind), "name", "the account", &usage)
    });
    found.collect()
}
