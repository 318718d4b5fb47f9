//! Every type of the provider, one line each.

use crate::client::Client;
use crate::kind::Kind;
use crate::managed::Managed;
use crate::{
    container_registry, data, disk_encryption_set, dns, monitor, network, postgres, resources,
    storage, vaults,
};
use infra_model::resource::{DynDataSource, DynEphemeral, DynResource, Typed};

fn managed<K: Kind>() -> Box<dyn DynResource<Client>> {
    Typed::<Managed<K>>::register()
}

/// Managed types.
pub(crate) fn resources() -> Vec<Box<dyn DynResource<Client>>> {
    vec![
        // --- resource groups ---
        managed::<resources::group::Group>(),
        // --- networks ---
        managed::<network::subnet::Subnet>(),
        managed::<network::virtual_network::VirtualNetwork>(),
        // --- databases ---
        managed::<postgres::configuration::Configuration>(),
        managed::<postgres::database::Database>(),
        managed::<postgres::server::Server>(),
        // --- storage ---
        managed::<storage::account::Account>(),
        managed::<storage::container::Container>(),
        managed::<storage::management_policy::Policy>(),
        Typed::<storage::managed_key::ManagedKey>::register(),
        // --- vaults ---
        managed::<vaults::vault::Vault>(),
        Typed::<vaults::key::Key>::register(),
        Typed::<vaults::secret::Secret>::register(),
        managed::<disk_encryption_set::Set>(),
        // --- images, logs, names ---
        managed::<container_registry::Registry>(),
        managed::<monitor::diagnostic_setting::Setting>(),
        managed::<monitor::workspace::Workspace>(),
        managed::<dns::a_record::A>(),
        managed::<dns::zone::Zone>(),
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    vec![Typed::<data::ClientConfig>::register_data()]
}

/// Ephemeral resources.
pub(crate) fn ephemeral() -> Vec<Box<dyn DynEphemeral<Client>>> {
    vec![Typed::<vaults::ephemeral::Opened>::register_ephemeral()]
}
