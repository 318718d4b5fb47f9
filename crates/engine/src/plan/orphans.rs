//! What goes: instances that are in the state and not in the program any more, and what replacements left over.

use super::config::refused;
use super::instance::Planner;
use super::{Change, ChangeAction, PlanMode, Reason};
use crate::codec;
use crate::graph::ProgramGraph;
use infra_model::address::{Address, InstanceKey, Mode};
use infra_model::defect::Defect;
use infra_model::diagnostic::Diagnostics;
use infra_model::expr::Expr;
use infra_model::value::Value;
use infra_state::Deposed;

impl Planner<'_> {
    /// What is in the state and not in the program any more, and what replacements left over.
    pub(crate) fn orphans(&mut self, graph: &ProgramGraph, errors: &mut Diagnostics) {
        if self.options.mode == PlanMode::RefreshOnly {
            return;
        }
        let gone: Vec<Address> = self
            .prior
            .keys()
            .filter(|a| !self.changes.contains_key(*a) && !self.frozen.contains(&a.block))
            .cloned()
            .collect();
        for address in gone {
            if self.left_out(&address) {
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
            let reason = match (self.options.mode, removed, block) {
                (PlanMode::Destroy, ..) => Reason::Destroy,
                (_, Some(_), _) => Reason::Removed,
                (_, None, Some(_)) => Reason::NoSuchInstance,
                (_, None, None) => Reason::NotInConfiguration,
            };
            let action = if removed.is_some_and(|r| !r.destroy) {
                ChangeAction::Forget
            } else {
                ChangeAction::Delete
            };
            if let Some(block) = block
                && action == ChangeAction::Delete
                && block
                    .lifecycle
                    .prevent_destroy
                    .as_ref()
                    .and_then(Expr::as_literal)
                    .and_then(Value::as_bool)
                    == Some(true)
            {
                errors.push(refused(block, &address));
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
            self.delete(&address, ChangeAction::Delete, Reason::Deposed, Some(key));
        }
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
