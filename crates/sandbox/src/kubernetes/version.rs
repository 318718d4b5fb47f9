//! The versions that clusters run, as `/version` tells them.

use serde_json::{Value, json};

/// What the cluster with no cloud runs.
pub(super) const NEWEST: &str = "1.34.2";

/// What `/version` answers for a cluster of a version: `1.33` or `1.33.4`, with whatever its cloud adds.
pub(super) fn info(cloud: &str, version: &str) -> Value {
    let plain = version.trim_start_matches('v');
    let numbers = plain.split(['-', '+']).next().unwrap_or_default();
    let mut parts = numbers.split('.');
    let major = parts.next().unwrap_or("1");
    let minor = parts.next().unwrap_or("34");
    let patch = parts.next().unwrap_or("2");
    let git = match (cloud, plain.split_once('-')) {
        ("aws", _) => format!("v{major}.{minor}.{patch}-eks-0000000"),
        (_, Some((_, rest))) => format!("v{major}.{minor}.{patch}-{rest}"),
        _ => format!("v{major}.{minor}.{patch}"),
    };
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": git,
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.26.0",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

/// The version of the nodes' kubelet.
pub(super) fn git(cloud: &str, version: &str) -> String {
    info(cloud, version)["gitVersion"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
