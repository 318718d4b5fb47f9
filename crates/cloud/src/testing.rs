//! What unit tests of providers need to make operations and environments. Nothing here reaches a cloud.

use async_trait::async_trait;
use infra_model::operation::Marking;
use infra_model::provider::{Environment, Events, Gate, Permit};
use infra_model::{
    Action, CallContext, Clock, Operation, OperationId, ProviderError, Timestamp, Token,
};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A create operation of an address in the stack `demo`.
///
/// # Panics
/// When it is no address.
#[must_use]
pub fn operation(address: &str) -> Operation {
    let id = OperationId::from_random(0x0123_4567_89ab_cdef);
    Operation {
        token: Token::new("lineage", &id),
        id,
        address: address.parse().expect("an address"),
        action: Action::Create,
        started: Timestamp::default(),
        known_id: None,
        hands_over: false,
        marking: Marking {
            stack: "demo".into(),
            ..Marking::default()
        },
        private: None,
    }
}

/// An environment of these variables.
#[must_use]
pub fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment {
        variables: variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..Environment::default()
    }
}

/// A world without time or cloud: sleeping moves the clock, and everything is counted.
#[derive(Default)]
pub struct World {
    now: AtomicI64,
    /// Calls that were let in.
    pub entered: AtomicUsize,
    /// Calls that were throttled.
    pub throttled: AtomicUsize,
    /// What waits have shown.
    pub statuses: Mutex<Vec<String>>,
    /// Ids that were made durable.
    pub ids: Mutex<Vec<String>>,
}

impl World {
    /// It, lent to a call.
    #[must_use]
    pub fn context(self: &Arc<World>) -> CallContext {
        CallContext {
            clock: self.clone(),
            gate: self.clone(),
            events: self.clone(),
            provider: "aws",
        }
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }
    async fn sleep(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.now.fetch_add(millis, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl Gate for World {
    async fn enter(&self, _: &str, _: &str) -> Result<Permit, ProviderError> {
        self.entered.fetch_add(1, Ordering::Relaxed);
        Ok(Permit::new(()))
    }
    fn throttled(&self, _: &str, _: &str) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Events for World {
    async fn id_known(&self, _: &Operation, id: &str) -> Result<(), ProviderError> {
        self.ids.lock().expect("not poisoned").push(id.to_owned());
        Ok(())
    }
    fn status(&self, _: &Operation, status: &str) {
        self.statuses
            .lock()
            .expect("not poisoned")
            .push(status.to_owned());
    }
}
