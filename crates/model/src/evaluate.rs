//! The two sides of evaluation: `lang` computes expressions, `engine` answers what references mean.

use crate::address::InstanceKey;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::expr::{Expr, Root};
use crate::time::Timestamp;
use crate::value::{Str, Value};

/// Computes expressions; `lang` implements it.
pub trait Evaluate: Send + Sync {
    /// The value of an expression. Unknown inputs give unknown results of the right type, marks flow through.
    ///
    /// # Errors
    /// Every problem found, each with a place.
    fn evaluate(&self, expr: &Expr, scope: &dyn Scope) -> Result<Value, Diagnostics>;
}

/// Answers references; the engine (and `lang`, for what is constant) implements it.
pub trait Scope {
    /// The value of a root, having consumed as many of the steps that follow it as the root needs: an instance key of a
    /// `for_each` block, an output's name. The evaluator applies the rest itself.
    ///
    /// # Errors
    /// An undeclared name, a missing instance, a value that failed.
    fn resolve(&self, root: &Root, steps: &[KnownStep], span: Span)
    -> Result<Resolved, Diagnostic>;

    /// What the run is doing.
    fn phase(&self) -> Phase;

    /// The present moment, for `timestamp()`.
    fn now(&self) -> Timestamp;

    /// The moment of the plan, for `plantimestamp()`: the same while planning, while that plan is applied, and when it is
    /// applied from a file.
    fn planned(&self) -> Timestamp {
        self.now()
    }
}

/// A step whose key is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownStep {
    /// `.name`
    Attribute(Str),
    /// `["key"]` or `[3]`
    Key(InstanceKey),
}

/// What [`Scope::resolve`] answers.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The value.
    pub value: Value,
    /// How many of the steps it already includes.
    pub consumed: usize,
}

impl Resolved {
    /// A value that includes none of the steps.
    #[must_use]
    pub fn whole(value: Value) -> Resolved {
        Resolved { value, consumed: 0 }
    }
}

/// What the run is doing: `timestamp()` and `uuid()` are unknown until apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Checking without values.
    Validate,
    /// Planning.
    Plan,
    /// Applying.
    Apply,
}
