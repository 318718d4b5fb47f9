//! The inside of a cluster.
