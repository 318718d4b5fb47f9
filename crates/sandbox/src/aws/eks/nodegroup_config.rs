//! What clients decide of a node group, and which of it EKS accepts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cluster::Cluster;
use super::nodegroup::NODES;
use super::{invalid, invalid_request, versions};
use crate::aws::context::Ctx;
use crate::aws::ec2::subnet::Subnet;
use crate::aws::ec2::{instance_type, launch_template};
use crate::aws::error::AwsResult;
use crate::aws::references;

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
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) release_version: Option<String>,
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
    pub(super) ec2_ssh_key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) source_security_groups: Vec<String>,
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
pub(in crate::aws) fn release(version: &str, ami_type: &str) -> String {
    let patch = versions::find(version).map_or(version, |version| version.patch);
    if ami_type.starts_with("BOTTLEROCKET") {
        "1.52.0-1e6f0d8c".to_owned()
    } else {
        format!("{patch}-20260114")
    }
}

pub(super) fn check_scaling(scaling: Scaling) -> AwsResult<()> {
    let Scaling {
        min_size,
        max_size,
        desired_size,
    } = scaling;
    if max_size == 0 {
        return Err(invalid("maxSize must be at least 1"));
    }
    if max_size as usize > NODES {
        return Err(super::over(format!(
            "Node limit exceeded for nodegroup: maxSize is {max_size}, limit {NODES}"
        )));
    }
    if min_size > max_size {
        return Err(invalid(format!(
            "Minimum capacity {min_size} can't be greater than max size {max_size}"
        )));
    }
    if desired_size < min_size {
        return Err(invalid(format!(
            "Minimum capacity {min_size} can't be greater than desired size {desired_size}"
        )));
    }
    if desired_size > max_size {
        return Err(invalid(format!(
            "desired capacity {desired_size} can't be greater than max size {max_size}"
        )));
    }
    Ok(())
}

pub(super) fn check_taints(taints: &[Taint]) -> AwsResult<()> {
    if taints.len() > 50 {
        return Err(invalid("At most 50 taints are allowed"));
    }
    for taint in taints {
        if !matches!(
            taint.effect.as_str(),
            "NO_SCHEDULE" | "NO_EXECUTE" | "PREFER_NO_SCHEDULE"
        ) {
            return Err(invalid(format!("Invalid taint effect {}", taint.effect)));
        }
        if taint.key.is_empty() || taint.key.len() > 317 {
            return Err(invalid(
                "Taint keys have 1 to 63 characters after an optional prefix",
            ));
        }
    }
    Ok(())
}

pub(super) fn check_labels(labels: &BTreeMap<String, String>) -> AwsResult<()> {
    for (key, value) in labels {
        let name = key.rsplit('/').next().unwrap_or_default();
        let fits = |text: &str| {
            text.len() <= 63
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if name.is_empty() || !fits(name) || !fits(value) {
            return Err(invalid(format!(
                "Label {key}={value} is not a valid Kubernetes label"
            )));
        }
        if ["eks.amazonaws.com/", "k8s.io/"]
            .iter()
            .any(|prefix| key.starts_with(prefix))
        {
            return Err(invalid(format!(
                "Label cannot contain reserved prefixes [kubernetes.io/, k8s.io/, eks.amazonaws.com/]: {key}"
            )));
        }
    }
    Ok(())
}

pub(super) fn check_update_config(update: &UpdateConfig) -> AwsResult<()> {
    match (update.max_unavailable, update.max_unavailable_percentage) {
        (Some(_), Some(_)) => Err(invalid(
            "maxUnavailable and maxUnavailablePercentage cannot both be given",
        )),
        (Some(1..=100) | None, None) | (None, Some(1..=100)) => Ok(()),
        _ => Err(invalid("maxUnavailable must be between 1 and 100")),
    }
}

/// Resolves a launch template: id, name and version filled in; the data of the version.
pub(super) fn check_template(ctx: &Ctx<'_>, template: &Template) -> AwsResult<(Template, Value)> {
    if template.id.is_some() == template.name.is_some() {
        return Err(invalid_request(
            "You must specify either launch template name or id, but not both",
        ));
    }
    let wrong = |error: crate::aws::error::AwsError| invalid_request(error.message);
    let found = launch_template::find(ctx, template.id.as_deref(), template.name.as_deref())
        .map_err(wrong)?;
    let version = found
        .version(template.version.as_deref().unwrap_or("$Default"))
        .map_err(wrong)?;
    let resolved = Template {
        id: Some(found.id.clone()),
        name: Some(found.name.clone()),
        version: Some(version.number.to_string()),
    };
    Ok((resolved, version.data.clone()))
}

/// Checks the whole of a new group and fills in what EKS chooses.
pub(super) fn check(ctx: &Ctx<'_>, cluster: &Cluster, config: &mut Config) -> AwsResult<()> {
    let name = &config.nodegroup_name;
    let character = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(1..=63).contains(&name.len())
        || !name.chars().all(character)
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Err(invalid(format!(
            "nodegroupName {name:?} is not valid: 1 to 63 letters, digits, hyphens and underscores"
        )));
    }
    if !references::may_assume(ctx, &config.node_role, "ec2.amazonaws.com") {
        return Err(invalid(
            "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole, or the role does not exist",
        ));
    }
    if config.subnets.is_empty() {
        return Err(invalid("Subnets must be given"));
    }
    for id in &config.subnets {
        if ctx
            .get::<Subnet>(id)
            .is_none_or(|subnet| subnet.vpc != cluster.vpc)
        {
            return Err(invalid(format!(
                "Subnet {id} does not exist in the VPC of the cluster, {}",
                cluster.vpc
            )));
        }
    }
    config.scaling_config.map_or(Ok(()), check_scaling)?;
    check_labels(&config.labels)?;
    check_taints(&config.taints)?;
    config
        .update_config
        .as_ref()
        .map_or(Ok(()), check_update_config)?;
    if config
        .capacity_type
        .as_deref()
        .is_some_and(|kind| !matches!(kind, "ON_DEMAND" | "SPOT" | "CAPACITY_BLOCK"))
    {
        return Err(invalid(
            "capacityType must be ON_DEMAND, SPOT or CAPACITY_BLOCK",
        ));
    }
    if config.disk_size == Some(0) {
        return Err(invalid("Disk size must be greater than 0"));
    }
    let mut custom_image = false;
    let mut template_type = false;
    if let Some(template) = &config.launch_template {
        let (resolved, data) = check_template(ctx, template)?;
        if config.disk_size.is_some() || config.remote_access.is_some() {
            let message =
                "Disk size and remote access must be specified within the launch template.";
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
            return Err(invalid(format!(
                "The following supplied instance types do not exist: [{name}]"
            )));
        };
        architectures.insert(kind.architecture);
    }
    if architectures.len() > 1 {
        return Err(invalid(
            "Instance types of different architectures cannot be in one node group",
        ));
    }
    if custom_image {
        return Ok(());
    }
    let arm = architectures.contains("arm64");
    let default = if arm {
        "AL2023_ARM_64_STANDARD"
    } else {
        "AL2023_x86_64_STANDARD"
    };
    let wanted = config.ami_type.get_or_insert_with(|| default.to_owned());
    match AMI_TYPES.iter().find(|(name, _)| name == wanted) {
        None => Err(invalid(format!("Unknown amiType {wanted}"))),
        Some((_, ami_arm)) if *ami_arm != arm && !architectures.is_empty() => {
            Err(invalid(format!(
                "{:?} is not a valid instance type for requested amiType {wanted}",
                config.instance_types
            )))
        }
        Some(_) => Ok(()),
    }
}
