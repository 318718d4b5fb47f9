//! The add-ons that EKS offers, and their versions for each Kubernetes version.

/// An add-on of the catalogue.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) publisher: &'static str,
    pub(super) namespace: &'static str,
    /// Whether it calls AWS and so needs a role.
    pub(super) needs_role: bool,
    versions: &'static [&'static str],
    /// Whether its versions are those of Kubernetes itself, so that each fits one.
    follows: bool,
}

const fn offer(
    name: &'static str,
    kind: &'static str,
    namespace: &'static str,
    needs_role: bool,
    versions: &'static [&'static str],
) -> Offer {
    Offer {
        name,
        kind,
        publisher: "eks",
        namespace,
        needs_role,
        versions,
        follows: false,
    }
}

const fn community(
    name: &'static str,
    kind: &'static str,
    namespace: &'static str,
    versions: &'static [&'static str],
) -> Offer {
    Offer {
        name,
        kind,
        publisher: "community",
        namespace,
        needs_role: false,
        versions,
        follows: false,
    }
}

/// All offers; versions newest first.
pub(super) const OFFERS: &[Offer] = &[
    offer(
        "adot",
        "observability",
        "opentelemetry-operator-system",
        true,
        &["v0.141.0-eksbuild.1", "v0.131.0-eksbuild.1"],
    ),
    offer(
        "amazon-cloudwatch-observability",
        "observability",
        "amazon-cloudwatch",
        true,
        &[
            "v4.10.0-eksbuild.1",
            "v4.7.0-eksbuild.1",
            "v4.3.1-eksbuild.1",
        ],
    ),
    offer(
        "aws-ebs-csi-driver",
        "storage",
        "kube-system",
        true,
        &[
            "v1.54.0-eksbuild.1",
            "v1.53.0-eksbuild.1",
            "v1.48.0-eksbuild.2",
        ],
    ),
    offer(
        "aws-efs-csi-driver",
        "storage",
        "kube-system",
        true,
        &["v2.2.0-eksbuild.1", "v2.1.15-eksbuild.1"],
    ),
    offer(
        "aws-guardduty-agent",
        "security",
        "amazon-guardduty",
        false,
        &["v1.12.1-eksbuild.2", "v1.11.0-eksbuild.4"],
    ),
    offer(
        "aws-mountpoint-s3-csi-driver",
        "storage",
        "kube-system",
        true,
        &["v2.2.1-eksbuild.1", "v1.15.0-eksbuild.1"],
    ),
    community(
        "cert-manager",
        "networking",
        "cert-manager",
        &["v1.19.2-eksbuild.1", "v1.18.2-eksbuild.2"],
    ),
    Offer {
        follows: true,
        ..offer(
            "coredns",
            "networking",
            "kube-system",
            false,
            &[
                "v1.13.1-eksbuild.1/1.35",
                "v1.12.4-eksbuild.1/1.34",
                "v1.12.3-eksbuild.1/1.34",
                "v1.12.4-eksbuild.1/1.33",
                "v1.12.1-eksbuild.2/1.33",
                "v1.11.4-eksbuild.24/1.32",
                "v1.11.4-eksbuild.2/1.32",
                "v1.11.4-eksbuild.24/1.31",
                "v1.11.3-eksbuild.1/1.31",
            ],
        )
    },
    offer(
        "eks-node-monitoring-agent",
        "observability",
        "kube-system",
        false,
        &["v1.4.2-eksbuild.1", "v1.4.0-eksbuild.2"],
    ),
    offer(
        "eks-pod-identity-agent",
        "security",
        "kube-system",
        false,
        &[
            "v1.3.10-eksbuild.2",
            "v1.3.9-eksbuild.5",
            "v1.3.4-eksbuild.1",
        ],
    ),
    community(
        "external-dns",
        "networking",
        "external-dns",
        &["v0.20.0-eksbuild.1", "v0.19.0-eksbuild.2"],
    ),
    Offer {
        follows: true,
        ..offer(
            "kube-proxy",
            "networking",
            "kube-system",
            false,
            &[
                "v1.35.0-eksbuild.2/1.35",
                "v1.34.1-eksbuild.2/1.34",
                "v1.34.0-eksbuild.4/1.34",
                "v1.33.5-eksbuild.2/1.33",
                "v1.33.0-eksbuild.2/1.33",
                "v1.32.9-eksbuild.2/1.32",
                "v1.32.0-eksbuild.2/1.32",
                "v1.31.13-eksbuild.2/1.31",
                "v1.31.2-eksbuild.3/1.31",
            ],
        )
    },
    community(
        "kube-state-metrics",
        "observability",
        "kube-state-metrics",
        &["v2.17.0-eksbuild.4", "v2.16.0-eksbuild.1"],
    ),
    community(
        "metrics-server",
        "observability",
        "kube-system",
        &["v0.8.0-eksbuild.6", "v0.7.2-eksbuild.4"],
    ),
    community(
        "prometheus-node-exporter",
        "observability",
        "prometheus-node-exporter",
        &["v1.10.2-eksbuild.4", "v1.9.1-eksbuild.4"],
    ),
    offer(
        "snapshot-controller",
        "storage",
        "kube-system",
        false,
        &["v8.4.0-eksbuild.1", "v8.3.0-eksbuild.1"],
    ),
    offer(
        "vpc-cni",
        "networking",
        "kube-system",
        true,
        &[
            "v1.21.1-eksbuild.1",
            "v1.20.4-eksbuild.2",
            "v1.19.6-eksbuild.7",
            "v1.19.0-eksbuild.1",
        ],
    ),
];

/// The offer of a name.
pub(super) fn find(name: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|offer| offer.name == name)
}

impl Offer {
    /// Its versions, each once, with the Kubernetes versions that it fits; newest first.
    pub(super) fn versions(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let all: Vec<&'static str> = super::versions::VERSIONS
            .iter()
            .map(|version| version.name)
            .collect();
        let mut found: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
        for entry in self.versions {
            let (version, fits) = match entry.split_once('/') {
                Some((version, kubernetes)) if self.follows => (version, vec![kubernetes]),
                _ => (*entry, all.clone()),
            };
            match found.iter_mut().find(|(known, _)| *known == version) {
                Some((_, known)) => known.extend(fits),
                None => found.push((version, fits)),
            }
        }
        found
    }

    /// Versions for a Kubernetes version, newest first.
    pub(super) fn fitting(&self, kubernetes: &str) -> Vec<&'static str> {
        let fits = |(version, fits): (&'static str, Vec<&'static str>)| {
            fits.contains(&kubernetes).then_some(version)
        };
        self.versions().into_iter().filter_map(fits).collect()
    }

    /// The version that a cluster gets when none is asked for: the newest of an older line where there is one.
    pub(super) fn default_version(&self, kubernetes: &str) -> Option<&'static str> {
        let fitting = self.fitting(kubernetes);
        fitting.get(1).or(fitting.first()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offer_fits_every_version_of_kubernetes() {
        for offer in OFFERS {
            for version in &super::super::versions::VERSIONS {
                assert!(
                    offer.default_version(version.name).is_some(),
                    "{} {}",
                    offer.name,
                    version.name
                );
            }
        }
        let coredns = find("coredns").expect("offered");
        assert_eq!(
            coredns.fitting("1.33"),
            ["v1.12.4-eksbuild.1", "v1.12.1-eksbuild.2"]
        );
    }
}
