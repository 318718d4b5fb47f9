//! Every type of the provider, one line each.

use crate::client::Client;
use crate::{data, ec2};
use infra_model::resource::{DynDataSource, DynResource, Typed};

/// Managed types.
pub(crate) fn resources() -> Vec<Box<dyn DynResource<Client>>> {
    vec![
        // --- EC2 ---
        Typed::<ec2::vpc::Vpc>::register(),
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    vec![
        // --- account and region ---
        Typed::<data::caller_identity::CallerIdentity>::register_data(),
    ]
}
