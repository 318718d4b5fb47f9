//! What the components make on Google Cloud: secure defaults one by one, and whole expansions as snapshots. No cloud, no language: the
//! expansions themselves.

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
#[path = "../aws/fixture.rs"]
#[allow(dead_code, reason = "what one cloud's tests do not use, another's do")]
mod fixture;
mod load_balancer;
mod network;
mod registry;
