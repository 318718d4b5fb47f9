//! What is shown while a run goes on: a live tree on a terminal, a line per event elsewhere, or a stream of JSON objects.

mod lines;
mod stream;
mod terminal;
mod words;

pub(crate) use stream::resource as resource_json;
pub(crate) use words::{done_small, duration};

use crate::ui::Ui;
use infra_engine::{Event, Observer};
use infra_model::address::Address;
use infra_model::operation::Action;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often an operation that takes long is mentioned.
const REMINDER: Duration = Duration::from_secs(10);

/// An observer that can be told that time has passed, and that the run is over.
pub(crate) trait Live: Observer {
    /// Time has passed: what takes long may be mentioned.
    fn tick(&self) {}

    /// How often time is told.
    fn every(&self) -> Duration {
        REMINDER
    }

    /// Nothing more will come: what is drawn for the moment goes.
    fn finish(&self) {}
}

/// The observer for this output, ticking until it is dropped.
pub(crate) struct Running {
    live: Arc<dyn Live>,
    ticker: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Starts it on the current runtime.
    pub(crate) fn start(ui: Ui) -> Running {
        let live: Arc<dyn Live> = if ui.is_stream() {
            Arc::new(stream::Stream::new(ui))
        } else if ui.can_redraw() {
            Arc::new(terminal::Terminal::new(ui))
        } else {
            Arc::new(lines::Lines::new(ui))
        };
        let ticking = live.clone();
        let ticker = tokio::spawn(async move {
            let mut interval = tokio::time::interval(ticking.every());
            interval.tick().await;
            loop {
                interval.tick().await;
                ticking.tick();
            }
        });
        Running { live, ticker }
    }

    /// Ends it before something else is printed.
    pub(crate) fn finish(self) {
        self.ticker.abort();
        self.live.finish();
    }
}

impl Observer for Running {
    fn event(&self, event: Event) {
        self.live.event(event);
    }
}

/// An operation under way.
#[derive(Clone, Debug)]
struct Operation {
    action: Action,
    started: Instant,
    id: Option<String>,
    status: Option<String>,
    critical: bool,
}

/// What is under way, by address.
#[derive(Default)]
struct Table(Mutex<BTreeMap<Address, Operation>>);

impl Table {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Address, Operation>> {
        // A panic while drawing must not stop the run.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, address: &Address, action: Action, id: Option<String>, critical: bool) {
        let operation = Operation {
            action,
            started: Instant::now(),
            id,
            status: None,
            critical,
        };
        self.lock().insert(address.clone(), operation);
    }

    fn end(&self, address: &Address) {
        self.lock().remove(address);
    }

    fn identify(&self, address: &Address, id: &str) {
        if let Some(operation) = self.lock().get_mut(address) {
            operation.id = Some(id.to_owned());
        }
    }

    /// Whether the status is news.
    fn status(&self, address: &Address, status: &str) -> bool {
        let mut table = self.lock();
        let Some(operation) = table.get_mut(address) else {
            return true;
        };
        if operation.status.as_deref() == Some(status) {
            return false;
        }
        operation.status = Some(status.to_owned());
        true
    }

    fn all(&self) -> Vec<(Address, Operation)> {
        self.lock()
            .iter()
            .map(|(a, o)| (a.clone(), o.clone()))
            .collect()
    }
}
