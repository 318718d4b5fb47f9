//! Node pools on EKS: a launch template a pool, and a managed node group a pool and zone, so that an autoscaler can add a node
//! where a volume is.

use crate::aws;
use crate::cluster::pool::{Pool, spread};
use crate::draft::Draft;
use crate::input::{escape, literal};
use crate::network::Site;
use crate::sizes::{self, Sizes};
use infra_model::Value;
use infra_model::record::FieldValue;
use serde_json::{Map, Value as Json, json};

/// What the portable sizes are here.
pub(in crate::cluster) const SIZES: Sizes = [
    ("small", "t3.medium"),
    ("medium", "m7i.large"),
    ("large", "m7i.2xlarge"),
];

pub(super) fn expand(site: &Site, pools: &[(String, Pool)], draft: &mut Draft<'_>) {
    let trust = aws::trust("ec2.amazonaws.com", &["sts:AssumeRole"]);
    // No networking policy: the add-ons that need more have roles of their own.
    let policies = [
        ("worker", "AmazonEKSWorkerNodePolicy"),
        ("images", "AmazonEC2ContainerRegistryPullOnly"),
    ];
    aws::role(draft, "node", "node", trust, &policies);
    let mut groups = Vec::new();
    for (name, pool) in pools {
        let Some(machine) = machine(name, pool, draft) else {
            continue;
        };
        launch_template(name, pool, &machine, draft);
        for zone in node_groups(site, name, pool, &machine, draft) {
            groups.push((format!("{name}-{zone}"), name.clone(), zone));
        }
    }
    let keys = groups.iter().map(|(key, _, _)| key.as_str());
    draft.fact("node_groups", Value::strings(keys));
    let entry = |(key, pool, zone): &(String, String, String)| {
        format!(
            "\"{key}\" = aws_eks_node_group.{pool}[\"{zone}\"].resources[0].autoscaling_groups[0].name"
        )
    };
    let entries: Vec<String> = groups.iter().map(entry).collect();
    draft.output("node_groups", format!("{{ {} }}", entries.join(", ")));
}

/// The instance type of a pool.
fn machine(name: &str, pool: &Pool, draft: &mut Draft<'_>) -> Option<String> {
    if let Some(instance) = &pool.instance {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if instance.split('.').count() == 2
            && instance.chars().all(legal)
            && !instance.starts_with("db.")
        {
            return Some(instance.clone());
        }
        draft.refuse(
            &format!("pools.{name}.instance"),
            format!("`{instance}` is not an EC2 instance type"),
            "write one such as `instance = \"m7i.large\"`, or a size: `size = \"medium\"`",
        );
        return None;
    }
    let size = pool.size.as_deref().unwrap_or("medium");
    sizes::machine(
        &SIZES,
        size,
        &format!("pools.{name}.size"),
        "any instance type",
        draft,
    )
}

/// The image family for an instance type, from its family's letters: `g` after the generation is Graviton, accelerators
/// have families of their own. https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
fn image(machine: &str) -> &'static str {
    let family = machine.split('.').next().unwrap_or_default();
    let series: String = family
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    let options = family
        .trim_start_matches(|c: char| c.is_ascii_alphabetic())
        .trim_start_matches(|c: char| c.is_ascii_digit());
    let arm = options.starts_with('g');
    match (series.as_str(), arm) {
        ("inf" | "trn", _) => "AL2023_x86_64_NEURON",
        ("g" | "gr" | "p", true) => "AL2023_ARM_64_NVIDIA",
        ("g" | "gr" | "p", false) => "AL2023_x86_64_NVIDIA",
        (_, true) => "AL2023_ARM_64_STANDARD",
        _ => "AL2023_x86_64_STANDARD",
    }
}

fn launch_template(name: &str, pool: &Pool, machine: &str, draft: &mut Draft<'_>) {
    let tags = draft.tags(name, &[]);
    let tagged = |what: &str| json!({ "resource_type": what, "tags": tags });
    let body = json!({
        "name": draft.name(name, 128),
        // In the template, so that another machine is a rolling update and no new pool.
        "instance_type": machine,
        "update_default_version": true,
        "vpc_security_group_ids": ["${aws_security_group.nodes.id}"],
        "metadata_options": {
            "http_endpoint": "enabled",
            "http_tokens": "required",
            // One hop: pods that are not on the host's network cannot take the node's identity.
            "http_put_response_hop_limit": 1,
        },
        "block_device_mappings": {
            "device_name": "/dev/xvda",
            "ebs": {
                "volume_type": "gp3",
                "volume_size": pool.disk_gb,
                "encrypted": true,
                "delete_on_termination": true,
            },
        },
        "tag_specifications": [tagged("instance"), tagged("volume")],
        "tags": tags,
    });
    draft.resource("aws_launch_template", name, body);
}

