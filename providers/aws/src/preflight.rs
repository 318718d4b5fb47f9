//! What can be known before the first call to be going to fail, for few calls: names of zones, room for addresses.

use crate::client::Client;
use crate::ec2::tagging::filter;
use crate::family::EC2_READ;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ErrorKind, Path, ProviderError, Value};
use std::collections::BTreeSet;

/// Everything that is found. A check that cannot be made finds nothing: the call itself will tell.
pub(crate) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[PreflightItem],
) -> Vec<Finding> {
    let new: Vec<&PreflightItem> = items.iter().filter(|i| i.creates).collect();
    let (mut findings, addresses) = futures::join!(
        zones(client, context, &new),
        addresses(client, context, &new)
    );
    findings.extend(addresses);
    findings
}

fn of_type<'a>(items: &[&'a PreflightItem], name: &str) -> Vec<&'a PreflightItem> {
    let is = |i: &&&PreflightItem| &*i.address.block.type_name == name;
    items.iter().filter(is).copied().collect()
}

/// Subnets in zones that the region does not have.
async fn zones(client: &Client, context: &CallContext, items: &[&PreflightItem]) -> Vec<Finding> {
    let zone = |item: &PreflightItem| {
        let zone = item.planned.get("availability_zone");
        zone.and_then(Value::as_str).map(str::to_owned)
    };
    let placed: Vec<_> = of_type(items, "aws_subnet")
        .into_iter()
        .filter_map(|i| Some((i, zone(i)?)))
        .collect();
    if placed.is_empty() {
        return Vec::new();
    }
    let answer = client
        .call(context, EC2_READ, "DescribeAvailabilityZones", || {
            client.ec2().describe_availability_zones().send()
        })
        .await;
    let Ok(answer) = answer else {
        return Vec::new();
    };
    let known: BTreeSet<&str> = answer
        .availability_zones()
        .iter()
        .filter_map(|z| z.zone_name())
        .collect();
    placed
        .into_iter()
        .filter(|(_, zone)| !known.contains(zone.as_str()))
        .map(|(item, zone)| Finding {
            address: item.address.clone(),
            error: ProviderError::invalid(
                "availability_zone",
                format!(
                    "{} has no zone `{zone}` that is open to this account",
                    client.region()
                ),
            ),
            fatal: true,
        })
        .collect()
}

/// More elastic IPs than there is room for. Not fatal: a quota may have been raised a moment ago.
async fn addresses(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Option<Finding> {
    let new = of_type(items, "aws_eip");
    let last = new.last()?;
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
    let limit: usize = limit
        .ok()?
        .account_attributes()
        .iter()
        .flat_map(aws_sdk_ec2::types::AccountAttribute::attribute_values)
        .find_map(|v| v.attribute_value()?.parse().ok())?;
    let used = used.ok()?.addresses().len();
    if used + new.len() <= limit {
        return None;
    }
    Some(Finding {
        address: last.address.clone(),
        error: ProviderError {
            attribute: Some(Path::attribute("domain")),
            ..ProviderError::new(
                ErrorKind::Quota,
                format!(
                    "{} elastic IPs are planned, {used} exist, and the quota of {} is {limit}",
                    new.len(),
                    client.region()
                ),
            )
        },
        fatal: false,
    })
}
