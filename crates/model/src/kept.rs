//! What a cloud keeps of data: objects in stores, and backups of databases.

use crate::time::Timestamp;

/// What is directly in a folder of an object store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// The folders, by their whole paths, which end with `/`.
    pub folders: Vec<String>,
    /// The objects.
    pub objects: Vec<Stored>,
}

/// An object in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its whole path.
    pub name: String,
    /// When it was written last.
    pub written: Timestamp,
}

/// The backups that a cloud makes of a database by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backups {
    /// Whether it makes any.
    pub automatic: bool,
    /// The first moment that can be had back, where the cloud tells it.
    pub first: Option<Timestamp>,
    /// The last one.
    pub last: Option<Timestamp>,
}
