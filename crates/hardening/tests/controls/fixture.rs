//! A stack with a cluster to harden. Network and cluster are the real components.

use crate::expansions::{Instances, told};
use crate::schema;
use infra_components::components;
use infra_hardening::{Drill, Origin, hardening, hardening_beside};
use infra_model::Diagnostics;
use infra_model::expand::{Expansion, Together};
use serde_json::{Map, Value as Json, json};

/// A stack with `network.main` and `cluster.main`.
pub(crate) struct Fixture(Instances);

impl Fixture {
    /// On AWS.
    pub(crate) fn new() -> Fixture {
        Fixture::on("aws")
    }

    /// On a cloud.
    pub(crate) fn on(cloud: &str) -> Fixture {
        Fixture::reached_from(cloud, &json!([]))
    }

    /// On a cloud, with a cluster whose API is reached from these ranges over the internet.
    pub(crate) fn reached_from(cloud: &str, ranges: &Json) -> Fixture {
        let mut fixture = Fixture(Instances::new());
        fixture.add("network", "main", &json!({ "cloud": cloud }));
        let cluster = json!({
            "network": "main",
            "kubernetes": "1.34",
            "pools": { "general": { "size": "large", "min": 3, "max": 6 } },
            "api": { "public_from": ranges },
        });
        fixture.add("cluster", "main", &cluster);
        fixture
    }

    /// Declares what is expanded later.
    pub(crate) fn declare(&mut self, kind: &str, name: &str, inputs: &Json) {
        self.0.declare(kind, name, inputs);
    }

    /// Expands an instance that must be right.
    pub(crate) fn add(&mut self, kind: &str, name: &str, inputs: &Json) -> Expansion {
        match self.expand(kind, name, inputs) {
            Ok(expansion) => expansion,
            Err(errors) => panic!("{kind}.{name} is refused:\n{}", told(&errors)),
        }
    }

    /// Hardens `cluster.main` with these controls; objects are held against their definitions.
    pub(crate) fn harden(&mut self, profile: &[&str], more: Json) -> Expansion {
        let expansion = self.add("hardening", "main", &inputs(profile, more));
        schema::check(&expansion);
        expansion
    }

    /// What a person is told about inputs that are wrong.
    pub(crate) fn refused(&mut self, profile: &[&str], more: Json) -> String {
        let inputs = inputs(profile, more);
        match self.expand("hardening", "main", &inputs) {
            Ok(_) => panic!("this is accepted: {inputs}"),
            Err(errors) => told(&errors),
        }
    }

    /// Hardens `cluster.main` as a copy of another one, for a drill.
    pub(crate) fn beside(
        &mut self,
        origin: Origin,
        profile: &[&str],
        more: Json,
    ) -> Result<Expansion, Diagnostics> {
        self.0.stack.instance = Some("drill".into());
        let drill = Drill {
            origins: [("main".to_owned(), origin)].into(),
        };
        let all = Together::new(vec![
            Box::new(components()),
            Box::new(hardening_beside(drill)),
        ]);
        let inputs = inputs(profile, more);
        self.0.expand(&all, "hardening", "main", None, &inputs)
    }

    pub(crate) fn expand(
        &mut self,
        kind: &str,
        name: &str,
        inputs: &Json,
    ) -> Result<Expansion, Diagnostics> {
        let all = Together::new(vec![Box::new(components()), Box::new(hardening())]);
        self.0.expand(&all, kind, name, None, inputs)
    }
}

fn inputs(profile: &[&str], more: Json) -> Json {
    let mut inputs = json!({ "cluster": "main", "profile": profile });
    if let (Some(all), Json::Object(more)) = (inputs.as_object_mut(), more) {
        all.extend(more);
    }
    inputs
}

/// What controls need to be told that a profile cannot say for them.
pub(crate) fn givens() -> Json {
    json!({
        "logging": { "bucket": "logs" },
        "gitops": { "repository": "https://github.com/acme/config" },
    })
}

/// The shop of the guide: a front that people reach, and a back that only the front does.
pub(crate) fn shop() -> Json {
    json!({
        "domain": "shop.example.com",
        "apps": { "shop": {
            "team": "shop",
            "quota": { "cpu": "8", "memory": "16Gi", "pods": 50 },
            "services": {
                "front": { "port": 3000, "route": {} },
                "back": { "port": 8000, "from": ["front"], "labels": { "app": "back" } },
            },
        } },
    })
}

/// Two tables, the second's entries over the first's.
pub(crate) fn with(mut base: Json, more: Json) -> Json {
    if let (Some(all), Json::Object(more)) = (base.as_object_mut(), more) {
        all.extend(more);
    }
    base
}

/// Every node by address.
pub(crate) fn nodes(expansion: &Expansion) -> Map<String, Json> {
    let one = |b: &infra_model::expand::NativeBlock| {
        (format!("{}.{}", b.type_name, b.name), b.body.clone())
    };
    expansion.blocks.iter().map(one).collect()
}

/// Every node but definitions (which `pins` has), for snapshots.
pub(crate) fn readable(expansion: &Expansion) -> String {
    let mut nodes = nodes(expansion);
    for (address, body) in &mut nodes {
        if address.starts_with("kubernetes_crds.") {
            *body = json!("…");
        }
    }
    format!(
        "{:#}",
        json!({ "nodes": nodes, "outputs": expansion.outputs })
    )
}

/// A node by address.
pub(crate) fn node(expansion: &Expansion, address: &str) -> Json {
    let found = nodes(expansion).remove(address);
    found.unwrap_or_else(|| panic!("there is no {address}: {:?}", nodes(expansion).keys()))
}

/// An object by its node's name.
pub(crate) fn object(expansion: &Expansion, name: &str) -> Json {
    node(expansion, &format!("kubernetes_manifest.{name}"))["manifest"].clone()
}

/// Whether a node comes after another one, directly or by others.
pub(crate) fn comes_after(expansion: &Expansion, later: &str, earlier: &str) -> bool {
    let nodes = nodes(expansion);
    let mut open = vec![later.to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(address) = open.pop() {
        if address == earlier {
            return true;
        }
        if !seen.insert(address.clone()) {
            continue;
        }
        let after = nodes.get(&address).and_then(|b| b["depends_on"].as_array());
        open.extend(
            after
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .map(str::to_owned),
        );
    }
    false
}
