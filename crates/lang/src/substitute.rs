//! Replaces `each.*` and `count.index` by constants: the inputs of one instance of a component.

use infra_model::Value;
use infra_model::expr::{Expr, ExprKind, Root};

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
    pub(crate) fn apply(&self, expr: &Expr) -> Expr {
        if self.each.is_none() && self.count.is_none() {
            return expr.clone();
        }
        self.replace(expr)
    }

    fn replace(&self, expr: &Expr) -> Expr {
        let ExprKind::Reference(root) = &*expr.kind else {
            return expr.with_parts(&mut |part| self.replace(part));
        };
        let value = match root {
            Root::EachKey => self.each.as_ref().map(|(key, _)| key),
            Root::EachValue => self.each.as_ref().map(|(_, value)| value),
            Root::CountIndex => self.count.as_ref(),
            _ => None,
        };
        value.map_or_else(
            || expr.clone(),
            |value| Expr::literal(value.clone(), expr.span),
        )
    }
}
