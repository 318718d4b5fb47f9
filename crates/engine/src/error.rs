//! Why a run cannot go on.

use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_state::StateError;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Problems to show to a person; nothing was changed.
    #[error("{}", summary(.0))]
    Invalid(Diagnostics),
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

fn summary(diagnostics: &Diagnostics) -> String {
    diagnostics
        .iter()
        .map(|d| d.message.as_str())
        .collect::<Vec<_>>()
        .join("; ")
}

impl From<Diagnostic> for EngineError {
    fn from(diagnostic: Diagnostic) -> Self {
        EngineError::Invalid(vec![diagnostic])
    }
}

impl From<Diagnostics> for EngineError {
    fn from(diagnostics: Diagnostics) -> Self {
        EngineError::Invalid(diagnostics)
    }
}
