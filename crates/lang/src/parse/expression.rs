//! HCL expressions to the program's expressions: what each name refers to is decided here, what it means is not.

use crate::codes::Code;
use crate::parse::names::Names;
use crate::parse::text::Text;
use crate::report::{Report, error, suggesting};
use hcl_edit::Span as _;
use hcl_edit::expr::{
    BinaryOperator, Expression, ObjectKey, Traversal, TraversalOperator, UnaryOperator,
};
use infra_model::address::Mode;
use infra_model::convert::normalise;
use infra_model::diagnostic::Span;
use infra_model::expr::{BinaryOp, Expr, ExprKind, ForExpr, Root, UnaryOp};
use infra_model::{Number, Str, Value};
use std::ops::Range;

/// One step after the first name of a traversal.
pub(crate) enum Step {
    /// `.name`
    Attribute(Str),
    /// `[key]`
    Index(Expr),
    /// `.0`
    Position(Expr),
    /// `.*`
    AttributeSplat,
    /// `[*]`
    FullSplat,
}

/// Lowers the expressions of one string.
pub(crate) struct Lowering<'a> {
    /// What names mean where the string stands.
    pub(crate) names: &'a Names<'a>,
    /// The string.
    pub(crate) text: &'a Text,
    /// Where errors go.
    pub(crate) report: &'a Report,
    /// The variables of the enclosing `for`s, innermost last.
    pub(crate) bound: Vec<Str>,
}

/// What stands in for an expression that was refused: nothing more is said about it.
pub(crate) fn poison(span: Span) -> Expr {
    Expr::literal(Value::UNKNOWN, span)
}

