//! Whether the cluster's version of Kubernetes is one that what the controls install is supported on. A version that nobody says
//! anything about is not judged. What is installed already, and what the cluster has now, is known while planning only: the releases
//! carry the minors with them, and the provider of Kubernetes holds both against the plan.

use crate::charts::Chart;
use crate::inside::Inside;
use crate::pins;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The minors that a chart as it is pinned is supported on, as a release says them: `1.33 - 1.36`.
pub(crate) fn said(chart: &Chart) -> Option<String> {
    let minors = pins::supported(chart.name, &chart.version)?;
    Some(format!("1.{} - 1.{}", minors.start(), minors.end()))
}

/// Refuses a version that a chart is not supported on.
pub(crate) fn check(inside: &mut Inside<'_>) {
    let version = inside.site.kubernetes.clone();
    let minor = version
        .strip_prefix("1.")
        .and_then(|m| m.parse::<u32>().ok());
    let Some(minor) = minor else { return };
    let releases = inside
        .nodes
        .iter()
        .filter(|n| n.type_name == "helm_release");
    let installed: BTreeSet<&str> = releases.filter_map(|n| n.body["chart"].as_str()).collect();
    let charts: Vec<pins::Chart> = pins::charts()
        .filter(|c| installed.contains(c.chart))
        .collect();
    for chart in charts {
        let pinned = inside.chart(chart.name);
        if let Some(minors) = pins::supported(chart.name, &pinned.version)
            && !minors.contains(&minor)
        {
            refuse(inside, &pinned, minors, minor);
        }
    }
}

fn refuse(inside: &mut Inside<'_>, chart: &Chart, minors: &RangeInclusive<u32>, minor: u32) {
    let (first, last) = (minors.start(), minors.end());
    let nearest = if minor < *first { first } else { last };
    let (name, version) = (chart.name, &chart.version);
    let cluster = inside.site.reference.clone();
    let others: Vec<String> = pins::lines(name)
        .filter(|(_, minors)| minors.contains(&minor))
        .map(|(line, minors)| {
            let (first, last) = (minors.start(), minors.end());
            format!("{line} is supported on 1.{first} to 1.{last}")
        })
        .collect();
    let known = match &others[..] {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    inside.draft.refuse(
        "cluster",
        format!(
            "{name} {version} is supported on Kubernetes 1.{first} to 1.{last}, and {cluster} is to have 1.{minor}"
        ),
        format!(
            "write `kubernetes = \"1.{nearest}\"` in [{cluster}], or pin another version of the chart: [hardening.{}.charts.{name}] with `version = \"…\"`{known}",
            inside.draft.instance.name
        ),
    );
}
