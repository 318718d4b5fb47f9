//! Where a process dies: every await, every call of the disk and every call of the cloud passes a point here, and at the
//! chosen one the process ends as if the power had gone: nothing after it runs but destructors.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The payload of the unwinding that stands for the end of a process.
#[derive(Debug)]
pub(crate) struct Crash;

/// What a process is about to do, or has just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// It waits, or reads.
    Waiting,
    /// It changes something on the disk or in the cloud.
    Changing,
}

/// When a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// At its point of this number, counted from 1.
    AtAny(u64),
    /// The same, counting only those at which it changes something: most points are waiting.
    AtChange(u64),
}

/// Counts the points, and ends the process at one of them.
#[derive(Debug, Default)]
pub struct Fate(Mutex<Points>);

#[derive(Debug, Default)]
struct Points {
    all: u64,
    changes: u64,
    death: Option<Death>,
    crashed: bool,
}

impl Fate {
    fn points(&self) -> MutexGuard<'_, Points> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process, which dies then, if it gets that far.
    pub fn begin(&self, death: Option<Death>) {
        *self.points() = Points {
            death,
            ..Points::default()
        };
    }

    /// The process is over: what still runs are destructors.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.points().crashed
    }

    /// How many points the process has passed, and how many of them changed something.
    #[must_use]
    pub fn passed(&self) -> (u64, u64) {
        let points = self.points();
        (points.all, points.changes)
    }

    /// A point. No lock of the simulation may be held here: its holder may not come back.
    pub fn point(&self, what: Point) {
        let mut points = self.points();
        points.all += 1;
        points.changes += u64::from(what == Point::Changing);
        let dies = match points.death {
            Some(Death::AtAny(n)) => points.all == n,
            Some(Death::AtChange(n)) => what == Point::Changing && points.changes == n,
            None => false,
        };
        if dies && !points.crashed {
            points.crashed = true;
            drop(points);
            // Without the panic hook: this is not a failure.
            std::panic::resume_unwind(Box::new(Crash));
        }
    }
}
