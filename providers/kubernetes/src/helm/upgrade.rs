//! What makes a change of a release an upgrade. Everything else is noted in the state, and `helm` is not asked for it.

use super::release::ReleaseRecord;
use infra_model::planning::mark_unknown;
use infra_model::{PlanRequest, Planned, Record, Type, Value};

/// What decides about what is installed.
const INPUTS: [&str; 11] = [
    "chart",
    "repository",
    "version",
    "digest",
    "values",
    "values_sensitive",
    "skip_crds",
    "disable_webhooks",
    "description",
    "provides",
    "dependency_update",
];

/// For whom it is rendered while there is no cluster to ask. A release that is there was rendered for the cluster's own version, so
/// that a cluster that is raised changes none.
const RENDERED_FOR: [&str; 2] = ["kube_version", "api_versions"];

/// Whether the program is to be run: something else is wanted, or it is not as it was left.
pub(super) fn is_due(prior: &Value, wanted: &Value) -> bool {
    let drifted = prior.get("drift").and_then(Value::elements);
    let sound = prior.get("status").and_then(Value::as_str) == Some("deployed");
    differs(prior, wanted, &INPUTS) || drifted.is_some_and(|d| !d.is_empty()) || !sound
}

fn differs(prior: &Value, wanted: &Value, names: &[&str]) -> bool {
    let of = |value: &Value, name: &str| value.get(name).map(Value::unmark_deep);
    names.iter().any(|name| of(prior, name) != of(wanted, name))
}

/// What is known of a release before it is installed or upgraded.
pub(super) fn plan(request: &PlanRequest<'_>, planned: &mut Planned) {
    let undrifted = Value::list(Type::String, Vec::new());
    let Some(prior) = request.prior else {
        set(planned, "drift", undrifted);
        return;
    };
    if !is_due(prior, &planned.value) {
        for name in RENDERED_FOR {
            let was = prior.get(name).cloned().unwrap_or(Value::NULL);
            set(planned, name, was);
        }
        return;
    }
    let (asked, other_chart) = (
        differs(prior, &planned.value, &INPUTS),
        differs(prior, &planned.value, &["chart", "repository"]),
    );
    set(planned, "drift", undrifted);
    let block = ReleaseRecord::block();
    mark_unknown(planned, &block, &["revision", "status", "app_version"]);
    if asked {
        mark_unknown(planned, &block, &["objects", "manifest_digest"]);
    }
    if other_chart && request.config.get("version").is_none_or(Value::is_null) {
        mark_unknown(planned, &block, &["version"]);
    }
}

fn set(planned: &mut Planned, name: &str, value: Value) {
    let whole = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = whole.with_attribute(name, value);
}
