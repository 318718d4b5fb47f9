//! What must hold of every expression: a value that is not known yet, or is secret, never leads evaluation astray. The
//! expressions are those that were compared with Terraform; each of their constants becomes a variable in turn.

use crate::expressions::{files, recorded};
use crate::literals::Literals;
use infra_lang::{Evaluator, parse_expression};
use infra_model::convert::convert;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expand::NoComponents;
use infra_model::expr::{Expr, Root};
use infra_model::value::Trace;
use infra_model::{Number, Timestamp, Type, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `var.x` is this.
struct Holding(Value);

impl Scope for Holding {
    fn resolve(&self, _: &Root, _: &[KnownStep], _: Span) -> Result<Resolved, Diagnostic> {
        Ok(Resolved::whole(self.0.clone()))
    }

    fn phase(&self) -> Phase {
        Phase::Apply
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }
}

/// Every recorded expression with one constant as a variable, and that constant. Some differ at every call and are left out.
fn cases() -> Vec<(String, Expr, Value)> {
    let here = Path::new("/stack");
    let mut cases = Vec::new();
    for line in recorded() {
        let text = line["expr"].as_str().expect("an expression");
        if ["uuid()", "bcrypt(", "rsadecrypt("]
            .iter()
            .any(|f| text.contains(f))
        {
            continue;
        }
        let Ok(expr) = parse_expression(text, &NoComponents, here, &mut Sources::default()) else {
            continue;
        };
        for (i, value) in Literals::of(&expr).into_iter().enumerate().take(6) {
            // A poisoned expression stands for what was refused.
            if !value.is_unknown() {
                cases.push((text.to_owned(), Literals::replaced(&expr, i), value));
            }
        }
    }
    assert!(cases.len() > 6000, "only {} cases", cases.len());
    cases
}

fn evaluator() -> Evaluator {
    Evaluator::new(Arc::new(files()), PathBuf::from("/stack"))
}

fn messages(errors: &Diagnostics) -> String {
    let all: Vec<&str> = errors.iter().map(|d| d.message.as_str()).collect();
    all.join("; ")
}

/// Whether what was foretold allows what came.
fn allows(foretold: &Value, came: &Value) -> bool {
    match (foretold.bare(), came.bare()) {
        (Value::Unknown(ty), came) => fits(ty, &came.ty()) || came.is_null(),
        (Value::List(_, a) | Value::Tuple(a), Value::List(_, b) | Value::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| allows(a, b))
        }
        // Elements that turn out equal become one.
        (a @ Value::Set(..), Value::Set(..)) if !a.is_wholly_known() => true,
        (Value::Map(_, a) | Value::Object(a), Value::Map(_, b) | Value::Object(b)) => {
            a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| allows(a, b))
        }
        (Value::Null(_), Value::Null(_)) => true,
        (a, b) => a == b,
    }
}

fn fits(foretold: &Type, came: &Type) -> bool {
    match (foretold, came) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::List(a), Type::List(b))
        | (Type::Set(a), Type::Set(b))
        | (Type::Map(a), Type::Map(b)) => fits(a, b),
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| fits(a, b))
        }
        (Type::Object(a), Type::Object(b)) => {
            a.attributes.keys().eq(b.attributes.keys())
                && a.attributes
                    .values()
                    .zip(b.attributes.values())
                    .all(|(a, b)| fits(&a.ty, &b.ty))
        }
        (a, b) => a == b,
    }
}

