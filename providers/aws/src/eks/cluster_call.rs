//! The calls of `aws_eks_cluster`: requests from records, records from answers.

#![allow(
    deprecated,
    reason = "the API still requires `resources` of an encryption configuration, which the SDK marks as deprecated"
)]

use super::cluster::{
    AccessConfig, CertificateAuthority, Cluster, ClusterRecord, EncryptionConfig, Identity,
    KeyProvider, NetworkConfig, Oidc, UpgradePolicy, VpcConfig, ZonalShift,
};
use super::cluster_auto::{self, Auto, Switch};
use super::{Change, change, failed, list, now, reasons, set, tagging, time};
use crate::client::Client;
use crate::family::EKS;
use crate::late::About;
use crate::wait::{self, Progress};
use aws_sdk_eks::operation::create_cluster::builders::CreateClusterFluentBuilder;
use aws_sdk_eks::operation::update_cluster_config::builders::UpdateClusterConfigFluentBuilder;
use aws_sdk_eks::types as sdk;
use aws_sdk_eks::types::{Cluster as Found, ClusterStatus};
use infra_model::{CallContext, Operation, ProviderError};
use std::collections::BTreeSet;

/// The cluster of a name.
pub(super) async fn one(
    client: &Client,
    context: &CallContext,
    name: &str,
) -> Result<Found, ProviderError> {
    client
        .call(context, EKS, "DescribeCluster", || {
            client.eks().describe_cluster().name(name).send()
        })
        .await?
        .cluster
        .ok_or_else(|| failed("DescribeCluster answered without a cluster".to_owned()))
}

/// The cloud's status.
pub(super) fn status(found: &Found) -> String {
    let status = found.status.as_ref();
    status.map_or("unknown", ClusterStatus::as_str).to_owned()
}

