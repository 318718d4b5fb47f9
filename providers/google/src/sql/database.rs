//! `google_sql_database`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;
use serde_json::{Map, Value as Json};

/// A database of an instance.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct DatabaseRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The instance, by name or id.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) instance: String,
    /// `UTF8`, …
    #[record(optional, computed)]
    pub(crate) charset: Option<String>,
    /// `en_US.UTF8`, …
    #[record(optional, computed)]
    pub(crate) collation: Option<String>,
    /// The project. By default that of the instance's id, then the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/instances/{instance}/databases/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

pub(crate) struct Database;

impl Kind for Database {
    type Record = DatabaseRecord;
    const TYPE: &'static str = "google_sql_database";
    const API: Api = super::api(
        "sql.databases",
        "projects/{project}/instances/{instance}/databases",
        Update::Patch,
    );

    fn traits() -> Traits {
        Traits::default().seconds(8, 8, 8)
    }

    fn body(client: &Client, desired: &DatabaseRecord, body: &mut Map<String, Json>) {
        let value = desired.to_value();
        if let Ok(collection) = Self::API.collection_of(&value, client) {
            let parts: Vec<&str> = collection.split('/').collect();
            body.insert("project".to_owned(), parts[1].into());
            body.insert("instance".to_owned(), parts[3].into());
        }
    }
}