#[test]
fn what_is_foretold_of_an_unknown_value_comes_true() {
    const CHOOSING: [&str; 3] = ["?", "coalesce(", "lookup("];
    let evaluator = evaluator();
    let mut wrong = Vec::new();
    for (text, expr, value) in cases() {
        // What it says of the marks of a value need not hold of the parts of that value.
        if text.contains("issensitive(") {
            continue;
        }
        let Ok(came) = evaluator.evaluate(&expr, &Holding(value.clone())) else {
            continue;
        };
        for unknown in [Value::Unknown(value.ty()), Value::UNKNOWN] {
            match evaluator.evaluate(&expr, &Holding(unknown.clone())) {
                Ok(foretold) if allows(&foretold, &came) => {}
                // As in Terraform, the chosen one of several values is taken as it is while the type of another is open.
                Ok(foretold)
                    if CHOOSING.iter().any(|c| text.contains(c))
                        && convert(&foretold, &came.ty()).is_ok_and(|f| allows(&f, &came)) => {}
                Ok(foretold) => wrong.push(format!(
                    "{text}\n    with {unknown:?} for {value:?}\n    foretold {foretold:?}\n    came     {came:?}"
                )),
                Err(errors) => wrong.push(format!(
                    "{text}\n    with {unknown:?} for {value:?}\n    refused: {}\n    came     {came:?}",
                    messages(&errors)
                )),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Another value of the same type.
fn another(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Bool(b) => Value::Bool(!b),
        Value::Number(n) => Value::Number(n.add(&Number::from(1))),
        Value::String(s) => Value::string(format!("{s}x")),
        _ => return None,
    })
}

#[test]
fn whatever_a_secret_changes_is_secret() {
    /// Functions that say what may be known of a secret, as in Terraform.
    const TELLING: [&str; 4] = ["nonsensitive(", "issensitive(", "can(", "try("];
    /// Which attributes the branch has that is not chosen is no secret, but decides the type.
    const TYPED: &str = "?";
    let evaluator = evaluator();
    let mut wrong = Vec::new();
    for (text, expr, value) in cases() {
        let plain = evaluator.evaluate(&expr, &Holding(value.clone()));
        let secret = evaluator.evaluate(&expr, &Holding(value.clone().sensitive()));
        let telling = TELLING.iter().any(|f| text.contains(f));
        match (&plain, &secret) {
            (Ok(plain), Ok(secret)) => {
                if !telling && plain.unmark_deep() != secret.unmark_deep() {
                    wrong.push(format!("{text}\n    {value:?} secret changes the result\n    {plain:?}\n    {secret:?}"));
                }
                let other = another(&value)
                    .and_then(|other| evaluator.evaluate(&expr, &Holding(other)).ok());
                let differs = other.is_some_and(|other| other.unmark_deep() != plain.unmark_deep());
                let differs = differs && !(text.contains(TYPED) && text.contains("{"));
                if differs && !telling && !secret.deep_marks().sensitive {
                    wrong.push(format!(
                        "{text}\n    {value:?} decides this, but it is no secret\n    {secret:?}"
                    ));
                }
            }
            (Err(_), Err(_)) => {}
            _ if telling => {}
            (a, b) => wrong.push(format!(
                "{text}\n    {value:?} secret changes whether it fails\n    {a:?}\n    {b:?}"
            )),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Whether each place where a trace comes out has, once it is known, what stands in its place; how many there are is counted.
fn arrives(
    foretold: &Value,
    came: &Value,
    trace: &Trace,
    value: &Value,
    times: &mut usize,
) -> bool {
    if Trace::of(foretold) == Some(trace.key()) {
        *times += 1;
        return convert(value, &came.ty()).is_ok_and(|value| value == *came);
    }
    match (foretold.bare(), came.bare()) {
        (Value::List(_, a) | Value::Tuple(a), Value::List(_, b) | Value::Tuple(b)) => {
            (a.iter().zip(b.iter())).all(|(a, b)| arrives(a, b, trace, value, times))
        }
        (Value::Map(_, a) | Value::Object(a), Value::Map(_, b) | Value::Object(b)) => {
            (a.values().zip(b.values())).all(|(a, b)| arrives(a, b, trace, value, times))
        }
        _ => true,
    }
}

/// To every operation a trace is what any unknown value is; and what comes out as a trace is what was put in, whatever that is.
#[test]
fn a_trace_is_unknown_and_comes_out_as_what_it_will_be() {
    let evaluator = evaluator();
    let (mut wrong, mut times) = (Vec::new(), 0);
    for (text, expr, value) in cases() {
        let trace = Trace::unknown(value.ty());
        let plain = evaluator.evaluate(&expr, &Holding(Value::Unknown(value.ty())));
        let traced = evaluator.evaluate(&expr, &Holding(trace.value()));
        let alike = match (&plain, &traced) {
            (Ok(a), Ok(b)) => a.unmark_deep() == b.unmark_deep(),
            (a, b) => a.is_err() && b.is_err(),
        };
        if !alike {
            wrong.push(format!(
                "{text}\n    unknown {plain:?}\n    traced  {traced:?}"
            ));
        }
        let came = evaluator.evaluate(&expr, &Holding(value.clone()));
        if let (Ok(traced), Ok(came)) = (traced, came)
            && !arrives(&traced, &came, &trace, &value, &mut times)
        {
            wrong.push(format!(
                "{text}\n    with {value:?}\n    traced {traced:?}\n    came   {came:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(times > 300, "only {times} came out");
}
