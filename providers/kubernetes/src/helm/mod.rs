//! Helm, through the `helm` program.

pub(crate) mod release;
