//! Opening a state: snapshot and journal are read, checked against each other and replayed. Only a locked opening repairs
//! anything, and only a torn tail.

use crate::codec::{Codec, Fault};
use crate::commit::{Base, Journal};
use crate::configs::ConfigTable;
use crate::document::State;
use crate::error::StateError;
use crate::key::Keyring;
use crate::log::{self, Log, LogError};
use crate::seal::Sealer;
use crate::snapshot::{self, Snapshot, SnapshotError};
use crate::storage::Storage;
use crate::store::OpenOptions;
use crate::stored::StoredRecord;
use crate::transition;
use infra_model::OperationId;
use infra_model::defect::Defect;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The files of one state.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) snapshot: String,
    pub(crate) backup: String,
    pub(crate) journal: String,
    pub(crate) lock: String,
    pub(crate) history: String,
}

impl Names {
    pub(crate) fn new(name: &str) -> Names {
        Names {
            snapshot: format!("{name}.json"),
            backup: format!("{name}.json.backup"),
            journal: format!("{name}.journal"),
            lock: format!("{name}.lock"),
            history: format!("{name}.history"),
        }
    }
}

/// The name of the lock of a state, for [`Storage::lock_state`] and [`Storage::break_lock`].
#[must_use]
pub fn lock_name(state: &str) -> String {
    Names::new(state).lock
}

/// A state as it was found.
pub(crate) struct Opened {
    pub(crate) state: State,
    pub(crate) configs: ConfigTable,
    pub(crate) used: BTreeSet<OperationId>,
    pub(crate) base: Base,
    pub(crate) journal: Option<Journal>,
    /// Whether there was neither snapshot nor journal.
    pub(crate) is_new: bool,
    /// What a person is told when the journal's end was torn.
    pub(crate) torn: Option<String>,
}

/// Reads everything. The caller holds the lock, if `options.lock` says so.
pub(crate) fn open(
    storage: &dyn Storage,
    names: &Names,
    options: &OpenOptions,
) -> Result<Opened, StateError> {
    // The journal first: should a run fold it in between, then what was read of it is in the snapshot read after it.
    let journal = read(storage, &names.journal)?;
    let snapshot = read(storage, &names.snapshot)?;
    let snapshot = match &snapshot {
        Some(bytes) => Some(decode(storage, names, &options.keyring, bytes)?),
        None => None,
    };
    let log = match &journal {
        Some(bytes) => read_log(storage, names, snapshot.as_ref(), bytes)?,
        None => None,
    };
    if options.lock && journal.is_some() && log.is_none() {
        // All of it is in the snapshot: the run that folded it was stopped before it had removed it.
        let _ = storage.remove(&names.journal);
    }
    let mut opened = match (snapshot, &log) {
        (Some(snapshot), _) => Opened {
            base: Base {
                serial: snapshot.state.serial,
                sequence: snapshot.state.sequence,
                checksum: Some(snapshot.checksum),
            },
            used: snapshot.state.unfinished.keys().cloned().collect(),
            state: snapshot.state,
            configs: snapshot.configs,
            journal: None,
            is_new: false,
            torn: None,
        },
        (None, Some(log)) => {
            let h = &log.header;
            without_snapshot(
                State::empty(h.lineage.clone(), h.stack_file.clone(), h.world.clone()),
                false,
            )
        }
        (None, None) => {
            refuse_if_lost(storage, names)?;
            let mut bytes = [0; 16];
            options.random.fill(&mut bytes);
            let lineage = uuid::Builder::from_random_bytes(bytes).into_uuid();
            let state = State::empty(
                lineage.to_string(),
                options.stack_file.clone(),
                options.world.clone(),
            );
            without_snapshot(state, true)
        }
    };
    if let Some(log) = &log {
        replay(storage, names, &options.keyring, &mut opened, log)?;
    }
    check_owner(storage, names, options, &opened.state)?;
    if let (Some(log), Some(bytes)) = (&log, &journal) {
        opened.torn = torn(storage, names, log, bytes, options.lock);
        if options.lock {
            opened.journal = Some(repair(storage, names, log, bytes)?);
        }
    }
    Ok(opened)
}

fn without_snapshot(state: State, is_new: bool) -> Opened {
    Opened {
        state,
        configs: ConfigTable::default(),
        used: BTreeSet::new(),
        base: Base {
            serial: 0,
            sequence: 0,
            checksum: None,
        },
        journal: None,
        is_new,
        torn: None,
    }
}

fn read(storage: &dyn Storage, name: &str) -> Result<Option<Vec<u8>>, StateError> {
    storage
        .read(name)
        .map_err(|e| StateError::io(format!("read {}", storage.describe(name)), e))
}