impl Lowering<'_> {
    pub(crate) fn place(&self, range: Option<Range<usize>>) -> Span {
        self.text.span(range.unwrap_or(0..self.text.value.len()))
    }

    pub(crate) fn lower(&mut self, expression: &Expression) -> Expr {
        let span = self.place(expression.span());
        let kind = match expression {
            Expression::Null(_) => ExprKind::Literal(Value::NULL),
            Expression::Bool(b) => ExprKind::Literal(Value::Bool(**b)),
            Expression::Number(n) => {
                let written: String = n
                    .as_repr()
                    .map(|r| r.chars().filter(|c| !c.is_whitespace()).collect())
                    .unwrap_or_else(|| n.value().to_string());
                match written.parse::<Number>() {
                    Ok(number) => ExprKind::Literal(Value::Number(number)),
                    Err(_) => {
                        self.report.error(
                            Code::BadValue,
                            format!("`{written}` is not a number that a stack can use"),
                            span,
                            "",
                        );
                        return poison(span);
                    }
                }
            }
            Expression::String(s) => ExprKind::Literal(Value::String(normalise(s))),
            Expression::Array(items) => {
                ExprKind::Tuple(items.iter().map(|item| self.lower(item)).collect())
            }
            Expression::Object(object) => ExprKind::Object(
                object
                    .iter()
                    .map(|(key, value)| (self.object_key(key), self.lower(value.expr())))
                    .collect(),
            ),
            Expression::StringTemplate(template) => return self.template(template, span),
            Expression::HeredocTemplate(heredoc) => {
                return self.heredoc(&heredoc.template, span);
            }
            Expression::Parenthesis(inner) => {
                return Expr {
                    span,
                    ..self.lower(inner.inner())
                };
            }
            Expression::Variable(name) => {
                return self.traversal(name.as_str(), self.place(name.span()), Vec::new(), span);
            }
            Expression::Conditional(c) => ExprKind::Conditional(
                self.lower(&c.cond_expr),
                self.lower(&c.true_expr),
                self.lower(&c.false_expr),
            ),
            Expression::FuncCall(call) => {
                let mut parts: Vec<&str> = call.name.namespace.iter().map(|n| n.as_str()).collect();
                parts.push(call.name.name.as_str());
                let name = parts.join("::");
                let arguments: Vec<Expr> = call.args.iter().map(|a| self.lower(a)).collect();
                if let ("templatestring", Some(first)) =
                    (call.name.name.as_str(), call.args.iter().next())
                {
                    self.template_by_name(first);
                }
                let name_span = match (call.name.namespace.first(), call.name.name.span()) {
                    (Some(first), Some(last)) => {
                        self.place(first.span().map(|first| first.start..last.end))
                    }
                    (_, last) => self.place(last),
                };
                ExprKind::Call {
                    name: name.strip_prefix("core::").unwrap_or(&name).into(),
                    name_span,
                    arguments,
                    expand_last: call.args.expand_final(),
                }
            }
            Expression::Traversal(traversal) => return self.traversal_of(traversal, span),
            Expression::UnaryOp(op) => {
                let operator = match op.operator.value() {
                    UnaryOperator::Neg => UnaryOp::Negate,
                    UnaryOperator::Not => UnaryOp::Not,
                };
                ExprKind::Unary(operator, self.lower(&op.expr))
            }
            Expression::BinaryOp(op) => ExprKind::Binary(
                binary(*op.operator.value()),
                self.lower(&op.lhs_expr),
                self.lower(&op.rhs_expr),
            ),
            Expression::ForExpr(f) => {
                let source = self.lower(&f.intro.collection_expr);
                let key_name = f.intro.key_var.as_ref().map(|k| Str::from(k.as_str()));
                let value_name = Str::from(f.intro.value_var.as_str());
                let depth = self.bound.len();
                self.bound.extend(key_name.clone());
                self.bound.push(value_name.clone());
                let lowered = ForExpr {
                    source,
                    key: f.key_expr.as_ref().map(|k| self.lower(k)),
                    value: self.lower(&f.value_expr),
                    condition: f.cond.as_ref().map(|c| self.lower(&c.expr)),
                    group: f.grouping,
                    key_name,
                    value_name,
                };
                self.bound.truncate(depth);
                ExprKind::For(Box::new(lowered))
            }
        };
        Expr::new(kind, span)
    }

    /// A template that is written out in the call would be filled in before the call sees it.
    fn template_by_name(&self, template: &Expression) {
        if !matches!(template, Expression::Variable(_) | Expression::Traversal(_)) {
            self.report.push(
                error(
                    Code::BadReference,
                    "`templatestring` takes a reference to its template",
                    self.place(template.span()),
                    "not a reference",
                )
                .help("put the template under `[locals]`, with `$${` for what it fills in; or write the text with `${…}` itself"),
            );
        }
    }

    fn object_key(&mut self, key: &ObjectKey) -> Expr {
        match key {
            ObjectKey::Ident(name) => Expr::literal(
                Value::String(normalise(name.as_str())),
                self.place(name.span()),
            ),
            // A bare word is the key itself, even this one.
            ObjectKey::Expression(null @ Expression::Null(_)) => {
                Expr::literal("null", self.place(null.span()))
            }
            ObjectKey::Expression(expression) => self.lower(expression),
        }
    }

    fn traversal_of(&mut self, traversal: &Traversal, span: Span) -> Expr {
        let mut steps = Vec::with_capacity(traversal.operators.len());
        for operator in &traversal.operators {
            let at = self.place(operator.span());
            let step = match operator.value() {
                TraversalOperator::AttrSplat(_) => Step::AttributeSplat,
                TraversalOperator::FullSplat(_) => Step::FullSplat,
                TraversalOperator::GetAttr(name) => Step::Attribute(normalise(name.as_str())),
                TraversalOperator::Index(key) => Step::Index(self.lower(key)),
                TraversalOperator::LegacyIndex(index) => {
                    Step::Position(Expr::literal(Value::Number(Number::from(**index)), at))
                }
            };
            steps.push((step, at));
        }
        match &traversal.expr {
            Expression::Variable(name) => {
                self.traversal(name.as_str(), self.place(name.span()), steps, span)
            }
            source => {
                let source = self.lower(source);
                apply(source, &mut steps.into_iter().peekable())
            }
        }
    }

    /// A traversal that begins with a name.
    pub(crate) fn traversal(
        &mut self,
        first: &str,
        first_span: Span,
        steps: Vec<(Step, Span)>,
        span: Span,
    ) -> Expr {
        if self.bound.iter().any(|b| &**b == first) {
            let source = Expr::new(ExprKind::Binding(first.into()), first_span);
            return apply(source, &mut steps.into_iter().peekable());
        }
        let mut steps = steps.into_iter().peekable();
        let mut taken = Taken {
            steps: &mut steps,
            span: first_span,
        };
        match self.root(first, first_span, &mut taken) {
            Ok(source) => {
                let source = match source {
                    Start::Root(root) => Expr::new(ExprKind::Reference(root), taken.span),
                    Start::Value(expr) => expr,
                };
                apply(source, &mut steps)
            }
            Err(diagnostic) => {
                self.report.push(*diagnostic);
                poison(span)
            }
        }
    }

    fn root<I: Iterator<Item = (Step, Span)>>(
        &self,
        first: &str,
        first_span: Span,
        rest: &mut Taken<'_, I>,
    ) -> Result<Start, Box<infra_model::Diagnostic>> {
        let bad = |message: String, label: &str, help: String| {
            Box::new(error(Code::BadReference, message, first_span, label).help(help))
        };
        let mut needs = |what: &str| {
            rest.attribute().ok_or_else(|| {
                bad(
                    format!("`{first}` alone refers to nothing"),
                    "a name must follow",
                    what.to_owned(),
                )
            })
        };
        let root = match first {
            "var" => Root::Variable(needs("write `var.NAME`")?),
            "local" => Root::Local(needs("write `local.NAME`")?),
            "module" => Root::Component {
                kind: first.into(),
                name: needs("write `module.NAME.OUTPUT`")?,
            },
            "each" => match &*needs("write `each.key` or `each.value`")? {
                "key" => Root::EachKey,
                "value" => Root::EachValue,
                other => {
                    return Err(bad(
                        format!("there is no `each.{other}`"),
                        "",
                        "write `each.key` or `each.value`".to_owned(),
                    ));
                }
            },
            "count" => match &*needs("write `count.index`")? {
                "index" => Root::CountIndex,
                other => {
                    return Err(bad(
                        format!("there is no `count.{other}`"),
                        "",
                        "write `count.index`".to_owned(),
                    ));
                }
            },
            "self" => Root::SelfValue,
            "stack" => {
                let name = needs("write `stack.name` or `stack.instance`")?;
                if !matches!(&*name, "name" | "instance") {
                    return Err(bad(
                        format!("there is no `stack.{name}`"),
                        "",
                        "write `stack.name` or `stack.instance`".to_owned(),
                    ));
                }
                Root::Stack(name)
            }
            "path" => {
                let name = needs("write `path.module`, `path.root` or `path.cwd`")?;
                if !matches!(&*name, "module" | "root" | "cwd") {
                    return Err(bad(
                        format!("there is no `path.{name}`"),
                        "",
                        "write `path.module`, `path.root` or `path.cwd`".to_owned(),
                    ));
                }
                let paths = self.names.paths;
                let value = match &*name {
                    "cwd" => &paths.cwd,
                    "module" => &paths.module,
                    _ => &paths.root,
                };
                return Ok(Start::Value(Expr::literal(value.as_str(), first_span)));
            }
            "input" if self.names.inputs.is_some() => {
                let name = needs("write `input.NAME`")?;
                let inputs = self.names.inputs.expect("the arm's guard has looked");
                return inputs(&name).map(Start::Value).ok_or_else(|| {
                    bad(
                        format!("the component has no input `{name}`"),
                        "",
                        "this is an error in infra itself: please report it".to_owned(),
                    )
                });
            }
            "data" | "resource" | "ephemeral" => {
                let shape = format!("write `{first}.TYPE.NAME.ATTRIBUTE`");
                let type_name = needs(&shape)?;
                let name = needs(&shape)?;
                Root::Resource {
                    at: self.names.at,
                    mode: match first {
                        "data" => Mode::Data,
                        "ephemeral" => Mode::Ephemeral,
                        _ => Mode::Managed,
                    },
                    type_name,
                    name,
                }
            }
            kind if self.names.is_kind(kind) => Root::Component {
                kind: kind.into(),
                name: needs(&format!("write `{kind}.NAME.OUTPUT`"))?,
            },
            "hardening" => {
                return Err(Box::new(error(
                    Code::NotSupported,
                    format!("`{first}` blocks are not supported yet"),
                    first_span,
                    "",
                )));
            }
            type_name => match rest.attribute() {
                Some(name) => Root::Resource {
                    at: self.names.at,
                    mode: Mode::Managed,
                    type_name: type_name.into(),
                    name,
                },
                None => return Err(Box::new(self.bare_word(type_name, first_span))),
            },
        };
        Ok(Start::Root(root))
    }
}

