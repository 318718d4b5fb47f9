//! What a record means for the state: the same functions while a run goes on and when its journal is replayed. Pure, apart
//! from the state they are given; they refuse what cannot follow from it.

use crate::document::{DeposedKey, ResourceState, State, Unfinished};
use crate::error::StateError;
use crate::journal::{Intent, Outcome, StateChange};
use infra_model::{Action, Address, OperationId};
use serde_json::Value as Json;
use std::sync::Arc;

/// An operation begins.
pub(crate) fn begin(state: &mut State, intent: Intent) -> Result<(), StateError> {
    if state.unfinished.contains_key(&intent.operation) {
        return Err(StateError::ReusedOperation(intent.operation));
    }
    state.quiet_since = None;
    state
        .unfinished
        .insert(intent.operation.clone(), Unfinished { intent, id: None });
    Ok(())
}

/// An intent that never became durable: its operation was not begun.
pub(crate) fn cancel(state: &mut State, operation: &OperationId) {
    state.unfinished.shift_remove(operation);
}

/// An operation's id becomes known.
pub(crate) fn identify(
    state: &mut State,
    operation: &OperationId,
    id: &str,
) -> Result<(), StateError> {
    let unfinished = state
        .unfinished
        .get_mut(operation)
        .ok_or_else(|| StateError::UnknownOperation(operation.clone()))?;
    unfinished.id = Some(id.to_owned());
    Ok(())
}

/// Whether an outcome can follow; checked before anything is written.
pub(crate) fn check_outcome<'a>(
    state: &'a State,
    operation: &OperationId,
    outcome: &Outcome,
) -> Result<&'a Unfinished, StateError> {
    let unfinished = state
        .unfinished
        .get(operation)
        .ok_or_else(|| StateError::UnknownOperation(operation.clone()))?;
    if let Outcome::Moved { to } = outcome {
        check_move(state, &unfinished.intent.address, to)?;
    }
    Ok(unfinished)
}

/// An operation ends. `moved` is the resource as it was stored for its new address, on replay.
pub(crate) fn end(
    state: &mut State,
    operation: &OperationId,
    outcome: Outcome,
    moved: Option<ResourceState>,
) -> Result<(), StateError> {
    check_outcome(state, operation, &outcome)?;
    let unfinished = state
        .unfinished
        .shift_remove(operation)
        .expect("the check found it");
    state.quiet_since = None;
    let intent = unfinished.intent;
    let (address, key) = (intent.address, intent.deposed);
    match outcome {
        Outcome::Created(resource) | Outcome::Adopted(resource) => {
            put(state, address, resource, key.as_ref());
        }
        Outcome::Updated(resource) => match key {
            Some(key) => put_deposed(state, &address, key, &resource),
            None => put(state, address, resource, None),
        },
        Outcome::Failed {
            resource: Some(resource),
        } => match (intent.action, key) {
            (Action::Delete, Some(key)) => put_deposed(state, &address, key, &resource),
            (Action::Create, key) => put(state, address, resource, key.as_ref()),
            _ => put(state, address, resource, None),
        },
        Outcome::Deleted => match key {
            Some(key) => remove_deposed(state, &address, &key),
            None => remove(state, &address),
        },
        Outcome::Failed { resource: None } | Outcome::Refused | Outcome::Abandoned => {}
        Outcome::Forgotten => match key {
            Some(key) if intent.action == Action::Delete => {
                remove_deposed(state, &address, &key);
            }
            _ => {
                state.resources.swap_remove(&address);
            }
        },
        Outcome::Moved { to } => relocate(state, &address, to, moved),
        Outcome::Deposed { key } => depose(state, &address, key),
    }
    Ok(())
}

/// Whether a change can follow; checked before anything is written.
pub(crate) fn check_change(state: &State, change: &StateChange) -> Result<(), StateError> {
    let deposed = |address: &Address, key: &DeposedKey| {
        state
            .resource(address)
            .filter(|r| r.deposed.contains_key(key))
            .ok_or_else(|| StateError::NoResource(address.clone()))
    };
    match change {
        StateChange::Move { from, to } => check_move(state, from, to),
        StateChange::Restore { address, key } => {
            if deposed(address, key)?.has_current() {
                return Err(StateError::Occupied(address.clone()));
            }
            Ok(())
        }
        StateChange::Depends {
            address,
            deposed: Some(key),
            ..
        } => deposed(address, key).map(|_| ()),
        StateChange::Taint { address, .. } | StateChange::Depose { address, .. } => state
            .resource(address)
            .filter(|r| r.has_current())
            .map(|_| ())
            .ok_or_else(|| StateError::NoResource(address.clone())),
        StateChange::Provider { address, .. } | StateChange::Depends { address, .. } => state
            .resource(address)
            .map(|_| ())
            .ok_or_else(|| StateError::NoResource(address.clone())),
        _ => Ok(()),
    }
}

