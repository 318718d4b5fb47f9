//! What a subnet refers to: `azurerm_subnet_network_security_group_association`, `azurerm_subnet_route_table_association` and
//! `azurerm_subnet_nat_gateway_association`.

use super::subnet::Subnet;
use crate::api::{self, Api};
use crate::kind::Kind;
use crate::link::{Holds, Link};
use infra_model::Record;

/// Which network security group a subnet has.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecurityGroupRecord {
    /// The subnet.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) subnet_id: String,
    /// The network security group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) network_security_group_id: String,
    /// The subnet's resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Which route table a subnet has.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RouteTableRecord {
    /// The subnet.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) subnet_id: String,
    /// The route table.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) route_table_id: String,
    /// The subnet's resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Which NAT gateway a subnet has.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NatGatewayRecord {
    /// The subnet.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) subnet_id: String,
    /// The NAT gateway.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) nat_gateway_id: String,
    /// The subnet's resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct SecurityGroup;
pub(crate) struct RouteTable;
pub(crate) struct NatGateway;

impl Link for SecurityGroup {
    type Record = SecurityGroupRecord;
    const TYPE: &'static str = "azurerm_subnet_network_security_group_association";
    const API: Api = Subnet::API;
    const ENDS: (&'static str, &'static str) = ("subnet_id", "network_security_group_id");
    const FIELD: &'static str = "properties/networkSecurityGroup";
    const HOLDS: Holds = Holds::One;

    fn turn(whole: &str) -> &str {
        api::parent(whole)
    }
}

impl Link for RouteTable {
    type Record = RouteTableRecord;
    const TYPE: &'static str = "azurerm_subnet_route_table_association";
    const API: Api = Subnet::API;
    const ENDS: (&'static str, &'static str) = ("subnet_id", "route_table_id");
    const FIELD: &'static str = "properties/routeTable";
    const HOLDS: Holds = Holds::One;

    fn turn(whole: &str) -> &str {
        api::parent(whole)
    }
}

impl Link for NatGateway {
    type Record = NatGatewayRecord;
    const TYPE: &'static str = "azurerm_subnet_nat_gateway_association";
    const API: Api = Subnet::API;
    const ENDS: (&'static str, &'static str) = ("subnet_id", "nat_gateway_id");
    const FIELD: &'static str = "properties/natGateway";
    const HOLDS: Holds = Holds::One;

    fn turn(whole: &str) -> &str {
        api::parent(whole)
    }
}