impl Lowering<'_> {
    /// A name alone: a variable or local value without its prefix, or text without quotes.
    fn bare_word(&self, word: &str, span: Span) -> infra_model::Diagnostic {
        let diagnostic = error(
            Code::BadReference,
            format!("`{word}` is not a reference"),
            span,
            "a name alone means nothing here",
        );
        let own: Vec<&str> = self
            .names
            .values
            .iter()
            .map(|v| &**v)
            .filter(|v| v.rsplit('.').next() == Some(word))
            .collect();
        match own.as_slice() {
            [only] => diagnostic
                .replace(span, word, *only)
                .help(format!("did you mean `{only}`?")),
            [] => suggesting(
                diagnostic,
                word,
                self.bound.iter().map(|b| &**b),
                &format!(
                    "text stands in quotes: `\"{word}\"`; a variable is `var.{word}`, a local value `local.{word}`"
                ),
            ),
            several => diagnostic.help(format!("did you mean `{}`?", several.join("` or `"))),
        }
    }
}

/// What a traversal starts from.
enum Start {
    Root(Root),
    Value(Expr),
}

/// The steps that a root takes for itself.
struct Taken<'a, I: Iterator<Item = (Step, Span)>> {
    steps: &'a mut std::iter::Peekable<I>,
    span: Span,
}

