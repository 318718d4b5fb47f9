//! What a function is: its parameters, the type of its result, its documentation and the code behind it.

use super::Implementation;
use infra_model::{Type, Value};
use std::fmt;

/// A function of the language.
#[derive(Clone, Copy)]
pub struct Function {
    /// As it is called.
    pub name: &'static str,
    /// What it is about, for the documentation's chapters.
    pub group: &'static str,
    /// The parameters that must be given.
    pub parameters: &'static [Parameter],
    /// The parameter that takes any number of further arguments.
    pub variadic: Option<Parameter>,
    /// The type of the result.
    pub returns: Returns,
    /// One line of documentation.
    pub doc: &'static str,
    pub(crate) implementation: Implementation,
}

/// A parameter of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in messages and documentation.
    pub name: &'static str,
    /// Arguments are converted to this type.
    pub kind: Kind,
    /// Whether null reaches the function; otherwise it is an error.
    pub null: bool,
    /// Whether an unknown argument reaches the function; otherwise the result is unknown.
    pub unknown: bool,
    /// Whether a marked argument reaches the function; otherwise the marks move to the whole result.
    pub marked: bool,
}

impl Parameter {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Parameter {
        Parameter {
            name,
            kind,
            null: false,
            unknown: false,
            marked: false,
        }
    }

    pub(super) const fn null(self) -> Parameter {
        Parameter { null: true, ..self }
    }

    pub(super) const fn unknown(self) -> Parameter {
        Parameter {
            unknown: true,
            ..self
        }
    }

    pub(super) const fn marked(self) -> Parameter {
        Parameter {
            marked: true,
            ..self
        }
    }
}

/// The types that signatures name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Any,
    Bool,
    Number,
    String,
    ListOfAny,
    ListOfBool,
    ListOfNumber,
    ListOfString,
    SetOfAny,
    SetOfString,
    MapOfListOfString,
}

impl Kind {
    /// The type itself.
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            Kind::Any => Type::Any,
            Kind::Bool => Type::Bool,
            Kind::Number => Type::Number,
            Kind::String => Type::String,
            Kind::ListOfAny => Type::list(Type::Any),
            Kind::ListOfBool => Type::list(Type::Bool),
            Kind::ListOfNumber => Type::list(Type::Number),
            Kind::ListOfString => Type::list(Type::String),
            Kind::SetOfAny => Type::set(Type::Any),
            Kind::SetOfString => Type::set(Type::String),
            Kind::MapOfListOfString => Type::map(Type::list(Type::String)),
        }
    }
}

/// The type of a function's result.
#[derive(Clone, Copy)]
pub enum Returns {
    /// Always this.
    Kind(Kind),
    /// It depends on the arguments: this is what an unknown result is given.
    Computed(fn(&[Value]) -> Type),
}

impl Returns {
    /// The type of the result for these arguments, as far as it can be told.
    #[must_use]
    pub fn ty(self, arguments: &[Value]) -> Type {
        match self {
            Returns::Kind(kind) => kind.ty(),
            Returns::Computed(compute) => compute(arguments),
        }
    }
}

impl Function {
    /// The parameter that an argument is for; `None` when there are too many arguments.
    #[must_use]
    pub fn parameter(&self, index: usize) -> Option<&Parameter> {
        self.parameters.get(index).or(self.variadic.as_ref())
    }

    /// What is wrong with a number of arguments, if anything.
    #[must_use]
    pub fn arity_error(&self, given: usize) -> Option<String> {
        let required = self.parameters.len();
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        if given < required {
            let missing = self.parameters[given].name;
            let at_least = if self.variadic.is_some() {
                "at least "
            } else {
                ""
            };
            return Some(format!(
                "function `{}` takes {at_least}{required} argument{}, the one for `{missing}` is missing",
                self.name,
                plural(required)
            ));
        }
        if given > required && self.variadic.is_none() {
            return Some(format!(
                "function `{}` takes {} argument{}, but {given} are given",
                self.name,
                if required == 0 {
                    "no".to_owned()
                } else {
                    required.to_string()
                },
                plural(if required == 0 { 2 } else { required })
            ));
        }
        None
    }
}

impl fmt::Display for Function {
    /// `cidrsubnet(prefix string, newbits number, netnum number) string`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        let fixed = self.parameters.iter().map(|p| (p, ""));
        let rest = self.variadic.iter().map(|p| (p, "..."));
        for (i, (parameter, dots)) in fixed.chain(rest).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{} {}{dots}", parameter.name, parameter.kind.ty())?;
        }
        f.write_str(")")?;
        match self.returns {
            Returns::Kind(kind) => write!(f, " {}", kind.ty()),
            Returns::Computed(_) => f.write_str(" any"),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
