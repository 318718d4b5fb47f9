//! A cluster as EKS shows it.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::cluster_config::Config;
use super::{seconds, versions};
use crate::aws::context::Ctx;
use crate::certificate;
use crate::kubernetes::clusters;
use crate::tags::Tags;

/// The logs that a control plane can write.
pub(super) const LOG_TYPES: [&str; 5] = [
    "api",
    "audit",
    "authenticator",
    "controllerManager",
    "scheduler",
];

impl Cluster {
    fn issues(&self, ctx: &Ctx<'_>) -> Value {
        if self.status(ctx) != "FAILED" {
            return json!([]);
        }
        json!([{
            "code": "InternalFailure",
            "message": "The control plane could not be created",
            "resourceIds": [self.name],
        }])
    }

    /// The cluster as operations answer it.
    pub(super) fn view(&self, ctx: &Ctx<'_>, tags: &Tags) -> Value {
        let config = &self.config;
        let network = &config.resources_vpc_config;
        let open = vec!["0.0.0.0/0".to_owned()];
        let version = self.running_version(ctx);
        let mut view = json!({
            "name": self.name,
            "arn": self.arn(ctx),
            "createdAt": seconds(self.created),
            "version": version,
            "roleArn": config.role_arn,
            "resourcesVpcConfig": {
                "subnetIds": network.subnet_ids,
                "securityGroupIds": network.security_group_ids,
                "clusterSecurityGroupId": self.security_group,
                "vpcId": self.vpc,
                "endpointPublicAccess": network.endpoint_public_access.unwrap_or(true),
                "endpointPrivateAccess": network.endpoint_private_access.unwrap_or(false),
                "publicAccessCidrs": network.public_access_cidrs.as_ref().unwrap_or(&open),
            },
            "kubernetesNetworkConfig": services(config, &self.vpc, ctx),
            "logging": {"clusterLogging": logging(config)},
            "status": self.status(ctx),
            "certificateAuthority": {},
            "platformVersion": versions::find(version).map_or("eks.1", |version| version.platform),
            "tags": tags.to_map(),
            "health": {"issues": self.issues(ctx)},
            "accessConfig": {
                "bootstrapClusterCreatorAdminPermissions":
                    config.access_config.bootstrap_cluster_creator_admin_permissions.unwrap_or(true),
                "authenticationMode": config.access_config.authentication_mode.as_deref().unwrap_or("CONFIG_MAP"),
            },
            "upgradePolicy": {"supportType": config.upgrade_policy.support_type.as_deref().unwrap_or("EXTENDED")},
            "deletionProtection": config.deletion_protection,
        });
        if !config.encryption_config.is_empty() {
            view["encryptionConfig"] = json!(config.encryption_config);
        }
        for (name, value) in [
            (
                "zonalShiftConfig",
                config
                    .zonal_shift_config
                    .as_ref()
                    .map(|switch| json!(switch)),
            ),
            ("computeConfig", config.compute_config.clone()),
            ("storageConfig", config.storage_config.clone()),
            ("remoteNetworkConfig", config.remote_network_config.clone()),
        ] {
            if let Some(value) = value {
                view[name] = value;
            }
        }
        // The control plane has an address only once it runs.
        if ctx.past(self.active_at) && !self.failed {
            let issuer = format!(
                "https://oidc.eks.{}.amazonaws.com/id/{}",
                ctx.region, self.digits
            );
            let address = clusters::address(&ctx.tx, "aws", &ctx.region, &self.name);
            view["endpoint"] = format!("https://{address}").into();
            view["identity"] = json!({"oidc": {"issuer": issuer}});
            view["certificateAuthority"] = json!({"data": certificate::authority(&ctx.tx)});
        }
        view
    }
}

fn services(config: &Config, vpc: &str, ctx: &Ctx<'_>) -> Value {
    let network = &config.kubernetes_network_config;
    let family = network.ip_family.as_deref().unwrap_or("ipv4");
    let balancing = network
        .elastic_load_balancing
        .as_ref()
        .is_some_and(|switch| switch.enabled);
    let mut value = json!({"ipFamily": family, "elasticLoadBalancing": {"enabled": balancing}});
    if family == "ipv6" {
        value["serviceIpv6Cidr"] = "fd30:1c53:5f8a::/108".into();
    } else {
        // EKS takes the range that the network does not use.
        let inside_ten = ctx
            .get::<crate::aws::ec2::vpc::Vpc>(vpc)
            .is_some_and(|vpc| vpc.cidr.network().octets()[0] == 10);
        let default = if inside_ten {
            "172.20.0.0/16"
        } else {
            "10.100.0.0/16"
        };
        value["serviceIpv4Cidr"] = network
            .service_ipv4_cidr
            .as_deref()
            .unwrap_or(default)
            .into();
    }
    value
}

/// Whether any log of the control plane is on.
pub(super) fn logs(config: &Config) -> bool {
    logging(config)[0]["enabled"] == true
}

fn logging(config: &Config) -> Value {
    let setups = config
        .logging
        .iter()
        .flat_map(|logging| &logging.cluster_logging);
    let enabled: Vec<&str> = LOG_TYPES
        .into_iter()
        .filter(|kind| {
            let mut last = setups
                .clone()
                .filter(|setup| setup.types.iter().any(|name| name == kind));
            last.next_back().is_some_and(|setup| setup.enabled)
        })
        .collect();
    let disabled: Vec<&str> = LOG_TYPES
        .into_iter()
        .filter(|kind| !enabled.contains(kind))
        .collect();
    let mut list = Vec::new();
    if !enabled.is_empty() {
        list.push(json!({"types": enabled, "enabled": true}));
    }
    if !disabled.is_empty() {
        list.push(json!({"types": disabled, "enabled": false}));
    }
    list.into()
}
