//! What requests may hold: methods and schemas of Google's discovery documents, in the compact form that
//! `discovery/generate.py` writes. It checks bodies as the front end of the real services does.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::error::{GoogleError, GoogleResult};
use crate::compact::{Schemas, Type, join, read};

/// A method of an API.
#[derive(Debug)]
pub(crate) struct Method {
    /// `compute`, `container`…
    pub(crate) service: &'static str,
    /// The version's document.
    pub(crate) api: &'static str,
    /// What comes before the verb, without `projects`, `locations` and `zones`: `networks`, `clusters.nodePools`.
    pub(crate) resource: String,
    /// `insert`, `setLabels`…
    pub(crate) verb: &'static str,
    /// `networks.insert`.
    pub(crate) name: String,
    pub(crate) http: &'static str,
    /// The path's segments; `{x}` is a variable, `{x}:verb` one with a custom verb.
    pub(crate) path: Vec<Segment>,
    /// The schema of the body.
    pub(crate) body: Option<&'static str>,
    /// The schema of the answer.
    pub(crate) answer: Option<&'static str>,
    pub(crate) queries: Vec<&'static str>,
}

/// A segment of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(&'static str),
    Variable(&'static str, Option<&'static str>),
}

/// All documents.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) methods: Vec<Method>,
    schemas: Schemas,
}

const DOCUMENTS: &[(&str, &str)] = &[
    ("compute.v1", include_str!("discovery/compute.v1.txt")),
    ("container.v1", include_str!("discovery/container.v1.txt")),
    ("sqladmin.v1", include_str!("discovery/sqladmin.v1.txt")),
    (
        "sqladmin.v1beta4",
        include_str!("discovery/sqladmin.v1beta4.txt"),
    ),
    ("storage.v1", include_str!("discovery/storage.v1.txt")),
    ("iam.v1", include_str!("discovery/iam.v1.txt")),
    (
        "servicenetworking.v1",
        include_str!("discovery/servicenetworking.v1.txt"),
    ),
    (
        "cloudresourcemanager.v1",
        include_str!("discovery/cloudresourcemanager.v1.txt"),
    ),
    (
        "cloudresourcemanager.v3",
        include_str!("discovery/cloudresourcemanager.v3.txt"),
    ),
    (
        "serviceusage.v1",
        include_str!("discovery/serviceusage.v1.txt"),
    ),
    (
        "serviceusage.v1beta1",
        include_str!("discovery/serviceusage.v1beta1.txt"),
    ),
    ("dns.v1", include_str!("discovery/dns.v1.txt")),
    ("cloudkms.v1", include_str!("discovery/cloudkms.v1.txt")),
    (
        "secretmanager.v1",
        include_str!("discovery/secretmanager.v1.txt"),
    ),
    (
        "artifactregistry.v1",
        include_str!("discovery/artifactregistry.v1.txt"),
    ),
];

/// The catalogue, read once.
pub(crate) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let (methods, schemas) = read(DOCUMENTS, "method", method);
        Catalogue { methods, schemas }
    })
}

fn method(api: &'static str, mut words: impl Iterator<Item = &'static str>) -> Option<Method> {
    let (id, http, path) = (words.next()?, words.next()?, words.next()?);
    let (body, answer, queries) = (words.next()?, words.next()?, words.next()?);
    let mut parts: Vec<_> = id.split('.').collect();
    let service = parts.remove(0);
    let verb = parts.pop()?;
    if parts.len() > 1 && parts[0] == "projects" {
        parts.remove(0);
    }
    if parts.len() > 1 && matches!(parts[0], "locations" | "zones") {
        parts.remove(0);
    }
    let resource = parts.join(".");
    let path = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| match segment.strip_prefix('{') {
            None => Segment::Literal(segment),
            Some(rest) => {
                let (name, custom) = rest.split_once('}').unwrap_or((rest, ""));
                Segment::Variable(name, custom.strip_prefix(':'))
            }
        })
        .collect();
    Some(Method {
        service,
        api,
        name: format!("{resource}.{verb}"),
        resource,
        verb,
        http,
        path,
        body: (body != "-").then_some(body),
        answer: (answer != "-").then_some(answer),
        queries: queries.split(',').filter(|query| *query != "-").collect(),
    })
}

