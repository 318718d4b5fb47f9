//! Type constraints as text: `map(object({ size = string, count = optional(number, 1) }))`.

use crate::codes::Code;
use crate::parse::text::Text;
use crate::report::{Report, error, suggesting};
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, FuncCall};
use infra_model::convert::{convert, normalise};
use infra_model::types::{ObjectAttribute, ObjectType};
use infra_model::{Number, Str, Type, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

const SHAPES: [&str; 9] = [
    "string", "number", "bool", "any", "list", "set", "map", "object", "tuple",
];

/// What other languages call them.
const OTHER_TYPES: [(&str, &str); 9] = [
    ("array", "list"),
    ("boolean", "bool"),
    ("dict", "map"),
    ("double", "number"),
    ("float", "number"),
    ("int", "number"),
    ("integer", "number"),
    ("str", "string"),
    ("text", "string"),
];

/// Parses a constraint; `None` when it is none, which is reported.
pub(crate) fn parse(text: &Text, report: &Report) -> Option<Type> {
    let parser = Parser { text, report };
    match text.value.parse::<Expression>() {
        Ok(expression) => parser.ty(&expression),
        Err(parse) => {
            let syntax = crate::parse::unreadable::syntax_error(text, &parse);
            parser.refuse_at(syntax.labels.first().map(|l| l.0)?, "this is not a type");
            None
        }
    }
}

struct Parser<'a> {
    text: &'a Text,
    report: &'a Report,
}

impl Parser<'_> {
    fn refuse(&self, range: Option<Range<usize>>, message: impl Into<String>) {
        let whole = 0..self.text.value.len();
        self.refuse_at(self.text.span(range.unwrap_or(whole)), message);
    }

    fn refuse_at(&self, span: infra_model::Span, message: impl Into<String>) {
        self.report.push(
            error(Code::BadType, message, span, "")
                .help("types are string, number, bool, any, list(T), set(T), map(T), object({ name = T }) and tuple([T])"),
        );
    }

    fn ty(&self, expression: &Expression) -> Option<Type> {
        match expression {
            Expression::Variable(name) => match name.as_str() {
                "string" => Some(Type::String),
                "number" => Some(Type::Number),
                "bool" => Some(Type::Bool),
                "any" => Some(Type::Any),
                "list" | "set" | "map" => {
                    self.refuse(
                        expression.span(),
                        format!(
                            "`{0}` needs the type of its elements, as in `{0}(string)`",
                            name.as_str()
                        ),
                    );
                    None
                }
                other => {
                    self.unknown(other, expression.span());
                    None
                }
            },
            Expression::FuncCall(call) => self.call(call, expression.span()),
            Expression::Parenthesis(inner) => self.ty(inner.inner()),
            _ => {
                self.refuse(expression.span(), "this is not a type");
                None
            }
        }
    }

    fn unknown(&self, name: &str, range: Option<Range<usize>>) {
        let diagnostic = error(
            Code::BadType,
            format!("there is no type `{name}`"),
            self.text.span(range.unwrap_or(0..self.text.value.len())),
            "",
        );
        let otherwise = "types are string, number, bool, any, list(T), set(T), map(T), object({ name = T }) and tuple([T])";
        let known = OTHER_TYPES.iter().find(|(word, _)| *word == name);
        self.report.push(match known {
            Some((_, ours)) => {
                suggesting(diagnostic, name, [*ours], "").help(format!("write `{ours}`"))
            }
            None => suggesting(diagnostic, name, SHAPES, otherwise),
        });
    }

    fn call(&self, call: &FuncCall, range: Option<Range<usize>>) -> Option<Type> {
        let name = call.name.name.as_str();
        let arguments: Vec<&Expression> = call.args.iter().collect();
        match (name, arguments.as_slice()) {
            ("list", [element]) => self.ty(element).map(Type::list),
            ("set", [element]) => self.ty(element).map(Type::set),
            ("map", [element]) => self.ty(element).map(Type::map),
            ("tuple", [Expression::Array(items)]) => items
                .iter()
                .map(|item| self.ty(item))
                .collect::<Option<Vec<_>>>()
                .map(Type::tuple),
            ("object", [Expression::Object(object)]) => {
                let mut attributes = BTreeMap::new();
                let mut whole = true;
                for (key, value) in object {
                    let name: Option<Str> = match key {
                        hcl_edit::expr::ObjectKey::Ident(name) => Some(normalise(name.as_str())),
                        hcl_edit::expr::ObjectKey::Expression(Expression::String(s)) => {
                            Some(normalise(s))
                        }
                        hcl_edit::expr::ObjectKey::Expression(_) => None,
                    };
                    match (name, self.attribute(value.expr())) {
                        (Some(name), Some(attribute)) => {
                            attributes.insert(name, attribute);
                        }
                        (None, _) => {
                            self.refuse(key.span(), "an attribute's name is an identifier");
                            whole = false;
                        }
                        _ => whole = false,
                    }
                }
                whole.then(|| Type::Object(Arc::new(ObjectType { attributes })))
            }
            ("optional", _) => {
                self.refuse(range, "`optional` stands only at attributes of `object`");
                None
            }
            ("list" | "set" | "map" | "tuple" | "object", _) => {
                let example = match name {
                    "tuple" => "tuple([string, number])".to_owned(),
                    "object" => "object({ name = string })".to_owned(),
                    _ => format!("{name}(string)"),
                };
                self.refuse(range, format!("`{name}` is written as in `{example}`"));
                None
            }
            (other, _) => {
                self.unknown(other, call.name.name.span());
                None
            }
        }
    }

    fn attribute(&self, expression: &Expression) -> Option<ObjectAttribute> {
        let Expression::FuncCall(call) = expression else {
            return self.ty(expression).map(required);
        };
        if call.name.name.as_str() != "optional" {
            return self.ty(expression).map(required);
        }
        let arguments: Vec<&Expression> = call.args.iter().collect();
        let (ty, default) = match arguments.as_slice() {
            [ty] => (self.ty(ty)?, None),
            [ty, default] => {
                let ty = self.ty(ty)?;
                let Some(value) = constant(default) else {
                    self.refuse(
                        default.span(),
                        "the default of an optional attribute is a constant",
                    );
                    return None;
                };
                match convert(&value, &ty) {
                    Ok(value) => (ty, Some(value)),
                    Err(problem) => {
                        self.refuse(
                            default.span(),
                            format!("the default does not fit: {problem}"),
                        );
                        return None;
                    }
                }
            }
            _ => {
                self.refuse(
                    expression.span(),
                    "`optional` is written as in `optional(string)` or `optional(number, 3)`",
                );
                return None;
            }
        };
        Some(ObjectAttribute {
            ty,
            optional: true,
            default,
        })
    }
}

