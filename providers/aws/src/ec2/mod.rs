//! EC2: networks and what is in them. One file a type; what they share is in `tagging`.

pub(crate) mod cidr;
pub(crate) mod tagging;
pub(crate) mod vpc;
