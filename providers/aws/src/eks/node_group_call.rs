//! The calls of `aws_eks_node_group`: requests from records, records from answers.

use super::node_group::{
    AutoscalingGroup, LaunchTemplate, NodeGroup, NodeGroupRecord, NodeRepair, RemoteAccess,
    Resources, ScalingConfig, Taint, UpdateConfig,
};
use super::{Change, change, failed, list, now, parts, reasons, set, tagging, there};
use crate::client::Client;
use crate::family::EKS;
use crate::late::About;
use crate::wait::{self, Progress};
use aws_sdk_eks::operation::create_nodegroup::builders::CreateNodegroupFluentBuilder;
use aws_sdk_eks::operation::update_nodegroup_config::builders::UpdateNodegroupConfigFluentBuilder;
use aws_sdk_eks::operation::update_nodegroup_version::builders::UpdateNodegroupVersionFluentBuilder;
use aws_sdk_eks::types as sdk;
use aws_sdk_eks::types::{Nodegroup as Found, NodegroupStatus};
use infra_model::{CallContext, Operation, ProviderError};

pub(super) async fn one(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Found>, ProviderError> {
    let (cluster, name) = parts(id)?;
    let answer = client.call(context, EKS, "DescribeNodegroup", || {
        client
            .eks()
            .describe_nodegroup()
            .cluster_name(cluster)
            .nodegroup_name(name)
            .send()
    });
    Ok(there(answer.await)?.and_then(|a| a.nodegroup))
}

/// The cloud's status.
pub(super) fn status(found: &Found) -> String {
    let status = found.status.as_ref();
    status.map_or("unknown", NodegroupStatus::as_str).to_owned()
}

pub(super) fn failure(id: &str, found: &Found) -> ProviderError {
    let issues = found
        .health()
        .map(aws_sdk_eks::types::NodegroupHealth::issues)
        .unwrap_or_default();
    let why = reasons(issues.iter().map(|i| {
        (
            i.code().map(aws_sdk_eks::types::NodegroupIssueCode::as_str),
            i.message(),
        )
    }));
    failed(format!("the node group `{id}` is {}: {why}", status(found)))
}

pub(super) async fn active(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    wait::until(context, operation, wait::LONG, || async move {
        let Some(found) = one(client, context, id).await? else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        match found.status {
            Some(NodegroupStatus::Active) => Ok(Progress::Done(())),
            Some(NodegroupStatus::CreateFailed | NodegroupStatus::Degraded) => {
                Err(failure(id, &found))
            }
            _ => Ok(Progress::Pending(status(&found))),
        }
    })
    .await
}

pub(super) fn record(
    client: &Client,
    found: Found,
    prior: Option<&NodeGroupRecord>,
) -> NodeGroupRecord {
    let (tags, tags_all) = tagging::split(client, found.tags, prior.map(|p| &p.tags));
    let cluster = found.cluster_name.unwrap_or_default();
    // Whether repair is off or was never spoken of is the same to EKS.
    let repair = found.node_repair_config.and_then(|r| r.enabled);
    let repair_said = prior.is_some_and(|p| !p.node_repair_config.is_empty());
    NodeGroupRecord {
        id: found
            .nodegroup_name
            .as_ref()
            .map(|name| format!("{cluster}:{name}")),
        cluster_name: cluster,
        node_group_name: found.nodegroup_name,
        node_group_name_prefix: prior.and_then(|p| p.node_group_name_prefix.clone()),
        node_role_arn: found.node_role.unwrap_or_default(),
        subnet_ids: set(found.subnets.as_deref().unwrap_or_default()),
        scaling_config: found
            .scaling_config
            .map(|s| ScalingConfig {
                desired_size: s.desired_size.unwrap_or_default(),
                max_size: s.max_size.unwrap_or_default(),
                min_size: s.min_size.unwrap_or_default(),
            })
            .into_iter()
            .collect(),
        ami_type: found.ami_type.map(|t| t.as_str().to_owned()),
        capacity_type: found.capacity_type.map(|t| t.as_str().to_owned()),
        disk_size: found.disk_size,
        instance_types: Some(found.instance_types.unwrap_or_default()),
        launch_template: found
            .launch_template
            .map(|t| LaunchTemplate {
                id: t.id,
                name: t.name,
                version: t.version.unwrap_or_default(),
            })
            .into_iter()
            .collect(),
        labels: found.labels.unwrap_or_default().into_iter().collect(),
        taint: found
            .taints
            .unwrap_or_default()
            .into_iter()
            .map(|t| Taint {
                key: t.key.unwrap_or_default(),
                value: t.value.filter(|v| !v.is_empty()),
                effect: t.effect.map(|e| e.as_str().to_owned()).unwrap_or_default(),
            })
            .collect(),
        update_config: found
            .update_config
            .map(|u| UpdateConfig {
                max_unavailable: u.max_unavailable,
                max_unavailable_percentage: u.max_unavailable_percentage,
            })
            .into_iter()
            .collect(),
        node_repair_config: (repair == Some(true) || repair_said)
            .then_some(NodeRepair { enabled: repair })
            .into_iter()
            .collect(),
        remote_access: found
            .remote_access
            .map(|r| RemoteAccess {
                source_security_group_ids: set(r.source_security_groups()),
                ec2_ssh_key: r.ec2_ssh_key,
            })
            .into_iter()
            .collect(),
        version: found.version,
        release_version: found.release_version,
        force_update_version: prior.and_then(|p| p.force_update_version),
        tags,
        tags_all,
        arn: found.nodegroup_arn,
        resources: found
            .resources
            .map(|r| Resources {
                autoscaling_groups: r
                    .auto_scaling_groups()
                    .iter()
                    .map(|g| AutoscalingGroup {
                        name: g.name.clone(),
                    })
                    .collect(),
                remote_access_security_group_id: r.remote_access_security_group,
            })
            .into_iter()
            .collect(),
        status: found.status.map(|s| s.as_str().to_owned()),
    }
}

fn scaling(said: &ScalingConfig) -> sdk::NodegroupScalingConfig {
    sdk::NodegroupScalingConfig::builder()
        .desired_size(said.desired_size)
        .max_size(said.max_size)
        .min_size(said.min_size)
        .build()
}

/// By id or by name: EKS takes one of them.
fn template(said: &LaunchTemplate) -> sdk::LaunchTemplateSpecification {
    let by_id = said.id.is_some();
    sdk::LaunchTemplateSpecification::builder()
        .set_id(said.id.clone())
        .set_name(said.name.clone().filter(|_| !by_id))
        .version(&said.version)
        .build()
}

fn taint(said: &Taint) -> sdk::Taint {
    sdk::Taint::builder()
        .key(&said.key)
        .set_value(said.value.clone())
        .effect(sdk::TaintEffect::from(said.effect.as_str()))
        .build()
}

fn pace(said: &UpdateConfig) -> sdk::NodegroupUpdateConfig {
    sdk::NodegroupUpdateConfig::builder()
        .set_max_unavailable(said.max_unavailable)
        .set_max_unavailable_percentage(said.max_unavailable_percentage)
        .build()
}

fn repairing(record: &NodeGroupRecord) -> bool {
    let first = record.node_repair_config.first();
    first.and_then(|r| r.enabled) == Some(true)
}

fn repair(enabled: bool) -> sdk::NodeRepairConfig {
    sdk::NodeRepairConfig::builder().enabled(enabled).build()
}

pub(super) fn create(
    client: &Client,
    operation: &Operation,
    desired: &NodeGroupRecord,
) -> CreateNodegroupFluentBuilder {
    let d = desired.clone();
    let access = d.remote_access.first().map(|r| {
        let groups = list(&r.source_security_group_ids).filter(|g| !g.is_empty());
        sdk::RemoteAccessConfig::builder()
            .set_ec2_ssh_key(r.ec2_ssh_key.clone())
            .set_source_security_groups(groups)
            .build()
    });
    let taints: Vec<_> = d.taint.iter().map(taint).collect();
    client
        .eks()
        .create_nodegroup()
        .client_request_token(operation.token.as_str())
        .cluster_name(d.cluster_name)
        .set_nodegroup_name(d.node_group_name)
        .node_role(d.node_role_arn)
        .set_subnets(list(&d.subnet_ids))
        .set_scaling_config(d.scaling_config.first().map(scaling))
        .set_ami_type(d.ami_type.as_deref().map(sdk::AmiTypes::from))
        .set_capacity_type(d.capacity_type.as_deref().map(sdk::CapacityTypes::from))
        .set_disk_size(d.disk_size)
        .set_instance_types(d.instance_types.filter(|types| !types.is_empty()))
        .set_launch_template(d.launch_template.first().map(template))
        .set_labels((!d.labels.is_empty()).then(|| d.labels.into_iter().collect()))
        .set_taints((!taints.is_empty()).then_some(taints))
        .set_update_config(d.update_config.first().map(pace))
        .set_node_repair_config(repairing(desired).then(|| repair(true)))
        .set_remote_access(access)
        .set_version(d.version)
        .set_release_version(d.release_version)
        .set_tags(tagging::for_create(client, operation, &desired.tags))
}

/// Exchanges machines where the version or the template changed, then changes the rest in one call.
pub(super) async fn update(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    prior: &NodeGroupRecord,
    desired: &NodeGroupRecord,
) -> Result<(), ProviderError> {
    let what = |call: &'static str| Change {
        call,
        cluster: &prior.cluster_name,
        node_group: prior.node_group_name.as_deref(),
        addon: None,
        about: About::Roles(""),
    };
    let token = |purpose: &str| operation.token.derived(purpose).as_str().to_owned();
    let now = || now::<NodeGroup>(client, context, prior);
    if let Some(request) = version(client, prior, desired) {
        let request = request.client_request_token(token("version"));
        let send = || request.clone().send();
        let made = || async { Ok(version(client, &now().await?, desired).is_none()) };
        let what = what("UpdateNodegroupVersion");
        change(client, context, operation, what, send, |a| a.update, made).await?;
    }
    if let Some(request) = config(client, prior, desired) {
        let request = request.client_request_token(token("config"));
        let send = || request.clone().send();
        let made = || async { Ok(config(client, &now().await?, desired).is_none()) };
        let what = what("UpdateNodegroupConfig");
        change(client, context, operation, what, send, |a| a.update, made).await?;
    }
    Ok(())
}

