//! TOML text to the tree of nodes. Syntax errors and values that the language has no meaning for are reported here.

use crate::codes::Code;
use crate::parse::node::{Entry, Node, NodeKind, Table};
use crate::parse::text::{Text, offset};
use crate::report::{Report, error};
use infra_model::diagnostic::{FileId, Span};
use infra_model::{Number, Str};
use std::ops::Range;

/// Parses a file; an empty table stands in for one that cannot be read at all.
pub(crate) fn parse(text: &str, file: FileId, report: &Report) -> Option<Table> {
    let reader = Reader { text, file, report };
    match toml_edit::Document::parse(text) {
        Ok(document) => Some(reader.table(document.as_table())),
        Err(toml) => {
            report.push(syntax_error(&toml, text, file));
            None
        }
    }
}

/// A TOML error as a diagnostic.
pub(crate) fn syntax_error(
    toml: &toml_edit::TomlError,
    text: &str,
    file: FileId,
) -> infra_model::Diagnostic {
    let range = toml.span().unwrap_or(text.len()..text.len());
    let span = Span {
        file,
        start: offset(range.start),
        end: offset(range.end),
    };
    let message = toml.message().lines().next().unwrap_or_default().to_owned();
    if message.starts_with("duplicate key") {
        return error(
            Code::DuplicateName,
            "this name is defined twice",
            span,
            "already defined above",
        )
        .help("TOML has one table for each name: merge the two, or rename one");
    }
    error(Code::TomlSyntax, "this is not valid TOML", span, message)
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
            toml_edit::Value::Integer(i) => NodeKind::Number(Number::from(*i.value())),
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
            Ok(number) => NodeKind::Number(number),
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
