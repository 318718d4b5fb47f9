//! What another resource has brought and the program makes itself by now: taken over where it is, neither made anew nor taken away.
//! As long as the state has that resource, whatever a stopped run has left is taken over by the next one.

use super::instance::Planner;
use super::target::Selection;
use super::{PlanMode, PlanOptions};
use crate::engine::Engine;
use infra_model::address::{Address, ProviderAddress};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::hash::{HashMap, HashSet, IndexMap};
use infra_model::program::Program;
use infra_model::value::{Str, Value};
use infra_state::State;

/// At most so many of what nobody takes over are named.
const NAMED: usize = 5;

/// A resource that is not in the program any more, and what it has brought.
pub(super) struct Holder {
    address: Address,
    provider: ProviderAddress,
    brought: IndexMap<Str, ()>,
    /// Of that, what the program makes itself.
    taken: HashSet<Str>,
}

/// The resources of the state that bring others and are to go.
pub(super) fn holders(
    engine: &Engine,
    program: &Program,
    state: &State,
    options: &PlanOptions,
    selection: &Selection<'_>,
    (prior, previous): (&IndexMap<Address, Value>, &HashMap<Address, Address>),
) -> Vec<Holder> {
    if options.mode != PlanMode::Normal {
        return Vec::new();
    }
    let holder = |(address, value): (&Address, &Value)| {
        let resource = state.resource(previous.get(address).unwrap_or(address))?;
        let provider = engine.provider(&resource.provider.name)?;
        let brought = provider.brings(&address.block.type_name, value);
        let stays = brought.is_empty()
            || program.blocks.iter().any(|b| b.address == address.block)
            || program.removed.iter().any(|r| r.from.covers(address))
            || selection.left_out(address).is_some();
        (!stays).then(|| Holder {
            address: address.clone(),
            provider: resource.provider.clone(),
            brought: brought.into_iter().map(|name| (name, ())).collect(),
            taken: HashSet::default(),
        })
    };
    prior.iter().filter_map(holder).collect()
}

impl Planner<'_> {
    /// The resource that has brought what is planned here, if one has.
    pub(super) fn taken_from(
        &mut self,
        provider: &ProviderAddress,
        type_name: &str,
        planned: &Value,
    ) -> Option<Address> {
        if self.holders.is_empty() {
            return None;
        }
        let names = self
            .engine
            .provider(&provider.name)?
            .known_as(type_name, planned);
        let mut all = self.holders.iter_mut().filter(|h| h.provider == *provider);
        let holder = all.find(|h| names.iter().any(|name| h.brought.contains_key(name)))?;
        holder.taken.extend(names);
        Some(holder.address.clone())
    }

    /// Whether the program makes itself what a resource has brought.
    pub(super) fn gives_back(&self, address: &Address) -> bool {
        let mut all = self.holders.iter();
        all.any(|h| h.address == *address && !h.taken.is_empty())
    }

    /// Tells of what was brought and nobody takes over.
    pub(super) fn left_behind(&self) -> Diagnostics {
        let told = self.holders.iter().filter_map(|holder| {
            let left = holder.brought.keys().filter(|n| !holder.taken.contains(*n));
            let left: Vec<&str> = left.map(|n| &**n).collect();
            if left.is_empty() || holder.taken.is_empty() {
                return None;
            }
            let mut named = left.iter().take(NAMED).copied().collect::<Vec<_>>().join("; ");
            if left.len() > NAMED {
                named = format!("{named}; and {} more", left.len() - NAMED);
            }
            let address = &holder.address;
            let message =
                format!("{address} has brought what the stack does not make itself: {named}");
            let help = "it stays where it is, and nobody manages it any more; delete it by hand if it is of no use";
            Some(Diagnostic::warning(Code::LeftAlone, message).about(address).help(help))
        });
        told.collect()
    }
}
