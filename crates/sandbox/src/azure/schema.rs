//! What requests and answers may hold: operations and schemas of the official models, in the compact form that
//! `model/generate.py` writes. It checks; how a service words its refusal is in `error`.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::compact::{Schemas, Type, join, read};

/// An operation of an API.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The API's model: `network`, `containerservice`…
    pub(crate) api: &'static str,
    /// `VirtualNetworks_CreateOrUpdate`.
    pub(crate) name: &'static str,
    pub(crate) http: &'static str,
    pub(crate) path: Vec<Segment>,
    /// The schema of the body, and whether it must be there.
    pub(crate) body: Option<(&'static str, bool)>,
    /// The schema of the answer, and whether it is a listing of it.
    pub(crate) answer: Option<(&'static str, bool)>,
    pub(crate) statuses: Vec<u16>,
    traits: Vec<&'static str>,
    /// The version of the model; versions after it are not known.
    pub(crate) version: &'static str,
}

/// A segment of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(&'static str),
    Variable(&'static str),
    /// Any number of segments, at the beginning only.
    Scope,
}

/// All models.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) operations: Vec<Operation>,
    schemas: Schemas,
}

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A member that the schema does not have: its path and the schema.
    Unknown(String, String),
    /// A member that must be there: the path of its object and its name.
    Missing(String, String),
    /// A value of another type: its path and the type that is expected.
    Kind(String, String),
    /// A word that is none of the enumeration: its path, the word, and those that there are.
    Word(String, String, String),
}

macro_rules! models {
    ($($name:literal),* $(,)?) => {
        const MODELS: &[(&str, &str)] = &[$(($name, include_str!(concat!("model/", $name, ".txt")))),*];
    };
}

models![
    "authorization",
    "compute",
    "containerregistry",
    "containerservice",
    "dns",
    "keyvault",
    "locks",
    "loganalytics",
    "monitor",
    "msi",
    "mysql",
    "network",
    "postgresql",
    "privatedns",
    "resources",
    "storage",
    "subscriptions",
    "vaultcertificates",
    "vaultkeys",
    "vaultsecrets",
];

/// The version of models whose package does not say it.
const VERSIONS: [(&str, &str); 6] = [
    ("network", "2026-03-01"),
    ("postgresql", "2026-10-01"),
    ("privatedns", "2024-06-01"),
    ("loganalytics", "2025-07-01"),
    ("keyvault", "2026-05-15"),
    ("containerregistry", "2025-11-01"),
];

/// The catalogue, read once.
pub(crate) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let (operations, schemas) = read(MODELS, "op", operation);
        Catalogue {
            operations,
            schemas,
        }
    })
}

fn operation(
    api: &'static str,
    mut words: impl Iterator<Item = &'static str>,
) -> Option<Operation> {
    let (name, http, path) = (words.next()?, words.next()?, words.next()?);
    let (body, answer, _queries) = (words.next()?, words.next()?, words.next()?);
    let (statuses, traits, version) = (words.next()?, words.next()?, words.next()?);
    let path = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .enumerate()
        .map(|(at, segment)| {
            let inner = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            match inner {
                None => Segment::Literal(segment),
                Some(_) if at == 0 => Segment::Scope,
                Some(name) => Segment::Variable(name),
            }
        })
        .collect();
    let body = (body != "-").then(|| match body.strip_prefix('?') {
        Some(name) => (name, false),
        None => (body, true),
    });
    let answer = (answer != "-").then(|| {
        let inner = answer.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
        inner.map_or((answer, false), |name| (name, true))
    });
    let said = VERSIONS.iter().find(|(name, _)| *name == api);
    Some(Operation {
        api,
        name,
        http,
        path,
        body,
        answer,
        statuses: statuses.split(',').filter_map(|s| s.parse().ok()).collect(),
        traits: traits.split(',').collect(),
        version: match said {
            Some((_, said)) if version == "-" => said,
            _ => version,
        },
    })
}

impl Operation {
    /// Whether it begins background work that clients may watch.
    pub(crate) fn long(&self) -> bool {
        self.has("lro")
    }

    /// Whether its model documents a trait.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.traits.contains(&name)
    }

    /// The namespace of its resource provider, empty where it has none.
    pub(crate) fn namespace(&self) -> &'static str {
        let at = self
            .path
            .iter()
            .rposition(|segment| *segment == Segment::Literal("providers"));
        match at.and_then(|at| self.path.get(at + 1)) {
            Some(Segment::Literal(name)) => name,
            _ => "",
        }
    }
}

/// Whose words are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// A client's: what only the server writes is taken away, required members must be there.
    Request,
    /// A client's change of some members: none is required, and nulls take members away.
    Change,
    /// The sandbox's own.
    Answer,
}

