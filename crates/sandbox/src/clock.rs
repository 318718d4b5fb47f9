//! Time as the sandbox sees it, passed in by whoever starts it. It must not sleep or set timers: states are
//! functions of the time at which they are read.

use std::fmt::Debug;

/// Milliseconds since 1970-01-01 UTC; due times in the world file are absolute, so that they survive a restart.
pub type Millis = i64;

/// A due time that never comes: an operation that a fault has made stuck.
pub(crate) const NEVER: Millis = i64::MAX;

/// Where the sandbox takes the time from.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        jiff::Timestamp::now().as_millisecond()
    }
}

/// A clock that stands until it is moved, for tests.
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self(std::sync::atomic::AtomicI64::new(now))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Millis) {
        self.0.fetch_add(by, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// `2026-01-31T08:05:00.250Z`, as EC2 writes times.
#[must_use]
pub(crate) fn iso8601_millis(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `2026-01-31T08:05:00Z`, as IAM writes times.
#[must_use]
pub(crate) fn iso8601(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `Sat, 31 Jan 2026 08:05:00 GMT`, as HTTP writes times.
#[must_use]
pub(crate) fn http_date(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_services_write_them() {
        assert_eq!(
            iso8601_millis(1_700_000_000_250),
            "2023-11-14T22:13:20.250Z"
        );
        assert_eq!(iso8601(1_700_000_000_250), "2023-11-14T22:13:20Z");
    }
}
