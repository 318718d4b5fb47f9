//! Conditions in Terraform's documented JSON, which plans and states share.

use infra_model::address::Mode;
use infra_model::checked::{Checkable, Checked, CheckedInstance};
use serde_json::{Value as Json, json};

/// How conditions stand, in Terraform's order: by kind and address.
pub(super) fn json(checked: &[Checked]) -> Json {
    let kind = |object: &Checkable| match object {
        Checkable::Check(_) => "check",
        Checkable::Output(_) => "output_value",
        Checkable::Resource(_) => "resource",
    };
    let mut all: Vec<&Checked> = checked.iter().collect();
    all.sort_by_key(|c| (kind(&c.object), &c.address));
    all.into_iter()
        .map(|checked| {
            let mut address = json!({
                "kind": kind(&checked.object), "to_display": checked.address,
            });
            match &checked.object {
                Checkable::Check(name) | Checkable::Output(name) => {
                    address["name"] = json!(name);
                }
                Checkable::Resource(block) => {
                    let data = block.mode == Mode::Data;
                    address["mode"] = if data { "data" } else { "managed" }.into();
                    address["type"] = json!(block.type_name);
                    address["name"] = json!(block.name);
                }
            }
            in_module(&mut address, &checked.module);
            let mut entry = json!({ "address": address, "status": checked.status() });
            if !checked.instances.is_empty() {
                entry["instances"] = checked.instances.iter().map(checked_instance).collect();
            }
            entry
        })
        .collect()
}

fn checked_instance(instance: &CheckedInstance) -> Json {
    let mut address = json!({ "to_display": instance.address });
    in_module(&mut address, &instance.module);
    if let Some(key) = &instance.key {
        address["instance_key"] = key.clone();
    }
    let mut entry = json!({ "address": address, "status": instance.status });
    if !instance.problems.is_empty() {
        let problems = instance.problems.iter();
        entry["problems"] = problems
            .map(|message| json!({ "message": message }))
            .collect();
    }
    entry
}

fn in_module(address: &mut Json, module: &str) {
    if !module.is_empty() {
        address["module"] = module.into();
    }
}
