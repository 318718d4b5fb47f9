//! JSON Schema (2020-12) of stack files, as taplo and Even Better TOML read it. Whatever can be computed may also be text with
//! `${…}` in it. A block may be one table or several; a type's table is defined once, under `$defs`.

use super::structure::{self, expression, named, or_expression};
use super::{Catalogue, Subject};
use infra_model::expand::ComponentKind;
use infra_model::json::to_json;
use infra_model::schema::{Attribute, Block, NestedBlock, Schema};
use infra_model::types::Type;
use serde_json::{Map, Value as Json, json};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Of whole stack files.
pub(crate) fn stack_schema(catalogue: &Catalogue) -> Json {
    let mut definitions = meta_definitions();
    let mut properties = Map::new();
    for (name, schema) in structure::tables() {
        properties.insert(name.to_owned(), schema);
    }
    let mut by_type = |kind: &str, schemas: &mut dyn Iterator<Item = &Schema>| {
        let mut types = Map::new();
        for schema in schemas {
            let key = format!("{kind}.{}", schema.type_name);
            definitions.insert(key.clone(), of_schema(schema));
            let blocks = named(first_sentence(&schema.doc), reference(&key));
            types.insert(schema.type_name.to_string(), blocks);
        }
        Json::Object(types)
    };
    let resources = by_type("resource", &mut catalogue.resources());
    let data = by_type("data", &mut catalogue.data());
    let ephemeral = by_type("ephemeral", &mut catalogue.ephemeral());
    properties.insert(
        "resource".into(),
        types("Native resources: [resource.TYPE.NAME]", resources),
    );
    properties.insert(
        "data".into(),
        types("What is only read: [data.TYPE.NAME]", data),
    );
    properties.insert(
        "ephemeral".into(),
        types(
            "What is opened when it is needed and never stored: [ephemeral.TYPE.NAME]",
            ephemeral,
        ),
    );
    properties.insert(
        "clouds".into(),
        types("Provider configurations: [clouds.aws]", clouds(catalogue)),
    );
    for component in catalogue.components() {
        let key = format!("component.{}", component.name);
        definitions.insert(key.clone(), of_component(component));
        let blocks = named(first_sentence(&component.doc), reference(&key));
        properties.insert(component.name.to_string(), blocks);
    }
    json!({
        "$schema": DIALECT,
        "title": "infra stack file",
        "description": format!("Stack files of infra {}", env!("CARGO_PKG_VERSION")),
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "$defs": definitions,
    })
}

/// Of the table of one type, component or provider.
pub(crate) fn subject_schema(subject: &Subject<'_>) -> Json {
    let (title, mut schema) = match subject {
        Subject::Resource(schema) => (schema.type_name.to_string(), of_schema(schema)),
        Subject::Data(schema) => (format!("data.{}", schema.type_name), of_schema(schema)),
        Subject::Ephemeral(schema) => {
            let title = format!("ephemeral.{}", schema.type_name);
            (title, of_schema(schema))
        }
        Subject::Component(component) => (component.name.to_string(), of_component(component)),
        Subject::Provider(name, config) => (format!("clouds.{name}"), of_block(config, "")),
    };
    let mut whole = Map::new();
    whole.insert("$schema".into(), DIALECT.into());
    whole.insert("title".into(), title.into());
    if let Some(fields) = schema.as_object_mut() {
        whole.append(fields);
    }
    if !matches!(subject, Subject::Provider(..)) {
        whole.insert("$defs".into(), Json::Object(meta_definitions()));
    }
    Json::Object(whole)
}

fn reference(key: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{key}") })
}

fn types(description: &str, properties: Json) -> Json {
    json!({
        "type": "object",
        "description": description,
        "additionalProperties": false,
        "properties": properties,
    })
}

