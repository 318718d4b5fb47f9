//! Who may talk to whom in an EKS cluster: two closed security groups, one of the control plane and one of the nodes, and the
//! rules between them.

use crate::aws;
use crate::draft::Draft;
use crate::network::Site;
use serde_json::json;

pub(super) fn expand(site: &Site, draft: &mut Draft<'_>) {
    let vpc = site.output("id");
    aws::security_group(
        draft,
        "cluster",
        "cluster",
        "Kubernetes control plane",
        &vpc,
    );
    aws::security_group(draft, "nodes", "nodes", "Kubernetes nodes", &vpc);
    draft.resource(
        "aws_vpc_security_group_ingress_rule",
        "cluster_from_nodes",
        json!({
            "security_group_id": "${aws_security_group.cluster.id}",
            "referenced_security_group_id": "${aws_security_group.nodes.id}",
            "description": "Nodes and pods to the API",
            "ip_protocol": "tcp", "from_port": 443, "to_port": 443,
        }),
    );
    // What the control plane calls on nodes and pods. 8443 and 9443 are where admission webhooks listen by custom.
    let ports = json!({ "api-services": 443, "kubelet": 10250, "metrics-server": 10251, "webhooks-8443": 8443, "webhooks-9443": 9443 });
    draft.resource(
        "aws_vpc_security_group_egress_rule",
        "cluster_to_nodes",
        json!({
            "for_each": ports,
            "security_group_id": "${aws_security_group.cluster.id}",
            "referenced_security_group_id": "${aws_security_group.nodes.id}",
            "description": "Control plane to ${each.key}",
            "ip_protocol": "tcp", "from_port": "${each.value}", "to_port": "${each.value}",
        }),
    );
    draft.resource(
        "aws_vpc_security_group_ingress_rule",
        "nodes_from_cluster",
        json!({
            "for_each": ports,
            "security_group_id": "${aws_security_group.nodes.id}",
            "referenced_security_group_id": "${aws_security_group.cluster.id}",
            "description": "Control plane to ${each.key}",
            "ip_protocol": "tcp", "from_port": "${each.value}", "to_port": "${each.value}",
        }),
    );
    draft.resource(
        "aws_vpc_security_group_ingress_rule",
        "nodes_from_nodes",
        json!({
            "security_group_id": "${aws_security_group.nodes.id}",
            "referenced_security_group_id": "${aws_security_group.nodes.id}",
            "description": "Between nodes and pods, where network policies decide",
            "ip_protocol": "-1",
        }),
    );
    draft.resource(
        "aws_vpc_security_group_egress_rule",
        "nodes_to_anywhere",
        json!({
            "security_group_id": "${aws_security_group.nodes.id}",
            "cidr_ipv4": "0.0.0.0/0",
            "description": "Images, cloud APIs and what network policies allow",
            "ip_protocol": "-1",
        }),
    );
}
