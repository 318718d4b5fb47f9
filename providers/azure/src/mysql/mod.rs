//! Microsoft.DBforMySQL: flexible servers.

pub(crate) mod configuration;
pub(crate) mod database;
pub(crate) mod server;

/// The version of its calls.
pub(crate) const VERSION: &str = "2024-12-30";
