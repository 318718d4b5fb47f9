//! The add-ons of an EKS cluster, in the versions that EKS recommends. Those that nodes need to join come before them, those
//! that run on nodes after; the two that call AWS have roles of their own through pod identity.

use crate::aws;
use crate::cluster::pool::Pool;
use crate::draft::Draft;
use serde_json::{Value as Json, json};

/// The agent, the network and the proxy.
pub(super) fn before_nodes(draft: &mut Draft<'_>) {
    addon(
        draft,
        "pod_identity_agent",
        "eks-pod-identity-agent",
        Json::Null,
        None,
        &[],
    );
    pod_role(draft, "vpc_cni", "vpc-cni", "AmazonEKS_CNI_Policy");
    let configuration = json!({
        "enableNetworkPolicy": "true",
        // Sixteen addresses at a time: more pods on a node, fewer calls.
        "env": { "ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1" },
    });
    let identity = Some(("aws-node", "vpc_cni"));
    let after = ["aws_eks_addon.pod_identity_agent"];
    addon(draft, "vpc_cni", "vpc-cni", configuration, identity, &after);
    addon(draft, "kube_proxy", "kube-proxy", Json::Null, None, &[]);
}

/// DNS, volumes and metrics.
pub(super) fn on_nodes(pools: &[(String, Pool)], draft: &mut Draft<'_>) {
    let nodes: Vec<String> = pools
        .iter()
        .map(|(name, _)| format!("aws_eks_node_group.{name}"))
        .collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    addon(draft, "coredns", "coredns", Json::Null, None, &nodes);
    pod_role(
        draft,
        "ebs_csi",
        "ebs-csi",
        "service-role/AmazonEBSCSIDriverPolicy",
    );
    let identity = Some(("ebs-csi-controller-sa", "ebs_csi"));
    addon(
        draft,
        "ebs_csi",
        "aws-ebs-csi-driver",
        Json::Null,
        identity,
        &nodes,
    );
    addon(
        draft,
        "metrics_server",
        "metrics-server",
        Json::Null,
        None,
        &nodes,
    );
}

/// A role that a service account of the cluster takes.
fn pod_role(draft: &mut Draft<'_>, block: &str, suffix: &str, policy: &str) {
    let trust = aws::trust(
        "pods.eks.amazonaws.com",
        &["sts:AssumeRole", "sts:TagSession"],
    );
    aws::role(draft, block, suffix, trust, &[(suffix, policy)]);
}

fn addon(
    draft: &mut Draft<'_>,
    block: &str,
    name: &str,
    configuration: Json,
    identity: Option<(&str, &str)>,
    after: &[&str],
) {
    let mut after: Vec<String> = after.iter().map(|a| (*a).to_owned()).collect();
    let association = identity.map(|(account, role)| {
        after.push(format!("aws_iam_role_policy_attachment.{role}"));
        json!({ "service_account": account, "role_arn": format!("${{aws_iam_role.{role}.arn}}") })
    });
    let body = json!({
        "cluster_name": "${aws_eks_cluster.this.name}",
        "addon_name": name,
        // It follows the control plane when that is raised.
        "cluster_version": "${aws_eks_cluster.this.version}",
        "configuration_values": (!configuration.is_null()).then(|| configuration.to_string()),
        "pod_identity_association": association,
        "resolve_conflicts_on_create": "OVERWRITE",
        "resolve_conflicts_on_update": "OVERWRITE",
        "tags": draft.tags(name, &[]),
        "depends_on": (!after.is_empty()).then_some(after),
    });
    draft.resource("aws_eks_addon", block, body);
}
