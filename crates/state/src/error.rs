//! Everything that can be wrong with a state, each with what to do about it. Nothing here decides or repairs.

use crate::storage::LockInfo;
use infra_model::{Address, Code, OperationId};
use std::io;
use std::sync::Arc;

/// Why the state cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateError {
    /// A file is not what was written.
    #[error("{file} is damaged{}: {what}", at(*.offset))]
    Corrupted {
        /// Which file.
        file: String,
        /// Where in it, in bytes.
        offset: Option<u64>,
        /// What does not fit.
        what: String,
        /// What a person can do.
        way_back: String,
    },
    /// Written by a newer version.
    #[error("{file} has format {found}; this version of infra reads formats up to {supported}")]
    NewerFormat {
        /// Which file.
        file: String,
        /// Its format.
        found: u32,
        /// The newest one that is known here.
        supported: u32,
    },
    /// Another process is at work.
    #[error("the state is locked{}", holder(.info.as_ref()))]
    Locked {
        /// The lock file.
        file: String,
        /// Who holds it, when it says.
        info: Option<LockInfo>,
    },
    /// Another stack file's state.
    #[error("{file} is the state of {theirs}, not of {ours}")]
    Foreign {
        /// Which file.
        file: String,
        /// The stack file that it belongs to.
        theirs: String,
        /// The stack file that was given.
        ours: String,
    },
    /// The state of resources in another world: the cloud, or some sandbox.
    #[error("{file} describes {theirs}, but this run would talk to {ours}")]
    WrongWorld {
        /// Which file.
        file: String,
        /// The world that it belongs to.
        theirs: String,
        /// The world of this run.
        ours: String,
    },
    /// The disk, or whatever the state is kept on.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// A write through a state that was opened without a lock.
    #[error("the state was opened for reading only")]
    ReadOnly,
    /// Something encrypted must be read, or written beside other encrypted values, and there is no key.
    #[error("the state holds sensitive values, and there is no key to {what}")]
    KeyMissing {
        /// What the key is needed for.
        what: String,
    },
    /// The key is not the one that the state was written with.
    #[error(
        "the state's sensitive values were encrypted with the key {wanted}, and the key given is {found}"
    )]
    WrongKey {
        /// Fingerprint of the key that is needed.
        wanted: String,
        /// Fingerprint of the one that is there.
        found: String,
    },
    /// The key itself cannot be had.
    #[error("the state key cannot be used: {0}")]
    BadKey(String),
    /// An encrypted value that was changed, or moved to another place.
    #[error("the encrypted value at {path} of {scope} was changed or comes from another place")]
    Tampered {
        /// The resource or output.
        scope: String,
        /// The path in it.
        path: String,
    },
    /// A record of an operation that was never begun, or has ended.
    #[error("no operation {0} is under way")]
    UnknownOperation(OperationId),
    /// An operation id that was used before.
    #[error("the operation id {0} was used before")]
    ReusedOperation(OperationId),
    /// A change of something that is not there.
    #[error("there is no {0} in the state")]
    NoResource(Address),
    /// A move onto something that is there.
    #[error("{0} is in the state already")]
    Occupied(Address),
    /// A state that must not take the place of the present one.
    #[error("the state cannot be pushed: {why}")]
    Push {
        /// What is against it.
        why: String,
        /// What a person can do.
        remedy: String,
    },
    /// An ephemeral value on its way to the disk.
    #[error("{0} is ephemeral and cannot be stored")]
    Ephemeral(String),
}

fn at(offset: Option<u64>) -> String {
    offset.map(|o| format!(" at byte {o}")).unwrap_or_default()
}

fn holder(info: Option<&LockInfo>) -> String {
    info.map(|i| {
        let since = jiff::Timestamp::from_millisecond(i.since.0)
            .map_or_else(|_| "unknown".to_owned(), |t| t.to_string());
        format!(" by {} on {} since {since}", i.who, i.place)
    })
    .unwrap_or_default()
}

impl StateError {
    /// An error of the medium.
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> StateError {
        StateError::Io {
            doing: doing.into(),
            source: Arc::new(source),
        }
    }

    /// Whether there is no room left, so that freeing some and running again is all there is to do.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, StateError::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// Which kind of mistake it is, for `infra explain`.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            StateError::Corrupted { .. } => Code::StateDamaged,
            StateError::NewerFormat { .. } => Code::StateNewer,
            StateError::Locked { .. } => Code::StateLocked,
            StateError::Foreign { .. } => Code::StateForeign,
            StateError::WrongWorld { .. } => Code::StateOtherWorld,
            StateError::Io { .. } => Code::StateIo,
            StateError::KeyMissing { .. } => Code::KeyMissing,
            StateError::WrongKey { .. } => Code::WrongKey,
            StateError::BadKey(_) => Code::BadKey,
            StateError::Tampered { .. } => Code::Tampered,
            StateError::NoResource(_) => Code::NotInState,
            StateError::Occupied(_) => Code::Occupied,
            StateError::Push { .. } => Code::NotPushed,
            StateError::ReadOnly
            | StateError::UnknownOperation(_)
            | StateError::ReusedOperation(_)
            | StateError::Ephemeral(_) => Code::BrokenRule,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            StateError::Corrupted { way_back, .. } => way_back.clone(),
            StateError::NewerFormat { .. } => {
                "use the version of infra that wrote it, or a newer one".to_owned()
            }
            StateError::Locked { .. } => {
                "wait until that run has ended; the lock of a process that died frees itself"
                    .to_owned()
            }
            StateError::Foreign { theirs, .. } => format!(
                "give one of the two stacks another `[stack].name`; a stack file that was moved is known by {theirs} being gone"
            ),
            StateError::WrongWorld { .. } => {
                "nothing was read or changed; run it with the same `--sandbox` choice as before, or give the stack another `[stack].name`"
                    .to_owned()
            }
            StateError::Io { .. } if self.is_disk_full() => {
                "free some space and run the same command again: nothing is lost, what was under way is taken up"
                    .to_owned()
            }
            StateError::Io { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => {
                "raise the limit on the size of files (`ulimit -f`) and run the same command again: nothing is lost, what was under way is taken up"
                    .to_owned()
            }
            StateError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "the state folder and its files must be readable and writable for you".to_owned()
            }
            StateError::KeyMissing { .. } | StateError::WrongKey { .. } => {
                "set INFRA_STATE_KEY, or put the key file back: ~/.config/infra/key".to_owned()
            }
            StateError::BadKey(_) => {
                "a key is 32 bytes, as base64 or as 64 hexadecimal digits".to_owned()
            }
            StateError::Tampered { .. } => {
                "restore the state from its backup; the value cannot be trusted".to_owned()
            }
            StateError::Push { remedy, .. } => remedy.clone(),
            StateError::Occupied(_) => "move or remove that one first".to_owned(),
            StateError::Io { .. }
            | StateError::ReadOnly
            | StateError::UnknownOperation(_)
            | StateError::ReusedOperation(_)
            | StateError::NoResource(_)
            | StateError::Ephemeral(_) => return None,
        })
    }
}
