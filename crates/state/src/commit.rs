//! The writing side: records queue up in the order in which they changed the state, are appended together and share a sync.
//! It decides nothing about what they mean.

use crate::codec::Codec;
use crate::configs::ConfigTable;
use crate::document::State;
use crate::error::StateError;
use crate::log::{self, End, Header};
use crate::open::Names;
use crate::seal::Sealer;
use crate::snapshot;
use crate::storage::Storage;
use crate::transition;
use infra_model::defect::Defect;
use infra_model::{Clock, OperationId, Timestamp};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The snapshot on disk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Base {
    pub(crate) serial: u64,
    /// The last record folded into it.
    pub(crate) sequence: u64,
    /// None when there is no snapshot yet.
    pub(crate) checksum: Option<String>,
}

/// The journal on disk.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) end: End,
    /// Up to here it is known to be durable.
    pub(crate) durable: u64,
    /// The last record that may be in it: of an append that failed any part may have been written.
    pub(crate) reached: u64,
}

/// Answers whoever waits for a record to be durable.
type Waiter = oneshot::Sender<Result<(), StateError>>;

/// A record that is not written yet.
pub(crate) struct Entry {
    /// Its JSON.
    pub(crate) data: Vec<u8>,
    /// The operation that it begins: if it cannot be made durable, the operation is not begun.
    pub(crate) begins: Option<OperationId>,
    pub(crate) waiter: Option<Waiter>,
}

/// The state in memory and the records that are not written yet, in the same order.
pub(crate) struct Inner {
    pub(crate) state: Arc<State>,
    pub(crate) configs: ConfigTable,
    pub(crate) used: BTreeSet<OperationId>,
    pub(crate) queue: Vec<Entry>,
    pub(crate) queued_bytes: usize,
}

/// Where the files stand.
pub(crate) struct Chain {
    pub(crate) base: Base,
    /// None until the first record is written.
    pub(crate) journal: Option<Journal>,
    /// Written, and waited for: the offset that must be durable, and what it begins.
    waiting: Vec<(u64, Option<OperationId>, Waiter)>,
    /// After a failed sync nobody knows what the journal holds: nothing more is added to it.
    broken: Option<StateError>,
}

