//! The codes of everything that can be wrong with a stack file: the common list of `infra_model`.

pub use infra_model::codes::Code;
