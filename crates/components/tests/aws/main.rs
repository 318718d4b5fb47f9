//! What the components make on AWS: whole expansions as snapshots, secure defaults one by one, and what a person sees when
//! inputs make no sense. No cloud, no language: the expansions themselves.

mod bucket;
mod cluster;
mod database;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "other test binaries take it in too"
)]
#[path = "../../../../tests/expansions.rs"]
mod expansions;
mod fixture;
mod load_balancer;
mod network;
mod registry;
mod rules;
