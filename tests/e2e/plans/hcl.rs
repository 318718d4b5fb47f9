//! A stack as Terraform writes it: the same blocks, names and expressions. Only what the cases use.

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// Renders a stack file.
pub fn render(stack: &str) -> String {
    let document: DocumentMut = stack.parse().unwrap_or_else(|e| panic!("{e}\n{stack}"));
    let mut out = String::new();
    for (section, item) in document.iter() {
        match section {
            "variables" => each(item, |name, table| {
                block(&mut out, &format!("variable \"{name}\""), table, variable);
            }),
            "outputs" => each(item, |name, table| {
                block(&mut out, &format!("output \"{name}\""), table, output);
            }),
            "locals" => block(&mut out, "locals", table(item), argument),
            "module" => each(item, |name, table| {
                block(&mut out, &format!("module \"{name}\""), table, module);
            }),
            "resource" => each(item, |kind, of_type| {
                for (name, item) in of_type.iter() {
                    let head = format!("resource \"{kind}\" \"{name}\"");
                    block(&mut out, &head, table(item), resource);
                }
            }),
            "moved" => all(item, |t| block(&mut out, "moved", t, address)),
            "import" => all(item, |t| block(&mut out, "import", t, import)),
            "removed" => all(item, |t| block(&mut out, "removed", t, removed)),
            "check" => all(item, |t| {
                let head = format!("check {}", value(t.get("name").expect("a name")));
                block(&mut out, &head, t, check);
            }),
            _ => panic!("no way to write [{section}]"),
        }
    }
    out
}

fn table(item: &Item) -> &dyn TableLike {
    item.as_table_like()
        .unwrap_or_else(|| panic!("{item} is no table"))
}

fn each(item: &Item, mut then: impl FnMut(&str, &dyn TableLike)) {
    table(item)
        .iter()
        .for_each(|(name, item)| then(name, table(item)));
}

/// Every table of an array of tables, in either way of writing it.
fn all(item: &Item, mut then: impl FnMut(&dyn TableLike)) {
    if let Some(tables) = item.as_array_of_tables() {
        tables.iter().for_each(|t| then(t));
    } else {
        let array = item.as_array().expect("an array of tables");
        array
            .iter()
            .for_each(|v| then(v.as_inline_table().expect("a table")));
    }
}

fn block(
    out: &mut String,
    head: &str,
    table: &dyn TableLike,
    mut write: impl FnMut(&mut String, &str, &Item),
) {
    out.push_str(&format!("{head} {{\n"));
    for (key, item) in table.iter() {
        write(out, key, item);
    }
    out.push_str("}\n");
}

fn argument(out: &mut String, key: &str, item: &Item) {
    out.push_str(&format!("{key} = {}\n", value(item)));
}

/// An argument whose value is addresses, types or other bare words.
fn bare(out: &mut String, key: &str, item: &Item) {
    let written = match (item.as_str(), item.as_array()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(items)) => {
            let items = items.iter().map(|i| i.as_str().expect("an address"));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        (None, None) => panic!("{item} is no address"),
    };
    out.push_str(&format!("{key} = {written}\n"));
}

fn address(out: &mut String, key: &str, item: &Item) {
    bare(out, key, item);
}

fn setting(out: &mut String, key: &str, item: &Item) {
    match key {
        "depends_on" | "type" => bare(out, key, item),
        _ => argument(out, key, item),
    }
}

fn variable(out: &mut String, key: &str, item: &Item) {
    match key {
        "validation" => conditions(out, key, item),
        _ => setting(out, key, item),
    }
}

fn output(out: &mut String, key: &str, item: &Item) {
    match key {
        "precondition" => conditions(out, key, item),
        _ => setting(out, key, item),
    }
}

fn module(out: &mut String, key: &str, item: &Item) {
    if key == "source" {
        let folder = item.as_str().expect("a path").trim_end_matches(".toml");
        // Beside one another in both, though Terraform has a folder for each.
        let path = match folder.strip_prefix("./modules/") {
            Some(_) => folder.to_owned(),
            None => folder.replacen("./", "../", 1),
        };
        out.push_str(&format!("source = \"{path}\"\n"));
    } else {
        setting(out, key, item);
    }
}

fn resource(out: &mut String, key: &str, item: &Item) {
    if key == "lifecycle" {
        block(out, key, table(item), |out, key, item| match key {
            "precondition" | "postcondition" => conditions(out, key, item),
            "ignore_changes" | "replace_triggered_by" => bare(out, key, item),
            _ => argument(out, key, item),
        });
    } else {
        setting(out, key, item);
    }
}

fn import(out: &mut String, key: &str, item: &Item) {
    match key {
        "to" => bare(out, key, item),
        _ => argument(out, key, item),
    }
}

fn removed(out: &mut String, key: &str, item: &Item) {
    match key {
        "from" => bare(out, key, item),
        "destroy" => out.push_str(&format!("lifecycle {{\ndestroy = {}\n}}\n", value(item))),
        _ => panic!("no way to write `{key}`"),
    }
}

fn check(out: &mut String, key: &str, item: &Item) {
    if key != "name" {
        conditions(out, key, item);
    }
}

fn conditions(out: &mut String, head: &str, item: &Item) {
    all(item, |t| {
        block(out, head, t, |out, key, item| {
            let key = if key == "message" {
                "error_message"
            } else {
                key
            };
            argument(out, key, item);
        });
    });
}

fn value(item: &Item) -> String {
    if let Some(table) = item.as_table() {
        return object(table.iter().map(|(k, i)| (k, value(i))));
    }
    plain(item.as_value().expect("a value"))
}

fn object<'a>(entries: impl Iterator<Item = (&'a str, String)>) -> String {
    let entries: Vec<String> = entries.map(|(k, v)| format!("{k} = {v}")).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => template(text.value()),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        Value::InlineTable(table) => object(table.iter().map(|(k, v)| (k, plain(v)))),
        other => other.to_string().trim().to_owned(),
    }
}

/// Text between quotes; an expression alone without them.
fn template(text: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut wholes = 0;
    let mut literal = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '$' if depth == 0 && rest.peek() == Some(&'{') => {
                rest.next();
                depth = 1;
                wholes += 1;
                out.push_str("${");
            }
            '{' if depth > 0 => {
                depth += 1;
                out.push(c);
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(c);
            }
            '"' | '\\' if depth == 0 => {
                literal = true;
                out.extend(['\\', c]);
            }
            _ => {
                literal |= depth == 0;
                out.push(c);
            }
        }
    }
    if wholes == 1 && !literal {
        return format!("({})", &out[2..out.len() - 1]);
    }
    format!("\"{out}\"")
}

#[test]
fn a_stack_is_written_as_terraform_writes_it() {
    let stack = r#"
[resource.terraform_data.a]
for_each = { x = 1 }
input = ["${each.key}", 'a "${var.x}" ${"b"}']
lifecycle = { ignore_changes = ["input.x"], precondition = [{ condition = "${true}", message = "m" }] }
[[removed]]
from = "module.m"
destroy = false
"#;
    let hcl = r#"resource "terraform_data" "a" {
for_each = { x = 1 }
input = [(each.key), "a \"${var.x}\" ${"b"}"]
lifecycle {
ignore_changes = [input.x]
precondition {
condition = (true)
error_message = "m"
}
}
}
removed {
from = module.m
lifecycle {
destroy = false
}
}
"#;
    assert_eq!(render(stack), hcl);
}
