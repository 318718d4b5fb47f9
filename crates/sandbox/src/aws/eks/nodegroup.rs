//! Node groups: each is an Auto Scaling group whose nodes have interfaces in its subnets. What clients
//! decide is in `nodegroup_config`, what is made in `nodegroup_nodes`, changes in `nodegroup_update`.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::nodegroup_config::{self, Config, Scaling, Template, UpdateConfig, release};
use super::nodegroup_nodes::{make_group, make_nodes, remote_access};
use super::{
    access, cluster, in_use, invalid, not_found, paged, read, remember, replay, seconds, tags,
    versions,
};
use crate::aws::autoscaling::group;
use crate::aws::context::Ctx;
use crate::aws::ec2::instance_type::{self, STANDARD_VCPUS};
use crate::aws::ec2::launch_template;
use crate::aws::ec2::network_interface;
use crate::aws::ec2::security_group;
use crate::aws::error::AwsResult;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// Managed node groups of a cluster; AWS's default.
pub(crate) const QUOTA: usize = 30;
/// Nodes of a managed node group; AWS's default.
pub(crate) const NODES: usize = 450;

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
    /// Whether making it ends in failure.
    #[serde(default)]
    pub(super) failed: bool,
    /// Whether that is for want of vCPUs in the account's limit.
    #[serde(default)]
    pub(super) starved: bool,
    pub(super) busy_until: Millis,
    pub(super) gone_at: Option<Millis>,
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
        Listed::aws("aws_eks_node_group").map(|listed| Listed {
            id: Some(id),
            ..listed
        })
    }
}

/// The link of a cluster's node groups.
pub(super) fn of_cluster(cluster: &str) -> String {
    format!("cluster:{cluster}")
}

