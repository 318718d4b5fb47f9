//! Which nodes are committed, and which stay resources of their own.

use super::{Delivery, Ordered};
use crate::controls::policy::SCAN;
use crate::node::{Node, Where};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The label of keys that sealed secrets are opened with.
const KEYS: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// The shares.
pub(super) struct Share {
    /// Addresses of what is committed.
    pub(super) committed: BTreeSet<String>,
    /// Addresses of what waits for something that is committed, and is not committed itself.
    pub(super) late: BTreeSet<String>,
}

/// Divides nodes. With a certificate Secrets can be sealed.
pub(super) fn of(nodes: &[Ordered], delivery: &Delivery, sealable: bool) -> Share {
    let by_address: BTreeMap<String, &Ordered> =
        nodes.iter().map(|o| (o.node.address(), o)).collect();
    let mut direct: BTreeSet<String> = nodes
        .iter()
        .filter(|o| stays(&o.node, delivery, sealable))
        .map(|o| o.node.address())
        .collect();
    direct.extend(delivery.bootstrap.iter().cloned());
    // What the bootstrap needs is bootstrap too.
    let mut open: Vec<String> = direct.iter().cloned().collect();
    while let Some(address) = open.pop() {
        let Some(ordered) = by_address.get(&address) else {
            continue;
        };
        for earlier in &ordered.after {
            let node = by_address.get(earlier).map(|o| &o.node);
            if node.is_some_and(|n| n.place == Where::Cluster) && direct.insert(earlier.clone()) {
                open.push(earlier.clone());
            }
        }
    }
    let inside = |o: &&Ordered| {
        o.node.place == Where::Cluster
            && o.node.type_name != SCAN
            && !direct.contains(&o.node.address())
    };
    let mut committed: BTreeSet<String> = nodes
        .iter()
        .filter(inside)
        .map(|o| o.node.address())
        .collect();
    // What is made outside of the cluster after something inside, a scan of what is there, and all that is only then.
    let mut late: BTreeSet<String> = BTreeSet::new();
    let mut behind: BTreeSet<String> = BTreeSet::new();
    loop {
        let (before, behind_before) = (late.len(), behind.len());
        for ordered in nodes {
            let address = ordered.node.address();
            let needs = |set: &BTreeSet<String>| {
                ordered.after.iter().any(|a| set.contains(a)) || mentions(&ordered.node.body, set)
            };
            if committed.contains(&address) {
                if needs(&late) || needs(&behind) {
                    behind.insert(address);
                }
            } else if !direct.contains(&address) && (needs(&committed) || needs(&late)) {
                late.insert(address);
            }
        }
        if (before, behind_before) == (late.len(), behind.len()) {
            break;
        }
    }
    // Those would hold up all others until what is outside is there, which waits for them: they come after it, by themselves.
    committed.retain(|a| !behind.contains(a));
    late.extend(behind);
    Share { committed, late }
}

/// What is never committed.
fn stays(node: &Node, delivery: &Delivery, sealable: bool) -> bool {
    match node.type_name {
        "kubernetes_secret" => {
            let labels = &node.body["metadata"]["labels"];
            let engine = node.namespace() == Some(delivery.namespace);
            !sealable || engine || labels[KEYS].is_string()
        }
        // A chart's are rendered by `helm`, which no engine does with its definitions alone.
        "kubernetes_crds" => !node.body["urls"].is_array(),
        "helm_release" => !node.body["values_sensitive"].is_null(),
        "kubernetes_namespace" | "kubernetes_manifest" | SCAN => false,
        _ => node.place == Where::Cluster,
    }
}

/// Whether a text of a body names a resource of a set.
fn mentions(body: &Json, set: &BTreeSet<String>) -> bool {
    match body {
        Json::String(text) => {
            text.contains("${")
                && set.iter().any(|address| {
                    let ends = |rest: &str| {
                        !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                    };
                    text.match_indices(address.as_str())
                        .any(|(at, found)| ends(&text[at + found.len()..]))
                })
        }
        Json::Array(items) => items.iter().any(|i| mentions(i, set)),
        Json::Object(fields) => fields.values().any(|f| mentions(f, set)),
        _ => false,
    }
}
