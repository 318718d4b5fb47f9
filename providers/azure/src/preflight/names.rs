//! Names that are unique in the whole world, and taken by others.

use crate::client::{Client, Method, Request};
use crate::managed::text;
use crate::{container_registry, mysql, postgres, storage, vaults};
use futures::future::join_all;
use infra_cloud::absence::there;
use infra_cloud::preflight::{of_type, refused};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path};
use serde_json::json;

/// Types with such names: ours, Azure's, and the api-version of its calls.
const TYPES: [(&str, &str, &str); 5] = [
    (
        "azurerm_storage_account",
        "Microsoft.Storage/storageAccounts",
        storage::VERSION,
    ),
    (
        "azurerm_key_vault",
        "Microsoft.KeyVault/vaults",
        vaults::VERSION,
    ),
    (
        "azurerm_container_registry",
        "Microsoft.ContainerRegistry/registries",
        container_registry::VERSION,
    ),
    (
        "azurerm_mysql_flexible_server",
        "Microsoft.DBforMySQL/flexibleServers",
        mysql::VERSION,
    ),
    (
        "azurerm_postgresql_flexible_server",
        "Microsoft.DBforPostgreSQL/flexibleServers",
        postgres::VERSION,
    ),
];

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let asked = TYPES.iter().flat_map(|(own, kind, version)| {
        of_type(items, own)
            .into_iter()
            .map(|item| taken(client, context, item, kind, version))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// A name that somebody else has (Azure, "Check Name Availability" of each service).
async fn taken(
    client: &Client,
    context: &CallContext,
    item: &PreflightItem,
    kind: &'static str,
    version: &'static str,
) -> Option<Finding> {
    let name = text(&item.planned, "name")?;
    let namespace = kind.split('/').next().unwrap_or(kind);
    let path = format!(
        "{}/providers/{namespace}/checkNameAvailability",
        client.subscription()
    );
    let request = Request::new(Method::Post, namespace, version, path)
        .body(json!({ "name": name, "type": kind }))
        .unregistered();
    let answer = client.call(context, &request).await.ok()?;
    if answer["nameAvailable"] != false || is_ours(client, context, item, kind, version).await {
        return None;
    }
    let why = answer["message"].as_str().unwrap_or("it is taken");
    let message = format!("the name `{name}` cannot be had: {why}");
    Some(refused(item, Path::attribute("name"), message))
}

/// Whether what has the name is what is replaced, or a deleted vault that is made anew: then the creation itself tells more.
async fn is_ours(
    client: &Client,
    context: &CallContext,
    item: &PreflightItem,
    kind: &'static str,
    version: &'static str,
) -> bool {
    let Some(id) = text(&item.planned, "id") else {
        return false;
    };
    let look = Request::get(kind, version, &*id).unregistered();
    if !matches!(there(client.call(context, &look).await), Ok(None)) {
        return true;
    }
    let place = text(&item.planned, "location").unwrap_or_default();
    kind.starts_with("Microsoft.KeyVault/")
        && vaults::vault::deleted(client, context, &id, &place)
            .await
            .is_ok_and(|found| found.is_some())
}
