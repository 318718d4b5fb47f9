//! What is wrong with text that is not TOML, in the words of someone who writes stack files, and where to read on after it.
//! Values may be secrets (files of values are read here too), so they stand in no message and no label, only in mends.

use crate::codes::Code;
use crate::parse::foreign;
use crate::parse::text::offset;
use crate::report::error;
use infra_model::diagnostic::{Diagnostic, FileId, Span};
use std::ops::Range;

/// One fault of a text.
pub(crate) struct Fault {
    pub(crate) diagnostic: Diagnostic,
    /// What to leave out to read on.
    pub(crate) skip: Range<usize>,
}

/// What a TOML error means.
pub(crate) fn fault(toml: &toml_edit::TomlError, text: &str, file: FileId) -> Fault {
    let range = toml.span().unwrap_or(text.len()..text.len());
    let at = text.floor_char_boundary(range.start.min(text.len()));
    // The text of a heredoc is told as the heredoc that it is.
    let line = foreign::enclosing_heredoc(text, at).unwrap_or_else(|| line_at(text, at));
    let message = toml.message().lines().next().unwrap_or_default();
    let reading = Reading {
        text,
        file,
        line: line.clone(),
        at: at..text.floor_char_boundary(range.end.clamp(at, text.len())),
    };
    if message.starts_with("duplicate key") {
        return reading.duplicate();
    }
    let statement = &text[line.clone()];
    if let Some(block) = foreign::block(text, &line) {
        return Fault {
            diagnostic: reading
                .error(
                    Code::ForeignSyntax,
                    "this is HCL, and a stack file is TOML",
                    reading.trimmed(),
                    "a block of HCL",
                )
                .help(block.help),
            skip: block.range,
        };
    }
    let trimmed = statement.trim_start();
    let diagnostic = if trimmed.starts_with('[') {
        reading.header(message)
    } else {
        reading
            .key_value(message)
            .unwrap_or_else(|| reading.other(message))
    };
    let skip = if trimmed.starts_with('[') && !trimmed.contains('=') {
        line.start..next_header(text, line.end)
    } else {
        match foreign::heredoc(text, &line) {
            Some(end) => line.start..end,
            None => line,
        }
    };
    Fault { diagnostic, skip }
}

/// The line of a position, without its end. The end of the text belongs to the last line that says something.
fn line_at(text: &str, at: usize) -> Range<usize> {
    let at = if text[at..].trim().is_empty() {
        text.trim_end().len().min(at)
    } else {
        at
    };
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    start..end
}

/// Where the next table begins.
fn next_header(text: &str, from: usize) -> usize {
    text[from..]
        .find("\n[")
        .map_or(text.len(), |i| from + i + 1)
}

/// A faulty line.
struct Reading<'a> {
    text: &'a str,
    file: FileId,
    line: Range<usize>,
    /// Where the TOML parser stopped.
    at: Range<usize>,
}

impl Reading<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span {
            file: self.file,
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    fn error(&self, code: Code, message: &str, range: Range<usize>, label: &str) -> Diagnostic {
        error(code, message, self.span(range), label)
    }

    fn mended(&self, diagnostic: Diagnostic, range: Range<usize>, new: String) -> Diagnostic {
        let old = &self.text[range.clone()];
        diagnostic.replace(self.span(range), old, new)
    }

    /// The line without the white space around it.
    fn trimmed(&self) -> Range<usize> {
        let line = &self.text[self.line.clone()];
        let start = self.line.start + (line.len() - line.trim_start().len());
        start..start + line.trim().len()
    }

    fn duplicate(&self) -> Fault {
        let own = self.trimmed();
        let statement = &self.text[own.clone()];
        let is_header = statement.starts_with('[');
        let place = if is_header {
            own.clone()
        } else {
            self.at.clone()
        };
        let before = &self.text[..self.line.start];
        let same = |line: &str| {
            if is_header {
                line.trim() == statement
            } else {
                let key = &self.text[self.at.clone()];
                line.split('=').next().is_some_and(|k| k.trim() == key)
            }
        };
        let mut end = before.len();
        let mut first = None;
        for line in before.lines().rev() {
            end = before[..end].rfind(line).unwrap_or(0);
            if same(line) {
                let start = end + (line.len() - line.trim_start().len());
                let word = if is_header {
                    line.trim().len()
                } else {
                    self.at.len()
                };
                first = Some(start..start + word);
                break;
            }
            if !is_header && line.trim_start().starts_with('[') {
                break;
            }
        }
        let mut diagnostic = self.error(
            Code::DuplicateName,
            "this name is defined twice",
            place,
            if first.is_some() {
                "defined again"
            } else {
                "already defined above"
            },
        );
        if let Some(first) = first {
            diagnostic = diagnostic.at(self.span(first), "first defined here");
        }
        Fault {
            diagnostic: diagnostic
                .help("TOML has one table for each name, and one value for each key: merge the two, or rename one"),
            skip: if is_header {
                self.line.start..next_header(self.text, self.line.end)
            } else {
                self.line.clone()
            },
        }
    }

