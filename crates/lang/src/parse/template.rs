//! Strings to expressions: constants, one whole `${…}`, and templates with their directives and trim markers.

use crate::parse::expression::{Lowering, Step, poison};
use crate::parse::names::Names;
use crate::parse::text::Text;
use crate::parse::unreadable::syntax_error;
use crate::report::Report;
use hcl_edit::template::{Directive, Element, Strip, Template};
use infra_model::Str;
use infra_model::Value;
use infra_model::convert::normalise;
use infra_model::diagnostic::Span;
use infra_model::expr::{Expr, ExprKind, TemplatePart};

/// The expression that a string is.
pub(crate) fn of_text(text: &Text, span: Span, names: &Names<'_>, report: &Report) -> Expr {
    let value = &*text.value;
    if !value.contains("${") && !value.contains("%{") {
        return Expr::literal(Value::String(normalise(value)), span);
    }
    let mut lowering = Lowering {
        names,
        text,
        report,
        bound: Vec::new(),
    };
    if let Some(parts) = simple_parts(value) {
        return lowering.simple(&parts, span);
    }
    match value.parse::<Template>() {
        Ok(template) => lowering.template(&template, span),
        Err(error) => {
            report.push(syntax_error(text, &error));
            poison(span)
        }
    }
}

/// The expression that a bare text is (no `${}` around it): types, addresses, values given with `-var`.
pub(crate) fn of_bare(text: &Text, names: &Names<'_>, report: &Report) -> Option<Expr> {
    let mut lowering = Lowering {
        names,
        text,
        report,
        bound: Vec::new(),
    };
    match text.value.parse::<hcl_edit::expr::Expression>() {
        Ok(expression) => Some(lowering.lower(&expression)),
        Err(error) => {
            report.push(syntax_error(text, &error));
            None
        }
    }
}

/// A piece of a template that needs no full parser.
enum Simple<'a> {
    Text(&'a str),
    /// The dotted names between `${` and `}` and where they start.
    Names(&'a str, usize),
}

/// Splits a template that holds only text and `${a.b.c}`; by far the most do, and the full parser is slow beside this.
fn simple_parts(value: &str) -> Option<Vec<Simple<'_>>> {
    let mut parts = Vec::new();
    let (mut rest, mut base) = (value, 0);
    if value.contains("%{") || value.contains("$${") {
        return None;
    }
    while let Some(open) = rest.find("${") {
        if open > 0 {
            parts.push(Simple::Text(&rest[..open]));
        }
        let inner = &rest[open + 2..];
        let close = inner.find('}')?;
        let names = &inner[..close];
        let simple = names.split('.').all(|name| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
                && !matches!(name, "true" | "false" | "null")
        });
        if !simple {
            return None;
        }
        parts.push(Simple::Names(names, base + open + 2));
        base += open + 2 + close + 1;
        rest = &inner[close + 1..];
    }
    if !rest.is_empty() {
        parts.push(Simple::Text(rest));
    }
    Some(parts)
}

