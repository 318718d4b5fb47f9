//! The tree of a stack file with a place on everything, whether it came from TOML or from a component's JSON. What the
//! tables mean is not known here.

use crate::parse::text::Text;
use indexmap::IndexMap;
use infra_model::diagnostic::Span;
use infra_model::{Number, Str};

/// A value of the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it stands; of a table with a header, the header.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: NodeKind,
}

/// The forms of values.
#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    /// A table, however it is written.
    Table(Table),
    /// An array, or an array of tables.
    Array(Vec<Node>),
    /// Text, perhaps with expressions.
    Text(Text),
    /// A number.
    Number(Number),
    /// A truth value.
    Bool(bool),
    /// JSON's null; TOML has none.
    Null,
    /// Refused already; says nothing more.
    Invalid,
}

/// Entries in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// By key.
    pub(crate) entries: IndexMap<Str, Entry>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key as it is written, for templates in keys.
    pub(crate) key: Text,
    /// The value.
    pub(crate) node: Node,
}

impl Entry {
    /// Where the key stands.
    pub(crate) fn key_span(&self) -> Span {
        self.key.whole()
    }
}

impl Table {
    /// The entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }
}

impl Node {
    /// What messages call it.
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            NodeKind::Table(_) => "a table",
            NodeKind::Array(_) => "an array",
            NodeKind::Text(_) => "a string",
            NodeKind::Number(_) => "a number",
            NodeKind::Bool(_) => "a bool",
            NodeKind::Null => "null",
            NodeKind::Invalid => "an invalid value",
        }
    }

    /// The table, if it is one.
    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.kind {
            NodeKind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub(crate) fn as_text(&self) -> Option<&Text> {
        match &self.kind {
            NodeKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// JSON as it would stand in a file, with every part at one place.
    pub(crate) fn of_json(json: &serde_json::Value, span: Span) -> Node {
        let kind = match json {
            serde_json::Value::Null => NodeKind::Null,
            serde_json::Value::Bool(b) => NodeKind::Bool(*b),
            serde_json::Value::Number(n) => n
                .to_string()
                .parse()
                .map_or(NodeKind::Invalid, NodeKind::Number),
            serde_json::Value::String(s) => NodeKind::Text(Text::fixed(s, span)),
            serde_json::Value::Array(items) => {
                NodeKind::Array(items.iter().map(|i| Node::of_json(i, span)).collect())
            }
            serde_json::Value::Object(entries) => NodeKind::Table(Table {
                entries: entries
                    .iter()
                    .map(|(key, value)| {
                        let entry = Entry {
                            key: Text::fixed(key, span),
                            node: Node::of_json(value, span),
                        };
                        (Str::from(key.as_str()), entry)
                    })
                    .collect(),
            }),
        };
        Node { span, kind }
    }
}