/// What exchanges machines, where that is needed.
fn version(
    client: &Client,
    prior: &NodeGroupRecord,
    desired: &NodeGroupRecord,
) -> Option<UpdateNodegroupVersionFluentBuilder> {
    let new = |was: &Option<String>, wanted: &Option<String>| {
        wanted.clone().filter(|w| was.as_ref() != Some(w))
    };
    let version = new(&prior.version, &desired.version);
    let release = new(&prior.release_version, &desired.release_version);
    let launch = desired
        .launch_template
        .first()
        .filter(|t| prior.launch_template.first() != Some(*t));
    if version.is_none() && release.is_none() && launch.is_none() {
        return None;
    }
    Some(
        client
            .eks()
            .update_nodegroup_version()
            .cluster_name(&prior.cluster_name)
            .set_nodegroup_name(prior.node_group_name.clone())
            .set_version(version)
            .set_release_version(release)
            .set_launch_template(launch.map(template))
            .set_force(desired.force_update_version),
    )
}

/// What changes the rest, where that is needed.
fn config(
    client: &Client,
    prior: &NodeGroupRecord,
    desired: &NodeGroupRecord,
) -> Option<UpdateNodegroupConfigFluentBuilder> {
    let (labels, taints) = (labels(prior, desired), taints(prior, desired));
    let sizes = desired
        .scaling_config
        .first()
        .filter(|s| prior.scaling_config.first() != Some(*s));
    let exchange = desired
        .update_config
        .first()
        .filter(|u| prior.update_config.first() != Some(*u));
    let repairs = (repairing(prior) != repairing(desired)).then(|| repairing(desired));
    if labels.is_none()
        && taints.is_none()
        && sizes.is_none()
        && exchange.is_none()
        && repairs.is_none()
    {
        return None;
    }
    Some(
        client
            .eks()
            .update_nodegroup_config()
            .cluster_name(&prior.cluster_name)
            .set_nodegroup_name(prior.node_group_name.clone())
            .set_labels(labels)
            .set_taints(taints)
            .set_scaling_config(sizes.map(scaling))
            .set_update_config(exchange.map(pace))
            .set_node_repair_config(repairs.map(repair)),
    )
}