/// The node groups of a pool, and the zones that have one.
fn node_groups(
    site: &Site,
    name: &str,
    pool: &Pool,
    machine: &str,
    draft: &mut Draft<'_>,
) -> Vec<String> {
    let zones = site.zones.len();
    let (min, max, first) = (
        spread(pool.min, zones),
        spread(pool.most(), zones),
        spread(pool.first(), zones),
    );
    let mut each = Map::new();
    for (index, key) in site.zones.iter().enumerate().filter(|(i, _)| max[*i] > 0) {
        let group =
            json!({ "zone": index, "min": min[index], "max": max[index], "desired": first[index] });
        each.insert(key.clone(), group);
    }
    let taints: Vec<Json> = pool
        .taints
        .iter()
        .map(|taint| {
            json!({ "key": escape(&taint.key), "value": taint.value.as_deref().map(escape), "effect": taint.api_effect() })
        })
        .collect();
    let subnets = format!("{}.private_subnet_ids", site.reference);
    let keys = each.keys().cloned().collect();
    let body = json!({
        "for_each": each,
        "cluster_name": "${aws_eks_cluster.this.name}",
        // Made up from it, so that another group can be there before this one goes.
        "node_group_name_prefix": format!("{name}-${{each.key}}-"),
        "node_role_arn": "${aws_iam_role.node.arn}",
        "subnet_ids": [format!("${{{subnets}[each.value.zone]}}")],
        "version": "${aws_eks_cluster.this.version}",
        "ami_type": image(machine),
        "capacity_type": if pool.spot { "SPOT" } else { "ON_DEMAND" },
        "launch_template": {
            "id": format!("${{aws_launch_template.{name}.id}}"),
            "version": format!("${{aws_launch_template.{name}.latest_version}}"),
        },
        "scaling_config": {
            "min_size": "${each.value.min}",
            "max_size": "${each.value.max}",
            "desired_size": "${each.value.desired}",
        },
        "update_config": { "max_unavailable": 1 },
        "labels": (!pool.labels.is_empty()).then(|| literal(&pool.labels.to_value(), "")),
        "taint": (!taints.is_empty()).then_some(taints),
        "tags": draft.tags(&format!("{name}-${{each.key}}"), &[]),
        // Nodes join only with their permissions, a way out, and networking and proxy in place.
        "depends_on": [
            site.reference,
            "aws_iam_role_policy_attachment.node",
            "aws_vpc_security_group_ingress_rule.cluster_from_nodes",
            "aws_vpc_security_group_ingress_rule.nodes_from_cluster",
            "aws_vpc_security_group_ingress_rule.nodes_from_nodes",
            "aws_vpc_security_group_egress_rule.nodes_to_anywhere",
            "aws_eks_addon.pod_identity_agent",
            "aws_eks_addon.vpc_cni",
            "aws_eks_addon.kube_proxy",
        ],
        "lifecycle": { "ignore_changes": ["scaling_config[0].desired_size"] },
    });
    draft.resource("aws_eks_node_group", name, body);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_follow_from_instance_types() {
        for (machine, expected) in [
            ("m7i.large", "AL2023_x86_64_STANDARD"),
            ("t3.medium", "AL2023_x86_64_STANDARD"),
            ("m7g.large", "AL2023_ARM_64_STANDARD"),
            ("c7gn.xlarge", "AL2023_ARM_64_STANDARD"),
            ("im4gn.large", "AL2023_ARM_64_STANDARD"),
            ("m7i-flex.large", "AL2023_x86_64_STANDARD"),
            ("u7i-12tb.224xlarge", "AL2023_x86_64_STANDARD"),
            ("g5.xlarge", "AL2023_x86_64_NVIDIA"),
            ("g4dn.xlarge", "AL2023_x86_64_NVIDIA"),
            ("g5g.xlarge", "AL2023_ARM_64_NVIDIA"),
            ("p5.48xlarge", "AL2023_x86_64_NVIDIA"),
            ("inf2.xlarge", "AL2023_x86_64_NEURON"),
        ] {
            assert_eq!(image(machine), expected, "{machine}");
        }
    }
}
