//! EC2: networks and what is in them. One file a type; what they share is in `tagging`.

pub(crate) mod cidr;
pub(crate) mod egress_only_internet_gateway;
pub(crate) mod eip;
pub(crate) mod internet_gateway;
pub(crate) mod nat_gateway;
pub(crate) mod subnet;
pub(crate) mod tagging;
pub(crate) mod vpc;
