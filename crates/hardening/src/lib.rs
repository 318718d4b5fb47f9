//! The inside of a cluster: `[hardening.NAME]` becomes Helm releases and objects in the same graph, after the cluster's own
//! resources. One control is one module; `control.rs` says how to add one. Nothing here asks a cluster; everything follows from
//! the inputs.

mod app;
pub mod audit;
mod azure;
mod capacity;
mod charts;
mod control;
mod controls;
mod delivery;
mod drill;
mod flow;
mod identity;
mod inputs;
mod inside;
mod node;
mod objects;
mod order;
mod pins;
mod reach;
mod registries;
mod site;
mod storage;
mod system;
mod versions;

pub use infra_repository::{seal, yaml};

#[doc(hidden)]
pub use capacity::table_of_charts;
pub use charts::{Chart, charts};
pub use controls::database::{RestoreError, is_moment, policies_of_restored, restore};
pub use drill::{Archived, Bucket, Drill, Origin, ReadRegistry, SealingKey};

use control::Control;
use infra_draft::{draft, input};
use infra_model::expand::{ComponentKind, Expand, Expansion, Instance, OutputKind, OutputType};
use infra_model::schema::{NestedBlock, Nesting};
use infra_model::{Block, Diagnostics, Record};
use inputs::Inputs;
use inside::Inside;

/// The controls, in the order of expansion, which is also that of the documentation.
const REGISTRY: &[Entry] = &[
    Entry::of::<controls::tls::Tls>(),
    Entry::of::<controls::secrets::Secrets>(),
    Entry::of::<controls::network::Network>(),
    Entry::of::<controls::database::Database>(),
    Entry::of::<controls::monitoring::Monitoring>(),
    Entry::of::<controls::logging::Logging>(),
    Entry::of::<controls::gitops::Gitops>(),
    Entry::of::<controls::quotas::Quotas>(),
    Entry::of::<controls::supply_chain::SupplyChain>(),
    Entry::of::<controls::policy::Policy>(),
    Entry::of::<controls::crossplane::Crossplane>(),
    Entry::of::<controls::autoscaler::Autoscaler>(),
    Entry::of::<controls::ci::Ci>(),
];

/// What the language calls it.
const KIND: &str = "hardening";

const OUTPUTS: &[(&str, OutputType, &str)] = &[
    ("cluster", OutputType::Text, "The cluster's name."),
    (
        "controls",
        OutputType::Texts,
        "The controls that are on, in the order of this page.",
    ),
    (
        "address",
        OutputType::Text,
        "Where what is reached from outside comes in: the address that DNS records point to.",
    ),
    (
        "sealing_certificate",
        OutputType::Text,
        "The certificate that secrets are sealed with, PEM.",
    ),
    (
        "namespaces",
        OutputType::Texts,
        "The namespaces that it makes.",
    ),
    (
        controls::ci::OUTPUT,
        OutputType::Table(controls::ci::PARTS),
        "What `infra ci render` writes pipelines from.",
    ),
];

/// The kind `hardening`, ready to be given to the language.
#[must_use]
pub fn hardening() -> impl Expand {
    Hardening {
        kinds: vec![kind()],
        directly: false,
        drill: None,
    }
}

/// The same, but for who brings objects: each is a resource of its own, whatever `delivery` says. For those who look at what a
/// stack makes, and not at how it gets there.
#[must_use]
pub fn hardening_directly() -> impl Expand {
    Hardening {
        kinds: vec![kind()],
        directly: true,
        drill: None,
    }
}

/// The same, as copies for a drill: each from its origin, and none in the way of what it is a copy of. Objects are brought directly:
/// what is committed for the origin names the origin's buckets, roles and archives, and the copy writes to no repository.
#[must_use]
pub fn hardening_beside(drill: Drill) -> impl Expand {
    Hardening {
        kinds: vec![kind()],
        directly: true,
        drill: Some(drill),
    }
}

