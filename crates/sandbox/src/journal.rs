//! The world file: a locked, append-only log of JSON lines, one per transaction, handed to the operating system
//! before the transaction is answered, so that a killed process loses nothing it said. It does not read documents.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::world::{Entry, Key};

const FORMAT: u32 = 1;

/// Why a world file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("world file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another sandbox uses it.
    #[error("world file {0} is in use by another sandbox")]
    Locked(PathBuf),
    /// It is something else, or damaged before its end.
    #[error("world file {path}, line {line}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    infra_sandbox_world: u32,
    pub(crate) id: Uuid,
    pub(crate) seed: u64,
}

/// One transaction.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The id counter after it.
    pub(crate) counter: u64,
    pub(crate) ops: Vec<Op>,
}

/// One change.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    Put(#[serde(with = "shared")] Arc<Entry>),
    Delete(Key),
    Reset,
}

/// An `Arc` in the file is what it points to.
mod shared {
    use super::{Arc, Entry};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(entry: &Arc<Entry>, s: S) -> Result<S::Ok, S::Error> {
        Entry::serialize(entry, s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<Entry>, D::Error> {
        Entry::deserialize(d).map(Arc::new)
    }
}

/// An open world file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes known to be whole lines.
    length: u64,
    /// Held as long as the journal; beside the file, since compaction replaces the file itself.
    _lock: File,
}

impl Journal {
    /// Opens or makes the file and reads its transactions; a torn last line is cut off.
    pub(crate) fn open(
        path: &Path,
        id: Uuid,
        seed: u64,
    ) -> Result<(Self, Header, Vec<Line>), JournalError> {
        let failed = |source| JournalError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::Locked(path.to_owned()),
            TryLockError::Error(source) => failed(source),
        })?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;

        let damaged = |line, reason: String| JournalError::Damaged {
            path: path.to_owned(),
            line,
            reason,
        };
        let mut header: Option<Header> = None;
        let mut lines = Vec::new();
        let mut length = 0u64;
        let mut number = 0usize;
        let mut reader = BufReader::new(&file);
        let mut text = Vec::new();
        loop {
            text.clear();
            let read = reader.read_until(b'\n', &mut text).map_err(failed)?;
            if read == 0 || text.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            if header.is_none() {
                let first: Header = serde_json::from_slice(&text)
                    .map_err(|error| damaged(number, format!("not a world file: {error}")))?;
                if first.infra_sandbox_world != FORMAT {
                    let reason = format!("format {} is not known", first.infra_sandbox_world);
                    return Err(damaged(number, reason));
                }
                header = Some(first);
            } else {
                let line = serde_json::from_slice(&text)
                    .map_err(|error| damaged(number, error.to_string()))?;
                lines.push(line);
            }
            length += read as u64;
        }
        file.set_len(length).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            length,
            _lock: lock,
        };
        let header = match header {
            Some(header) => header,
            None => {
                let header = Header {
                    infra_sandbox_world: FORMAT,
                    id,
                    seed,
                };
                journal.write(&encode(&header))?;
                header
            }
        };
        Ok((journal, header, lines))
    }

    /// Appends a transaction.
    pub(crate) fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        self.write(&encode(line))
    }

    /// Replaces the file by one that says the same in one transaction.
    pub(crate) fn rewrite(&mut self, header: &Header, line: &Line) -> Result<(), JournalError> {
        let path = self.path.clone();
        let failed = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let mut file = File::create(&fresh).map_err(failed)?;
        let mut bytes = encode(header);
        bytes.extend(encode(line));
        file.write_all(&bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&fresh, &path).map_err(failed)?;
        self.file = file;
        self.length = bytes.len() as u64;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if let Err(source) = self.file.write_all(bytes) {
            // Half a line would damage what comes after it.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(JournalError::Io {
                path: self.path.clone(),
                source,
            });
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

fn encode<T: Serialize>(line: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("lines are plain data");
    bytes.push(b'\n');
    bytes
}
