//! `azurerm_lb_backend_address_pool`.

use super::VERSION;
use crate::api::{self, Api};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;

/// Machines that a load balancer spreads what comes in over.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PoolRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The load balancer.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) loadbalancer_id: String,
    /// `Automatic` or `Manual`: how members are kept, with `virtual_network_id`.
    #[record(optional, force_new)]
    pub(crate) synchronous_mode: Option<String>,
    /// The virtual network of members that are given by address.
    #[record(optional, compare = case_insensitive)]
    pub(crate) virtual_network_id: Option<String>,
    /// Ways to the machines of a gateway load balancer.
    #[record(block)]
    pub(crate) tunnel_interface: Vec<Tunnel>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A way to a machine of a gateway load balancer.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Tunnel {
    /// Its number.
    #[record(required)]
    pub(crate) identifier: i64,
    /// `Internal` or `External`.
    #[record(required, rename = "type")]
    pub(crate) kind: String,
    /// `Native` or `VXLAN`.
    #[record(required)]
    pub(crate) protocol: String,
    /// The port.
    #[record(required)]
    pub(crate) port: i64,
}

pub(crate) struct Pool;

#[async_trait::async_trait]
impl Kind for Pool {
    type Record = PoolRecord;
    const TYPE: &'static str = "azurerm_lb_backend_address_pool";
    const API: Api = Api::new(
        "Microsoft.Network/loadBalancers/backendAddressPools",
        VERSION,
        "{loadbalancer_id}/backendAddressPools/{name}",
    )
    .untagged();
    const RULES: Rules = &[
        ("synchronous_mode", Rule::At("properties/syncMode")),
        ("virtual_network_id", Rule::Ref("properties/virtualNetwork")),
        ("tunnel_interface", Rule::At("properties/tunnelInterfaces")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(4, 4, 4)
    }

    fn turn(id: &str) -> Option<&str> {
        Some(api::parent(id))
    }
}
