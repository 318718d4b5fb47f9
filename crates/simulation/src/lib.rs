//! Engine, state and recovery over a simulated cloud, clock and disk: every decision comes from one seed, so that a failure
//! replays exactly. Only tests and `cargo xtask simulate` use it; docs/simulation.md says what it looks for.
#![allow(
    clippy::result_large_err,
    reason = "`ProviderError` says much, and is rare"
)]

mod check;
pub mod clock;
pub mod cloud;
pub mod dice;
pub mod disk;
pub mod fate;
mod fleet;
pub mod latency;
pub mod log;
pub mod process;
mod program;
mod run;
pub mod stack;

pub use fleet::{Fleet, fleet};
pub use run::{Tally, Violation, run};