fn decode(
    storage: &dyn Storage,
    names: &Names,
    keyring: &Arc<Keyring>,
    bytes: &[u8],
) -> Result<Snapshot, StateError> {
    let file = storage.describe(&names.snapshot);
    snapshot::decode(bytes, |lineage| Sealer::new(keyring.clone(), lineage)).map_err(|error| {
        match error {
            SnapshotError::Newer(found) => StateError::NewerFormat {
                file: file.clone(),
                found,
                supported: crate::document::FORMAT,
            },
            SnapshotError::State(error) => error,
            SnapshotError::Damage(what) => StateError::Corrupted {
                offset: None,
                what,
                way_back: way_back(storage, names, keyring),
                file: file.clone(),
            },
        }
    })
}

/// What to do about a damaged snapshot: the backup, if that one is whole.
fn way_back(storage: &dyn Storage, names: &Names, keyring: &Arc<Keyring>) -> String {
    let sealer = |lineage: &str| Sealer::new(keyring.clone(), lineage);
    let backup = storage.read(&names.backup).ok().flatten();
    let whole = backup.is_some_and(|bytes| snapshot::decode(&bytes, sealer).is_ok());
    let file = |name: &str| storage.describe(name);
    if whole {
        format!(
            "it was left as it is. The snapshot before it is {}: keep a copy of both, put that one in its place, move {} aside, and let `infra plan` show what differs from the cloud",
            file(&names.backup),
            file(&names.journal),
        )
    } else {
        format!(
            "it was left as it is, and there is no whole backup beside it. Put a copy of your own in its place; or move {}, {} and {} aside to begin anew, and take up what exists with `infra import`",
            file(&names.snapshot),
            file(&names.backup),
            file(&names.journal),
        )
    }
}

/// A state file that is gone while its backup is there was lost, not never made.
fn refuse_if_lost(storage: &dyn Storage, names: &Names) -> Result<(), StateError> {
    let backup = storage
        .exists(&names.backup)
        .map_err(|e| StateError::io(format!("look for {}", storage.describe(&names.backup)), e))?;
    if !backup {
        return Ok(());
    }
    Err(StateError::Corrupted {
        file: storage.describe(&names.snapshot),
        offset: None,
        what: "it is gone, but its backup is there".to_owned(),
        way_back: format!(
            "put {} in its place; or remove the backup too, if this stack is to begin anew",
            storage.describe(&names.backup)
        ),
    })
}

/// The journal that continues this snapshot; none when all of it is folded already.
fn read_log<'a>(
    storage: &dyn Storage,
    names: &Names,
    snapshot: Option<&Snapshot>,
    bytes: &'a [u8],
) -> Result<Option<Log<'a>>, StateError> {
    let file = storage.describe(&names.journal);
    let damage = |offset, what: &str, way_back: String| StateError::Corrupted {
        file: file.clone(),
        offset,
        what: what.to_owned(),
        way_back,
    };
    let aside = format!(
        "both files were left as they are. Keep a copy of {file} and move it aside: the state is then that of {}, and what was done since is not in it; find it with `infra plan` and take it up with `infra import`",
        storage.describe(&names.snapshot)
    );
    let log = log::read(bytes).map_err(|error| match error {
        LogError::Newer(found) => StateError::NewerFormat {
            file: file.clone(),
            found,
            supported: log::FORMAT,
        },
        LogError::Damage { offset, what } => damage(Some(offset), what, aside.clone()),
    })?;
    let header = &log.header;
    let Some(snapshot) = snapshot else {
        if header.snapshot.is_none() {
            return Ok(Some(log));
        }
        return Err(damage(
            None,
            "it continues a state file that is gone",
            format!(
                "put {} back where it was",
                storage.describe(&names.snapshot)
            ),
        ));
    };
    let state = &snapshot.state;
    if header.lineage != state.lineage {
        return Err(damage(
            None,
            "it belongs to another state: the lineages differ",
            aside,
        ));
    }
    if header.serial < state.serial {
        // Folded, and not removed before the crash.
        if log.end.sequence > state.sequence {
            return Err(damage(
                None,
                "it continues an older snapshot, and has records that are not in the present one",
                aside,
            ));
        }
        return Ok(None);
    }
    if header.serial > state.serial || header.snapshot.as_deref() != Some(&*snapshot.checksum) {
        return Err(damage(
            None,
            "it continues another snapshot than the one beside it",
            format!(
                "put back the snapshot with the serial {} as {}; or {aside}",
                header.serial,
                storage.describe(&names.snapshot),
            ),
        ));
    }
    Ok(Some(log))
}

