//! `cluster` on AWS: an EKS cluster with its roles, key, firewall and add-ons. Node groups are in `nodes`, add-ons in `addons`.

mod addons;
mod firewall;
mod nodes;

pub(super) use nodes::SIZES;

use super::pool::Pool;
use super::{Inputs, Offer};
use crate::aws::{self, ARN};
use crate::draft::Draft;
use crate::network::Site;
use serde_json::json;

/// The minor versions of Kubernetes that EKS offers, as known when this was written.
const OFFER: Offer = Offer {
    service: "EKS",
    minors: 30..=36,
    attribute: "aws_eks_cluster = { version",
};

/// All that a control plane logs.
const LOGS: [&str; 5] = [
    "api",
    "audit",
    "authenticator",
    "controllerManager",
    "scheduler",
];

/// How long its logs are kept, in days.
const LOG_DAYS: i64 = 90;

pub(super) fn expand(
    inputs: &Inputs,
    site: &Site,
    pools: &[(String, Pool)],
    draft: &mut Draft<'_>,
) {
    inputs.check_version(&OFFER, draft);
    site.spans_two_zones("an EKS cluster", draft);
    firewall::expand(site, draft);
    control_plane(inputs, site, draft);
    admins(inputs, draft);
    identity_provider(draft);
    addons::before_nodes(draft);
    nodes::expand(site, pools, draft);
    addons::on_nodes(pools, draft);
    outputs(draft);
    let login = json!({
        "cluster": "${aws_eks_cluster.this.name}",
        "region": "${split(\":\", aws_eks_cluster.this.arn)[3]}",
    });
    super::kubernetes_provider(
        "aws_eks_cluster.this.endpoint",
        "aws_eks_cluster.this.certificate_authority[0].data",
        ("eks", login),
        draft,
    );
}

fn control_plane(inputs: &Inputs, site: &Site, draft: &mut Draft<'_>) {
    let name = draft.name("", 100);
    let log_group = inputs
        .control_plane_logs
        .then(|| format!("/aws/eks/{name}/cluster"));
    let statements = log_group
        .iter()
        .map(|group| aws::logs_use_key(draft, group))
        .collect();
    aws::key_for(
        draft,
        "cluster",
        format!("Secrets of the Kubernetes cluster {name}"),
        statements,
    );
    let trust = aws::trust("eks.amazonaws.com", &["sts:AssumeRole", "sts:TagSession"]);
    aws::role(
        draft,
        "cluster",
        "cluster",
        trust,
        &[("cluster", "AmazonEKSClusterPolicy")],
    );
    let use_key = json!({
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ListGrants"],
        "Resource": "${aws_kms_key.this.arn}",
    });
    draft.resource(
        "aws_iam_role_policy",
        "cluster_key",
        json!({ "name": "secrets-key", "role": "${aws_iam_role.cluster.name}", "policy": aws::policy(&[use_key]) }),
    );
    let ranges = inputs.public_ranges();
    let public = !ranges.is_empty();
    // Without its role's permissions a cluster can be neither made nor deleted.
    let mut after = vec![
        "aws_iam_role_policy_attachment.cluster",
        "aws_iam_role_policy.cluster_key",
    ];
    if let Some(group) = &log_group {
        keep_logs(group, draft);
        after.push("aws_cloudwatch_log_group.cluster");
    }
    let body = json!({
        "name": name,
        "version": inputs.kubernetes,
        "role_arn": "${aws_iam_role.cluster.arn}",
        "vpc_config": {
            "subnet_ids": site.output("private_subnet_ids"),
            "security_group_ids": ["${aws_security_group.cluster.id}"],
            "endpoint_private_access": true,
            "endpoint_public_access": public,
            "public_access_cidrs": public.then_some(ranges),
        },
        "access_config": {
            "authentication_mode": "API",
            "bootstrap_cluster_creator_admin_permissions": true,
        },
        "encryption_config": {
            "resources": ["secrets"],
            "provider": { "key_arn": "${aws_kms_key.this.arn}" },
        },
        "enabled_cluster_log_types": inputs.control_plane_logs.then_some(LOGS),
        // Networking, DNS and proxy come as add-ons that are kept up to date.
        "bootstrap_self_managed_addons": false,
        // Said even when it is off: left out, the cluster would keep what it has.
        "deletion_protection": draft.protect(),
        "tags": draft.tags("", &[]),
        "depends_on": after,
    });
    draft.resource("aws_eks_cluster", "this", body);
}

/// The group that the control plane logs to. One that EKS makes by itself keeps logs for ever, and outlives the cluster: this
/// one is there before the cluster, and goes after it.
fn keep_logs(group: &str, draft: &mut Draft<'_>) {
    let body = json!({
        "name": group,
        "retention_in_days": LOG_DAYS,
        "kms_key_id": "${aws_kms_key.this.arn}",
        "tags": draft.tags("logs", &[]),
    });
    draft.resource("aws_cloudwatch_log_group", "cluster", body);
}

/// Access entries, one an administrator, keyed by what is known of it.
fn admins(inputs: &Inputs, draft: &mut Draft<'_>) {
    if inputs.admins.is_empty() {
        return;
    }
    let wrong = |arn: &str| {
        let is_one = arn.starts_with("arn:") && (arn.contains(":role/") || arn.contains(":user/"));
        (!is_one).then(|| {
            (
                format!("`{arn}` is not the ARN of an IAM user or role"),
                "write it whole: \"arn:aws:iam::123456789012:role/ops\"",
            )
        })
    };
    let each = inputs.admins(wrong, draft);
    let body = json!({
        "for_each": each,
        "cluster_name": "${aws_eks_cluster.this.name}",
        "principal_arn": "${each.value}",
        "type": "STANDARD",
        "tags": draft.tags("admin", &[]),
    });
    draft.resource("aws_eks_access_entry", "admin", body);
    draft.resource(
        "aws_eks_access_policy_association",
        "admin",
        json!({
            "for_each": each,
            "cluster_name": "${aws_eks_cluster.this.name}",
            "principal_arn": "${aws_eks_access_entry.admin[each.key].principal_arn}",
            "policy_arn": format!("{ARN}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"),
            "access_scope": { "type": "cluster" },
        }),
    );
}

/// Lets IAM roles trust the cluster's service accounts.
fn identity_provider(draft: &mut Draft<'_>) {
    let body = json!({
        "url": "${aws_eks_cluster.this.identity[0].oidc[0].issuer}",
        "client_id_list": ["sts.amazonaws.com"],
        "tags": draft.tags("", &[]),
    });
    draft.resource("aws_iam_openid_connect_provider", "this", body);
}

fn outputs(draft: &mut Draft<'_>) {
    for (name, expression) in [
        ("id", "aws_eks_cluster.this.id"),
        ("name", "aws_eks_cluster.this.name"),
        ("endpoint", "aws_eks_cluster.this.endpoint"),
        ("ca", "aws_eks_cluster.this.certificate_authority[0].data"),
        ("version", "aws_eks_cluster.this.version"),
        (
            "oidc_issuer_url",
            "aws_eks_cluster.this.identity[0].oidc[0].issuer",
        ),
        (
            "oidc_provider_arn",
            "aws_iam_openid_connect_provider.this.arn",
        ),
        ("security_group_id", "aws_security_group.cluster.id"),
        ("node_security_group_id", "aws_security_group.nodes.id"),
        ("node_role", "aws_iam_role.node.name"),
    ] {
        draft.output(name, expression);
    }
}
