//! Templates: text with interpolations and directives.

use super::{Binding, Bindings, Run, error, loops, truth};
use infra_model::convert::{can_convert, convert, normalise};
use infra_model::diagnostic::{Diagnostics, Span};
use infra_model::expr::TemplatePart;
use infra_model::value::Marks;
use infra_model::{Type, Value};

/// A template under construction.
#[derive(Default)]
struct Rendering {
    text: String,
    marks: Marks,
    unknown: bool,
    errors: Diagnostics,
}

impl Run<'_> {
    pub(super) fn template(
        &self,
        parts: &[TemplatePart],
        bindings: Bindings<'_>,
    ) -> super::Computed {
        let mut rendering = Rendering::default();
        self.render(parts, bindings, &mut rendering);
        if !rendering.errors.is_empty() {
            return Err(rendering.errors);
        }
        let value = if rendering.unknown {
            Value::Unknown(Type::String)
        } else {
            Value::String(normalise(&rendering.text))
        };
        Ok(value.with_marks(rendering.marks))
    }

    fn render(&self, parts: &[TemplatePart], bindings: Bindings<'_>, out: &mut Rendering) {
        for part in parts {
            let result = match part {
                TemplatePart::Text(text) => {
                    out.text.push_str(text);
                    continue;
                }
                TemplatePart::Value(expr) => self
                    .value(expr, bindings)
                    .and_then(|value| insert(&value, expr.span, out)),
                TemplatePart::If {
                    condition,
                    then,
                    otherwise,
                } => self
                    .value(condition, bindings)
                    .and_then(|value| truth(&value, "the condition", condition.span))
                    .map(|(decided, marks)| {
                        out.marks = out.marks.union(marks);
                        match decided {
                            Some(true) => self.render(then, bindings, out),
                            Some(false) => self.render(otherwise, bindings, out),
                            None => out.unknown = true,
                        }
                    }),
                TemplatePart::For {
                    key,
                    value,
                    source,
                    body,
                } => self
                    .value(source, bindings)
                    .and_then(|collection| loops::iterate(&collection, source.span))
                    .map(|(items, marks)| {
                        out.marks = out.marks.union(marks);
                        let Some(items) = items else {
                            out.unknown = true;
                            return;
                        };
                        for (index, item) in &items {
                            let outer = Binding {
                                outer: bindings,
                                name: Some(key.as_deref().unwrap_or_default()),
                                value: index,
                            };
                            let inner = Binding {
                                outer: Some(&outer),
                                name: Some(value),
                                value: item,
                            };
                            self.render(body, Some(&inner), out);
                            if !out.errors.is_empty() {
                                return;
                            }
                        }
                    }),
            };
            if let Err(errors) = result {
                out.errors.extend(errors);
            }
        }
    }
}

/// Adds a value to the text.
fn insert(value: &Value, span: Span, out: &mut Rendering) -> Result<(), Diagnostics> {
    let (bare, marks) = value.unmark();
    out.marks = out.marks.union(marks);
    match bare {
        Value::String(text) => out.text.push_str(text),
        Value::Null(_) => {
            return error("this value is null, which cannot be part of a string", span);
        }
        Value::Unknown(ty) if can_convert(ty, &Type::String) => out.unknown = true,
        other => match convert(other, &Type::String) {
            Ok(Value::String(text)) => out.text.push_str(&text),
            _ => {
                return error(
                    format!(
                        "this value is {}, which cannot be part of a string",
                        super::described(other)
                    ),
                    span,
                );
            }
        },
    }
    Ok(())
}
