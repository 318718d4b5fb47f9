//! Node groups: each is an Auto Scaling group whose nodes have interfaces in its subnets. Changes are in
//! `nodegroup_update`.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{self, Cluster};
use super::{access, in_use, invalid, invalid_request, not_found, paged, read, remember, replay, seconds, tags, versions};
use crate::aws::autoscaling::group::{self, Group};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::{self, NewInterface};
use crate::aws::ec2::security_group::{self, SecurityGroup};
use crate::aws::ec2::subnet::Subnet;
use crate::aws::ec2::{instance_type, launch_template};
use crate::aws::error::AwsResult;
use crate::aws::references;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// A node group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Nodegroup {
    /// `CLUSTER/NAME`.
    pub(super) id: String,
    pub(super) cluster: String,
    pub(super) config: Config,
    pub(super) version: String,
    pub(super) release: String,
    /// Version and release that are shown until `busy_until`.
    pub(super) before: Option<(String, String)>,
    pub(super) uuid: String,
    pub(super) group: String,
    pub(super) remote_group: Option<String>,
    pub(super) created: Millis,
    pub(super) modified: Millis,
    pub(super) active_at: Millis,
    pub(super) busy_until: Millis,
    pub(super) gone_at: Option<Millis>,
}

/// What a client decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Config {
    pub(super) nodegroup_name: String,
    #[serde(default)]
    pub(super) scaling_config: Option<Scaling>,
    #[serde(default)]
    pub(super) disk_size: Option<u32>,
    pub(super) subnets: Vec<String>,
    #[serde(default)]
    pub(super) instance_types: Vec<String>,
    #[serde(default)]
    pub(super) ami_type: Option<String>,
    #[serde(default)]
    pub(super) remote_access: Option<RemoteAccess>,
    pub(super) node_role: String,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) taints: Vec<Taint>,
    #[serde(default)]
    pub(super) launch_template: Option<Template>,
    #[serde(default)]
    pub(super) update_config: Option<UpdateConfig>,
    #[serde(default)]
    pub(super) node_repair_config: Option<Value>,
    #[serde(default)]
    pub(super) capacity_type: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    release_version: Option<String>,
}

/// How many nodes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Scaling {
    #[serde(default = "one")]
    pub(super) min_size: u32,
    #[serde(default = "two")]
    pub(super) max_size: u32,
    #[serde(default = "two")]
    pub(super) desired_size: u32,
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

/// A taint of nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Taint {
    pub(super) key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    pub(super) effect: String,
}

/// A launch template by id or name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Template {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) version: Option<String>,
}

/// How many nodes an update takes at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_unavailable: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_unavailable_percentage: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) update_strategy: Option<String>,
}

/// SSH to nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RemoteAccess {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ec2_ssh_key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    source_security_groups: Vec<String>,
}

impl Document for Nodegroup {
    const KIND: &'static str = "eks/nodegroup";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![of_cluster(&self.cluster)]
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        let id = format!("{}:{}", self.cluster, self.config.nodegroup_name);
        Listed::aws("aws_eks_node_group").map(|listed| Listed { id: Some(id), ..listed })
    }
}

/// The link of a cluster's node groups.
pub(super) fn of_cluster(cluster: &str) -> String {
    format!("cluster:{cluster}")
}

/// Kinds of images, and whether their nodes are ARM.
const AMI_TYPES: [(&str, bool); 20] = [
    ("AL2023_x86_64_STANDARD", false),
    ("AL2023_ARM_64_STANDARD", true),
    ("AL2023_x86_64_NEURON", false),
    ("AL2023_x86_64_NVIDIA", false),
    ("AL2023_ARM_64_NVIDIA", true),
    ("AL2_x86_64", false),
    ("AL2_x86_64_GPU", false),
    ("AL2_ARM_64", true),
    ("BOTTLEROCKET_x86_64", false),
    ("BOTTLEROCKET_ARM_64", true),
    ("BOTTLEROCKET_x86_64_FIPS", false),
    ("BOTTLEROCKET_ARM_64_FIPS", true),
    ("BOTTLEROCKET_x86_64_NVIDIA", false),
    ("BOTTLEROCKET_ARM_64_NVIDIA", true),
    ("WINDOWS_CORE_2019_x86_64", false),
    ("WINDOWS_FULL_2019_x86_64", false),
    ("WINDOWS_CORE_2022_x86_64", false),
    ("WINDOWS_FULL_2022_x86_64", false),
    ("WINDOWS_CORE_2025_x86_64", false),
    ("WINDOWS_FULL_2025_x86_64", false),
];

