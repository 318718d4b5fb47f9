//! A real Kubernetes control plane on loopback, without containers: etcd, the API server, the controller manager, the
//! scheduler, and kwok, which plays the nodes and makes pods run. `make tools` builds the programs. Several test binaries take
//! this in as a module.

mod control_plane;
pub mod process;

pub use control_plane::ControlPlane;
pub use process::{tool, upstream_crds};
