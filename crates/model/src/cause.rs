//! Why something failed, from what wraps what.

use std::error::Error;

/// What the innermost cause of an error says: the outer ones most often only say what was being done.
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