/// The newest image of a version.
pub(super) fn release(version: &str, ami_type: &str) -> String {
    let patch = versions::find(version).map_or(version, |version| version.patch);
    if ami_type.starts_with("BOTTLEROCKET") { "1.52.0-1e6f0d8c".to_owned() } else { format!("{patch}-20260114") }
}

impl Nodegroup {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        let rest = format!("nodegroup/{}/{}/{}", self.cluster, self.config.nodegroup_name, self.uuid);
        ctx.arn("eks", &rest)
    }

    /// The Kubernetes version that its nodes shall have.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn ami_type(&self) -> &str {
        self.config.ami_type.as_deref().unwrap_or("AL2023_x86_64_STANDARD")
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

    pub(super) fn scaling(&self) -> Scaling {
        self.config.scaling_config.unwrap_or(Scaling { min_size: 1, max_size: 2, desired_size: 2 })
    }

    fn view(&self, ctx: &Ctx<'_>, tags: &Tags) -> Value {
        let config = &self.config;
        let (version, release) = match &self.before {
            Some((version, release)) if !ctx.past(self.busy_until) => (version, release),
            _ => (&self.version, &self.release),
        };
        let mut resources = json!({"autoScalingGroups": [{"name": self.group}]});
        if let Some(group) = &self.remote_group {
            resources["remoteAccessSecurityGroup"] = group.clone().into();
        }
        let mut view = json!({
            "nodegroupName": config.nodegroup_name,
            "nodegroupArn": self.arn(ctx),
            "clusterName": self.cluster,
            "version": version,
            "releaseVersion": release,
            "createdAt": seconds(self.created),
            "modifiedAt": seconds(self.modified),
            "status": self.status(ctx),
            "capacityType": config.capacity_type.as_deref().unwrap_or("ON_DEMAND"),
            "scalingConfig": self.scaling(),
            "subnets": config.subnets,
            "amiType": self.ami_type(),
            "nodeRole": config.node_role,
            "labels": config.labels,
            "taints": config.taints,
            "resources": resources,
            "health": {"issues": []},
            "updateConfig": config.update_config.clone().unwrap_or(UpdateConfig {
                max_unavailable: Some(1),
                max_unavailable_percentage: None,
                update_strategy: None,
            }),
            "tags": tags.to_map(),
        });
        if !config.instance_types.is_empty() {
            view["instanceTypes"] = json!(config.instance_types);
        }
        match &config.launch_template {
            None => view["diskSize"] = config.disk_size.unwrap_or(20).into(),
            Some(template) => view["launchTemplate"] = json!(template),
        }
        if let Some(access) = &config.remote_access {
            view["remoteAccess"] = json!(access);
        }
        if let Some(repair) = &config.node_repair_config {
            view["nodeRepairConfig"] = repair.clone();
        }
        view
    }
}

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "CreateNodegroup",
        method: Method::POST,
        path: "/clusters/{name}/node-groups",
        accepts: &[
            "nodegroupName",
            "scalingConfig",
            "diskSize",
            "subnets",
            "instanceTypes",
            "amiType",
            "remoteAccess",
            "nodeRole",
            "labels",
            "taints",
            "tags",
            "clientRequestToken",
            "launchTemplate",
            "updateConfig",
            "nodeRepairConfig",
            "capacityType",
            "version",
            "releaseVersion",
        ],
        query: &[],
        handler: create,
    },
    RestOperation {
        name: "ListNodegroups",
        method: Method::GET,
        path: "/clusters/{name}/node-groups",
        accepts: &[],
        query: &["maxResults", "nextToken"],
        handler: list,
    },
    RestOperation {
        name: "DescribeNodegroup",
        method: Method::GET,
        path: "/clusters/{name}/node-groups/{nodegroupName}",
        accepts: &[],
        query: &[],
        handler: describe,
    },
    RestOperation {
        name: "DeleteNodegroup",
        method: Method::DELETE,
        path: "/clusters/{name}/node-groups/{nodegroupName}",
        accepts: &[],
        query: &[],
        handler: delete,
    },
];

