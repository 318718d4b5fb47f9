//! Data sources that belong to no resource type: the account, the region, what is offered there.

pub(crate) mod availability_zones;
pub(crate) mod caller_identity;
pub(crate) mod iam_policy_document;
pub(crate) mod partition;
pub(crate) mod region;
pub(crate) mod route53_zone;
pub(crate) mod subnets;
pub(crate) mod vpc;
