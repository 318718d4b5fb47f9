//! What clients decide of a cluster, and which of it EKS accepts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::invalid;
use crate::aws::context::Ctx;
use crate::aws::ec2::security_group::SecurityGroup;
use crate::aws::ec2::subnet::Subnet;
use crate::aws::ec2::vpc::Vpc;
use crate::aws::error::AwsResult;
use crate::aws::references;

/// What a client decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    pub(super) name: String,
    #[serde(default)]
    pub(super) version: Option<String>,
    pub(super) role_arn: String,
    pub(super) resources_vpc_config: VpcConfig,
    #[serde(default)]
    pub(super) kubernetes_network_config: NetworkConfig,
    #[serde(default)]
    pub(super) logging: Option<Logging>,
    #[serde(default)]
    pub(super) encryption_config: Vec<Encryption>,
    #[serde(default)]
    pub(super) access_config: AccessConfig,
    #[serde(default)]
    pub(super) bootstrap_self_managed_addons: Option<bool>,
    #[serde(default)]
    pub(super) upgrade_policy: UpgradePolicy,
    #[serde(default)]
    pub(super) zonal_shift_config: Option<Switch>,
    #[serde(default)]
    pub(super) compute_config: Option<Value>,
    #[serde(default)]
    pub(super) storage_config: Option<Value>,
    #[serde(default)]
    pub(super) remote_network_config: Option<Value>,
    #[serde(default)]
    pub(super) deletion_protection: bool,
}

/// Network settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VpcConfig {
    #[serde(default)]
    pub(super) subnet_ids: Vec<String>,
    #[serde(default)]
    pub(super) security_group_ids: Vec<String>,
    #[serde(default)]
    pub(super) endpoint_public_access: Option<bool>,
    #[serde(default)]
    pub(super) endpoint_private_access: Option<bool>,
    #[serde(default)]
    pub(super) public_access_cidrs: Option<Vec<String>>,
}

/// Addresses of services.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NetworkConfig {
    #[serde(default)]
    pub(super) service_ipv4_cidr: Option<String>,
    #[serde(default)]
    pub(super) ip_family: Option<String>,
    #[serde(default)]
    pub(super) elastic_load_balancing: Option<Switch>,
}

/// Something on or off.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Switch {
    pub(super) enabled: bool,
}

/// Control-plane logs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Logging {
    pub(super) cluster_logging: Vec<LogSetup>,
}

/// Logs of some types.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LogSetup {
    #[serde(default)]
    pub(super) types: Vec<String>,
    #[serde(default)]
    pub(super) enabled: bool,
}

/// Encryption of secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Encryption {
    pub(super) resources: Vec<String>,
    pub(super) provider: KeyProvider,
}

/// The key of an encryption.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct KeyProvider {
    pub(super) key_arn: String,
}

/// How callers are known.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AccessConfig {
    #[serde(default)]
    pub(super) bootstrap_cluster_creator_admin_permissions: Option<bool>,
    #[serde(default)]
    pub(super) authentication_mode: Option<String>,
}

/// Support after the standard time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpgradePolicy {
    #[serde(default)]
    pub(super) support_type: Option<String>,
}

fn valid_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Checks subnets and groups of a cluster; the network that they are in.
pub(super) fn check_network(ctx: &Ctx<'_>, config: &VpcConfig) -> AwsResult<String> {
    let mut zones = BTreeSet::new();
    let mut vpcs = BTreeSet::new();
    for id in &config.subnet_ids {
        let subnet = ctx.get::<Subnet>(id).ok_or_else(|| {
            invalid(format!("The subnet ID '{id}' does not exist (Service: AmazonEC2; Error Code: InvalidSubnetID.NotFound)"))
        })?;
        zones.insert(subnet.zone.clone());
        vpcs.insert(subnet.vpc.clone());
    }
    if vpcs.len() > 1 {
        return Err(invalid("Subnets specified must belong to the same VPC"));
    }
    if config.subnet_ids.len() < 2 || zones.len() < 2 {
        return Err(invalid(
            "Subnets specified must be in at least two different AZs",
        ));
    }
    if config.subnet_ids.len() > 16 {
        return Err(invalid("At most 16 subnets may be specified"));
    }
    let vpc = vpcs
        .into_iter()
        .next()
        .expect("there are two subnets at least");
    if config.security_group_ids.len() > 5 {
        return Err(invalid("You may specify up to 5 security groups"));
    }
    for id in &config.security_group_ids {
        if ctx
            .get::<SecurityGroup>(id)
            .is_none_or(|group| group.vpc != vpc)
        {
            return Err(invalid(format!(
                "The security group '{id}' does not exist in VPC '{vpc}'"
            )));
        }
    }
    Ok(vpc)
}

