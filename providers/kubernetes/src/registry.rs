//! Every type of the provider, one line each.

use crate::client::Client;
use crate::kind::{Kind, Managed};
use crate::{
    config_map, config_repository, crds, data, helm, manifest, namespace, policy_scan, secret,
};
use infra_model::resource::{DynDataSource, DynResource, Typed};

fn managed<K: Kind>() -> Box<dyn DynResource<Client>> {
    Typed::<Managed<K>>::register()
}

/// Managed types.
pub(crate) fn resources() -> Vec<Box<dyn DynResource<Client>>> {
    vec![
        managed::<config_map::ConfigMap>(),
        Typed::<config_repository::ConfigRepository>::register(),
        Typed::<crds::Crds>::register(),
        managed::<manifest::Manifest>(),
        managed::<namespace::Namespace>(),
        Typed::<policy_scan::Scan>::register(),
        managed::<secret::Secret>(),
        Typed::<helm::release::Release>::register(),
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    vec![
        Typed::<data::Pods>::register_data(),
        Typed::<data::AnyResource>::register_data(),
    ]
}