/// The node group that a request's path names.
pub(super) fn find(ctx: &Ctx<'_>, request: &RestRequest) -> AwsResult<Stored<Nodegroup>> {
    let cluster = request.label("name");
    let name = request.label("nodegroupName");
    cluster::find(ctx, cluster)?;
    ctx.get::<Nodegroup>(&format!("{cluster}/{name}")).ok_or_else(|| {
        not_found(format!("No node group found for name: {name}."))
            .member("clusterName", cluster)
            .member("nodegroupName", name)
    })
}

pub(super) fn check_scaling(scaling: Scaling) -> AwsResult<()> {
    let Scaling { min_size, max_size, desired_size } = scaling;
    if max_size == 0 {
        return Err(invalid("maxSize must be at least 1"));
    }
    if min_size > max_size {
        return Err(invalid(format!("Minimum capacity {min_size} can't be greater than max size {max_size}")));
    }
    if desired_size < min_size {
        return Err(invalid(format!("Minimum capacity {min_size} can't be greater than desired size {desired_size}")));
    }
    if desired_size > max_size {
        return Err(invalid(format!("desired capacity {desired_size} can't be greater than max size {max_size}")));
    }
    Ok(())
}

pub(super) fn check_taints(taints: &[Taint]) -> AwsResult<()> {
    if taints.len() > 50 {
        return Err(invalid("At most 50 taints are allowed"));
    }
    for taint in taints {
        if !matches!(taint.effect.as_str(), "NO_SCHEDULE" | "NO_EXECUTE" | "PREFER_NO_SCHEDULE") {
            return Err(invalid(format!("Invalid taint effect {}", taint.effect)));
        }
        if taint.key.is_empty() || taint.key.len() > 317 {
            return Err(invalid("Taint keys have 1 to 63 characters after an optional prefix"));
        }
    }
    Ok(())
}

pub(super) fn check_labels(labels: &BTreeMap<String, String>) -> AwsResult<()> {
    for (key, value) in labels {
        let name = key.rsplit('/').next().unwrap_or_default();
        let fits = |text: &str| text.len() <= 63 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if name.is_empty() || !fits(name) || !fits(value) {
            return Err(invalid(format!("Label {key}={value} is not a valid Kubernetes label")));
        }
        if ["eks.amazonaws.com/", "k8s.io/"].iter().any(|prefix| key.starts_with(prefix)) {
            return Err(invalid(format!("Label cannot contain reserved prefixes [kubernetes.io/, k8s.io/, eks.amazonaws.com/]: {key}")));
        }
    }
    Ok(())
}

pub(super) fn check_update_config(update: &UpdateConfig) -> AwsResult<()> {
    match (update.max_unavailable, update.max_unavailable_percentage) {
        (Some(_), Some(_)) => Err(invalid("maxUnavailable and maxUnavailablePercentage cannot both be given")),
        (Some(1..=100) | None, None) | (None, Some(1..=100)) => Ok(()),
        _ => Err(invalid("maxUnavailable must be between 1 and 100")),
    }
}

