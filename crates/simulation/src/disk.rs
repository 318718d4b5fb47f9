//! The disk: memory that may be full, may fail to read, and forgets what was not synced when the machine dies.

use crate::clock::SimClock;
use crate::dice::Dice;
use crate::fate::{Fate, Point};
use crate::log::Log;
use infra_model::time::Clock;
use infra_state::memory::Fault;
use infra_state::{LockGuard, LockInfo, LockState, MemoryStorage, StateError, Storage};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk under one state. Clones share it.
#[derive(Clone)]
pub struct SimDisk {
    memory: MemoryStorage,
    fate: Arc<Fate>,
    clock: SimClock,
    log: Log,
    trouble: Arc<Mutex<Trouble>>,
}

struct Trouble {
    dice: Dice,
    /// Reads that fail, in a thousand.
    read_errors: u64,
    /// Changing calls that fail, in a thousand.
    write_errors: u64,
    /// The disk is full after so many more changing calls, until the process ends.
    full_after: Option<u64>,
}

impl SimDisk {
    /// An empty one, without trouble.
    #[must_use]
    pub fn new(seed: u64, fate: Arc<Fate>, clock: SimClock, log: Log) -> SimDisk {
        SimDisk {
            memory: MemoryStorage::new(),
            fate,
            clock,
            log,
            trouble: Arc::new(Mutex::new(Trouble {
                dice: Dice::new(seed, 2),
                read_errors: 0,
                write_errors: 0,
                full_after: None,
            })),
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong from now on.
    pub fn set_trouble(&self, read_errors: u64, write_errors: u64, full_after: Option<u64>) {
        let mut trouble = self.trouble();
        trouble.read_errors = read_errors;
        trouble.write_errors = write_errors;
        trouble.full_after = full_after;
    }

    /// The files themselves, past all trouble.
    #[must_use]
    pub fn memory(&self) -> &MemoryStorage {
        &self.memory
    }

    /// The process died, the machine lives.
    pub fn kill(&self) {
        self.memory.kill();
    }

    /// The machine died: of what was not synced, some is lost.
    pub fn power_off(&self) {
        let mut trouble = self.trouble();
        // Often nothing or all is left; torn in between otherwise.
        let way = trouble.dice.below(3);
        self.memory.crash(|_, unsynced| match way {
            0 => 0,
            1 => unsynced,
            _ => trouble.dice.index(unsynced + 1),
        });
    }

    /// One changing call: a point before and after, and perhaps a failure.
    fn change(
        &self,
        what: &str,
        name: &str,
        size: usize,
        call: impl FnOnce(&MemoryStorage) -> io::Result<()>,
    ) -> io::Result<()> {
        self.fate.point(Point::Changing);
        let fault = {
            let mut trouble = self.trouble();
            let full = match &mut trouble.full_after {
                Some(0) => what != "truncate" && what != "remove",
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => false,
            };
            let chance = trouble.write_errors;
            (full || trouble.dice.permille(chance)).then(|| Fault {
                after: 0,
                torn: trouble.dice.index(size + 1),
                lasting: false,
                kind: if full {
                    io::ErrorKind::StorageFull
                } else {
                    io::ErrorKind::Other
                },
            })
        };
        if let Some(fault) = fault {
            self.memory.set_fault(Some(fault));
        }
        let result = call(&self.memory);
        self.memory.set_fault(None);
        let outcome = if result.is_ok() { "" } else { " FAILED" };
        self.log.line(
            self.clock.now(),
            format_args!("disk  {what} {name} ({size} bytes){outcome}"),
        );
        self.fate.point(Point::Changing);
        result
    }

    fn look<T>(&self, call: impl FnOnce(&MemoryStorage) -> io::Result<T>) -> io::Result<T> {
        self.fate.point(Point::Waiting);
        {
            let mut trouble = self.trouble();
            let chance = trouble.read_errors;
            if trouble.dice.permille(chance) {
                return Err(io::Error::other("the medium cannot be read"));
            }
        }
        call(&self.memory)
    }
}

impl Storage for SimDisk {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.look(|m| m.read(name))
    }

    fn write_atomic(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change("write", name, bytes.len(), |m| m.write_atomic(name, bytes))
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.change("append", name, bytes.len(), |m| m.append(name, bytes))
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.change("sync", name, 0, |m| m.sync(name))
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.change("truncate", name, 0, |m| m.truncate(name, len))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change("rename", from, 0, |m| m.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change("remove", name, 0, |m| m.remove(name))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.look(|m| m.exists(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.look(MemoryStorage::list)
    }

    fn lock(&self, name: &str, info: &LockInfo) -> Result<LockGuard, StateError> {
        self.memory.lock(name, info)
    }

    fn lock_state(&self, name: &str) -> io::Result<LockState> {
        self.memory.lock_state(name)
    }

    fn break_lock(&self, name: &str) -> io::Result<()> {
        self.memory.break_lock(name)
    }

    fn blocks(&self) -> bool {
        false
    }
}
