//! Replaces `each.*` and `count.index`: the inputs of one instance of a component or module. What is known becomes a constant,
//! an `each.value` that is not known yet the part of `for_each` that it is.

use infra_model::Value;
use infra_model::expr::{Expr, ExprKind, ForExpr, Root, TemplatePart};
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
        let all = |items: &[Expr]| items.iter().map(|e| self.replace(e)).collect::<Vec<_>>();
        let kind = match &*expr.kind {
            ExprKind::Literal(_) | ExprKind::Binding(_) => return expr.clone(),
            ExprKind::Reference(root) => {
                let value = match root {
                    Root::EachKey => self.each_key,
                    Root::EachValue => {
                        let value = self.each_value.as_ref().unwrap_or(expr);
                        return Expr::clone(value).at(expr.span);
                    }
                    Root::CountIndex => self.count,
                    _ => None,
                };
                match value {
                    Some(value) => ExprKind::Literal(value.clone()),
                    None => return expr.clone(),
                }
            }
            ExprKind::Template(parts) => ExprKind::Template(self.parts(parts)),
            ExprKind::Attribute(source, name) => {
                ExprKind::Attribute(self.replace(source), name.clone())
            }
            ExprKind::Index(source, key) => {
                ExprKind::Index(self.replace(source), self.replace(key))
            }
            ExprKind::Splat { source, each } => ExprKind::Splat {
                source: self.replace(source),
                each: self.replace(each),
            },
            ExprKind::Call {
                name,
                name_span,
                arguments,
                expand_last,
            } => ExprKind::Call {
                name: name.clone(),
                name_span: *name_span,
                arguments: all(arguments),
                expand_last: *expand_last,
            },
            ExprKind::Unary(op, a) => ExprKind::Unary(*op, self.replace(a)),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, self.replace(a), self.replace(b)),
            ExprKind::Conditional(a, b, c) => {
                ExprKind::Conditional(self.replace(a), self.replace(b), self.replace(c))
            }
            ExprKind::For(f) => ExprKind::For(Box::new(ForExpr {
                key_name: f.key_name.clone(),
                value_name: f.value_name.clone(),
                source: self.replace(&f.source),
                key: f.key.as_ref().map(|e| self.replace(e)),
                value: self.replace(&f.value),
                group: f.group,
                condition: f.condition.as_ref().map(|e| self.replace(e)),
            })),
            ExprKind::Tuple(items) => ExprKind::Tuple(all(items)),
            ExprKind::Object(items) => ExprKind::Object(
                items
                    .iter()
                    .map(|(k, v)| (self.replace(k), self.replace(v)))
                    .collect(),
            ),
        };
        Expr::new(kind, expr.span)
    }

    fn parts(&self, parts: &[TemplatePart]) -> Vec<TemplatePart> {
        parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => TemplatePart::Text(text.clone()),
                TemplatePart::Value(e) => TemplatePart::Value(self.replace(e)),
                TemplatePart::If {
                    condition,
                    then,
                    otherwise,
                } => TemplatePart::If {
                    condition: self.replace(condition),
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
                    source: self.replace(source),
                    body: self.parts(body),
                },
            })
            .collect()
    }
}
