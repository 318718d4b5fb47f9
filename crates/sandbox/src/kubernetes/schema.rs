//! Schemas of objects, of built-in kinds and of custom resources alike: what a field may hold, how lists are told
//! apart when they are merged, what is kept of unknown fields. It reads schemas; what is done with them is elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

/// The types of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Type {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// How a list is merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum List {
    #[default]
    Atomic,
    Set,
    /// By the fields that tell items apart.
    Map(Vec<String>),
}

/// What is checked of a value beside its type.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) allowed: Vec<Value>,
    pub(super) minimum: Option<(f64, bool)>,
    pub(super) maximum: Option<(f64, bool)>,
    pub(super) multiple_of: Option<f64>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) min_items: Option<usize>,
    pub(super) max_items: Option<usize>,
    pub(super) min_properties: Option<usize>,
    pub(super) max_properties: Option<usize>,
    pub(super) pattern: Option<(String, Option<Regex>)>,
    pub(super) all_of: Vec<Schema>,
    pub(super) any_of: Vec<Schema>,
    pub(super) one_of: Vec<Schema>,
    pub(super) not: Option<Box<Schema>>,
}

/// A schema.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) kind: Type,
    pub(super) format: String,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) additional: Option<Box<Node>>,
    pub(super) items: Option<Box<Node>>,
    pub(super) required: Vec<String>,
    pub(super) list: List,
    /// A map or struct that is replaced as a whole.
    pub(super) atomic: bool,
    /// Unknown fields are kept.
    pub(super) preserve: bool,
    /// Holds a whole object, with `apiVersion`, `kind` and `metadata`.
    pub(super) embedded: bool,
    pub(super) nullable: bool,
    pub(super) default: Option<Value>,
    /// Of a strategic merge.
    pub(super) patch_key: Option<String>,
    pub(super) patch_strategy: String,
    pub(super) checks: Option<Box<Checks>>,
}

/// A schema, or the name of one of the built-in types.
#[derive(Debug)]
pub(super) enum Node {
    Named(String),
    Inline(Box<Schema>),
}

impl Node {
    pub(super) fn get(&self) -> &Schema {
        match self {
            Self::Named(name) => definition(name),
            Self::Inline(schema) => schema,
        }
    }
}

/// Any value at all.
pub(super) fn any() -> &'static Schema {
    static ANY: OnceLock<Schema> = OnceLock::new();
    ANY.get_or_init(|| Schema {
        preserve: true,
        ..Schema::default()
    })
}

impl Schema {
    /// The schema of a member: of a struct's field, of a map's values, or of what is kept unseen.
    pub(super) fn member(&self, name: &str) -> Option<&Schema> {
        if let Some(node) = self.properties.get(name) {
            return Some(node.get());
        }
        if self.embedded && matches!(name, "apiVersion" | "kind") {
            return Some(any());
        }
        if self.embedded && name == "metadata" {
            return Some(definition(OBJECT_META));
        }
        match &self.additional {
            Some(node) => Some(node.get()),
            None if self.is_open() => Some(any()),
            None => None,
        }
    }

    /// The schema of a member; of one that it does not know, that of anything.
    pub(super) fn member_or_any(&self, name: &str) -> &Schema {
        match self.member(name) {
            Some(member) => member,
            None => any(),
        }
    }

    /// What tells an item of the list from others, where items are told apart.
    pub(super) fn key_of(&self, item: &Value) -> Option<Value> {
        match &self.list {
            List::Atomic => None,
            List::Set => Some(item.clone()),
            List::Map(keys) => {
                let members = keys.iter().filter_map(|name| {
                    let default = || self.item().properties.get(name)?.get().default.clone();
                    let value = item.get(name).cloned().or_else(default)?;
                    Some((name.clone(), value))
                });
                Some(Value::Object(members.collect()))
            }
        }
    }

    /// Whether a member is a field of a struct, and no key of a map.
    pub(super) fn is_field(&self, name: &str) -> bool {
        self.properties.contains_key(name) || self.embedded && name == "metadata"
    }

    /// Whether unknown fields are kept.
    pub(super) fn is_open(&self) -> bool {
        self.preserve || self.kind == Type::Any
    }

    pub(super) fn item(&self) -> &Schema {
        match &self.items {
            Some(node) => node.get(),
            None => any(),
        }
    }

