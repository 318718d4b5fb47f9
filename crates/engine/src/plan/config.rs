//! Configurations of instances: the places of their attributes, `ignore_changes`, conditions, and what refuses them.

use crate::codec;
use crate::scope::{Frame, Touched, World, shown};
use infra_model::address::Address;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::expr::Expr;
use infra_model::path::{Path, Step as PathStep};
use infra_model::program::{Condition, IgnoreChanges, Protected, ResourceBlock};
use infra_model::provider::{PlanRequest, Planned, Provider};
use infra_model::provider_error::ProviderError;
use infra_model::schema::{ConfigError, Schema};
use infra_model::value::Value;
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
            Diagnostic::error(Code::WrongType, message)
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
    match ignored {
        IgnoreChanges::None => config,
        IgnoreChanges::Paths(paths) => paths.iter().fold(config, |config, (path, _)| {
            keep(config, Some(prior), &path.0)
        }),
        IgnoreChanges::All => {
            let attributes = schema.block.attributes.iter();
            let settable = attributes
                .filter(|(_, a)| a.required || a.optional)
                .map(|(name, _)| name);
            settable
                .chain(schema.block.blocks.keys())
                .fold(config, |config, name| {
                    keep(config, Some(prior), &Path::attribute(name.clone()).0)
                })
        }
    }
}

/// A configuration with what the prior value has at a path. A place that neither has stays as it is; one that only the
/// configuration has goes, where that can be: in maps.
fn keep(config: Value, prior: Option<&Value>, path: &[PathStep]) -> Value {
    let Some((step, rest)) = path.split_first() else {
        return prior.cloned().unwrap_or(config);
    };
    let prior = prior.map(Value::bare);
    match (config, step) {
        (Value::Marked(marks, inner), _) => keep((*inner).clone(), prior, path).with_marks(marks),
        (Value::Object(mut entries), PathStep::Attribute(key) | PathStep::Key { key }) => {
            if let (Some(old), Some(own)) = (prior.and_then(|p| p.get(key)), entries.get(key)) {
                let kept = keep(own.clone(), Some(old), rest);
                Arc::make_mut(&mut entries).insert(key.clone(), kept);
            }
            Value::Object(entries)
        }
        (Value::Map(element, mut entries), PathStep::Attribute(key) | PathStep::Key { key }) => {
            let kept = match (prior.and_then(|p| p.get(key)), entries.get(key)) {
                (Some(old), Some(own)) => Some(keep(own.clone(), Some(old), rest)),
                (Some(old), None) if rest.is_empty() => Some(old.clone()),
                (None, Some(own)) if !rest.is_empty() => Some(own.clone()),
                _ => None,
            };
            let all = Arc::make_mut(&mut entries);
            match kept {
                Some(kept) => all.insert(key.clone(), kept),
                None => all.remove(key),
            };
            Value::Map(element, entries)
        }
        // A map that the file does not have at all keeps what is there at this key.
        (
            Value::Null(infra_model::Type::Map(element)),
            PathStep::Attribute(key) | PathStep::Key { key },
        ) if rest.is_empty() => match prior.and_then(|p| p.get(key)) {
            Some(old) => Value::map((*element).clone(), [(key.clone(), old.clone())]),
            None => Value::Null(infra_model::Type::Map(element)),
        },
        (Value::List(element, mut items), PathStep::Index(i)) => {
            let old = prior.and_then(Value::elements).and_then(|p| p.get(*i));
            if let (Some(old), Some(own)) = (old, items.get(*i).cloned()) {
                Arc::make_mut(&mut items)[*i] = keep(own, Some(old), rest);
            }
            Value::List(element, items)
        }
        (Value::Tuple(mut items), PathStep::Index(i)) => {
            let old = prior.and_then(Value::elements).and_then(|p| p.get(*i));
            if let (Some(old), Some(own)) = (old, items.get(*i).cloned()) {
                Arc::make_mut(&mut items)[*i] = keep(own, Some(old), rest);
            }
            Value::Tuple(items)
        }
        // A block that may stand once is an object or a list of one: both are written without the index.
        (Value::List(element, mut items), _) if items.len() == 1 => {
            let old = prior.and_then(Value::elements).and_then(|p| p.first());
            if let (Some(old), Some(own)) = (old, items.first().cloned()) {
                Arc::make_mut(&mut items)[0] = keep(own, Some(old), path);
            }
            Value::List(element, items)
        }
        (other, _) => other,
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
                Diagnostic::error(Code::ConditionFailed, format!("{what} failed: {text}"))
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

/// Refuses what would destroy a protected instance.
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
    match value.as_bool() {
        Some(false) => Ok(()),
        None if !value.is_wholly_known() => {
            Err(vec![refused(expr.span, address).help(
                "prevent_destroy is not known before apply, and so it counts as true",
            )])
        }
        None if value.is_null() => Ok(()),
        _ => Err(vec![refused(expr.span, address)]),
    }
}

/// Refuses to delete a protected instance that the stack file does not have any more, or that all is destroyed with.
pub(super) fn destroyed(
    world: &World<'_>,
    block: &ResourceBlock,
    address: &Address,
) -> Result<(), Diagnostics> {
    // The value went with the key.
    let frame = Frame::of_key(&block.address.scope, address.key.as_ref());
    prevent_destroy(world, block, address, &frame)
}

/// The same where the instance of the module or component that it was in is gone. What the condition refers to has gone with it.
pub(super) fn destroyed_with_scope(
    protected: &Protected,
    address: &Address,
) -> Result<(), Diagnostics> {
    let span = protected.condition.span;
    match protected.condition.as_literal() {
        Some(value) if value.is_null() || value.as_bool() == Some(false) => Ok(()),
        Some(_) => Err(vec![refused(span, address)]),
        None => Err(vec![refused(span, address).help(
            "prevent_destroy is computed from what is gone with its module or component, and so it counts as true",
        )]),
    }
}

fn refused(set: Span, address: &Address) -> Diagnostic {
    Diagnostic::error(
        Code::PreventDestroy,
        format!("{address} has prevent_destroy, and this plan would destroy it"),
    )
    .at(set, "set here")
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

/// What a type foretells of an instance; what is secret in the configuration is secret in it.
pub(super) fn foretold(
    provider: &dyn Provider,
    request: &PlanRequest<'_>,
    block: &ResourceBlock,
    address: &Address,
) -> Result<Planned, Diagnostics> {
    let planned = provider.plan(request);
    let mut planned = planned.map_err(|e| vec![at_attribute(e, block, address)])?;
    planned.value = codec::carry_marks(request.config, planned.value);
    Ok(planned)
}

/// What a provider could not read.
pub(super) fn unreadable(what: impl std::fmt::Display, error: &ProviderError) -> Diagnostic {
    Diagnostic::error(
        Code::of_provider(error.kind),
        format!("{what} cannot be read: {error}"),
    )
    .help(error.kind.remedy())
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
    Diagnostic::error(Code::of_provider(error.kind), message)
        .at(span_of(&block.config, &path), "")
        .about(address)
        .help(error.kind.remedy())
}
