//! A declared service whose labels no pod has is a mistake in the labels, or something that is not there yet: its flows are allowed to
//! nobody. That is looked at when all is planned or applied, and only warned of.

use crate::app::App;
use crate::inside::Inside;
use crate::order::namespace_address;
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

/// What the check is called, and the data source that counts for it.
const NAME: &str = "services";
const TYPE: &str = "kubernetes_pods";

/// Writes the check.
pub(super) fn check(inside: &mut Inside<'_>) {
    let mut selects = Vec::new();
    let mut assertions = Vec::new();
    for app in &inside.apps {
        for running in inside.services(&app.name) {
            let name = format!("{}.{}", app.name, running.name);
            let labels: Vec<String> = running
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let key = Json::String(escape(&name));
            assertions.push([
                format!("${{data.{TYPE}.{NAME}.counts[{key}] > 0}}"),
                escape(&format!(
                    "the service `{name}` selects no pod in the namespace {}: either none runs, or they have other labels than {}",
                    app.namespace(),
                    labels.join(", "),
                )),
            ]);
            let labels = running.labels.iter();
            let labels = labels.map(|(key, value)| (key.clone(), json!(escape(value))));
            selects.push(json!({
                "name": escape(&name),
                "namespace": app.namespace(),
                "labels": labels.collect::<serde_json::Map<_, _>>(),
            }));
        }
    }
    if selects.is_empty() {
        return;
    }
    // What brings an app's pods may come after its namespace in the same run: a plan that makes one does not look yet.
    let mut after = vec![inside.site.reference.clone()];
    if !inside.commits {
        let apps = inside.apps.iter().map(App::namespace);
        let made = apps.filter(|name| inside.namespaces.contains_key(*name));
        after.extend(made.map(namespace_address));
    }
    let data = json!({ "select": selects, "depends_on": after });
    let provider = inside.site.provider.clone();
    inside
        .draft
        .check(NAME, assertions, &provider, (TYPE, data));
}
