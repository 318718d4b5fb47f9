//! What goes: instances that are in the state and not in the program any more, and what replacements left over.

use super::checked::keyless;
use super::config::{destroyed, destroyed_with_scope};
use super::held::{Held, HeldReason};
use super::instance::Planner;
use super::named::Named;
use super::target::LeftOut;
use super::{Change, ChangeAction, PlanMode, Reason};
use crate::codec;
use crate::graph::ProgramGraph;
use crate::scope::World;
use indexmap::IndexSet;
use infra_model::address::{Address, InstanceKey, Mode, ScopePath};
use infra_model::defect::Defect;
use infra_model::diagnostic::Diagnostics;
use infra_model::hash::HashMap;
use infra_model::program::{Program, Protected};
use infra_model::value::Value;
use infra_state::Deposed;

impl Planner<'_> {
    /// What is in the state and not in the program any more, and what replacements left over.
    pub(crate) fn orphans(
        &mut self,
        world: &World<'_>,
        graph: &ProgramGraph,
        errors: &mut Diagnostics,
    ) {
        if self.options.mode == PlanMode::RefreshOnly {
            return;
        }
        let gone: IndexSet<Address> = self
            .prior
            .keys()
            .filter(|a| !self.changes.contains_key(*a))
            .cloned()
            .collect();
        let needed = self.still_needed(&gone);
        let mut called = None;
        for address in gone {
            if let Some(left_out) = self.selection.left_out(&address) {
                if left_out == LeftOut::Outlives {
                    self.hold_orphan(&address, HeldReason::Outlives);
                }
                continue;
            }
            if let Some((by, deferred)) = needed.get(&address) {
                let reason = match deferred {
                    true => HeldReason::Needed(by.clone()),
                    false => HeldReason::LeftOut,
                };
                self.hold_orphan(&address, reason);
                continue;
            }
            let removed = self
                .program
                .removed
                .iter()
                .find(|r| r.from.covers(&address));
            let block = graph
                .block_at(&address.block)
                .map(|i| &self.program.blocks[i]);
            let taker = self.taker(&address);
            let reason = match (self.options.mode, removed, block) {
                (PlanMode::Destroy, ..) => Reason::Destroy,
                (_, Some(_), _) => Reason::Removed,
                (_, None, Some(_)) => Reason::NoSuchInstance,
                (_, None, None) => match taker.clone() {
                    Some(taker) => Reason::HandedOver(taker),
                    None if self.gives_back(&address) => Reason::GivenBack,
                    None => Reason::NotInConfiguration,
                },
            };
            let action = if removed.is_some_and(|r| !r.destroy) || taker.is_some() {
                ChangeAction::Forget
            } else {
                ChangeAction::Delete
            };
            let refusal = match block {
                _ if action != ChangeAction::Delete => Ok(()),
                Some(block) => destroyed(world, block, &address),
                // Its module or component is still called, and says so for every instance.
                None if removed.is_none() => called
                    .get_or_insert_with(|| protecting(self.program))
                    .get(&keyless(&address.block.scope))
                    .into_iter()
                    .flatten()
                    .filter(|protected| protected.covers(&address))
                    .try_for_each(|protected| destroyed_with_scope(protected, &address)),
                None => Ok(()),
            };
            if let Err(refusal) = refusal {
                errors.extend(refusal);
                continue;
            }
            self.delete(&address, action, reason, None);
        }
        let deposed: Vec<_> = self
            .state
            .resources
            .iter()
            .flat_map(|(a, r)| r.deposed.keys().map(move |k| (a.clone(), k.clone())))
            .collect();
        for (address, key) in deposed {
            if Defect::DeposedForgotten.is_present() {
                break;
            }
            let now_at = self.moved_to.get(&address).unwrap_or(&address).clone();
            if self.selection.left_out(&now_at).is_some() || self.held.contains(&now_at) {
                continue;
            }
            // By its new name: a move is written down before anything is deleted.
            self.delete(&now_at, ChangeAction::Delete, Reason::Deposed, Some(key));
        }
    }

    /// What brings an object of the state now that the program does not make itself any more. When everything goes, that goes
    /// too, and the object with it.
    fn taker(&self, address: &Address) -> Option<Address> {
        if self.options.mode == PlanMode::Destroy {
            return None;
        }
        let mut all = self.program.handed_over.iter();
        let found = all.find(|h| h.from == address.block)?;
        Some(Address {
            block: found.to.clone(),
            key: None,
        })
    }

    /// What would go but must not yet: something that stays as it is depends on it, by what the state has recorded.
    fn still_needed(&self, gone: &IndexSet<Address>) -> HashMap<Address, (Address, bool)> {
        let mut needed = HashMap::default();
        // What stays, and whether only until the next plan.
        let mut staying: Vec<(Address, bool)> = self
            .changes
            .values()
            .filter(|c| c.untouched && self.held.contains(&c.address))
            .map(|c| (c.address.clone(), self.held.defers(&c.address)))
            .collect();
        let excluded = gone.iter().filter(|a| {
            let left_out = self.selection.left_out(a);
            matches!(left_out, Some(LeftOut::Excluded | LeftOut::Outlives))
        });
        staying.extend(excluded.map(|a| (a.clone(), false)));
        if staying.is_empty() {
            return needed;
        }
        let mut by_name: Named<&Address> = Named::with_capacity(gone.len());
        for address in gone {
            let recorded = self.previous.get(address).unwrap_or(address);
            by_name.add(recorded, &address);
        }
        while let Some((address, deferred)) = staying.pop() {
            let recorded = self.previous.get(&address).unwrap_or(&address);
            let dependencies = self.state.resource(recorded).map(|r| &r.dependencies);
            for dependency in dependencies.into_iter().flatten() {
                for target in by_name.of(dependency) {
                    if !needed.contains_key(*target) {
                        needed.insert((*target).clone(), (address.clone(), deferred));
                        staying.push(((*target).clone(), deferred));
                    }
                }
            }
        }
        needed
    }

    fn hold_orphan(&mut self, address: &Address, reason: HeldReason) {
        let recorded = self.previous.get(address).unwrap_or(address);
        let Some(resource) = self.state.resource(recorded) else {
            return;
        };
        self.held.hold(Held {
            address: address.clone(),
            whole: false,
            provider: resource.provider.clone(),
            reason,
            before: self.prior.get(address).cloned(),
            after: None,
            place: None,
        });
    }

    fn delete(
        &mut self,
        address: &Address,
        action: ChangeAction,
        reason: Reason,
        deposed: Option<infra_state::DeposedKey>,
    ) {
        let previous = self.previous.get(address).cloned();
        let Some(resource) = self.state.resource(previous.as_ref().unwrap_or(address)) else {
            return;
        };
        let object = deposed.as_ref().and_then(|key| resource.deposed.get(key));
        let before = match (&deposed, object) {
            (None, _) => self.prior.get(address).cloned(),
            (Some(_), None) => None,
            (Some(_), Some(object)) => self.deposed_value(address, object),
        };
        // A deposed object depends on what it did, not on what its successor does.
        let object = object.filter(|_| !Defect::DeposedOrderForgotten.is_present());
        let change = Change {
            address: address.clone(),
            previous_address: previous.clone(),
            deposed: deposed.clone(),
            provider: object.map_or(&resource.provider, |o| &o.provider).clone(),
            action,
            reason: Some(reason),
            before,
            after: None,
            replace_paths: Vec::new(),
            lifts: Vec::new(),
            importing: None,
            resuming: None,
            create_before_destroy: resource.create_before_destroy,
            dependencies: object
                .map_or(&resource.dependencies, |o| &o.dependencies)
                .clone(),
            private: object.map_or(&resource.private, |o| &o.private).clone(),
            untouched: false,
            span: None,
        };
        // A deposed object stands beside the change of its successor: it gets a key of its own in the list.
        let slot = match &deposed {
            None => address.clone(),
            Some(key) => Address {
                block: address.block.clone(),
                key: Some(InstanceKey::Name(format!("deposed {key} {address}").into())),
            },
        };
        self.changes.insert(slot, change);
    }

    fn deposed_value(&self, address: &Address, object: &Deposed) -> Option<Value> {
        let provider = self.engine.provider(&object.provider.name)?;
        let type_name = &address.block.type_name;
        let schema = self
            .engine
            .schema(&object.provider.name, Mode::Managed, type_name)?;
        codec::decode_resource(&**provider, schema, &object.clone().into()).ok()
    }
}

/// What modules and components protect, by what they are called in every instance.
fn protecting(program: &Program) -> HashMap<ScopePath, Vec<&Protected>> {
    let mut all: HashMap<ScopePath, Vec<&Protected>> = HashMap::default();
    for protected in &program.protected {
        all.entry(protected.scope.clone())
            .or_default()
            .push(protected);
    }
    all
}
