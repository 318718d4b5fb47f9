//! Identities and what they may do.

pub(crate) mod federated;
pub(crate) mod lock;
pub(crate) mod role_assignment;
pub(crate) mod user_assigned;
