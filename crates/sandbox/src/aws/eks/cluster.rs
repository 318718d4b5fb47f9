//! Clusters: made, described, deleted. Each has a security group and network interfaces of its own in its
//! network. Changes are in `cluster_update`, the wire shape in `cluster_view`.

use std::collections::BTreeSet;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access;
use super::addon::{self, Addon};
use super::nodegroup::Nodegroup;
use super::pod_identity::Association;
use super::update::Update;
use super::{in_use, invalid, invalid_request, not_found, paged, read, remember, replay, tags, versions};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::{self, NewInterface};
use crate::aws::ec2::permissions::Permission;
use crate::aws::ec2::security_group::{self, SecurityGroup};
use crate::aws::ec2::security_group_rule as rules;
use crate::aws::ec2::subnet::Subnet;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::references;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// Clusters per region.
const QUOTA: usize = 100;

/// A cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cluster {
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) version: String,
    /// The version that is shown until `busy_until`.
    pub(super) version_before: Option<String>,
    pub(crate) vpc: String,
    pub(crate) security_group: String,
    /// 32 hexadecimal digits, in endpoint and issuer.
    pub(super) digits: String,
    pub(super) created: Millis,
    pub(super) active_at: Millis,
    pub(super) busy_until: Millis,
    pub(super) gone_at: Option<Millis>,
}

/// What a client decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    pub(super) name: String,
    #[serde(default)]
    version: Option<String>,
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

impl Document for Cluster {
    const KIND: &'static str = "eks/cluster";

    fn id(&self) -> &str {
        &self.name
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn links(&self) -> Vec<String> {
        vec![self.vpc.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_eks_cluster")
    }
}

impl Cluster {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        ctx.arn("eks", &format!("cluster/{}", self.name))
    }

    pub(super) fn status(&self, ctx: &Ctx<'_>) -> &'static str {
        if self.gone_at.is_some() {
            "DELETING"
        } else if !ctx.past(self.active_at) {
            "CREATING"
        } else if !ctx.past(self.busy_until) {
            "UPDATING"
        } else {
            "ACTIVE"
        }
    }

    /// The version that it runs now.
    pub(super) fn running_version(&self, ctx: &Ctx<'_>) -> &str {
        match &self.version_before {
            Some(before) if !ctx.past(self.busy_until) => before,
            _ => &self.version,
        }
    }

    /// Whether access entries count.
    pub(super) fn has_access_entries(&self) -> bool {
        self.config.access_config.authentication_mode.as_deref() != Some("CONFIG_MAP")
    }

    /// All groups that its network interfaces have.
    pub(super) fn groups(&self) -> Vec<String> {
        let mut groups = vec![self.security_group.clone()];
        groups.extend(self.config.resources_vpc_config.security_group_ids.iter().cloned());
        groups
    }
}

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "CreateCluster",
        method: Method::POST,
        path: "/clusters",
        accepts: &[
            "name",
            "version",
            "roleArn",
            "resourcesVpcConfig",
            "kubernetesNetworkConfig",
            "logging",
            "clientRequestToken",
            "tags",
            "encryptionConfig",
            "accessConfig",
            "bootstrapSelfManagedAddons",
            "upgradePolicy",
            "zonalShiftConfig",
            "remoteNetworkConfig",
            "computeConfig",
            "storageConfig",
            "deletionProtection",
        ],
        query: &[],
        handler: create,
    },
    RestOperation {
        name: "ListClusters",
        method: Method::GET,
        path: "/clusters",
        accepts: &[],
        query: &["maxResults", "nextToken", "include"],
        handler: list,
    },
    RestOperation {
        name: "DescribeCluster",
        method: Method::GET,
        path: "/clusters/{name}",
        accepts: &[],
        query: &[],
        handler: describe,
    },
    RestOperation {
        name: "DeleteCluster",
        method: Method::DELETE,
        path: "/clusters/{name}",
        accepts: &[],
        query: &[],
        handler: delete,
    },
];

