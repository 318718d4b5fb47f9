//! Time as it is passed in: nothing in the libraries reads a clock of its own.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and a duration.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// From `earlier` to this moment; zero when it lies after.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The pause before the next look at something that takes long: half as long again as the last pause, but no longer than
/// `longest`, and no longer than a second or a sixtieth of what was waited so far: little time is lost once it is there.
#[must_use]
pub fn next_pause(last: Duration, waited: Duration, longest: Duration) -> Duration {
    let share = (waited / 60).max(Duration::from_secs(1));
    (last * 3 / 2).min(longest).min(share)
}

/// A clock and a way to wait by it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Returns once the duration has passed on this clock.
    async fn sleep(&self, duration: Duration);
}
