//! Replaces `each.*` and `count.index`: the inputs of one instance of a component or module. What is known becomes a constant,
//! an `each.value` that is not known yet the part of `for_each` that it is.

use infra_model::Value;
use infra_model::expr::{Expr, ExprKind, Root};
use infra_model::program::Repeat;

/// What the repetition of one instance gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repetition {
    /// `each.key` and `each.value`.
    pub(crate) each: Option<(Value, Value)>,
    /// `count.index`.
    pub(crate) count: Option<Value>,
}

impl Repetition {
    /// The expression with the repetition's values in it.
    pub(crate) fn apply(&self, expr: &Expr, repeat: &Repeat) -> Expr {
        let Some(over) = repeat
            .expr()
            .filter(|_| self.each.is_some() || self.count.is_some())
        else {
            return expr.clone();
        };
        let each_value = self.each.as_ref().map(|(key, value)| {
            if value.is_wholly_known() {
                return Expr::literal(value.clone(), over.span);
            }
            // Taken out of the written object where it is one, so that it depends on its own part alone.
            let part = key.as_str().and_then(|key| over.attribute(key));
            part.cloned().unwrap_or_else(|| {
                let key = Expr::literal(key.clone(), over.span);
                Expr::new(ExprKind::Index(over.clone(), key), over.span)
            })
        });
        Replacing {
            each_key: self.each.as_ref().map(|(key, _)| key),
            each_value,
            count: self.count.as_ref(),
        }
        .replace(expr)
    }
}

struct Replacing<'a> {
    each_key: Option<&'a Value>,
    each_value: Option<Expr>,
    count: Option<&'a Value>,
}

impl Replacing<'_> {
    fn replace(&self, expr: &Expr) -> Expr {
        let ExprKind::Reference(root) = &*expr.kind else {
            return expr.with_parts(&mut |part| self.replace(part));
        };
        match root {
            Root::EachKey => literal(self.each_key, expr),
            Root::EachValue => {
                let value = self.each_value.as_ref().unwrap_or(expr);
                Expr::clone(value).at(expr.span)
            }
            Root::CountIndex => literal(self.count, expr),
            _ => expr.clone(),
        }
    }
}

/// The value in the expression's place; the expression where there is none.
fn literal(value: Option<&Value>, expr: &Expr) -> Expr {
    value.map_or_else(
        || expr.clone(),
        |value| Expr::literal(value.clone(), expr.span),
    )
}