fn clouds(catalogue: &Catalogue) -> Json {
    let mut clouds = Map::new();
    for (name, config) in catalogue.providers() {
        let mut schema = of_block(config, "");
        let alias = named(
            "Further configurations: provider = \"NAME.ALIAS\"",
            schema.clone(),
        );
        schema["properties"]["alias"] = alias;
        // The default configuration may be left to the environment while there are aliases.
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("required");
        }
        clouds.insert(name.to_owned(), schema);
    }
    Json::Object(clouds)
}

fn of_schema(schema: &Schema) -> Json {
    with_meta(of_block(&schema.block, &schema.doc), false)
}

fn of_component(component: &ComponentKind) -> Json {
    with_meta(of_block(&component.inputs, &component.doc), true)
}

/// Meta-arguments are the same everywhere, and defined once.
fn meta_definitions() -> Map<String, Json> {
    let meta = structure::meta_arguments().into_iter();
    meta.map(|(name, schema)| (format!("meta.{name}"), schema))
        .collect()
}

/// A component names its cloud itself, and has no `provider`.
fn with_meta(mut schema: Json, component: bool) -> Json {
    for (name, _) in structure::meta_arguments() {
        let taken = schema["properties"].get(name).is_some();
        if !(taken || component && name == "provider") {
            schema["properties"][name] = reference(&format!("meta.{name}"));
        }
    }
    schema
}

/// The table of a block: what can be set in it.
fn of_block(block: &Block, doc: &str) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, attribute) in block.attributes.iter().filter(|(_, a)| is_settable(a)) {
        if attribute.required {
            required.push(&**name);
        }
        properties.insert(name.to_string(), of_attribute(attribute));
    }
    for (name, nested) in &block.blocks {
        if nested.min > 0 {
            required.push(&**name);
        }
        properties.insert(name.to_string(), of_nested(nested));
    }
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !doc.is_empty() {
        schema["description"] = doc.into();
    }
    schema
}

fn is_settable(attribute: &Attribute) -> bool {
    attribute.required || attribute.optional
}

fn of_attribute(attribute: &Attribute) -> Json {
    let mut schema = of_type(&attribute.ty);
    if !attribute.doc.is_empty() {
        schema["description"] = (&*attribute.doc).into();
    }
    if let Some(default) = &attribute.default {
        schema["default"] = to_json(default);
    }
    if attribute.deprecated.is_some() {
        schema["deprecated"] = true.into();
    }
    schema
}

fn of_nested(nested: &NestedBlock) -> Json {
    let table = of_block(&nested.block, "");
    let mut several = json!({ "type": "array", "items": table });
    if nested.min > 1 {
        several["minItems"] = nested.min.into();
    }
    if let Some(max) = nested.max {
        several["maxItems"] = max.into();
    }
    let mut schema = json!({ "anyOf": [table, several, expression()] });
    if !nested.doc.is_empty() {
        schema["description"] = (&*nested.doc).into();
    }
    schema
}

/// What converts to a type, or computes one. Numbers and booleans convert to text and back, as everywhere in the language.
fn of_type(ty: &Type) -> Json {
    match ty {
        Type::Any => json!({}),
        Type::String => json!({ "type": ["string", "number", "boolean"] }),
        Type::Bool => json!({ "type": ["boolean", "string"], "pattern": r"^(true|false)$|\$\{" }),
        Type::Number => {
            json!({ "type": ["number", "string"], "pattern": r"^-?[0-9][0-9.eE+-]*$|\$\{" })
        }
        Type::List(element) | Type::Set(element) => {
            or_expression(json!({ "type": "array", "items": of_type(element) }))
        }
        Type::Map(element) => {
            or_expression(json!({ "type": "object", "additionalProperties": of_type(element) }))
        }
        Type::Tuple(items) => {
            let items: Vec<Json> = items.iter().map(of_type).collect();
            or_expression(json!({ "type": "array", "prefixItems": items, "items": false }))
        }
        Type::Object(object) => {
            let mut properties = Map::new();
            let mut required = Vec::new();
            for (name, attribute) in &object.attributes {
                if !attribute.optional {
                    required.push(&**name);
                }
                properties.insert(name.to_string(), of_type(&attribute.ty));
            }
            or_expression(
                json!({ "type": "object", "properties": properties, "required": required }),
            )
        }
    }
}

