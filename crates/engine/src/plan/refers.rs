//! Whose ids attributes will have. An id that the cloud gives is not known while planning, so a planned value does not tell what it
//! refers to. Where a type asks (`Traits::refers`), its expressions are evaluated once more with a [`Trace`] in the place of every
//! such id. It stays unknown, so no expression can look into it and decide by what it finds; an attribute that comes out as the very
//! same value is that id, whatever it will be.

use super::repeat::instances;
use super::walk::Walk;
use super::{Change, ChangeAction};
use crate::scope::{Frame, World};
use infra_model::address::{Address, BlockAddress, InstanceKey, Mode};
use infra_model::expr::{Expr, ExprKind};
use infra_model::hash::HashMap;
use infra_model::program::ResourceBlock;
use infra_model::value::{Trace, Value};
use std::collections::BTreeMap;

/// The new resources that each attribute that was asked for refers to by their ids.
pub(super) type Refers = BTreeMap<&'static str, Vec<Address>>;

impl Walk<'_> {
    /// What the new resources refer to, of those that ask for it. What cannot be told is left out.
    pub(super) fn refers(&self) -> HashMap<Address, Refers> {
        let mut found = HashMap::default();
        let mut asking: BTreeMap<&BlockAddress, Vec<(&Change, Vec<&'static str>)>> =
            BTreeMap::new();
        for change in self.planner.changes.values().filter(|c| creates(c)) {
            let unknown = self.unknown_of(change);
            if !unknown.is_empty() {
                let block = asking.entry(&change.address.block).or_default();
                block.push((change, unknown));
            }
        }
        if asking.is_empty() {
            return found;
        }
        let (world, made) = self.traced();
        for (address, changes) in asking {
            let block = self
                .graph
                .block_at(address)
                .map(|i| &self.program.blocks[i]);
            let Some((block, frames)) = block.and_then(|b| Some((b, frames(&world, b)?))) else {
                continue;
            };
            for (change, attributes) in changes {
                let Some(frame) = frames.get(&change.address.key) else {
                    continue;
                };
                let of = |name: &'static str| {
                    let (value, _) = world.evaluate(at(&block.config, name)?, frame).ok()?;
                    let mut there = Vec::new();
                    collect(&value, &made, &mut there)?;
                    (!there.is_empty()).then_some((name, there))
                };
                let refers: Refers = attributes.into_iter().filter_map(of).collect();
                if !refers.is_empty() {
                    found.insert(change.address.clone(), refers);
                }
            }
        }
        found
    }

    /// The attributes that are asked for and not known.
    fn unknown_of(&self, change: &Change) -> Vec<&'static str> {
        let (provider, kind) = (&change.provider.name, &change.address.block.type_name);
        let schema = self.engine.schema(provider, Mode::Managed, kind);
        let asked = schema.map_or(&[][..], |schema| schema.traits.refers);
        let unknown = |name: &&&str| {
            let value = change.after.as_ref().and_then(|after| within(after, name));
            value.is_some_and(|value| !value.is_wholly_known())
        };
        asked.iter().filter(unknown).copied().collect()
    }

    /// The world of the plan with a trace for each id that is not known, and whose each of them is.
    fn traced(&self) -> (World<'_>, Made<'_>) {
        let mut world = World::planning(self.engine, self.program, self.graph);
        world.conditions = false;
        let mut values = self.world.values().clone();
        let mut made = Made::default();
        for change in self.planner.changes.values().filter(|c| creates(c)) {
            let after = change.after.as_ref().and_then(|after| {
                let id = after.get("id")?;
                (id.is_unknown() && id.marks().is_empty()).then(|| (after, id.ty()))
            });
            if let Some((after, ty)) = after {
                let trace = Trace::unknown(ty);
                let after = after.clone().with_attribute("id", trace.value());
                values.set(&change.address, after);
                made.insert(trace.key(), (trace, &change.address));
            }
        }
        *world.values() = values;
        (world, made)
    }
}

/// Whose each trace is, by its key. They are kept, so that no other value has the key of one.
type Made<'a> = HashMap<usize, (Trace, &'a Address)>;

fn creates(change: &Change) -> bool {
    !change.untouched && (change.action == ChangeAction::Create || change.action.is_replace())
}

/// What is bound in each instance of a block.
fn frames(world: &World<'_>, block: &ResourceBlock) -> Option<HashMap<Option<InstanceKey>, Frame>> {
    let (_, all, _) = instances(world, block).ok()?;
    Some(all?.into_iter().collect())
}

/// `vpc_config.subnet_ids` of a configuration: a block that is written once.
fn at<'e>(config: &'e Expr, name: &str) -> Option<&'e Expr> {
    name.split('.')
        .try_fold(config, |at, part| match &*at.kind {
            ExprKind::Tuple(items) => match &items[..] {
                [only] => only.attribute(part),
                _ => None,
            },
            _ => at.attribute(part),
        })
}

/// The same of a planned value.
fn within<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    name.split('.')
        .try_fold(value, |at, part| match at.elements() {
            Some([only]) => only.get(part),
            Some(_) => None,
            None => at.get(part),
        })
}

/// The resources whose ids are in a value; none where something in it is not known and cannot be told apart.
fn collect(value: &Value, made: &Made<'_>, out: &mut Vec<Address>) -> Option<()> {
    if let Some((_, address)) = Trace::of(value).and_then(|key| made.get(&key)) {
        out.push((*address).clone());
        return Some(());
    }
    match value.elements() {
        Some(items) => items.iter().try_for_each(|item| collect(item, made, out)),
        None => value.is_wholly_known().then_some(()),
    }
}
