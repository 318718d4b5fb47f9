//! Calls of functions: the arguments, and the two functions whose arguments may fail.

use super::{Bindings, Computed, Run, described, error, problem};
use crate::functions::{self, Context, Function, FunctionError, Implementation};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::expr::{Expr, ExprKind};
use infra_model::value::Marks;
use infra_model::{Type, Value};

impl Run<'_> {
    pub(super) fn call(&self, expr: &Expr, bindings: Bindings<'_>) -> Computed {
        let ExprKind::Call {
            name,
            name_span,
            arguments,
            expand_last,
        } = &*expr.kind
        else {
            unreachable!("called for calls only");
        };
        let Some(function) = functions::find(name) else {
            return Err(vec![functions::unknown(name, *name_span)]);
        };
        let implementation = match function.implementation {
            Implementation::Try if !expand_last => {
                return self.first_that_works(arguments, *name_span, bindings);
            }
            Implementation::Can if !expand_last && arguments.len() == 1 => {
                return Ok(match self.value(&arguments[0], bindings) {
                    Ok(value) if may_fail_later(&arguments[0], &value) => {
                        Value::Unknown(Type::Bool)
                    }
                    Ok(_) => Value::Bool(true),
                    Err(_) => Value::Bool(false),
                });
            }
            Implementation::Eager(implementation) => implementation,
            Implementation::Try | Implementation::Can => {
                return self.given_as_list(function, arguments, *name_span, bindings);
            }
        };
        let mut values = self.all(arguments, bindings)?;
        let mut spans: Vec<Span> = arguments.iter().map(|a| a.span).collect();
        if *expand_last {
            let (Some(last), Some(span)) = (values.pop(), spans.pop()) else {
                return error("`...` needs an argument before it", *name_span);
            };
            let Some((items, marks)) = expanded(&last, span)? else {
                return Ok(Value::UNKNOWN.with_marks(last.marks()));
            };
            spans.extend(std::iter::repeat_n(span, items.len()));
            values.extend(items.iter().map(|item| item.clone().with_marks(marks)));
        }
        if let Some(reason) = function.arity_error(values.len()) {
            return Err(vec![
                problem(reason, *name_span).help(format!("it is called as `{function}`")),
            ]);
        }
        let marks = values
            .iter()
            .fold(Marks::NONE, |marks, v| marks.union(v.deep_marks()));
        let context = Context {
            evaluator: self.evaluator,
            scope: self.scope,
            depth: self.depth,
        };
        functions::invoke(function, implementation, values, &context)
            .map_err(|e| vec![failure(function, &e, marks, &spans, *name_span)])
    }

    /// `try` and `can` of a list with `...`: its elements have been evaluated, so none can fail any more.
    fn given_as_list(
        &self,
        function: &Function,
        arguments: &[Expr],
        span: Span,
        bindings: Bindings<'_>,
    ) -> Computed {
        let values = self.all(arguments, bindings)?;
        let items = match (values.split_last(), arguments.last()) {
            (Some((last, before)), Some(expr)) => match expanded(last, expr.span)? {
                Some((items, marks)) => before
                    .iter()
                    .cloned()
                    .chain(items.iter().map(|item| item.clone().with_marks(marks)))
                    .collect(),
                None => return Ok(Value::UNKNOWN.with_marks(last.marks())),
            },
            _ => Vec::new(),
        };
        match (function.implementation, items.as_slice()) {
            (Implementation::Try, [first, ..]) => Ok(first.clone()),
            (Implementation::Can, [_]) => Ok(Value::Bool(true)),
            _ => Err(vec![problem(
                format!("`{function}` cannot take {} arguments", items.len()),
                span,
            )]),
        }
    }

    fn first_that_works(&self, arguments: &[Expr], span: Span, bindings: Bindings<'_>) -> Computed {
        let mut reasons = Vec::new();
        for argument in arguments {
            match self.value(argument, bindings) {
                // It may fail yet, and then another one counts.
                Ok(value) if may_fail_later(argument, &value) => {
                    return Ok(Value::UNKNOWN.with_marks(value.deep_marks()));
                }
                Ok(value) => return Ok(value),
                Err(errors) => reasons.extend(errors.into_iter().map(|d| d.message)),
            }
        }
        if arguments.is_empty() {
            return error("`try` takes at least one expression", span);
        }
        Err(vec![
            problem(
                "none of the expressions of this `try` can be evaluated",
                span,
            )
            .help(reasons.join("; ")),
        ])
    }
}

/// Whether an expression that has worked with what is known may fail once more is known. A reference to something of a
/// known type cannot.
fn may_fail_later(expr: &Expr, value: &Value) -> bool {
    fn is_reference(expr: &Expr) -> bool {
        match &*expr.kind {
            ExprKind::Reference(_) | ExprKind::Binding(_) => true,
            ExprKind::Attribute(source, _) => is_reference(source),
            ExprKind::Index(source, key) => is_reference(source) && key.as_literal().is_some(),
            _ => false,
        }
    }
    match value.bare() {
        Value::Unknown(ty) => ty.contains_any() || !is_reference(expr),
        known => !known.is_wholly_known() && !is_reference(expr),
    }
}

/// The elements of an argument with `...`, `None` while unknown.
fn expanded(value: &Value, span: Span) -> Result<Option<(&[Value], Marks)>, Diagnostics> {
    let (bare, marks) = value.unmark();
    match bare {
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            Ok(Some((items, marks)))
        }
        Value::Unknown(_) => Ok(None),
        Value::Null(_) => error("the argument before `...` must not be null", span),
        other => error(
            format!(
                "the argument before `...` must be a list, set or tuple, not {}",
                described(other)
            ),
            span,
        ),
    }
}

/// What a person is told; nothing that a sensitive argument could shine through.
fn failure(
    function: &Function,
    reason: &FunctionError,
    marks: Marks,
    spans: &[Span],
    name_span: Span,
) -> Diagnostic {
    let message = if marks.sensitive {
        "it fails for an argument that is sensitive"
    } else {
        &reason.message
    };
    let parameter = reason
        .argument
        .and_then(|i| Some((function.parameter(i)?, spans.get(i)?)));
    match parameter {
        Some((parameter, span)) => problem(
            format!(
                "`{}` cannot take this as `{}`: {message}",
                function.name, parameter.name
            ),
            *span,
        ),
        None => problem(format!("`{}`: {message}", function.name), name_span),
    }
    .help(format!("it is called as `{function}`"))
}