    /// `[resource.aws_vpc.main`, `[resource "aws_vpc" "main"]`
    fn header(&self, message: &str) -> Diagnostic {
        let own = self.trimmed();
        let statement = &self.text[own.clone()];
        let open = statement.len() - statement.trim_start_matches('[').len();
        let inner = statement
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim();
        let close = statement.len() - statement.trim_end_matches(']').len();
        let wrong =
            |what: &str, label: &str| self.error(Code::TomlSyntax, what, own.clone(), label);
        let words: Vec<&str> = inner.split_whitespace().collect();
        let plain = |word: &str| {
            let word = word.trim_matches('"');
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        };
        if open > 2 || inner.contains(['=', '#']) {
            return wrong("this header cannot be read", message)
                .help("a header is `[TABLE.NAME]`, alone on its line");
        }
        if words.len() > 1 && words.iter().all(|w| plain(w)) {
            let names: Vec<&str> = words.iter().map(|w| w.trim_matches('"')).collect();
            let brackets = ("[".repeat(open.max(1)), "]".repeat(open.max(1)));
            let new = format!("{}{}{}", brackets.0, names.join("."), brackets.1);
            return self.mended(
                wrong("the names of a header are joined by dots", "")
                    .help(format!("write `{new}`")),
                own,
                new,
            );
        }
        if close < open && plain(inner) {
            let new = format!("{}{inner}{}", "[".repeat(open), "]".repeat(open));
            return self.mended(
                wrong("this header does not end", "a `]` is missing")
                    .help(format!("write `{new}`")),
                own,
                new,
            );
        }
        wrong("this header cannot be read", message)
            .help("a header is `[TABLE.NAME]`; a name with other characters than letters, digits, `_` and `-` stands in quotes")
    }

    /// `key = value`, whose value is wrong.
    fn key_value(&self, message: &str) -> Option<Diagnostic> {
        let line = &self.text[self.line.clone()];
        let equals = line.find('=')?;
        let key = line[..equals].trim();
        if key.is_empty()
            || !key
                .chars()
                .all(|c| c.is_alphanumeric() || "_-.\"'".contains(c))
        {
            return None;
        }
        let after = &line[equals + 1..];
        let start = self.line.start + equals + 1 + (after.len() - after.trim_start().len());
        let value = after.trim();
        let range = start..start + value.len();
        let wrong =
            |what: &str, label: &str| self.error(Code::TomlSyntax, what, range.clone(), label);
        if value.is_empty() || value.starts_with('#') {
            let end = self.line.start + equals + 1;
            return Some(
                self.error(
                    Code::TomlSyntax,
                    &format!("`{key}` has no value"),
                    end - 1..end,
                    "nothing follows",
                )
                .help("write its value after the `=`; a setting that is not wanted is left out"),
            );
        }
        if value.starts_with("<<") {
            return Some(
                self.error(
                    Code::ForeignSyntax,
                    "TOML has no heredocs",
                    range,
                    "a heredoc of HCL",
                )
                .help("write a text of several lines between `\"\"\"` and `\"\"\"`; `${…}` works in it as well"),
            );
        }
        if let Some(requoted) = requoted(line) {
            let whole = self.line.clone();
            return Some(
                self.mended(
                    self.error(
                        Code::ExpressionSyntax,
                        "the quotes inside `${…}` end the string",
                        self.at.start..self.at.start.max(self.at.end.min(whole.end)),
                        "the string ended before this",
                    )
                    .help("put the string in single quotes, or write the inner quotes `\\\"`"),
                    whole,
                    requoted,
                ),
            );
        }
        let (bare, comment) = value
            .split_once(" #")
            .map_or((value, ""), |(v, _)| (v.trim_end(), "#"));
        let bare_range = range.start..range.start + bare.len();
        if value.starts_with('"') && !value.starts_with("\"\"\"") && !bare[1..].contains('"') {
            return Some(
                wrong("this string does not end", "a `\"` is missing")
                    .help("close it with `\"` on the same line; a text of several lines stands between `\"\"\"`"),
            );
        }
        if message.contains("escape") {
            return Some(
                self.error(Code::TomlSyntax, "this backslash means nothing", self.at.clone(), message)
                    .help("write `\\\\` for a backslash, or put the string in single quotes, where nothing is escaped"),
            );
        }
        if bare.len() > 1
            && bare.starts_with('\'')
            && bare.ends_with('\'')
            && bare[1..bare.len() - 1].contains('\'')
        {
            let inner = &bare[1..bare.len() - 1];
            let diagnostic = wrong("the apostrophe ends the string", "")
                .help("write the string with double quotes");
            return Some(if inner.contains(['"', '\\']) {
                diagnostic
            } else {
                self.mended(diagnostic, bare_range, format!("\"{inner}\""))
            });
        }
        let is_word = bare.starts_with(|c: char| c.is_alphanumeric() || "_/.-~*@+$%".contains(c));
        if !is_word || comment.is_empty() && bare.contains(" #") {
            return None;
        }
        Some(self.unquoted(bare, &bare_range))
    }

