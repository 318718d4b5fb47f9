//! An index of things by all that a dependency can call their address.

use infra_model::address::Address;
use infra_state::DependencyRef;
use std::collections::HashMap;

/// Answers what [`DependencyRef::covers`] says about many addresses, at the price of a look.
pub(super) struct Named<T>(HashMap<DependencyRef, Vec<T>>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(HashMap::new())
    }
}

impl<T: Clone> Named<T> {
    /// Puts something under an address.
    pub(super) fn add(&mut self, address: &Address, thing: &T) {
        for name in DependencyRef::naming(address) {
            self.0.entry(name).or_default().push(thing.clone());
        }
    }

    /// Everything that a dependency means, in the order in which it was put.
    pub(super) fn of(&self, dependency: &DependencyRef) -> &[T] {
        self.0.get(dependency).map_or(&[], Vec::as_slice)
    }
}
