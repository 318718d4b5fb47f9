//! Configurations of instances: the places of their attributes, `ignore_changes`, conditions, and what refuses them.

use crate::scope::{Frame, Touched, World};
use infra_model::address::Address;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::expr::Expr;
use infra_model::path::{Path, Step as PathStep};
use infra_model::program::{Condition, IgnoreChanges, ResourceBlock};
use infra_model::provider_error::ProviderError;
use infra_model::schema::{ConfigError, Schema};
use infra_model::value::{Marks, Str, Value};
use std::sync::Arc;

/// Problems of a configuration as diagnostics at the places of the attributes.
pub(crate) fn config_errors(
    errors: Vec<ConfigError>,
    config: &Expr,
    about: impl ToString,
) -> Diagnostics {
    let about = about.to_string();
    errors
        .into_iter()
        .map(|e| {
            let message = if e.path.0.is_empty() {
                e.message
            } else {
                format!("`{}`: {}", e.path, e.message)
            };
            Diagnostic::error(message)
                .at(span_of(config, &e.path), "")
                .about(&about)
        })
        .collect()
}

/// Where an attribute is written; the whole configuration when it is not.
pub(crate) fn span_of(config: &Expr, path: &Path) -> Span {
    let mut at = config;
    for step in &path.0 {
        let next = match step {
            PathStep::Attribute(name) | PathStep::Key { key: name } => at.attribute(name),
            PathStep::Index(i) => match &*at.kind {
                infra_model::expr::ExprKind::Tuple(items) => items.get(*i),
                _ => None,
            },
        };
        match next {
            Some(next) => at = next,
            // A table written once stands for a list of one.
            None if matches!(step, PathStep::Index(0)) => {}
            None => break,
        }
    }
    at.span
}

/// The configuration with `ignore_changes` applied: ignored attributes keep what is there.
pub(crate) fn ignore(
    config: Value,
    prior: Option<&Value>,
    ignored: &IgnoreChanges,
    schema: &Schema,
) -> Value {
    let Some(prior) = prior else { return config };
    let settable = |name: &str| {
        schema
            .block
            .attributes
            .get(name)
            .is_none_or(|a| a.required || a.optional)
    };
    let keep = |config: Value, path: &Path| -> Value {
        let (Some(root), Some(old)) = (
            path.root(),
            path.0
                .first()
                .and_then(|_| prior.get(path.root().unwrap_or_default())),
        ) else {
            return config;
        };
        let merged = match (path.0.get(1), config.get(root)) {
            (
                Some(PathStep::Attribute(key) | PathStep::Key { key }),
                Some(Value::Map(t, entries)),
            ) => {
                let mut entries = (**entries).clone();
                match old.get(key) {
                    Some(old) => entries.insert(key.clone(), old.clone()),
                    None => entries.remove(key),
                };
                Value::Map(t.clone(), Arc::new(entries))
            }
            _ => old.clone(),
        };
        config.with_attribute(root, merged)
    };
    match ignored {
        IgnoreChanges::None => config,
        IgnoreChanges::Paths(paths) => paths.iter().fold(config, keep),
        IgnoreChanges::All => {
            let names: Vec<Str> = config
                .entries()
                .map(|e| e.keys().cloned().collect())
                .unwrap_or_default();
            names
                .iter()
                .filter(|n| settable(n))
                .fold(config, |c, n| keep(c, &Path::attribute(n.clone())))
        }
    }
}

pub(super) fn unknown_where_null(schema: &Schema, config: &Value) -> Value {
    let Some(entries) = config.entries() else {
        return Value::Unknown(schema.implied_type().clone());
    };
    Value::object(entries.iter().map(|(name, value)| {
        let computed = schema
            .block
            .attributes
            .get(name)
            .is_some_and(|a| a.computed)
            || schema.block.blocks.get(name).is_some_and(|b| b.computed);
        (
            name.clone(),
            if computed && value.is_null() {
                Value::Unknown(value.ty())
            } else {
                value.clone()
            },
        )
    }))
}

/// Checks conditions; an unknown one is left for apply.
pub(crate) fn conditions(
    world: &World<'_>,
    conditions: &[Condition],
    frame: &Frame,
    address: &Address,
    what: &str,
    mut touched: Option<&mut Touched>,
) -> Result<(), Diagnostics> {
    let mut failed = Diagnostics::new();
    for condition in conditions {
        let (value, seen) = world
            .evaluate(&condition.condition, frame)
            .map_err(|e| about(e, address))?;
        if let Some(touched) = touched.as_deref_mut() {
            touched.extend(seen);
        }
        if value.as_bool() == Some(false) {
            let (message, _) = world
                .evaluate(&condition.message, frame)
                .map_err(|e| about(e, address))?;
            let text = shown(&message);
            failed.push(
                Diagnostic::error(format!("{what} failed: {text}"))
                    .at(condition.condition.span, "")
                    .about(address),
            );
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed)
    }
}

/// The message of a condition, as far as it may be shown.
pub(super) fn shown(message: &Value) -> &str {
    if message.deep_marks() == Marks::NONE {
        message.as_str().unwrap_or_default()
    } else {
        "(sensitive message)"
    }
}

pub(super) fn prevent_destroy(
    world: &World<'_>,
    block: &ResourceBlock,
    address: &Address,
    frame: &Frame,
) -> Result<(), Diagnostics> {
    let Some(expr) = &block.lifecycle.prevent_destroy else {
        return Ok(());
    };
    let (value, _) = world.evaluate(expr, frame)?;
    if value.as_bool() == Some(true) {
        Err(vec![refused(block, address)])
    } else {
        Ok(())
    }
}

pub(super) fn refused(block: &ResourceBlock, address: &Address) -> Diagnostic {
    Diagnostic::error(format!(
        "{address} has prevent_destroy, and this plan would destroy it"
    ))
    .at(
        block
            .lifecycle
            .prevent_destroy
            .as_ref()
            .map_or(block.span, |e| e.span),
        "set here",
    )
    .help("take prevent_destroy away first, or change the plan with -target")
    .about(address)
}

pub(super) fn about(diagnostics: Diagnostics, address: &Address) -> Diagnostics {
    diagnostics
        .into_iter()
        .map(|d| {
            if d.address.is_some() {
                d
            } else {
                d.about(address)
            }
        })
        .collect()
}

pub(super) fn at_attribute(
    error: ProviderError,
    block: &ResourceBlock,
    address: &Address,
) -> Diagnostic {
    let path = error.attribute.clone().unwrap_or_default();
    let message = if path.0.is_empty() {
        error.to_string()
    } else {
        format!("`{path}`: {error}")
    };
    Diagnostic::error(message)
        .at(span_of(&block.config, &path), "")
        .about(address)
}
