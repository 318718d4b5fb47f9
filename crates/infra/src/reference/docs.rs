//! Pages about one type, component or provider, for a terminal or as Markdown.

use super::json_schema::first_sentence;
use super::{Catalogue, Subject};
use crate::render::literal::literal;
use crate::render::paint::Paint;
use infra_model::expand::ComponentKind;
use infra_model::schema::{Attribute, Block, NestedBlock, Nesting, Schema};
use std::time::Duration;

/// Text is wrapped here.
const WIDTH: usize = 100;

/// One page, before it is known what it is written as.
pub(crate) struct Page {
    title: String,
    doc: String,
    parts: Vec<Part>,
}

/// What pages are made of.
enum Part {
    Heading(&'static str),
    Text(String),
    Code(String),
    /// Name, what it is, documentation; deeper ones belong to the last one above them.
    Entry {
        depth: usize,
        name: String,
        kind: String,
        doc: String,
    },
}

/// Everything there is: names with their first sentences.
pub(crate) fn index(catalogue: &Catalogue) -> Page {
    let entry = |name: String, doc: &str| Part::Entry {
        depth: 0,
        name,
        kind: String::new(),
        doc: first_sentence(doc).to_owned(),
    };
    let mut parts = vec![Part::Heading("Components")];
    let components = catalogue.components().iter();
    parts.extend(components.map(|c| entry(c.name.to_string(), &c.doc)));
    parts.push(Part::Heading("Providers"));
    parts.extend(
        catalogue
            .providers()
            .map(|(name, _)| entry(name.to_owned(), "")),
    );
    parts.push(Part::Heading("Resources"));
    parts.extend(
        catalogue
            .resources()
            .map(|s| entry(s.type_name.to_string(), &s.doc)),
    );
    parts.push(Part::Heading("Data sources"));
    parts.extend(
        catalogue
            .data()
            .map(|s| entry(format!("data.{}", s.type_name), &s.doc)),
    );
    parts.push(Part::Heading("Ephemeral resources"));
    parts.extend(
        catalogue
            .ephemeral()
            .map(|s| entry(format!("ephemeral.{}", s.type_name), &s.doc)),
    );
    Page {
        title: "What there is to write in a stack file".to_owned(),
        doc: "`infra docs NAME` tells more about each.".to_owned(),
        parts,
    }
}

/// About one thing.
pub(crate) fn page(subject: &Subject<'_>) -> Page {
    match subject {
        Subject::Resource(schema) => resource(schema),
        Subject::Data(schema) => read_only("data", schema),
        Subject::Ephemeral(schema) => {
            let mut page = read_only("ephemeral", schema);
            page.parts.push(Part::Heading("How it is used"));
            page.parts.push(Part::Text(format!(
                "It is opened while planning, as far as its arguments are known then, and again in apply; renewed while it is used, and closed after its last user. `${{ephemeral.{}.NAME.ATTRIBUTE}}` reaches only provider configurations, write-only attributes, other ephemeral resources and ephemeral outputs of modules: nothing of it is stored.",
                schema.type_name
            )));
            page
        }
        Subject::Component(component) => component_page(component),
        Subject::Provider(name, config) => provider(name, config),
    }
}

fn resource(schema: &Schema) -> Page {
    let name = &schema.type_name;
    let mut parts = vec![Part::Code(example(
        &format!("resource.{name}.main"),
        &schema.block,
    ))];
    arguments(&schema.block, &mut parts);
    attributes(&schema.block, &mut parts);
    parts.push(Part::Heading("Import"));
    parts.push(match schema.import_form.as_deref() {
        None => Part::Text("By its id:".to_owned()),
        Some(form) => Part::Text(format!("By {form}:")),
    });
    let refused = schema
        .import_form
        .as_deref()
        .is_some_and(|f| f.contains("cannot be imported"));
    if refused {
        parts.pop();
        parts.push(Part::Text(
            schema.import_form.as_deref().unwrap_or_default().to_owned(),
        ));
    } else {
        parts.push(Part::Code(format!("infra import {name}.main ID")));
    }
    if schema.traits.state_only {
        parts.push(Part::Heading("Where it lives"));
        parts.push(Part::Text(
            "In the state alone: it makes nothing outside.".to_owned(),
        ));
    } else {
        parts.push(Part::Heading("How long it takes"));
        let t = &schema.traits;
        parts.push(Part::Text(format!(
            "About {} to create, {} to change, {} to destroy. It is waited for as long as the cloud says that it goes on.",
            about(t.create),
            about(t.update),
            about(t.delete)
        )));
    }
    Page {
        title: name.to_string(),
        doc: schema.doc.to_string(),
        parts,
    }
}

fn read_only(word: &str, schema: &Schema) -> Page {
    let name = &schema.type_name;
    let mut parts = vec![Part::Code(example(
        &format!("{word}.{name}.main"),
        &schema.block,
    ))];
    arguments(&schema.block, &mut parts);
    attributes(&schema.block, &mut parts);
    Page {
        title: format!("{word}.{name}"),
        doc: schema.doc.to_string(),
        parts,
    }
}

fn component_page(component: &ComponentKind) -> Page {
    let name = &component.name;
    let mut parts = vec![Part::Code(example(
        &format!("{name}.main"),
        &component.inputs,
    ))];
    arguments(&component.inputs, &mut parts);
    parts.push(Part::Heading("Outputs"));
    for output in &component.outputs {
        parts.push(Part::Entry {
            depth: 0,
            name: output.name.to_owned(),
            kind: format!("{}, ${{{name}.main.{}}}", output.ty.ty(), output.name),
            doc: output.doc.to_owned(),
        });
    }
    if !component.natives.is_empty() {
        parts.push(Part::Heading("Native resources"));
        parts.push(Part::Text(format!(
            "What it makes, each where its cloud and its inputs ask for it; `override = {{ TYPE = {{ … }} }}` reaches any attribute of them, and `infra docs TYPE` tells about each: {}.",
            component.natives.join(", ")
        )));
    }
    Page {
        title: name.to_string(),
        doc: component.doc.to_string(),
        parts,
    }
}

fn provider(name: &str, config: &Block) -> Page {
    let mut parts = vec![Part::Code(example(&format!("clouds.{name}"), config))];
    arguments(config, &mut parts);
    Page {
        title: format!("The provider {name}"),
        doc: String::new(),
        parts,
    }
}

/// A block with everything that it must have.
fn example(header: &str, block: &Block) -> String {
    let mut lines = vec![format!("[{header}]")];
    let required = block.attributes.iter().filter(|(_, a)| a.required);
    let required: Vec<(&str, String)> = required
        .map(|(name, a)| (&**name, placeholder(a)))
        .collect();
    let width = required
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0);
    for (name, value) in required {
        lines.push(format!("{name:width$} = {value}"));
    }
    lines.join("\n")
}

