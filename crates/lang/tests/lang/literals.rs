//! Expressions with one of their constants replaced by a variable.

use infra_model::Value;
use infra_model::expr::{Expr, ExprKind, Root};

/// Counts the constants of an expression on its way, and replaces one of them.
pub(crate) struct Literals {
    /// How many are left before the one that is replaced.
    left: Option<usize>,
    /// The constants that were seen.
    pub(crate) seen: Vec<Value>,
}

impl Literals {
    /// The constants of an expression.
    pub(crate) fn of(expr: &Expr) -> Vec<Value> {
        let mut all = Literals {
            left: None,
            seen: Vec::new(),
        };
        all.walk(expr);
        all.seen
    }

    /// The expression with `var.x` for one of its constants.
    pub(crate) fn replaced(expr: &Expr, which: usize) -> Expr {
        Literals {
            left: Some(which),
            seen: Vec::new(),
        }
        .walk(expr)
    }

    fn literal(&mut self, value: &Value, expr: &Expr) -> Expr {
        self.seen.push(value.clone());
        match &mut self.left {
            Some(0) => {
                self.left = None;
                Expr::new(ExprKind::Reference(Root::Variable("x".into())), expr.span)
            }
            Some(left) => {
                *left -= 1;
                expr.clone()
            }
            None => expr.clone(),
        }
    }

    fn walk(&mut self, expr: &Expr) -> Expr {
        match &*expr.kind {
            ExprKind::Literal(value) => self.literal(value, expr),
            _ => expr.with_parts(&mut |part| self.walk(part)),
        }
    }
}
