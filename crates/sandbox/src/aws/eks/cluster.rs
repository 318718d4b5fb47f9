//! Clusters: made, described, deleted. Each has a security group and network interfaces of its own in its
//! network. Changes are in `cluster_update`, the wire shape in `cluster_view`.

use std::collections::BTreeSet;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access;
use super::addon::{self, Addon};
use super::cluster_config::{self, Config, check_network, check_services};
use super::cluster_view;
use super::nodegroup::Nodegroup;
use super::pod_identity::Association;
use super::update::Update;
use super::{
    in_use, invalid, invalid_request, not_found, paged, read, remember, replay, tags, versions,
};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::{self, NewInterface};
use crate::aws::ec2::permissions::Permission;
use crate::aws::ec2::security_group;
use crate::aws::ec2::security_group_rule as rules;
use crate::aws::ec2::subnet::Subnet;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::logs::group as log_group;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// Clusters per region.
pub(crate) const QUOTA: usize = 100;

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
    /// Whether making it ends in failure.
    #[serde(default)]
    pub(super) failed: bool,
    pub(super) busy_until: Millis,
    pub(super) gone_at: Option<Millis>,
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
        } else if self.failed {
            "FAILED"
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
        groups.extend(
            self.config
                .resources_vpc_config
                .security_group_ids
                .iter()
                .cloned(),
        );
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

fn create(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(name) = replay(ctx, request, "CreateCluster")? {
        let cluster = find(ctx, &name)?;
        return Ok(json!({"cluster": cluster.view(ctx, cluster.tags())}));
    }
    let mut config: Config = read(request)?;
    let tags = tags(request)?;
    cluster_config::check(ctx, &config)?;
    if ctx.exists::<Cluster>(&config.name) {
        let message = format!("Cluster already exists with name: {}", config.name);
        return Err(in_use(message).member("clusterName", config.name.as_str()));
    }
    let wanted = config.version.take();
    let version = wanted.as_deref().unwrap_or(versions::DEFAULT);
    if versions::find(version).is_none() {
        return Err(invalid(format!("unsupported Kubernetes version {version}"))
            .member("clusterName", config.name.as_str()));
    }
    let vpc = check_network(ctx, &config.resources_vpc_config)?;
    check_services(ctx, &config, &vpc)?;
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
        failed: ctx.pace.fails,
        busy_until: ctx.now,
        gone_at: None,
        config,
    };
    make_interfaces(ctx, &cluster)?;
    access::bootstrap(ctx, &cluster);
    if cluster.config.bootstrap_self_managed_addons == Some(true) {
        addon::check_self_managed(&cluster.config)?;
    }
    keep_logs(ctx, &cluster);
    let view = cluster.view(ctx, &tags);
    ctx.put_tagged(cluster, tags);
    remember(ctx, request, "CreateCluster", &name);
    Ok(json!({"cluster": view}))
}

/// The control plane makes the group that it logs to where there is none, and never takes it away:
/// <https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html>. One that is deleted before its cluster comes
/// back with what is logged next.
pub(super) fn keep_logs(ctx: &mut Ctx<'_>, cluster: &Cluster) {
    if cluster_view::logs(&cluster.config) {
        log_group::ensure(ctx, &format!("/aws/eks/{}/cluster", cluster.name));
    }
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
        network_interface::create(ctx, new, Tags::default())
            .map_err(|error| invalid(error.message))?;
    }
    Ok(())
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let clusters = ctx.list::<Cluster>();
    let answer = paged(
        request,
        "clusters",
        clusters,
        |cluster| cluster.name.as_str(),
        |cluster| cluster.name.clone().into(),
    )?;
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
        "ACTIVE" | "FAILED" => {}
        "DELETING" => return Ok(json!({"cluster": stored.view(ctx, stored.tags())})),
        status => {
            return refuse(in_use(format!(
                "Cannot delete because cluster {name} currently has an update in progress ({status})"
            )));
        }
    }
    keep_logs(ctx, &stored);
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
    let cluster = Cluster {
        gone_at: Some(gone_at),
        ..stored.edit()
    };
    let view = cluster.view(ctx, stored.tags());
    if ctx.past(gone_at) {
        ctx.delete::<Cluster>(name);
    } else {
        ctx.put(cluster);
    }
    Ok(json!({"cluster": view}))
}
