//! Where every pass puts what it finds, so that one run tells all. Nothing is printed here.

use crate::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use std::cell::RefCell;

/// Collects diagnostics; shared by reference between the passes.
#[derive(Debug, Default)]
pub(crate) struct Report {
    found: RefCell<Diagnostics>,
}

impl Report {
    /// Takes a finished diagnostic.
    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Takes several.
    pub(crate) fn extend(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.found.borrow_mut().extend(diagnostics);
    }

    /// An error at a place.
    pub(crate) fn error(
        &self,
        code: Code,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) {
        self.push(error(code, message, span, label));
    }

    /// Takes what was found of one instance, whose address says which when no message does.
    pub(crate) fn about(&self, found: Diagnostics, address: impl std::fmt::Display) {
        if found.is_empty() {
            return;
        }
        let address = address.to_string();
        self.extend(found.into_iter().map(|d| {
            Diagnostic {
                address: d
                    .address
                    .or_else(|| (!address.is_empty()).then(|| address.clone())),
                ..d
            }
        }));
    }

    /// Whether any error was reported.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(Diagnostic::is_error)
    }

    /// How many so far.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.found.borrow().len()
    }

    /// Everything, without repetitions, in the order of the places in the files.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        let mut found = self.found.into_inner();
        let place = |d: &Diagnostic| {
            d.labels
                .first()
                .map_or((u16::MAX, 0), |(s, _)| (s.file.0, s.start))
        };
        found.sort_by(|a, b| (place(a), &a.message).cmp(&(place(b), &b.message)));
        // What two passes found is told once, in the words of the first.
        found.dedup_by(|b, a| {
            let at = |d: &Diagnostic| d.labels.first().map(|(span, _)| *span);
            a.message == b.message && at(a) == at(b)
        });
        found
    }
}

/// An error with its code at a place.
pub(crate) fn error(
    code: Code,
    message: impl Into<String>,
    span: Span,
    label: impl Into<String>,
) -> Diagnostic {
    Diagnostic::error(message)
        .code(code.as_str())
        .at(span, label)
}

/// "did you mean `x`?", or else a list of what there is when it is short, or else the given words.
pub(crate) fn suggest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(close) = did_you_mean(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{close}`?"));
    }
    if !otherwise.is_empty() {
        return Some(otherwise.to_owned());
    }
    if candidates.is_empty() || candidates.len() > 12 {
        return None;
    }
    let list: Vec<String> = candidates.iter().map(|c| format!("`{c}`")).collect();
    Some(format!("there is {}", list.join(", ")))
}
