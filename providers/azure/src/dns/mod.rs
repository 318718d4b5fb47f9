//! Public zones of Azure DNS.

pub(crate) mod a_record;
pub(crate) mod zone;

/// The version of its calls.
pub(crate) const VERSION: &str = "2018-05-01";
