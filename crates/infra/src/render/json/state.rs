//! A state in Terraform's documented JSON.

use super::checks;
use super::tree::{self, Modules, Resource, STATE_FORMAT, TERRAFORM_VERSION};
use crate::render::state::schema_of;
use crate::render::stored::stored_value;
use infra_model::schema::Schemas;
use infra_state::{OutputState, ResourceState, State};
use serde_json::{Map, Value as Json, json};

/// The document.
pub(crate) fn state_json(state: &State, schemas: &dyn Schemas) -> Json {
    let mut modules = Modules::default();
    let mut resources: Vec<_> = state.resources.iter().collect();
    resources.sort_by_key(|(address, _)| *address);
    for (address, resource) in resources {
        let schema = schema_of(schemas, address).map(|s| &**s);
        let needs: Vec<String> = resource
            .dependencies
            .iter()
            .map(ToString::to_string)
            .collect();
        let common = |tainted: bool| {
            let mut more = Map::new();
            if !needs.is_empty() {
                more.insert("depends_on".into(), json!(needs));
            }
            if tainted {
                more.insert("tainted".into(), true.into());
            }
            more
        };
        if resource.has_current() {
            modules.add(Resource {
                address,
                schema_version: resource.schema_version,
                value: &stored_value(resource, schema),
                more: common(resource.tainted),
            });
        }
        for (key, deposed) in &resource.deposed {
            let deposed = ResourceState::from(deposed.clone());
            let mut more = common(deposed.tainted);
            more.insert("deposed_key".into(), key.to_string().into());
            modules.add(Resource {
                address,
                schema_version: deposed.schema_version,
                value: &stored_value(&deposed, schema),
                more,
            });
        }
    }
    let mut document = json!({
        "format_version": STATE_FORMAT,
        "terraform_version": TERRAFORM_VERSION,
        "infra_version": env!("CARGO_PKG_VERSION"),
    });
    // An empty state has no values at all.
    if !state.resources.is_empty() || !state.outputs.is_empty() {
        document["values"] = tree::state_values(outputs_json(state), modules.finish());
    }
    if !state.checked.is_empty() {
        document["checks"] = checks::json(&state.checked);
    }
    document
}

/// Every output with its type; sensitive values are null.
pub(crate) fn outputs_json(state: &State) -> Json {
    tree::by_name(state.outputs.iter().map(|(n, o)| (n, output_json(o))))
}

fn output_json(output: &OutputState) -> Json {
    tree::output(&output.value, output.sensitive || output.is_sealed())
}