impl Lowering<'_> {
    fn simple(&mut self, parts: &[Simple<'_>], span: Span) -> Expr {
        if let [Simple::Names(names, start)] = parts {
            return self.dotted(names, *start);
        }
        let lowered = parts
            .iter()
            .map(|part| match part {
                Simple::Text(text) => TemplatePart::Text(normalise(text)),
                Simple::Names(names, start) => TemplatePart::Value(self.dotted(names, *start)),
            })
            .collect();
        Expr::new(ExprKind::Template(lowered), span)
    }

    fn dotted(&mut self, names: &str, start: usize) -> Expr {
        let whole = self.text.span(start..start + names.len());
        let mut parts = names.split('.');
        let first = parts.next().unwrap_or_default();
        let mut at = start + first.len();
        let steps = parts
            .map(|name| {
                let from = at;
                at += 1 + name.len();
                (Step::Attribute(name.into()), self.text.span(from..at))
            })
            .collect();
        let first_span = self.text.span(start..start + first.len());
        self.traversal(first, first_span, steps, whole)
    }

    /// A quoted template, or the whole string of the file.
    pub(crate) fn template(&mut self, template: &Template, span: Span) -> Expr {
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.lower(&only.expr);
        }
        let parts = self.parts(template);
        match parts.as_slice() {
            [] => Expr::literal("", span),
            [TemplatePart::Text(text)] => Expr::literal(Value::String(text.clone()), span),
            _ => Expr::new(ExprKind::Template(parts), span),
        }
    }

    /// A heredoc is always text, even around one interpolation.
    pub(crate) fn heredoc(&mut self, template: &Template, span: Span) -> Expr {
        let parts = self.parts(template);
        match parts.as_slice() {
            [] => Expr::literal("", span),
            [TemplatePart::Text(text)] => Expr::literal(Value::String(text.clone()), span),
            _ => Expr::new(ExprKind::Template(parts), span),
        }
    }

    fn parts(&mut self, template: &Template) -> Vec<TemplatePart> {
        self.trimmed_parts(template, false, false)
    }

    /// The parts of a template; `trim_start` and `trim_end` come from the markers of an enclosing directive.
    fn trimmed_parts(
        &mut self,
        template: &Template,
        trim_start: bool,
        trim_end: bool,
    ) -> Vec<TemplatePart> {
        let elements: Vec<&Element> = template.iter().collect();
        let mut parts = Vec::with_capacity(elements.len());
        for (i, element) in elements.iter().enumerate() {
            match element {
                Element::Literal(text) => {
                    let mut text = text.as_str();
                    let before = match i.checked_sub(1).and_then(|i| elements.get(i)) {
                        Some(previous) => after(previous),
                        None => trim_start,
                    };
                    let behind = match elements.get(i + 1) {
                        Some(next) => before_of(next),
                        None => trim_end,
                    };
                    if before {
                        text = text.trim_start();
                    }
                    if behind {
                        text = text.trim_end();
                    }
                    if !text.is_empty() {
                        parts.push(TemplatePart::Text(normalise(text)));
                    }
                }
                Element::Interpolation(interpolation) => {
                    parts.push(TemplatePart::Value(self.lower(&interpolation.expr)));
                }
                Element::Directive(directive) => parts.push(self.directive(directive)),
            }
        }
        parts
    }

    fn directive(&mut self, directive: &Directive) -> TemplatePart {
        match directive {
            Directive::If(directive) => {
                let first = &directive.if_expr;
                let end = directive.endif_expr.strip;
                let condition = self.lower(&first.cond_expr);
                let next = directive.else_expr.as_ref().map_or(end, |e| e.strip);
                let then = self.trimmed_parts(
                    &first.template,
                    first.strip.strip_end(),
                    next.strip_start(),
                );
                let otherwise = match &directive.else_expr {
                    Some(other) => self.trimmed_parts(
                        &other.template,
                        other.strip.strip_end(),
                        end.strip_start(),
                    ),
                    None => Vec::new(),
                };
                TemplatePart::If {
                    condition,
                    then,
                    otherwise,
                }
            }
            Directive::For(directive) => {
                let first = &directive.for_expr;
                let source = self.lower(&first.collection_expr);
                let key = first.key_var.as_ref().map(|k| Str::from(k.as_str()));
                let value = Str::from(first.value_var.as_str());
                let depth = self.bound.len();
                self.bound.extend(key.clone());
                self.bound.push(value.clone());
                let body = self.trimmed_parts(
                    &first.template,
                    first.strip.strip_end(),
                    directive.endfor_expr.strip.strip_start(),
                );
                self.bound.truncate(depth);
                TemplatePart::For {
                    key,
                    value,
                    source,
                    body,
                }
            }
        }
    }
}

/// Whether an element trims the text that follows it.
fn after(element: &Element) -> bool {
    last_strip(element).strip_end()
}

/// Whether an element trims the text before it.
fn before_of(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(i) => i.strip.strip_start(),
        Element::Directive(d) => match &**d {
            Directive::If(d) => d.if_expr.strip.strip_start(),
            Directive::For(d) => d.for_expr.strip.strip_start(),
        },
    }
}

fn last_strip(element: &Element) -> Strip {
    match element {
        Element::Literal(_) => Strip::None,
        Element::Interpolation(i) => i.strip,
        Element::Directive(d) => match &**d {
            Directive::If(d) => d.endif_expr.strip,
            Directive::For(d) => d.endfor_expr.strip,
        },
    }
}
