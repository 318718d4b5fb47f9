//! vCPUs of node groups, beside those of the instances that run, against the quota of the standard families. It counts the vCPUs that
//! a type has by itself, of instances on demand that are pending or running
//! (<https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html>).

use super::account_quotas::limit;
use super::places::planned_one;
use crate::batch::FILTER_VALUES;
use crate::client::{Client, Place};
use crate::ec2::tagging::{filter, list};
use aws_sdk_ec2::types::{InstanceLifecycleType, Reservation};
use futures::future::try_join_all;
use infra_cloud::preflight::{Usage, beyond, block, count, of_type, text, texts};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, ProviderError};
use std::collections::{BTreeMap, BTreeSet};

/// Series of types that have quotas of their own, although they begin with a letter of the standard ones.
const OTHERS: [&str; 5] = ["dl", "hpc", "inf", "mac", "trn"];

/// What EKS takes where neither the group nor its template says a type (EKS, `CreateNodegroup`).
const USUAL: &str = "t3.medium";

/// Machines that are planned: their type, and how many there will be at first.
struct Machines<'a> {
    item: &'a PreflightItem,
    kind: String,
    count: u64,
}

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let planned = machines(items);
    let Some(last) = planned.last() else {
        return Vec::new();
    };
    let (limit, running) = futures::join!(
        limit(client, context, Place::Region, ("ec2", "L-1216C47A")),
        running(client, context),
    );
    let (Some(limit), Ok(running)) = (limit, running) else {
        return Vec::new();
    };
    let kinds = planned.iter().map(|m| &m.kind).chain(running.keys());
    let kinds: BTreeSet<&String> = kinds.collect();
    let Ok(vcpus) = vcpus(client, context, kinds).await else {
        return Vec::new();
    };
    let of = |kind: &String, count: u64| vcpus.get(kind).map_or(0, |each| each * count);
    let usage = Usage {
        used: running.iter().map(|(kind, count)| of(kind, *count)).sum(),
        limit,
        shown: "vCPUs of standard instances".to_owned(),
    };
    let planned = planned.iter().map(|m| of(&m.kind, m.count)).sum();
    let at = Path::attribute("scaling_config");
    let found = beyond(last.item, at, client.region(), planned, &usage);
    found.into_iter().collect()
}

/// Whether the quota of the standard families counts a type: "A, C, D, H, I, M, R, T, Z".
fn is_standard(kind: &str) -> bool {
    let letters = kind.chars().take_while(char::is_ascii_alphabetic);
    let series: String = letters.collect();
    series.starts_with(['a', 'c', 'd', 'h', 'i', 'm', 'r', 't', 'z']) && !OTHERS.contains(&&*series)
}

/// New node groups on demand, whose type is told by them, by a template of this plan, or by neither.
fn machines<'a>(items: &[&'a PreflightItem]) -> Vec<Machines<'a>> {
    let groups = of_type(items, "aws_eks_node_group").into_iter();
    let found = groups.filter_map(|item| {
        if text(&item.planned, "capacity_type") == Some("SPOT") {
            return None;
        }
        let scaling = block(&item.planned, "scaling_config")?;
        let count = count(scaling, "desired_size").or_else(|| count(scaling, "min_size"))?;
        let kind = kind(items, item)?;
        is_standard(&kind).then_some(Machines { item, kind, count })
    });
    found.collect()
}

fn kind(items: &[&PreflightItem], group: &PreflightItem) -> Option<String> {
    // Machines on demand are of the first type that can be had.
    let said = texts(&group.planned, "instance_types").unwrap_or_default();
    if let Some(first) = said.into_iter().next() {
        return Some(first);
    }
    if block(&group.planned, "launch_template").is_none() {
        return Some(USUAL.to_owned());
    }
    let template = planned_one(group, "launch_template.id")?;
    let template = items.iter().find(|item| item.address == *template)?;
    text(&template.planned, "instance_type").map(str::to_owned)
}

/// How many standard instances on demand there are of each type.
async fn running(
    client: &Client,
    context: &CallContext,
) -> Result<BTreeMap<String, u64>, ProviderError> {
    let states = vec![filter("instance-state-name", ["pending", "running"])];
    let found = list!(client, context, "DescribeInstances": describe_instances.set_filters(states) -> reservations);
    let found: Vec<Reservation> = found.await?;
    let mut running: BTreeMap<String, u64> = BTreeMap::new();
    for instance in found.iter().flat_map(Reservation::instances) {
        let spot = instance.instance_lifecycle() == Some(&InstanceLifecycleType::Spot);
        if let Some(kind) = instance
            .instance_type()
            .filter(|k| !spot && is_standard(k.as_str()))
        {
            *running.entry(kind.as_str().to_owned()).or_default() += 1;
        }
    }
    Ok(running)
}

/// The vCPUs of types by themselves. Those that the region does not know are missing.
async fn vcpus(
    client: &Client,
    context: &CallContext,
    kinds: BTreeSet<&String>,
) -> Result<BTreeMap<String, u64>, ProviderError> {
    let kinds: Vec<&String> = kinds.into_iter().collect();
    let chunks = kinds.chunks(FILTER_VALUES).map(|kinds| {
        let filters = vec![filter("instance-type", kinds.iter().copied())];
        list!(client, context, "DescribeInstanceTypes": describe_instance_types.set_filters(filters) -> instance_types)
    });
    let found = try_join_all(chunks).await?.into_iter().flatten();
    let known = found.filter_map(|kind| {
        let each = kind.v_cpu_info?.default_v_cpus?;
        Some((
            kind.instance_type?.as_str().to_owned(),
            u64::try_from(each).ok()?,
        ))
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::is_standard;

    #[test]
    fn series_of_other_quotas_are_not_counted() {
        for kind in [
            "m7i.large",
            "t3.medium",
            "im4gn.xlarge",
            "is4gen.large",
            "c7gn.16xlarge",
            "a1.large",
            "z1d.large",
        ] {
            assert!(is_standard(kind), "{kind}");
        }
        for kind in [
            "p5.48xlarge",
            "g6.xlarge",
            "inf2.xlarge",
            "trn1.32xlarge",
            "dl1.24xlarge",
            "hpc7a.96xlarge",
            "x2idn.16xlarge",
            "u-6tb1.56xlarge",
            "vt1.3xlarge",
            "f2.6xlarge",
            "mac2.metal",
        ] {
            assert!(!is_standard(kind), "{kind}");
        }
    }
}
