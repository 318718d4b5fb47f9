//! The evaluator: values of expressions, with unknowns, nulls and marks carried through every operation. It knows no
//! declarations; what a reference means is the scope's business.

mod call;
mod loops;
pub(crate) mod operators;
mod template;
pub(crate) mod traversal;

use crate::codes::Code;
use crate::files::Files;
use infra_model::convert::{can_convert, convert, unify, unify_open};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::evaluate::{Evaluate, Scope};
use infra_model::expr::{Expr, ExprKind, Root};
use infra_model::value::Marks;
use infra_model::{Str, Type, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Computes expressions. File functions read through the given files, relative to a folder.
pub struct Evaluator {
    files: Arc<dyn Files>,
    base: PathBuf,
}

impl Evaluator {
    /// An evaluator whose file functions are relative to `base`.
    #[must_use]
    pub fn new(files: Arc<dyn Files>, base: PathBuf) -> Evaluator {
        Evaluator { files, base }
    }

    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// Evaluates with variables beside the scope, as templates have them.
    pub(crate) fn with_variables(
        &self,
        expr: &Expr,
        scope: &dyn Scope,
        variables: &[(Str, Value)],
        depth: usize,
    ) -> Computed {
        let run = Run {
            evaluator: self,
            scope,
            depth,
        };
        run.with_bindings(expr, variables, None)
    }
}

impl Evaluate for Evaluator {
    fn evaluate(&self, expr: &Expr, scope: &dyn Scope) -> Result<Value, Diagnostics> {
        let run = Run {
            evaluator: self,
            scope,
            depth: 0,
        };
        run.value(expr, None)
    }
}

/// A value, or everything that was wrong.
pub(crate) type Computed = Result<Value, Diagnostics>;

/// The variables at hand, innermost first.
pub(crate) struct Binding<'a> {
    outer: Option<&'a Binding<'a>>,
    /// `None` for the item of a splat.
    name: Option<&'a str>,
    value: &'a Value,
}

type Bindings<'a> = Option<&'a Binding<'a>>;

/// One evaluation.
pub(crate) struct Run<'a> {
    evaluator: &'a Evaluator,
    scope: &'a dyn Scope,
    depth: usize,
}

/// An error of evaluation at a place.
fn problem(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::error(Code::Evaluation, message).at(span, "")
}

/// One error at a place, as a result.
fn error<T>(message: impl Into<String>, span: Span) -> Result<T, Diagnostics> {
    Err(vec![problem(message, span)])
}

/// Both, or the errors of both.
fn both<A, B>(a: Result<A, Diagnostics>, b: Result<B, Diagnostics>) -> Result<(A, B), Diagnostics> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.extend(b);
            Err(a)
        }
        (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => Err(errors),
    }
}

