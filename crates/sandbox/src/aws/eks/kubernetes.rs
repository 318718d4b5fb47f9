//! EKS clusters as the Kubernetes API sees them: which there are, and the nodes that their node groups have made.

use crate::aws::autoscaling::group::Group;
use crate::aws::context::Ctx;
use crate::aws::ec2::instance_type;
use crate::aws::ec2::network_interface::NetworkInterface;
use crate::aws::secretsmanager;
use crate::core::Frame;
use crate::kubernetes::clusters::{Address, Exposed, Found, Machine, Pushed, Source};

use super::cluster::Cluster;
use super::nodegroup::{Nodegroup, of_cluster};

/// The clusters of AWS.
#[derive(Debug)]
pub(crate) struct Clusters;

impl Source for Clusters {
    fn clusters(&self, frame: &Frame<'_>) -> Vec<Found> {
        frame
            .tx
            .everywhere::<Cluster>()
            .into_iter()
            .map(|(region, cluster)| Found {
                cloud: "aws",
                location: region,
                name: cluster.name.clone(),
                uid: cluster.digits.clone(),
                version: match &cluster.version_before {
                    Some(before) if cluster.busy_until > frame.now => before.clone(),
                    _ => cluster.version.clone(),
                },
                ready: cluster.active_at <= frame.now
                    && !cluster.failed
                    && cluster.gone_at.is_none(),
                since: cluster.active_at,
            })
            .collect()
    }

    fn machines(&self, frame: &Frame<'_>, cluster: &Found) -> Vec<Machine> {
        let region = cluster.location.as_str();
        let tx = &frame.tx;
        let groups = tx.referrers::<Nodegroup>(region, &of_cluster(&cluster.name));
        let mut found = Vec::new();
        for nodegroup in groups {
            if nodegroup.active_at > frame.now || nodegroup.failed || nodegroup.gone_at.is_some() {
                continue;
            }
            let Some(group) = tx.get::<Group>(region, &nodegroup.group) else {
                continue;
            };
            for instance in &group.instances {
                let interfaces = tx.referrers::<NetworkInterface>(region, instance);
                let Some(interface) = interfaces.first() else {
                    continue;
                };
                found.push(machine(region, &nodegroup, &group, instance, interface));
            }
        }
        found
    }

    fn expose<'a>(
        &self,
        frame: Frame<'a>,
        cluster: &Found,
        service: &Exposed,
    ) -> (Frame<'a>, Result<Address, String>) {
        super::kubernetes_balancer::expose(frame, cluster, service)
    }

    fn withdraw<'a>(&self, frame: Frame<'a>, cluster: &Found, service: &Exposed) -> Frame<'a> {
        super::kubernetes_balancer::withdraw(frame, cluster, service)
    }

    fn push<'a>(&self, frame: Frame<'a>, secret: &Pushed) -> (Frame<'a>, Result<(), String>) {
        let mut ctx = Ctx::new(frame, &secret.place);
        let result = secretsmanager::push(&mut ctx, secret);
        (ctx.into_frame(), result)
    }
}

fn machine(
    region: &str,
    nodegroup: &Nodegroup,
    group: &Group,
    instance: &str,
    interface: &NetworkInterface,
) -> Machine {
    let address = interface.private_ip.to_string();
    let mut labels = nodegroup.config.labels.clone();
    for (key, value) in [
        (
            "eks.amazonaws.com/nodegroup",
            nodegroup.config.nodegroup_name.as_str(),
        ),
        (
            "eks.amazonaws.com/capacityType",
            nodegroup
                .config
                .capacity_type
                .as_deref()
                .unwrap_or("ON_DEMAND"),
        ),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    let taints = nodegroup.config.taints.iter().map(|taint| {
        let effect = match taint.effect.as_str() {
            "NO_SCHEDULE" => "NoSchedule",
            "NO_EXECUTE" => "NoExecute",
            _ => "PreferNoSchedule",
        };
        (
            taint.key.clone(),
            taint.value.clone().unwrap_or_default(),
            effect.to_owned(),
        )
    });
    let kind = instance_type::find(&group.instance_type);
    Machine {
        name: format!("ip-{}.{region}.compute.internal", address.replace('.', "-")),
        provider_id: format!("aws:///{}/{instance}", interface.zone),
        zone: interface.zone.clone(),
        address,
        region: region.to_owned(),
        machine_type: group.instance_type.clone(),
        labels,
        taints: taints.collect(),
        size: kind
            .as_ref()
            .map_or((2000, 4096), |kind| (kind.vcpus * 1000, kind.memory_mib)),
        max_pods: kind
            .as_ref()
            .map_or(17, instance_type::InstanceType::max_pods),
    }
}
