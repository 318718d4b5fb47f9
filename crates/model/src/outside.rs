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

/// Something that has been made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// What it is, in words.
    pub told: String,
    /// The cloud's id, where the controller says it.
    pub id: Option<String>,
}

impl Made {
    /// Whether the cloud has it inside of the object with this id, and deletes it with that: ids that are paths say so
    /// (`/subscriptions/S/resourceGroups/G/providers/…` is in `/subscriptions/S/resourceGroups/G`).
    #[must_use]
    pub fn is_inside(&self, container: &str) -> bool {
        let Some(id) = self.id.as_deref().filter(|_| container.len() > 1) else {
            return false;
        };
        let start = id.get(..container.len());
        let same = start.is_some_and(|start| start.eq_ignore_ascii_case(container));
        container.starts_with('/') && same && id[container.len()..].starts_with('/')
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_inside_of_what() {
        let made = |id: Option<&str>| Made {
            told: "Account shop/assets".to_owned(),
            id: id.map(str::to_owned),
        };
        let account =
            "/subscriptions/s/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/a";
        for (id, container, inside) in [
            (Some(account), "/subscriptions/s/resourceGroups/shop", true),
            (Some(account), "/subscriptions/S/resourcegroups/shop", true),
            (Some(account), "/subscriptions/s/resourceGroups/sho", false),
            (Some(account), account, false),
            (Some(account), "", false),
            (Some(account), "/", false),
            (Some("teams-bucket"), "teams", false),
            (Some("a/b"), "a", false),
            (None, "/subscriptions/s/resourceGroups/shop", false),
        ] {
            assert_eq!(
                made(id).is_inside(container),
                inside,
                "{id:?} in {container}"
            );
        }
    }
}