/// The cluster of a name.
pub(super) fn find(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<Cluster>> {
    ctx.get::<Cluster>(name).ok_or_else(|| {
        not_found(format!("No cluster found for name: {name}.")).member("clusterName", name)
    })
}

/// The cluster of a name, when it can take changes.
pub(super) fn find_active(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<Cluster>> {
    let cluster = find(ctx, name)?;
    match cluster.status(ctx) {
        "ACTIVE" | "UPDATING" => Ok(cluster),
        status => {
            let message = format!("Cluster '{name}' is not in ACTIVE status (it is {status})");
            Err(invalid_request(message).member("clusterName", name))
        }
    }
}

fn valid_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
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
        return Err(invalid("Subnets specified must be in at least two different AZs"));
    }
    if config.subnet_ids.len() > 16 {
        return Err(invalid("At most 16 subnets may be specified"));
    }
    let vpc = vpcs.into_iter().next().expect("there are two subnets at least");
    if config.security_group_ids.len() > 5 {
        return Err(invalid("You may specify up to 5 security groups"));
    }
    for id in &config.security_group_ids {
        if ctx.get::<SecurityGroup>(id).is_none_or(|group| group.vpc != vpc) {
            return Err(invalid(format!("The security group '{id}' does not exist in VPC '{vpc}'")));
        }
    }
    Ok(vpc)
}

/// Checks who may reach the endpoint.
pub(super) fn check_access(config: &VpcConfig) -> AwsResult<()> {
    let public = config.endpoint_public_access.unwrap_or(true);
    let private = config.endpoint_private_access.unwrap_or(false);
    if !public && !private {
        return Err(invalid("Private and public endpoint access cannot be false"));
    }
    for cidr in config.public_access_cidrs.iter().flatten() {
        if cidr.parse::<ipnet::IpNet>().is_err() {
            return Err(invalid(format!("The following CIDRs are invalid in publicAccessCidrs: [{cidr}]")));
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
            return Err(invalid(format!("KeyArn is not valid or the key cannot be used: {arn}")));
        }
    }
    Ok(())
}

/// Checks that a role is there for EKS to assume.
pub(super) fn check_role(ctx: &Ctx<'_>, arn: &str) -> AwsResult<()> {
    if references::role_exists(ctx, arn) {
        return Ok(());
    }
    Err(invalid(format!(
        "Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
    )))
}

fn check(ctx: &Ctx<'_>, config: &Config) -> AwsResult<()> {
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
    if network.ip_family.as_deref().is_some_and(|family| !matches!(family, "ipv4" | "ipv6")) {
        return Err(invalid("ipFamily must be ipv4 or ipv6"));
    }
    if let Some(text) = &network.service_ipv4_cidr {
        let cidr = text.parse::<ipnet::Ipv4Net>().ok();
        let fits = cidr.is_some_and(|cidr| cidr.addr().is_private() && (12..=24).contains(&cidr.prefix_len()));
        if !fits {
            return Err(invalid(format!(
                "Service IPv4 CIDR {text} must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 and between /24 and /12"
            )));
        }
    }
    Ok(())
}

fn create(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(name) = replay(ctx, request, "CreateCluster")? {
        let cluster = find(ctx, &name)?;
        return Ok(json!({"cluster": cluster.view(ctx, cluster.tags())}));
    }
    let mut config: Config = read(request)?;
    let tags = tags(request)?;
    check(ctx, &config)?;
    if ctx.exists::<Cluster>(&config.name) {
        let message = format!("Cluster already exists with name: {}", config.name);
        return Err(in_use(message).member("clusterName", config.name.as_str()));
    }
    let wanted = config.version.take();
    let version = wanted.as_deref().unwrap_or(versions::DEFAULT);
    if versions::find(version).is_none() {
        return Err(invalid(format!("unsupported Kubernetes version {version}")).member("clusterName", config.name.as_str()));
    }
    let vpc = check_network(ctx, &config.resources_vpc_config)?;
    if ctx.count::<Cluster>() >= QUOTA {
        let message = format!("Cluster limit exceeded: limit {QUOTA}");
        return Err(AwsError::new("ResourceLimitExceededException", message));
    }
    let name = config.name.clone();
    let arn = ctx.arn("eks", &format!("cluster/{name}"));
    let security_group = make_security_group(ctx, &name, &arn, &vpc);
    let cluster = Cluster {
        name: name.clone(),
        version: version.to_owned(),
        version_before: None,
        vpc,
        security_group,
        digits: ctx.new_hex(32).to_uppercase(),
        created: ctx.now,
        active_at: ctx.due(Work::ClusterCreate),
        busy_until: ctx.now,
        gone_at: None,
        config,
    };
    make_interfaces(ctx, &cluster)?;
    access::bootstrap(ctx, &cluster);
    if cluster.config.bootstrap_self_managed_addons == Some(true) {
        addon::check_self_managed(&cluster.config)?;
    }
    let view = cluster.view(ctx, &tags);
    ctx.put_tagged(cluster, tags);
    remember(ctx, request, "CreateCluster", &name);
    Ok(json!({"cluster": view}))
}

