//! Every type of the provider, one line each.

use crate::client::Client;
use crate::kind::Kind;
use crate::managed::Managed;
use crate::{data, network, resources};
use infra_model::resource::{DynDataSource, DynResource, Typed};

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
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    vec![Typed::<data::ClientConfig>::register_data()]
}