/// For lists of many: up to the first full stop.
pub(super) fn first_sentence(doc: &str) -> &str {
    let paragraph = doc.split("\n\n").next().unwrap_or_default();
    paragraph
        .find(". ")
        .or_else(|| paragraph.find(".\n"))
        .map_or(paragraph, |end| &paragraph[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use boon::{Compiler, SchemaIndex, Schemas};
    use std::path::Path;

    struct Validator(Schemas, SchemaIndex);

    impl Validator {
        fn new(schema: Json) -> Validator {
            let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
            compiler.add_resource("stack.json", schema).expect("JSON");
            let index = compiler
                .compile("stack.json", &mut schemas)
                .expect("a schema");
            Validator(schemas, index)
        }

        /// What is wrong with a stack file, in the validator's words.
        fn problems(&self, toml: &str) -> Option<String> {
            let value: Json = toml_edit::de::from_str(toml).expect("TOML");
            let result = self.0.validate(&value, self.1);
            result.err().map(|e| format!("{e:#}"))
        }
    }

    fn whole() -> Validator {
        Validator::new(stack_schema(&Catalogue::new()))
    }

    #[test]
    fn the_example_stacks_are_valid() {
        let validator = whole();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = vec![root.join("templates/local.toml")];
        let stacks = std::fs::read_dir(root.join("../../stacks")).expect("stacks/");
        files.extend(stacks.map(|e| e.expect("an entry").path()));
        files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
        assert!(files.len() >= 5, "{files:?}");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a stack file");
            assert_eq!(validator.problems(&text), None, "{}", file.display());
        }
    }

    /// Every key that the language has of its own.
    const EVERYTHING: &str = r#"
[stack]
name = "s"
description = "d"
protect = true
ttl = "8h"
[variables.v]
type = "string"
default = "x"
sensitive = false
nullable = true
description = "d"
validation = [{ condition = "${var.v != \"\"}", message = "m" }]
[variables.e]
type = "string"
default = "x"
ephemeral = true
[ephemeral.random_password.p]
length = 20
[locals]
l = [1, "two", { three = 3 }]
[clouds.aws]
region = "eu-west-1"
[clouds.aws.alias.us]
region = "us-east-1"
[resource.terraform_data.a]
for_each = "${toset([\"x\"])}"
input = "${each.key}"
depends_on = ["terraform_data.b"]
[resource.terraform_data.a.lifecycle]
create_before_destroy = true
prevent_destroy = "${var.v == \"y\"}"
ignore_changes = ["input"]
replace_triggered_by = ["terraform_data.b"]
precondition = [{ condition = true, error_message = "m" }]
postcondition = [{ condition = "${self.id != \"\"}", message = "m" }]
[resource.terraform_data.b]
count = 1
[resource.terraform_data.c.lifecycle]
enabled = false
ignore_changes = "all"
[resource.aws_vpc.v]
provider = "aws.us"
cidr_block = "10.0.0.0/16"
[data.aws_region.here]
[network.n]
cloud = "aws"
count = 1
[outputs.o]
value = "${var.v}"
type = "string"
sensitive = true
description = "d"
depends_on = ["terraform_data.b"]
[[moved]]
from = "terraform_data.old"
to = "terraform_data.b"
[[import]]
for_each = { x = "1" }
to = "terraform_data.a[each.key]"
id = "1"
[[removed]]
from = "terraform_data.gone"
destroy = false
[[removed]]
from = "terraform_data.lost"
lifecycle = { destroy = false }
[[check]]
name = "c"
assert = [{ condition = true, message = "m" }]
[check.data.aws_region.there]
"#;

    #[test]
    fn schema_and_language_know_the_same_keys() {
        assert_eq!(whole().problems(EVERYTHING), None);
        let providers = crate::providers::Providers::new();
        let loading = crate::stack::Loading::new(&providers, &crate::cli::Variables::default());
        let loading = loading.unwrap_or_else(|_| panic!("no variables are given"));
        let loaded = loading.load(Path::new("s.toml"), EVERYTHING, None);
        let told: Vec<_> = loaded.diagnostics.iter().map(|d| &d.message).collect();
        assert!(loaded.program.is_some(), "{told:?}");
        // And the schema has no key that is not in that file.
        let text: Json = toml_edit::de::from_str(EVERYTHING).expect("TOML");
        let mut used = std::collections::BTreeSet::new();
        collect(&text, &mut used);
        // Described elsewhere, or still to come.
        let elsewhere = ["module", "hardening", "policies", "source", "extends"];
        let tables = structure::tables().into_iter();
        let all = tables.chain(structure::meta_arguments());
        for (name, schema) in all {
            let mut keys = std::collections::BTreeSet::from([name.to_owned()]);
            properties(&schema, &mut keys);
            for key in keys.iter().filter(|k| !elsewhere.contains(&k.as_str())) {
                assert!(used.contains(key) || key == "ephemeral", "{name}: {key}");
            }
        }
    }

    fn collect(value: &Json, keys: &mut std::collections::BTreeSet<String>) {
        match value {
            Json::Object(entries) => {
                for (key, value) in entries {
                    keys.insert(key.clone());
                    collect(value, keys);
                }
            }
            Json::Array(items) => items.iter().for_each(|v| collect(v, keys)),
            _ => {}
        }
    }

    /// The names under every `properties`.
    fn properties(schema: &Json, keys: &mut std::collections::BTreeSet<String>) {
        match schema {
            Json::Object(entries) => {
                for (key, value) in entries {
                    if let ("properties", Some(inner)) = (key.as_str(), value.as_object()) {
                        keys.extend(inner.keys().cloned());
                    }
                    properties(value, keys);
                }
            }
            Json::Array(items) => items.iter().for_each(|v| properties(v, keys)),
            _ => {}
        }
    }

    #[test]
    fn what_the_language_refuses_the_schema_refuses() {
        let validator = whole();
        for toml in [
            "[network.n]\ncidr = \"10.0.0.0/16\"",
            "[network.n]\ncloud = \"aws\"\nzoness = 2",
            "[network.n]\ncloud = \"aws\"\nzones = \"two\"",
            "[network.n]\ncloud = \"aws\"\nprovider = \"aws.us\"",
            "[resource.aws_vpcc.v]",
            "[resource.aws_vpc.v]\nid = \"vpc-1\"",
            "[resource.aws_vpc.v]\nenable_dns_support = \"perhaps\"",
            "[resource.aws_vpc.v]\ntags = [\"x\"]",
            "[resource.aws_vpc.v.lifecycle]\nforever = true",
            "[stack]\ncolour = \"red\"",
            "[outputs.o]",
            "[[moved]]\nfrom = \"a.b\"",
            "[variables.v]\nkind = \"string\"",
        ] {
            assert!(validator.problems(toml).is_some(), "{toml}");
        }
        for toml in [
            "[network.n]\ncloud = \"aws\"\nzones = \"${var.zones}\"",
            "[network.n]\ncloud = \"aws\"\nzones = \"3\"\ntags = \"${local.tags}\"",
            "[resource.aws_vpc.v]\nenable_dns_support = \"true\"",
        ] {
            assert_eq!(validator.problems(toml), None, "{toml}");
        }
    }

    #[test]
    fn the_schema_of_one_type_stands_alone() {
        let catalogue = Catalogue::new();
        for name in [
            "aws_vpc",
            "data.aws_region",
            "network",
            "aws",
            "terraform_data",
        ] {
            let Ok(subject) = catalogue.find(name) else {
                panic!("{name}");
            };
            Validator::new(subject_schema(&subject));
        }
    }
}
