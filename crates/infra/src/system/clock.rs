//! The system's clock.

use async_trait::async_trait;
use infra_model::time::{Clock, Timestamp};
use std::time::Duration;

/// Reads the system's time and waits by tokio's timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
