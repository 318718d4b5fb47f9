//! What a block repeats over, as far as it is known while checking.

use crate::check::ephemeral;
use crate::check::knowledge::{Knowledge, StaticScope};
use crate::codes::Code;
use crate::report::{Report, error};
use crate::substitute::Repetition;
use infra_model::address::InstanceKey;
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::expr::Expr;
use infra_model::program::Repeat;
use infra_model::{Number, Type, Value};

/// The instances of a block.
pub(crate) enum Instances {
    /// Known: each with its key.
    Known(Vec<(Option<InstanceKey>, Repetition)>),
    /// Not known yet; what `each` and `count` will be, by type.
    Unknown(Repetition),
    /// Wrong, which was reported.
    Wrong,
}

impl Instances {
    /// What stands for any instance: values when there is one, else unknowns of the right types.
    pub(crate) fn representative(&self) -> Repetition {
        match self {
            Instances::Known(all) => match all.as_slice() {
                [(None, repetition)] => repetition.clone(),
                [] => Repetition::default(),
                [(_, first), rest @ ..] => Repetition {
                    each: first.each.as_ref().map(|(key, value)| {
                        let ty = value.ty();
                        let same = rest.iter().all(|(_, r)| {
                            r.each.as_ref().is_some_and(|(_, value)| value.ty() == ty)
                        });
                        (
                            Value::Unknown(key.ty()),
                            Value::Unknown(if same { ty } else { Type::Any }),
                        )
                    }),
                    count: first.count.as_ref().map(|_| Value::Unknown(Type::Number)),
                },
            },
            Instances::Unknown(repetition) => repetition.clone(),
            Instances::Wrong => Repetition {
                each: Some((Value::UNKNOWN, Value::UNKNOWN)),
                count: Some(Value::UNKNOWN),
            },
        }
    }
}

/// Evaluates what repeats a block.
pub(crate) fn instances(
    repeat: &Repeat,
    knowledge: &Knowledge,
    scope: &StaticScope<'_>,
    report: &Report,
) -> Instances {
    let Some(expr) = repeat.expr() else {
        return Instances::Known(vec![(None, Repetition::default())]);
    };
    let value = match knowledge.evaluate(expr, scope) {
        Ok(value) => value,
        Err(found) => {
            report.extend(found);
            return Instances::Wrong;
        }
    };
    let refuse = |code: Code, message: &str, label: String, help: &str| {
        report.push(error(code, message, expr.span, label).help(help));
        Instances::Wrong
    };
    if value.marks().ephemeral {
        report.push(ephemeral::refusal(
            "which instances there are is stored, so it cannot be ephemeral".to_owned(),
            expr.span,
        ));
        return Instances::Wrong;
    }
    match repeat {
        Repeat::Single => Instances::Known(vec![(None, Repetition::default())]),
        Repeat::Enabled(_) => match infra_model::convert::convert(value.bare(), &Type::Bool) {
            Ok(Value::Bool(true)) => Instances::Known(vec![(None, Repetition::default())]),
            Ok(Value::Bool(false)) => Instances::Known(Vec::new()),
            Ok(Value::Unknown(_)) => Instances::Unknown(Repetition::default()),
            _ => refuse(
                Code::BadRepeat,
                "`enabled` is `true` or `false`",
                format!("this is {}", article(&value)),
                "a condition such as `\"${var.create}\"` decides whether the block exists",
            ),
        },
        Repeat::Count(_) => {
            if value.marks().sensitive {
                return refuse(
                    Code::SensitiveRepeat,
                    "`count` cannot be sensitive",
                    "this value is sensitive".to_owned(),
                    "the number of instances is visible in every plan; `nonsensitive()` says that this may be",
                );
            }
            let number = infra_model::convert::convert(value.bare(), &Type::Number);
            match &number {
                Ok(Value::Unknown(_)) => Instances::Unknown(Repetition {
                    count: Some(Value::Unknown(Type::Number)),
                    each: None,
                }),
                Ok(n) if n.as_i64().is_some_and(|n| (0..=100_000).contains(&n)) => {
                    let count = n.as_i64().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
                    Instances::Known(
                        (0..count)
                            .map(|i| {
                                let repetition = Repetition {
                                    count: Some(Value::Number(Number::from(i))),
                                    each: None,
                                };
                                (Some(InstanceKey::Index(i)), repetition)
                            })
                            .collect(),
                    )
                }
                _ => refuse(
                    Code::BadRepeat,
                    "`count` is a whole number from 0",
                    match value.bare() {
                        Value::Number(n) => format!("this is {n}"),
                        _ => format!("this is {}", article(&value)),
                    },
                    "for one instance for each element of a collection, use `for_each`",
                ),
            }
        }
        Repeat::ForEach(_) => for_each(expr, &value, &refuse, report),
    }
}