    /// A value without quotes.
    fn unquoted(&self, bare: &str, range: &Range<usize>) -> Diagnostic {
        let wrong = |what: &str| self.error(Code::TomlSyntax, what, range.clone(), "no quotes");
        let mended = |diagnostic: Diagnostic, new: String| {
            let sample = format!("a = {new}");
            if toml_edit::Document::parse(sample.as_str()).is_ok() {
                self.mended(diagnostic, range.clone(), new)
            } else {
                diagnostic
            }
        };
        match &*bare.to_lowercase() {
            word @ ("true" | "false") => {
                return mended(
                    wrong("`true` and `false` are written with small letters"),
                    word.to_owned(),
                );
            }
            "yes" | "on" => return mended(wrong("a bool is `true` or `false`"), "true".to_owned()),
            "no" | "off" => {
                return mended(wrong("a bool is `true` or `false`"), "false".to_owned());
            }
            "null" | "none" | "nil" => {
                return wrong("TOML has no null").help(
                    "leave the setting out; where a value must stand, `\"${null}\"` is unset",
                );
            }
            _ => {}
        }
        if foreign::is_expression(bare) {
            let new = if bare.contains('"') {
                format!("'${{{bare}}}'")
            } else {
                format!("\"${{{bare}}}\"")
            };
            return mended(
                wrong("an expression stands in a string, between `${` and `}`")
                    .help(format!("write `{new}`")),
                new,
            );
        }
        let diagnostic = wrong("text stands in quotes");
        if bare.contains(['"', '\'', '\\', '[', ']', '{', '}', '=', ',']) {
            return diagnostic.help("write it between `\"` and `\"`");
        }
        let new = format!("\"{bare}\"");
        mended(diagnostic.help(format!("write `{new}`")), new)
    }

    /// A line that is neither a header nor a setting.
    fn other(&self, message: &str) -> Diagnostic {
        let own = self.trimmed();
        let statement = &self.text[own.clone()];
        let wrong = |what: &str| self.error(Code::TomlSyntax, what, own.clone(), "");
        if statement.starts_with("//") || statement.starts_with("/*") {
            return self.mended(
                wrong("comments begin with `#`"),
                own.start..own.start + 2,
                "#".to_owned(),
            );
        }
        if statement.starts_with(['}', ')']) {
            return wrong("nothing is open that this could close")
                .help("tables end where the next header begins; take it out");
        }
        if let Some((key, value)) = statement.split_once(':')
            && !key.trim().is_empty()
            && !value.trim().is_empty()
            && key
                .trim()
                .chars()
                .all(|c| c.is_alphanumeric() || "_-".contains(c))
        {
            return wrong("a setting is written `NAME = VALUE`")
                .help(format!("write `{} = …`; this looks like YAML", key.trim()));
        }
        self.error(
            Code::TomlSyntax,
            "this is not valid TOML",
            self.at.clone(),
            message,
        )
        .help("a line is a header (`[TABLE.NAME]`), a setting (`NAME = VALUE`) or a comment (`# …`); look for a bracket, quote or comma that is missing before it")
    }
}

/// The line with every string that has quotes inside `${…}` written so that TOML reads it; `None` when there is none, or when
/// that does not help.
fn requoted(line: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = line;
    let mut changed = false;
    while let Some(open) = rest.find('"') {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let length = string_length(from)?;
        let (string, after) = from.split_at(length);
        let inner = &string[1..length - 1];
        if inner.contains('"') && inner.contains("${") && !inner.contains("\\\"") {
            changed = true;
            if inner.contains(['\'', '\\']) {
                out.push_str(&format!("\"{}\"", inner.replace('"', "\\\"")));
            } else {
                out.push_str(&format!("'{inner}'"));
            }
        } else {
            out.push_str(string);
        }
        rest = after;
    }
    out.push_str(rest);
    let reads = toml_edit::Document::parse(out.as_str()).is_ok();
    (changed && reads).then_some(out)
}

/// How long the string at the start of a text was meant to be: quotes between `${` and `}` do not end it.
fn string_length(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut previous = ' ';
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '{' if depth > 0 || previous == '$' || previous == '%' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '"' if depth == 0 && previous != '\\' => return Some(at + 1),
            _ => {}
        }
        previous = c;
    }
    None
}
