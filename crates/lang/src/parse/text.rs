//! Strings of a file after TOML unescaping, with the way back from each decoded byte to its byte in the file.

use infra_model::Str;
use infra_model::diagnostic::{FileId, Span};
use std::ops::Range;

/// A decoded string that knows where each of its bytes stands.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// The text after unescaping, not yet normalised.
    pub(crate) value: Str,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// Byte for byte as in the file.
    Plain { file: FileId, start: u32 },
    /// The place in the file of each decoded byte, and of the end.
    Escaped { file: FileId, offsets: Box<[u32]> },
    /// From no file: everything is said to stand here.
    Fixed(Span),
}

impl Text {
    /// Text that stands nowhere by itself; `span` is where what made it stands.
    pub(crate) fn fixed(value: &str, span: Span) -> Text {
        Text {
            value: value.into(),
            origin: Origin::Fixed(span),
        }
    }

    /// Text that stands byte for byte in a file.
    pub(crate) fn plain(value: &str, file: FileId, start: u32) -> Text {
        Text {
            value: value.into(),
            origin: Origin::Plain { file, start },
        }
    }

    /// The decoded string of a TOML token: `raw` is the token with its quotes, which starts at `start`.
    pub(crate) fn of_token(value: &str, raw: &str, file: FileId, start: u32) -> Text {
        let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") {
            3
        } else {
            1
        };
        let end = start + offset(raw.len());
        let body_end = raw.len().saturating_sub(quotes);
        let mut body_start = quotes.min(body_end);
        if quotes == 3 {
            let body = &raw[body_start..body_end];
            body_start += if body.starts_with("\r\n") {
                2
            } else {
                usize::from(body.starts_with('\n'))
            };
        }
        let body = &raw[body_start..body_end];
        let base = start + offset(body_start);
        let origin = if body == value {
            Origin::Plain { file, start: base }
        } else {
            match offsets(value, body, base, raw.starts_with('"')) {
                Some(offsets) => Origin::Escaped { file, offsets },
                None => Origin::Fixed(Span { file, start, end }),
            }
        };
        Text {
            value: value.into(),
            origin,
        }
    }

    /// Where a range of the decoded text stands.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        match &self.origin {
            Origin::Plain { file, start } => Span {
                file: *file,
                start: start + offset(range.start),
                end: start + offset(range.end),
            },
            Origin::Escaped { file, offsets } => {
                let at = |i: usize| offsets[i.min(offsets.len() - 1)];
                Span {
                    file: *file,
                    start: at(range.start),
                    end: at(range.end),
                }
            }
            Origin::Fixed(span) => *span,
        }
    }

    /// A part of the text, which knows its own place.
    pub(crate) fn slice(&self, range: Range<usize>) -> Text {
        let origin = match &self.origin {
            Origin::Plain { file, start } => Origin::Plain {
                file: *file,
                start: start + offset(range.start),
            },
            Origin::Escaped { file, offsets } => Origin::Escaped {
                file: *file,
                offsets: offsets[range.start..=range.end].into(),
            },
            Origin::Fixed(span) => Origin::Fixed(*span),
        };
        Text {
            value: self.value[range].into(),
            origin,
        }
    }

    /// Where all of it stands, without the quotes.
    pub(crate) fn whole(&self) -> Span {
        self.span(0..self.value.len())
    }
}

/// Files of 4 GiB and more are refused before anything is parsed.
pub(crate) fn offset(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// The source offset of each byte of `value`, and of its end, by walking the token's body beside it.
fn offsets(value: &str, body: &str, base: u32, escapes: bool) -> Option<Box<[u32]>> {
    let mut out = Vec::with_capacity(value.len() + 1);
    let mut at = 0;
    for c in value.chars() {
        at = skip_folded(body, at, escapes);
        let rest = &body[at..];
        let length = match rest.strip_prefix('\\').filter(|_| escapes) {
            Some(escape) => match escape.bytes().next()? {
                b'x' => 4,
                b'u' => 6,
                b'U' => 10,
                _ => 2,
            },
            // A line end is one character, however the file spells it.
            None if c == '\n' && rest.starts_with("\r\n") => 2,
            None if rest.starts_with(c) => c.len_utf8(),
            None => return None,
        };
        out.extend(std::iter::repeat_n(base + offset(at), c.len_utf8()));
        at += length;
        if !body.is_char_boundary(at) {
            return None;
        }
    }
    out.push(base + offset(at));
    Some(out.into_boxed_slice())
}

/// Past every backslash at the end of a line and the white space it swallows.
fn skip_folded(body: &str, mut at: usize, escapes: bool) -> usize {
    while escapes && let Some(rest) = body[at..].strip_prefix('\\') {
        let kept = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if kept.len() == rest.len() || !rest[..rest.len() - kept.len()].contains('\n') {
            break;
        }
        at = body.len() - kept.len();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source text under the place of `part` in the first string of `toml`.
    fn under(toml: &str, part: &str) -> String {
        let document = toml_edit::Document::parse(toml).expect("TOML");
        let (_, item) = document.iter().next().expect("one key");
        let span = item.span().expect("parsed items have spans");
        let value = item.as_str().expect("a string");
        let text = Text::of_token(value, &toml[span.clone()], FileId(0), offset(span.start));
        let start = value.find(part).expect("the part is in the decoded text");
        let place = text.span(start..start + part.len());
        toml[place.start as usize..place.end as usize].to_owned()
    }

    #[test]
    fn a_decoded_range_is_found_again_in_the_file() {
        for (toml, part, source) in [
            (r#"a = "x ${var.y} z""#, "var.y", "var.y"),
            (r#"a = "q \"${f("b")}" "#.trim_end(), "", ""),
            (r#"a = "\"é\" ${f(\"b\")}""#, "f(\"b\")", "f(\\\"b\\\")"),
            (r#"a = "\u00e9${b}""#, "b", "b"),
            (r#"a = '\u00e9${b}'"#, "${b}", "${b}"),
            ("a = \"\"\"\none\n${two}\"\"\"", "two", "two"),
            ("a = \"\"\"\r\none\r\n${two}\r\n\"\"\"", "two", "two"),
            ("a = \"\"\"one \\\n   ${two}\"\"\"", "two", "two"),
            ("a = '''\none\n${two}'''", "two", "two"),
            (
                "a = \"\"\"x\\ty${two}\\\n\n  z\"\"\"",
                "two}z",
                "two}\\\n\n  z",
            ),
        ] {
            if part.is_empty() {
                continue;
            }
            assert_eq!(under(toml, part), source, "{toml}");
        }
    }
}
