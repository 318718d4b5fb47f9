//! Before the platform's rules are enforced, what runs there is looked at by the same rules, and nothing of it may break one: a node
//! that waits for what the engine says of it.

use super::Scope;
use crate::inside::Inside;
use crate::node::{Node, Where};
use crate::order::makes_pods;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// The type of the resource that waits.
pub(crate) const TYPE: &str = "kubernetes_policy_scan";
/// What it is called, and how names of the policies begin that only look.
pub(super) const NAME: &str = "scan";
/// The annotation of a policy with what tells its exceptions from others.
pub(super) const EXCEPTIONS: &str = "infra/exceptions";

/// A policy, once it is written.
pub(super) struct Judge {
    /// The rule that it is for.
    pub(super) rule: &'static str,
    /// The object.
    pub(super) policy: Json,
    /// Its node.
    pub(super) address: String,
}

/// The scan by these policies, with these exceptions from them that are objects, when all is there of which pods come; its address.
pub(super) fn node(
    scope: &Scope,
    excepted: Vec<String>,
    judges: Vec<Judge>,
    inside: &mut Inside<'_>,
) -> String {
    let here = |node: &&Node| {
        node.type_name == "helm_release"
            || makes_pods(node)
                && node
                    .namespace()
                    .is_some_and(|n| scope.namespaces.iter().any(|name| name == n))
    };
    let mut after: Vec<String> = inside
        .nodes
        .iter()
        .filter(here)
        .map(Node::address)
        .collect();
    let policies: Vec<Json> = judges
        .iter()
        .map(|judge| {
            json!({
                "api_version": judge.policy["apiVersion"],
                "kind": judge.policy["kind"],
                "name": judge.policy["metadata"]["name"],
                "rule": judge.rule,
            })
        })
        .collect();
    let all: String = judges.iter().map(|j| j.policy.to_string()).collect();
    after.extend(judges.into_iter().map(|judge| judge.address));
    let body = json!({
        "policy": policies,
        "namespaces": scope.namespaces,
        "excepted": excepted,
        "exceptions": format!("hardening.{}.policy.exceptions", inside.draft.instance.name),
        "changes": digest(&format!("{all}{}", scope.excepted)),
    });
    let mut node = Node::new(TYPE, NAME, Where::Cluster, body);
    node.after = after;
    inside.push(node)
}

/// What tells a text from others.
pub(super) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
