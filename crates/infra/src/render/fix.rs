//! A mend that is certain, as a small diff: the lines as they stand, and as they would.

use super::literal::tame;
use super::paint::Paint;
use infra_model::diagnostic::Sources;
use infra_model::fix::{Edit, apply};

/// The lines before and after, set in under the help of a diagnostic; empty when there is nothing to show.
pub(crate) fn diff(edits: &[Edit], sources: &Sources, paint: Paint) -> String {
    let Some((old, new)) = lines(edits, sources) else {
        return String::new();
    };
    let mut text = String::new();
    for line in old.lines() {
        text.push_str(&format!(
            "        {}\n",
            paint.red(format!("- {}", tame(line)))
        ));
    }
    for line in new.lines() {
        text.push_str(&format!(
            "        {}\n",
            paint.green(format!("+ {}", tame(line)))
        ));
    }
    text
}

/// The whole lines that the edits touch, and what becomes of them.
fn lines(edits: &[Edit], sources: &Sources) -> Option<(String, String)> {
    let mut edits = edits.to_vec();
    edits.sort();
    let (first, last) = (edits.first()?, edits.last()?);
    let text = &*sources.file(first.span.file)?.text;
    let start = text.get(..first.span.start as usize)?.rfind('\n');
    let start = start.map_or(0, |i| i + 1);
    let end = last.span.end as usize;
    let end = text.get(end..)?.find('\n').map_or(text.len(), |i| end + i);
    let offset = u32::try_from(start).ok()?;
    for edit in &mut edits {
        edit.span.start = edit.span.start.checked_sub(offset)?;
        edit.span.end = edit.span.end.checked_sub(offset)?;
    }
    let old = text.get(start..end)?;
    Some((old.to_owned(), apply(old, &edits)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::diagnostic::Span;

    #[test]
    fn only_the_lines_that_change_are_shown() {
        let mut sources = Sources::default();
        let file = sources.add("x.toml", "a = 1\nb = [x]\nc = 3\n");
        let edit = |start, old: &str, new: &str| Edit {
            span: Span {
                file,
                start,
                end: start + u32::try_from(old.len()).expect("short"),
            },
            old: old.to_owned(),
            new: new.to_owned(),
        };
        let both = [edit(12, "", ")"), edit(10, "", "toset(")];
        assert_eq!(
            diff(&both, &sources, Paint::PLAIN),
            "        - b = [x]\n        + b = toset([x)]\n"
        );
        assert_eq!(diff(&[edit(0, "b", "c")], &sources, Paint::PLAIN), "");
        assert_eq!(diff(&[], &sources, Paint::PLAIN), "");
    }
}
