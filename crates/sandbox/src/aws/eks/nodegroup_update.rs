//! Changes of node groups: size, labels, taints; and the version of their nodes.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::nodegroup::{self, Nodegroup};
use super::nodegroup_config::{self as checks, Scaling, Taint, Template, UpdateConfig};
use super::nodegroup_nodes::make_nodes;
use super::update::{self, NewUpdate};
use super::{cluster, in_use, invalid, invalid_request, read, remember, replay, versions};
use crate::aws::autoscaling::group::{self, Group};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface;
use crate::aws::error::AwsResult;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::latency::Work;

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "UpdateNodegroupConfig",
        method: Method::POST,
        path: "/clusters/{name}/node-groups/{nodegroupName}/update-config",
        accepts: &[
            "labels",
            "taints",
            "scalingConfig",
            "updateConfig",
            "nodeRepairConfig",
            "clientRequestToken",
        ],
        query: &[],
        handler: config,
    },
    RestOperation {
        name: "UpdateNodegroupVersion",
        method: Method::POST,
        path: "/clusters/{name}/node-groups/{nodegroupName}/update-version",
        accepts: &[
            "version",
            "releaseVersion",
            "launchTemplate",
            "force",
            "clientRequestToken",
        ],
        query: &[],
        handler: version,
    },
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    labels: Option<LabelChange>,
    taints: Option<TaintChange>,
    scaling_config: Option<ScalingChange>,
    update_config: Option<UpdateConfig>,
    node_repair_config: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct LabelChange {
    add_or_update_labels: BTreeMap<String, String>,
    remove_labels: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct TaintChange {
    add_or_update_taints: Vec<Taint>,
    remove_taints: Vec<Taint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScalingChange {
    min_size: Option<u32>,
    max_size: Option<u32>,
    desired_size: Option<u32>,
}

/// The node group, when no other update is under way.
fn idle(ctx: &Ctx<'_>, request: &RestRequest) -> AwsResult<Nodegroup> {
    let found = nodegroup::find(ctx, request)?;
    match found.status(ctx) {
        "ACTIVE" => Ok(found.edit()),
        status => {
            let message = format!(
                "Nodegroup cannot be updated as it is currently not in Active State (it is {status})"
            );
            Err(in_use(message)
                .member("clusterName", request.label("name"))
                .member("nodegroupName", request.label("nodegroupName")))
        }
    }
}

fn begin(
    ctx: &mut Ctx<'_>,
    request: &RestRequest,
    operation: &str,
    mut nodegroup: Nodegroup,
    params: Vec<(&'static str, String)>,
) -> Value {
    let (kind, work) = if operation == "UpdateNodegroupVersion" {
        ("VersionUpdate", Work::NodegroupUpdate)
    } else {
        ("ConfigUpdate", Work::AddonUpdate)
    };
    let done_at = ctx.due(work);
    if ctx.pace.fails
        && let Some(before) = ctx.get::<Nodegroup>(&nodegroup.id)
    {
        // It ends with everything as before.
        nodegroup = before.edit();
    }
    nodegroup.busy_until = done_at;
    nodegroup.modified = ctx.now;
    let cluster = nodegroup.cluster.clone();
    let part = Some(update::nodegroup_part(&nodegroup.config.nodegroup_name));
    ctx.put(nodegroup);
    let update = update::begin(
        ctx,
        NewUpdate {
            cluster: &cluster,
            part,
            kind,
            params,
            done_at,
        },
    );
    let id = crate::world::Document::id(&update).to_owned();
    remember(ctx, request, operation, &id);
    update.answer(ctx)
}

fn config(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let operation = format!("UpdateNodegroupConfig/{}", request.label("nodegroupName"));
    if let Some(id) = replay(ctx, request, &operation)? {
        return update::again(ctx, &id);
    }
    let mut nodegroup = idle(ctx, request)?;
    let change: Change = read(request)?;
    let mut params = Vec::new();
    if let Some(labels) = change.labels {
        checks::check_labels(&labels.add_or_update_labels)?;
        params.push((
            "LabelsToAdd",
            json!(labels.add_or_update_labels).to_string(),
        ));
        params.push(("LabelsToRemove", json!(labels.remove_labels).to_string()));
        nodegroup
            .config
            .labels
            .retain(|key, _| !labels.remove_labels.contains(key));
        nodegroup.config.labels.extend(labels.add_or_update_labels);
    }
    if let Some(taints) = change.taints {
        checks::check_taints(&taints.add_or_update_taints)?;
        params.push((
            "TaintsToAdd",
            json!(taints.add_or_update_taints).to_string(),
        ));
        params.push(("TaintsToRemove", json!(taints.remove_taints).to_string()));
        let same = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect;
        let kept = &mut nodegroup.config.taints;
        kept.retain(|taint| {
            !taints
                .remove_taints
                .iter()
                .chain(&taints.add_or_update_taints)
                .any(|other| same(other, taint))
        });
        kept.extend(taints.add_or_update_taints);
    }
    if let Some(scaling) = change.scaling_config {
        let old = nodegroup.scaling();
        let new = Scaling {
            min_size: scaling.min_size.unwrap_or(old.min_size),
            max_size: scaling.max_size.unwrap_or(old.max_size),
            desired_size: scaling.desired_size.unwrap_or(old.desired_size),
        };
        checks::check_scaling(new)?;
        params.push(("MinSize", new.min_size.to_string()));
        params.push(("MaxSize", new.max_size.to_string()));
        params.push(("DesiredSize", new.desired_size.to_string()));
        nodegroup.config.scaling_config = Some(new);
        resize(ctx, &nodegroup, new)?;
    }
    if let Some(new) = change.update_config {
        checks::check_update_config(&new)?;
        params.push((
            "MaxUnavailable",
            new.max_unavailable.unwrap_or(1).to_string(),
        ));
        nodegroup.config.update_config = Some(new);
    }
    if let Some(repair) = change.node_repair_config {
        params.push(("NodeRepairConfig", repair.to_string()));
        nodegroup.config.node_repair_config = Some(repair);
    }
    if params.is_empty() {
        return Err(invalid("No changes were given for the node group"));
    }
    let answer = begin(ctx, request, &operation, nodegroup, params);
    Ok(answer)
}

/// Gives the Auto Scaling group as many nodes as it shall have.
fn resize(ctx: &mut Ctx<'_>, nodegroup: &Nodegroup, scaling: Scaling) -> AwsResult<()> {
    let Some(found) = ctx.get::<Group>(&nodegroup.group) else {
        return Ok(());
    };
    let mut asg = found.edit();
    let wanted = scaling.desired_size as usize;
    while asg.instances.len() < wanted {
        asg.instances.push(ctx.new_id("i"));
    }
    for instance in asg.instances.split_off(wanted) {
        let gone_at = ctx.due(Work::InstanceTerminate);
        network_interface::release(ctx, &instance, gone_at);
    }
    (asg.min, asg.max, asg.desired) = (scaling.min_size, scaling.max_size, scaling.desired_size);
    group::put(ctx, asg);
    let cluster = cluster::find(ctx, &nodegroup.cluster)?;
    make_nodes(ctx, nodegroup, &cluster)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewVersion {
    version: Option<String>,
    release_version: Option<String>,
    launch_template: Option<Template>,
    #[serde(default)]
    #[allow(dead_code, reason = "nodes here drain at once, forced or not")]
    force: bool,
}

fn version(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "UpdateNodegroupVersion")? {
        return update::again(ctx, &id);
    }
    let mut nodegroup = idle(ctx, request)?;
    let wanted: NewVersion = read(request)?;
    let cluster = cluster::find_active(ctx, &nodegroup.cluster)?;
    let running = cluster.running_version(ctx);
    let mut params = Vec::new();
    if let Some(template) = &wanted.launch_template {
        let Some(old) = &nodegroup.config.launch_template else {
            return Err(invalid_request(
                "A launch template cannot be added to a node group that was made without one",
            ));
        };
        let (new, _) = checks::check_template(ctx, template)?;
        if new.id != old.id {
            return Err(invalid_request(
                "The launch template of a node group cannot be replaced by another one",
            ));
        }
        params.push(("LaunchTemplateName", new.name.clone().unwrap_or_default()));
        params.push((
            "LaunchTemplateVersion",
            new.version.clone().unwrap_or_default(),
        ));
        nodegroup.config.launch_template = Some(new);
    }
    let version = wanted.version.unwrap_or_else(|| running.to_owned());
    let known = versions::find(&version).is_some();
    let ahead = versions::distance(&version, running).is_none_or(|distance| distance < 0);
    let back = versions::distance(&nodegroup.version, &version).is_none_or(|distance| distance < 0);
    if !known || ahead || back {
        return Err(invalid(format!(
            "Requested Nodegroup version {version} is invalid: the group has {}, the cluster {running}",
            nodegroup.version
        )));
    }
    let release = wanted
        .release_version
        .unwrap_or_else(|| checks::release(&version, nodegroup.ami_type()));
    nodegroup.before = Some((nodegroup.version.clone(), nodegroup.release.clone()));
    params.push(("Version", version.clone()));
    params.push(("ReleaseVersion", release.clone()));
    nodegroup.version = version;
    nodegroup.release = release;
    Ok(begin(
        ctx,
        request,
        "UpdateNodegroupVersion",
        nodegroup,
        params,
    ))
}
