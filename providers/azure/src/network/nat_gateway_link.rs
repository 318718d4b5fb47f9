//! `azurerm_nat_gateway_public_ip_association`.

use super::nat_gateway;
use crate::api::Api;
use crate::link::{Holds, Link};
use infra_model::Record;

/// An address that a NAT gateway goes out with.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AddressRecord {
    /// The NAT gateway.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) nat_gateway_id: String,
    /// The public address.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) public_ip_address_id: String,
    /// `{nat_gateway_id}|{public_ip_address_id}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Address;

impl Link for Address {
    type Record = AddressRecord;
    const TYPE: &'static str = "azurerm_nat_gateway_public_ip_association";
    const API: Api = nat_gateway::API;
    const ENDS: (&'static str, &'static str) = ("nat_gateway_id", "public_ip_address_id");
    const FIELD: &'static str = "properties/publicIpAddresses";
    const HOLDS: Holds = Holds::Many;
}
