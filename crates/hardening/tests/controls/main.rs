//! What controls make: whole expansions as snapshots, every object held against the definition of its kind, promises one by
//! one, and what a person sees when inputs make no sense. No cluster, no language: the expansions themselves.

mod alternatives;
mod audit;
mod autoscaler;
#[cfg(unix)]
mod capacity;
#[cfg(unix)]
mod charts;
mod ci;
mod crossplane;
#[cfg(unix)]
mod cyclonus;
mod database;
mod delivery;
mod drill;
#[allow(unreachable_pub, reason = "other test binaries take it in too")]
#[path = "../../../../tests/expansions.rs"]
mod expansions;
mod fixture;
mod framework;
mod gitops;
#[cfg(unix)]
mod gitops_plane;
#[cfg(unix)]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "what other test binaries need of it"
)]
#[path = "../../../../tests/kube/mod.rs"]
mod kube;
mod logging;
mod monitoring;
mod network;
#[cfg(unix)]
mod plane;
mod policy;
mod quotas;
mod reach;
mod registries;
mod schema;
mod seal;
mod secrets;
mod supply_chain;
mod tls;
#[cfg(unix)]
mod vault;
