//! Many seeds on many threads.

use crate::run::{Tally, Violation, run};
use infra_model::defect::Defect;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What many runs did.
#[derive(Debug, Default)]
pub struct Fleet {
    /// How many runs.
    pub runs: u64,
    /// What they did together.
    pub tally: Tally,
    /// The violation of the lowest seed that was seen to fail, without its log.
    pub violation: Option<Violation>,
}

/// Runs `count` seeds from `first` on until one fails, with a deliberate bug or without.
#[must_use]
pub fn fleet(first: u64, count: u64, threads: usize, defect: Option<Defect>) -> Fleet {
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let found = Mutex::new(Fleet::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                Defect::put(defect);
                while !failed.load(Ordering::Relaxed) {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= count {
                        break;
                    }
                    let seed = first + i;
                    let result = run(seed, false);
                    let mut fleet = found.lock().unwrap_or_else(PoisonError::into_inner);
                    fleet.runs += 1;
                    match result {
                        Ok((tally, _)) => fleet.tally.add(tally),
                        Err(violation) => {
                            failed.store(true, Ordering::Relaxed);
                            let lower = |v: &Violation| v.seed < violation.seed;
                            if !fleet.violation.as_ref().is_some_and(lower) {
                                fleet.violation = Some(violation);
                            }
                        }
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.commands += other.commands;
        self.crashes += other.crashes;
        self.points += other.points;
    }
}