/// Resolves a launch template: id, name and version filled in; the data of the version.
pub(super) fn check_template(ctx: &Ctx<'_>, template: &Template) -> AwsResult<(Template, Value)> {
    if template.id.is_some() == template.name.is_some() {
        return Err(invalid_request("You must specify either launch template name or id, but not both"));
    }
    let wrong = |error: crate::aws::error::AwsError| invalid_request(error.message);
    let found = launch_template::find(ctx, template.id.as_deref(), template.name.as_deref()).map_err(wrong)?;
    let version = found.version(template.version.as_deref().unwrap_or("$Default")).map_err(wrong)?;
    let resolved = Template {
        id: Some(found.id.clone()),
        name: Some(found.name.clone()),
        version: Some(version.number.to_string()),
    };
    Ok((resolved, version.data.clone()))
}

fn check(ctx: &Ctx<'_>, cluster: &Cluster, config: &mut Config) -> AwsResult<()> {
    let name = &config.nodegroup_name;
    let character = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(1..=63).contains(&name.len()) || !name.chars().all(character) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(invalid(format!("nodegroupName {name:?} is not valid: 1 to 63 letters, digits, hyphens and underscores")));
    }
    if !references::role_exists(ctx, &config.node_role) {
        return Err(invalid("Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole, or the role does not exist"));
    }
    if config.subnets.is_empty() {
        return Err(invalid("Subnets must be given"));
    }
    for id in &config.subnets {
        if ctx.get::<Subnet>(id).is_none_or(|subnet| subnet.vpc != cluster.vpc) {
            return Err(invalid(format!("Subnet {id} does not exist in the VPC of the cluster, {}", cluster.vpc)));
        }
    }
    config.scaling_config.map_or(Ok(()), check_scaling)?;
    check_labels(&config.labels)?;
    check_taints(&config.taints)?;
    config.update_config.as_ref().map_or(Ok(()), check_update_config)?;
    if config.capacity_type.as_deref().is_some_and(|kind| !matches!(kind, "ON_DEMAND" | "SPOT" | "CAPACITY_BLOCK")) {
        return Err(invalid("capacityType must be ON_DEMAND, SPOT or CAPACITY_BLOCK"));
    }
    if config.disk_size == Some(0) {
        return Err(invalid("Disk size must be greater than 0"));
    }
    let mut custom_image = false;
    let mut template_type = false;
    if let Some(template) = &config.launch_template {
        let (resolved, data) = check_template(ctx, template)?;
        if config.disk_size.is_some() || config.remote_access.is_some() {
            let message = "Disk size and remote access must be specified within the launch template.";
            return Err(invalid(message));
        }
        template_type = data.get("InstanceType").is_some();
        if template_type && !config.instance_types.is_empty() {
            let message = "Instance types must be specified either in the launch template or in the API request, not both.";
            return Err(invalid(message));
        }
        custom_image = data.get("ImageId").is_some();
        config.launch_template = Some(resolved);
    }
    if config.instance_types.is_empty() && !template_type {
        config.instance_types = vec!["t3.medium".to_owned()];
    }
    if custom_image {
        config.ami_type = Some("CUSTOM".to_owned());
    }
    check_types(config, custom_image)
}

fn check_types(config: &mut Config, custom_image: bool) -> AwsResult<()> {
    let mut architectures = BTreeSet::new();
    for name in &config.instance_types {
        let Some(kind) = instance_type::find(name) else {
            return Err(invalid(format!("The following supplied instance types do not exist: [{name}]")));
        };
        architectures.insert(kind.architecture);
    }
    if architectures.len() > 1 {
        return Err(invalid("Instance types of different architectures cannot be in one node group"));
    }
    if custom_image {
        return Ok(());
    }
    let arm = architectures.contains("arm64");
    let default = if arm { "AL2023_ARM_64_STANDARD" } else { "AL2023_x86_64_STANDARD" };
    let wanted = config.ami_type.get_or_insert_with(|| default.to_owned());
    match AMI_TYPES.iter().find(|(name, _)| name == wanted) {
        None => Err(invalid(format!("Unknown amiType {wanted}"))),
        Some((_, ami_arm)) if *ami_arm != arm && !architectures.is_empty() => {
            Err(invalid(format!("{:?} is not a valid instance type for requested amiType {wanted}", config.instance_types)))
        }
        Some(_) => Ok(()),
    }
}

