//! Data sources: the account, the region, what is offered there, and what others made.

pub(crate) mod ami;
pub(crate) mod availability_zones;
pub(crate) mod caller_identity;
pub(crate) mod eks_cluster;
pub(crate) mod eks_cluster_auth;
pub(crate) mod iam_policy_document;
pub(crate) mod partition;
pub(crate) mod region;
pub(crate) mod route53_zone;
pub(crate) mod ssm_parameter;
pub(crate) mod subnets;
pub(crate) mod vpc;