fn placeholder(attribute: &Attribute) -> String {
    match attribute.ty.to_string().as_str() {
        "string" => "\"…\"".to_owned(),
        "number" => "1".to_owned(),
        "bool" => "true".to_owned(),
        other if other.starts_with("list") || other.starts_with("set") => "[…]".to_owned(),
        _ => "{ … }".to_owned(),
    }
}

fn arguments(block: &Block, parts: &mut Vec<Part>) {
    let settable = |a: &Attribute| a.required || a.optional;
    if !block.attributes.values().any(settable) && block.blocks.is_empty() {
        return;
    }
    parts.push(Part::Heading("Arguments"));
    entries(block, 0, &settable, parts);
}

/// What the provider alone decides, at the top and in blocks.
fn attributes(block: &Block, parts: &mut Vec<Part>) {
    let decided = |a: &Attribute| a.computed && !a.optional && !a.required;
    let at = parts.len();
    for (name, attribute) in block.attributes.iter().filter(|(_, a)| decided(a)) {
        parts.push(entry(0, name, attribute));
    }
    if parts.len() > at {
        parts.insert(at, Part::Heading("Attributes"));
    }
}

fn entries(
    block: &Block,
    depth: usize,
    wanted: &dyn Fn(&Attribute) -> bool,
    parts: &mut Vec<Part>,
) {
    let mut chosen: Vec<_> = block
        .attributes
        .iter()
        .filter(|(_, a)| wanted(a) || depth > 0)
        .collect();
    // What must be set comes first, otherwise they stay in their order.
    chosen.sort_by_key(|(_, a)| !a.required);
    parts.extend(chosen.into_iter().map(|(name, a)| entry(depth, name, a)));
    for (name, nested) in &block.blocks {
        parts.push(Part::Entry {
            depth,
            name: name.to_string(),
            kind: nesting(nested),
            doc: nested.doc.to_string(),
        });
        entries(&nested.block, depth + 1, wanted, parts);
    }
}