fn for_each(
    expr: &Expr,
    value: &Value,
    refuse: &dyn Fn(Code, &str, String, &str) -> Instances,
    report: &Report,
) -> Instances {
    let (bare, marks) = value.unmark();
    if marks.sensitive || matches!(bare, Value::Set(..)) && value.deep_marks().sensitive {
        return refuse(
            Code::SensitiveRepeat,
            "`for_each` cannot be sensitive",
            "this value is sensitive".to_owned(),
            "its keys become parts of addresses, which are shown; iterate over keys that are not secret and look the secret up by `each.key`",
        );
    }
    let known = |pairs: Vec<(infra_model::Str, Value)>| {
        Instances::Known(
            pairs
                .into_iter()
                .map(|(key, value)| {
                    let repetition = Repetition {
                        each: Some((Value::String(key.clone()), value)),
                        count: None,
                    };
                    (Some(InstanceKey::Name(key)), repetition)
                })
                .collect(),
        )
    };
    let later = |value: Type| {
        Instances::Unknown(Repetition {
            each: Some((Value::Unknown(Type::String), Value::Unknown(value))),
            count: None,
        })
    };
    match bare {
        Value::Map(_, items) | Value::Object(items) => {
            known(items.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        }
        Value::Set(_, items) if items.iter().all(|i| matches!(i, Value::String(_))) => known(
            items
                .iter()
                .filter_map(|item| item.as_str().map(|s| (s.into(), item.clone())))
                .collect(),
        ),
        Value::Set(_, items) if items.iter().any(Value::is_unknown) => later(Type::String),
        Value::Unknown(Type::Map(element)) => later((**element).clone()),
        Value::Unknown(Type::Set(element)) if matches!(**element, Type::String | Type::Any) => {
            later(Type::String)
        }
        Value::Unknown(Type::Object(_) | Type::Any) => later(Type::Any),
        Value::List(..) | Value::Tuple(_) | Value::Unknown(Type::List(_) | Type::Tuple(_)) => {
            let help = match &*expr.kind {
                infra_model::expr::ExprKind::Tuple(_) => {
                    "write a table `{ key = value }`, or wrap the array: `\"${toset([…])}\"`"
                }
                _ => {
                    "wrap it in `toset()` when its elements are strings that differ, or build a map with `{ for … }`"
                }
            };
            report.push(as_set(
                error(
                    Code::BadRepeat,
                    "`for_each` takes a map or a set of strings",
                    expr.span,
                    format!("this is {}", article(value)),
                )
                .help(help),
                expr,
                bare,
                report.is_array(expr.span),
            ));
            Instances::Wrong
        }
        _ => refuse(
            Code::BadRepeat,
            "`for_each` takes a map or a set of strings",
            format!("this is {}", article(value)),
            "every element needs a key of its own that stays the same",
        ),
    }
}

/// With the mend for a list of strings that all differ: a set of them.
fn as_set(diagnostic: Diagnostic, expr: &Expr, bare: &Value, is_array: bool) -> Diagnostic {
    let texts: Option<Vec<&str>> = bare
        .elements()
        .and_then(|items| items.iter().map(Value::as_str).collect());
    let mut distinct = texts.clone().unwrap_or_default();
    distinct.sort_unstable();
    distinct.dedup();
    let all_differ = texts
        .as_ref()
        .is_some_and(|all| all.len() == distinct.len());
    let unknown = matches!(bare, Value::Unknown(Type::List(element)) if **element == Type::String);
    if !all_differ && !unknown {
        return diagnostic;
    }
    if is_array {
        // A TOML array becomes an expression, as it is usually written; written otherwise, it is left to the person.
        let texts = texts.unwrap_or_default();
        if texts
            .iter()
            .any(|t| t.contains(['"', '\'', '\\', '$', '%']))
        {
            return diagnostic;
        }
        let items: Vec<String> = texts.iter().map(|t| format!("\"{t}\"")).collect();
        let array = format!("[{}]", items.join(", "));
        let set = format!("'${{toset({array})}}'");
        return diagnostic.replace(expr.span, array, set);
    }
    let (start, end) = (
        Span {
            end: expr.span.start,
            ..expr.span
        },
        Span {
            start: expr.span.end,
            ..expr.span
        },
    );
    diagnostic
        .replace(start, "", "toset(")
        .replace(end, "", ")")
}

/// `a list of string`, `null`
fn article(value: &Value) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    let name = value.ty().friendly();
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {name}")
}
