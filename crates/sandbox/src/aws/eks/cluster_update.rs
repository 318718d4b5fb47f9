//! Changes of clusters: one kind of change in a request, one change at a time, each an update that takes a while.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cluster::{self, Cluster};
use super::cluster_config::{
    self as checks, AccessConfig, Encryption, Logging, NetworkConfig, Switch, UpgradePolicy,
    VpcConfig,
};
use super::nodegroup::Nodegroup;
use super::update::{self, NewUpdate};
use super::{in_use, invalid, invalid_request, read, remember, replay, versions};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::rest::{RestOperation, RestRequest};
use crate::latency::Work;
use crate::world::Stored;

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "UpdateClusterConfig",
        method: Method::POST,
        path: "/clusters/{name}/update-config",
        accepts: &[
            "resourcesVpcConfig",
            "logging",
            "clientRequestToken",
            "accessConfig",
            "upgradePolicy",
            "zonalShiftConfig",
            "computeConfig",
            "kubernetesNetworkConfig",
            "storageConfig",
            "remoteNetworkConfig",
            "deletionProtection",
        ],
        query: &[],
        handler: config,
    },
    RestOperation {
        name: "UpdateClusterVersion",
        method: Method::POST,
        path: "/clusters/{name}/updates",
        accepts: &["version", "clientRequestToken", "force"],
        query: &[],
        handler: version,
    },
    RestOperation {
        name: "AssociateEncryptionConfig",
        method: Method::POST,
        path: "/clusters/{name}/encryption-config/associate",
        accepts: &["encryptionConfig", "clientRequestToken"],
        query: &[],
        handler: encryption,
    },
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    resources_vpc_config: Option<VpcConfig>,
    logging: Option<Logging>,
    access_config: Option<AccessConfig>,
    upgrade_policy: Option<UpgradePolicy>,
    zonal_shift_config: Option<Switch>,
    compute_config: Option<Value>,
    kubernetes_network_config: Option<NetworkConfig>,
    storage_config: Option<Value>,
    remote_network_config: Option<Value>,
    deletion_protection: Option<bool>,
}

