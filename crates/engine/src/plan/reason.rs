//! Why something is replaced: asked for, triggered, or changed by what it refers to.

use super::config::span_of;
use super::instance::{Instance, Planner};
use super::named::Named;
use super::{Change, ChangeAction, Reason};
use crate::scope::{Frame, Touched, World};
use infra_model::address::Address;
use infra_model::diagnostic::Diagnostics;
use infra_model::expr::StaticStep;
use infra_model::hash::{HashSet, IndexMap};
use infra_model::path::Path;
use infra_model::program::{Dependency, ResourceBlock};
use infra_model::value::{Str, Value};
use infra_state::DependencyRef;

/// What changes, by all that a dependency can call it, so that asking costs the same for any number of instances.
#[derive(Default)]
pub(super) struct Seen {
    changed: Named<Address>,
    replaced: Named<Address>,
}

impl Seen {
    pub(super) fn add(&mut self, change: &Change) {
        let address = &change.address;
        if change.action != ChangeAction::NoOp {
            self.changed.add(address, address);
        }
        if change.action.is_replace() {
            self.replaced.add(address, address);
        }
    }

    /// An instance that changes and is meant by the dependency.
    pub(super) fn changed<'c>(
        &self,
        dependency: &DependencyRef,
        changes: &'c IndexMap<Address, Change>,
    ) -> Option<&'c Change> {
        changes.get(self.changed.of(dependency).first()?)
    }

    /// An instance that is replaced and meant by the dependency.
    fn replaced<'c>(
        &self,
        dependency: &DependencyRef,
        changes: &'c IndexMap<Address, Change>,
    ) -> Option<&'c Change> {
        changes.get(self.replaced.of(dependency).first()?)
    }
}

/// What `replace_triggered_by` has fired on.
pub(super) struct Triggered(String);

impl Planner<'_> {
    /// Whether one of the block's triggers fires: of those that are the same for all its instances.
    pub(super) fn triggered(&self, world: &World<'_>, block: &ResourceBlock) -> Option<Triggered> {
        let common = block.lifecycle.replace_triggered_by.iter();
        self.fired(common.filter(|t| t.key.is_none()).map(|trigger| {
            let means = world.dependency(trigger, &block.address.scope);
            (trigger, means)
        }))
    }

    /// Whether one of the triggers fires that name the instance's own key, and what they all name.
    pub(super) fn triggered_itself(
        &self,
        world: &World<'_>,
        block: &ResourceBlock,
        frame: &Frame,
    ) -> Result<(Option<Triggered>, Touched), Diagnostics> {
        let mut own = Vec::new();
        for trigger in &block.lifecycle.replace_triggered_by {
            if trigger.key.is_some() {
                own.push((trigger, world.dependency_of(trigger, frame)?));
            }
        }
        let touched = own.iter().flat_map(|(_, means)| means.iter().cloned());
        let touched = touched.collect();
        Ok((self.fired(own.into_iter()), touched))
    }

    fn fired<'t>(
        &self,
        triggers: impl Iterator<Item = (&'t Dependency, Touched)>,
    ) -> Option<Triggered> {
        for (trigger, means) in triggers {
            let path = attribute_path(trigger);
            for dependency in means {
                let changes =
                    |address: &Address| self.changes.get(address).is_some_and(|c| fires(c, &path));
                let fired = self.seen.changed.of(&dependency).iter().any(changes);
                if fired {
                    let attribute: String = path.iter().map(|name| format!(".{name}")).collect();
                    return Some(Triggered(format!("{dependency}{attribute}")));
                }
            }
        }
        None
    }

    /// Why an instance is replaced although nothing that forces it has changed.
    pub(super) fn forced_reason(
        &self,
        address: &Address,
        tainted: bool,
        triggered: Option<&Triggered>,
    ) -> Option<Reason> {
        if self.options.replace.iter().any(|p| p.matches(address)) {
            return Some(Reason::Requested);
        }
        if tainted {
            return Some(Reason::Tainted);
        }
        triggered.map(|Triggered(what)| Reason::TriggeredBy(what.clone()))
    }

    /// The place of the attribute that forces the replacement, and the change that it comes from, if one does.
    pub(super) fn why_replaced(
        &self,
        world: &World<'_>,
        instance: &Instance<'_>,
        paths: &[Path],
    ) -> Reason {
        let block = instance.block;
        let mut place = None;
        for path in paths {
            let Some(expr) = path.root().and_then(|root| block.config.attribute(root)) else {
                continue;
            };
            let span = span_of(&block.config, path);
            if let Ok((_, touched)) = world.evaluate(expr, &instance.frame)
                && let Some(because) = self.cause(touched.into_iter().collect())
            {
                return Reason::CannotUpdate {
                    place: self.program.sources.place(span),
                    because: Some(because),
                };
            }
            place = place.or(Some(span));
        }
        Reason::CannotUpdate {
            place: self.program.sources.place(place.unwrap_or(block.span)),
            because: None,
        }
    }

    /// The change that a value comes from, looking through data sources: a replacement if there is one.
    fn cause(&self, mut queue: Vec<DependencyRef>) -> Option<Address> {
        let mut seen: HashSet<DependencyRef> = queue.iter().cloned().collect();
        let mut changed = None;
        queue.reverse();
        while let Some(dependency) = queue.pop() {
            if let Some(change) = self.seen.replaced(&dependency, &self.changes) {
                return Some(change.address.clone());
            }
            let Some(change) = self.seen.changed(&dependency, &self.changes) else {
                continue;
            };
            if change.action == ChangeAction::Read {
                let further = change.dependencies.iter();
                queue.extend(further.filter(|d| seen.insert((*d).clone())).cloned());
            } else if changed.is_none() {
                changed = Some(change.address.clone());
            }
        }
        changed
    }
}

/// The attributes that follow the resource in a trigger.
fn attribute_path(trigger: &Dependency) -> Vec<Str> {
    trigger
        .steps
        .iter()
        .filter_map(|step| match step {
            StaticStep::Attribute(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

fn fires(change: &Change, path: &[Str]) -> bool {
    if path.is_empty() {
        return change.action == ChangeAction::Update || change.action.is_replace();
    }
    if change.action == ChangeAction::NoOp {
        return false;
    }
    let at = |value: &Option<Value>| {
        path.iter().try_fold(value.clone()?, |value, name| {
            if value.is_unknown() {
                return Some(value);
            }
            value.get(name).cloned()
        })
    };
    at(&change.before).map(|v| v.unmark_deep()) != at(&change.after).map(|v| v.unmark_deep())
}
