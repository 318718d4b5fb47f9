//! What ends with its host: the objects inside a cluster that is deleted are let go, not deleted one by one.

use super::instance::{Planner, recorded};
use super::named::Named;
use super::{Change, ChangeAction, Reason};
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::hash::HashMap;
use infra_state::DependencyRef;

impl Planner<'_> {
    /// Lets go of everything whose host this plan deletes for good. The host is the one thing that hosts such objects among
    /// what an object depends on; where there are several, it is deleted like any other.
    pub(crate) fn end_with_hosts(&mut self) {
        let mut going: Named<Address> = Named::default();
        for change in self.changes.values() {
            let leaves = change.action == ChangeAction::Delete && change.deposed.is_none();
            if leaves && !self.hosted(&change.address, &change.provider).is_empty() {
                let recorded = change.previous_address.as_ref().unwrap_or(&change.address);
                going.add(recorded, &change.address);
            }
        }
        if going.is_empty() {
            return;
        }
        let resources = self.state.resources.iter();
        let hosting: HashMap<&str, &str> = resources
            .map(|(address, resource)| {
                (
                    &*address.block.type_name,
                    self.hosted(address, &resource.provider),
                )
            })
            .filter(|(_, hosted)| !hosted.is_empty())
            .collect();
        let host = |change: &Change| {
            let is_host = |d: &&DependencyRef| {
                hosting.get(&*d.parts().0.type_name) == Some(&&*change.provider.name)
            };
            let dependencies = if change.deposed.is_some() {
                change.dependencies.as_slice()
            } else {
                recorded(self.state, change)
            };
            let mut hosts = dependencies.iter().filter(is_host);
            match (hosts.next(), hosts.next()) {
                (Some(host), None) => match going.of(host) {
                    [host] => Some(host.clone()),
                    _ => None,
                },
                _ => None,
            }
        };
        let deleted = self
            .changes
            .iter()
            .filter(|(_, change)| change.action == ChangeAction::Delete);
        let ending: Vec<_> = deleted
            .filter_map(|(key, change)| Some((key.clone(), host(change)?)))
            .collect();
        for (key, host) in ending {
            if let Some(change) = self.changes.get_mut(&key) {
                change.action = ChangeAction::Forget;
                change.lifts = Vec::new();
                change.reason = Some(Reason::WithHost(host));
            }
        }
    }

    /// The provider whose objects live inside a resource; empty for none.
    fn hosted(&self, address: &Address, provider: &ProviderAddress) -> &'static str {
        let schema = self
            .engine
            .schema(&provider.name, Mode::Managed, &address.block.type_name);
        schema.map_or("", |schema| schema.traits.hosts)
    }
}
