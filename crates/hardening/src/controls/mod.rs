//! The controls, one module each.

pub(crate) mod autoscaler;
pub(crate) mod ci;
pub(crate) mod crossplane;
pub(crate) mod database;
pub(crate) mod gitops;
pub(crate) mod logging;
pub(crate) mod monitoring;
pub(crate) mod network;
pub(crate) mod policy;
pub(crate) mod quotas;
pub(crate) mod secrets;
pub(crate) mod supply_chain;
pub(crate) mod tls;
