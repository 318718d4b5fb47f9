//! How the conditions of a stack stand: of resources and data sources, of outputs and of checks. Whoever reads a plan or a state
//! as JSON sees what was asked, what came of it, and what only apply will tell.

use crate::address::BlockAddress;
use crate::value::Str;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// How conditions stand, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// One cannot be computed.
    Error,
    /// One does not hold.
    Fail,
    /// One is not known before apply.
    Unknown,
    /// All hold.
    Pass,
}

/// What has conditions, in whatever instance of its modules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checkable {
    /// A resource or data source.
    Resource(BlockAddress),
    /// An output.
    Output(Str),
    /// A check.
    Check(Str),
}

/// One instance of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedInstance {
    /// Its address: `module.m["x"].output.y`.
    pub address: String,
    /// The module that it is in; empty for the stack itself.
    pub module: String,
    /// Its key: a string or a number.
    pub key: Option<Json>,
    /// How its conditions stand.
    pub status: CheckStatus,
    /// The messages of those that do not hold.
    pub problems: Vec<String>,
}

/// Something with conditions, and its instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// What.
    pub object: Checkable,
    /// Its address without keys.
    pub address: String,
    /// The module that it is in, without keys; empty for the stack itself.
    pub module: String,
    /// Its instances.
    pub instances: Vec<CheckedInstance>,
}

impl Checked {
    /// The worst of its instances.
    #[must_use]
    pub fn status(&self) -> CheckStatus {
        let all = self.instances.iter().map(|i| i.status);
        all.min().unwrap_or(CheckStatus::Pass)
    }
}
