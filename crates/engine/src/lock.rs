//! Locking what a panic elsewhere cannot have left half-changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after somebody panicked while holding it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
