//! A stack of components, and what is looked at in what they make.

pub(crate) use crate::expansions::told;
use crate::expansions::{Instances, address};
use infra_components::components;
use infra_model::expand::Expansion;
use infra_model::{Diagnostics, json};
use serde_json::{Map, Value as Json, json};

/// A stack of components.
pub(crate) struct Fixture(pub(crate) Instances);

impl Fixture {
    pub(crate) fn new() -> Fixture {
        Fixture(Instances::new())
    }

    pub(crate) fn protected() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.0.stack.protect = true;
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
        self.0.expand(&components(), kind, name, key, inputs)
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
        .map(|b| (address(b), b.body.clone()))
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
