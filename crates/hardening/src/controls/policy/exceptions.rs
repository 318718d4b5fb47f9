//! Workloads of the platform that need what the rules forbid, each by name with its reason. The tests judge the platform's
//! charts by the rules: what is not here passes.

use super::Tier;
use std::collections::BTreeMap;

/// An exception for one workload.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    /// Its name.
    pub(super) name: String,
    /// The policies that it is from.
    pub(super) tier: Tier,
    /// The rules that it is from.
    pub(super) rules: Vec<String>,
    /// The workload's namespace.
    pub(super) namespace: String,
    /// The labels of its pods.
    pub(super) labels: BTreeMap<String, String>,
    /// Why.
    pub(super) reason: String,
}

/// A row of the platform's: name, namespace, a label, rules, reason.
type Row = (
    &'static str,
    &'static str,
    (&'static str, &'static str),
    &'static [&'static str],
    &'static str,
);

const PLATFORM: &[Row] = &[
    (
        "node-exporter",
        "monitoring",
        ("app.kubernetes.io/name", "prometheus-node-exporter"),
        &["no-host-access"],
        "measures the node: its network, processes and file systems, read-only",
    ),
    (
        "filebeat",
        "logging",
        ("beat.k8s.elastic.co/name", "logs"),
        &["no-root", "no-host-access"],
        "reads the container logs of the node, which belong to root",
    ),
];

/// Those for the namespaces that the platform has.
pub(super) fn platform<'a>(
    has: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Exception> + 'a {
    PLATFORM
        .iter()
        .filter(move |(_, namespace, ..)| has(namespace))
        .map(
            |&(name, namespace, (key, value), rules, reason)| Exception {
                name: format!("platform-{name}"),
                tier: Tier::Platform,
                rules: rules.iter().map(|r| (*r).to_owned()).collect(),
                namespace: namespace.to_owned(),
                labels: BTreeMap::from([(key.to_owned(), value.to_owned())]),
                reason: reason.to_owned(),
            },
        )
}
