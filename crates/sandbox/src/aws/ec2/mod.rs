//! EC2 as far as networks need it: one file per type of resource, each with its table of operations. What the
//! types share on the wire (filters, tags, pages) is in `common`.

mod account;
pub(crate) mod address;
mod common;
mod flow_log;
pub(crate) mod gateway;
mod image;
mod instance;
pub(crate) mod instance_type;
pub(crate) mod launch_template;
pub(crate) mod nat_gateway;
mod network_acl;
pub(crate) mod network_interface;
pub(crate) mod permissions;
mod prefix_list;
mod route;
pub(crate) mod route_table;
pub(crate) mod security_group;
pub(crate) mod security_group_rule;
pub(crate) mod subnet;
mod tagging;
pub(crate) mod vpc;
mod vpc_endpoint;

pub(super) use self::tagging::tagged;

use super::query::{QueryService, Style};

/// The service.
pub(super) const SERVICE: QueryService = QueryService {
    style: Style::Ec2,
    namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
    operations: &[
        vpc::OPERATIONS,
        subnet::OPERATIONS,
        gateway::OPERATIONS,
        nat_gateway::OPERATIONS,
        address::OPERATIONS,
        route_table::OPERATIONS,
        route::OPERATIONS,
        security_group::OPERATIONS,
        security_group_rule::OPERATIONS,
        network_interface::OPERATIONS,
        network_acl::OPERATIONS,
        prefix_list::OPERATIONS,
        vpc_endpoint::OPERATIONS,
        flow_log::OPERATIONS,
        launch_template::OPERATIONS,
        image::OPERATIONS,
        instance::OPERATIONS,
        instance_type::OPERATIONS,
        account::OPERATIONS,
        tagging::OPERATIONS,
    ],
};
