//! Every type of the provider, one line each.

use crate::client::Client;
use crate::entry::{Entry, Listed};
use crate::kind::Kind;
use crate::link::{Link, Linked};
use crate::managed::Managed;
use crate::vaults::kept::{Kept, Object};
use crate::{
    access, azapi, container, container_registry, data, disk_encryption_set, dns, monitor, mysql,
    network, postgres, resources, storage, vaults,
};
use infra_model::resource::{DynDataSource, DynEphemeral, DynResource, Typed};

fn managed<K: Kind>() -> Box<dyn DynResource<Client>> {
    Typed::<Managed<K>>::register()
}

fn link<L: Link>() -> Box<dyn DynResource<Client>> {
    Typed::<Linked<L>>::register()
}

fn entry<E: Entry>() -> Box<dyn DynResource<Client>> {
    Typed::<Listed<E>>::register()
}

fn object<O: Object>() -> Box<dyn DynResource<Client>> {
    Typed::<Kept<O>>::register()
}

/// Managed types.
pub(crate) fn resources() -> Vec<Box<dyn DynResource<Client>>> {
    vec![
        // --- resource groups ---
        managed::<resources::group::Group>(),
        // --- networks ---
        managed::<network::nat_gateway::NatGateway>(),
        link::<network::nat_gateway_link::Address>(),
        managed::<network::private_dns_link::ZoneLink>(),
        managed::<network::private_dns_zone::Zone>(),
        managed::<network::private_endpoint::Endpoint>(),
        managed::<network::public_ip::PublicIp>(),
        managed::<network::route_table::RouteTable>(),
        managed::<network::security_group::SecurityGroup>(),
        managed::<network::security_rule::SecurityRule>(),
        managed::<network::subnet::Subnet>(),
        link::<network::subnet_links::NatGateway>(),
        link::<network::subnet_links::RouteTable>(),
        link::<network::subnet_links::SecurityGroup>(),
        managed::<network::virtual_network::VirtualNetwork>(),
        managed::<network::watcher::Watcher>(),
        managed::<network::flow_log::FlowLog>(),
        // --- load balancers ---
        managed::<network::application_gateway::Gateway>(),
        managed::<network::lb::Balancer>(),
        managed::<network::lb_pool::Pool>(),
        entry::<network::lb_probe::Probe>(),
        entry::<network::lb_rule::BalancingRule>(),
        // --- Kubernetes ---
        managed::<container::cluster::Cluster>(),
        managed::<container::node_pool::NodePool>(),
        // --- identities ---
        managed::<access::federated::Federated>(),
        managed::<access::lock::Lock>(),
        managed::<access::role_assignment::RoleAssignment>(),
        managed::<access::user_assigned::UserAssigned>(),
        // --- databases ---
        managed::<mysql::configuration::Configuration>(),
        managed::<mysql::database::Database>(),
        managed::<mysql::server::Server>(),
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
        object::<vaults::certificate::Certificate>(),
        Typed::<vaults::issuer::Issuer>::register(),
        object::<vaults::key::Key>(),
        object::<vaults::secret::Secret>(),
        managed::<disk_encryption_set::Set>(),
        // --- images, logs, names ---
        managed::<container_registry::Registry>(),
        managed::<monitor::diagnostic_setting::Setting>(),
        managed::<monitor::workspace::Workspace>(),
        managed::<dns::a_record::A>(),
        managed::<dns::zone::Zone>(),
        // --- any other type ---
        Typed::<azapi::Azapi>::register(),
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    vec![
        Typed::<container::versions::Versions>::register_data(),
        Typed::<data::ClientConfig>::register_data(),
        Typed::<data::Subscription>::register_data(),
    ]
}

/// Ephemeral resources.
pub(crate) fn ephemeral() -> Vec<Box<dyn DynEphemeral<Client>>> {
    vec![Typed::<vaults::ephemeral::Opened>::register_ephemeral()]
}
