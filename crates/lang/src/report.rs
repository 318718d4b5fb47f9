//! Where every pass puts what it finds, so that one run tells all. Nothing is printed here.

use crate::codes::Code;
use infra_model::Str;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use infra_model::hash::{HashMap, HashSet};
use infra_model::near::near;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Collects diagnostics; shared by reference between the passes.
#[derive(Debug, Default)]
pub(crate) struct Report {
    found: RefCell<Diagnostics>,
    /// Parts of a file could not be read.
    partial: Cell<bool>,
    texts: Rc<Texts>,
}

/// What the texts say that is lost in what they are read to.
#[derive(Debug, Default)]
struct Texts {
    /// Numbers whose text would not be what is written: `1.30`, `0x10`.
    written: RefCell<HashMap<Span, Str>>,
    /// Where blocks say which provider configuration they use, by their headers.
    providers: RefCell<HashMap<Span, Span>>,
    /// Values of `for_each` that are arrays of TOML, not of an expression.
    arrays: RefCell<HashSet<Span>>,
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

    /// Whether an error of this kind was reported for this very place.
    pub(crate) fn has(&self, code: Code, span: Span) -> bool {
        self.found
            .borrow()
            .iter()
            .any(|d| d.code == code && place(d) == Some(span))
    }

    /// From now on, what seems to be missing may stand in the part that cannot be read: nothing is said about it.
    pub(crate) fn is_partial(&self) {
        self.partial.set(true);
    }

    /// Remembers how a number is written whose own text is another.
    pub(crate) fn number_written(&self, span: Span, raw: &str) {
        self.texts.written.borrow_mut().insert(span, raw.into());
    }

    /// How the number at a place is written, when its own text is another.
    pub(crate) fn written(&self, span: Span) -> Option<Str> {
        self.texts.written.borrow().get(&span).cloned()
    }

    /// Remembers where the block with this header says which provider configuration it uses.
    pub(crate) fn provider_at(&self, header: Span, place: Span) {
        self.texts.providers.borrow_mut().insert(header, place);
    }

    /// Where the block with this header says which provider configuration it uses.
    pub(crate) fn provider_place(&self, header: Span) -> Option<Span> {
        self.texts.providers.borrow().get(&header).copied()
    }

    /// Remembers that the value of a `for_each` is an array of TOML.
    pub(crate) fn array_at(&self, span: Span) {
        self.texts.arrays.borrow_mut().insert(span);
    }

    /// Whether the value of this `for_each` is an array of TOML.
    pub(crate) fn is_array(&self, span: Span) -> bool {
        self.texts.arrays.borrow().contains(&span)
    }

    /// A report of its own that knows what this one does about the texts.
    pub(crate) fn beside(&self) -> Report {
        Report {
            texts: Rc::clone(&self.texts),
            ..Report::default()
        }
    }

    /// How many so far.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.found.borrow().len()
    }

    /// Everything, without repetitions, in the order of the places in the files.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        let mut found = self.found.into_inner();
        if self.partial.get() {
            found.retain(|d| !may_be_elsewhere(d.code));
        }
        let order = |d: &Diagnostic| place(d).map_or((u16::MAX, 0), |s| (s.file.0, s.start));
        found.sort_by(|a, b| (order(a), &a.message).cmp(&(order(b), &b.message)));
        // What two passes found is told once, in the words of the first.
        let mut told: HashSet<(Option<Span>, String)> = HashSet::default();
        let mut attributes: HashSet<Option<Span>> = HashSet::default();
        found.retain(|d| {
            told.insert((place(d), d.message.clone()))
                && (d.code != Code::UnknownAttribute || attributes.insert(place(d)))
        });
        found
    }
}

/// Takes the mends away that would hit another text than they were meant for, because an escape stands in between or the text
/// comes from a component.
pub(crate) fn keep_fitting_fixes(found: &mut Diagnostics, sources: &Sources) {
    for diagnostic in found {
        if !diagnostic.fix.iter().all(|edit| edit.fits(sources)) {
            diagnostic.fix.clear();
        }
    }
}

/// The main place.
fn place(diagnostic: &Diagnostic) -> Option<Span> {
    diagnostic.labels.first().map(|(span, _)| *span)
}

/// Whether a part of the file that cannot be read may hold what such an error misses.
fn may_be_elsewhere(code: Code) -> bool {
    matches!(
        code,
        Code::MissingKey
            | Code::MissingRequired
            | Code::MissingVariable
            | Code::UndeclaredVariable
            | Code::UnknownVariable
            | Code::UnknownLocal
            | Code::UnknownResource
            | Code::UnknownData
            | Code::UnknownComponent
            | Code::UnknownAlias
            | Code::Expansion
            | Code::EachOutside
            | Code::CountOutside
    )
}

/// An error with its code at a place.
pub(crate) fn error(
    code: Code,
    message: impl Into<String>,
    span: Span,
    label: impl Into<String>,
) -> Diagnostic {
    Diagnostic::error(code, message).at(span, label)
}

/// With "did you mean `x`?", or else a list of what there is when it is short, or else the given words. `word` is what stands at
/// the main place; when only one name comes near, writing it instead is the mend.
pub(crate) fn suggesting<'a>(
    mut diagnostic: Diagnostic,
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> Diagnostic {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = near(word, candidates.iter().copied()) {
        if near.certain
            && let Some(span) = place(&diagnostic)
        {
            diagnostic = diagnostic.replace(span, word, near.name);
        }
        return diagnostic.help(format!("did you mean `{}`?", near.name));
    }
    diagnostic.help = instead(&candidates, otherwise);
    diagnostic
}

/// What to say when no name comes near.
fn instead(candidates: &[&str], otherwise: &str) -> Option<String> {
    if !otherwise.is_empty() {
        return Some(otherwise.to_owned());
    }
    if candidates.is_empty() || candidates.len() > 12 {
        return None;
    }
    let list: Vec<String> = candidates.iter().map(|c| format!("`{c}`")).collect();
    Some(format!("there is {}", list.join(", ")))
}
