//! What can be known to be wrong before anything is planned: references, values, cycles.

pub(crate) mod cycles;
pub(crate) mod ephemeral;
pub(crate) mod explain;
pub(crate) mod instructions;
pub(crate) mod knowledge;
pub(crate) mod names;
pub(crate) mod references;
pub(crate) mod repeat;
mod steps;
pub(crate) mod types;
pub(crate) mod values;
