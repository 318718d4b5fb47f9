//! A plan in a file: bound to the state it was made from, carrying the sources and variables it was made with. Sealed with the
//! state's key when anything in it is sensitive.

use crate::plan::Plan;
use infra_model::value::{Str, Value};
use infra_state::{Sealer, StateError};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The first bytes of every plan file.
const MAGIC: &[u8] = b"INFRAPLAN1";
const OPEN: u8 = b'o';
const SEALED: u8 = b's';

/// A saved plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The plan.
    pub plan: Plan,
    /// The stack file's path, as it was given.
    pub stack_file: Str,
    /// Which ephemeral copy.
    pub instance: Option<Str>,
    /// The texts it was made from: apply parses these, not what the files say by then.
    pub sources: Vec<(Str, Str)>,
    /// What expressions had read from other files, and which files they had found.
    #[serde(default)]
    pub files: Vec<(Str, SavedFile)>,
    /// The variables' values; ephemeral ones are left out and given again.
    pub variables: Vec<(Str, Value)>,
}

/// A file, or a folder, as it was when the plan was made: apply reads it from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedFile {
    /// Its text.
    Text(String),
    /// Its bytes, where it is no text.
    Bytes(Vec<u8>),
    /// A folder: the paths of the files below it, relative to it.
    Folder(Vec<String>),
    /// There was none.
    Absent,
}

/// Why a file is no usable plan.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// It does not begin like one.
    #[error("this is not a plan file of infra")]
    NotAPlan,
    /// It is damaged, or of another version.
    #[error("the plan file cannot be read: {0}")]
    Damaged(String),
    /// Its sensitive parts need the state's key.
    #[error("the plan file is sealed, and the state's key is not at hand")]
    NoKey,
    /// The key's trouble.
    #[error(transparent)]
    State(#[from] StateError),
}

impl SavedPlan {
    /// Whether a file begins like a plan.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// No key can be had although something is sensitive.
    pub fn to_bytes(&self, sealer: &Sealer) -> Result<Vec<u8>, SavedPlanError> {
        let damaged = |e: serde_json::Error| SavedPlanError::Damaged(e.to_string());
        let mut bytes = MAGIC.to_vec();
        if self.is_sensitive() {
            let json = serde_json::to_vec(self).map_err(damaged)?;
            bytes.push(SEALED);
            bytes.extend(sealer.seal_bytes("plan", &json)?);
        } else {
            // Plans can be large: they are written where they stay.
            bytes.push(OPEN);
            serde_json::to_writer(&mut bytes, self).map_err(damaged)?;
        }
        Ok(bytes)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// See [`SavedPlanError`].
    pub fn from_bytes(bytes: &[u8], sealer: &Sealer) -> Result<SavedPlan, SavedPlanError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SavedPlanError::NotAPlan)?;
        let json = match rest.split_first() {
            Some((&OPEN, json)) => Cow::Borrowed(json),
            Some((&SEALED, sealed)) => Cow::Owned(
                sealer
                    .unseal_bytes("plan", sealed)?
                    .ok_or(SavedPlanError::NoKey)?,
            ),
            _ => return Err(SavedPlanError::NotAPlan),
        };
        let mut saved: SavedPlan =
            serde_json::from_slice(&json).map_err(|e| SavedPlanError::Damaged(e.to_string()))?;
        // Lists grow by doubling, and this one is large.
        saved.plan.changes.shrink_to_fit();
        Ok(saved)
    }

    fn is_sensitive(&self) -> bool {
        let sensitive = |v: &Value| v.deep_marks().sensitive;
        self.plan
            .changes
            .iter()
            .any(|c| c.before.iter().chain(&c.after).any(sensitive))
            || self
                .plan
                .drift
                .iter()
                .any(|d| sensitive(&d.before) || d.after.as_ref().is_some_and(sensitive))
            || self
                .plan
                .outputs
                .values()
                .any(|o| o.sensitive || o.before.iter().chain(&o.after).any(sensitive))
            || self
                .plan
                .held
                .iter()
                .any(|h| h.before.iter().chain(&h.after).any(sensitive))
            || self.plan.reads.iter().any(|r| sensitive(&r.value))
            || self.variables.iter().any(|(_, v)| sensitive(v))
    }
}
