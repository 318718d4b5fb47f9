//! The class of database volumes: as others, but kept when the claim is deleted.

use crate::inside::Inside;
use crate::storage;
use serde_json::Value as Json;

const NAME: &str = "database";

/// The class; its name.
pub(super) fn class(inside: &mut Inside<'_>) -> String {
    storage::class(NAME, &Json::Null, "Retain", inside);
    NAME.to_owned()
}