/// A control in the registry, without its types.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) baseline: bool,
    block: fn() -> Block,
    doc: fn() -> &'static str,
    expand: Step,
    finish: Step,
}

type Step = fn(&mut Inside<'_>);

impl Entry {
    const fn of<C: Control>() -> Entry {
        Entry {
            name: C::NAME,
            baseline: C::BASELINE,
            block: block::<C>,
            doc: C::Config::doc,
            expand: |inside| run::<C>(inside, C::expand),
            finish: |inside| run::<C>(inside, C::finish),
        }
    }
}

fn block<C: Control>() -> Block {
    let mut block = C::Config::block();
    C::describe(&mut block);
    block.attributes.extend(inputs::Switch::block().attributes);
    block
}

fn run<C: Control>(inside: &mut Inside<'_>, step: fn(&C::Config, &mut Inside<'_>)) {
    match inside.config::<C::Config>(C::NAME) {
        Ok(mut config) => {
            if inside.origin.is_some() {
                C::beside(&mut config);
            }
            step(&config, inside);
        }
        Err(errors) => inside.draft.refuse_all(errors),
    }
}

struct Hardening {
    kinds: Vec<ComponentKind>,
    directly: bool,
    /// What copies are made from, where it is copies that are made.
    drill: Option<Drill>,
}

impl Expand for Hardening {
    fn kinds(&self) -> &[ComponentKind] {
        &self.kinds
    }

    fn expand(&self, instance: &Instance<'_>) -> Result<Expansion, Diagnostics> {
        let inputs: Inputs = input::read(instance)?;
        let mut draft = draft::Draft::new(instance)?;
        let found = inputs::find(&inputs, REGISTRY, &mut draft);
        let Some(found) = found else {
            return draft.finish().and(Err(Vec::new()));
        };
        // Neither what a copy leaves out is there to be shaped, nor the resource that stands for what is committed.
        if self.directly {
            draft.leave_out();
        }
        let mut inside = Inside::new(draft, found);
        inside.commits &= !self.directly;
        inside.origin = self.drill.as_ref().map(|drill| {
            let key = instance.key.map(ToString::to_string).unwrap_or_default();
            let name = format!("{}{key}", instance.name);
            drill.origins.get(&name).cloned().unwrap_or_default()
        });
        storage::default_class(&mut inside);
        registries::check(&mut inside);
        let on: Vec<&Entry> = REGISTRY.iter().filter(|e| inside.on(e.name)).collect();
        for entry in &on {
            (entry.expand)(&mut inside);
        }
        if !inside.on(controls::tls::Tls::NAME) {
            controls::tls::refuse_without(&mut inside);
        }
        // A control that is refused is told about once.
        if !inside.draft.is_refused() {
            for entry in &on {
                (entry.finish)(&mut inside);
            }
        }
        if !inside.draft.is_refused() && !self.directly {
            reach::check(&mut inside);
            versions::check(&mut inside);
            capacity::check(&mut inside);
        }
        let names: Vec<&str> = on.iter().map(|e| e.name).collect();
        inside.draft.output("controls", serde_json::json!(names));
        order::write(inside).finish()
    }
}

fn kind() -> ComponentKind {
    let mut inputs = Inputs::block();
    inputs::describe(&mut inputs);
    for entry in REGISTRY {
        let nested = NestedBlock {
            nesting: Nesting::List,
            min: 0,
            max: Some(1),
            computed: false,
            force_new: false,
            block: (entry.block)(),
            doc: (entry.doc)().into(),
        };
        inputs.blocks.insert(entry.name.into(), nested);
    }
    inputs.attributes.extend(draft::Common::block().attributes);
    ComponentKind {
        name: KIND.into(),
        inputs,
        outputs: OUTPUTS
            .iter()
            .map(|&(name, ty, doc)| OutputKind { name, ty, doc })
            .collect(),
        natives: Vec::new(),
        doc: Inputs::doc().into(),
    }
}