fn required(ty: Type) -> ObjectAttribute {
    ObjectAttribute {
        ty,
        optional: false,
        default: None,
    }
}

/// A constant without references and functions.
fn constant(expression: &Expression) -> Option<Value> {
    match expression {
        Expression::Null(_) => Some(Value::NULL),
        Expression::Bool(b) => Some(Value::Bool(**b)),
        Expression::Number(n) => {
            let written: String = n
                .as_repr()?
                .chars()
                .filter(|c| !c.is_whitespace())
                .collect();
            written.parse::<Number>().ok().map(Value::Number)
        }
        Expression::String(s) => Some(Value::String(normalise(s))),
        Expression::Parenthesis(inner) => constant(inner.inner()),
        Expression::Array(items) => items
            .iter()
            .map(constant)
            .collect::<Option<_>>()
            .map(Value::tuple),
        Expression::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let name: Str = match key {
                    hcl_edit::expr::ObjectKey::Ident(name) => normalise(name.as_str()),
                    hcl_edit::expr::ObjectKey::Expression(Expression::String(s)) => normalise(s),
                    hcl_edit::expr::ObjectKey::Expression(_) => return None,
                };
                Some((name, constant(value.expr())?))
            })
            .collect::<Option<Vec<_>>>()
            .map(Value::object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Span;

    #[test]
    fn constraints_read_back_as_they_are_written() {
        for text in [
            "string",
            "list(string)",
            "map(set(number))",
            "tuple([string, bool])",
            "object({a = string, b = optional(number)})",
            "any",
        ] {
            let report = Report::default();
            let ty = parse(&Text::fixed(text, Span::default()), &report).expect(text);
            assert_eq!(ty.to_string(), text);
        }
    }

    #[test]
    fn defaults_of_optional_attributes_are_converted() {
        let report = Report::default();
        let text = Text::fixed("object({ n = optional(string, 3) })", Span::default());
        let Some(Type::Object(object)) = parse(&text, &report) else {
            panic!("an object type");
        };
        assert_eq!(object.attributes["n"].default, Some(Value::from("3")));
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "strin",
            "list",
            "list()",
            "object(string)",
            "\"string\"",
            "list(string",
            "optional(string)",
            "object({ a = optional(number, var.x) })",
            "object({ a = optional(number, \"x\") })",
            "",
        ] {
            let report = Report::default();
            assert_eq!(
                parse(&Text::fixed(text, Span::default()), &report),
                None,
                "{text}"
            );
            assert_eq!(report.len(), 1, "{text}");
        }
    }
}
