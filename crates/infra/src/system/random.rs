//! The system's randomness.

use infra_model::Random;
use rand::TryRngCore;
use rand::rngs::OsRng;

/// Asks the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        OsRng
            .try_fill_bytes(bytes)
            .expect("the operating system always has random bytes");
    }
}
