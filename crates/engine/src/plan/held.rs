//! What a plan leaves as it is: what `-target` and `-exclude` leave out, and what can only be planned once this plan has been
//! applied, because it is not known yet which instances there are. What refers to it waits with it.

use super::named::Named;
use crate::scope::Touched;
use indexmap::IndexMap;
use infra_model::address::{Address, BlockAddress, ProviderAddress};
use infra_model::pattern::AddressPattern;
use infra_model::value::Value;
use infra_state::DependencyRef;
use serde::{Deserialize, Serialize};

/// Something that the plan leaves as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Which; without a key for a block whose instances are not known.
    pub address: Address,
    /// All instances of the block, whichever they will be.
    pub whole: bool,
    /// Its provider configuration.
    pub provider: ProviderAddress,
    /// Why.
    pub reason: HeldReason,
    /// What is there, and stays.
    pub before: Option<Value>,
    /// What is known of what it will be.
    pub after: Option<Value>,
    /// Where that is decided: `stacks/prod.toml:14`.
    pub place: Option<String>,
}

/// Why something is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldReason {
    /// By `-target` or `-exclude`, itself or what it refers to.
    LeftOut,
    /// It holds what outlives the stack, which is destroyed.
    Outlives,
    /// Its `for_each` or `count` is not known before apply.
    Instances,
    /// The id that it is to be imported by is not known before apply, or the provider to read it with.
    Import,
    /// It refers to something that is left for later.
    Waits(DependencyRef),
    /// It is to go, but something that is left for later still depends on it.
    Needed(Address),
}

impl Held {
    /// Whether the next plan will have it, as opposed to being left out on purpose.
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        !matches!(self.reason, HeldReason::LeftOut | HeldReason::Outlives)
    }
}

/// What is held while a plan is made.
#[derive(Default)]
pub(crate) struct Holding {
    list: IndexMap<Address, Held>,
    by_name: Named<usize>,
}

impl Holding {
    pub(crate) fn hold(&mut self, held: Held) {
        let (index, _) = self.list.insert_full(held.address.clone(), held);
        self.by_name.add(&self.list[index].address, &index);
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a block is held with all its instances.
    pub(crate) fn has_whole(&self, block: &BlockAddress) -> bool {
        self.whole(block).is_some()
    }

    fn whole(&self, block: &BlockAddress) -> Option<&Held> {
        let first = self.first(&DependencyRef::Block(block.clone()))?;
        (first.whole && first.address.block == *block).then_some(first)
    }

    fn first(&self, dependency: &DependencyRef) -> Option<&Held> {
        let index = self.by_name.of(dependency).first()?;
        Some(&self.list[*index])
    }

    pub(crate) fn contains(&self, address: &Address) -> bool {
        self.list.contains_key(address) || self.has_whole(&address.block)
    }

    /// Whether an address is held until the next plan, not left out.
    pub(crate) fn defers(&self, address: &Address) -> bool {
        let held = self
            .list
            .get(address)
            .or_else(|| self.whole(&address.block));
        held.is_some_and(Held::is_deferred)
    }

    /// What is held of a dependency.
    fn of(&self, dependency: &DependencyRef) -> Option<&Held> {
        self.first(dependency)
            .or_else(|| self.whole(dependency.parts().0))
    }

    /// The reason to hold what refers to these, if there is one.
    pub(crate) fn reason(&self, touched: &Touched) -> Option<HeldReason> {
        if self.is_empty() {
            return None;
        }
        let mut found = None;
        for dependency in touched {
            match self.of(dependency).map(Held::is_deferred) {
                // Left out counts more: the next plan will not have it either.
                Some(false) => return Some(HeldReason::LeftOut),
                Some(true) if found.is_none() => {
                    found = Some(HeldReason::Waits(dependency.clone()));
                }
                _ => {}
            }
        }
        found
    }

    /// Whether a pattern names something that is held.
    pub(crate) fn reached(&self, pattern: &AddressPattern) -> bool {
        self.list.values().any(|held| {
            if held.whole {
                pattern.reaches(&held.address.block)
            } else {
                pattern.matches(&held.address)
            }
        })
    }

    pub(crate) fn into_list(self) -> Vec<Held> {
        self.list.into_values().collect()
    }
}