/// The cluster, when no other update is under way.
fn idle(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<Cluster>> {
    let cluster = cluster::find(ctx, name)?;
    match cluster.status(ctx) {
        "ACTIVE" => Ok(cluster),
        status => {
            let message = format!(
                "Cannot perform this operation because cluster {name} currently is {status}"
            );
            Err(in_use(message).member("clusterName", name))
        }
    }
}

/// Keeps a changed cluster and the update that changes it.
fn begin(
    ctx: &mut Ctx<'_>,
    request: &RestRequest,
    operation: &str,
    mut cluster: Cluster,
    kind: &str,
    params: Vec<(&'static str, String)>,
) -> Value {
    let done_at = ctx.due(if kind == "VersionUpdate" {
        Work::ClusterUpdate
    } else {
        Work::AddonUpdate
    });
    if ctx.pace.fails {
        // It ends with everything as before.
        cluster = cluster::find(ctx, &cluster.name)
            .expect("it was found when the request began")
            .edit();
    }
    cluster.busy_until = done_at;
    let name = cluster.name.clone();
    ctx.put(cluster);
    let update = update::begin(
        ctx,
        NewUpdate {
            cluster: &name,
            part: None,
            kind,
            params,
            done_at,
        },
    );
    let id = crate::world::Document::id(&update).to_owned();
    remember(ctx, request, operation, &id);
    update.answer(ctx)
}

fn no_changes(name: &str, what: &str) -> AwsError {
    invalid(format!(
        "{what} of cluster {name} is already at the desired configuration: No changes needed"
    ))
    .member("clusterName", name)
}

fn config(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "UpdateClusterConfig")? {
        return update::again(ctx, &id);
    }
    let name = request.label("name");
    let mut cluster = idle(ctx, name)?.edit();
    let change: Change = read(request)?;
    let mut kinds: Vec<(&str, Vec<(&'static str, String)>)> = Vec::new();
    if let Some(vpc) = change.resources_vpc_config {
        kinds.push(network(ctx, &mut cluster, vpc)?);
    }
    if let Some(logging) = change.logging {
        checks::check_logging(&logging)?;
        let value = json!(logging).to_string();
        let before = cluster.view(ctx, &crate::tags::Tags::default())["logging"].clone();
        let mut all = cluster.config.logging.take().unwrap_or_default();
        all.cluster_logging.extend(logging.cluster_logging);
        cluster.config.logging = Some(all);
        if cluster.view(ctx, &crate::tags::Tags::default())["logging"] == before {
            return Err(no_changes(name, "Logging"));
        }
        kinds.push(("LoggingUpdate", vec![("ClusterLogging", value)]));
    }
    if let Some(access) = change.access_config {
        let mode = access
            .authentication_mode
            .ok_or_else(|| invalid("authenticationMode must be given"))?;
        let order = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"];
        let place = |mode: &str| order.iter().position(|known| *known == mode);
        let old = cluster
            .config
            .access_config
            .authentication_mode
            .as_deref()
            .unwrap_or("CONFIG_MAP");
        match (place(old), place(&mode)) {
            (_, None) => return Err(invalid(format!("Invalid authentication mode {mode}"))),
            (old, new) if old == new => return Err(no_changes(name, "Authentication mode")),
            (Some(from), Some(to)) if to < from => {
                let message =
                    format!("Unsupported authentication mode update from {old} to {mode}");
                return Err(invalid(message));
            }
            _ => {}
        }
        cluster.config.access_config.authentication_mode = Some(mode.clone());
        kinds.push(("AccessConfigUpdate", vec![("AuthenticationMode", mode)]));
    }
    if let Some(policy) = change.upgrade_policy {
        checks::check_support(&policy)?;
        let value = json!(policy).to_string();
        cluster.config.upgrade_policy = policy;
        kinds.push(("UpgradePolicyUpdate", vec![("UpgradePolicy", value)]));
    }
    if let Some(switch) = change.zonal_shift_config {
        let value = json!(switch).to_string();
        cluster.config.zonal_shift_config = Some(switch);
        kinds.push(("ZonalShiftConfigUpdate", vec![("ZonalShiftConfig", value)]));
    }
    if let Some(protection) = change.deletion_protection {
        cluster.config.deletion_protection = protection;
        kinds.push((
            "DeletionProtectionUpdate",
            vec![("DeletionProtection", protection.to_string())],
        ));
    }
    if let Some(remote) = change.remote_network_config {
        let value = remote.to_string();
        cluster.config.remote_network_config = Some(remote);
        kinds.push((
            "RemoteNetworkConfigUpdate",
            vec![("RemoteNetworkConfig", value)],
        ));
    }
    let auto = [
        ("ComputeConfig", change.compute_config.is_some()),
        ("StorageConfig", change.storage_config.is_some()),
        (
            "KubernetesNetworkConfig",
            change.kubernetes_network_config.is_some(),
        ),
    ];
    if auto.iter().any(|(_, given)| *given) {
        // Auto mode is switched by its three parts together.
        if !auto.iter().all(|(_, given)| *given) {
            let message = "For EKS Auto Mode, please ensure that all required configs, including computeConfig, kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled.";
            return Err(invalid_request(message));
        }
        cluster.config.compute_config = change.compute_config;
        cluster.config.storage_config = change.storage_config;
        if let Some(network) = change.kubernetes_network_config {
            cluster
                .config
                .kubernetes_network_config
                .elastic_load_balancing = network.elastic_load_balancing;
        }
        let compute = json!(cluster.config.compute_config).to_string();
        kinds.push(("AutoModeUpdate", vec![("ComputeConfig", compute)]));
    }
    let mut kinds = kinds.into_iter();
    match (kinds.next(), kinds.next()) {
        (Some((kind, params)), None) => {
            cluster::keep_logs(ctx, &cluster);
            let call = "UpdateClusterConfig";
            Ok(begin(ctx, request, call, cluster, kind, params))
        }
        (None, _) => {
            Err(invalid("No configuration changes were given").member("clusterName", name))
        }
        (Some(_), Some(_)) => {
            let message = "Only one type of update can be allowed.";
            Err(invalid(message).member("clusterName", name))
        }
    }
}

type Kind = (&'static str, Vec<(&'static str, String)>);

/// Endpoint access, or subnets and groups: not both in one request.
fn network(ctx: &mut Ctx<'_>, cluster: &mut Cluster, new: VpcConfig) -> AwsResult<Kind> {
    let access = new.endpoint_public_access.is_some()
        || new.endpoint_private_access.is_some()
        || new.public_access_cidrs.is_some();
    let places = !new.subnet_ids.is_empty() || !new.security_group_ids.is_empty();
    let config = &mut cluster.config.resources_vpc_config;
    if access && places {
        return Err(invalid("Only one type of update can be allowed."));
    }
    if access {
        let open = || vec!["0.0.0.0/0".to_owned()];
        let shape = |config: &VpcConfig| {
            (
                config.endpoint_public_access.unwrap_or(true),
                config.endpoint_private_access.unwrap_or(false),
                config.public_access_cidrs.clone().unwrap_or_else(open),
            )
        };
        let before = shape(config);
        config.endpoint_public_access =
            new.endpoint_public_access.or(config.endpoint_public_access);
        config.endpoint_private_access = new
            .endpoint_private_access
            .or(config.endpoint_private_access);
        config.public_access_cidrs = new
            .public_access_cidrs
            .or_else(|| config.public_access_cidrs.take());
        checks::check_access(config)?;
        let after = shape(config);
        if before == after {
            return Err(invalid(format!(
                "Cluster is already at the desired configuration with endpointPrivateAccess: {} , endpointPublicAccess: {}, and Public Endpoint Restrictions: {:?}",
                after.1, after.0, after.2
            )));
        }
        let params = vec![
            ("EndpointPublicAccess", after.0.to_string()),
            ("EndpointPrivateAccess", after.1.to_string()),
            ("PublicAccessCidrs", json!(after.2).to_string()),
        ];
        return Ok(("EndpointAccessUpdate", params));
    }
    if !places {
        return Err(invalid("resourcesVpcConfig is empty"));
    }
    if !new.subnet_ids.is_empty() {
        config.subnet_ids = new.subnet_ids;
    }
    if !new.security_group_ids.is_empty() {
        config.security_group_ids = new.security_group_ids;
    }
    let params = vec![
        ("Subnets", json!(config.subnet_ids).to_string()),
        (
            "SecurityGroups",
            json!(config.security_group_ids).to_string(),
        ),
    ];
    if checks::check_network(ctx, &cluster.config.resources_vpc_config)? != cluster.vpc {
        return Err(invalid(
            "Provided subnets belong to a different VPC than the cluster's",
        ));
    }
    let arn = cluster.arn(ctx);
    let now = ctx.now;
    network_interface::release(ctx, &arn, now);
    cluster::make_interfaces(ctx, cluster)?;
    Ok(("VpcConfigUpdate", params))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewVersion {
    version: String,
    #[serde(default)]
    force: bool,
}

fn version(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "UpdateClusterVersion")? {
        return update::again(ctx, &id);
    }
    let name = request.label("name");
    let mut cluster = idle(ctx, name)?.edit();
    let wanted: NewVersion = read(request)?;
    let old = cluster.version.clone();
    let next = versions::after(&old).map(|version| version.name);
    if next != Some(wanted.version.as_str()) {
        let message = if versions::find(&wanted.version).is_none() {
            format!("unsupported Kubernetes version {}", wanted.version)
        } else if wanted.version == old {
            format!("Cluster is already at the desired configuration with version {old}")
        } else {
            format!(
                "Unsupported Kubernetes minor version update from {old} to {}",
                wanted.version
            )
        };
        return Err(invalid(message).member("clusterName", name));
    }
    let behind = ctx
        .referrers::<Nodegroup>(&super::nodegroup::of_cluster(name))
        .iter()
        .any(|group| {
            versions::distance(group.version(), &wanted.version)
                .is_some_and(|distance| distance > 3)
        });
    if behind && !wanted.force {
        let message =
            format!("Nodegroups of cluster {name} must be updated before its control plane");
        return Err(invalid_request(message).member("clusterName", name));
    }
    cluster.version_before = Some(old);
    cluster.version.clone_from(&wanted.version);
    let platform = versions::find(&wanted.version).map_or("eks.1", |version| version.platform);
    let params = vec![
        ("Version", wanted.version),
        ("PlatformVersion", platform.to_owned()),
    ];
    Ok(begin(
        ctx,
        request,
        "UpdateClusterVersion",
        cluster,
        "VersionUpdate",
        params,
    ))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewEncryption {
    encryption_config: Vec<Encryption>,
}

fn encryption(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "AssociateEncryptionConfig")? {
        return update::again(ctx, &id);
    }
    let mut cluster = idle(ctx, request.label("name"))?.edit();
    let new: NewEncryption = read(request)?;
    checks::check_encryption(ctx, &new.encryption_config)?;
    if new.encryption_config.is_empty() {
        return Err(invalid("encryptionConfig is empty"));
    }
    if !cluster.config.encryption_config.is_empty() {
        return Err(invalid(
            "Encryption config is already associated with the cluster; it cannot be changed",
        ));
    }
    let params = vec![("EncryptionConfig", json!(new.encryption_config).to_string())];
    cluster.config.encryption_config = new.encryption_config;
    Ok(begin(
        ctx,
        request,
        "AssociateEncryptionConfig",
        cluster,
        "AssociateEncryptionConfig",
        params,
    ))
}
