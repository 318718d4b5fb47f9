//! State in memory, with the ways in which a disk can let one down: calls that fail, writes that tear, and loss of what was
//! not synced. For tests and simulation; it survives the stores that are opened on it.

use crate::error::StateError;
use crate::storage::{LockGuard, LockInfo, LockState, Storage};
use infra_model::Random;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryStorage(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    files: BTreeMap<String, Content>,
    /// Removed since the last durable step of their directory: a crash may bring them back.
    removed: BTreeMap<String, Content>,
    locks: BTreeMap<String, LockInfo>,
    log: Vec<String>,
    fault: Option<Fault>,
}

#[derive(Clone, Default)]
struct Content {
    /// As reads see it.
    now: Vec<u8>,
    /// As it is after the worst crash.
    durable: Vec<u8>,
}

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// So many changing calls still succeed.
    pub after: u64,
    /// Bytes of the failing append that are written all the same.
    pub torn: usize,
    /// Whether all later calls fail too, as after a crash; otherwise only that one does.
    pub lasting: bool,
    /// What it fails with.
    pub kind: io::ErrorKind,
}

impl Fault {
    /// A crash after so many changing calls.
    #[must_use]
    pub fn crash(after: u64, torn: usize) -> Fault {
        Fault {
            after,
            torn,
            lasting: true,
            kind: io::ErrorKind::Other,
        }
    }
}

impl MemoryStorage {
    /// An empty one.
    #[must_use]
    pub fn new() -> MemoryStorage {
        MemoryStorage::default()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets something go wrong from now on.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.disk().fault = fault;
    }

    /// The machine stops: locks are gone, and of what was not synced each file keeps as many bytes as `keep` says of
    /// `(name, unsynced bytes)`. Removed files come back when `keep` says more than nothing for them. Faults are over.
    pub fn crash(&self, mut keep: impl FnMut(&str, usize) -> usize) {
        let mut disk = self.disk();
        disk.fault = None;
        disk.locks.clear();
        let removed = std::mem::take(&mut disk.removed);
        for (name, content) in removed {
            let size = content.durable.len().max(1);
            if keep(&name, size) > 0 {
                disk.files.entry(name).or_insert(content);
            }
        }
        for (name, content) in &mut disk.files {
            let common = content
                .now
                .iter()
                .zip(&content.durable)
                .take_while(|(a, b)| a == b)
                .count();
            if common == content.durable.len() {
                // Only grown: a part of the new bytes may be there.
                let kept = keep(name, content.now.len() - common).min(content.now.len() - common);
                content.now.truncate(common + kept);
            } else if keep(name, 1) == 0 {
                // Cut, perhaps grown again: that may all be undone.
                content.now.clone_from(&content.durable);
            }
            content.durable.clone_from(&content.now);
        }
    }

    /// The process dies, the machine lives: nothing written is lost, and its locks are free.
    pub fn kill(&self) {
        let mut disk = self.disk();
        disk.fault = None;
        disk.locks.clear();
    }

    /// The changing calls so far: `append x.journal`, `sync x.journal`, …
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.disk().log.clone()
    }

    /// Forgets the calls so far.
    pub fn clear_log(&self) {
        self.disk().log.clear();
    }

    /// Every file's present bytes.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let disk = self.disk();
        let files = disk.files.iter();
        files.map(|(k, v)| (k.clone(), v.now.clone())).collect()
    }

    /// Every file's bytes as they are after the worst crash.
    #[must_use]
    pub fn durable_files(&self) -> BTreeMap<String, Vec<u8>> {
        let disk = self.disk();
        let files = disk.files.iter();
        files.map(|(k, v)| (k.clone(), v.durable.clone())).collect()
    }

    /// Puts bytes into a file, durably and past all faults.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let content = Content {
            now: bytes.to_vec(),
            durable: bytes.to_vec(),
        };
        self.disk().files.insert(name.to_owned(), content);
    }

    /// One changing call: noted, and failed if its time has come.
    fn step(&self, what: &str, name: &str) -> (MutexGuard<'_, Disk>, Option<Fault>) {
        let mut disk = self.disk();
        disk.log.push(format!("{what} {name}"));
        let mut failing = None;
        if let Some(fault) = &mut disk.fault {
            if fault.after == 0 {
                failing = Some(*fault);
                fault.torn = 0;
            } else {
                fault.after -= 1;
            }
        }
        if failing.is_some_and(|f| !f.lasting) {
            disk.fault = None;
        }
        (disk, failing)
    }
}

