//! What controllers inside a host make outside of it: Crossplane in a cluster asks a cloud for buckets and databases, which no state
//! of ours knows. When such a controller goes, nobody looks after them any more.

use crate::value::Value;
use serde::{Deserialize, Serialize};

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It goes first, while the controller is there.
    Delete,
    /// It stays, and nobody looks after it.
    Orphan,
}

/// What goes.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// The host, with all that is in it.
    Host,
    /// A resource in the host, which stays.
    Resource {
        /// Its type.
        type_name: &'a str,
        /// As it is.
        value: &'a Value,
    },
}

impl Fate {
    /// What is said, with the remedy, when something would be left behind and nobody has decided about it.
    #[must_use]
    pub fn undecided(made: &[String]) -> (String, &'static str) {
        let each: String = made.iter().map(|one| format!("\n  - {one}")).collect();
        (
            format!(
                "Crossplane goes, or the namespace that it was asked from, and nobody would look after what it has made in the cloud any more:{each}"
            ),
            "run again with `--crossplane delete`, which deletes all of it first, or with `--crossplane orphan`, which leaves it where it is",
        )
    }
}
