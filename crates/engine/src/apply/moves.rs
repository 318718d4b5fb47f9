//! What moves is written down before anything is done, and so is its new name wherever the old one stands: a run that ends in
//! between leaves a state in which everything that was to go still knows what must stay until then.

use crate::plan::{Change, Named};
use infra_model::address::Address;
use infra_model::defect::Defect;
use infra_state::{DependencyRef, State, StateChange};

/// The moves of a plan, and the new names in what the state records as dependencies. The old names stay beside them: each
/// resource gets its own dependencies again when its turn has come.
pub(super) fn record(plan: &[Change], state: &State, changes: &mut Vec<StateChange>) {
    let moved = || {
        let moved = plan.iter().filter(|change| change.deposed.is_none());
        moved.filter_map(|change| Some((change.previous_address.as_ref()?, &change.address)))
    };
    let mut new_names: Named<&Address> = Named::default();
    let mut now: Vec<(&Address, &Address)> = Vec::new();
    for (from, to) in moved() {
        changes.push(StateChange::Move {
            from: from.clone(),
            to: to.clone(),
        });
        new_names.add(from, &to);
        now.push((from, to));
    }
    if new_names.is_empty() || Defect::DependenciesNotKept.is_present() {
        return;
    }
    now.sort_unstable();
    let named = |dependencies: &[DependencyRef]| {
        let mut all = dependencies.to_vec();
        for dependency in dependencies {
            for to in new_names.of(dependency) {
                all.push(match dependency {
                    DependencyRef::Address(_) => DependencyRef::Address((*to).clone()),
                    DependencyRef::Block(_) => DependencyRef::Block(to.block.clone()),
                });
            }
        }
        all.sort_unstable();
        all.dedup();
        (all.len() > dependencies.len()).then_some(all)
    };
    for (address, resource) in &state.resources {
        let at = now.binary_search_by(|(from, _)| from.cmp(&address));
        let at = at.map_or(address, |i| now[i].1);
        let current = named(&resource.dependencies).map(|all| (None, all));
        let deposed = resource.deposed.iter();
        let deposed = deposed.filter_map(|(key, object)| {
            named(&object.dependencies).map(|all| (Some(key.clone()), all))
        });
        changes.extend(
            current
                .into_iter()
                .chain(deposed)
                .map(|(deposed, dependencies)| StateChange::Depends {
                    address: at.clone(),
                    deposed,
                    dependencies,
                }),
        );
    }
}