pub(super) async fn active(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<(), ProviderError> {
    wait::until(context, operation, wait::LONG, || async move {
        let Some(found) = super::there(one(client, context, name).await)? else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        match found.status {
            Some(ClusterStatus::Active) => Ok(Progress::Done(())),
            Some(ClusterStatus::Failed) => {
                let issues = found
                    .health()
                    .map(aws_sdk_eks::types::ClusterHealth::issues)
                    .unwrap_or_default();
                let why = reasons(issues.iter().map(|i| {
                    (
                        i.code().map(aws_sdk_eks::types::ClusterIssueCode::as_str),
                        i.message(),
                    )
                }));
                Err(failed(format!("the cluster `{name}` failed: {why}")))
            }
            _ => Ok(Progress::Pending(status(&found))),
        }
    })
    .await
}

pub(super) fn record(
    client: &Client,
    found: Found,
    prior: Option<&ClusterRecord>,
) -> ClusterRecord {
    let (tags, tags_all) = tagging::split(client, found.tags, prior.map(|p| &p.tags));
    let vpc = found.resources_vpc_config.as_ref();
    let logs = found.logging.as_ref();
    // Whether shifting is off or was never spoken of is the same to EKS.
    let shift = found.zonal_shift_config.and_then(|z| z.enabled);
    let shift_said = prior.is_some_and(|p| !p.zonal_shift_config.is_empty());
    ClusterRecord {
        role_arn: found.role_arn.unwrap_or_default(),
        version: found.version,
        force_update_version: prior.and_then(|p| p.force_update_version),
        vpc_config: vpc
            .map(|v| VpcConfig {
                subnet_ids: set(v.subnet_ids()),
                security_group_ids: set(v.security_group_ids()),
                endpoint_private_access: v.endpoint_private_access,
                endpoint_public_access: v.endpoint_public_access,
                public_access_cidrs: Some(set(v.public_access_cidrs())),
                cluster_security_group_id: v.cluster_security_group_id.clone(),
                vpc_id: v.vpc_id.clone(),
            })
            .into_iter()
            .collect(),
        access_config: found
            .access_config
            .map(|a| AccessConfig {
                authentication_mode: a.authentication_mode.map(|m| m.as_str().to_owned()),
                bootstrap_cluster_creator_admin_permissions: a
                    .bootstrap_cluster_creator_admin_permissions
                    .or_else(|| {
                        prior?
                            .access_config
                            .first()?
                            .bootstrap_cluster_creator_admin_permissions
                    }),
            })
            .into_iter()
            .collect(),
        encryption_config: found
            .encryption_config
            .unwrap_or_default()
            .into_iter()
            .map(|e| EncryptionConfig {
                resources: set(e.resources()),
                provider: e
                    .provider
                    .and_then(|p| p.key_arn)
                    .map(|key_arn| KeyProvider { key_arn })
                    .into_iter()
                    .collect(),
            })
            .collect(),
        compute_config: cluster_auto::compute(found.compute_config.as_ref(), prior),
        storage_config: cluster_auto::storage(found.storage_config.as_ref(), prior),
        kubernetes_network_config: found
            .kubernetes_network_config
            .map(|n| NetworkConfig {
                ip_family: n.ip_family.map(|f| f.as_str().to_owned()),
                service_ipv4_cidr: n.service_ipv4_cidr,
                service_ipv6_cidr: n.service_ipv6_cidr,
                elastic_load_balancing: n
                    .elastic_load_balancing
                    .map(|e| Switch {
                        enabled: Some(e.enabled == Some(true)),
                    })
                    .into_iter()
                    .collect(),
            })
            .into_iter()
            .collect(),
        upgrade_policy: found
            .upgrade_policy
            .map(|u| UpgradePolicy {
                support_type: u.support_type.map(|t| t.as_str().to_owned()),
            })
            .into_iter()
            .collect(),
        zonal_shift_config: (shift == Some(true) || shift_said)
            .then_some(ZonalShift { enabled: shift })
            .into_iter()
            .collect(),
        enabled_cluster_log_types: logs
            .map(aws_sdk_eks::types::Logging::cluster_logging)
            .unwrap_or_default()
            .iter()
            .filter(|s| s.enabled == Some(true))
            .flat_map(|s| s.types().iter().map(|t| t.as_str().to_owned()))
            .collect(),
        bootstrap_self_managed_addons: prior.and_then(|p| p.bootstrap_self_managed_addons),
        deletion_protection: Some(found.deletion_protection == Some(true)),
        tags,
        tags_all,
        id: found.name.clone(),
        name: found.name.unwrap_or_default(),
        arn: found.arn,
        cluster_id: found.id,
        endpoint: found.endpoint,
        certificate_authority: found
            .certificate_authority
            .map(|c| CertificateAuthority { data: c.data })
            .into_iter()
            .collect(),
        identity: found
            .identity
            .map(|i| Identity {
                oidc: i
                    .oidc
                    .map(|o| Oidc { issuer: o.issuer })
                    .into_iter()
                    .collect(),
            })
            .into_iter()
            .collect(),
        created_at: time(found.created_at.as_ref()),
        platform_version: found.platform_version,
        status: found.status.map(|s| s.as_str().to_owned()),
    }
}

fn encryption(said: &[EncryptionConfig]) -> Option<Vec<sdk::EncryptionConfig>> {
    let made: Vec<_> = said
        .iter()
        .map(|e| {
            let key = e.provider.first().map(|p| p.key_arn.clone());
            sdk::EncryptionConfig::builder()
                .set_resources(list(&e.resources))
                .provider(sdk::Provider::builder().set_key_arn(key).build())
                .build()
        })
        .collect();
    (!made.is_empty()).then_some(made)
}

const LOGS: [&str; 5] = [
    "api",
    "audit",
    "authenticator",
    "controllerManager",
    "scheduler",
];

/// What is on, and with `all` what is off.
fn logging(on: &BTreeSet<String>, all: bool) -> sdk::Logging {
    let setup = |enabled: bool, types: Vec<sdk::LogType>| {
        (!types.is_empty()).then(|| {
            sdk::LogSetup::builder()
                .enabled(enabled)
                .set_types(Some(types))
                .build()
        })
    };
    let types = on.iter().map(|t| sdk::LogType::from(t.as_str())).collect();
    let off = LOGS
        .iter()
        .filter(|t| all && !on.contains(**t))
        .map(|t| sdk::LogType::from(*t))
        .collect();
    let setups = [setup(true, types), setup(false, off)];
    sdk::Logging::builder()
        .set_cluster_logging(Some(setups.into_iter().flatten().collect()))
        .build()
}

fn endpoints(said: &VpcConfig) -> sdk::builders::VpcConfigRequestBuilder {
    sdk::VpcConfigRequest::builder()
        .endpoint_private_access(said.endpoint_private_access)
        .endpoint_public_access(said.endpoint_public_access)
        .set_public_access_cidrs(
            said.public_access_cidrs
                .as_ref()
                .filter(|c| !c.is_empty() && said.endpoint_public_access)
                .and_then(list),
        )
}

fn policy(said: &UpgradePolicy) -> sdk::UpgradePolicyRequest {
    let kind = said.support_type.as_deref().map(sdk::SupportType::from);
    sdk::UpgradePolicyRequest::builder()
        .set_support_type(kind)
        .build()
}

fn shift(enabled: bool) -> sdk::ZonalShiftConfigRequest {
    sdk::ZonalShiftConfigRequest::builder()
        .enabled(enabled)
        .build()
}

fn shifting(record: &ClusterRecord) -> bool {
    let first = record.zonal_shift_config.first();
    first.and_then(|z| z.enabled) == Some(true)
}

pub(super) fn create(
    client: &Client,
    operation: &Operation,
    desired: &ClusterRecord,
) -> CreateClusterFluentBuilder {
    let vpc = desired.vpc_config.first();
    let access = desired.access_config.first().map(|a| {
        let mode = a.authentication_mode.as_deref();
        sdk::CreateAccessConfigRequest::builder()
            .set_authentication_mode(mode.map(sdk::AuthenticationMode::from))
            .set_bootstrap_cluster_creator_admin_permissions(
                a.bootstrap_cluster_creator_admin_permissions,
            )
            .build()
    });
    let auto = Auto::of(desired);
    let network = desired.kubernetes_network_config.first().map(|n| {
        sdk::KubernetesNetworkConfigRequest::builder()
            .set_elastic_load_balancing(auto.any().then(|| auto.balancing()))
            .set_ip_family(n.ip_family.as_deref().map(sdk::IpFamily::from))
            .set_service_ipv4_cidr(n.service_ipv4_cidr.clone())
            .build()
    });
    let logs = &desired.enabled_cluster_log_types;
    client
        .eks()
        .create_cluster()
        .client_request_token(operation.token.as_str())
        .name(&desired.name)
        .role_arn(&desired.role_arn)
        .set_version(desired.version.clone())
        .set_resources_vpc_config(vpc.map(|v| {
            endpoints(v)
                .set_subnet_ids(list(&v.subnet_ids))
                .set_security_group_ids(
                    list(&v.security_group_ids).filter(|groups| !groups.is_empty()),
                )
                .build()
        }))
        .set_access_config(access)
        .set_encryption_config(encryption(&desired.encryption_config))
        .set_kubernetes_network_config(network)
        .set_compute_config(auto.any().then(|| auto.compute()))
        .set_storage_config(auto.any().then(|| auto.storage()))
        .set_upgrade_policy(desired.upgrade_policy.first().map(policy))
        .set_zonal_shift_config(shifting(desired).then(|| shift(true)))
        .set_logging((!logs.is_empty()).then(|| logging(logs, false)))
        .set_bootstrap_self_managed_addons(desired.bootstrap_self_managed_addons)
        .set_deletion_protection(desired.deletion_protection.filter(|on| *on))
        .set_tags(tagging::for_create(client, operation, &desired.tags))
}

/// Brings a cluster from what it was to what it should be: each aspect is a change of its own, one after the other.
pub(super) async fn update(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    prior: &ClusterRecord,
    desired: &ClusterRecord,
) -> Result<(), ProviderError> {
    let name = &prior.name;
    let what = |call: &'static str| Change {
        call,
        cluster: name,
        node_group: None,
        addon: None,
        about: About::Roles(""),
    };
    let now = || now::<Cluster>(client, context, prior);
    let token = |purpose: &str| operation.token.derived(purpose).as_str().to_owned();
    if let Some(version) = &desired.version
        && prior.version.as_ref() != Some(version)
    {
        let request = client
            .eks()
            .update_cluster_version()
            .name(name)
            .version(version)
            .set_force(desired.force_update_version)
            .client_request_token(token("version"));
        let send = || request.clone().send();
        let what = what("UpdateClusterVersion");
        let made = || async { Ok(now().await?.version.as_ref() == Some(version)) };
        change(client, context, operation, what, send, |a| a.update, made).await?;
    }
    if prior.encryption_config.is_empty() && !desired.encryption_config.is_empty() {
        let request = client
            .eks()
            .associate_encryption_config()
            .cluster_name(name)
            .set_encryption_config(encryption(&desired.encryption_config))
            .client_request_token(token("encryption"));
        let send = || request.clone().send();
        let what = what("AssociateEncryptionConfig");
        let made = || async { Ok(!now().await?.encryption_config.is_empty()) };
        change(client, context, operation, what, send, |a| a.update, made).await?;
    }
    for (purpose, request) in configs(client, prior, desired) {
        let request = request.client_request_token(token(purpose));
        let send = || request.clone().send();
        let what = what("UpdateClusterConfig");
        let made = || async {
            let left = configs(client, &now().await?, desired);
            Ok(left.iter().all(|(other, _)| *other != purpose))
        };
        change(client, context, operation, what, send, |a| a.update, made).await?;
    }
    Ok(())
}

