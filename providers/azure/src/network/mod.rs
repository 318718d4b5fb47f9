//! Microsoft.Network.

pub(crate) mod subnet;
pub(crate) mod virtual_network;

/// The version of its calls.
pub(crate) const VERSION: &str = "2026-03-01";
