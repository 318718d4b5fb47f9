//! The controls, one module each.

pub(crate) mod database;
pub(crate) mod logging;
pub(crate) mod monitoring;
pub(crate) mod policy;
pub(crate) mod quotas;
pub(crate) mod tls;
