//! One stack's state, open: what is in it, and the only way to change it. Every change is a journal record first.

use crate::codec::Codec;
use crate::commit::{Entry, Inner, Shared};
use crate::document::{DeposedKey, State, Unfinished, World};
use crate::error::StateError;
use crate::history::{self, Began, Ended, RunResult};
use crate::journal::{Intent, Outcome, StateChange};
use crate::key::Keyring;
use crate::open::{self, Names};
use crate::seal::Sealer;
use crate::storage::{LockGuard, LockInfo, Storage};
use crate::stored::StoredRecord;
use crate::transition;
use infra_model::{Clock, OperationId, ProviderAddress, Random, Str, Token};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Records of types that live in the state alone are held back until so many bytes have gathered, or a record with an effect
/// outside comes.
const BATCH: usize = 64 * 1024;
/// Changes given at once are written as records of about this size.
const RECORD: usize = 256 * 1024;

/// How a state is opened.
#[derive(Clone)]
pub struct OpenOptions {
    /// The stack file, as the state records it: another file of the same name is refused.
    pub stack_file: Str,
    /// Where this run's resources live.
    pub world: World,
    /// The key for sensitive values.
    pub keyring: Arc<Keyring>,
    /// For the lock's time.
    pub clock: Arc<dyn Clock>,
    /// For the lineage, operation ids and deposed keys.
    pub random: Arc<dyn Random>,
    /// Takes the lock, so that the state can be changed. Without it the journal is replayed in memory, and nothing is written.
    pub lock: bool,
    /// Takes over a state of another stack file: the caller has seen that that file is gone.
    pub accept_moved: bool,
    /// Who opens it.
    pub who: Owner,
}

/// Who opens a state, as the lock says it to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The person and the command: `ana: infra apply`.
    pub who: String,
    /// The machine and the process: `laptop, process 4711`.
    pub place: String,
}

/// An open state.
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    random: Arc<dyn Random>,
    /// None when it was opened for reading.
    lock: Option<LockGuard>,
    is_new: bool,
    torn: Option<String>,
    who: Owner,
}

impl Store {
    /// Opens the state of this name: locks it if asked to, reads snapshot and journal, checks them, and cuts a torn tail.
    /// Nothing is written before the first change.
    ///
    /// # Errors
    /// Everything that [`StateError`] knows.
    pub fn open(
        storage: Arc<dyn Storage>,
        name: &str,
        options: OpenOptions,
    ) -> Result<Store, StateError> {
        let names = Names::new(name);
        let lock = if options.lock {
            let info = LockInfo {
                who: options.who.who.clone(),
                place: options.who.place.clone(),
                since: options.clock.now(),
            };
            Some(storage.lock(&names.lock, &info)?)
        } else {
            None
        };
        let opened = open::open(&*storage, &names, &options)?;
        let moved = opened.state.stack_file != options.stack_file;
        let sealer = Sealer::new(options.keyring.clone(), opened.state.lineage.clone());
        let inner = Inner {
            state: Arc::new(opened.state),
            configs: opened.configs,
            used: opened.used,
            queue: Vec::new(),
            queued_bytes: 0,
        };
        let shared = Shared::new(
            storage,
            names,
            options.clock,
            sealer,
            inner,
            opened.base,
            opened.journal,
        );
        let store = Store {
            shared: Arc::new(shared),
            random: options.random,
            lock,
            is_new: opened.is_new,
            torn: opened.torn,
            who: options.who,
        };
        if moved && store.lock.is_some() {
            store.record(vec![StateChange::StackFile {
                path: options.stack_file,
            }])?;
        }
        Ok(store)
    }

