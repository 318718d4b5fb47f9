//! Mends that are certain: what to write instead of what stands in a file, and how a text looks afterwards.

use crate::diagnostic::{Diagnostic, FileId, Sources, Span};

/// One replacement. `old` is what must stand at the place, so that a mend is never applied to another text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// Where; empty for an insertion.
    pub span: Span,
    /// What stands there.
    pub old: String,
    /// What is to stand there.
    pub new: String,
}

impl Edit {
    /// Whether the place says what it should.
    #[must_use]
    pub fn fits(&self, sources: &Sources) -> bool {
        let text = sources.file(self.span.file).and_then(|file| {
            file.text
                .get(self.span.start as usize..self.span.end as usize)
        });
        text == Some(&*self.old)
    }
}

/// The edits of all diagnostics for one file, in order. Of two that overlap, the one that was found first stands: the other is
/// found again after it.
#[must_use]
pub fn edits_of(diagnostics: &[Diagnostic], file: FileId) -> Vec<Edit> {
    let mut chosen: Vec<Edit> = Vec::new();
    for diagnostic in diagnostics {
        let own = &diagnostic.fix;
        let apart = |edit: &Edit| {
            edit.span.file == file
                && chosen
                    .iter()
                    .all(|c| c.span.end < edit.span.start || edit.span.end < c.span.start)
        };
        // A mend of several places is made whole or not at all.
        if own.iter().all(apart) {
            chosen.extend(own.iter().cloned());
        }
    }
    chosen.sort();
    chosen
}

/// The text with the edits made; `None` when one does not fit it. They must be in order and apart.
#[must_use]
pub fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        if text.get(start..end)? != edit.old {
            return None;
        }
        out.push_str(text.get(at..start)?);
        out.push_str(&edit.new);
        at = end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Code;
    use std::slice::from_ref;

    fn edit(start: u32, old: &str, new: &str) -> Edit {
        Edit {
            span: Span {
                file: FileId(0),
                start,
                end: start + u32::try_from(old.len()).expect("short"),
            },
            old: old.to_owned(),
            new: new.to_owned(),
        }
    }

    #[test]
    fn edits_are_made_in_order_and_only_where_they_fit() {
        let edits = [edit(0, "a", "bb"), edit(4, "", "("), edit(5, "c", "d")];
        assert_eq!(apply("a = xc", &edits), Some("bb = (xd".to_owned()));
        assert_eq!(apply("b = xc", &edits), None);
        assert_eq!(apply("a", &edits), None);
    }

    #[test]
    fn of_overlapping_mends_the_first_stands_whole() {
        let with = |edits: &[Edit]| {
            edits
                .iter()
                .fold(Diagnostic::error(Code::UnknownKey, "wrong"), |d, e| {
                    d.replace(e.span, e.old.clone(), e.new.clone())
                })
        };
        let (a, b, c) = (edit(0, "aa", "x"), edit(1, "ab", "y"), edit(9, "c", "z"));
        let (first, last) = (with(from_ref(&a)), with(from_ref(&c)));
        let found = edits_of(&[first.clone(), with(&[b, c.clone()])], FileId(0));
        assert_eq!(found, from_ref(&a));
        let found = edits_of(&[last, first], FileId(0));
        assert_eq!(found, [a, c]);
    }
}