impl<I: Iterator<Item = (Step, Span)>> Taken<'_, I> {
    fn attribute(&mut self) -> Option<Str> {
        let (step, span) = self
            .steps
            .next_if(|(step, _)| matches!(step, Step::Attribute(_)))?;
        self.span.end = self.span.end.max(span.end);
        match step {
            Step::Attribute(name) => Some(name),
            _ => None,
        }
    }
}

/// The remaining steps around an expression.
fn apply<I: Iterator<Item = (Step, Span)>>(
    mut source: Expr,
    steps: &mut std::iter::Peekable<I>,
) -> Expr {
    while let Some((step, at)) = steps.next() {
        let mut span = source.span;
        span.end = span.end.max(at.end);
        source = match step {
            Step::Attribute(name) => Expr::new(ExprKind::Attribute(source, name), span),
            Step::Index(key) | Step::Position(key) => Expr::new(ExprKind::Index(source, key), span),
            Step::FullSplat => {
                let each = apply(Expr::new(ExprKind::Reference(Root::SplatItem), at), steps);
                span.end = span.end.max(each.span.end);
                Expr::new(ExprKind::Splat { source, each }, span)
            }
            Step::AttributeSplat => {
                let mut each = Expr::new(ExprKind::Reference(Root::SplatItem), at);
                // Names and positions belong to each element, `[…]` to the whole.
                while let Some((step, end)) = steps
                    .next_if(|(step, _)| matches!(step, Step::Attribute(_) | Step::Position(_)))
                {
                    let mut inner = each.span;
                    inner.end = inner.end.max(end.end);
                    each = match step {
                        Step::Attribute(name) => Expr::new(ExprKind::Attribute(each, name), inner),
                        Step::Position(key) => Expr::new(ExprKind::Index(each, key), inner),
                        _ => each,
                    };
                }
                span.end = span.end.max(each.span.end);
                Expr::new(ExprKind::Splat { source, each }, span)
            }
        };
    }
    source
}

fn binary(operator: BinaryOperator) -> BinaryOp {
    match operator {
        BinaryOperator::Eq => BinaryOp::Equal,
        BinaryOperator::NotEq => BinaryOp::NotEqual,
        BinaryOperator::LessEq => BinaryOp::LessOrEqual,
        BinaryOperator::GreaterEq => BinaryOp::GreaterOrEqual,
        BinaryOperator::Less => BinaryOp::Less,
        BinaryOperator::Greater => BinaryOp::Greater,
        BinaryOperator::Plus => BinaryOp::Add,
        BinaryOperator::Minus => BinaryOp::Subtract,
        BinaryOperator::Mul => BinaryOp::Multiply,
        BinaryOperator::Div => BinaryOp::Divide,
        BinaryOperator::Mod => BinaryOp::Remainder,
        BinaryOperator::And => BinaryOp::And,
        BinaryOperator::Or => BinaryOp::Or,
    }
}