/// Applies the records that the snapshot does not have yet.
fn replay(
    storage: &dyn Storage,
    names: &Names,
    keyring: &Arc<Keyring>,
    opened: &mut Opened,
    log: &Log<'_>,
) -> Result<(), StateError> {
    let sealer = Sealer::new(keyring.clone(), opened.state.lineage.clone());
    for (sequence, offset, data) in &log.records {
        if *sequence <= opened.base.sequence {
            continue;
        }
        let result = serde_json::from_str(data.get())
            .map_err(|e| Fault::Shape(e.to_string()))
            .and_then(|record| apply(&sealer, opened, record));
        let what = match result {
            Ok(()) => {
                opened.state.sequence = *sequence;
                continue;
            }
            Err(Fault::Shape(what)) => what,
            Err(Fault::State(error @ (StateError::Tampered { .. } | StateError::BadKey(_)))) => {
                return Err(error);
            }
            Err(Fault::State(error)) => error.to_string(),
        };
        return Err(StateError::Corrupted {
            file: storage.describe(&names.journal),
            offset: Some(*offset),
            what: format!("record {sequence} cannot follow what is before it: {what}"),
            way_back: "it was left as it is; please report this with the journal, in which sensitive values are encrypted"
                .to_owned(),
        });
    }
    Ok(())
}

fn apply(sealer: &Sealer, opened: &mut Opened, record: StoredRecord<'static>) -> Result<(), Fault> {
    let codec = Codec {
        sealer,
        configs: &opened.configs,
    };
    match record {
        StoredRecord::Config { key, value } => {
            opened.configs.insert(key, Arc::new(value.into_owned()));
        }
        StoredRecord::Intent(stored) => {
            let intent = codec.load_intent(*stored)?.intent;
            opened.used.insert(intent.operation.clone());
            transition::begin(&mut opened.state, intent)?;
        }
        StoredRecord::Id { operation, id } => {
            transition::identify(&mut opened.state, &operation, &id)?;
        }
        StoredRecord::Outcome { operation, result } => {
            let address = opened
                .state
                .unfinished
                .get(&*operation)
                .ok_or_else(|| StateError::UnknownOperation(operation.clone().into_owned()))?
                .intent
                .address
                .clone();
            let (outcome, moved) = codec.load_outcome(&address, *result)?;
            transition::end(&mut opened.state, &operation, outcome, moved)?;
        }
        StoredRecord::Changes(changes) => {
            for stored in changes {
                let (change, moved) = codec.load_change(stored)?;
                transition::change(&mut opened.state, change, moved)?;
            }
        }
    }
    Ok(())
}

fn check_owner(
    storage: &dyn Storage,
    names: &Names,
    options: &OpenOptions,
    state: &State,
) -> Result<(), StateError> {
    if state.stack_file != options.stack_file && !options.accept_moved {
        return Err(StateError::Foreign {
            file: storage.describe(&names.snapshot),
            theirs: state.stack_file.to_string(),
            ours: options.stack_file.to_string(),
        });
    }
    if state.world != options.world {
        return Err(StateError::WrongWorld {
            file: storage.describe(&names.snapshot),
            theirs: state.world.describe(),
            ours: options.world.describe(),
        });
    }
    Ok(())
}

/// Where a cut tail is kept.
fn torn_name(names: &Names, log: &Log<'_>) -> String {
    format!("{}.torn-{}", names.journal, log.end.sequence)
}

/// That the journal's end is not whole, in a sentence.
fn torn(
    storage: &dyn Storage,
    names: &Names,
    log: &Log<'_>,
    bytes: &[u8],
    cut: bool,
) -> Option<String> {
    let left = bytes.len() as u64 - log.end.len;
    if left == 0 {
        return None;
    }
    let journal = storage.describe(&names.journal);
    let kept = if cut {
        format!(
            "they were cut off, and are kept in {}",
            storage.describe(&torn_name(names, log))
        )
    } else {
        "they were passed over".to_owned()
    };
    Some(format!(
        "the last {left} bytes of {journal} are not whole records, as when a machine stops in the middle of writing: {kept}"
    ))
}

/// Cuts a torn tail, keeping a copy, and makes what was read durable: it may have been in the system's memory only.
fn repair(
    storage: &dyn Storage,
    names: &Names,
    log: &Log<'_>,
    bytes: &[u8],
) -> Result<Journal, StateError> {
    let file = storage.describe(&names.journal);
    let len = usize::try_from(log.end.len).expect("a file in memory fits");
    if len < bytes.len() && !Defect::TornTailKept.is_present() {
        storage
            .write_atomic(&torn_name(names, log), &bytes[len..])
            .and_then(|()| storage.truncate(&names.journal, log.end.len))
            .map_err(|e| StateError::io(format!("cut the torn tail of {file}"), e))?;
    }
    storage
        .sync(&names.journal)
        .map_err(|e| StateError::io(format!("sync {file}"), e))?;
    Ok(Journal {
        end: log.end.clone(),
        durable: log.end.len,
        reached: log.end.sequence,
    })
}
