//! The compact form in which generated files say what bodies may hold: a schema a line, its fields as `NAME=TYPE`. What a
//! type is worth checking for is the business of the API that has it.

use std::collections::HashMap;

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Text,
    Bool,
    Int,
    Long,
    Number,
    Any,
    /// An enumeration: each word with its number.
    Words(Vec<(&'static str, i64)>),
    Schema(&'static str),
    List(Box<Type>),
    Table(Box<Type>),
}

/// A field of a schema.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) kind: Type,
    /// Only the server writes it.
    pub(crate) output: bool,
    pub(crate) required: bool,
}

pub(crate) type Schema = HashMap<&'static str, Field>;

/// Schemas by API and name.
pub(crate) type Schemas = HashMap<(&'static str, &'static str), Schema>;

/// Reads files, each with the name of its API: their schemas, and what lines that begin with `word` are.
pub(crate) fn read<T>(
    files: &[(&'static str, &'static str)],
    word: &str,
    line_of: impl Fn(&'static str, std::str::Split<'static, char>) -> Option<T>,
) -> (Vec<T>, Schemas) {
    let (mut others, mut schemas) = (Vec::new(), Schemas::new());
    for &(api, text) in files {
        for line in text.lines() {
            let mut words = line.split(' ');
            match words.next() {
                Some("schema") => {
                    let Some(name) = words.next() else { continue };
                    schemas.insert((api, name), words.filter_map(field).collect());
                }
                Some(found) if found == word => others.extend(line_of(api, words)),
                _ => unreachable!("the generated files have schemas and lines of one other kind"),
            }
        }
    }
    (others, schemas)
}

fn field(text: &'static str) -> Option<(&'static str, Field)> {
    let (name, kind) = text.split_once('=')?;
    let (output, kind) = kind
        .strip_prefix('!')
        .map_or((false, kind), |rest| (true, rest));
    let (required, kind) = kind
        .strip_prefix('*')
        .map_or((false, kind), |rest| (true, rest));
    let kind = read_type(kind);
    Some((
        name,
        Field {
            kind,
            output,
            required,
        },
    ))
}

fn read_type(text: &'static str) -> Type {
    let inner = |text: &'static str| text.get(1..text.len() - 1).unwrap_or_default();
    match text.as_bytes().first() {
        Some(b'@') => Type::Schema(&text[1..]),
        Some(b'[') => Type::List(Box::new(read_type(inner(text)))),
        Some(b'{') => Type::Table(Box::new(read_type(inner(text)))),
        Some(b'b') => Type::Bool,
        Some(b'i') => Type::Int,
        Some(b'l') => Type::Long,
        Some(b'n') => Type::Number,
        Some(b'x') => Type::Any,
        Some(b'e') => {
            let words = inner(&text[1..]).split('|').enumerate();
            let numbered = words.map(|(at, word)| match word.split_once('=') {
                Some((word, number)) => (word, number.parse().unwrap_or(-1)),
                None => (word, i64::try_from(at).unwrap_or(-1)),
            });
            Type::Words(numbered.collect())
        }
        _ => Type::Text,
    }
}

/// `a.b`, or `b` at the top.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Makes bodies that schemas allow, whose values `pick` chooses.
#[cfg(test)]
pub(crate) struct Examples<'a> {
    pub(crate) schemas: &'a Schemas,
    pub(crate) api: &'static str,
    pub(crate) texts: &'a [&'static str],
    /// Whether a value may be null.
    pub(crate) nulls: bool,
}

#[cfg(test)]
impl Examples<'_> {
    pub(crate) fn of(
        &self,
        schema: &'static str,
        depth: u32,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> serde_json::Value {
        let schema = self.schemas.get(&(self.api, schema));
        let mut fields: Vec<_> = schema.into_iter().flatten().collect();
        fields.sort_by_key(|(name, _)| **name);
        let mut members = serde_json::Map::new();
        for (name, field) in fields {
            if field.required || pick(3) > 0 {
                members.insert((*name).to_owned(), self.value(&field.kind, depth, pick));
            }
        }
        serde_json::Value::Object(members)
    }

    fn value(
        &self,
        kind: &Type,
        depth: u32,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> serde_json::Value {
        use serde_json::{Map, Value};
        if self.nulls && pick(12) == 0 {
            return Value::Null;
        }
        match kind {
            Type::Text | Type::Any => self.texts[pick(self.texts.len())].into(),
            Type::Bool => (pick(2) == 0).into(),
            Type::Int => [0, 1, -1, 80, 70_000][pick(5)].into(),
            Type::Long => ["0", "1", "-1", "100"][pick(4)].into(),
            Type::Number => [0.0, 0.5, 1.0][pick(3)].into(),
            Type::Words(words) => words[pick(words.len())].0.into(),
            Type::Schema(_) if depth == 0 => Value::Object(Map::new()),
            Type::Schema(name) => self.of(name, depth - 1, pick),
            Type::List(kind) => (0..pick(3))
                .map(|_| self.value(kind, depth, pick))
                .collect(),
            Type::Table(kind) => {
                let value = self.value(kind, depth, pick);
                Value::Object(Map::from_iter([("key".to_owned(), value)]))
            }
        }
    }
}