/// One request an aspect: EKS refuses several at once.
fn configs(
    client: &Client,
    prior: &ClusterRecord,
    desired: &ClusterRecord,
) -> Vec<(&'static str, UpdateClusterConfigFluentBuilder)> {
    let begin = || client.eks().update_cluster_config().name(&prior.name);
    let mut all = Vec::new();
    let mode = |r: &ClusterRecord| r.access_config.first()?.authentication_mode.clone();
    if let Some(mode) = mode(desired).filter(|m| mode(prior).as_ref() != Some(m)) {
        let access = sdk::UpdateAccessConfigRequest::builder()
            .authentication_mode(sdk::AuthenticationMode::from(mode.as_str()))
            .build();
        all.push(("access", begin().access_config(access)));
    }
    if prior.enabled_cluster_log_types != desired.enabled_cluster_log_types {
        let logs = logging(&desired.enabled_cluster_log_types, true);
        all.push(("logging", begin().logging(logs)));
    }
    if let (Some(was), Some(vpc)) = (prior.vpc_config.first(), desired.vpc_config.first()) {
        let cidrs = vpc.public_access_cidrs.is_some()
            && vpc.endpoint_public_access
            && was.public_access_cidrs != vpc.public_access_cidrs;
        if cidrs
            || was.endpoint_private_access != vpc.endpoint_private_access
            || was.endpoint_public_access != vpc.endpoint_public_access
        {
            let request = begin().resources_vpc_config(endpoints(vpc).build());
            all.push(("endpoints", request));
        }
        if was.subnet_ids != vpc.subnet_ids || was.security_group_ids != vpc.security_group_ids {
            let places = sdk::VpcConfigRequest::builder()
                .set_subnet_ids(list(&vpc.subnet_ids))
                .set_security_group_ids(list(&vpc.security_group_ids))
                .build();
            all.push(("subnets", begin().resources_vpc_config(places)));
        }
    }
    if let Some(new) = desired.upgrade_policy.first()
        && prior.upgrade_policy.first() != Some(new)
        && new.support_type.is_some()
    {
        all.push(("policy", begin().upgrade_policy(policy(new))));
    }
    if shifting(prior) != shifting(desired) {
        let config = shift(shifting(desired));
        all.push(("shift", begin().zonal_shift_config(config)));
    }
    let auto = Auto::of(desired);
    if Auto::of(prior) != auto {
        let network = sdk::KubernetesNetworkConfigRequest::builder()
            .elastic_load_balancing(auto.balancing())
            .build();
        let request = begin()
            .compute_config(auto.compute())
            .kubernetes_network_config(network)
            .storage_config(auto.storage());
        all.push(("auto", request));
    }
    if let Some(on) = desired.deletion_protection
        && prior.deletion_protection != Some(on)
    {
        all.push(("protection", begin().deletion_protection(on)));
    }
    all
}
