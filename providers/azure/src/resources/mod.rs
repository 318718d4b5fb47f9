//! What Resource Manager itself keeps.

pub(crate) mod group;

/// The version of Resource Manager's own calls.
pub(crate) const VERSION: &str = "2025-04-01";
