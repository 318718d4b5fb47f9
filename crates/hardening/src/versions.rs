//! Whether the cluster's version of Kubernetes is one that what the controls install is supported on. A version that the stack pins
//! itself is not judged.

use crate::inside::Inside;
use crate::pins;
use std::collections::BTreeSet;

/// Refuses a version that a chart is not supported on.
pub(crate) fn check(inside: &mut Inside<'_>) {
    let version = inside.site.kubernetes.clone();
    let minor = version
        .strip_prefix("1.")
        .and_then(|m| m.parse::<u32>().ok());
    let Some(minor) = minor else { return };
    let cluster = inside.site.reference.clone();
    let releases = inside
        .nodes
        .iter()
        .filter(|n| n.type_name == "helm_release");
    let installed: BTreeSet<&str> = releases.filter_map(|n| n.body["chart"].as_str()).collect();
    let charts: Vec<pins::Chart> = pins::charts()
        .filter(|c| installed.contains(c.chart))
        .collect();
    for chart in charts {
        let Some(minors) = pins::supported(chart.name) else {
            continue;
        };
        let pinned = inside.chart(chart.name).version;
        if pinned != chart.version || minors.contains(&minor) {
            continue;
        }
        let (first, last) = (minors.start(), minors.end());
        let nearest = if minor < *first { first } else { last };
        let name = chart.name;
        inside.draft.refuse(
            "cluster",
            format!(
                "{name} {pinned} is supported on Kubernetes 1.{first} to 1.{last}, and {cluster} is to have {version}"
            ),
            format!(
                "write `kubernetes = \"1.{nearest}\"` in [{cluster}], or pin another version of the chart: [hardening.{}.charts.{name}] with `version = \"…\"`",
                inside.draft.instance.name
            ),
        );
    }
}
