//! The portable components, lowered to native resources: `network cluster database bucket registry load_balancer`. One folder a kind:
//! `mod.rs` has the inputs and outputs, the same on every cloud, and one file per cloud has its natives. Nothing here asks a
//! cloud; everything follows from the inputs.

mod aws;
mod azure;
mod bucket;
mod cluster;
mod database;
mod google;
mod load_balancer;
mod network;
mod registry;
mod sizes;

use infra_draft::{cloud, draft, input, names};

use draft::Draft;
use infra_model::expand::{ComponentKind, Expand, Expansion, Instance, OutputKind, OutputType};
use infra_model::{Diagnostics, Mode, Record};

/// The component kinds, ready to be given to the language.
#[must_use]
pub fn components() -> impl Expand {
    Components {
        kinds: REGISTRY.iter().map(|entry| (entry.kind)()).collect(),
    }
}

/// One kind of component.
trait Component {
    /// `network`
    const NAME: &'static str;
    /// Names, types and documentation of its outputs, the same on every cloud.
    const OUTPUTS: &'static [(&'static str, OutputType, &'static str)];
    /// The types of the native resources that it makes, on all clouds.
    const NATIVES: &'static [&'static str];
    /// Its inputs; their documentation is the kind's.
    type Inputs: Record;
    /// Completes the documentation of inputs that are tables by name.
    fn describe(_inputs: &mut infra_model::Block) {}
    /// Writes the natives of one instance into the draft.
    fn expand(inputs: &Self::Inputs, draft: &mut Draft<'_>);
}

struct Entry {
    name: &'static str,
    kind: fn() -> ComponentKind,
    expand: fn(&Instance<'_>) -> Result<Expansion, Diagnostics>,
}

impl Entry {
    const fn of<C: Component>() -> Entry {
        Entry {
            name: C::NAME,
            kind: kind::<C>,
            expand: expand::<C>,
        }
    }
}

/// In the order of expansion: a kind asks only about instances of earlier ones.
const REGISTRY: &[Entry] = &[
    Entry::of::<network::Network>(),
    Entry::of::<cluster::Cluster>(),
    Entry::of::<database::Database>(),
    Entry::of::<bucket::Bucket>(),
    Entry::of::<registry::Registry>(),
    Entry::of::<load_balancer::LoadBalancer>(),
];

struct Components {
    kinds: Vec<ComponentKind>,
}

impl Expand for Components {
    fn kinds(&self) -> &[ComponentKind] {
        &self.kinds
    }

    fn expand(&self, instance: &Instance<'_>) -> Result<Expansion, Diagnostics> {
        let entry = REGISTRY
            .iter()
            .find(|entry| entry.name == instance.kind)
            .expect("the language asks only for kinds that it was given");
        (entry.expand)(instance)
    }
}

fn kind<C: Component>() -> ComponentKind {
    let mut inputs = C::Inputs::block();
    C::describe(&mut inputs);
    let common = draft::Common::block();
    inputs.attributes.extend(common.attributes);
    ComponentKind {
        name: C::NAME.into(),
        inputs,
        outputs: C::OUTPUTS
            .iter()
            .map(|&(name, ty, doc)| OutputKind { name, ty, doc })
            .collect(),
        natives: C::NATIVES.to_vec(),
        doc: C::Inputs::doc().into(),
    }
}

fn expand<C: Component>(instance: &Instance<'_>) -> Result<Expansion, Diagnostics> {
    let inputs: C::Inputs = input::read(instance)?;
    let mut draft = Draft::new(instance)?;
    C::expand(&inputs, &mut draft);
    let expansion = draft.finish()?;
    if cfg!(debug_assertions) {
        let made = expansion.blocks.iter().filter(|b| b.mode == Mode::Managed);
        for block in made {
            let listed = C::NATIVES.contains(&&*block.type_name);
            assert!(
                listed,
                "{} does not say that it makes {}",
                C::NAME,
                block.type_name
            );
        }
    }
    Ok(expansion)
}