impl Nodegroup {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        let rest = format!(
            "nodegroup/{}/{}/{}",
            self.cluster, self.config.nodegroup_name, self.uuid
        );
        ctx.arn("eks", &rest)
    }

    /// The Kubernetes version that its nodes shall have.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn ami_type(&self) -> &str {
        self.config
            .ami_type
            .as_deref()
            .unwrap_or("AL2023_x86_64_STANDARD")
    }

    pub(super) fn status(&self, ctx: &Ctx<'_>) -> &'static str {
        if self.gone_at.is_some() {
            "DELETING"
        } else if !ctx.past(self.active_at) {
            "CREATING"
        } else if self.failed {
            "CREATE_FAILED"
        } else if !ctx.past(self.busy_until) {
            "UPDATING"
        } else {
            "ACTIVE"
        }
    }

    pub(super) fn scaling(&self) -> Scaling {
        self.config.scaling_config.unwrap_or(Scaling {
            min_size: 1,
            max_size: 2,
            desired_size: 2,
        })
    }

    /// Whether its machines are spot instances.
    pub(super) fn is_spot(&self) -> bool {
        self.config.capacity_type.as_deref() == Some("SPOT")
    }

    /// The type of its machines, which it or its launch template says.
    pub(super) fn machine(&self, ctx: &Ctx<'_>) -> String {
        if let Some(first) = self.config.instance_types.first() {
            return first.clone();
        }
        let of_template = |template: &Template| {
            let (id, name) = (template.id.as_deref(), template.name.as_deref());
            let found = launch_template::find(ctx, id, name.filter(|_| id.is_none())).ok()?;
            let version = template.version.as_deref().unwrap_or("$Default");
            let kind = &found.version(version).ok()?.data["InstanceType"];
            kind.as_str().map(str::to_owned)
        };
        let said = self.config.launch_template.as_ref().and_then(of_template);
        said.unwrap_or_else(|| "t3.medium".to_owned())
    }

    /// vCPUs of its on-demand machines.
    fn vcpus(&self, ctx: &Ctx<'_>) -> usize {
        if self.is_spot() {
            return 0;
        }
        let each = instance_type::find(&self.machine(ctx)).map_or(0, |kind| kind.vcpus);
        self.scaling().desired_size as usize * usize::try_from(each).unwrap_or_default()
    }

    fn issues(&self, ctx: &Ctx<'_>) -> Value {
        if self.status(ctx) != "CREATE_FAILED" {
            return json!([]);
        }
        let (code, message) = if self.starved {
            (
                "AsgInstanceLaunchFailures",
                format!(
                    "You've requested more vCPU capacity than your current vCPU limit of {STANDARD_VCPUS} allows for the instance bucket that the specified instance type belongs to."
                ),
            )
        } else {
            let message = "Instances failed to join the kubernetes cluster";
            ("NodeCreationFailure", message.to_owned())
        };
        json!([{
            "code": code,
            "message": message,
            "resourceIds": [self.group],
        }])
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
            "health": {"issues": self.issues(ctx)},
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
    ctx.get::<Nodegroup>(&format!("{cluster}/{name}"))
        .ok_or_else(|| {
            not_found(format!("No node group found for name: {name}."))
                .member("clusterName", cluster)
                .member("nodegroupName", name)
        })
}

fn create(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "CreateNodegroup")? {
        let found = ctx
            .get::<Nodegroup>(&id)
            .ok_or_else(|| not_found("No node group found"))?;
        return Ok(json!({"nodegroup": found.view(ctx, found.tags())}));
    }
    let cluster = cluster::find_active(ctx, request.label("name"))?;
    let mut config: Config = read(request)?;
    let tags = tags(request)?;
    let id = format!("{}/{}", cluster.name, config.nodegroup_name);
    if ctx.exists::<Nodegroup>(&id) {
        let message = format!(
            "NodeGroup already exists with name {} and cluster name {}",
            config.nodegroup_name, cluster.name
        );
        return Err(in_use(message)
            .member("clusterName", cluster.name.as_str())
            .member("nodegroupName", config.nodegroup_name.as_str()));
    }
    let others = ctx.referrers::<Nodegroup>(&of_cluster(&cluster.name));
    if others.len() >= QUOTA {
        return Err(super::over(format!(
            "NodeGroup limit exceeded for cluster {}: limit {QUOTA}",
            cluster.name
        )));
    }
    nodegroup_config::check(ctx, &cluster, &mut config)?;
    let running = cluster.running_version(ctx).to_owned();
    let version = config.version.take().unwrap_or_else(|| running.clone());
    if versions::find(&version).is_none()
        || versions::distance(&version, &running)
            .is_none_or(|distance| !(0..=3).contains(&distance))
    {
        return Err(invalid(format!(
            "Requested Nodegroup version {version} is not supported by the cluster's version {running}"
        )));
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
        failed: ctx.pace.fails,
        starved: false,
        busy_until: ctx.now,
        gone_at: None,
        config,
    };
    nodegroup.release =
        wanted_release.unwrap_or_else(|| release(&nodegroup.version, nodegroup.ami_type()));
    let running: usize = ctx.list::<Nodegroup>().iter().map(|n| n.vcpus(ctx)).sum();
    nodegroup.starved = running + nodegroup.vcpus(ctx) > STANDARD_VCPUS;
    nodegroup.failed |= nodegroup.starved;
    remote_access(ctx, &mut nodegroup, &cluster.vpc)?;
    make_group(ctx, &nodegroup);
    make_nodes(ctx, &nodegroup, &cluster)?;
    access::nodes(ctx, &cluster, &nodegroup.config.node_role);
    let view = nodegroup.view(ctx, &tags);
    ctx.put_tagged(nodegroup, tags);
    remember(ctx, request, "CreateNodegroup", &id);
    Ok(json!({"nodegroup": view}))
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let cluster = cluster::find(ctx, request.label("name"))?;
    let mut groups = ctx.referrers::<Nodegroup>(&of_cluster(&cluster.name));
    groups.sort_by(|a, b| a.id.cmp(&b.id));
    let answer = paged(
        request,
        "nodegroups",
        groups,
        |group| group.id.as_str(),
        |group| group.config.nodegroup_name.clone().into(),
    )?;
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
        let message = format!(
            "Nodegroup {} currently has update in progress",
            stored.config.nodegroup_name
        );
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
    let nodegroup = Nodegroup {
        gone_at: Some(gone_at),
        ..stored.edit()
    };
    let view = nodegroup.view(ctx, stored.tags());
    if ctx.past(gone_at) {
        ctx.delete::<Nodegroup>(&stored.id);
    } else {
        ctx.put(nodegroup);
    }
    Ok(json!({"nodegroup": view}))
}
