//! Time that passes when nothing else can happen, and the one task that runs on it.

use crate::fate::{Crash, Fate, Point};
use async_trait::async_trait;
use infra_model::time::{Clock, Timestamp};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Simulated time. Clones share it.
#[derive(Clone, Default)]
pub struct SimClock(Arc<Mutex<Time>>);

#[derive(Default)]
struct Time {
    now: i64,
    sequence: u64,
    /// By moment, then by who came first.
    timers: BTreeMap<(i64, u64), Waker>,
}

impl SimClock {
    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass while nothing runs.
    pub fn pass(&self, duration: Duration) {
        let mut time = self.time();
        time.now = Timestamp(time.now).plus(duration).0;
    }

    /// Goes to the next moment for which somebody waits.
    fn advance(&self) -> bool {
        let mut time = self.time();
        let Some(((at, _), waker)) = time.timers.pop_first() else {
            return false;
        };
        time.now = time.now.max(at);
        drop(time);
        waker.wake();
        true
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.time().now)
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now().plus(duration).0;
        Sleep {
            clock: self,
            until,
            key: None,
        }
        .await;
    }
}

struct Sleep<'a> {
    clock: &'a SimClock,
    until: i64,
    key: Option<(i64, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time();
        if let Some(key) = self.key {
            time.timers.remove(&key);
        }
        if time.now >= self.until {
            return Poll::Ready(());
        }
        time.sequence += 1;
        let key = (self.until, time.sequence);
        time.timers.insert(key, context.waker().clone());
        drop(time);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.time().timers.remove(&key);
        }
    }
}

/// How a process ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// It returned.
    Returned(T),
    /// Its fate ended it.
    Crashed,
    /// It waits for something that will never happen.
    Stuck,
    /// It panicked.
    Panicked(String),
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a process to its end. Every await that has to wait is a point of its fate.
pub fn run<T>(clock: &SimClock, fate: &Fate, process: impl Future<Output = T>) -> Ended<T> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(flag.clone());
        let mut context = Context::from_waker(&waker);
        let mut process = pin!(process);
        loop {
            if let Poll::Ready(value) = process.as_mut().poll(&mut context) {
                return Some(value);
            }
            fate.point(Point::Waiting);
            while !flag.0.swap(false, Ordering::Relaxed) {
                if !clock.advance() {
                    return None;
                }
            }
        }
    }));
    match result {
        Ok(Some(value)) => Ended::Returned(value),
        Ok(None) => Ended::Stuck,
        Err(payload) if payload.is::<Crash>() => Ended::Crashed,
        Err(payload) => Ended::Panicked(
            payload
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_default(),
        ),
    }
}
