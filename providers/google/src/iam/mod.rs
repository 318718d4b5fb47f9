//! Identity and access: service accounts, and members of policies.

pub(crate) mod member;
pub(crate) mod member_types;
pub(crate) mod service_account;
pub(crate) mod workload_identity;
