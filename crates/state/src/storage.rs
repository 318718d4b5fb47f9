//! The seam to the disk: everything that the state touches goes through this trait, so that a simulation can tear writes
//! and lose what was not synced. It knows names and bytes, nothing of their meaning.

use crate::error::StateError;
use infra_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;

/// Named files in one place. Names have no directory part.
pub trait Storage: Send + Sync {
    /// The whole contents; `None` when there is no such file.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Replaces the contents so that after a crash either the old or the new ones are there, and the new ones once this has
    /// returned. Only the owner may read the file.
    ///
    /// # Errors
    /// Whatever the medium says; the old contents are then still there.
    fn write_atomic(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Adds to the end of a file, which is created when absent. Not durable before [`Storage::sync`].
    ///
    /// # Errors
    /// Whatever the medium says; a part of the bytes may then have been written.
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written to a file durable.
    ///
    /// # Errors
    /// Whatever the medium says; what is durable is then unknown.
    fn sync(&self, name: &str) -> io::Result<()>;

    /// Cuts a file to a length. Not durable before [`Storage::sync`].
    ///
    /// # Errors
    /// Whatever the medium says.
    fn truncate(&self, name: &str, len: u64) -> io::Result<()>;

    /// Renames, over whatever had the new name; durable when it returns.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; one that is absent is removed already. After a crash it may be back.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Whether there is such a file.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn exists(&self, name: &str) -> io::Result<bool>;

    /// All names, sorted.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Copies a file that is only ever replaced, never written in place; atomic and durable like [`Storage::write_atomic`].
    ///
    /// # Errors
    /// Whatever the medium says.
    fn copy_atomic(&self, from: &str, to: &str) -> io::Result<()> {
        match self.read(from)? {
            Some(bytes) => self.write_atomic(to, &bytes),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    /// Takes the lock of that name for as long as the guard lives. A dead owner's lock is free.
    ///
    /// # Errors
    /// [`StateError::Locked`] with who holds it.
    fn lock(&self, name: &str, info: &LockInfo) -> Result<LockGuard, StateError>;

    /// Who holds the lock of that name now.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn lock_state(&self, name: &str) -> io::Result<LockState>;

    /// Takes the lock away from whoever holds it: for an owner that is dead while the medium does not know it. Two runs at
    /// work on one state is what happens otherwise.
    ///
    /// # Errors
    /// Whatever the medium says.
    fn break_lock(&self, name: &str) -> io::Result<()>;

    /// Whether calls wait for a device: such calls are made off the async threads. A simulated medium says no and is called
    /// inline, so that its seed decides the order of everything.
    fn blocks(&self) -> bool {
        true
    }

    /// Where a file is, as a person would look for it.
    fn describe(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// The person and the command: `ana: infra apply`.
    pub who: String,
    /// The machine and the process: `laptop, process 4711`.
    #[serde(rename = "where")]
    pub place: String,
    /// Since when.
    pub since: Timestamp,
}

/// Whether a lock is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// By nobody.
    Free,
    /// By this one, when it says.
    Held(Option<LockInfo>),
}

/// A held lock; dropping it lets go.
pub struct LockGuard(#[allow(dead_code, reason = "held for its drop")] Box<dyn Send + Sync>);

impl LockGuard {
    /// Wraps whatever releases the lock when dropped.
    #[must_use]
    pub fn new(release: impl Send + Sync + 'static) -> LockGuard {
        LockGuard(Box::new(release))
    }
}
