//! Every type of the provider, one line each.

use crate::client::Client;
use crate::compute;
use crate::managed::{Kind, Managed};
use infra_model::resource::{DynDataSource, DynResource, Typed};

fn managed<K: Kind>() -> Box<dyn DynResource<Client>> {
    Typed::<Managed<K>>::register()
}

/// Managed types.
pub(crate) fn resources() -> Vec<Box<dyn DynResource<Client>>> {
    vec![
        // --- Compute Engine ---
        managed::<compute::address::Address>(),
        managed::<compute::address::GlobalAddress>(),
        managed::<compute::backend_service::BackendService>(),
        managed::<compute::certificate::Certificate>(),
        managed::<compute::certificate::Managed>(),
        managed::<compute::endpoint_group::EndpointGroup>(),
        managed::<compute::firewall::Firewall>(),
        managed::<compute::forwarding_rule::ForwardingRule>(),
        managed::<compute::forwarding_rule::GlobalRule>(),
        managed::<compute::health_check::HealthCheck>(),
        managed::<compute::instance_group::InstanceGroup>(),
        Typed::<compute::named_port::NamedPort>::register(),
        managed::<compute::network::Network>(),
        managed::<compute::router::Router>(),
        Typed::<compute::router_nat::RouterNat>::register(),
        managed::<compute::subnetwork::Subnetwork>(),
        managed::<compute::target_proxy::HttpProxy>(),
        managed::<compute::target_proxy::HttpsProxy>(),
        managed::<compute::url_map::UrlMap>(),
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    Vec::new()
}
