//! What a node group makes: its Auto Scaling group, the interfaces of its nodes, the group that lets SSH in.

use std::collections::BTreeSet;

use super::cluster::Cluster;
use super::invalid;
use super::nodegroup::Nodegroup;
use super::nodegroup_config::Scaling;
use crate::aws::autoscaling::group::{self, Group};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::{self, NewInterface};
use crate::aws::ec2::security_group::{self, SecurityGroup};
use crate::aws::ec2::subnet::Subnet;
use crate::aws::error::AwsResult;
use crate::tags::Tags;

/// Makes the group that lets SSH in.
pub(super) fn remote_access(
    ctx: &mut Ctx<'_>,
    nodegroup: &mut Nodegroup,
    vpc: &str,
) -> AwsResult<()> {
    let Some(access) = &nodegroup.config.remote_access else {
        return Ok(());
    };
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
    let id = security_group::make(
        ctx,
        vpc,
        &name,
        "Security group for all nodes in the nodeGroup to allow SSH access",
        Some(&arn),
        Tags::default(),
    );
    security_group::make_part(ctx, &id);
    nodegroup.remote_group = Some(id);
    Ok(())
}

/// Makes the Auto Scaling group, with ids of as many instances as it shall have.
pub(super) fn make_group(ctx: &mut Ctx<'_>, nodegroup: &Nodegroup) {
    let config = &nodegroup.config;
    let zones: BTreeSet<String> = config
        .subnets
        .iter()
        .filter_map(|id| ctx.get::<Subnet>(id))
        .map(|subnet| subnet.zone.clone())
        .collect();
    let Scaling {
        min_size,
        max_size,
        desired_size,
    } = nodegroup.scaling();
    let instances = (0..desired_size).map(|_| ctx.new_id("i")).collect();
    let mut tags = Tags::default();
    tags.set("eks:cluster-name", &nodegroup.cluster);
    tags.set("eks:nodegroup-name", &config.nodegroup_name);
    tags.set(
        &format!("kubernetes.io/cluster/{}", nodegroup.cluster),
        "owned",
    );
    tags.set(
        &format!("k8s.io/cluster-autoscaler/{}", nodegroup.cluster),
        "owned",
    );
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
        instance_type: nodegroup.machine(ctx),
        spot: nodegroup.is_spot(),
        launch_template: (
            launch_template.id.unwrap_or_else(|| ctx.new_id("lt")),
            launch_template
                .name
                .unwrap_or_else(|| nodegroup.group.clone()),
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
pub(super) fn make_nodes(
    ctx: &mut Ctx<'_>,
    nodegroup: &Nodegroup,
    cluster: &Cluster,
) -> AwsResult<()> {
    let Some(group) = ctx.get::<Group>(&nodegroup.group) else {
        return Ok(());
    };
    let mut groups = vec![cluster.security_group.clone()];
    groups.extend(nodegroup.remote_group.clone());
    let arn = nodegroup.arn(ctx);
    for (index, instance) in group.instances.iter().enumerate() {
        if ctx.referred::<network_interface::NetworkInterface>(instance) {
            continue;
        }
        let subnet = &nodegroup.config.subnets[index % nodegroup.config.subnets.len()];
        let public = ctx
            .get::<Subnet>(subnet)
            .is_some_and(|subnet| subnet.map_public_ip);
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
        network_interface::create(ctx, new, Tags::default())
            .map_err(|error| invalid(error.message))?;
    }
    Ok(())
}
