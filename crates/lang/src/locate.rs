//! From a path into a configuration's value back to the place in the file where that part is written.

use infra_model::Value;
use infra_model::diagnostic::Span;
use infra_model::expr::{Expr, ExprKind};
use infra_model::path::{Path, Step};

/// Where a part of a configuration is written.
pub(crate) struct Place {
    /// Its key, or the whole when it has none.
    pub(crate) key: Span,
    /// Its value.
    pub(crate) value: Span,
    /// Whether every step was found; else this is the innermost part that was.
    pub(crate) exact: bool,
}

/// Follows a path through object and tuple constructors, as far as it goes.
pub(crate) fn locate(expr: &Expr, path: &Path) -> Place {
    let mut at = expr;
    let mut key = expr.span;
    for step in &path.0 {
        let next = match (&*at.kind, step) {
            (ExprKind::Object(items), Step::Attribute(name) | Step::Key { key: name }) => items
                .iter()
                .find(|(k, _)| k.as_literal().and_then(Value::as_str) == Some(name))
                .map(|(k, v)| (k.span, v)),
            // One table is a list of one.
            (ExprKind::Object(_), Step::Index(0)) => Some((key, at)),
            (ExprKind::Tuple(items), Step::Index(i)) => items.get(*i).map(|v| (v.span, v)),
            _ => None,
        };
        match next {
            Some((k, v)) => (key, at) = (k, v),
            None => {
                return Place {
                    key,
                    value: at.span,
                    exact: false,
                };
            }
        }
    }
    Place {
        key,
        value: at.span,
        exact: true,
    }
}
