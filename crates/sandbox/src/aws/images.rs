//! The machine images that AWS publishes, as far as nodes use them: Amazon Linux 2023, and the same for nodes of each
//! Kubernetes version. EC2 describes them, Systems Manager names the newest.

use super::eks::versions::VERSIONS;
use crate::token::fingerprint;

/// Days on which images were published, the newest first: that of managed nodes' release, and one before.
const DAYS: [&str; 2] = ["20260114", "20251209"];
/// Releases of Amazon Linux 2023 of these days.
const RELEASES: [&str; 2] = ["2023.10.20260105.0", "2023.9.20251208.0"];

/// Architectures as EC2 names them.
const ARCHITECTURES: [&str; 2] = ["x86_64", "arm64"];

/// The account that publishes Amazon Linux.
const LINUX: &str = "137112412989";
/// The account that publishes images for EKS, in most regions.
const EKS: &str = "602401143452";

/// An image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    /// `ami-` and 17 hexadecimal digits: another in each region, always the same.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) owner: &'static str,
    pub(super) architecture: &'static str,
    /// `2026-01-14`
    pub(super) date: String,
    /// What names it in Systems Manager while it is the newest.
    pub(super) parameter: String,
    /// How nodes report it, of those for EKS.
    pub(super) release: Option<String>,
    /// Whether it is the newest of its kind.
    pub(super) newest: bool,
}

/// The images of a region.
pub(super) fn all(region: &str) -> Vec<Image> {
    let mut images = Vec::new();
    for (index, (day, linux)) in DAYS.iter().zip(RELEASES).enumerate() {
        let newest = index == 0;
        for architecture in ARCHITECTURES {
            images.push(Image::new(region, architecture, day, newest, linux));
            for version in &VERSIONS {
                images.push(Image::for_nodes(region, architecture, day, newest, version));
            }
        }
    }
    images.sort_by(|a, b| a.id.cmp(&b.id));
    images
}

impl Image {
    fn new(region: &str, architecture: &'static str, day: &str, newest: bool, linux: &str) -> Self {
        Self {
            description: format!("Amazon Linux 2023 AMI {linux} {architecture} HVM kernel-6.1"),
            // https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
            parameter: format!(
                "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
            ),
            ..Self::named(
                region,
                format!("al2023-ami-{linux}-kernel-6.1-{architecture}"),
                LINUX,
                architecture,
                day,
                newest,
            )
        }
    }

    fn for_nodes(
        region: &str,
        architecture: &'static str,
        day: &str,
        newest: bool,
        version: &super::eks::versions::Version,
    ) -> Self {
        let (minor, patch) = (version.name, version.patch);
        Self {
            description: format!(
                "EKS-optimized Kubernetes node based on Amazon Linux 2023, (k8s: {patch}, containerd: 2.1.*)"
            ),
            // https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html
            parameter: format!(
                "/aws/service/eks/optimized-ami/{minor}/amazon-linux-2023/{architecture}/standard/recommended"
            ),
            release: Some(format!("{patch}-{day}")),
            ..Self::named(
                region,
                format!("amazon-eks-node-al2023-{architecture}-standard-{minor}-v{day}"),
                EKS,
                architecture,
                day,
                newest,
            )
        }
    }

    fn named(
        region: &str,
        name: String,
        owner: &'static str,
        architecture: &'static str,
        day: &str,
        newest: bool,
    ) -> Self {
        let id = &fingerprint(&format!("{region}.{name}"))[..16];
        Self {
            id: format!("ami-0{id}"),
            name,
            description: String::new(),
            owner,
            architecture,
            date: format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]),
            parameter: String::new(),
            release: None,
            newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::eks::nodegroup_config::release;

    #[test]
    fn the_newest_image_for_nodes_is_that_of_managed_nodes() {
        let images = all("eu-west-1");
        for version in &VERSIONS {
            for (architecture, kind) in [
                ("x86_64", "AL2023_x86_64_STANDARD"),
                ("arm64", "AL2023_ARM_64_STANDARD"),
            ] {
                let wanted = release(version.name, kind);
                let found = images.iter().filter(|image| {
                    image.newest
                        && image.architecture == architecture
                        && image.release.as_deref() == Some(wanted.as_str())
                });
                assert_eq!(found.count(), 1, "{wanted} {architecture}");
            }
        }
    }
}
