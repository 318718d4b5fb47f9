//! Terraform's documented JSON formats.

mod checks;
pub(crate) mod diagnostic;
pub(crate) mod plan;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod tree;
pub(crate) mod values;
