//! `infra fmt`: the canonical layout of a stack file. Comments, order and the spelling of every value stay as they are;
//! only white space changes.

mod tokens;
mod value;

use crate::parse::document;
use infra_model::diagnostic::{Diagnostics, Sources};
use tokens::{Kind, Token, Tokens};
use value::{Value, read_value};

/// The canonical layout of a text; formatting it again changes nothing.
///
/// # Errors
/// When the text is not TOML.
pub fn format(text: &str) -> Result<String, Diagnostics> {
    if let Err(toml) = toml_edit::Document::parse(text) {
        let file = Sources::default().add("", "");
        return Err(vec![document::syntax_error(&toml, text, file)]);
    }
    let lines = read_lines(&mut Tokens::of(text));
    Ok(write(&space(lines)))
}

/// A line of the file, or several when a value spans them.
enum Line<'a> {
    Blank,
    Comment(&'a str),
    Header {
        name: String,
        comment: Option<&'a str>,
    },
    Entry {
        key: String,
        value: Value<'a>,
        comment: Option<&'a str>,
    },
}

fn read_lines<'a>(tokens: &mut Tokens<'a>) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    while let Some(token) = tokens.next_significant() {
        match token.kind {
            Kind::Newline => lines.push(Line::Blank),
            Kind::Comment => {
                lines.push(Line::Comment(token.text.trim_end()));
                tokens.skip_newline();
            }
            Kind::Punctuation if token.text == "[" => {
                let name = header(tokens);
                let comment = tokens.comment_on_line();
                tokens.skip_newline();
                lines.push(Line::Header { name, comment });
            }
            _ => {
                let key = key(tokens, token, &mut Vec::new());
                let value = read_value(tokens);
                let comment = tokens.comment_on_line();
                tokens.skip_newline();
                lines.push(Line::Entry {
                    key,
                    value,
                    comment,
                });
            }
        }
    }
    lines
}

/// `[a.b]` or `[[a.b]]` without white space, after the first bracket.
fn header(tokens: &mut Tokens<'_>) -> String {
    let mut name = "[".to_owned();
    let mut depth = 1;
    while depth > 0
        && let Some(token) = tokens.next_significant()
    {
        match token.text {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        name.push_str(token.text);
    }
    name
}

/// A dotted key without white space, up to its `=`, which is consumed. Comments on the way are put into `comments`.
fn key<'a>(tokens: &mut Tokens<'a>, first: Token<'a>, comments: &mut Vec<&'a str>) -> String {
    let mut key = first.text.to_owned();
    while let Some(token) = tokens.next_significant() {
        match token.kind {
            Kind::Newline => {}
            Kind::Comment => comments.push(token.text.trim_end()),
            _ if token.text == "=" => break,
            _ => key.push_str(token.text),
        }
    }
    key
}