fn create(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "CreateNodegroup")? {
        let found = ctx.get::<Nodegroup>(&id).ok_or_else(|| not_found("No node group found"))?;
        return Ok(json!({"nodegroup": found.view(ctx, found.tags())}));
    }
    let cluster = cluster::find_active(ctx, request.label("name"))?;
    let mut config: Config = read(request)?;
    let tags = tags(request)?;
    let id = format!("{}/{}", cluster.name, config.nodegroup_name);
    if ctx.exists::<Nodegroup>(&id) {
        let message = format!("NodeGroup already exists with name {} and cluster name {}", config.nodegroup_name, cluster.name);
        return Err(in_use(message)
            .member("clusterName", cluster.name.as_str())
            .member("nodegroupName", config.nodegroup_name.as_str()));
    }
    check(ctx, &cluster, &mut config)?;
    let running = cluster.running_version(ctx).to_owned();
    let version = config.version.take().unwrap_or_else(|| running.clone());
    if versions::find(&version).is_none()
        || versions::distance(&version, &running).is_none_or(|distance| !(0..=3).contains(&distance))
    {
        return Err(invalid(format!("Requested Nodegroup version {version} is not supported by the cluster's version {running}")));
    }
    let wanted_release = config.release_version.take();
    let uuid = ctx.new_uuid();
    let group = format!("eks-{}-{uuid}", config.nodegroup_name);
    let mut nodegroup = Nodegroup {
        release: String::new(),
        id: id.clone(),
        cluster: cluster.name.clone(),
        version,
        before: None,
        group,
        uuid,
        remote_group: None,
        created: ctx.now,
        modified: ctx.now,
        active_at: ctx.due(Work::NodegroupCreate),
        busy_until: ctx.now,
        gone_at: None,
        config,
    };
    nodegroup.release = wanted_release.unwrap_or_else(|| release(&nodegroup.version, nodegroup.ami_type()));
    remote_access(ctx, &mut nodegroup, &cluster.vpc)?;
    make_group(ctx, &nodegroup);
    make_nodes(ctx, &nodegroup, &cluster)?;
    access::nodes(ctx, &cluster, &nodegroup.config.node_role);
    let view = nodegroup.view(ctx, &tags);
    ctx.put_tagged(nodegroup, tags);
    remember(ctx, request, "CreateNodegroup", &id);
    Ok(json!({"nodegroup": view}))
}

/// Makes the group that lets SSH in.
fn remote_access(ctx: &mut Ctx<'_>, nodegroup: &mut Nodegroup, vpc: &str) -> AwsResult<()> {
    let Some(access) = &nodegroup.config.remote_access else { return Ok(()) };
    if access.ec2_ssh_key.is_none() {
        return Err(invalid("ec2SshKey must be given for remote access"));
    }
    for id in &access.source_security_groups {
        if !ctx.exists::<SecurityGroup>(id) {
            return Err(invalid(format!("The security group '{id}' does not exist")));
        }
    }
    let name = format!("eks-remoteAccess-{}", nodegroup.uuid);
    let arn = nodegroup.arn(ctx);
    let id = security_group::make(ctx, vpc, &name, "Security group for all nodes in the nodeGroup to allow SSH access", Some(&arn), Tags::default());
    security_group::make_part(ctx, &id);
    nodegroup.remote_group = Some(id);
    Ok(())
}

