//! Expressions as data, with a span on every node. `lang` makes and evaluates them; others only ask what they refer to.

use crate::address::Mode;
use crate::diagnostic::Span;
use crate::value::{Str, Value};
use std::sync::Arc;

/// An expression. Cloning is cheap.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: Arc<ExprKind>,
    /// Where it stands.
    pub span: Span,
}

/// The forms of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Value),
    /// Text with interpolations; the result is a string.
    Template(Vec<TemplatePart>),
    /// `var.x`, `aws_vpc.main`, `each.key`, …: the root of a traversal. Attributes and keys follow as `Attribute` and `Index`.
    Reference(Root),
    /// A variable of an enclosing `for`.
    Binding(Str),
    /// `source.name`
    Attribute(Expr, Str),
    /// `source[key]`
    Index(Expr, Expr),
    /// `source[*].a.b` or `source.*.a`: the steps that follow apply to each element.
    Splat {
        /// What is iterated.
        source: Expr,
        /// The expression for one element, over [`Root::SplatItem`].
        each: Expr,
    },
    /// `name(arguments...)`
    Call {
        /// Function name, without `core::`.
        name: Str,
        /// Where the name stands.
        name_span: Span,
        /// The arguments.
        arguments: Vec<Expr>,
        /// Whether the last argument ends in `...`.
        expand_last: bool,
    },
    /// `-x` or `!x`
    Unary(UnaryOp, Expr),
    /// `a + b`
    Binary(BinaryOp, Expr, Expr),
    /// `condition ? yes : no`
    Conditional(Expr, Expr, Expr),
    /// `[for …]` or `{for …}`
    For(Box<ForExpr>),
    /// `[a, b]`
    Tuple(Vec<Expr>),
    /// `{ k = v }`
    Object(Vec<(Expr, Expr)>),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplatePart {
    /// Text as it is.
    Text(Str),
    /// `${ … }`
    Value(Expr),
    /// `%{ if … }`
    If {
        /// What decides.
        condition: Expr,
        /// When true.
        then: Vec<TemplatePart>,
        /// When false.
        otherwise: Vec<TemplatePart>,
    },
    /// `%{ for … }`
    For {
        /// The key variable, if named.
        key: Option<Str>,
        /// The value variable.
        value: Str,
        /// What is iterated.
        source: Expr,
        /// Repeated for each element.
        body: Vec<TemplatePart>,
    },
}

/// A `for` expression.
#[derive(Clone, Debug, PartialEq)]
pub struct ForExpr {
    /// The key variable, if named.
    pub key_name: Option<Str>,
    /// The value variable.
    pub value_name: Str,
    /// What is iterated.
    pub source: Expr,
    /// The key of the result; makes it an object.
    pub key: Option<Expr>,
    /// The value of the result.
    pub value: Expr,
    /// `...`: values with equal keys are grouped into lists.
    pub group: bool,
    /// `if …`
    pub condition: Option<Expr>,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum UnaryOp {
    Negate,
    Not,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// Whose resources a reference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// The enclosing module, or the stack itself.
    Module,
    /// The component instance whose expansion made this expression.
    Component,
}

/// What a reference starts from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// `var.NAME`
    Variable(Str),
    /// `local.NAME`
    Local(Str),
    /// `TYPE.NAME` or `data.TYPE.NAME`
    Resource {
        /// Whose.
        at: At,
        /// Resource or data.
        mode: Mode,
        /// The type.
        type_name: Str,
        /// The name.
        name: Str,
    },
    /// `network.main`, `module.queue`
    Component {
        /// The kind: `network`, …, or [`MODULE`](crate::address::MODULE).
        kind: Str,
        /// The name.
        name: Str,
    },
    /// `each.key`
    EachKey,
    /// `each.value`
    EachValue,
    /// `count.index`
    CountIndex,
    /// `self`
    SelfValue,
    /// `stack.name`, `stack.instance`
    Stack(Str),
    /// `path.module`, `path.root`, `path.cwd`
    Path(Str),
    /// The element at hand inside a splat.
    SplatItem,
}

