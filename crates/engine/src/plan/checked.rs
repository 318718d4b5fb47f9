//! How the conditions of a stack stand once all is planned, or applied: of resources and data sources, of outputs and of checks.

use super::repeat::instances;
use crate::scope::{Frame, World, shown};
use infra_model::address::{BlockAddress, InstanceKey, ScopePath, ScopeStep};
use infra_model::checked::{CheckStatus, Checkable, Checked, CheckedInstance};
use infra_model::convert::convert;
use infra_model::hash::IndexMap;
use infra_model::program::{Check, Condition, Output, Program, ResourceBlock};
use infra_model::types::Type;
use infra_model::value::{Str, Value};

/// How everything stands that has conditions.
pub(crate) fn checked(program: &Program, world: &World<'_>) -> Vec<Checked> {
    let mut asking = Asking {
        world,
        found: IndexMap::default(),
    };
    for block in &program.blocks {
        asking.block(block);
    }
    asking.declared(&ScopePath::root(), &program.outputs, &program.checks);
    for component in &program.components {
        if let Some(module) = &component.module {
            asking.declared(&component.scope(), &module.outputs, &module.checks);
        }
        let none = indexmap::IndexMap::new();
        asking.declared(&component.scope(), &none, &component.checks);
    }
    asking.found.into_values().collect()
}

struct Asking<'w, 'a> {
    world: &'w World<'a>,
    /// By address without keys.
    found: IndexMap<String, Checked>,
}

impl Asking<'_, '_> {
    fn block(&mut self, block: &ResourceBlock) {
        let lifecycle = &block.lifecycle;
        if lifecycle.preconditions.is_empty() && lifecycle.postconditions.is_empty() {
            return;
        }
        let scope = &block.address.scope;
        // Where it is not known which instances there are, nothing of them is.
        let list = match instances(self.world, block) {
            Ok((_, Some(list), _)) => list,
            _ => Vec::new(),
        };
        self.object(scope, Checkable::Resource(block.address.clone()));
        for (key, frame) in list {
            let planned = self.planned(&block.address, &key);
            let after = Frame {
                this: Some(planned.unwrap_or(Value::UNKNOWN)),
                ..frame.clone()
            };
            let both = [
                (&*lifecycle.preconditions, &frame),
                (&*lifecycle.postconditions, &after),
            ];
            let (status, problems) = self.asked(&both);
            let instance = CheckedInstance {
                address: block.address.instance(key.clone()).to_string(),
                module: scope.module().to_string(),
                key: key.map(|key| match key {
                    InstanceKey::Index(i) => i.into(),
                    InstanceKey::Name(name) => (&*name).into(),
                }),
                status,
                problems,
            };
            self.object(scope, Checkable::Resource(block.address.clone()))
                .push(instance);
        }
    }

    /// The planned value of an instance. Nothing is held meanwhile that evaluating needs.
    fn planned(&self, block: &BlockAddress, key: &Option<InstanceKey>) -> Option<Value> {
        let values = self.world.values();
        values.block(block).and_then(|b| b.get(key).cloned())
    }

    /// The outputs and checks of a file.
    fn declared(
        &mut self,
        scope: &ScopePath,
        outputs: &indexmap::IndexMap<Str, Output>,
        checks: &[Check],
    ) {
        for (name, output) in outputs {
            let object = Checkable::Output(name.clone());
            self.one(scope, object, &output.preconditions);
        }
        for check in checks {
            let object = Checkable::Check(check.name.clone());
            self.one(scope, object, &check.assertions);
        }
    }

    /// What has no instances but those of its module.
    fn one(&mut self, scope: &ScopePath, object: Checkable, conditions: &[Condition]) {
        if conditions.is_empty() {
            return;
        }
        let (status, problems) = self.asked(&[(conditions, &Frame::at(scope))]);
        let instance = CheckedInstance {
            address: shown_at(scope, &object),
            module: scope.to_string(),
            key: None,
            status,
            problems,
        };
        self.object(scope, object).push(instance);
    }

    /// The instances so far of something in a module.
    fn object(&mut self, scope: &ScopePath, object: Checkable) -> &mut Vec<CheckedInstance> {
        let scope = keyless(scope);
        let address = shown_at(&scope, &object);
        let entry = self.found.entry(address.clone());
        &mut entry
            .or_insert_with(|| Checked {
                object,
                address,
                module: scope.module().to_string(),
                instances: Vec::new(),
            })
            .instances
    }

    fn asked(&self, conditions: &[(&[Condition], &Frame)]) -> (CheckStatus, Vec<String>) {
        let (mut worst, mut problems) = (CheckStatus::Pass, Vec::new());
        for (list, frame) in conditions {
            for condition in *list {
                let status = match self.world.evaluate(&condition.condition, frame) {
                    Err(_) => CheckStatus::Error,
                    Ok((value, _)) if !value.is_wholly_known() => CheckStatus::Unknown,
                    Ok((value, _)) => match convert(value.bare(), &Type::Bool) {
                        Ok(Value::Bool(true)) => CheckStatus::Pass,
                        Ok(Value::Bool(false)) => {
                            let message = self.world.evaluate(&condition.message, frame);
                            problems.extend(message.map(|(text, _)| shown(&text).to_owned()));
                            CheckStatus::Fail
                        }
                        _ => CheckStatus::Error,
                    },
                };
                worst = worst.min(status);
            }
        }
        (worst, problems)
    }
}

/// `module.m.check.c`, as Terraform writes what has conditions.
fn shown_at(scope: &ScopePath, object: &Checkable) -> String {
    let (kind, name) = match object {
        Checkable::Resource(block) => {
            let block = BlockAddress {
                scope: scope.clone(),
                ..block.clone()
            };
            return block.to_string();
        }
        Checkable::Output(name) => ("output", name),
        Checkable::Check(name) => ("check", name),
    };
    if scope.is_root() {
        format!("{kind}.{name}")
    } else {
        format!("{scope}.{kind}.{name}")
    }
}

/// A module or component in whatever instance.
pub(super) fn keyless(scope: &ScopePath) -> ScopePath {
    scope.steps().iter().fold(ScopePath::root(), |path, step| {
        path.join(ScopeStep {
            key: None,
            ..step.clone()
        })
    })
}