    /// The state as it is now. It does not change any more: keep it as long as needed, but take it rarely while things are
    /// written, since the first change after it copies the table of resources (not the resources).
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.shared.inner().state.clone()
    }

    /// Looks at the state without taking it. `look` must not call the store.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.inner().state)
    }

    /// What is wrong with the key, where something in the state is encrypted with another one: such values stay as they are.
    #[must_use]
    pub fn lacks_key(&self) -> Option<StateError> {
        self.shared.sealer.lacking()
    }

    /// Operations whose outcome is not known, in the order in which they began.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Unfinished> {
        self.read(|state| state.unfinished.values().cloned().collect())
    }

    /// Whether there was no state before. Its lineage becomes durable with the first change.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// What to tell a person when the end of the journal was torn, and therefore not taken.
    #[must_use]
    pub fn torn(&self) -> Option<&str> {
        self.torn.as_deref()
    }

    /// Seals and unseals under this state's lineage, for saved plans.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        self.shared.sealer.clone()
    }

    /// An id for a new operation, and its token.
    #[must_use]
    pub fn new_operation(&self) -> (OperationId, Token) {
        let inner = self.shared.inner();
        loop {
            let operation = OperationId::from_random(self.random.bits());
            if !inner.used.contains(&operation) {
                let token = Token::new(&inner.state.lineage, &operation);
                return (operation, token);
            }
        }
    }

    /// A key for an object that is about to be deposed.
    #[must_use]
    pub fn new_deposed_key(&self) -> DeposedKey {
        DeposedKey::generate(&*self.random)
    }

    /// An operation is about to begin. Durable when it returns; only then may the call be made. Callers at the same time share
    /// a sync.
    ///
    /// # Errors
    /// A reused id, or what the medium says: then the operation has not begun.
    pub async fn intent(&self, mut intent: Intent) -> Result<(), StateError> {
        self.writable()?;
        let answer = {
            let mut inner = self.shared.inner();
            if inner.used.contains(&intent.operation) {
                return Err(StateError::ReusedOperation(intent.operation));
            }
            inner.intern(&intent.provider, &mut intent.provider_config);
            let stored = inner
                .codec(&self.shared.sealer)
                .store_intent(&intent, None)?;
            let data = encode(&StoredRecord::Intent(Box::new(stored)));
            let operation = intent.operation.clone();
            transition::begin(inner.state_mut(), intent)?;
            inner.used.insert(operation.clone());
            inner.push_awaited(data, Some(operation))
        };
        self.shared.durable(answer).await
    }

    /// The cloud has returned the id of what an operation makes. Durable when it returns.
    ///
    /// # Errors
    /// An operation that is not under way, or what the medium says: the id is then kept in memory, and written with the next
    /// record.
    pub async fn early_id(&self, operation: &OperationId, id: &str) -> Result<(), StateError> {
        self.writable()?;
        let answer = {
            let mut inner = self.shared.inner();
            transition::identify(inner.state_mut(), operation, id)?;
            let data = encode(&StoredRecord::Id {
                operation: Cow::Borrowed(operation),
                id: Cow::Borrowed(id),
            });
            inner.push_awaited(data, None)
        };
        self.shared.durable(answer).await
    }

    /// An operation has ended. The record is written when this returns, in order, but not synced: the next intent makes it
    /// durable, or [`Store::sync`].
    ///
    /// # Errors
    /// An operation that is not under way. What the medium says is also told here; the outcome is then kept in memory and
    /// written with the next record.
    pub async fn outcome(
        &self,
        operation: &OperationId,
        outcome: Outcome,
    ) -> Result<(), StateError> {
        self.writable()?;
        {
            let mut inner = self.shared.inner();
            let mut outcome = outcome;
            if let Outcome::Created(r)
            | Outcome::Updated(r)
            | Outcome::Adopted(r)
            | Outcome::Failed { resource: Some(r) } = &mut outcome
            {
                inner.intern(&r.provider, &mut r.provider_config);
            }
            let unfinished = transition::check_outcome(&inner.state, operation, &outcome)?;
            let address = unfinished.intent.address.clone();
            let stored =
                inner
                    .codec(&self.shared.sealer)
                    .store_outcome(&inner.state, &address, &outcome)?;
            let data = encode(&StoredRecord::Outcome {
                operation: Cow::Borrowed(operation),
                result: Box::new(stored),
            });
            transition::end(inner.state_mut(), operation, outcome, None)?;
            inner.push(data);
        }
        self.shared.flush()
    }

    /// Changes of the state alone: refreshed values, moves, forgotten resources, outputs. Durable when it returns. They are
    /// applied in order, up to the first that cannot follow.
    ///
    /// # Errors
    /// A change that cannot follow, or what the medium says.
    pub async fn apply_changes(&self, changes: Vec<StateChange>) -> Result<(), StateError> {
        self.writable()?;
        if changes.is_empty() {
            return Ok(());
        }
        let result = self.enqueue(changes);
        self.sync().await?;
        result
    }

    /// As [`Store::apply_changes`], but neither synced nor necessarily written yet: for types that live in the state alone.
    /// The next intent makes it durable, or [`Store::sync`].
    ///
    /// # Errors
    /// As [`Store::apply_changes`].
    pub fn record(&self, changes: Vec<StateChange>) -> Result<(), StateError> {
        self.writable()?;
        self.enqueue(changes)?;
        if self.shared.inner().queued_bytes < BATCH {
            return Ok(());
        }
        self.shared.flush()
    }

    /// Makes everything recorded so far durable.
    ///
    /// # Errors
    /// What the medium says.
    pub async fn sync(&self) -> Result<(), StateError> {
        self.writable()?;
        let last = self.shared.inner().await_last();
        match last {
            Some(answer) => self.shared.durable(answer).await,
            // All of it is written, or waited for: whatever is in the journal must be durable.
            None => self.shared.sync_written().await,
        }
    }

    /// Folds the journal into a new snapshot; the previous one is kept as the backup. Does nothing when nothing was recorded.
    ///
    /// # Errors
    /// What the medium says; the journal then still has everything that was written.
    pub async fn fold(&self) -> Result<(), StateError> {
        self.writable()?;
        self.shared.fold_in_turn().await
    }

    /// Notes in the history that a run begins to change something; `changes` are action and address. What it returns is for
    /// [`Store::note_end`].
    ///
    /// # Errors
    /// What the medium says.
    pub fn note_begin(
        &self,
        version: &str,
        changes: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Str, StateError> {
        self.writable()?;
        let run = self.new_deposed_key().0;
        let mut began = Began {
            run: run.clone(),
            time: self.shared.clock.now(),
            who: self.who.who.clone(),
            place: self.who.place.clone(),
            version: version.to_owned(),
            serial: self.read(|s| s.serial),
            changes: BTreeMap::new(),
            unnamed: 0,
        };
        began.name(changes);
        let names = &self.shared.names;
        history::append(&*self.shared.storage, names, &history::Entry::Began(began))?;
        Ok(run)
    }

    /// Notes in the history how a run has ended; best after folding, so that the serial is the new one.
    ///
    /// # Errors
    /// What the medium says.
    pub fn note_end(
        &self,
        run: Str,
        result: RunResult,
        counts: BTreeMap<Str, usize>,
    ) -> Result<(), StateError> {
        let serial = self.read(|s| s.serial);
        self.note_ended(run, result, counts, serial)
    }

    pub(crate) fn note_ended(
        &self,
        run: Str,
        result: RunResult,
        counts: BTreeMap<Str, usize>,
        serial: u64,
    ) -> Result<(), StateError> {
        self.writable()?;
        let ended = Ended {
            run,
            time: self.shared.clock.now(),
            serial,
            result,
            counts,
        };
        let names = &self.shared.names;
        history::append(&*self.shared.storage, names, &history::Entry::Ended(ended))
    }

    /// Folds, and lets go of the lock. A state that was opened for reading is just let go.
    ///
    /// # Errors
    /// As [`Store::fold`].
    pub async fn close(self) -> Result<(), StateError> {
        if self.lock.is_none() {
            return Ok(());
        }
        self.fold().await
    }

    fn writable(&self) -> Result<(), StateError> {
        if self.lock.is_none() {
            return Err(StateError::ReadOnly);
        }
        Ok(())
    }

    /// Applies changes in memory and queues their records.
    fn enqueue(&self, changes: Vec<StateChange>) -> Result<(), StateError> {
        let mut inner = self.shared.inner();
        let mut batch = Batch::default();
        let mut result = Ok(());
        for mut change in changes {
            if let StateChange::Put { resource, .. } = &mut change
                && let Some(data) =
                    inner.intern_data(&resource.provider, &mut resource.provider_config)
            {
                // The configuration's record comes first.
                batch.finish(&mut inner);
                inner.push(data);
            }
            let stored = transition::check_change(&inner.state, &change).and_then(|()| {
                let codec = inner.codec(&self.shared.sealer);
                let stored = codec.store_change(&inner.state, &change)?;
                Ok(serde_json::to_vec(&stored).expect(WRITABLE))
            });
            let applied = stored.and_then(|data| {
                transition::change(inner.state_mut(), change, None)?;
                batch.add(&data);
                Ok(())
            });
            if applied.is_err() {
                result = applied;
                break;
            }
            if batch.0.len() > RECORD {
                batch.finish(&mut inner);
            }
        }
        batch.finish(&mut inner);
        result
    }
}