fn entry(depth: usize, name: &str, attribute: &Attribute) -> Part {
    let mut kind = vec![attribute.ty.to_string()];
    if attribute.required {
        kind.push("required".to_owned());
    }
    if let Some(default) = &attribute.default {
        kind.push(format!("default {}", literal(default)));
    } else if attribute.optional && attribute.computed {
        kind.push("decided by the provider if left out".to_owned());
    }
    if depth > 0 && attribute.computed && !attribute.optional && !attribute.required {
        kind.push("cannot be set".to_owned());
    }
    if attribute.force_new {
        kind.push("a change replaces it".to_owned());
    }
    if attribute.sensitive {
        kind.push("sensitive".to_owned());
    }
    if attribute.write_only {
        kind.push("never stored".to_owned());
    }
    let mut doc = attribute.doc.to_string();
    if let Some(instead) = &attribute.deprecated {
        doc.push_str(&format!(" Deprecated: {instead}."));
    }
    Part::Entry {
        depth,
        name: name.to_owned(),
        kind: kind.join(", "),
        doc,
    }
}

fn nesting(nested: &NestedBlock) -> String {
    let mut words = vec![match (nested.max, nested.nesting) {
        (Some(1), _) => "table".to_owned(),
        (_, Nesting::List) => "tables, in their order".to_owned(),
        (_, Nesting::Set) => "tables".to_owned(),
    }];
    if nested.min > 0 {
        words.push("required".to_owned());
    }
    if let Some(max) = nested.max.filter(|m| *m > 1) {
        words.push(format!("at most {max}"));
    }
    if nested.computed {
        words.push("decided by the provider if left out".to_owned());
    }
    if nested.force_new {
        words.push("a change replaces it".to_owned());
    }
    words.join(", ")
}

fn about(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{} s", seconds.max(1)),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

impl Page {
    /// For a terminal.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let mut out = format!("{}\n", paint.bold(&self.title));
        for paragraph in paragraphs(&self.doc) {
            out.push_str(&format!("\n{}", wrapped(&paragraph, 0)));
        }
        for part in &self.parts {
            match part {
                Part::Heading(heading) => out.push_str(&format!("\n{}\n", paint.yellow(heading))),
                Part::Text(text) => out.push_str(&wrapped(text, 2)),
                Part::Code(code) => {
                    out.push('\n');
                    for line in code.lines() {
                        out.push_str(&format!("  {}\n", paint.cyan(line)));
                    }
                }
                Part::Entry {
                    depth,
                    name,
                    kind,
                    doc,
                } => {
                    let indent = 2 + 2 * depth;
                    let kind = if kind.is_empty() {
                        String::new()
                    } else {
                        format!("  {}", paint.dim(kind))
                    };
                    out.push_str(&format!("{:indent$}{}{kind}\n", "", paint.green(name)));
                    for paragraph in paragraphs(doc) {
                        out.push_str(&wrapped(&paragraph, indent + 4));
                    }
                }
            }
        }
        out
    }

    /// For a page.
    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("# {}\n", self.title);
        if !self.doc.is_empty() {
            out.push_str(&format!("\n{}\n", self.doc));
        }
        let mut in_list = false;
        for part in &self.parts {
            if !in_list || !matches!(part, Part::Entry { .. }) {
                out.push('\n');
            }
            in_list = matches!(part, Part::Entry { .. });
            match part {
                Part::Heading(heading) => out.push_str(&format!("## {heading}\n")),
                Part::Text(text) => out.push_str(&format!("{text}\n")),
                Part::Code(code) => out.push_str(&format!("```toml\n{code}\n```\n")),
                Part::Entry {
                    depth,
                    name,
                    kind,
                    doc,
                } => {
                    let indent = "  ".repeat(*depth);
                    let kind = if kind.is_empty() {
                        String::new()
                    } else {
                        format!(" ({kind})")
                    };
                    let doc = doc.replace('\n', &format!("\n{indent}  "));
                    let colon = if doc.is_empty() { "" } else { ": " };
                    out.push_str(&format!("{indent}- `{name}`{kind}{colon}{doc}\n"));
                }
            }
        }
        out
    }
}

/// Paragraphs with their lines joined; the items of a list stay apart.
fn paragraphs(doc: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for line in doc.lines() {
        let line = line.trim();
        match out.last_mut() {
            _ if line.is_empty() => open = false,
            Some(last) if open && !line.starts_with("- ") => {
                last.push(' ');
                last.push_str(line);
            }
            _ => {
                out.push(line.to_owned());
                open = true;
            }
        }
    }
    out
}

/// One paragraph, wrapped between words; the lines of a list's item hang.
fn wrapped(paragraph: &str, indent: usize) -> String {
    let hang = if paragraph.starts_with("- ") { 2 } else { 0 };
    let mut out = " ".repeat(indent);
    let mut column = indent;
    for (i, word) in paragraph.split_whitespace().enumerate() {
        let length = word.chars().count();
        if i > 0 {
            if column + 1 + length > WIDTH {
                out.push('\n');
                out.push_str(&" ".repeat(indent + hang));
                column = indent + hang;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}