/// `autoCreateSubnetworks` as the front end writes it in paths: `auto_create_subnetworks`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

impl Catalogue {
    /// Checks a body against a schema and gives it in canonical form: words for numbers of enumerations, text for
    /// 64-bit integers, nothing that only the server writes.
    pub(crate) fn read(
        &self,
        api: &'static str,
        schema: &'static str,
        path: &str,
        body: Value,
    ) -> GoogleResult<Value> {
        let Value::Object(members) = body else {
            let message = format!("Invalid value at '{path}' (object expected), {body}");
            return Err(GoogleError::payload(path, message));
        };
        let Some(fields) = self.schemas.get(&(api, schema)) else {
            return Ok(Value::Object(members));
        };
        let mut read = Map::new();
        for (name, value) in members {
            if name == "@type" {
                continue;
            }
            let Some(field) = fields.get(name.as_str()) else {
                let place = if path.is_empty() {
                    String::new()
                } else {
                    format!(" at '{path}'")
                };
                let message = format!(
                    "Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."
                );
                return Err(GoogleError::payload(path, message));
            };
            let place = join(path, &snake(&name));
            let value = self.value(api, &field.kind, &place, value)?;
            if !field.output {
                read.insert(name, value);
            }
        }
        Ok(Value::Object(read))
    }

    /// Whether a schema has a field.
    pub(crate) fn has(&self, api: &'static str, schema: &'static str, field: &str) -> bool {
        self.schemas
            .get(&(api, schema))
            .is_some_and(|fields| fields.contains_key(field))
    }

    /// Writes the words of enumerations as numbers, for clients that ask for that.
    pub(crate) fn number(&self, api: &'static str, schema: &'static str, value: &mut Value) {
        let (Some(fields), Some(members)) =
            (self.schemas.get(&(api, schema)), value.as_object_mut())
        else {
            return;
        };
        for (name, value) in members {
            if let Some(field) = fields.get(name.as_str()) {
                self.number_type(api, &field.kind, value);
            }
        }
    }

    fn number_type(&self, api: &'static str, kind: &Type, value: &mut Value) {
        match (kind, value) {
            (Type::Words(words), value) => {
                let found = words.iter().find(|(word, _)| value == word);
                if let Some((_, number)) = found {
                    *value = (*number).into();
                }
            }
            (Type::Schema(name), value) => self.number(api, name, value),
            (Type::List(kind), Value::Array(items)) => {
                items
                    .iter_mut()
                    .for_each(|item| self.number_type(api, kind, item));
            }
            (Type::Table(kind), Value::Object(members)) => {
                members
                    .values_mut()
                    .for_each(|item| self.number_type(api, kind, item));
            }
            _ => {}
        }
    }

