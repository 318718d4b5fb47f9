//! The row about policies: that there are some, and that what breaks them is refused.

use super::rows::Finding;
use super::{Row, Seen, name};
use serde_json::{Value as Json, json};

pub(super) fn row(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "5. DevSecOps",
        "Policy as Code (Governance)",
        "[hardening.main.policy]\nregistries = [\"ghcr.io/acme/\"]",
    );
    let kyverno = seen.has("ValidatingPolicy");
    let gatekeeper = seen.has("ConstraintTemplate");
    row.must(
        kyverno || gatekeeper,
        "there are policies",
        "there are no policies: neither Kyverno's nor Gatekeeper's",
    );
    row.none(
        only_reported(seen).into_iter(),
        "policies are enforced",
        "only reported, not enforced:",
    );
    let kinds = seen.all("ConstraintTemplate").iter();
    let unused = kinds
        .filter_map(|t| constraint_kind(t))
        .filter(|kind| !seen.has(kind));
    row.none(
        unused,
        "every template of Gatekeeper's has a constraint",
        "no constraint asks for:",
    );
    row.everywhere(seen, "an enforced Pod Security Standard", |place| {
        let all = seen.all("Namespace").iter();
        all.filter(|n| name(n) == place).any(|n| {
            let level = &n["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
            *level == "restricted" || *level == "baseline"
        })
    });
    row.0
}

/// The kind of the constraints that a template of Gatekeeper's defines.
pub(super) fn constraint_kind(template: &Json) -> Option<&str> {
    template.pointer("/spec/crd/spec/names/kind")?.as_str()
}

/// The names of policies that let through what breaks them in the user's namespaces. One beside another that refuses the same there
/// only looks at what is there already.
fn only_reported(seen: &Seen<'_>) -> Vec<String> {
    let kyverno = seen.all("ValidatingPolicy").iter().map(|policy| {
        let spec = &policy["spec"];
        let actions = spec["validationActions"].as_array();
        let denies = actions.is_none_or(|a| a.is_empty() || a.iter().any(|a| a == "Deny"));
        let same = json!([
            spec["validations"],
            spec["matchConstraints"]["namespaceSelector"]
        ]);
        (name(policy).to_owned(), denies, same)
    });
    let kinds = seen
        .all("ConstraintTemplate")
        .iter()
        .filter_map(|t| constraint_kind(t));
    let gatekeeper = kinds.flat_map(|kind| seen.all(kind)).map(|constraint| {
        let spec = &constraint["spec"];
        let scoped = spec["scopedEnforcementActions"]
            .as_array()
            .into_iter()
            .flatten();
        let denies = match spec["enforcementAction"].as_str() {
            Some("scoped") => scoped.into_iter().any(|s| s["action"] == "deny"),
            action => action.is_none_or(|a| a == "deny"),
        };
        let kind = constraint["kind"].as_str().unwrap_or_default();
        let same = json!([kind, spec["match"]["namespaceSelector"]]);
        (format!("{kind}/{}", name(constraint)), denies, same)
    });
    let all: Vec<(String, bool, Json)> = kyverno.chain(gatekeeper).collect();
    let refused: Vec<&Json> = all.iter().filter(|p| p.1).map(|p| &p.2).collect();
    let only = all
        .iter()
        .filter(|p| !p.1 && !refused.contains(&&p.2) && concerns_apps(seen, &p.2[1]));
    only.map(|p| p.0.clone()).collect()
}

/// Whether a selector of namespaces may select one of the user's: it does unless it names others.
fn concerns_apps(seen: &Seen<'_>, selector: &Json) -> bool {
    let all = selector["matchExpressions"].as_array();
    !all.into_iter().flatten().any(|e| {
        let named = e["values"].as_array().into_iter().flatten();
        e["key"] == "kubernetes.io/metadata.name"
            && e["operator"] == "In"
            && !named.into_iter().any(|n| seen.apps().any(|app| *n == *app))
    })
}