fn labels(prior: &NodeGroupRecord, desired: &NodeGroupRecord) -> Option<sdk::UpdateLabelsPayload> {
    let (was, wanted) = (&prior.labels, &desired.labels);
    if was == wanted {
        return None;
    }
    let put = wanted
        .iter()
        .filter(|(k, v)| was.get(*k) != Some(v))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let gone = was.keys().filter(|k| !wanted.contains_key(*k)).cloned();
    Some(
        sdk::UpdateLabelsPayload::builder()
            .set_add_or_update_labels(Some(put))
            .set_remove_labels(Some(gone.collect()))
            .build(),
    )
}

/// A taint is known by key and effect; only its value can be updated.
fn taints(prior: &NodeGroupRecord, desired: &NodeGroupRecord) -> Option<sdk::UpdateTaintsPayload> {
    let (was, wanted) = (&prior.taint, &desired.taint);
    let alike = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect;
    let put: Vec<_> = wanted.iter().filter(|t| !was.contains(t)).collect();
    let gone: Vec<_> = was
        .iter()
        .filter(|t| !wanted.iter().any(|w| alike(w, t)))
        .collect();
    (!put.is_empty() || !gone.is_empty()).then(|| {
        sdk::UpdateTaintsPayload::builder()
            .set_add_or_update_taints(Some(put.into_iter().map(taint).collect()))
            .set_remove_taints(Some(gone.into_iter().map(taint).collect()))
            .build()
    })
}
