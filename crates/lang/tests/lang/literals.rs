//! Expressions with one of their constants replaced by a variable.

use infra_model::Value;
use infra_model::expr::{Expr, ExprKind, ForExpr, Root, TemplatePart};

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

    fn all(&mut self, exprs: &[Expr]) -> Vec<Expr> {
        exprs.iter().map(|e| self.walk(e)).collect()
    }

    fn walk(&mut self, expr: &Expr) -> Expr {
        let kind = match &*expr.kind {
            ExprKind::Literal(value) => return self.literal(value, expr),
            ExprKind::Reference(_) | ExprKind::Binding(_) => return expr.clone(),
            ExprKind::Template(parts) => ExprKind::Template(self.parts(parts)),
            ExprKind::Attribute(source, name) => {
                ExprKind::Attribute(self.walk(source), name.clone())
            }
            ExprKind::Index(source, key) => ExprKind::Index(self.walk(source), self.walk(key)),
            ExprKind::Splat { source, each } => ExprKind::Splat {
                source: self.walk(source),
                each: self.walk(each),
            },
            ExprKind::Call {
                name,
                name_span,
                arguments,
                expand_last,
            } => ExprKind::Call {
                name: name.clone(),
                name_span: *name_span,
                arguments: self.all(arguments),
                expand_last: *expand_last,
            },
            ExprKind::Unary(op, a) => ExprKind::Unary(*op, self.walk(a)),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, self.walk(a), self.walk(b)),
            ExprKind::Conditional(a, b, c) => {
                ExprKind::Conditional(self.walk(a), self.walk(b), self.walk(c))
            }
            ExprKind::For(f) => ExprKind::For(Box::new(ForExpr {
                key_name: f.key_name.clone(),
                value_name: f.value_name.clone(),
                source: self.walk(&f.source),
                key: f.key.as_ref().map(|e| self.walk(e)),
                value: self.walk(&f.value),
                group: f.group,
                condition: f.condition.as_ref().map(|e| self.walk(e)),
            })),
            ExprKind::Tuple(items) => ExprKind::Tuple(self.all(items)),
            ExprKind::Object(items) => ExprKind::Object(
                items
                    .iter()
                    .map(|(k, v)| (self.walk(k), self.walk(v)))
                    .collect(),
            ),
        };
        Expr::new(kind, expr.span)
    }

    fn parts(&mut self, parts: &[TemplatePart]) -> Vec<TemplatePart> {
        parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => TemplatePart::Text(text.clone()),
                TemplatePart::Value(e) => TemplatePart::Value(self.walk(e)),
                TemplatePart::If {
                    condition,
                    then,
                    otherwise,
                } => TemplatePart::If {
                    condition: self.walk(condition),
                    then: self.parts(then),
                    otherwise: self.parts(otherwise),
                },
                TemplatePart::For {
                    key,
                    value,
                    source,
                    body,
                } => TemplatePart::For {
                    key: key.clone(),
                    value: value.clone(),
                    source: self.walk(source),
                    body: self.parts(body),
                },
            })
            .collect()
    }
}
