//! How many calls are in flight, and how fast they follow one another, per account and region of a provider and API family. A
//! throttled family slows down and wins its rate back slowly.

use crate::engine::Engine;
use crate::lock::lock;
use async_trait::async_trait;
use infra_model::hash::HashMap;
use infra_model::provider::{Gate, NoLimits, Permit, Provider, Session};
use infra_model::provider_error::ProviderError;
use infra_model::schema::ApiFamily;
use infra_model::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The share of the documented rate that throttling leaves at the least.
const LOWEST: f64 = 0.05;
/// The share of its rate that a family keeps when it is throttled.
const KEEP: f64 = 0.7;
/// What each second adds to the rate after throttling, as a share of the documented rate.
const RECOVERY: f64 = 0.02;
/// Calls that were sent together are refused together: refusals within this time count as one.
const TOGETHER: Duration = Duration::from_secs(1);

/// What all calls of a run are counted by.
pub(crate) struct Limits {
    clock: Arc<dyn Clock>,
    providers: BTreeMap<&'static str, Arc<dyn Provider>>,
    known: Known,
}

/// What was counted so far, by provider and [realm](Session::realm).
#[derive(Default)]
struct Known(Mutex<HashMap<(&'static str, String), Arc<Families>>>);

impl Known {
    fn families(
        &self,
        provider: &'static str,
        realm: String,
        documented: impl FnOnce() -> Vec<ApiFamily>,
        now: Timestamp,
    ) -> Arc<Families> {
        let made = || {
            let families = documented().into_iter();
            Arc::new(families.map(|f| (f.name, Family::new(f, now))).collect())
        };
        lock(&self.0)
            .entry((provider, realm))
            .or_insert_with(made)
            .clone()
    }
}

/// The families of a provider by name. Most runs call few providers, and to ask one for its schema costs time.
type Families = HashMap<&'static str, Family>;

/// The gate that all calls of a realm pass.
struct Realm {
    clock: Arc<dyn Clock>,
    families: Arc<Families>,
}

struct Family {
    slots: Arc<Semaphore>,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    documented: ApiFamily,
    rate: f64,
    /// May be negative: calls that were promised a place and wait for it.
    tokens: f64,
    last: Timestamp,
    /// When it last slowed down.
    slowed: Option<Timestamp>,
}

impl Limits {
    pub(crate) fn new(engine: &Engine) -> Limits {
        Limits {
            clock: engine.clock.clone(),
            providers: (engine.providers.iter())
                .map(|(name, provider)| (*name, provider.clone()))
                .collect(),
            known: Known::default(),
        }
    }

    /// The gate of what a session calls: the same for all sessions that its cloud counts together.
    pub(crate) fn of(&self, provider: &str, session: &dyn Session) -> Arc<dyn Gate> {
        let Some((name, provider)) = self.providers.get_key_value(provider) else {
            return Arc::new(NoLimits);
        };
        let documented = || provider.schema().families.clone();
        let now = self.clock.now();
        Arc::new(Realm {
            clock: self.clock.clone(),
            families: (self.known).families(name, session.realm(), documented, now),
        })
    }
}

impl Family {
    fn new(documented: ApiFamily, now: Timestamp) -> Family {
        Family {
            slots: Arc::new(Semaphore::new(documented.concurrent.max(1))),
            bucket: Mutex::new(Bucket {
                rate: documented.per_second,
                tokens: documented.burst,
                last: now,
                slowed: None,
                documented,
            }),
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        lock(&self.bucket)
    }
}

impl Bucket {
    /// Takes one token and says how long to wait until it is there.
    fn take(&mut self, now: Timestamp) -> Duration {
        let passed = now.since(self.last).as_secs_f64();
        self.last = now;
        self.tokens = (self.tokens + passed * self.rate).min(self.documented.burst) - 1.0;
        self.rate = (self.rate + passed * self.documented.per_second * RECOVERY)
            .min(self.documented.per_second);
        if self.tokens >= 0.0 {
            return Duration::ZERO;
        }
        // Clocks count milliseconds: a call that is sent a part of one too early is refused.
        let millis = (-self.tokens / self.rate * 1e3).ceil();
        Duration::from_secs_f64(millis / 1e3)
    }

    fn throttled(&mut self, now: Timestamp) {
        self.tokens = self.tokens.min(0.0);
        if self.slowed.is_some_and(|at| now.since(at) < TOGETHER) {
            return;
        }
        self.slowed = Some(now);
        self.rate = (self.rate * KEEP).max(self.documented.per_second * LOWEST);
    }
}

#[async_trait]
impl Gate for Realm {
    async fn enter(&self, _: &str, family: &str) -> Result<Permit, ProviderError> {
        let Some(family) = self.families.get(family) else {
            return Ok(Permit::new(()));
        };
        let slot = family.slots.clone().acquire_owned().await.ok();
        let wait = family.bucket().take(self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        Ok(Permit::new(slot))
    }

    fn throttled(&self, _: &str, family: &str) {
        if let Some(family) = self.families.get(family) {
            family.bucket().throttled(self.clock.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_past_the_burst_follow_the_documented_rate() {
        let family = ApiFamily {
            name: "x",
            concurrent: 10,
            burst: 2.0,
            per_second: 4.0,
        };
        let family = Family::new(family, Timestamp(0));
        let waits: Vec<u128> = (0..5)
            .map(|_| family.bucket().take(Timestamp(0)).as_millis())
            .collect();
        assert_eq!(waits, [0, 0, 250, 500, 750]);
        assert_eq!(
            family.bucket().take(Timestamp(10_000)).as_millis(),
            0,
            "the bucket fills again"
        );
    }

    #[test]
    fn realms_are_counted_apart() {
        let documented = || {
            vec![ApiFamily {
                name: "x",
                concurrent: 10,
                burst: 1.0,
                per_second: 1.0,
            }]
        };
        let known = Known::default();
        let wait = |provider: &'static str, realm: &str| {
            let families = known.families(provider, realm.to_owned(), documented, Timestamp(0));
            families["x"].bucket().take(Timestamp(0))
        };
        assert!(wait("aws", "1 eu-west-1").is_zero());
        assert!(!wait("aws", "1 eu-west-1").is_zero());
        assert!(wait("aws", "1 us-east-1").is_zero());
        assert!(wait("google", "1 eu-west-1").is_zero());
    }

    #[test]
    fn throttling_slows_down_once_for_calls_sent_together_and_the_rate_comes_back() {
        let documented = ApiFamily {
            name: "x",
            concurrent: 1,
            burst: 1.0,
            per_second: 10.0,
        };
        let mut bucket = Bucket {
            rate: 10.0,
            tokens: 1.0,
            last: Timestamp(0),
            slowed: None,
            documented,
        };
        for now in [0, 10, 999] {
            bucket.throttled(Timestamp(now));
            assert!((bucket.rate - 7.0).abs() < 1e-9, "at {now}");
        }
        bucket.throttled(Timestamp(1_000));
        assert!((bucket.rate - 4.9).abs() < 1e-9);
        let mut now = 1_000;
        for _ in 0..60 {
            now += 1000;
            bucket.take(Timestamp(now));
        }
        assert!((bucket.rate - 10.0).abs() < 1e-9);
    }
}
