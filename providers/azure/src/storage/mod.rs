//! Microsoft.Storage: accounts and what is in them.

pub(crate) mod account;
pub(crate) mod blobs;
pub(crate) mod container;
mod listing;
pub(crate) mod managed_key;
pub(crate) mod management_policy;

/// The version of its calls.
pub(crate) const VERSION: &str = "2026-09-01";