fn make_group(ctx: &mut Ctx<'_>, nodegroup: &Nodegroup) {
    let config = &nodegroup.config;
    let zones: BTreeSet<String> =
        config.subnets.iter().filter_map(|id| ctx.get::<Subnet>(id)).map(|subnet| subnet.zone.clone()).collect();
    let Scaling { min_size, max_size, desired_size } = nodegroup.scaling();
    let instances = (0..desired_size).map(|_| ctx.new_id("i")).collect();
    let mut tags = Tags::default();
    tags.set("eks:cluster-name", &nodegroup.cluster);
    tags.set("eks:nodegroup-name", &config.nodegroup_name);
    tags.set(&format!("kubernetes.io/cluster/{}", nodegroup.cluster), "owned");
    tags.set(&format!("k8s.io/cluster-autoscaler/{}", nodegroup.cluster), "owned");
    tags.set("k8s.io/cluster-autoscaler/enabled", "true");
    let arn = nodegroup.arn(ctx);
    let launch_template = config.launch_template.clone().unwrap_or_default();
    let new = Group {
        name: nodegroup.group.clone(),
        uuid: ctx.new_uuid(),
        owner: arn,
        min: min_size,
        max: max_size,
        desired: desired_size,
        zones: zones.into_iter().collect(),
        subnets: config.subnets.clone(),
        instances,
        instance_type: config.instance_types.first().cloned().unwrap_or_else(|| "t3.medium".to_owned()),
        launch_template: (
            launch_template.id.unwrap_or_else(|| ctx.new_id("lt")),
            launch_template.name.unwrap_or_else(|| nodegroup.group.clone()),
        ),
        created: ctx.now,
        ready_at: nodegroup.active_at,
        target_groups: Vec::new(),
        propagated: Vec::new(),
        gone_at: None,
    };
    group::put_new(ctx, new, tags);
}

/// Makes the interfaces of the nodes that a group has and that have none yet.
pub(super) fn make_nodes(ctx: &mut Ctx<'_>, nodegroup: &Nodegroup, cluster: &Cluster) -> AwsResult<()> {
    let Some(group) = ctx.get::<Group>(&nodegroup.group) else { return Ok(()) };
    let mut groups = vec![cluster.security_group.clone()];
    groups.extend(nodegroup.remote_group.clone());
    let arn = nodegroup.arn(ctx);
    for (index, instance) in group.instances.iter().enumerate() {
        if ctx.referred::<network_interface::NetworkInterface>(instance) {
            continue;
        }
        let subnet = &nodegroup.config.subnets[index % nodegroup.config.subnets.len()];
        let public = ctx.get::<Subnet>(subnet).is_some_and(|subnet| subnet.map_public_ip);
        let new = NewInterface {
            subnet,
            groups: groups.clone(),
            description: String::new(),
            interface_type: "interface",
            requester: "amazon-eks",
            owner: &arn,
            instance: Some(instance),
            controller: None,
            public,
        };
        network_interface::create(ctx, new, Tags::default()).map_err(|error| invalid(error.message))?;
    }
    Ok(())
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let cluster = cluster::find(ctx, request.label("name"))?;
    let mut groups = ctx.referrers::<Nodegroup>(&of_cluster(&cluster.name));
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    let answer = paged(request, "nodegroups", groups, |group| group.id.as_str(), |group| {
        group.config.nodegroup_name.clone().into()
    })?;
    Ok(Value::Object(answer))
}

fn describe(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let nodegroup = find(ctx, request)?;
    Ok(json!({"nodegroup": nodegroup.view(ctx, nodegroup.tags())}))
}

fn delete(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let stored = find(ctx, request)?;
    if stored.gone_at.is_some() {
        return Ok(json!({"nodegroup": stored.view(ctx, stored.tags())}));
    }
    if stored.status(ctx) == "UPDATING" {
        let message = format!("Nodegroup {} currently has update in progress", stored.config.nodegroup_name);
        return Err(in_use(message));
    }
    let gone_at = ctx.due(Work::NodegroupDelete);
    let arn = stored.arn(ctx);
    network_interface::release(ctx, &arn, gone_at);
    if let Some(group) = &stored.remote_group {
        security_group::remove_at(ctx, group, gone_at);
    }
    group::remove_at(ctx, &stored.group, gone_at);
    access::nodes_gone(ctx, &stored);
    let nodegroup = Nodegroup { gone_at: Some(gone_at), ..stored.edit() };
    let view = nodegroup.view(ctx, stored.tags());
    if ctx.past(gone_at) {
        ctx.delete::<Nodegroup>(&stored.id);
    } else {
        ctx.put(nodegroup);
    }
    Ok(json!({"nodegroup": view}))
}