/// A change of the state alone; `moved` as for [`end`].
pub(crate) fn change(
    state: &mut State,
    change: StateChange,
    moved: Option<ResourceState>,
) -> Result<(), StateError> {
    check_change(state, &change)?;
    match change {
        StateChange::Put {
            address,
            resource,
            depose,
        } => put(state, address, resource, depose.as_ref()),
        StateChange::Remove { address } => remove(state, &address),
        StateChange::RemoveDeposed { address, key } => remove_deposed(state, &address, &key),
        StateChange::Forget { address } => {
            state.resources.swap_remove(&address);
        }
        StateChange::Move { from, to } => relocate(state, &from, to, moved),
        StateChange::Depose { address, key } => depose(state, &address, key),
        StateChange::Restore { address, key } => edit(state, &address, |r| {
            if let Some(object) = r.deposed.remove(&key) {
                let rest = std::mem::take(&mut r.deposed);
                *r = ResourceState::from(object);
                r.deposed = rest;
            }
        }),
        StateChange::Taint { address, tainted } => edit(state, &address, |r| r.tainted = tainted),
        StateChange::Provider { address, from, to } => edit(state, &address, |r| {
            let deposed = r.deposed.values_mut().map(|d| &mut d.provider);
            for provider in deposed.chain([&mut r.provider]).filter(|p| **p == from) {
                *provider = to.clone();
            }
        }),
        StateChange::Depends {
            address,
            deposed: None,
            dependencies,
        } => edit(state, &address, |r| r.dependencies = dependencies),
        StateChange::Depends {
            address,
            deposed: Some(key),
            dependencies,
        } => edit(state, &address, |r| {
            if let Some(object) = r.deposed.get_mut(&key) {
                object.dependencies = dependencies;
            }
        }),
        StateChange::Output { name, output } => {
            match output {
                Some(output) => state.outputs.insert(name, output),
                None => state.outputs.shift_remove(&name),
            };
        }
        StateChange::Checked { checked } => state.checked = checked,
        StateChange::Duration { key, millis } => {
            state.durations.insert(key, millis);
        }
        StateChange::StackFile { path } => state.stack_file = path,
    }
    Ok(())
}

fn check_move(state: &State, from: &Address, to: &Address) -> Result<(), StateError> {
    if !state.resources.contains_key(from) {
        return Err(StateError::NoResource(from.clone()));
    }
    if state.resources.contains_key(to) {
        return Err(StateError::Occupied(to.clone()));
    }
    Ok(())
}

fn edit(state: &mut State, address: &Address, change: impl FnOnce(&mut ResourceState)) {
    if let Some(resource) = state.resources.get_mut(address) {
        change(Arc::make_mut(resource));
    }
}

/// Sets the current object. Deposed ones stay, and with a key the one that was current joins them.
fn put(state: &mut State, address: Address, mut resource: ResourceState, key: Option<&DeposedKey>) {
    resource.deposed.clear();
    if let Some(old) = state.resources.get(&address) {
        resource.deposed.clone_from(&old.deposed);
        if let Some(key) = key
            && old.has_current()
        {
            resource.deposed.insert(key.clone(), old.to_deposed());
        }
    }
    state.resources.insert(address, Arc::new(resource));
}

fn put_deposed(state: &mut State, address: &Address, key: DeposedKey, resource: &ResourceState) {
    edit(state, address, |r| {
        r.deposed.insert(key, resource.to_deposed());
    });
}

/// Removes the current object; with it the resource, when nothing deposed is left.
fn remove(state: &mut State, address: &Address) {
    let Some(resource) = state.resources.get(address) else {
        return;
    };
    if resource.deposed.is_empty() {
        state.resources.swap_remove(address);
    } else {
        edit(state, address, clear);
    }
}

/// Leaves only the deposed objects.
fn clear(resource: &mut ResourceState) {
    resource.attributes = Json::Null;
    resource.sensitive_paths.clear();
    resource.private = None;
    resource.tainted = false;
    resource.id.clear();
}

fn remove_deposed(state: &mut State, address: &Address, key: &DeposedKey) {
    edit(state, address, |r| {
        r.deposed.remove(key);
    });
    if state
        .resource(address)
        .is_some_and(|r| !r.has_current() && r.deposed.is_empty())
    {
        state.resources.swap_remove(address);
    }
}

fn depose(state: &mut State, address: &Address, key: DeposedKey) {
    edit(state, address, |r| {
        if r.has_current() {
            let object = r.to_deposed();
            r.deposed.insert(key, object);
            clear(r);
        }
    });
}

fn relocate(state: &mut State, from: &Address, to: Address, moved: Option<ResourceState>) {
    if let Some(resource) = state.resources.swap_remove(from) {
        let resource = moved.map_or(resource, Arc::new);
        state.resources.insert(to, resource);
    }
}
