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

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::implied;
    use infra_model::schema::Traits;
    use infra_model::{Schema, planning};
    use serde_json::{Value as Json, json};

    fn planned(prior: Option<&Value>, said: &Json) -> Value {
        let (doc, block) = (ReleaseRecord::doc(), ReleaseRecord::block());
        let schema = Schema::new("helm_release", 0, doc, block, Traits::default());
        let config = schema.block.coerce(&implied(said)).expect("fits");
        let request = PlanRequest {
            type_name: "helm_release",
            prior,
            config: &config,
            private: None,
            provider: None,
        };
        let mut planned = planning::by_schema(&schema, &request);
        plan(&request, &mut planned);
        planned.value
    }

    fn release(more: &Json) -> Json {
        let mut all =
            json!({ "name": "a", "chart": "a", "version": "1.0.0", "kube_version": "1.33" });
        all.as_object_mut()
            .expect("a table")
            .extend(more.as_object().expect("a table").clone());
        all
    }

    #[test]
    fn only_what_decides_about_objects_is_an_upgrade() {
        let mut installed = planned(None, &release(&json!({})));
        for (name, value) in [
            ("id", json!("default/a")),
            ("revision", json!(1)),
            ("status", json!("deployed")),
            ("app_version", json!("1")),
            ("manifest_digest", json!("sha256:1")),
        ] {
            installed = installed.with_attribute(name, implied(&value));
        }
        installed = installed.with_attribute(
            "objects",
            Value::map(Type::String, std::iter::empty::<(String, Value)>()),
        );
        let becomes = |more: Json| planned(Some(&installed), &release(&more));
        // A cluster that is raised changes no release.
        assert_eq!(becomes(json!({ "kube_version": "1.34" })), installed);
        // What is only noted is noted, and the revision stays.
        let noted = becomes(json!({ "timeout": 900, "kube_versions": "1.33 - 1.36" }));
        assert!(noted != installed && noted.is_wholly_known(), "{noted:?}");
        assert!(!is_due(&installed, &noted));
        let raised = becomes(json!({ "version": "1.1.0", "kube_version": "1.34" }));
        assert!(is_due(&installed, &raised));
        assert!(raised.get("revision").is_some_and(Value::is_unknown));
        assert_eq!(
            raised.get("kube_version").and_then(Value::as_str),
            Some("1.34")
        );
        let drifted = installed.with_attribute(
            "drift",
            Value::list(
                Type::String,
                vec![Value::from("Deployment/default/a: spec.replicas")],
            ),
        );
        assert!(is_due(&drifted, &drifted));
    }
}
