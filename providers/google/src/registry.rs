//! Every type of the provider, one line each.

use crate::client::Client;
use crate::kind::Kind;
use crate::managed::Managed;
use crate::{
    artifacts, compute, container, data, dns, iam, kms, opened_secret, project_service, rest,
    secrets, service_connection, service_identity, sql, storage,
};
use infra_model::resource::{DynDataSource, DynEphemeral, DynResource, Typed};

fn managed<K: Kind>() -> Box<dyn DynResource<Client>> {
    Typed::<Managed<K>>::register()
}

fn member<P: iam::member::Policy>() -> Box<dyn DynResource<Client>> {
    Typed::<iam::member::Member<P>>::register()
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
        managed::<compute::security_policy::SecurityPolicy>(),
        managed::<compute::ssl_policy::SslPolicy>(),
        managed::<compute::subnetwork::Subnetwork>(),
        managed::<compute::target_proxy::HttpProxy>(),
        managed::<compute::target_proxy::HttpsProxy>(),
        managed::<compute::connection_proxy::SslProxy>(),
        managed::<compute::connection_proxy::TcpProxy>(),
        managed::<compute::url_map::UrlMap>(),
        // --- Kubernetes Engine ---
        managed::<container::cluster::Cluster>(),
        managed::<container::node_pool::NodePool>(),
        // --- Cloud SQL ---
        managed::<sql::instance::Instance>(),
        managed::<sql::database::Database>(),
        Typed::<sql::user::User>::register(),
        // --- Storage, artifacts, names ---
        managed::<storage::Bucket>(),
        managed::<artifacts::Repository>(),
        managed::<dns::Zone>(),
        managed::<dns::RecordSet>(),
        // --- keys and secrets ---
        managed::<kms::KeyRing>(),
        managed::<kms::Key>(),
        managed::<secrets::Secret>(),
        Typed::<secrets::Version>::register(),
        // --- projects, accounts and policies ---
        Typed::<project_service::Service>::register(),
        Typed::<service_connection::Connection>::register(),
        Typed::<service_identity::Identity>::register(),
        managed::<iam::service_account::Account>(),
        managed::<iam::workload_identity::Pool>(),
        managed::<iam::workload_identity::Issuer>(),
        member::<iam::member_types::ProjectMember>(),
        member::<iam::member_types::AccountMember>(),
        member::<iam::member_types::KeyMember>(),
        member::<iam::member_types::SecretMember>(),
        member::<iam::member_types::RepositoryMember>(),
        member::<iam::member_types::BucketMember>(),
        // --- anything else ---
        Typed::<rest::Rest>::register(),
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    vec![
        Typed::<data::ClientConfig>::register_data(),
        Typed::<data::EngineVersions>::register_data(),
        Typed::<data::Project>::register_data(),
        Typed::<data::StorageAccount>::register_data(),
        Typed::<data::Zones>::register_data(),
    ]
}

/// Ephemeral resources.
pub(crate) fn ephemeral() -> Vec<Box<dyn DynEphemeral<Client>>> {
    vec![Typed::<opened_secret::Opened>::register_ephemeral()]
}
