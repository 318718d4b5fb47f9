//! Helm, through the `helm` program. What a release is and whether it is as it was rendered is read from the cluster directly.

pub(crate) mod chart;
mod drift;
pub(crate) mod files;
mod install;
pub(crate) mod newest;
pub(crate) mod preview;
pub(crate) mod program;
pub(crate) mod release;
mod render;
pub(crate) mod stand_in;
mod stored;
pub(crate) mod supported;
mod upgrade;
