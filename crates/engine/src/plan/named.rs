//! An index of things by all that a dependency can call their address.

use infra_model::address::Address;
use infra_model::hash::HashMap;
use infra_state::DependencyRef;
use std::collections::hash_map::Entry;
use std::slice;

/// Answers what [`DependencyRef::covers`] says about many addresses, at the price of a look.
pub(crate) struct Named<T>(HashMap<DependencyRef, Things<T>>);

/// Most names mean one thing, and need no list.
enum Things<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(HashMap::default())
    }
}

impl<T: Clone> Named<T> {
    /// Room for so many.
    pub(crate) fn with_capacity(capacity: usize) -> Named<T> {
        Named(HashMap::with_capacity_and_hasher(
            capacity,
            Default::default(),
        ))
    }

    /// Whether nothing was put.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts something under an address.
    pub(crate) fn add(&mut self, address: &Address, thing: &T) {
        for name in DependencyRef::naming(address) {
            match self.0.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(Things::One(thing.clone()));
                }
                Entry::Occupied(mut taken) => {
                    let things = taken.get_mut();
                    match things {
                        Things::One(first) => {
                            *things = Things::Many(vec![first.clone(), thing.clone()]);
                        }
                        Things::Many(all) => all.push(thing.clone()),
                    }
                }
            }
        }
    }

    /// Everything that a dependency means, in the order in which it was put.
    pub(crate) fn of(&self, dependency: &DependencyRef) -> &[T] {
        match self.0.get(dependency) {
            None => &[],
            Some(Things::One(thing)) => slice::from_ref(thing),
            Some(Things::Many(all)) => all,
        }
    }
}
