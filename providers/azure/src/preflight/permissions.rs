//! What whoever applies may not make: asked once for the subscription, and for what that does not settle once for each resource group.

use crate::client::{Client, Request};
use crate::managed::text;
use futures::future::join_all;
use infra_cloud::preflight::of_type;
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ErrorKind, ProviderError};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The version of the calls about permissions.
const VERSION: &str = "2022-04-01";
const OF: &str = "Microsoft.Authorization/permissions";

/// Types that are parts of others to Azure: what they need is to change those.
const PARTS: [&str; 3] = ["azurerm_lb_probe", "azurerm_lb_rule", "azapi_resource"];

/// What making something needs, as roles name it, and the resource group that it is in; `Microsoft.Network/virtualNetworks/write`.
fn needs(item: &PreflightItem) -> Option<(String, String)> {
    let kind = &*item.address.block.type_name;
    let id = text(&item.planned, "id")?;
    if PARTS.contains(&kind) || id.contains('|') || !id.starts_with("/subscriptions/") {
        return None;
    }
    let parts: Vec<&str> = id.split('/').collect();
    let group = parts.get(..5)?.join("/");
    let Some(at) = parts.iter().rposition(|part| *part == "providers") else {
        let action = "Microsoft.Resources/subscriptions/resourceGroups/write";
        return (parts.len() == 5).then(|| (action.to_owned(), group));
    };
    let namespace = parts.get(at + 1)?;
    let types = parts.get(at + 2..)?.iter().step_by(2);
    let types: Vec<&str> = types.copied().collect();
    Some((format!("{namespace}/{}/write", types.join("/")), group))
}

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    // By action and resource group, the first that needs it.
    let mut needed: BTreeMap<(String, String), &PreflightItem> = BTreeMap::new();
    for item in items {
        if let Some(key) = needs(item) {
            needed.entry(key).or_insert(item);
        }
    }
    if needed.is_empty() {
        return Vec::new();
    }
    let Some(everywhere) = permissions(client, context, &client.subscription()).await else {
        return Vec::new();
    };
    needed.retain(|(action, _), _| !may(&everywhere, action));
    // In a group that is made by this plan nobody has been given anything more.
    let made: BTreeSet<String> = of_type(items, "azurerm_resource_group")
        .iter()
        .filter_map(|item| text(&item.planned, "id"))
        .map(|id| id.to_ascii_lowercase())
        .collect();
    let groups: BTreeSet<&String> = needed
        .keys()
        .map(|(_, group)| group)
        .filter(|group| !made.contains(&group.to_ascii_lowercase()))
        .collect();
    let asked = groups.into_iter().map(|group| async move {
        let found = permissions(client, context, group).await;
        (group.clone(), found)
    });
    let inside: BTreeMap<String, Option<Vec<Json>>> = join_all(asked).await.into_iter().collect();
    let refused = needed.iter().filter(|((action, group), _)| {
        match inside.get(group) {
            // Nobody knows what holds there.
            Some(None) => false,
            Some(Some(found)) => !may(found, action),
            None => true,
        }
    });
    refused
        .map(|((action, group), item)| {
            let message = format!(
                "whoever is signed in may not do `{action}` in `{group}`, as far as Azure tells: ask for a role that has it there"
            );
            // A role may be given for the resource alone, or meanwhile.
            Finding {
                address: item.address.clone(),
                error: ProviderError::new(ErrorKind::Denied, message),
                fatal: false,
            }
        })
        .collect()
}

/// The caller's permissions at a scope; none when they are not told.
async fn permissions(client: &Client, context: &CallContext, scope: &str) -> Option<Vec<Json>> {
    let path = format!("{scope}/providers/{OF}");
    let request = Request::get(OF, VERSION, path).unregistered();
    client.list(context, request).await.ok()
}

/// Whether one of some permissions has an action, and does not take it away again.
fn may(permissions: &[Json], action: &str) -> bool {
    let names = |permission: &Json, list: &str| {
        let patterns = permission[list].as_array().into_iter().flatten();
        let mut patterns = patterns.filter_map(Json::as_str);
        patterns.any(|pattern| covers(pattern, action))
    };
    permissions
        .iter()
        .any(|one| names(one, "actions") && !names(one, "notActions"))
}

/// Whether an action is one of a pattern's, whose stars stand for anything; letter case says nothing.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == action;
    };
    let Some(mut left) = action.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('*').collect();
    let (last, middle) = parts.split_last().unwrap_or((&"", &[]));
    for part in middle {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_role_takes_away_it_does_not_give() {
        let contributor =
            json!({ "actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"] });
        let networks = json!({ "actions": ["Microsoft.Network/*", "*/read"], "notActions": [] });
        let write = "Microsoft.Authorization/roleAssignments/write";
        let subnet = "Microsoft.Network/virtualNetworks/subnets/write";
        assert!(!may(std::slice::from_ref(&contributor), write));
        assert!(may(std::slice::from_ref(&contributor), subnet));
        assert!(may(std::slice::from_ref(&networks), subnet));
        assert!(!may(
            std::slice::from_ref(&networks),
            "Microsoft.Storage/storageAccounts/write"
        ));
        assert!(may(
            &[networks, contributor],
            "Microsoft.Storage/storageAccounts/write"
        ));
        assert!(covers("Microsoft.*/read", "microsoft.network/x/read"));
        assert!(!covers(
            "Microsoft.Network/read",
            "Microsoft.Network/x/read"
        ));
        assert!(!may(&[], subnet));
    }

    #[test]
    fn what_a_resource_needs_follows_from_its_id() {
        let item = |kind: &str, id: &str| PreflightItem {
            address: format!("{kind}.x").parse().expect("an address"),
            planned: infra_model::Value::object([("id", id.into())]),
            creates: true,
            refers: BTreeMap::new(),
        };
        let group = "/subscriptions/s/resourceGroups/g";
        let told = |kind: &str, rest: &str| {
            needs(&item(kind, &format!("{group}{rest}"))).map(|(action, _)| action)
        };
        assert_eq!(
            told(
                "azurerm_subnet",
                "/providers/Microsoft.Network/virtualNetworks/v/subnets/a"
            )
            .as_deref(),
            Some("Microsoft.Network/virtualNetworks/subnets/write")
        );
        assert_eq!(
            told("azurerm_resource_group", "").as_deref(),
            Some("Microsoft.Resources/subscriptions/resourceGroups/write")
        );
        assert_eq!(
            told("azurerm_role_assignment", "/providers/Microsoft.Network/virtualNetworks/v/providers/Microsoft.Authorization/roleAssignments/r").as_deref(),
            Some("Microsoft.Authorization/roleAssignments/write")
        );
        assert_eq!(
            needs(&item("azurerm_key_vault_key", "https://v/keys/k")),
            None
        );
    }
}
