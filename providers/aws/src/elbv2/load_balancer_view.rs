//! What AWS says of a load balancer, as the record of `aws_lb`.

use super::attributes::{Pairs, fill};
use super::load_balancer::{LoadBalancerRecord, SubnetMappingRecord};
use super::load_balancer_attributes::{ATTRIBUTES, logs};
use super::suffix;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer as Found, LoadBalancerSchemeEnum, LoadBalancerTypeEnum,
};

/// The record of what AWS says.
pub(super) fn record(
    found: Found,
    attributes: &Pairs,
    prior: Option<&LoadBalancerRecord>,
) -> LoadBalancerRecord {
    let arn = found.load_balancer_arn.clone().unwrap_or_default();
    let kind = found
        .r#type()
        .map_or("application", LoadBalancerTypeEnum::as_str)
        .to_owned();
    let mut record = LoadBalancerRecord {
        name_prefix: prior.and_then(|p| p.name_prefix.clone()),
        internal: Some(found.scheme() == Some(&LoadBalancerSchemeEnum::Internal)),
        ip_address_type: found.ip_address_type().map(|t| t.as_str().to_owned()),
        security_groups: Some(found.security_groups().iter().cloned().collect()),
        subnets: Some(
            found
                .availability_zones()
                .iter()
                .filter_map(|z| z.subnet_id.clone())
                .collect(),
        ),
        subnet_mapping: mappings(&found, prior),
        access_logs: logs("access_logs", attributes, prior.map(|p| &p.access_logs)),
        connection_logs: logs(
            "connection_logs",
            attributes,
            prior.map(|p| &p.connection_logs),
        ),
        arn_suffix: suffix(&arn),
        id: Some(arn.clone()),
        arn: Some(arn),
        name: found.load_balancer_name,
        enforce_security_group_inbound_rules_on_private_link_traffic: found
            .enforce_security_group_inbound_rules_on_private_link_traffic,
        customer_owned_ipv4_pool: found.customer_owned_ipv4_pool,
        dns_name: found.dns_name,
        zone_id: found.canonical_hosted_zone_id,
        vpc_id: found.vpc_id,
        ..LoadBalancerRecord::default()
    };
    fill(ATTRIBUTES, &kind, attributes, prior, &mut record);
    record.load_balancer_type = kind;
    record
}

/// The subnets with the addresses that were asked for.
fn mappings(found: &Found, prior: Option<&LoadBalancerRecord>) -> Vec<SubnetMappingRecord> {
    found
        .availability_zones()
        .iter()
        .filter_map(|zone| {
            let subnet = zone.subnet_id.clone()?;
            let address = zone.load_balancer_addresses().first();
            let before = prior.map(|p| p.subnet_mapping.iter().find(|m| m.subnet_id == subnet));
            // Addresses that AWS chose are not told apart from given ones.
            let asked =
                |of: fn(&SubnetMappingRecord) -> bool| before.is_none_or(|b| b.is_some_and(of));
            Some(SubnetMappingRecord {
                allocation_id: address
                    .and_then(|a| a.allocation_id.clone())
                    .filter(|_| asked(|m| m.allocation_id.is_some())),
                private_ipv4_address: address
                    .and_then(|a| a.private_ipv4_address.clone())
                    .filter(|_| asked(|m| m.private_ipv4_address.is_some())),
                ipv6_address: address
                    .and_then(|a| a.ipv6_address.clone())
                    .filter(|_| asked(|m| m.ipv6_address.is_some())),
                subnet_id: subnet,
            })
        })
        .collect()
}
