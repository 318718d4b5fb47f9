//! The history of a state: one line of JSON when a run begins to change something and one when it has ended, in a file beside
//! the state that is only ever added to. It tells people who did what and when; nothing is decided from it, and no attribute
//! is in it, so that it holds no secrets.

use crate::error::StateError;
use crate::open::Names;
use crate::storage::Storage;
use infra_model::{Str, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many addresses of a run are named; the rest is counted.
pub const NAMED: usize = 100;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A run begins to change something.
    Began(Began),
    /// A run has ended.
    Ended(Ended),
}

/// Who does what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Began {
    /// Names the run within this history.
    pub run: Str,
    /// When.
    pub time: Timestamp,
    /// The person and the command: `ana: infra apply`.
    pub who: String,
    /// The machine and the process.
    #[serde(rename = "where")]
    pub place: String,
    /// The version of the program.
    pub version: String,
    /// The state's serial before.
    pub serial: u64,
    /// What it set out to do: addresses by action (`create`, `update`, …), at most [`NAMED`] of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<Str, Vec<Str>>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed: usize,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Which run.
    pub run: Str,
    /// When.
    pub time: Timestamp,
    /// The state's serial after.
    pub serial: u64,
    /// How it ended.
    pub result: RunResult,
    /// What was done, by words such as `added`, `changed`, `destroyed`, `failed`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<Str, usize>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// Everything was done.
    Complete,
    /// Something failed.
    Failed,
    /// It was asked to stop.
    Interrupted,
}

/// A run, put together from its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How it began.
    pub began: Began,
    /// How it ended; none while it goes on, or when it was killed.
    pub ended: Option<Ended>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Began {
    /// Names changes, up to [`NAMED`] of them.
    pub fn name(&mut self, changes: impl IntoIterator<Item = (&'static str, String)>) {
        let mut room = NAMED;
        for (action, address) in changes {
            if room == 0 {
                self.unnamed += 1;
                continue;
            }
            room -= 1;
            self.changes
                .entry(action.into())
                .or_default()
                .push(address.into());
        }
    }
}

/// Adds a line, durably.
pub(crate) fn append(
    storage: &dyn Storage,
    names: &Names,
    entry: &Entry,
) -> Result<(), StateError> {
    let file = &names.history;
    let mut line = serde_json::to_vec(entry).expect("every key of an entry is text");
    line.push(b'\n');
    storage
        .read(file)
        .and_then(|before| {
            // One that was torn must not spoil this one.
            if before.is_some_and(|b| b.last().is_some_and(|last| *last != b'\n')) {
                line.insert(0, b'\n');
            }
            storage.append(file, &line)
        })
        .and_then(|()| storage.sync(file))
        .map_err(|e| StateError::io(format!("write {}", storage.describe(file)), e))
}

/// The runs of the state of this name, oldest first. Lines that cannot be read (a torn one, one of a newer version) are passed
/// over: this is for people.
///
/// # Errors
/// What the medium says.
pub fn read(storage: &dyn Storage, name: &str) -> Result<Vec<Run>, StateError> {
    let file = Names::new(name).history;
    let bytes = storage
        .read(&file)
        .map_err(|e| StateError::io(format!("read {}", storage.describe(&file)), e))?
        .unwrap_or_default();
    let mut runs: Vec<Run> = Vec::new();
    for line in bytes.split(|b| *b == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Entry::Began(began)) => runs.push(Run { began, ended: None }),
            // Runs do not overlap: the end belongs to one of the last.
            Ok(Entry::Ended(ended)) => {
                if let Some(run) = runs.iter_mut().rev().find(|r| r.began.run == ended.run) {
                    run.ended = Some(ended);
                }
            }
            Err(_) => {}
        }
    }
    Ok(runs)
}