impl Catalogue {
    /// Checks a body against a schema and gives it in canonical form: the words of enumerations as the model writes
    /// them, nothing that only the server writes, no nulls.
    pub(crate) fn read(
        &self,
        api: &'static str,
        schema: &'static str,
        path: &str,
        body: Value,
        side: Side,
    ) -> Result<Value, Problem> {
        let Value::Object(members) = body else {
            return Err(Problem::Kind(path.to_owned(), schema.to_owned()));
        };
        let Some(fields) = self.schemas.get(&(api, schema)) else {
            return Ok(Value::Object(members));
        };
        let mut read = Map::new();
        for (name, value) in members {
            let place = join(path, &name);
            let Some(field) = fields.get(name.as_str()) else {
                return Err(Problem::Unknown(place, schema.to_owned()));
            };
            if value.is_null() {
                if side == Side::Change {
                    read.insert(name, value);
                }
                continue;
            }
            if field.output && side != Side::Answer {
                continue;
            }
            read.insert(name, self.value(api, &field.kind, &place, value, side)?);
        }
        if side == Side::Request {
            let missing = fields
                .iter()
                .filter(|(name, field)| field.required && !read.contains_key(**name))
                .map(|(name, _)| *name)
                .min();
            if let Some(name) = missing {
                return Err(Problem::Missing(path.to_owned(), name.to_owned()));
            }
        }
        Ok(Value::Object(read))
    }

    fn value(
        &self,
        api: &'static str,
        kind: &Type,
        path: &str,
        value: Value,
        side: Side,
    ) -> Result<Value, Problem> {
        let bad = |kind: &str| Problem::Kind(path.to_owned(), kind.to_owned());
        match kind {
            Type::Any => Ok(value),
            Type::Text if value.is_string() => Ok(value),
            Type::Text => Err(bad("String")),
            Type::Bool if value.is_boolean() => Ok(value),
            Type::Bool => Err(bad("Boolean")),
            Type::Int | Type::Long if value.is_i64() || value.is_u64() => Ok(value),
            Type::Int | Type::Long => Err(bad("Int64")),
            Type::Number if value.is_number() => Ok(value),
            Type::Number => Err(bad("Double")),
            Type::Words(words) => {
                let Some(text) = value.as_str() else {
                    return Err(bad("String"));
                };
                // Services read words without regard to case.
                let words = words.iter().map(|(word, _)| *word);
                match words.clone().find(|word| word.eq_ignore_ascii_case(text)) {
                    Some(word) => Ok(word.into()),
                    None => Err(Problem::Word(
                        path.to_owned(),
                        text.to_owned(),
                        words.collect::<Vec<_>>().join(", "),
                    )),
                }
            }
            Type::Schema(name) => self.read(api, name, path, value, side),
            Type::List(kind) => match value {
                Value::Array(items) => items
                    .into_iter()
                    .enumerate()
                    .map(|(at, item)| self.value(api, kind, &format!("{path}[{at}]"), item, side))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::from),
                _ => Err(bad("Array")),
            },
            Type::Table(kind) => match value {
                Value::Object(members) => members
                    .into_iter()
                    .map(|(key, value)| {
                        // A null in a change of a table takes the member away.
                        if value.is_null() {
                            return Ok((key, value));
                        }
                        let value = self.value(api, kind, &join(path, &key), value, side)?;
                        Ok((key, value))
                    })
                    .collect::<Result<Map<_, _>, _>>()
                    .map(Value::from),
                _ => Err(bad("Object")),
            },
        }
    }
}

#[cfg(test)]
impl Catalogue {
    /// A body that a schema allows, whose values `pick` chooses.
    pub(super) fn example(
        &self,
        api: &'static str,
        schema: &'static str,
        depth: u32,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> Value {
        const TEXTS: [&str; 12] = [
            "",
            "x",
            "n",
            "10.0.0.0/24",
            "10.0.0.1",
            "/subscriptions/00000000-0000-4000-8000-5a4db0c50001/resourceGroups/n",
            "443",
            "westeurope",
            "Standard_D2s_v5",
            "1.33",
            "2026-01-01T00:00:00Z",
            "\u{e9}\u{1f600}",
        ];
        let examples = crate::compact::Examples {
            schemas: &self.schemas,
            api,
            texts: &TEXTS,
            nulls: false,
        };
        examples.of(schema, depth, pick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_are_checked_against_the_model() {
        let read = |body, side| catalogue().read("network", "VirtualNetwork", "", body, side);
        let body = json!({
            "location": "westeurope", "etag": "x", "tags": { "a": "b" },
            "properties": { "encryption": { "enabled": true, "enforcement": "allowunencrypted" }, "subnets": null },
        });
        assert_eq!(
            read(body, Side::Request),
            Ok(json!({
                "location": "westeurope", "tags": { "a": "b" },
                "properties": { "encryption": { "enabled": true, "enforcement": "AllowUnencrypted" } },
            }))
        );
        let cases = [
            (
                json!({ "properties": { "subnetz": [] } }),
                Problem::Unknown(
                    "properties.subnetz".into(),
                    "VirtualNetworkPropertiesFormat".into(),
                ),
            ),
            (
                json!({ "properties": { "encryption": {} } }),
                Problem::Missing("properties.encryption".into(), "enabled".into()),
            ),
            (
                json!({ "tags": { "a": 1 } }),
                Problem::Kind("tags.a".into(), "String".into()),
            ),
        ];
        for (body, problem) in cases {
            assert_eq!(read(body, Side::Request), Err(problem));
        }
    }
}
