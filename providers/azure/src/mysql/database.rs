//! `azurerm_mysql_flexible_database`.

use super::VERSION;
use crate::api::{self, Api, grouped};
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;

/// A database of a MySQL flexible server.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct DatabaseRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group of the server.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// The name of the server.
    #[record(required, force_new)]
    pub(crate) server_name: String,
    /// Its character set, such as `utf8mb4`.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) charset: String,
    /// Its order of characters, such as `utf8mb4_unicode_ci`.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) collation: String,
    /// The server's resource id, and `/databases/{name}`.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Database;

#[async_trait::async_trait]
impl Kind for Database {
    type Record = DatabaseRecord;
    const TYPE: &'static str = "azurerm_mysql_flexible_database";
    const API: Api = Api::new(
        "Microsoft.DBforMySQL/flexibleServers/databases",
        VERSION,
        grouped!("Microsoft.DBforMySQL/flexibleServers/{server_name}/databases/{name}"),
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