/// One blank line where there were more; one before each header that begins something new.
fn space(lines: Vec<Line<'_>>) -> Vec<Line<'_>> {
    let mut out: Vec<Line<'_>> = Vec::with_capacity(lines.len());
    let mut last_header = String::new();
    for line in lines {
        match &line {
            Line::Blank => {
                if matches!(out.last(), None | Some(Line::Blank | Line::Header { .. })) {
                    continue;
                }
            }
            Line::Header { name, .. } => {
                let inner = name.trim_matches(['[', ']']);
                let child = !last_header.is_empty()
                    && inner
                        .strip_prefix(last_header.as_str())
                        .is_some_and(|rest| rest.starts_with('.'));
                // Comments right above belong to the header.
                let comments = out
                    .iter()
                    .rev()
                    .take_while(|l| matches!(l, Line::Comment(_)))
                    .count();
                let at = out.len() - comments;
                let before = at.checked_sub(1).map(|i| &out[i]);
                let apart = matches!(before, None | Some(Line::Blank));
                let close = child && comments == 0;
                if !apart && !close {
                    out.insert(at, Line::Blank);
                }
                if !child {
                    inner.clone_into(&mut last_header);
                }
            }
            Line::Comment(_) | Line::Entry { .. } => {}
        }
        out.push(line);
    }
    while matches!(out.last(), Some(Line::Blank)) {
        out.pop();
    }
    out
}

fn write(lines: &[Line<'_>]) -> String {
    let mut out = String::new();
    let mut i = 0;
    while i < lines.len() {
        match &lines[i] {
            Line::Blank => out.push('\n'),
            Line::Comment(text) => {
                out.push_str(text);
                out.push('\n');
            }
            Line::Header { name, comment } => {
                out.push_str(name);
                end_line(&mut out, *comment, 1);
            }
            Line::Entry { .. } => {
                let group = lines[i..]
                    .iter()
                    .take_while(|line| is_short(line))
                    .count()
                    .max(1);
                write_group(&mut out, &lines[i..i + group]);
                i += group;
                continue;
            }
        }
        i += 1;
    }
    out
}

/// An entry on one line.
fn is_short(line: &Line<'_>) -> bool {
    matches!(line, Line::Entry { value, .. } if !value.is_tall())
}

/// Entries that stand together, with their `=` and their comments aligned.
fn write_group(out: &mut String, lines: &[Line<'_>]) {
    let width = lines
        .iter()
        .map(|line| match line {
            Line::Entry { key, .. } => key.chars().count(),
            _ => 0,
        })
        .max()
        .unwrap_or(0);
    let rendered: Vec<(String, Option<&str>)> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Entry {
                key,
                value,
                comment,
            } => {
                let mut text = format!("{key:width$} = ");
                value.write(&mut text, 0);
                Some((text, *comment))
            }
            _ => None,
        })
        .collect();
    for (i, (text, comment)) in rendered.iter().enumerate() {
        out.push_str(text);
        let gap = if comment.is_some() {
            let run_start = rendered[..i]
                .iter()
                .rposition(|(_, c)| c.is_none())
                .map_or(0, |p| p + 1);
            let run_end = rendered[i..]
                .iter()
                .position(|(_, c)| c.is_none())
                .map_or(rendered.len(), |p| i + p);
            let widest = rendered[run_start..run_end]
                .iter()
                .map(|(text, _)| last_line_width(text))
                .max()
                .unwrap_or(0);
            widest + 1 - last_line_width(text)
        } else {
            1
        };
        end_line(out, *comment, gap);
    }
}

fn last_line_width(text: &str) -> usize {
    text.rsplit('\n').next().unwrap_or_default().chars().count()
}

fn end_line(out: &mut String, comment: Option<&str>, gap: usize) {
    if let Some(comment) = comment {
        out.extend(std::iter::repeat_n(' ', gap));
        out.push_str(comment);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::format;

    /// Formats, and checks that formatting again changes nothing and no value changed.
    fn formatted(text: &str) -> String {
        let once = format(text).expect("valid TOML");
        assert_eq!(format(&once).expect("valid TOML"), once, "not idempotent");
        let parse = |text: &str| {
            let document: toml_edit::DocumentMut = text.parse().expect("valid TOML");
            let mut plain = Vec::new();
            flatten("", document.as_item(), &mut plain);
            plain
        };
        assert_eq!(parse(text), parse(&once), "a value changed");
        once
    }

    fn flatten(path: &str, item: &toml_edit::Item, out: &mut Vec<String>) {
        if let Some(table) = item.as_table_like() {
            out.push(format!("{path}{{}}"));
            for (key, value) in table.iter() {
                flatten(&format!("{path}.{key:?}"), value, out);
            }
        } else if let Some(tables) = item.as_array_of_tables() {
            for (i, table) in tables.iter().enumerate() {
                flatten(
                    &format!("{path}[{i}]"),
                    &toml_edit::Item::Table(table.clone()),
                    out,
                );
            }
        } else if let Some(array) = item.as_array() {
            for (i, value) in array.iter().enumerate() {
                flatten(
                    &format!("{path}[{i}]"),
                    &toml_edit::Item::Value(value.clone()),
                    out,
                );
            }
        } else if let Some(value) = item.as_value() {
            let mut value = value.clone();
            value.decor_mut().clear();
            out.push(format!("{path}={value}"));
        }
    }

    #[test]
    fn the_layout_is_canonical() {
        for (given, wanted) in [
            ("", ""),
            ("a=1\n\n\n\nb = 2", "a = 1\n\nb = 2\n"),
            (
                "a=1\nlong_name='x' # why\n",
                "a         = 1\nlong_name = 'x' # why\n",
            ),
            (
                "x = 1  # one\nyy = 22    # two\n",
                "x  = 1  # one\nyy = 22 # two\n",
            ),
            (
                "[ a . b ]\n\n x=1\n[c]\ny=2",
                "[a.b]\nx = 1\n\n[c]\ny = 2\n",
            ),
            (
                "[a]\nx=1\n[a.b]\ny=2\n# about c\n[c]\n",
                "[a]\nx = 1\n[a.b]\ny = 2\n\n# about c\n[c]\n",
            ),
            ("a=[1,2 , 3,]", "a = [1, 2, 3]\n"),
            ("a={b=1,c={d=2}}", "a = { b = 1, c = { d = 2 } }\n"),
            ("a=[]\nb={}", "a = []\nb = {}\n"),
            (
                "a=[\n1,# one\n  # next\n2\n]\nb=1",
                "a = [\n  1, # one\n  # next\n  2,\n]\nb = 1\n",
            ),
            (
                "a = [\n {x=1,\n y=2}, [\n 3] ]",
                "a = [\n  {\n    x = 1,\n    y = 2,\n  },\n  [\n    3,\n  ],\n]\n",
            ),
            (
                "a = \"\"\"\n  keep\n\n\n  this \"\"\"\nb=1",
                "a = \"\"\"\n  keep\n\n\n  this \"\"\"\nb = 1\n",
            ),
            ("a = { x = # why\n 1 }", "a = {\n  # why\n  x = 1,\n}\n"),
            ("a.\"b c\" . d=1", "a.\"b c\".d = 1\n"),
            (
                "[[moved]]\nfrom='a.b'\nto='a.c'\n[[moved]]\nfrom=\"#\"\nto=''",
                "[[moved]]\nfrom = 'a.b'\nto   = 'a.c'\n\n[[moved]]\nfrom = \"#\"\nto   = ''\n",
            ),
            (
                "# top\r\na = 1\r\n\r\n\r\n# end\r\n",
                "# top\na = 1\n\n# end\n",
            ),
            (
                "a = 1_000\nb = 0x1F\nc = 1979-05-27 07:32:00Z # t\n",
                "a = 1_000\nb = 0x1F\nc = 1979-05-27 07:32:00Z # t\n",
            ),
            (
                "a = '''x''y'''\nb = \"\\\"]\"",
                "a = '''x''y'''\nb = \"\\\"]\"\n",
            ),
            (
                "a = \"\"\"x\"\"\"\"\"\nb = 1",
                "a = \"\"\"x\"\"\"\"\"\nb = 1\n",
            ),
        ] {
            assert_eq!(formatted(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn what_is_not_toml_is_left_alone() {
        let found = format("a = [1,\nb = 2").expect_err("not TOML");
        assert_eq!(found[0].code, infra_model::Code::TomlSyntax);
    }
}
