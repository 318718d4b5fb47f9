//! Cloud SQL.

pub(crate) mod database;
pub(crate) mod instance;
pub(crate) mod settings;
pub(crate) mod user;

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::family::SQL;

/// A collection of Cloud SQL.
const fn api(name: &'static str, collection: &'static str, update: Update) -> Api {
    Api {
        service: SQL,
        name,
        collection,
        key: "name",
        create: Create::Insert,
        update,
        items: "items",
        operations: Operations::Sql,
        labels: Labelled::No,
    }
}
