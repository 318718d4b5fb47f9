//! ECR: repositories of container images, and what becomes of old images. One file a type.

pub(crate) mod lifecycle_policy;
pub(crate) mod repository;
mod tagging;
