//! What must be true, seen by somebody who sees everything: the cloud, the disk, and what the stack file asks for.

use crate::cloud::Snapshot;
use crate::process::Machine;
use crate::stack::{SECRET, Stack, Text};
use infra_state::{ResourceState, State};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether a secret is readable in some bytes.
pub(crate) fn holds_secret(bytes: &[u8]) -> bool {
    let (first, rest) = SECRET
        .as_bytes()
        .split_first()
        .expect("a secret is not empty");
    let mut at = bytes;
    while let Some(found) = at.iter().position(|b| b == first) {
        at = &at[found + 1..];
        if at.starts_with(rest) {
            return true;
        }
    }
    false
}

/// What holds at every moment at which no process runs: nothing is lost, nothing is there twice, no secret can be read.
/// The state, as it would be opened now.
pub(crate) fn always(machine: &Machine) -> Result<Arc<State>, String> {
    let broken = machine.cloud.violations();
    if let Some(first) = broken.first() {
        return Err(first.clone());
    }
    let state = machine.state();
    if holds_secret(machine.log.text().as_bytes()) {
        return Err("a secret is readable in the event log".to_owned());
    }
    let state = state?;
    let known = ids(&state);
    let unfinished: BTreeSet<_> = state.unfinished.keys().cloned().collect();
    machine.cloud.look(|objects, now| {
        for (id, object) in objects.live(now) {
            let Some(operation) = &object.made_by else {
                continue;
            };
            if !object.deleting && !known.contains_key(id) && !unfinished.contains(operation) {
                return Err(format!(
                    "lost: `{id}` is there for {}, and the state knows neither it nor its operation {operation}",
                    object.address.as_ref().map(ToString::to_string).unwrap_or_default()
                ));
            }
        }
        Ok(())
    })?;
    for operation in machine.cloud.in_flight() {
        if !unfinished.contains(&operation) {
            return Err(format!(
                "a call of operation {operation} is under way, and the journal does not know it"
            ));
        }
    }
    Ok(state)
}

/// Every id in the state, and whose it is.
fn ids(state: &State) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (address, resource) in &state.resources {
        if resource.has_current() {
            found.insert(resource.id.clone(), address.to_string());
        }
        for object in resource.deposed.values() {
            found.insert(object.id.clone(), format!("{address} (deposed)"));
        }
    }
    found
}

/// What holds once everything is quiet and a stack is wholly applied: cloud, state and file say the same.
pub(crate) fn settled(machine: &Machine, stack: &Stack) -> Result<(), String> {
    let state = always(machine)?;
    if let Some(unfinished) = state.unfinished.values().next() {
        return Err(format!("{} is unfinished", unfinished.intent.address));
    }
    let mut wanted: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for (i, block) in stack.blocks.iter().enumerate() {
        for (index, address) in (0..).zip(block.instances()) {
            wanted.insert(address, (i, index));
        }
    }
    for (address, resource) in &state.resources {
        if !resource.deposed.is_empty() {
            return Err(format!("{address} has deposed objects left"));
        }
        let address = address.to_string();
        if !wanted.contains_key(&address) && !address.starts_with(crate::cloud::kinds::SECRET) {
            return Err(format!("{address} is in the state and not in the stack"));
        }
    }
    machine.cloud.look(|objects, now| {
        for (address, (i, index)) in &wanted {
            let parsed = address.parse().map_err(|_| format!("{address}?"))?;
            let resource = state
                .resource(&parsed)
                .ok_or_else(|| format!("{address} is in the stack and not in the state"))?;
            let object = objects
                .at(&resource.id, now)
                .ok_or_else(|| format!("{address} (`{}`) is not in the cloud", resource.id))?;
            compare(address, resource, object)?;
            as_written(&state, stack, *i, *index, address, object)?;
        }
        let known = ids(&state);
        let stray = objects
            .live(now)
            .find(|(id, o)| o.made_by.is_some() && !known.contains_key(*id));
        match stray {
            Some((id, _)) => Err(format!("`{id}` is left in the cloud")),
            None => Ok(()),
        }
    })
}

/// The state says what the cloud says.
fn compare(address: &str, resource: &ResourceState, object: &Snapshot) -> Result<(), String> {
    let text = |name: &str| resource.attributes.get(name).cloned().unwrap_or(Json::Null);
    let thing = &object.thing;
    let pairs = [
        ("name", Json::from(thing.name.clone())),
        ("zone", Json::from(thing.zone.clone())),
        ("size", Json::from(thing.size)),
        ("note", Json::from(thing.note.clone())),
        ("secret", Json::from(thing.secret.clone())),
        ("parents", Json::from(thing.parents.clone())),
        ("links", Json::from(thing.links.clone())),
        ("revision", Json::from(thing.revision)),
    ];
    for (name, there) in pairs {
        if text(name) != there {
            return Err(format!(
                "{address}: the state says {name} = {}, the cloud {there}",
                text(name)
            ));
        }
    }
    if object.deleting || object.fails {
        return Err(format!("{address} is not in order in the cloud"));
    }
    Ok(())
}

/// The cloud says what the file says.
fn as_written(
    state: &State,
    stack: &Stack,
    block: usize,
    index: u64,
    address: &str,
    object: &Snapshot,
) -> Result<(), String> {
    let block = &stack.blocks[block];
    let ids_of = |names: &[String]| -> Vec<String> {
        let blocks = names.iter().filter_map(|n| stack.block(n));
        let addresses = blocks.flat_map(crate::stack::BlockModel::instances);
        addresses
            .filter_map(|a| Some(state.resource(&a.parse().ok()?)?.id.clone()))
            .collect()
    };
    let thing = &object.thing;
    let secret = match &block.secret {
        None => None,
        Some(Text::Variable(i)) => Some(format!("{SECRET}-v{i}")),
        Some(Text::Resource(keeper)) => {
            let at = format!("{}.s{keeper}", crate::cloud::kinds::SECRET).parse();
            let secret = at.ok().and_then(|a| state.resource(&a));
            secret.and_then(|s| Some(s.attributes.get("result")?.as_str()?.to_owned()))
        }
    };
    let wrong = if thing.name != block.called(index) {
        "name"
    } else if thing.zone != block.zone.map(|z| format!("z{z}")) {
        "zone"
    } else if thing.size != block.size(index) {
        "size"
    } else if thing.secret != secret {
        "secret"
    } else if thing.parents.clone().unwrap_or_default() != ids_of(&block.parents) {
        "parents"
    } else if thing.links.clone().unwrap_or_default() != ids_of(&block.links) {
        "links"
    } else {
        return Ok(());
    };
    Err(format!(
        "{address}: {wrong} is not what the stack file says"
    ))
}

/// What holds after a destroy.
pub(crate) fn nothing(machine: &Machine) -> Result<(), String> {
    let state = always(machine)?;
    if !state.is_empty() {
        return Err("the state is not empty after a destroy".to_owned());
    }
    machine.cloud.look(
        |objects, now| match objects.live(now).find(|(_, o)| o.made_by.is_some()) {
            Some((id, _)) => Err(format!("`{id}` is left after a destroy")),
            None => Ok(()),
        },
    )
}
