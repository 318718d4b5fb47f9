//! The functions of expressions, Terraform's by name and meaning. Each is one small Rust function in the module of its theme
//! and one line of the table. None prints, reads a clock or the environment, or writes anything.

mod code_pages;
mod collection;
mod collection_types;
mod convert;
mod csv;
mod datetime;
mod double;
mod duration;
mod encoding;
mod filesystem;
mod format;
mod glob;
mod hash;
mod json;
mod network;
mod numeric;
mod pattern;
mod sets;
mod signature;
mod string;
mod table;
mod template;
mod text_encoding;
pub(crate) mod yaml_decode;
mod yaml_encode;

use collection_types as types;
pub use signature::{Function, Kind, Parameter, Returns};

use crate::codes::Code;
use crate::eval::Evaluator;
use crate::report::{error, suggesting};
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::evaluate::Scope;
use infra_model::value::Marks;
use infra_model::{Number, Value};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What stands behind a function's name.
#[derive(Clone, Copy)]
pub(crate) enum Implementation {
    /// Called with the values of its arguments.
    Eager(fn(&Call<'_>) -> Outcome),
    /// `try`: its arguments may fail.
    Try,
    /// `can`: its argument may fail.
    Can,
}

/// All functions, by group.
#[must_use]
pub fn signatures() -> &'static [Function] {
    table::FUNCTIONS
}

/// What other languages call them.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("append", "concat"),
    ("b64decode", "base64decode"),
    ("b64encode", "base64encode"),
    ("capitalize", "title"),
    ("count", "length"),
    ("fromjson", "jsondecode"),
    ("fromyaml", "yamldecode"),
    ("len", "length"),
    ("lowercase", "lower"),
    ("readfile", "file"),
    ("size", "length"),
    ("sprintf", "format"),
    ("string", "tostring"),
    ("substring", "substr"),
    ("tojson", "jsonencode"),
    ("toyaml", "yamlencode"),
    ("uppercase", "upper"),
];

/// The error about a name that no function has.
pub(crate) fn unknown(name: &str, span: Span) -> Diagnostic {
    let diagnostic = error(
        Code::UnknownFunction,
        format!("there is no function `{name}`"),
        span,
        "unknown",
    );
    match OTHER_NAMES.iter().find(|(other, _)| *other == name) {
        Some((_, ours)) => diagnostic
            .replace(span, name, *ours)
            .help(format!("did you mean `{ours}`?")),
        None => suggesting(
            diagnostic,
            name,
            signatures().iter().map(|f| f.name),
            "functions are Terraform's, by its names; there are no user-defined ones",
        ),
    }
}

/// The function of a name; `core::` before it changes nothing.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> =
        LazyLock::new(|| signatures().iter().map(|f| (f.name, f)).collect());
    BY_NAME
        .get(name.strip_prefix("core::").unwrap_or(name))
        .copied()
}

/// What a function may ask besides its arguments.
pub(crate) struct Context<'a> {
    pub(crate) evaluator: &'a Evaluator,
    pub(crate) scope: &'a dyn Scope,
    /// How deep templates that render templates are.
    pub(crate) depth: usize,
}

/// One call, its arguments converted to the types of the parameters.
pub(crate) struct Call<'a> {
    pub(crate) arguments: &'a [Value],
    pub(crate) context: &'a Context<'a>,
}

/// The result of a function.
pub(crate) type Outcome = Result<Value, FunctionError>;

/// Why a function has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionError {
    /// Which argument is to blame; `None` for the call as a whole.
    pub(crate) argument: Option<usize>,
    /// What is wrong. It may quote arguments: whoever shows it leaves it out when one was sensitive.
    pub(crate) message: String,
}

/// An error about the call as a whole.
pub(crate) fn failed<T>(message: impl Into<String>) -> Result<T, FunctionError> {
    Err(FunctionError {
        argument: None,
        message: message.into(),
    })
}

/// An error about one argument.
pub(crate) fn bad<T>(argument: usize, message: impl Into<String>) -> Result<T, FunctionError> {
    Err(FunctionError {
        argument: Some(argument),
        message: message.into(),
    })
}

impl Call<'_> {
    /// An argument without its marks.
    pub(crate) fn bare(&self, index: usize) -> &Value {
        self.arguments[index].bare()
    }

    /// The text of a string argument.
    pub(crate) fn text(&self, index: usize) -> &str {
        self.arguments[index]
            .as_str()
            .expect("the signature says that it is a known string")
    }

    /// A number argument.
    pub(crate) fn number(&self, index: usize) -> &Number {
        match self.bare(index) {
            Value::Number(n) => n,
            _ => unreachable!("the signature says that it is a known number"),
        }
    }

    /// A number argument that must be a whole one of machine size.
    pub(crate) fn integer(&self, index: usize) -> Result<i64, FunctionError> {
        match self.number(index).to_i64() {
            Some(i) => Ok(i),
            None => bad(index, "a whole number is required"),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn size(&self, index: usize) -> Result<usize, FunctionError> {
        match usize::try_from(self.integer(index)?) {
            Ok(size) => Ok(size),
            Err(_) => bad(index, "must not be negative"),
        }
    }

    /// The elements of a known list, set or tuple argument.
    pub(crate) fn items(&self, index: usize) -> &[Value] {
        self.arguments[index].elements().unwrap_or_default()
    }

    /// Whether every argument is known through and through.
    pub(crate) fn wholly_known(&self) -> bool {
        self.arguments.iter().all(Value::is_wholly_known)
    }
}

/// Converts the arguments, takes care of nulls, unknowns and marks as the parameters say, and calls the function.
pub(crate) fn invoke(
    function: &Function,
    call: fn(&Call<'_>) -> Outcome,
    mut arguments: Vec<Value>,
    context: &Context<'_>,
) -> Outcome {
    let mut marks = Marks::NONE;
    let mut unknown = false;
    for (index, argument) in arguments.iter_mut().enumerate() {
        let parameter = function
            .parameter(index)
            .expect("the number of arguments was checked");
        if parameter.kind != Kind::Any {
            match infra_model::convert::convert(argument, &parameter.kind.ty()) {
                Ok(converted) => *argument = converted,
                Err(error) => return bad(index, error.to_string()),
            }
        }
        if argument.is_null() && !parameter.null {
            return bad(index, "must not be null");
        }
        if !parameter.marked && argument.holds_marked() {
            marks = marks.union(argument.deep_marks());
            *argument = argument.unmark_deep();
        }
        unknown |= argument.is_unknown() && !parameter.unknown;
    }
    if unknown {
        return Ok(Value::Unknown(function.returns.ty(&arguments)).with_marks(marks));
    }
    let call_of = Call {
        arguments: &arguments,
        context,
    };
    Ok(call(&call_of)?.with_marks(marks))
}
