//! The controls, one module each.

pub(crate) mod quotas;
pub(crate) mod tls;
pub(crate) mod database;
pub(crate) mod monitoring;
pub(crate) mod policy;
