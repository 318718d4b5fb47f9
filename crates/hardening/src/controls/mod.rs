//! The controls, one module each.

pub(crate) mod network;
pub(crate) mod quotas;
pub(crate) mod secrets;
pub(crate) mod tls;
