//! `azurerm_postgresql_flexible_server_database`.

use super::VERSION;
use crate::api::{self, Api};
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;

/// A database of a PostgreSQL flexible server.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct DatabaseRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The server.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) server_id: String,
    /// Its character set.
    #[record(optional, force_new, default = "UTF8", compare = case_insensitive)]
    pub(crate) charset: String,
    /// Its order of characters.
    #[record(optional, force_new, default = "en_US.utf8")]
    pub(crate) collation: String,
    /// `{server_id}/databases/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Database;

#[async_trait::async_trait]
impl Kind for Database {
    type Record = DatabaseRecord;
    const TYPE: &'static str = "azurerm_postgresql_flexible_server_database";
    const API: Api = Api::new(
        "Microsoft.DBforPostgreSQL/flexibleServers/databases",
        VERSION,
        "{server_id}/databases/{name}",
    )
    .untagged();

    fn traits() -> Traits {
        Traits::default().seconds(20, 20, 20)
    }

    /// A server refuses what comes while it is busy.
    fn turn(id: &str) -> Option<&str> {
        Some(api::parent(id))
    }
}
