//! Microsoft.Network.

pub(crate) mod application_gateway;
pub(crate) mod flow_log;
pub(crate) mod gateway_blocks;
pub(crate) mod lb;
pub(crate) mod lb_pool;
pub(crate) mod lb_probe;
pub(crate) mod lb_rule;
pub(crate) mod nat_gateway;
pub(crate) mod nat_gateway_link;
pub(crate) mod private_dns_link;
pub(crate) mod private_dns_zone;
pub(crate) mod private_endpoint;
pub(crate) mod public_ip;
pub(crate) mod route_table;
pub(crate) mod security_group;
pub(crate) mod security_rule;
pub(crate) mod subnet;
pub(crate) mod subnet_links;
pub(crate) mod virtual_network;
pub(crate) mod watcher;

/// The version of its calls.
pub(crate) const VERSION: &str = "2026-03-01";
