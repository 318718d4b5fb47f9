//! Blocks that were made from existing resources, as text of a stack file. What is sensitive becomes a variable, so that the
//! text holds no secret.

use infra_engine::Generated;
use infra_model::address::is_identifier;
use infra_model::schema::Block;
use infra_model::value::Value;
use std::collections::BTreeMap;

/// The text, with an `[[import]]` for each block.
pub(crate) fn stack_text(blocks: &[Generated]) -> String {
    let mut out = String::new();
    let mut writer = Writer::default();
    for generated in blocks {
        let address = &generated.address;
        out.push_str(&format!(
            "[[import]]\nto = {}\nid = {}\n\n",
            quoted(&address.to_string()),
            text(&generated.id)
        ));
        for name in &generated.missing {
            out.push_str(&format!(
                "# `{name}` must be set: the cloud does not tell it.\n"
            ));
        }
        for name in &generated.changing {
            out.push_str(&format!("# The first apply changes `{name}`.\n"));
        }
        let header = format!(
            "resource.{}.{}",
            key(&address.block.type_name),
            key(&address.block.name)
        );
        writer.name = address.block.name.replace('-', "_");
        let (block, arguments) = (&generated.schema.block, &generated.arguments);
        writer.table(&header, "", block, arguments, &mut out);
        out.push('\n');
    }
    let variables: String = writer
        .variables
        .iter()
        .map(|(name, ty)| {
            format!(
                "[variables.{}]\ntype = {}\nsensitive = true\n\n",
                key(name),
                quoted(ty)
            )
        })
        .collect();
    let whole = format!("{variables}{out}");
    infra_lang::format(&whole).unwrap_or(whole)
}

/// Gathers the variables that stand for what is sensitive.
#[derive(Default)]
struct Writer {
    /// The resource's name.
    name: String,
    /// Types by name.
    variables: BTreeMap<String, String>,
}

impl Writer {
    /// A table with its header, and after it those of its blocks. `path` is where it stands in the resource.
    fn table(&mut self, header: &str, path: &str, block: &Block, value: &Value, out: &mut String) {
        out.push_str(&format!("[{header}]\n"));
        self.body(header, path, block, value, out);
    }

    fn body(&mut self, header: &str, path: &str, block: &Block, value: &Value, out: &mut String) {
        let attributes = block.attributes.keys();
        for (name, value) in attributes.filter_map(|n| Some((n, value.get(n)?))) {
            let value = self.value(&format!("{path}_{name}"), value);
            out.push_str(&format!("{} = {value}\n", key(name)));
        }
        for (name, nested) in &block.blocks {
            let tables = value
                .get(name)
                .and_then(Value::elements)
                .unwrap_or_default();
            let header = format!("{header}.{}", key(name));
            for (number, table) in tables.iter().enumerate() {
                out.push('\n');
                if tables.len() == 1 {
                    self.table(
                        &header,
                        &format!("{path}_{name}"),
                        &nested.block,
                        table,
                        out,
                    );
                } else {
                    let path = format!("{path}_{name}_{number}");
                    out.push_str(&format!("[[{header}]]\n"));
                    self.body(&header, &path, &nested.block, table, out);
                }
            }
        }
    }

    fn value(&mut self, path: &str, value: &Value) -> String {
        let list = |writer: &mut Writer, items: &[Value]| {
            let items: Vec<String> = items
                .iter()
                .enumerate()
                .map(|(i, v)| writer.value(&format!("{path}_{i}"), v))
                .collect();
            format!("[{}]", items.join(", "))
        };
        match value {
            Value::Marked(marks, inner) if marks.sensitive => {
                let name: String = format!("{}{path}", self.name)
                    .chars()
                    .map(|c| if c.is_alphanumeric() { c } else { '_' })
                    .collect();
                let variable = format!("\"${{var.{name}}}\"");
                self.variables.insert(name, inner.ty().to_string());
                variable
            }
            Value::Marked(_, inner) => self.value(path, inner),
            Value::Null(_) | Value::Unknown(_) => "\"${null}\"".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => {
                let digits = number.to_string();
                // TOML's numbers are smaller than the language's; text converts.
                let fits = digits.parse::<i64>().is_ok()
                    || (digits.contains('.')
                        && digits.parse::<f64>().is_ok_and(|f| f.to_string() == digits));
                if fits { digits } else { quoted(&digits) }
            }
            Value::String(string) => text(string),
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => list(self, items),
            Value::Map(_, items) | Value::Object(items) => {
                let entries: Vec<String> = items
                    .iter()
                    .filter(|(_, v)| !v.is_null())
                    .map(|(k, v)| {
                        format!(
                            "{} = {}",
                            key(&escaped(k)),
                            self.value(&format!("{path}_{k}"), v)
                        )
                    })
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

fn key(name: &str) -> String {
    // Bare keys of TOML are ASCII.
    if is_identifier(name) && name.is_ascii() {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// Text that stands for itself where templates are read.
fn escaped(string: &str) -> String {
    string.replace("${", "$${").replace("%{", "%%{")
}

fn text(string: &str) -> String {
    quoted(&escaped(string))
}

fn quoted(string: &str) -> String {
    toml_edit::Value::from(string).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::schema::{Attribute, Compare, NestedBlock, Nesting, Schema, Traits};
    use infra_model::types::Type;
    use std::sync::Arc;

    fn attribute(ty: Type) -> Attribute {
        Attribute {
            ty,
            required: false,
            optional: true,
            computed: false,
            force_new: false,
            sensitive: false,
            write_only: false,
            protects: false,
            default: None,
            compare: Compare::Exact,
            doc: "".into(),
            deprecated: None,
        }
    }

    #[test]
    fn text_is_escaped_secrets_become_variables_and_blocks_tables() {
        let rule = Block {
            attributes: [("port".into(), attribute(Type::Number))]
                .into_iter()
                .collect(),
            ..Block::default()
        };
        let nested = |block: &Block| NestedBlock {
            nesting: Nesting::List,
            min: 0,
            max: None,
            computed: false,
            force_new: false,
            block: block.clone(),
            doc: "".into(),
        };
        let names = ["name", "password", "tags", "sizes", "any"];
        let block = Block {
            attributes: names
                .map(|n| (n.into(), attribute(Type::Any)))
                .into_iter()
                .collect(),
            blocks: [
                ("one".into(), nested(&rule)),
                ("rule".into(), nested(&rule)),
            ]
            .into_iter()
            .collect(),
        };
        let port = |n: i64| Value::object([("port", n.into())]);
        let generated = Generated {
            address: "x_db.main-1".parse().expect("an address"),
            id: "id/${1}".to_owned(),
            schema: Arc::new(Schema::new("x_db", 0, "", block, Traits::default())),
            arguments: Value::object([
                ("name", "a \"quoted\" ${name}\nof two lines".into()),
                ("password", Value::from("hunter2").sensitive()),
                (
                    "tags",
                    Value::map(Type::String, [("a.b/c", "x".into()), ("é", "y".into())]),
                ),
                (
                    "sizes",
                    Value::tuple(vec![
                        1.into(),
                        Value::Number("123456789012345678901234567890".parse().expect("a number")),
                    ]),
                ),
                ("any", Value::tuple(vec![port(1)])),
                ("one", Value::tuple(vec![port(80)])),
                ("rule", Value::tuple(vec![port(1), port(2)])),
            ]),
            missing: vec!["owner".into()],
            changing: vec![],
        };
        let text = stack_text(&[generated]);
        assert!(!text.contains("hunter2"));
        insta::assert_snapshot!(text);
    }
}
