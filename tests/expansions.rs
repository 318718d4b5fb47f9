//! Expansions without a language: inputs as JSON, in which `"?"` is a value that depends on resources; what a person is told; and
//! what an expansion refers to. Several test binaries take this in as a module.

use hcl_edit::expr::{Expression, TraversalOperator};
use hcl_edit::template::{Element, Template};
use hcl_edit::visit::{Visit, visit_traversal};
use infra_model::expand::{Expand, Expansion, Instance, Known, NativeBlock};
use infra_model::program::Stack;
use infra_model::{Diagnostic, Diagnostics, FileId, InstanceKey, Mode, Span, Value, convert};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// A stack with the instances expanded so far, as the language would keep them.
#[derive(Default)]
pub struct Instances {
    pub stack: Stack,
    known: Vec<(String, Known)>,
    /// What is declared and was not expanded yet: kind, name, inputs.
    later: Vec<(String, String, Value)>,
}

impl Instances {
    /// Those of the stack `shop`, of which there are none yet.
    pub fn new() -> Instances {
        let stack = Stack {
            name: "shop".into(),
            ..Stack::default()
        };
        Instances {
            stack,
            known: Vec::new(),
            later: Vec::new(),
        }
    }

    /// Declares one that is expanded later, or never.
    pub fn declare(&mut self, kind: &str, name: &str, inputs: &Json) {
        self.later.push((kind.into(), name.into(), value(inputs)));
    }

    /// One more, with what is wrong with its inputs.
    pub fn expand(
        &mut self,
        all: &dyn Expand,
        kind: &str,
        name: &str,
        key: Option<&str>,
        inputs: &Json,
    ) -> Result<Expansion, Diagnostics> {
        let described = all.kinds().iter().find(|k| &*k.name == kind);
        let described = described.expect("a kind of component");
        let inputs = described.inputs.coerce(&value(inputs)).map_err(|errors| {
            let told = errors.into_iter().map(|e| {
                let message = format!("{}: {}", e.path, e.message);
                Diagnostic::error(infra_model::Code::WrongType, message)
            });
            told.collect::<Vec<_>>()
        })?;
        let key = key.map(|k| InstanceKey::Name(k.into()));
        let suffix = key.as_ref().map(ToString::to_string).unwrap_or_default();
        let list = |kind: &str| -> Vec<Known> {
            let of_kind = self.known.iter().filter(|(k, _)| k == kind);
            of_kind.map(|(_, known)| known.clone()).collect()
        };
        let lookup = |kind: &str, name: &str| {
            let wanted = format!("{kind}.{name}");
            list(kind).into_iter().find(|k| k.reference == wanted)
        };
        let declared = |kind: &str| -> Vec<(String, Value)> {
            let prefix = format!("{kind}.");
            let name = |known: &Known| known.reference.replacen(&prefix, "", 1);
            let known = list(kind).into_iter().map(|k| (name(&k), k.inputs));
            let later = self.later.iter().filter(|(k, _, _)| k == kind);
            known
                .chain(later.map(|(_, name, inputs)| (name.clone(), inputs.clone())))
                .collect()
        };
        let expansion = all.expand(&Instance {
            kind,
            name,
            key: key.as_ref(),
            inputs: &inputs,
            stack: &self.stack,
            lookup: &lookup,
            list: &list,
            declared: &declared,
            span_of: &span_of,
        })?;
        let known = Known {
            reference: format!("{kind}.{name}{suffix}"),
            inputs,
            facts: expansion.facts.clone(),
        };
        self.known.push((kind.to_owned(), known));
        Ok(expansion)
    }
}

/// As TOML would give it.
fn value(json: &Json) -> Value {
    match json {
        Json::String(text) if text == "?" => Value::UNKNOWN,
        Json::String(text) => Value::string(convert::normalise(text)),
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::from(n.as_i64().expect("a whole number")),
        Json::Null => Value::NULL,
        Json::Array(items) => Value::tuple(items.iter().map(value).collect()),
        Json::Object(entries) => Value::object(entries.iter().map(|(k, v)| (k.as_str(), value(v)))),
    }
}

thread_local! {
    static PLACES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A span for each path, so that tests can say where an error points.
fn span_of(path: &str) -> Span {
    PLACES.with_borrow_mut(|places| {
        let index = places.iter().position(|p| p == path).unwrap_or_else(|| {
            places.push(path.to_owned());
            places.len() - 1
        });
        let start = u32::try_from(index).expect("few places") + 1;
        Span {
            file: FileId(0),
            start,
            end: start,
        }
    })
}

/// Diagnostics as a person would read them, each with the input it points to.
pub fn told(diagnostics: &[Diagnostic]) -> String {
    let one = |d: &Diagnostic| {
        let place = d.labels.first().map_or_else(String::new, |(span, _)| {
            PLACES.with_borrow(|places| places[span.start as usize - 1].clone())
        });
        let help = d.help.as_deref();
        let help = help.map(|h| format!("\n  help: {h}")).unwrap_or_default();
        format!("{place}: {}{help}", d.message)
    };
    diagnostics.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// How a native is referred to: `aws_vpc.this`, `data.aws_region.this`.
pub fn address(block: &NativeBlock) -> String {
    let table = match block.mode {
        Mode::Managed => "",
        Mode::Data => "data.",
        Mode::Ephemeral => "ephemeral.",
    };
    format!("{table}{}.{}", block.type_name, block.name)
}

/// What an expansion refers to, each by its first two names, after `data` and `ephemeral` by the first three; with one name more
/// where `outputs` says so of the first.
pub fn references(expansion: &Expansion, outputs: &[&str]) -> BTreeSet<String> {
    let mut found = References {
        outputs,
        found: BTreeSet::new(),
    };
    for block in &expansion.blocks {
        strings(&block.body, &mut |text| found.read(text));
        let after = block.body["depends_on"].as_array().into_iter().flatten();
        let after = after.map(|a| a.as_str().expect("an address").to_owned());
        found.found.extend(after);
    }
    for output in expansion.outputs.values() {
        found.read(output);
    }
    found.found
}

/// Calls `f` with every string in a body.
fn strings<'a>(json: &'a Json, f: &mut dyn FnMut(&'a str)) {
    match json {
        Json::String(text) => f(text),
        Json::Array(items) => items.iter().for_each(|item| strings(item, f)),
        Json::Object(entries) => entries.values().for_each(|item| strings(item, f)),
        _ => {}
    }
}

struct References<'a> {
    outputs: &'a [&'a str],
    found: BTreeSet<String>,
}

impl References<'_> {
    fn read(&mut self, text: &str) {
        let template: Template = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        for element in &template {
            if let Element::Interpolation(inner) = element {
                self.visit_expr(&inner.expr);
            }
        }
    }
}

impl Visit for References<'_> {
    fn visit_traversal(&mut self, node: &hcl_edit::expr::Traversal) {
        if let Expression::Variable(root) = &node.expr {
            let mut name = root.as_str().to_owned();
            let apart = matches!(name.as_str(), "data" | "ephemeral");
            let more = self.outputs.contains(&name.as_str());
            let wanted = if apart || more { 2 } else { 1 };
            for operator in node.operators.iter().take(wanted) {
                if let TraversalOperator::GetAttr(attribute) = operator.value() {
                    name = format!("{name}.{}", attribute.as_str());
                }
            }
            self.found.insert(name);
        }
        visit_traversal(self, node);
    }
}
