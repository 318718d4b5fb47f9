//! TOML text to the tree of nodes. Syntax errors and values that the language has no meaning for are reported here.

use crate::codes::Code;
use crate::parse::node::{Entry, Node, NodeKind, Table};
use crate::parse::syntax::{self, Fault};
use crate::parse::text::{Text, offset};
use crate::report::{Report, error};
use infra_model::diagnostic::{FileId, Span};
use infra_model::{Number, Str};
use std::borrow::Cow;
use std::ops::Range;

/// After so many faults there is little to gain from reading on.
const FAULTS: usize = 25;

/// Parses a file. What cannot be read is reported and left out, so that the rest is checked as well; `None` when nothing is left.
pub(crate) fn parse(text: &str, file: FileId, report: &Report) -> Option<Table> {
    let reader = Reader { text, file, report };
    let mut readable = Cow::Borrowed(text);
    for _ in 0..FAULTS {
        let toml = match toml_edit::Document::parse(&*readable) {
            Ok(document) => return Some(reader.table(document.as_table())),
            Err(toml) => toml,
        };
        let Fault { diagnostic, skip } = syntax::fault(&toml, &readable, file);
        report.push(diagnostic);
        report.is_partial();
        let blank = blanked(&readable[skip.clone()]);
        if blank == readable[skip.clone()] {
            return None;
        }
        readable.to_mut().replace_range(skip, &blank);
    }
    None
}

/// As many bytes, all white space, with the line ends where they are: places stay what they are.
fn blanked(text: &str) -> String {
    text.bytes()
        .map(|b| if b == b'\n' { '\n' } else { ' ' })
        .collect()
}

/// A TOML error as a diagnostic.
pub(crate) fn syntax_error(
    toml: &toml_edit::TomlError,
    text: &str,
    file: FileId,
) -> infra_model::Diagnostic {
    syntax::fault(toml, text, file).diagnostic
}

struct Reader<'a> {
    text: &'a str,
    file: FileId,
    report: &'a Report,
}

impl Reader<'_> {
    fn span(&self, range: Option<Range<usize>>) -> Span {
        let range = range.unwrap_or_default();
        Span {
            file: self.file,
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    fn table(&self, table: &toml_edit::Table) -> Table {
        let mut out = Table::default();
        out.entries.reserve(table.len());
        for (name, item) in table {
            let key = table.key(name).and_then(toml_edit::Key::span);
            out.entries.insert(
                Str::from(name),
                Entry {
                    node: self.item(item, key.as_ref()),
                    key: self.key(name, key),
                },
            );
        }
        out
    }

    fn inline(&self, table: &toml_edit::InlineTable) -> Table {
        let mut out = Table::default();
        for (name, value) in table {
            let key = table.key(name).and_then(toml_edit::Key::span);
            out.entries.insert(
                Str::from(name),
                Entry {
                    node: self.value(value, key.as_ref()),
                    key: self.key(name, key),
                },
            );
        }
        out
    }

    fn key(&self, name: &str, range: Option<Range<usize>>) -> Text {
        let range = range.unwrap_or_default();
        let raw = self.text.get(range.clone()).unwrap_or_default();
        if raw.starts_with(['"', '\'']) {
            Text::of_token(name, raw, self.file, offset(range.start))
        } else {
            Text::plain(name, self.file, offset(range.start))
        }
    }

    fn item(&self, item: &toml_edit::Item, key: Option<&Range<usize>>) -> Node {
        let span = self.span(item.span().or_else(|| key.cloned()));
        let kind = match item {
            toml_edit::Item::None => NodeKind::Invalid,
            toml_edit::Item::Value(value) => return self.value(value, key),
            toml_edit::Item::Table(table) => NodeKind::Table(self.table(table)),
            toml_edit::Item::ArrayOfTables(tables) => NodeKind::Array(
                tables
                    .iter()
                    .map(|table| Node {
                        span: self.span(table.span()),
                        kind: NodeKind::Table(self.table(table)),
                    })
                    .collect(),
            ),
        };
        Node { span, kind }
    }

    fn value(&self, value: &toml_edit::Value, key: Option<&Range<usize>>) -> Node {
        let range = value.span().or_else(|| key.cloned());
        let span = self.span(range.clone());
        let raw = range
            .and_then(|range| self.text.get(range))
            .unwrap_or_default();
        let kind = match value {
            toml_edit::Value::String(s) => {
                NodeKind::Text(Text::of_token(s.value(), raw, self.file, span.start))
            }
            toml_edit::Value::Integer(i) => self.number(Number::from(*i.value()), raw, span),
            toml_edit::Value::Float(_) => self.float(raw, span),
            toml_edit::Value::Boolean(b) => NodeKind::Bool(*b.value()),
            toml_edit::Value::Datetime(moment) => self.moment(moment.value(), span),
            toml_edit::Value::Array(items) => {
                NodeKind::Array(items.iter().map(|item| self.value(item, None)).collect())
            }
            toml_edit::Value::InlineTable(table) => NodeKind::Table(self.inline(table)),
        };
        Node { span, kind }
    }

    /// The digits as written: a double would lose what 512 bits keep.
    fn float(&self, raw: &str, span: Span) -> NodeKind {
        match raw.replace('_', "").parse() {
            Ok(number) => self.number(number, raw, span),
            Err(_) => {
                self.report.push(
                    error(
                        Code::BadValue,
                        format!("`{raw}` is not a number that a stack can use"),
                        span,
                        "neither infinite nor undefined numbers have a meaning",
                    )
                    .help("give a finite number"),
                );
                NodeKind::Invalid
            }
        }
    }

    /// A number, and how it is written when its own text would be another.
    fn number(&self, number: Number, raw: &str, span: Span) -> NodeKind {
        if number.to_string() != raw.replace('_', "") {
            self.report.number_written(span, raw);
        }
        NodeKind::Number(number)
    }

    fn moment(&self, moment: &toml_edit::Datetime, span: Span) -> NodeKind {
        if moment.offset.is_some() {
            return NodeKind::Text(Text::fixed(&moment.to_string().replace(' ', "T"), span));
        }
        self.report.push(
            error(
                Code::BadValue,
                "a date and time needs its offset from UTC",
                span,
                "not one moment without an offset",
            )
            .help("add `Z` or an offset such as `+02:00`, or put it in quotes to keep it as text"),
        );
        NodeKind::Invalid
    }
}