    fn value(
        &self,
        api: &'static str,
        kind: &Type,
        path: &str,
        value: Value,
    ) -> GoogleResult<Value> {
        if value.is_null() {
            return Ok(value);
        }
        let bad = |kind: &str, value: &Value| {
            GoogleError::payload(path, format!("Invalid value at '{path}' ({kind}), {value}"))
        };
        match kind {
            Type::Any => Ok(value),
            Type::Text if value.is_string() => Ok(value),
            Type::Text => Err(bad("TYPE_STRING", &value)),
            Type::Bool => match &value {
                Value::Bool(_) => Ok(value),
                Value::String(text) if text == "true" => Ok(true.into()),
                Value::String(text) if text == "false" => Ok(false.into()),
                _ => Err(bad("TYPE_BOOL", &value)),
            },
            Type::Int => match &value {
                Value::Number(number) if number.is_i64() => Ok(value),
                Value::Number(number) => match number.as_f64() {
                    // Whole numbers may be written as 1.0.
                    Some(float) if float.fract() == 0.0 => Ok((float as i64).into()),
                    _ => Err(bad("TYPE_INT32", &value)),
                },
                Value::String(text) => text
                    .parse::<i64>()
                    .map(Value::from)
                    .map_err(|_| bad("TYPE_INT32", &value)),
                _ => Err(bad("TYPE_INT32", &value)),
            },
            Type::Long => match &value {
                Value::Number(number) if !number.is_f64() => Ok(number.to_string().into()),
                Value::String(text) if text.parse::<i128>().is_ok() => Ok(value),
                _ => Err(bad("TYPE_INT64", &value)),
            },
            Type::Number if value.is_number() => Ok(value),
            Type::Number => match value.as_str().and_then(|text| text.parse::<f64>().ok()) {
                Some(number) => Ok(number.into()),
                None => Err(bad("TYPE_DOUBLE", &value)),
            },
            // Some clients write what they leave open as nothing.
            Type::Words(_) if value == "" => Ok(value),
            Type::Words(words) => {
                let found = words.iter().find(|(word, number)| match &value {
                    Value::String(text) => text == word,
                    other => other.as_i64() == Some(*number),
                });
                match found {
                    Some((word, _)) => Ok((*word).into()),
                    None => Err(bad("TYPE_ENUM", &value)),
                }
            }
            Type::Schema(name) => self.read(api, name, path, value),
            Type::List(kind) => match value {
                Value::Array(items) => items
                    .into_iter()
                    .enumerate()
                    .map(|(at, item)| self.value(api, kind, &format!("{path}[{at}]"), item))
                    .collect::<GoogleResult<Vec<_>>>()
                    .map(Value::from),
                other => Err(bad("list expected", &other)),
            },
            Type::Table(kind) => match value {
                Value::Object(members) => members
                    .into_iter()
                    .map(|(key, value)| {
                        let value = self.value(api, kind, &format!("{path}[{key}]"), value)?;
                        Ok((key, value))
                    })
                    .collect::<GoogleResult<Map<_, _>>>()
                    .map(Value::from),
                other => Err(bad("map expected", &other)),
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
        const TEXTS: [&str; 14] = [
            "",
            "x",
            "n",
            "10.0.0.0/24",
            "10.0.0.1",
            "projects/p/global/networks/n",
            "global/healthChecks/hc",
            "80",
            "default",
            "europe-west1-b",
            "e2-medium",
            "db-custom-2-7680",
            "2026-01-01T00:00:00Z",
            "\u{e9}\u{1f600}",
        ];
        let examples = crate::compact::Examples {
            schemas: &self.schemas,
            api,
            texts: &TEXTS,
            nulls: true,
        };
        examples.of(schema, depth, pick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_are_read_as_the_front_end_reads_them() {
        let read = |api, schema, body| catalogue().read(api, schema, "resource", body);
        let network = json!({
            "name": "n", "autoCreateSubnetworks": "false", "mtu": "1460", "selfLink": "mine", "id": 7,
        });
        assert_eq!(
            read("compute.v1", "Network", network),
            Ok(json!({ "name": "n", "autoCreateSubnetworks": false, "mtu": 1460 }))
        );
        let unknown = read(
            "compute.v1",
            "Network",
            json!({ "routingConfig": { "mode": "x" } }),
        );
        assert_eq!(
            unknown.map_err(|error| error.message),
            Err("Invalid JSON payload received. Unknown name \"mode\" at 'resource.routing_config': Cannot find field.".into())
        );
        // Numbers of enumerations, as the Rust crates send them.
        let pool = json!({ "upgradeSettings": { "strategy": 3 } });
        assert_eq!(
            read("container.v1", "NodePool", pool),
            Ok(json!({ "upgradeSettings": { "strategy": "SURGE" } }))
        );
        assert!(
            read(
                "compute.v1",
                "Network",
                json!({ "routingConfig": { "routingMode": "NOWHERE" } })
            )
            .is_err()
        );
    }
}