fn make_security_group(ctx: &mut Ctx<'_>, name: &str, arn: &str, vpc: &str) -> String {
    let mut tags = Tags::default();
    let group_name = format!("eks-cluster-sg-{name}-{}", &ctx.new_hex(9));
    tags.set("Name", &group_name);
    tags.set("aws:eks:cluster-name", name);
    tags.set(&format!("kubernetes.io/cluster/{name}"), "owned");
    let description = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.";
    let id = security_group::make(ctx, vpc, &group_name, description, Some(arn), tags);
    security_group::make_part(ctx, &id);
    rules::make(ctx, &id, false, Permission::everything_from_group(&id));
    id
}

/// Makes the control plane's interfaces, one in each of up to two zones.
pub(super) fn make_interfaces(ctx: &mut Ctx<'_>, cluster: &Cluster) -> AwsResult<()> {
    let arn = cluster.arn(ctx);
    let mut zones = BTreeSet::new();
    for id in &cluster.config.resources_vpc_config.subnet_ids {
        let zone = ctx.get::<Subnet>(id).map(|subnet| subnet.zone.clone());
        if zones.len() >= 2 || zone.is_none_or(|zone| !zones.insert(zone)) {
            continue;
        }
        let new = NewInterface {
            subnet: id,
            groups: cluster.groups(),
            description: format!("Amazon EKS {}", cluster.name),
            interface_type: "interface",
            requester: "amazon-eks",
            owner: &arn,
            instance: None,
            public: false,
            controller: None,
        };
        network_interface::create(ctx, new, Tags::default()).map_err(|error| invalid(error.message))?;
    }
    Ok(())
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let clusters = ctx.list::<Cluster>();
    let answer =
        paged(request, "clusters", clusters, |cluster| cluster.name.as_str(), |cluster| cluster.name.clone().into())?;
    Ok(Value::Object(answer))
}

fn describe(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let cluster = find(ctx, request.label("name"))?;
    Ok(json!({"cluster": cluster.view(ctx, cluster.tags())}))
}

fn delete(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let name = request.label("name");
    let stored = find(ctx, name)?;
    let refuse = |error: AwsError| Err(error.member("clusterName", name));
    if stored.config.deletion_protection {
        return refuse(invalid_request(format!(
            "Cluster {name} has deletion protection enabled. Disable deletion protection to delete the cluster."
        )));
    }
    if ctx.referred::<Nodegroup>(&super::nodegroup::of_cluster(name)) {
        return refuse(in_use("Cluster has nodegroups attached"));
    }
    match stored.status(ctx) {
        "ACTIVE" => {}
        "DELETING" => return Ok(json!({"cluster": stored.view(ctx, stored.tags())})),
        status => {
            return refuse(in_use(format!(
                "Cannot delete because cluster {name} currently has an update in progress ({status})"
            )));
        }
    }
    let gone_at = ctx.due(Work::ClusterDelete);
    let arn = stored.arn(ctx);
    for addon in ctx.referrers::<Addon>(name) {
        ctx.delete::<Addon>(addon.id());
    }
    for association in ctx.referrers::<Association>(name) {
        ctx.delete::<Association>(association.id());
    }
    for update in ctx.referrers::<Update>(name) {
        ctx.delete::<Update>(update.id());
    }
    access::remove_all(ctx, name);
    network_interface::release(ctx, &arn, gone_at);
    security_group::remove_at(ctx, &stored.security_group, gone_at);
    let cluster = Cluster { gone_at: Some(gone_at), ..stored.edit() };
    let view = cluster.view(ctx, stored.tags());
    if ctx.past(gone_at) {
        ctx.delete::<Cluster>(name);
    } else {
        ctx.put(cluster);
    }
    Ok(json!({"cluster": view}))
}
