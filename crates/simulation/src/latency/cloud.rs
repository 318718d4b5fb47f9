//! The cloud of the latency bench: things take the time that the graph says, calls past the token bucket are refused.

use crate::clock::SimClock;
use crate::dice::Dice;
use infra_model::time::Clock;
use infra_model::{ErrorKind, ProviderError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A token bucket, and how many calls may be in flight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Calls that may come at once.
    pub burst: f64,
    /// Calls per second after that.
    pub per_second: f64,
    /// At most so many calls at once.
    pub concurrent: usize,
}

impl Bucket {
    /// The shortest time in which it lets so many calls through.
    #[must_use]
    pub(super) fn shortest(&self, calls: u64) -> Duration {
        #[allow(clippy::cast_precision_loss, reason = "thousands of calls")]
        let after_the_burst = (calls as f64 - self.burst).max(0.0);
        Duration::from_secs_f64(after_the_burst / self.per_second)
    }
}

/// How long a creation takes, in milliseconds: the call itself, and until the thing is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) latency: i64,
    pub(super) ready: i64,
}

/// What was seen of the calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) calls: u64,
    pub(super) throttled: u64,
    pub(super) most_in_flight: usize,
    in_flight: usize,
}

/// Clones share it.
#[derive(Clone)]
pub(super) struct Cloud {
    inner: Arc<Mutex<Inner>>,
    clock: SimClock,
    creates: Arc<BTreeMap<String, Call>>,
}

struct Inner {
    bucket: Bucket,
    tokens: f64,
    last: i64,
    dice: Dice,
    seen: Seen,
    /// When each is there, by id.
    ready: BTreeMap<String, i64>,
}

impl Cloud {
    pub(super) fn new(
        seed: u64,
        clock: SimClock,
        bucket: Bucket,
        creates: BTreeMap<String, Call>,
    ) -> Cloud {
        let inner = Inner {
            bucket,
            tokens: bucket.burst,
            last: clock.now().0,
            dice: Dice::new(seed, 12),
            seen: Seen::default(),
            ready: BTreeMap::new(),
        };
        Cloud {
            inner: Arc::new(Mutex::new(inner)),
            clock,
            creates: Arc::new(creates),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seen(&self) -> Seen {
        self.inner().seen
    }

    /// Begins to make something; its id.
    pub(super) async fn create(&self, name: &str) -> Result<String, ProviderError> {
        let call = self.creates[name];
        self.call(call.latency).await?;
        let id = format!("id-{name}");
        let at = self.clock.now().0 + call.ready;
        self.inner().ready.insert(id.clone(), at);
        Ok(id)
    }

    /// Whether it is there by now.
    pub(super) async fn is_ready(&self, id: &str) -> Result<bool, ProviderError> {
        let latency = self.inner().dice.between(20, 80);
        self.call(latency).await?;
        let now = self.clock.now().0;
        Ok(self.inner().ready.get(id).is_some_and(|at| *at <= now))
    }

    /// A call that is answered, or refused, after this time.
    async fn call(&self, latency: i64) -> Result<(), ProviderError> {
        let admitted = {
            let mut inner = self.inner();
            inner.seen.in_flight += 1;
            inner.seen.most_in_flight = inner.seen.most_in_flight.max(inner.seen.in_flight);
            inner.admit(self.clock.now().0)
        };
        let refused_after = 20;
        let wait = if admitted { latency } else { refused_after };
        let wait = Duration::from_millis(wait.unsigned_abs());
        self.clock.sleep(wait).await;
        self.inner().seen.in_flight -= 1;
        if admitted {
            Ok(())
        } else {
            Err(ProviderError::new(ErrorKind::Throttled, "rate exceeded"))
        }
    }
}

impl Inner {
    fn admit(&mut self, now: i64) -> bool {
        #[allow(clippy::cast_precision_loss, reason = "seconds")]
        let passed = (now - self.last) as f64 / 1_000.0;
        self.last = now;
        self.tokens = (self.tokens + passed * self.bucket.per_second).min(self.bucket.burst);
        // Sums of fractions may lack the last digit.
        let admitted = self.tokens >= 1.0 - 1e-6;
        if admitted {
            self.tokens -= 1.0;
            self.seen.calls += 1;
        } else {
            self.seen.throttled += 1;
        }
        admitted
    }
}
