//! A state as text: its resources as they are, and its outputs.

use super::diff::Compare;
use super::literal::{SENSITIVE, key};
use super::paint::Paint;
use super::plan::header;
use super::print::Printer;
use super::stored::stored_value;
use super::tree::Node;
use infra_model::address::Address;
use infra_model::path::Path;
use infra_model::schema::{Schema, Schemas};
use infra_model::value::Value;
use infra_state::{ResourceState, State};
use std::sync::Arc;

/// The schema of an instance's type.
pub(crate) fn schema_of<'s>(
    schemas: &'s dyn Schemas,
    address: &Address,
) -> Option<&'s Arc<Schema>> {
    schemas.of_mode(address.block.mode, &address.block.type_name)
}

/// One resource, with a comment that names it.
pub(crate) fn resource_text(
    address: &Address,
    resource: &ResourceState,
    schemas: &dyn Schemas,
    paint: Paint,
) -> String {
    let mut printer = Printer::new(paint);
    one(&mut printer, address, resource, schemas, paint);
    printer.finish()
}

/// The whole state.
pub(crate) fn state_text(state: &State, schemas: &dyn Schemas, paint: Paint) -> String {
    let mut printer = Printer::new(paint);
    if state.resources.is_empty() && state.outputs.is_empty() {
        printer.line("The state is empty: nothing is managed.");
    }
    let mut resources: Vec<_> = state.resources.iter().collect();
    resources.sort_by_key(|(address, _)| *address);
    for (i, (address, resource)) in resources.into_iter().enumerate() {
        if i > 0 {
            printer.line("");
        }
        one(&mut printer, address, resource, schemas, paint);
    }
    if !state.outputs.is_empty() {
        printer.line("");
        let title = paint.bold("Outputs:");
        printer.line(&title);
        printer.line("");
        let text = outputs_text(state, paint);
        printer.line(text.trim_end_matches('\n'));
    }
    printer.finish()
}

fn one(
    printer: &mut Printer,
    address: &Address,
    resource: &ResourceState,
    schemas: &dyn Schemas,
    paint: Paint,
) {
    let mut notes = Vec::new();
    if resource.tainted {
        notes.push("tainted");
    }
    if !resource.has_current() {
        notes.push("only objects left over from a replacement");
    }
    let note = if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    };
    let title = paint.bold(format!("# {address}:{note}"));
    printer.line(&title);
    if resource.has_current() {
        let schema = schema_of(schemas, address);
        let value = stored_value(resource, schema.map(|s| &**s));
        let whole = Compare {
            replace: &[],
            show_all: true,
        };
        let inside = whole.inside(
            schema.map(|s| &s.block),
            Some(&value),
            Some(&value),
            &Path::default(),
        );
        printer.block(0, "", &header(address), &inside, "");
    }
    for (key, object) in &resource.deposed {
        printer.line(&format!("# deposed object {key}: {}", object.id));
    }
}

/// `name = value` for every output, by name.
pub(crate) fn outputs_text(state: &State, paint: Paint) -> String {
    let mut printer = Printer::new(paint);
    let mut rows: Vec<(String, Node)> = state
        .outputs
        .iter()
        .filter_map(|(name, output)| {
            let value = if output.sensitive || output.is_sealed() {
                // A stand-in: the value itself must not come near the printer.
                Value::from(SENSITIVE).sensitive()
            } else {
                output.value.clone()
            };
            Some((key(name), value_node(&value)?))
        })
        .collect();
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    printer.named(0, rows.iter().map(|(k, n)| (k.as_str(), n)));
    printer.finish()
}

/// One value over as many lines as it needs.
pub(crate) fn value_text(value: &Value, paint: Paint) -> String {
    let Some(node) = value_node(value) else {
        return "null\n".to_owned();
    };
    let mut printer = Printer::new(paint);
    printer.bare(&node);
    printer.finish()
}

fn value_node(value: &Value) -> Option<Node> {
    let whole = Compare {
        replace: &[],
        show_all: true,
    };
    whole.value(Some(value), Some(value), &Path::default())
}