const WRITABLE: &str = "a record's map keys are text, so that it can be written as JSON";

fn encode(record: &StoredRecord<'_>) -> Vec<u8> {
    serde_json::to_vec(record).expect(WRITABLE)
}

/// Changes on their way into one record.
#[derive(Default)]
struct Batch(Vec<u8>);

impl Batch {
    fn add(&mut self, change: &[u8]) {
        let before: &[u8] = if self.0.is_empty() {
            b"{\"changes\":["
        } else {
            b","
        };
        self.0.extend_from_slice(before);
        self.0.extend_from_slice(change);
    }

    fn finish(&mut self, inner: &mut Inner) {
        if !self.0.is_empty() {
            self.0.extend_from_slice(b"]}");
            inner.push(std::mem::take(&mut self.0));
        }
    }
}

impl Inner {
    fn state_mut(&mut self) -> &mut State {
        Arc::make_mut(&mut self.state)
    }

    fn codec<'a>(&'a self, sealer: &'a Sealer) -> Codec<'a> {
        Codec {
            sealer,
            configs: &self.configs,
        }
    }

    fn push(&mut self, data: Vec<u8>) {
        self.queued_bytes += data.len();
        self.queue.push(Entry {
            data,
            begins: None,
            waiter: None,
        });
    }

    fn push_awaited(
        &mut self,
        data: Vec<u8>,
        begins: Option<OperationId>,
    ) -> oneshot::Receiver<Result<(), StateError>> {
        let (waiter, answer) = oneshot::channel();
        self.queued_bytes += data.len();
        self.queue.push(Entry {
            data,
            begins,
            waiter: Some(waiter),
        });
        answer
    }

    /// Waits for the last queued record, if nobody does yet.
    fn await_last(&mut self) -> Option<oneshot::Receiver<Result<(), StateError>>> {
        let entry = self.queue.last_mut().filter(|e| e.waiter.is_none())?;
        let (waiter, answer) = oneshot::channel();
        entry.waiter = Some(waiter);
        Some(answer)
    }

    /// Shares a provider configuration; a new one gets a record that names it.
    fn intern(&mut self, provider: &ProviderAddress, config: &mut Arc<Json>) {
        if let Some(data) = self.intern_data(provider, config) {
            self.push(data);
        }
    }

    /// As [`Inner::intern`], with the record left to the caller.
    fn intern_data(
        &mut self,
        provider: &ProviderAddress,
        config: &mut Arc<Json>,
    ) -> Option<Vec<u8>> {
        let (shared, new) = self.configs.intern(provider, config);
        *config = shared;
        new.map(|key| {
            encode(&StoredRecord::Config {
                key,
                value: Cow::Borrowed(config),
            })
        })
    }
}
