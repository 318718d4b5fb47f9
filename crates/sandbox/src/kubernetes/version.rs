//! The versions that clusters run, as `/version` tells them.

use serde_json::{Value, json};

/// What the cluster with no cloud runs.
pub(super) const NEWEST: &str = "1.34.2";

/// Major, minor and patch of a version: `1.33` or `1.33.4`, with whatever its cloud adds.
fn numbers(version: &str) -> [&str; 3] {
    let plain = version.trim_start_matches('v');
    let mut parts = plain
        .split(['-', '+'])
        .next()
        .unwrap_or_default()
        .split('.');
    ["1", "34", "2"].map(|usual| parts.next().unwrap_or(usual))
}

/// The version as its source is tagged, which is that of the nodes' kubelet too.
pub(super) fn git(cloud: &str, version: &str) -> String {
    let plain = numbers(version).join(".");
    match (cloud, version.split_once('-')) {
        ("aws", _) => format!("v{plain}-eks-0000000"),
        (_, Some((_, rest))) => format!("v{plain}-{rest}"),
        _ => format!("v{plain}"),
    }
}

/// What `/version` answers for a cluster of a version.
pub(super) fn info(cloud: &str, version: &str) -> Value {
    let [major, minor, _] = numbers(version);
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": git(cloud, version),
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.26.0",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}
