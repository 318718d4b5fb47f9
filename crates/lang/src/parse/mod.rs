//! From the text of a file to trees with a place on everything: TOML, and the HCL expressions inside its strings. Nothing
//! here knows which tables a stack has.

pub(crate) mod document;
pub(crate) mod expression;
mod foreign;
pub(crate) mod names;
pub(crate) mod node;
mod syntax;
pub(crate) mod template;
pub(crate) mod text;
pub(crate) mod unreadable;

use crate::parse::expression::poison;
use crate::parse::names::Names;
use crate::parse::node::{Entry, Node, NodeKind, Table};
use crate::report::Report;
use infra_model::Value;
use infra_model::expr::{Expr, ExprKind};

/// The expression that a value of the file is.
pub(crate) fn expression_of(node: &Node, names: &Names<'_>, report: &Report) -> Expr {
    let kind = match &node.kind {
        NodeKind::Table(table) => return table_expression(table, &[], node.span, names, report),
        NodeKind::Array(items) => ExprKind::Tuple(
            items
                .iter()
                .map(|item| expression_of(item, names, report))
                .collect(),
        ),
        NodeKind::Text(text) => return template::of_text(text, node.span, names, report),
        NodeKind::Number(n) => ExprKind::Literal(Value::Number(n.clone())),
        NodeKind::Bool(b) => ExprKind::Literal(Value::Bool(*b)),
        NodeKind::Null => ExprKind::Literal(Value::NULL),
        NodeKind::Invalid => return poison(node.span),
    };
    Expr::new(kind, node.span)
}

/// A table as an object constructor, without some of its keys.
pub(crate) fn table_expression(
    table: &Table,
    without: &[&str],
    span: infra_model::Span,
    names: &Names<'_>,
    report: &Report,
) -> Expr {
    let items = table
        .entries
        .iter()
        .filter(|(name, _)| !without.contains(&&***name))
        .map(|(_, entry)| {
            (
                key_expression(entry, names, report),
                expression_of(&entry.node, names, report),
            )
        })
        .collect();
    Expr::new(ExprKind::Object(items), span)
}

/// A key, which may be a template.
fn key_expression(entry: &Entry, names: &Names<'_>, report: &Report) -> Expr {
    template::of_text(&entry.key, entry.key_span(), names, report)
}