/// Checks that the network has none of the addresses of services.
pub(super) fn check_services(ctx: &Ctx<'_>, config: &Config, vpc: &str) -> AwsResult<()> {
    let said = config.kubernetes_network_config.service_ipv4_cidr.as_ref();
    let services = said.and_then(|text| text.parse::<ipnet::Ipv4Net>().ok());
    let network = ctx.get::<Vpc>(vpc).map(|vpc| vpc.cidr);
    match (services, network) {
        (Some(services), Some(network))
            if services.contains(&network) || network.contains(&services) =>
        {
            let message = format!(
                "The specified service CIDR {services} overlaps with the CIDR {network} of the VPC {vpc}"
            );
            Err(invalid(message))
        }
        _ => Ok(()),
    }
}

/// Checks who may reach the endpoint.
pub(super) fn check_access(config: &VpcConfig) -> AwsResult<()> {
    let public = config.endpoint_public_access.unwrap_or(true);
    let private = config.endpoint_private_access.unwrap_or(false);
    if !public && !private {
        return Err(invalid(
            "Private and public endpoint access cannot be false",
        ));
    }
    for cidr in config.public_access_cidrs.iter().flatten() {
        if cidr.parse::<ipnet::IpNet>().is_err() {
            return Err(invalid(format!(
                "The following CIDRs are invalid in publicAccessCidrs: [{cidr}]"
            )));
        }
    }
    Ok(())
}

pub(super) fn check_logging(logging: &Logging) -> AwsResult<()> {
    for setup in &logging.cluster_logging {
        for kind in &setup.types {
            if !super::cluster_view::LOG_TYPES.contains(&kind.as_str()) {
                return Err(invalid(format!("Unknown log type {kind}")));
            }
        }
    }
    Ok(())
}

pub(super) fn check_support(policy: &UpgradePolicy) -> AwsResult<()> {
    match policy.support_type.as_deref() {
        None | Some("STANDARD" | "EXTENDED") => Ok(()),
        Some(other) => Err(invalid(format!("Invalid support type {other}"))),
    }
}

pub(super) fn check_encryption(ctx: &Ctx<'_>, encryption: &[Encryption]) -> AwsResult<()> {
    if encryption.len() > 1 {
        return Err(invalid("Only one encryption configuration may be given"));
    }
    for entry in encryption {
        if entry.resources != ["secrets"] {
            return Err(invalid("Only the resource \"secrets\" can be encrypted"));
        }
        let arn = &entry.provider.key_arn;
        if !arn.starts_with("arn:") || references::enabled_key(ctx, arn).is_none() {
            return Err(invalid(format!(
                "KeyArn is not valid or the key cannot be used: {arn}"
            )));
        }
    }
    Ok(())
}

/// Checks that a role is there for EKS to assume.
pub(super) fn check_role(ctx: &Ctx<'_>, arn: &str) -> AwsResult<()> {
    if references::may_assume(ctx, arn, "eks.amazonaws.com") {
        return Ok(());
    }
    Err(invalid(format!(
        "Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
    )))
}

/// Checks the whole of a new cluster but its network.
pub(super) fn check(ctx: &Ctx<'_>, config: &Config) -> AwsResult<()> {
    if !valid_name(&config.name) {
        return Err(invalid(format!(
            "The cluster name {:?} must match ^[0-9A-Za-z][A-Za-z0-9\\-_]* and have at most 100 characters",
            config.name
        )));
    }
    check_role(ctx, &config.role_arn)?;
    check_access(&config.resources_vpc_config)?;
    check_encryption(ctx, &config.encryption_config)?;
    check_support(&config.upgrade_policy)?;
    config.logging.as_ref().map_or(Ok(()), check_logging)?;
    match config.access_config.authentication_mode.as_deref() {
        None | Some("API" | "API_AND_CONFIG_MAP" | "CONFIG_MAP") => {}
        Some(other) => return Err(invalid(format!("Invalid authentication mode {other}"))),
    }
    let network = &config.kubernetes_network_config;
    if network
        .ip_family
        .as_deref()
        .is_some_and(|family| !matches!(family, "ipv4" | "ipv6"))
    {
        return Err(invalid("ipFamily must be ipv4 or ipv6"));
    }
    if let Some(text) = &network.service_ipv4_cidr {
        let cidr = text.parse::<ipnet::Ipv4Net>().ok();
        let fits = cidr
            .is_some_and(|cidr| cidr.addr().is_private() && (12..=24).contains(&cidr.prefix_len()));
        if !fits {
            return Err(invalid(format!(
                "Service IPv4 CIDR {text} must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 and between /24 and /12"
            )));
        }
    }
    Ok(())
}
