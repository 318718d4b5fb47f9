//! Ephemeral values must not reach what is stored: attributes that are not write-only, outputs, keys of instances.

use crate::codes::Code;
use crate::locate::locate;
use crate::report::{Report, error};
use infra_model::Value;
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::expr::Expr;
use infra_model::path::{Path, Step};
use infra_model::schema::Block;

/// The help of every such error.
const WAYS: &str = "ephemeral values reach only provider configurations, write-only attributes and other ephemeral values; `ephemeralasnull()` leaves them out";

/// Reports every attribute of a configuration that would store something ephemeral.
pub(crate) fn stored(
    block: &Block,
    value: &Value,
    config: &Expr,
    type_name: &str,
    report: &Report,
) {
    if !value.deep_marks().ephemeral {
        return;
    }
    let mut found = Vec::new();
    if value.marks().ephemeral {
        found.push(Path::default());
    } else {
        attributes(block, value, &Path::default(), &mut found);
    }
    for path in found {
        let message = if path.0.is_empty() {
            format!("`{type_name}` would store an ephemeral value")
        } else {
            format!("`{path}` of `{type_name}` would store an ephemeral value")
        };
        report.push(refusal(message, locate(config, &path).value));
    }
}

/// The error for a value that would be stored.
pub(crate) fn refusal(message: String, span: Span) -> Diagnostic {
    error(
        Code::EphemeralStored,
        message,
        span,
        "this is given anew at every run, and never stored",
    )
    .help(WAYS)
}

fn attributes(block: &Block, value: &Value, at: &Path, found: &mut Vec<Path>) {
    let Some(entries) = value.entries() else {
        return;
    };
    for (name, inner) in entries {
        let path = at.join(Step::Attribute(name.clone()));
        if let Some(nested) = block.blocks.get(name) {
            match inner.elements() {
                Some(items) if !inner.marks().ephemeral => {
                    for (i, item) in items.iter().enumerate() {
                        attributes(&nested.block, item, &path.join(Step::Index(i)), found);
                    }
                }
                // One table is a list of one.
                None if !inner.marks().ephemeral => {
                    attributes(&nested.block, inner, &path, found);
                }
                _ => found.push(path),
            }
        } else if block.attributes.get(name).is_some_and(|a| !a.write_only) {
            innermost(inner, &path, found);
        }
    }
}

/// The innermost places that carry the mark.
fn innermost(value: &Value, at: &Path, found: &mut Vec<Path>) {
    if value.marks().ephemeral {
        found.push(at.clone());
        return;
    }
    if !value.deep_marks().ephemeral {
        return;
    }
    match value.bare() {
        Value::Object(entries) | Value::Map(_, entries) => {
            for (name, inner) in entries.iter() {
                innermost(inner, &at.join(Step::Attribute(name.clone())), found);
            }
        }
        Value::Set(..) => found.push(at.clone()),
        _ => {
            for (i, inner) in value.elements().unwrap_or_default().iter().enumerate() {
                innermost(inner, &at.join(Step::Index(i)), found);
            }
        }
    }
}