impl Expr {
    /// An expression at a place.
    #[must_use]
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        Expr {
            kind: Arc::new(kind),
            span,
        }
    }

    /// A constant.
    #[must_use]
    pub fn literal(value: impl Into<Value>, span: Span) -> Expr {
        Expr::new(ExprKind::Literal(value.into()), span)
    }

    /// The same at another place.
    #[must_use]
    pub fn at(self, span: Span) -> Expr {
        Expr { span, ..self }
    }

    /// The constant, if it is one.
    #[must_use]
    pub fn as_literal(&self) -> Option<&Value> {
        match &*self.kind {
            ExprKind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The expression of an attribute, when this is an object constructor with constant keys.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Expr> {
        match &*self.kind {
            ExprKind::Object(items) => items
                .iter()
                .find(|(k, _)| k.as_literal().and_then(Value::as_str) == Some(name))
                .map(|(_, v)| v),
            _ => None,
        }
    }

    /// The same expression over other parts: `change` makes each direct part anew.
    #[must_use]
    pub fn with_parts(&self, change: &mut dyn FnMut(&Expr) -> Expr) -> Expr {
        let kind = match &*self.kind {
            ExprKind::Literal(_) | ExprKind::Reference(_) | ExprKind::Binding(_) => {
                return self.clone();
            }
            ExprKind::Template(parts) => ExprKind::Template(with_template(parts, change)),
            ExprKind::Attribute(source, name) => ExprKind::Attribute(change(source), name.clone()),
            ExprKind::Index(source, key) => ExprKind::Index(change(source), change(key)),
            ExprKind::Splat { source, each } => ExprKind::Splat {
                source: change(source),
                each: change(each),
            },
            ExprKind::Call {
                name,
                name_span,
                arguments,
                expand_last,
            } => ExprKind::Call {
                name: name.clone(),
                name_span: *name_span,
                arguments: arguments.iter().map(change).collect(),
                expand_last: *expand_last,
            },
            ExprKind::Unary(op, a) => ExprKind::Unary(*op, change(a)),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, change(a), change(b)),
            ExprKind::Conditional(a, b, c) => {
                ExprKind::Conditional(change(a), change(b), change(c))
            }
            ExprKind::For(f) => ExprKind::For(Box::new(ForExpr {
                key_name: f.key_name.clone(),
                value_name: f.value_name.clone(),
                source: change(&f.source),
                key: f.key.as_ref().map(&mut *change),
                value: change(&f.value),
                group: f.group,
                condition: f.condition.as_ref().map(change),
            })),
            ExprKind::Tuple(items) => ExprKind::Tuple(items.iter().map(change).collect()),
            ExprKind::Object(items) => ExprKind::Object(
                items
                    .iter()
                    .map(|(key, value)| (change(key), change(value)))
                    .collect(),
            ),
        };
        Expr::new(kind, self.span)
    }

    /// Calls `found` for every root in the expression with the constant steps that follow it
    /// (attributes and literal keys, up to the first that is computed).
    pub fn references(&self, found: &mut dyn FnMut(&Root, &[StaticStep], Span)) {
        let mut steps = Vec::new();
        self.walk(&mut steps, found);
    }

    fn walk(&self, after: &mut Vec<StaticStep>, found: &mut dyn FnMut(&Root, &[StaticStep], Span)) {
        match &*self.kind {
            ExprKind::Literal(_) | ExprKind::Binding(_) => {}
            ExprKind::Template(template) => template_references(template, found),
            ExprKind::Reference(root) => {
                after.reverse();
                found(root, after, self.span);
                after.reverse();
            }
            ExprKind::Attribute(source, name) => {
                after.push(StaticStep::Attribute(name.clone()));
                source.walk(after, found);
                after.pop();
            }
            ExprKind::Index(source, key) => {
                match key.as_literal() {
                    Some(Value::String(s)) => after.push(StaticStep::Key(s.clone())),
                    Some(Value::Number(n)) if n.to_i64().is_some_and(|i| i >= 0) => {
                        after.push(StaticStep::Index(
                            n.to_i64()
                                .and_then(|i| u64::try_from(i).ok())
                                .unwrap_or_default(),
                        ));
                    }
                    // A computed key: what follows it is unknown, but that there is a step matters.
                    _ => after.push(StaticStep::Computed),
                }
                source.walk(after, found);
                after.pop();
                key.references(found);
            }
            ExprKind::Splat { source, each } => {
                source.references(found);
                each.references(found);
            }
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(|a| a.references(found)),
            ExprKind::Unary(_, a) => a.references(found),
            ExprKind::Binary(_, a, b) => {
                a.references(found);
                b.references(found);
            }
            ExprKind::Conditional(a, b, c) => {
                [a, b, c].into_iter().for_each(|e| e.references(found));
            }
            ExprKind::For(f) => {
                f.source.references(found);
                f.value.references(found);
                f.key
                    .iter()
                    .chain(&f.condition)
                    .for_each(|e| e.references(found));
            }
            ExprKind::Tuple(items) => items.iter().for_each(|e| e.references(found)),
            ExprKind::Object(items) => items.iter().for_each(|(k, v)| {
                k.references(found);
                v.references(found);
            }),
        }
    }
}

fn with_template(
    parts: &[TemplatePart],
    change: &mut dyn FnMut(&Expr) -> Expr,
) -> Vec<TemplatePart> {
    parts
        .iter()
        .map(|part| match part {
            TemplatePart::Text(text) => TemplatePart::Text(text.clone()),
            TemplatePart::Value(e) => TemplatePart::Value(change(e)),
            TemplatePart::If {
                condition,
                then,
                otherwise,
            } => TemplatePart::If {
                condition: change(condition),
                then: with_template(then, change),
                otherwise: with_template(otherwise, change),
            },
            TemplatePart::For {
                key,
                value,
                source,
                body,
            } => TemplatePart::For {
                key: key.clone(),
                value: value.clone(),
                source: change(source),
                body: with_template(body, change),
            },
        })
        .collect()
}

/// [`Expr::references`] for the parts of a template.
fn template_references(
    template: &[TemplatePart],
    found: &mut dyn FnMut(&Root, &[StaticStep], Span),
) {
    for part in template {
        match part {
            TemplatePart::Text(_) => {}
            TemplatePart::Value(e) => e.references(found),
            TemplatePart::If {
                condition,
                then,
                otherwise,
            } => {
                condition.references(found);
                template_references(then, found);
                template_references(otherwise, found);
            }
            TemplatePart::For { source, body, .. } => {
                source.references(found);
                template_references(body, found);
            }
        }
    }
}

/// A step after a root, as far as it is known without evaluating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaticStep {
    /// `.name`
    Attribute(Str),
    /// `["key"]`
    Key(Str),
    /// `[3]`
    Index(u64),
    /// `[expression]`
    Computed,
}
