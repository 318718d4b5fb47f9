//! EC2: networks and what is in them. One file a type; what they share is in `tagging`, `hop` and `permissions`.

pub(crate) mod cidr;
pub(crate) mod default_security_group;
pub(crate) mod egress_only_internet_gateway;
pub(crate) mod eip;
pub(crate) mod flow_log;
mod held;
mod hop;
pub(crate) mod internet_gateway;
pub(crate) mod launch_template;
mod launch_template_data;
mod launch_template_options;
pub(crate) mod nat_gateway;
pub(crate) mod permissions;
pub(crate) mod route;
pub(crate) mod route_table;
pub(crate) mod route_table_association;
pub(crate) mod security_group;
pub(crate) mod security_group_rule;
pub(crate) mod subnet;
pub(crate) mod tagging;
pub(crate) mod vpc;
pub(crate) mod vpc_endpoint;
