//! A copy of a hardening that is made to see whether it could be made again: from its sealing keys, its repository and its archives.
//! It stands beside the real one and must not be in its way, so that controls leave out what reaches the world or writes to what is
//! the real one's (`Control::beside`), and make from the origin what would otherwise be made anew.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;

/// What copies are made from, by the hardening that each is of: `main`, `main["eu"]`.
#[derive(Clone, Debug, Default)]
pub struct Drill {
    /// The origins.
    pub origins: BTreeMap<String, Origin>,
}

/// What a copy of one hardening is made from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The sealing keys, by their names in `secrets.keys`.
    pub keys: BTreeMap<String, SealingKey>,
    /// The archives of databases, by the namespaces that those are in.
    pub archives: BTreeMap<String, Archived>,
    /// The registries that the platform's pods read, which are not made again.
    pub registries: Vec<ReadRegistry>,
    /// The moment to recover to, RFC 3339; without one the last change that was archived.
    pub moment: Option<String>,
}

/// A private key that opens what was sealed, PEM. Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey(pub String);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

/// The archive of a database.
#[derive(Clone, Debug, Default)]
pub struct Archived {
    /// The database as it was applied, with its `uid`.
    pub database: Json,
    /// Where its operator archives to, as that was applied: an ObjectStore of CloudNativePG's.
    pub store: Json,
    /// The bucket.
    pub bucket: Bucket,
}

/// A registry of the origin's, which is only read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRegistry {
    /// Its name.
    pub name: String,
    /// What rights are given over: its ARN on AWS, the repository's id on Google Cloud, its id on Azure.
    pub target: String,
}

/// A bucket of the origin's, which is only read. What a cloud has no use for may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its id: on Azure what rights are given over.
    pub id: String,
    /// Its ARN, on AWS.
    pub arn: String,
    /// The key that it is encrypted with: the ARN, on AWS.
    pub key: String,
}
