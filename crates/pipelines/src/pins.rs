//! What pipelines run that others made: actions by the commit of their tag, images and programs by their SHA-256. Nothing is named
//! by a tag alone, which whoever owns it can move.

/// An action of GitHub's: its name, the commit, and the tag that the commit had.
pub(crate) struct Action(pub(crate) &'static str, &'static str, &'static str);

impl Action {
    /// As a workflow names it.
    pub(crate) fn uses(&self) -> String {
        format!("{}@{}", self.0, self.1)
    }

    /// For people: the tag.
    pub(crate) fn tag(&self) -> &'static str {
        self.2
    }
}

/// <https://github.com/actions/checkout/releases/tag/v7.0.1>
pub(crate) const CHECKOUT: Action = Action(
    "actions/checkout",
    "3d3c42e5aac5ba805825da76410c181273ba90b1",
    "v7.0.1",
);
/// <https://github.com/actions/setup-python/releases/tag/v7.0.0>
pub(crate) const PYTHON: Action = Action(
    "actions/setup-python",
    "5fda3b95a4ea91299a34e894583c3862153e4b97",
    "v7.0.0",
);
/// <https://github.com/actions/setup-node/releases/tag/v7.0.0>
pub(crate) const NODE: Action = Action(
    "actions/setup-node",
    "820762786026740c76f36085b0efc47a31fe5020",
    "v7.0.0",
);
/// <https://github.com/SonarSource/sonarqube-scan-action/releases/tag/v8.2.1>
pub(crate) const SONARQUBE: Action = Action(
    "SonarSource/sonarqube-scan-action",
    "22918119ff8e1ca75a623e15c8296b6ea4fbe28f",
    "v8.2.1",
);
/// All of them.
pub(crate) const ACTIONS: &[&Action] = &[&CHECKOUT, &PYTHON, &NODE, &SONARQUBE];

/// What runs GitHub's jobs that no runner is named for: it has buildah, skopeo, podman, jq and curl.
/// <https://github.com/actions/runner-images/blob/main/images/ubuntu/Ubuntu2404-Readme.md>
pub(crate) const RUNNER: &str = "ubuntu-24.04";
pub(crate) const PYTHON_VERSION: &str = "3.13";
pub(crate) const NODE_VERSION: &str = "24";
pub(crate) const RUFF: &str = "0.17.6";
pub(crate) const PYTEST: &str = "9.2.0";
/// The scanner of SonarQube as a package of npm's.
pub(crate) const SONAR: &str = "5.0.1";

/// <https://github.com/aquasecurity/trivy/releases/tag/v0.74.0>, `trivy_0.74.0_Linux-64bit.tar.gz`
pub(crate) const TRIVY: (&str, &str) = (
    "0.74.0",
    "2ae6fe3ee734b7fdf11335663e18c75ea12dccc76062f09f164a3b0f8be4371a",
);
/// <https://github.com/sigstore/cosign/releases/tag/v3.1.3>, `cosign-linux-amd64`
pub(crate) const COSIGN: (&str, &str) = (
    "3.1.3",
    "4629c757b7618056f8ddd7e2625ae9fdd94c0372a65049520bc7d9df9efc7f71",
);

/// What GitLab's jobs run in that need programs of Debian's.
pub(crate) const DEBIAN: &str = "docker.io/library/debian:trixie-slim@sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132";
pub(crate) const PYTHON_IMAGE: &str = "docker.io/library/python:3.13-slim-bookworm@sha256:ed86c82274b3c69b52fb5820f358f0bd7df0b603332063cb5c6e32bd220c3e6e";
pub(crate) const NODE_IMAGE: &str = "docker.io/library/node:24-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6";
/// The fork that is maintained; Google's own was archived in 2025.
/// <https://github.com/osscontainertools/kaniko/releases/tag/v1.28.5>
pub(crate) const KANIKO: &str = "ghcr.io/osscontainertools/kaniko:v1.28.5-debug@sha256:d6d74217dc077acfd3094992e917c357080a2d3fdd1042a49e34e29a7e57c572";
