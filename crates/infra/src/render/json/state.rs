//! A state in Terraform's documented JSON.

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
    json!({
        "format_version": STATE_FORMAT,
        "terraform_version": TERRAFORM_VERSION,
        "infra_version": env!("CARGO_PKG_VERSION"),
        "values": { "outputs": outputs_json(state), "root_module": modules.finish() },
    })
}

/// Every output with its type; sensitive values are null.
pub(crate) fn outputs_json(state: &State) -> Json {
    let outputs: Map<_, _> = state
        .outputs
        .iter()
        .map(|(name, output)| (name.to_string(), output_json(output)))
        .collect();
    Json::Object(outputs)
}

fn output_json(output: &OutputState) -> Json {
    tree::output(&output.value, output.sensitive || output.is_sealed())
}