fn fail(fault: Option<Fault>) -> io::Result<()> {
    fault.map_or(Ok(()), |f| Err(io::Error::from(f.kind)))
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Storage for MemoryStorage {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk().files.get(name).map(|c| c.now.clone()))
    }

    fn write_atomic(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (mut disk, fault) = self.step("write", name);
        fail(fault)?;
        let content = Content {
            now: bytes.to_vec(),
            durable: bytes.to_vec(),
        };
        disk.files.insert(name.to_owned(), content);
        // The directory is durable with it.
        disk.removed.clear();
        Ok(())
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (mut disk, fault) = self.step("append", name);
        let content = disk.files.entry(name.to_owned()).or_default();
        let written = fault.map_or(bytes.len(), |f| f.torn.min(bytes.len()));
        content.now.extend_from_slice(&bytes[..written]);
        fail(fault)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let (mut disk, fault) = self.step("sync", name);
        fail(fault)?;
        let content = disk.files.get_mut(name).ok_or_else(not_found)?;
        content.durable.clone_from(&content.now);
        Ok(())
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        let (mut disk, fault) = self.step("truncate", name);
        fail(fault)?;
        let content = disk.files.get_mut(name).ok_or_else(not_found)?;
        content
            .now
            .truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (mut disk, fault) = self.step("rename", from);
        fail(fault)?;
        let content = disk.files.remove(from).ok_or_else(not_found)?;
        disk.files.insert(to.to_owned(), content);
        disk.removed.clear();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (mut disk, fault) = self.step("remove", name);
        fail(fault)?;
        if let Some(content) = disk.files.remove(name) {
            disk.removed.insert(name.to_owned(), content);
        }
        Ok(())
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        Ok(self.disk().files.contains_key(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk().files.keys().cloned().collect())
    }

    fn lock(&self, name: &str, info: &LockInfo) -> Result<LockGuard, StateError> {
        let mut disk = self.disk();
        if let Some(holder) = disk.locks.get(name) {
            return Err(StateError::Locked {
                file: name.to_owned(),
                info: Some(holder.clone()),
            });
        }
        disk.locks.insert(name.to_owned(), info.clone());
        Ok(LockGuard::new(Held(
            self.clone(),
            name.to_owned(),
            info.clone(),
        )))
    }

    fn lock_state(&self, name: &str) -> io::Result<LockState> {
        let held = self.disk().locks.get(name).cloned();
        Ok(held.map_or(LockState::Free, |info| LockState::Held(Some(info))))
    }

    fn break_lock(&self, name: &str) -> io::Result<()> {
        self.disk().locks.remove(name);
        Ok(())
    }

    fn blocks(&self) -> bool {
        false
    }
}

struct Held(MemoryStorage, String, LockInfo);

impl Drop for Held {
    fn drop(&mut self) {
        let mut disk = self.0.disk();
        // After a crash somebody else may hold it.
        if disk.locks.get(&self.1) == Some(&self.2) {
            disk.locks.remove(&self.1);
        }
    }
}

/// Random bytes that a seed decides. Not fit for secrets: for tests and simulation.
#[derive(Debug, Default)]
pub struct CountingRandom(AtomicU64);

impl CountingRandom {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> CountingRandom {
        CountingRandom(AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }
}

impl Random for CountingRandom {
    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self
                .0
                .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
                .wrapping_add(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}
