//! What follows a reference in an expression, as far as names are checked.

use crate::eval::traversal::name_span;
use infra_model::Str;
use infra_model::diagnostic::Span;
use infra_model::expr::{Expr, ExprKind, Root};

/// A step after a root, with the place of its name.
pub(crate) enum Step {
    Attribute(Str, Span),
    Key,
    Splat,
}

/// The steps of a splat's body after the element, the nearest last.
pub(crate) fn chain(each: &Expr, out: &mut Vec<Step>) {
    match &*each.kind {
        ExprKind::Attribute(source, name) => {
            out.push(Step::Attribute(name.clone(), name_span(each, source, name)));
            chain(source, out);
        }
        ExprKind::Index(source, _) => {
            out.push(Step::Key);
            chain(source, out);
        }
        ExprKind::Reference(Root::SplatItem) => {}
        // A splat in a splat: what comes before its star belongs here.
        ExprKind::Splat { source, .. } => chain(source, out),
        _ => out.clear(),
    }
}
