//! What happened, in order. The same seed writes the same bytes.

use infra_model::Timestamp;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// The event log of a run; it costs nothing when nobody wants it. Clones share it.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Mutex<String>>>);

impl Log {
    /// One that is kept, or not.
    #[must_use]
    pub fn new(wanted: bool) -> Log {
        Log(wanted.then(Arc::default))
    }

    /// Adds a line.
    pub fn line(&self, now: Timestamp, text: fmt::Arguments<'_>) {
        if let Some(log) = &self.0 {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(log, "{:>9}.{:03} {text}", now.0 / 1000, now.0 % 1000);
        }
    }

    /// Everything so far.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.0.as_ref();
        text.map(|log| log.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }
}