impl Run<'_> {
    fn with_bindings(
        &self,
        expr: &Expr,
        variables: &[(Str, Value)],
        bindings: Bindings<'_>,
    ) -> Computed {
        match variables.split_first() {
            None => self.value(expr, bindings),
            Some(((name, value), rest)) => {
                let inner = Binding {
                    outer: bindings,
                    name: Some(name),
                    value,
                };
                self.with_bindings(expr, rest, Some(&inner))
            }
        }
    }

    /// The value of an expression.
    fn value(&self, expr: &Expr, bindings: Bindings<'_>) -> Computed {
        match &*expr.kind {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Template(parts) => self.template(parts, bindings),
            ExprKind::Reference(Root::SplatItem) => self.binding(None, bindings, expr.span),
            ExprKind::Binding(name) => self.binding(Some(name), bindings, expr.span),
            ExprKind::Reference(_) | ExprKind::Attribute(..) | ExprKind::Index(..) => {
                self.traversal(expr, bindings)
            }
            ExprKind::Splat { source, each } => self.splat(source, each, bindings),
            ExprKind::Call { .. } => self.call(expr, bindings),
            ExprKind::Unary(operator, operand) => {
                let value = self.value(operand, bindings)?;
                operators::unary(*operator, &value, operand.span)
            }
            ExprKind::Binary(operator, a, b) => {
                let (left, right) = both(self.value(a, bindings), self.value(b, bindings))?;
                operators::binary(*operator, &left, a.span, &right, b.span)
            }
            ExprKind::Conditional(condition, yes, no) => {
                self.conditional(condition, yes, no, expr.span, bindings)
            }
            ExprKind::For(source) => self.for_expression(source, bindings),
            ExprKind::Tuple(items) => self.all(items, bindings).map(Value::tuple),
            ExprKind::Object(items) => self.object(items, bindings),
        }
    }

    /// The values of several expressions, or the errors of all.
    fn all(&self, items: &[Expr], bindings: Bindings<'_>) -> Result<Vec<Value>, Diagnostics> {
        let mut values = Vec::with_capacity(items.len());
        let mut errors = Vec::new();
        for item in items {
            match self.value(item, bindings) {
                Ok(value) => values.push(value),
                Err(found) => errors.extend(found),
            }
        }
        if errors.is_empty() {
            Ok(values)
        } else {
            Err(errors)
        }
    }

    fn binding(&self, name: Option<&str>, bindings: Bindings<'_>, span: Span) -> Computed {
        let mut at = bindings;
        while let Some(binding) = at {
            if binding.name == name {
                return Ok(binding.value.clone());
            }
            at = binding.outer;
        }
        let what = name.map_or_else(|| "the item of a splat".to_owned(), |n| format!("`{n}`"));
        error(format!("{what} is not known here"), span)
    }

    fn object(&self, items: &[(Expr, Expr)], bindings: Bindings<'_>) -> Computed {
        let mut entries = std::collections::BTreeMap::new();
        let mut marks = Marks::NONE;
        let mut unknown_key = false;
        let mut errors = Vec::new();
        for (key_expr, value_expr) in items {
            let key = self
                .value(key_expr, bindings)
                .and_then(|key| object_key(&key, key_expr.span));
            match both(key, self.value(value_expr, bindings)) {
                Ok(((key, key_marks), value)) => {
                    marks = marks.union(key_marks);
                    match key {
                        Some(key) => {
                            entries.insert(key, value);
                        }
                        None => {
                            unknown_key = true;
                            marks = marks.union(value.deep_marks());
                        }
                    }
                }
                Err(found) => errors.extend(found),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let object = if unknown_key {
            Value::UNKNOWN
        } else {
            Value::Object(Arc::new(entries))
        };
        Ok(object.with_marks(marks))
    }

    /// Only the chosen branch's value and errors count, but both say the type.
    fn conditional(
        &self,
        condition: &Expr,
        yes: &Expr,
        no: &Expr,
        span: Span,
        bindings: Bindings<'_>,
    ) -> Computed {
        let decided = self.value(condition, bindings)?;
        let (decided, marks) = truth(&decided, "the condition", condition.span)?;
        let (yes, no) = (self.value(yes, bindings), self.value(no, bindings));
        let (chosen, other) = match decided {
            Some(true) => (yes?, no.ok()),
            Some(false) => (no?, yes.ok()),
            // A branch that fails matters only when it is the one.
            None => match (yes, no) {
                (Ok(yes), Ok(no)) => (yes, Some(no)),
                (Ok(only), Err(_)) | (Err(_), Ok(only)) => {
                    let marks = marks.union(only.deep_marks());
                    return Ok(Value::Unknown(only.ty()).with_marks(marks));
                }
                (Err(mut errors), Err(others)) => {
                    errors.extend(others);
                    return Err(errors);
                }
            },
        };
        let Some(other) = other else {
            return Ok(chosen.with_marks(marks));
        };
        let marks = marks.union(chosen.marks()).union(other.marks());
        let Some(ty) = common_type(
            &chosen,
            &other,
            decided.is_some() && chosen.is_wholly_known(),
        ) else {
            return error(
                format!(
                    "both results of a conditional must be of one type, but here they are {} and {}",
                    described(&chosen),
                    described(&other)
                ),
                span,
            );
        };
        if decided.is_none() {
            return Ok(Value::Unknown(ty).with_marks(marks));
        }
        let converted = if matches!(ty, Type::Any) {
            chosen
        } else {
            convert(&chosen, &ty).map_err(|e| vec![problem(e.to_string(), span)])?
        };
        Ok(converted.with_marks(marks))
    }
}

/// The type of a conditional's result; `Any` when one side may yet turn out to be anything.
fn common_type(a: &Value, b: &Value, decided: bool) -> Option<Type> {
    let (x, y) = (a.ty(), b.ty());
    match (&x, &y) {
        (Type::Any, _) if a.is_null() => Some(y),
        (_, Type::Any) if b.is_null() => Some(x),
        (Type::Any, _) | (_, Type::Any) => Some(Type::Any),
        _ if x == y => Some(x),
        _ if decided => unify(&[x, y]),
        _ => unify_open(&[x, y]),
    }
}

/// What messages call a value's type.
fn described(value: &Value) -> String {
    match value.ty() {
        Type::Any => "of unknown type".to_owned(),
        Type::Tuple(_) => "a tuple".to_owned(),
        Type::Object(_) => "an object".to_owned(),
        other => format!("a {}", other.friendly()),
    }
}

/// A condition's truth, `None` while unknown.
fn truth(value: &Value, what: &str, span: Span) -> Result<(Option<bool>, Marks), Diagnostics> {
    let (bare, marks) = value.unmark();
    let known = match bare {
        Value::Bool(b) => Some(*b),
        Value::Null(_) => return error(format!("{what} is null, but must be true or false"), span),
        Value::Unknown(ty) if can_convert(ty, &Type::Bool) => None,
        other => match convert(other, &Type::Bool) {
            Ok(Value::Bool(b)) => Some(b),
            _ => return error(format!("{what} must be true or false"), span),
        },
    };
    Ok((known, marks))
}

/// The key of an object entry, `None` while unknown.
fn object_key(key: &Value, span: Span) -> Result<(Option<Str>, Marks), Diagnostics> {
    let (bare, marks) = key.unmark();
    let known = match bare {
        Value::String(s) => Some(s.clone()),
        Value::Null(_) => return error("the key of an object must not be null", span),
        Value::Unknown(ty) if can_convert(ty, &Type::String) => None,
        other => match convert(other, &Type::String) {
            Ok(Value::String(s)) => Some(s),
            _ => {
                return error(
                    format!(
                        "the key of an object must be a string, not {}",
                        described(other)
                    ),
                    span,
                );
            }
        },
    };
    Ok((known, marks))
}