/// Locks are taken in the order `device`, `chain`, `inner`.
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) names: Names,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sealer: Sealer,
    pub(crate) inner: Mutex<Inner>,
    pub(crate) chain: Mutex<Chain>,
    /// Held while syncing or folding. Appends go on meanwhile.
    device: Mutex<()>,
    /// Those who wait for a sync queue here: the first syncs for all that came until then.
    turn: tokio::sync::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section leaves its data whole, also when it panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        names: Names,
        clock: Arc<dyn Clock>,
        sealer: Sealer,
        inner: Inner,
        base: Base,
        journal: Option<Journal>,
    ) -> Shared {
        Shared {
            storage,
            names,
            clock,
            sealer,
            inner: Mutex::new(inner),
            chain: Mutex::new(Chain {
                base,
                journal,
                waiting: Vec::new(),
                broken: None,
            }),
            device: Mutex::new(()),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Waits until the record that `answer` belongs to is durable; syncs if it is this caller's turn.
    pub(crate) async fn durable(
        self: &Arc<Self>,
        mut answer: oneshot::Receiver<Result<(), StateError>>,
    ) -> Result<(), StateError> {
        let _turn = self.turn.lock().await;
        if let Ok(result) = answer.try_recv() {
            return result;
        }
        if Defect::IntentNotSynced.is_present() {
            return self.flush();
        }
        // Others that are ready to write share the sync.
        tokio::task::yield_now().await;
        self.off_thread(Shared::commit).await;
        answer
            .try_recv()
            .expect("a commit answers everyone whose record was queued before it")
    }

    /// Waits until everything that is written or queued is durable.
    pub(crate) async fn sync_written(self: &Arc<Self>) -> Result<(), StateError> {
        let _turn = self.turn.lock().await;
        self.off_thread(Shared::commit_all).await
    }

    /// Folds, when it is this caller's turn.
    pub(crate) async fn fold_in_turn(self: &Arc<Self>) -> Result<(), StateError> {
        let _turn = self.turn.lock().await;
        self.off_thread(Shared::fold).await
    }

    /// Runs what waits for a device where it keeps no task from running. It finishes even if the caller goes away.
    async fn off_thread<T: Send + 'static>(self: &Arc<Self>, work: fn(&Shared) -> T) -> T {
        if !self.storage.blocks() {
            return work(self);
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return work(self);
        };
        let shared = self.clone();
        match runtime.spawn_blocking(move || work(&shared)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down and did not start it.
                Err(_) => work(self),
            },
        }
    }

    /// Appends what is queued. Quick: the system's memory takes it.
    pub(crate) fn flush(&self) -> Result<(), StateError> {
        let mut chain = lock(&self.chain);
        let entries = take_queue(&mut self.inner());
        match self.append(&mut chain, &entries) {
            Ok(ends) => {
                hand_over(&mut chain, entries, &ends);
                Ok(())
            }
            Err(error) => {
                self.give_back(entries, &error);
                Err(error)
            }
        }
    }

    /// Commits for those who wait: each is told the result.
    fn commit(&self) {
        let _ = self.commit_all();
    }

    /// Appends what is queued and makes everything appended durable.
    fn commit_all(&self) -> Result<(), StateError> {
        let _device = lock(&self.device);
        let flushed = self.flush();
        let target = {
            let mut chain = lock(&self.chain);
            if let Some(error) = &chain.broken {
                return Err(error.clone());
            }
            let target = chain.journal.as_ref().map_or(0, |j| j.end.len);
            if chain.journal.as_ref().is_none_or(|j| j.durable >= target) {
                answer(&mut chain, target, &Ok(()));
                return flushed;
            }
            target
        };
        let synced = self
            .storage
            .sync(&self.names.journal)
            .map_err(|e| self.io("sync", e));
        let mut chain = lock(&self.chain);
        match synced {
            Ok(()) => {
                if let Some(journal) = &mut chain.journal {
                    journal.durable = journal.durable.max(target);
                }
                answer(&mut chain, target, &Ok(()));
                flushed
            }
            Err(error) => {
                chain.broken = Some(error.clone());
                let begun = answer(&mut chain, u64::MAX, &Err(error.clone()));
                drop(chain);
                self.cancel(&begun);
                Err(error)
            }
        }
    }

    /// Folds the journal into a new snapshot. A crash between any two steps is harmless: the backup is a copy, the new
    /// snapshot names the last record that the journal can have, and a journal of an older snapshot is passed over.
    fn fold(&self) -> Result<(), StateError> {
        let _device = lock(&self.device);
        let mut chain = lock(&self.chain);
        let (entries, state) = {
            let mut inner = self.inner();
            (take_queue(&mut inner), inner.state.clone())
        };
        if chain.journal.is_none() && entries.is_empty() {
            return Ok(());
        }
        // The state has these records' effect already. When they cannot be appended, the snapshot is their only chance.
        let appended = self.append(&mut chain, &entries);
        let sequence = chain
            .journal
            .as_ref()
            .map_or(chain.base.sequence, |j| j.reached);
        let serial = chain.base.serial + 1;
        let now = self.clock.now();
        let written = self.write_snapshot(&chain.base, &state, serial, sequence, now);
        drop(state);
        let checksum = match (written, appended) {
            (Ok(checksum), _) => checksum,
            (Err(error), Ok(ends)) => {
                hand_over(&mut chain, entries, &ends);
                return Err(error);
            }
            (Err(error), Err(_)) => {
                self.give_back(entries, &error);
                return Err(error);
            }
        };
        chain.base = Base {
            serial,
            sequence,
            checksum: Some(checksum),
        };
        chain.journal = None;
        chain.broken = None;
        answer(&mut chain, u64::MAX, &Ok(()));
        for entry in entries {
            tell(entry.waiter, &Ok(()));
        }
        {
            let mut inner = self.inner();
            let state = Arc::make_mut(&mut inner.state);
            state.serial = serial;
            state.sequence = sequence;
            state.quiet_since = Some(now);
        }
        // One that stays is passed over by the next run, which removes it.
        let _ = self.storage.remove(&self.names.journal);
        Ok(())
    }

    fn write_snapshot(
        &self,
        base: &Base,
        state: &State,
        serial: u64,
        sequence: u64,
        now: Timestamp,
    ) -> Result<String, StateError> {
        let (bytes, checksum) = {
            let inner = self.inner();
            let codec = Codec {
                sealer: &self.sealer,
                configs: &inner.configs,
            };
            snapshot::encode(state, serial, sequence, now, &codec)?
        };
        self.put_snapshot(base, &bytes)?;
        Ok(checksum)
    }

    /// Puts the bytes of another snapshot in the place of the present one, which becomes the backup. Only after folding, and
    /// nothing may be recorded after it.
    pub(crate) fn replace_snapshot(&self, bytes: &[u8]) -> Result<(), StateError> {
        let _device = lock(&self.device);
        let chain = lock(&self.chain);
        self.put_snapshot(&chain.base, bytes)
    }

    fn put_snapshot(&self, base: &Base, bytes: &[u8]) -> Result<(), StateError> {
        let (storage, names) = (&self.storage, &self.names);
        if base.checksum.is_some() {
            storage
                .copy_atomic(&names.snapshot, &names.backup)
                .map_err(|e| {
                    let what = format!("keep a backup in {}", storage.describe(&names.backup));
                    StateError::io(what, e)
                })?;
        }
        storage
            .write_atomic(&names.snapshot, bytes)
            .map_err(|e| StateError::io(format!("write {}", storage.describe(&names.snapshot)), e))
    }

    /// Writes records at the journal's end; on success the end of each.
    fn append(&self, chain: &mut Chain, entries: &[Entry]) -> Result<Vec<u64>, StateError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(error) = &chain.broken {
            return Err(error.clone());
        }
        if chain.journal.is_none() {
            chain.journal = Some(self.begin_journal(&chain.base)?);
        }
        let journal = chain.journal.as_mut().expect("it was just begun");
        let mut end = journal.end.clone();
        let mut buffer = Vec::with_capacity(entries.iter().map(|e| e.data.len() + 80).sum());
        let mut ends = Vec::with_capacity(entries.len());
        for entry in entries {
            log::push_record(&mut buffer, &mut end, journal.durable, &entry.data);
            ends.push(end.len);
        }
        journal.reached = journal.reached.max(end.sequence);
        match self.storage.append(&self.names.journal, &buffer) {
            Ok(()) => {
                journal.end = end;
                Ok(ends)
            }
            Err(error) => {
                let error = self.io("write", error);
                // A part of it may be there; the next record must not stand behind it.
                if self
                    .storage
                    .truncate(&self.names.journal, journal.end.len)
                    .is_err()
                {
                    chain.broken = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    /// Makes a journal that continues the snapshot, in the place of one that was folded.
    fn begin_journal(&self, base: &Base) -> Result<Journal, StateError> {
        let (lineage, stack_file, world) = {
            let inner = self.inner();
            let s = &inner.state;
            (s.lineage.clone(), s.stack_file.clone(), s.world.clone())
        };
        let (line, end) = log::header_line(&Header {
            infra_journal: log::FORMAT,
            lineage,
            serial: base.serial,
            snapshot: base.checksum.clone(),
            sequence: base.sequence,
            stack_file,
            world,
        });
        self.storage
            .write_atomic(&self.names.journal, &line)
            .map_err(|e| self.io("begin", e))?;
        Ok(Journal {
            durable: end.len,
            reached: end.sequence,
            end,
        })
    }

    /// Records that could not be written wait for the next try, except those that begin an operation: it is not begun.
    fn give_back(&self, entries: Vec<Entry>, error: &StateError) {
        let mut inner = self.inner();
        let mut kept = Vec::with_capacity(entries.len());
        for mut entry in entries {
            tell(entry.waiter.take(), &Err(error.clone()));
            match entry.begins.take() {
                Some(operation) => {
                    transition::cancel(Arc::make_mut(&mut inner.state), &operation);
                }
                None => kept.push(entry),
            }
        }
        kept.append(&mut inner.queue);
        inner.queued_bytes = kept.iter().map(|e| e.data.len()).sum();
        inner.queue = kept;
    }

    fn cancel(&self, begun: &[OperationId]) {
        let mut inner = self.inner();
        for operation in begun {
            transition::cancel(Arc::make_mut(&mut inner.state), operation);
        }
    }

    fn io(&self, doing: &str, error: std::io::Error) -> StateError {
        let journal = self.storage.describe(&self.names.journal);
        StateError::io(format!("{doing} {journal}"), error)
    }
}

fn take_queue(inner: &mut Inner) -> Vec<Entry> {
    inner.queued_bytes = 0;
    std::mem::take(&mut inner.queue)
}

/// Those who wait for appended records now wait for the sync.
fn hand_over(chain: &mut Chain, entries: Vec<Entry>, ends: &[u64]) {
    for (entry, end) in entries.into_iter().zip(ends) {
        if let Some(waiter) = entry.waiter {
            chain.waiting.push((*end, entry.begins, waiter));
        }
    }
}

/// Answers those whose record ends by `target`, and returns the operations that these records began.
fn answer(chain: &mut Chain, target: u64, result: &Result<(), StateError>) -> Vec<OperationId> {
    let mut begun = Vec::new();
    let mut later = Vec::new();
    for (end, begins, waiter) in std::mem::take(&mut chain.waiting) {
        if end <= target {
            tell(Some(waiter), result);
            begun.extend(begins);
        } else {
            later.push((end, begins, waiter));
        }
    }
    chain.waiting = later;
    begun
}

fn tell(waiter: Option<Waiter>, result: &Result<(), StateError>) {
    if let Some(waiter) = waiter {
        // Whoever waited may have gone away.
        let _ = waiter.send(result.clone());
    }
}
