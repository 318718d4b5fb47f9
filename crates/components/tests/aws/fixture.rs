//! A stack without a language: inputs as JSON, in which `"?"` is a value that depends on resources.

use infra_components::components;
use infra_model::expand::{Expand, Expansion, Instance, Known};
use infra_model::program::Stack;
use infra_model::{Diagnostic, Diagnostics, FileId, InstanceKey, Mode, Span, Value, convert, json};
use serde_json::{Map, Value as Json, json};
use std::cell::RefCell;

/// Component instances expanded so far, as the language would keep them.
#[derive(Default)]
pub(crate) struct Fixture {
    pub(crate) stack: Stack,
    known: Vec<(String, Known)>,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        Fixture {
            stack: Stack {
                name: "shop".into(),
                ..Stack::default()
            },
            known: Vec::new(),
        }
    }

    pub(crate) fn protected() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.stack.protect = true;
        fixture
    }

    /// With `network.main` over two zones.
    pub(crate) fn with_network() -> Fixture {
        Fixture::with_network_on("aws")
    }

    /// With `network.main` over two zones of a cloud.
    pub(crate) fn with_network_on(cloud: &str) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.add("network", "main", &json!({ "cloud": cloud }));
        fixture
    }

    /// With `network.main` and `cluster.main` in it.
    pub(crate) fn with_cluster() -> Fixture {
        Fixture::with_cluster_on("aws")
    }

    /// With `network.main` and `cluster.main` in it, on a cloud.
    pub(crate) fn with_cluster_on(cloud: &str) -> Fixture {
        let mut fixture = Fixture::with_network_on(cloud);
        fixture.add("cluster", "main", &small_cluster());
        fixture
    }

    /// Expands an instance that must be right.
    pub(crate) fn add(&mut self, kind: &str, name: &str, inputs: &Json) -> Expansion {
        self.add_keyed(kind, name, None, inputs)
    }

    pub(crate) fn add_keyed(
        &mut self,
        kind: &str,
        name: &str,
        key: Option<&str>,
        inputs: &Json,
    ) -> Expansion {
        match self.expand(kind, name, key, inputs) {
            Ok(expansion) => expansion,
            Err(errors) => panic!("{kind}.{name} is refused:\n{}", told(&errors)),
        }
    }

    /// What a person is told about inputs that are wrong.
    pub(crate) fn refused(&mut self, kind: &str, inputs: &Json) -> String {
        match self.expand(kind, "main", None, inputs) {
            Ok(_) => panic!("{kind} is accepted: {inputs}"),
            Err(errors) => told(&errors),
        }
    }

    pub(crate) fn expand(
        &mut self,
        kind: &str,
        name: &str,
        key: Option<&str>,
        inputs: &Json,
    ) -> Result<Expansion, Diagnostics> {
        let components = components();
        let described = components
            .kinds()
            .iter()
            .find(|k| &*k.name == kind)
            .expect("a kind of component");
        let inputs = described.inputs.coerce(&value(inputs)).map_err(|errors| {
            let told = errors.into_iter().map(|e| {
                Diagnostic::error(
                    infra_model::Code::WrongType,
                    format!("{}: {}", e.path, e.message),
                )
            });
            told.collect::<Vec<_>>()
        })?;
        let key = key.map(|k| InstanceKey::Name(k.into()));
        let reference = format!(
            "{kind}.{name}{}",
            key.as_ref().map(ToString::to_string).unwrap_or_default()
        );
        let list = |kind: &str| -> Vec<Known> {
            let of_kind = self.known.iter().filter(|(k, _)| k == kind);
            of_kind.map(|(_, known)| known.clone()).collect()
        };
        let lookup = |kind: &str, name: &str| {
            let wanted = format!("{kind}.{name}");
            list(kind).into_iter().find(|k| k.reference == wanted)
        };
        let expansion = components.expand(&Instance {
            kind,
            name,
            key: key.as_ref(),
            inputs: &inputs,
            stack: &self.stack,
            lookup: &lookup,
            list: &list,
            span_of: &span_of,
        })?;
        let known = Known {
            reference,
            inputs,
            facts: expansion.facts.clone(),
        };
        self.known.push((kind.to_owned(), known));
        Ok(expansion)
    }
}

pub(crate) fn small_cluster() -> Json {
    json!({
        "network": "main",
        "kubernetes": "1.34",
        "pools": { "general": { "size": "small", "min": 2, "max": 4 } },
        "api": { "public_from": [] },
    })
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
pub(crate) fn told(diagnostics: &[Diagnostic]) -> String {
    let one = |d: &Diagnostic| {
        let place = d.labels.first().map_or_else(String::new, |(span, _)| {
            PLACES.with_borrow(|places| places[span.start as usize - 1].clone())
        });
        let help = d
            .help
            .as_deref()
            .map(|h| format!("\n  help: {h}"))
            .unwrap_or_default();
        format!("{place}: {}{help}", d.message)
    };
    diagnostics.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// JSON inside text, such as policies, is shown as what it says.
fn unfold(body: &Json) -> Json {
    match body {
        Json::String(text) if text.starts_with("{\"") => {
            serde_json::from_str(text).unwrap_or_else(|_| body.clone())
        }
        Json::Array(items) => items.iter().map(unfold).collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(k, v)| (k.clone(), unfold(v)))
            .collect::<Map<_, _>>()
            .into(),
        plain => plain.clone(),
    }
}

/// An expansion to read: natives by address, outputs, facts.
pub(crate) fn readable(expansion: &Expansion) -> Json {
    let natives: Map<String, Json> = expansion
        .blocks
        .iter()
        .map(|b| {
            let table = match b.mode {
                Mode::Managed => "",
                Mode::Data => "data.",
                Mode::Ephemeral => "ephemeral.",
            };
            (format!("{table}{}.{}", b.type_name, b.name), b.body.clone())
        })
        .collect();
    let facts: Map<String, Json> = expansion
        .facts
        .iter()
        .map(|(name, fact)| (name.to_string(), json::to_json(fact)))
        .collect();
    json!({ "natives": natives, "outputs": expansion.outputs, "facts": facts })
}

/// The same for snapshots.
pub(crate) fn unfolded(expansion: &Expansion) -> String {
    format!("{:#}", unfold(&readable(expansion)))
}

/// The body of a native by address.
pub(crate) fn native(expansion: &Expansion, address: &str) -> Json {
    readable(expansion)["natives"]
        .get(address)
        .unwrap_or_else(|| panic!("there is no {address}"))
        .clone()
}

/// A value somewhere in a native, by JSON pointer.
pub(crate) fn at(expansion: &Expansion, address: &str, pointer: &str) -> Json {
    native(expansion, address)
        .pointer(pointer)
        .cloned()
        .unwrap_or(Json::Null)
}

/// A policy somewhere in a native, parsed.
pub(crate) fn policy(expansion: &Expansion, address: &str, attribute: &str) -> Json {
    let body = native(expansion, address);
    let text = body[attribute].as_str().expect("a policy is text");
    serde_json::from_str(text).expect("a policy is JSON")
}
