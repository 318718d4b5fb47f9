//! CloudWatch Logs. One file a type.

pub(crate) mod log_group;
