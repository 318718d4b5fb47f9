//! What can be known to be wrong before anything is planned: references, values, cycles.

pub(crate) mod cycles;
pub(crate) mod knowledge;
pub(crate) mod references;
pub(crate) mod repeat;
pub(crate) mod values;