    /// Reads one in OpenAPI's form, as custom resource definitions have it.
    pub(super) fn read(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap_or_default();
        let flag = |name: &str| value[name].as_bool().unwrap_or(false);
        let int_or_string = flag("x-kubernetes-int-or-string");
        let kind = match text("type") {
            _ if int_or_string => Type::IntOrString,
            "object" => Type::Object,
            "array" => Type::Array,
            "string" => Type::String,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            _ if value["properties"].is_object() => Type::Object,
            _ => Type::Any,
        };
        let strings = |value: &Value| -> Vec<String> {
            let items = value.as_array().into_iter().flatten();
            items
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        let list = match text("x-kubernetes-list-type") {
            "set" => List::Set,
            "map" => List::Map(strings(&value["x-kubernetes-list-map-keys"])),
            _ => List::Atomic,
        };
        let properties = value["properties"].as_object().into_iter().flatten();
        let additional = match &value["additionalProperties"] {
            Value::Object(_) => Some(Box::new(node(&value["additionalProperties"]))),
            Value::Bool(true) => Some(Box::new(Node::Inline(Box::new(Schema {
                preserve: true,
                ..Schema::default()
            })))),
            _ => None,
        };
        let items = &value["items"];
        Self {
            kind,
            format: text("format").to_owned(),
            properties: properties
                .map(|(name, value)| (name.clone(), node(value)))
                .collect(),
            additional,
            items: items.is_object().then(|| Box::new(node(items))),
            required: strings(&value["required"]),
            list,
            atomic: text("x-kubernetes-map-type") == "atomic",
            preserve: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            nullable: flag("nullable"),
            default: value.get("default").cloned(),
            patch_key: value["x-kubernetes-patch-merge-key"]
                .as_str()
                .map(str::to_owned),
            patch_strategy: text("x-kubernetes-patch-strategy").to_owned(),
            checks: checks(value),
        }
    }
}

fn node(value: &Value) -> Node {
    match value["$ref"].as_str() {
        Some(name) => Node::Named(name.to_owned()),
        None => Node::Inline(Box::new(Schema::read(value))),
    }
}

const CHECKED: [&str; 15] = [
    "enum",
    "minimum",
    "maximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "pattern",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
];

fn checks(value: &Value) -> Option<Box<Checks>> {
    if !CHECKED.iter().any(|name| value.get(name).is_some()) {
        return None;
    }
    let size = |name: &str| value[name].as_u64().and_then(|n| usize::try_from(n).ok());
    let bound = |name: &str, exclusive: &str| {
        let limit = value[name].as_f64()?;
        Some((limit, value[exclusive].as_bool().unwrap_or(false)))
    };
    let schemas = |name: &str| {
        let items = value[name].as_array().into_iter().flatten();
        items.map(Schema::read).collect::<Vec<_>>()
    };
    let pattern = value["pattern"].as_str().map(|pattern| {
        // A pattern that this engine does not know is not checked.
        (pattern.to_owned(), Regex::new(pattern).ok())
    });
    Some(Box::new(Checks {
        allowed: value["enum"].as_array().cloned().unwrap_or_default(),
        minimum: bound("minimum", "exclusiveMinimum"),
        maximum: bound("maximum", "exclusiveMaximum"),
        multiple_of: value["multipleOf"].as_f64(),
        min_length: size("minLength"),
        max_length: size("maxLength"),
        min_items: size("minItems"),
        max_items: size("maxItems"),
        min_properties: size("minProperties"),
        max_properties: size("maxProperties"),
        pattern,
        all_of: schemas("allOf"),
        any_of: schemas("anyOf"),
        one_of: schemas("oneOf"),
        not: value
            .get("not")
            .map(|schema| Box::new(Schema::read(schema))),
    }))
}

/// The type of every object's metadata.
pub(super) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The built-in types.
#[derive(Debug)]
pub(super) struct Definitions {
    schemas: HashMap<String, Schema>,
    /// As they are in the file, for those who ask for OpenAPI.
    pub(super) raw: BTreeMap<String, Value>,
    kinds: HashMap<(String, String, String), String>,
}

/// Reads them once.
pub(super) fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        let mut found = Definitions {
            schemas: HashMap::new(),
            raw: BTreeMap::new(),
            kinds: HashMap::new(),
        };
        for line in include_str!("schema/definitions.jsonl").lines() {
            let (name, value): (String, Value) =
                serde_json::from_str(line).expect("the generated file is JSON");
            for mark in value["x-kubernetes-group-version-kind"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let text = |name: &str| mark[name].as_str().unwrap_or_default().to_owned();
                found
                    .kinds
                    .insert((text("group"), text("version"), text("kind")), name.clone());
            }
            let mut schema = Schema::read(&value);
            // A type of Go that holds raw JSON: anything may be in it.
            if schema.kind == Type::Object
                && schema.properties.is_empty()
                && schema.additional.is_none()
            {
                schema.preserve = true;
            }
            found.schemas.insert(name.clone(), schema);
            found.raw.insert(name, value);
        }
        found
    })
}

/// A built-in type.
pub(super) fn definition(name: &str) -> &'static Schema {
    definitions().schemas.get(name).unwrap_or_else(any)
}

/// The name of the type of a built-in kind.
pub(super) fn type_of(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    let key = (group.to_owned(), version.to_owned(), kind.to_owned());
    definitions().kinds.get(&key).map(String::as_str)
}
