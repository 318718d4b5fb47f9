//! Access that comes late (Azure, "Troubleshoot Azure RBAC": role assignments take up to ten minutes, and the directory shows new
//! principals to others late): the caller's own roles in a vault, those of an identity that a service uses a key or a network by, an
//! identity that a role is given to. Assignments tell when they were made.

use crate::access::role_assignment::RoleAssignment;
use crate::access::user_assigned::UserAssigned;
use crate::client::{Client, Request};
use crate::found;
use crate::kind::Kind;
use crate::vaults::object::vault_at;
use futures::future::join_all;
use infra_cloud::absence::there;
use infra_cloud::late::{Standing, until_known};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Timestamp};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::future::Future;

/// What a refusal may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// The caller's roles in a vault.
    Caller,
    /// The roles of an identity that the request names, or that its resource has.
    Identity,
    /// Somebody to whom a role is given.
    Principal,
}

/// Makes a call again while it is refused for what is not known everywhere yet. `request` is what is refused, or names the same
/// resource and the same identities.
///
/// # Errors
/// As [`until_known`]'s.
pub(crate) async fn once_known<T, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    request: &Request,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let words = |error: &ProviderError| {
        about(error).map(|about| {
            let words = match about {
                About::Caller => "your role in the vault",
                About::Identity => "the role of the identity",
                About::Principal => "the identity",
            };
            words.to_owned()
        })
    };
    let standing = |error: ProviderError| async move {
        let asked = match about(&error) {
            Some(About::Caller) => of_caller(client, context, &error.message).await,
            Some(About::Identity) => of_identities(client, context, request, &error).await,
            Some(About::Principal) => of_principal(client, context, request).await,
            None => Ok(Standing::Missing),
        };
        // Who may not ask cannot tell.
        asked.unwrap_or(Standing::Old)
    };
    until_known(context, operation, words, standing, call).await
}

/// Whether a refusal may be early.
pub(crate) fn may_be_early(error: &ProviderError) -> bool {
    about(error).is_some()
}

/// What a refusal may be about, by the services' words. The tests have them, with where they were reported.
fn about(error: &ProviderError) -> Option<About> {
    let says = |words: &str| error.message.contains(words);
    match &*error.code {
        "PrincipalNotFound" => return Some(About::Principal),
        "KeyVaultAuthenticationFailure"
        | "KeyVaultAccessForbidden"
        | "LinkedAuthorizationFailed"
        | "AzureKeyVaultKmsValidateIdentityPermissionCustomerError" => {
            return Some(About::Identity);
        }
        code if code.starts_with("AzureKeyVaultMissingPermissions") => {
            return Some(About::Identity);
        }
        // What is wrong with the secret itself has this code too.
        "ApplicationGatewayKeyVaultSecretException" => {
            return secret_in(&error.message).map(|_| About::Identity);
        }
        _ => {}
    }
    if says("permission on key '") && says("Verify that identity")
        || says("does not have the required permissions")
    {
        return Some(About::Identity);
    }
    // A vault refuses addresses too, and who may not do what he is allowed to see.
    let vault = says("Caller is not authorized to perform action on resource")
        || says("permission on key vault '");
    (error.kind == ErrorKind::Denied && error.code == "Forbidden" && vault).then_some(About::Caller)
}

/// How it stands with some assignments of roles: the newest decides, and a refusal to whom nothing was given a moment ago is meant.
fn newest<'a>(context: &CallContext, assignments: impl Iterator<Item = &'a Json>) -> Standing {
    let times = assignments.filter_map(|assignment| {
        let properties = &assignment["properties"];
        ["updatedOn", "createdOn"]
            .iter()
            .find_map(|name| properties[*name].as_str()?.parse::<jiff::Timestamp>().ok())
    });
    match times.max() {
        Some(time)
            if Standing::since(context, Timestamp(time.as_millisecond())) == Standing::New =>
        {
            Standing::New
        }
        _ => Standing::Missing,
    }
}

/// The assignments at a scope that a filter lets through.
async fn assignments(
    client: &Client,
    context: &CallContext,
    scope: &str,
    filter: String,
) -> Result<Vec<Json>, ProviderError> {
    let api = RoleAssignment::API;
    let path = format!("{scope}/providers/{}", api.name);
    let request = Request::get(api.name, api.version, path).query("$filter", filter);
    client.list(context, request).await
}

/// Whether the caller was given a role in the vault that a refusal names, or above it, or in a group.
async fn of_caller(
    client: &Client,
    context: &CallContext,
    message: &str,
) -> Result<Standing, ProviderError> {
    let Some(vault) = vault_in(message) else {
        // By the vault's own list, which does not tell when who was put on it.
        return Ok(Standing::Old);
    };
    let me = client.claims().await?.object.unwrap_or_default();
    let all = assignments(client, context, vault, "atScope()".to_owned()).await?;
    let mine = all.iter().filter(|assignment| {
        let properties = &assignment["properties"];
        let principal = properties["principalId"].as_str().unwrap_or_default();
        principal.eq_ignore_ascii_case(&me) || properties["principalType"] == "Group"
    });
    Ok(newest(context, mine))
}

/// The id of the vault in `Resource: '/subscriptions/…/vaults/NAME/secrets/…'`.
fn vault_in(message: &str) -> Option<&str> {
    let resource = message.split_once("Resource: '")?.1.split('\'').next()?;
    let at = resource.to_ascii_lowercase().find("/vaults/")? + "/vaults/".len();
    let end = resource[at..]
        .find('/')
        .map_or(resource.len(), |end| at + end);
    Some(&resource[..end])
}

/// The URL of the secret that a gateway says it may not read, after which it may say more.
fn secret_in(message: &str) -> Option<&str> {
    let rest = message.split_once("Access denied for KeyVault Secret '")?.1;
    rest.split('\'').next()
}

/// Whether one of the identities of a request was given a role, or stands on the list of a vault.
async fn of_identities(
    client: &Client,
    context: &CallContext,
    request: &Request,
    error: &ProviderError,
) -> Result<Standing, ProviderError> {
    let mut principals = principals(client, context, request).await?;
    if error.code == "LinkedAuthorizationFailed" {
        // It names who lacks something. The caller's own roles are no identity's.
        principals.retain(|principal| error.message.contains(principal.as_str()));
    } else if principals.is_empty() {
        return Ok(Standing::Old);
    }
    let scope = client.subscription();
    let lists = join_all(principals.iter().map(|principal| {
        let filter = format!("principalId eq '{principal}'");
        assignments(client, context, &scope, filter)
    }));
    let mut all = Vec::new();
    for list in lists.await {
        all.extend(list?);
    }
    match newest(context, all.iter()) {
        Standing::Missing => on_list(client, context, &principals, &error.message).await,
        standing => Ok(standing),
    }
}

/// Whether identities stand on the list of the vault whose secret a gateway may not read. It does not tell since when they do.
async fn on_list(
    client: &Client,
    context: &CallContext,
    principals: &BTreeSet<String>,
    message: &str,
) -> Result<Standing, ProviderError> {
    let uri = secret_in(message).and_then(|url| url.split_once("/secrets/"));
    let Some((uri, _)) = uri else {
        return Ok(Standing::Missing);
    };
    let vault = vault_at(client, context, uri).await?.unwrap_or_default();
    let properties = &vault["properties"];
    let listed = |policy: &Json| {
        let who = policy["objectId"].as_str().unwrap_or_default();
        principals.iter().any(|p| p.eq_ignore_ascii_case(who))
    };
    let mut policies = properties["accessPolicies"]
        .as_array()
        .into_iter()
        .flatten();
    let counts = properties["enableRbacAuthorization"] != true;
    Ok(if counts && policies.any(listed) {
        Standing::Old
    } else {
        Standing::Missing
    })
}

/// The principals of the identities that a request names, and of its resource's own.
async fn principals(
    client: &Client,
    context: &CallContext,
    request: &Request,
) -> Result<BTreeSet<String>, ProviderError> {
    let mut ids = BTreeSet::new();
    identities(request.body.as_ref().unwrap_or(&Json::Null), &mut ids);
    let mut principals = BTreeSet::new();
    for id in &ids {
        let found = found::fetch(client, context, &UserAssigned::API, id).await?;
        let principal = found
            .as_ref()
            .and_then(|f| f["properties"]["principalId"].as_str());
        principals.extend(principal.map(str::to_owned));
    }
    // Of what names none: its own, or those of what it is a part of, as nodes have their cluster's.
    let mut place = Some((&*request.of, &*request.path));
    while let Some((of, path)) = place.filter(|_| principals.is_empty()) {
        let look = Request::get(of, request.version, path);
        if let Some(found) = there(client.call(context, &look).await)? {
            principals.extend(principals_in(&found["identity"]));
        }
        place = parent(of, path);
    }
    Ok(principals)
}

/// The principals of a resource's identities, as it shows them.
fn principals_in(identity: &Json) -> Vec<String> {
    let assigned = identity["userAssignedIdentities"].as_object();
    let assigned = assigned.into_iter().flatten().map(|(_, one)| one);
    assigned
        .chain([identity])
        .filter_map(|one| one["principalId"].as_str().map(str::to_owned))
        .collect()
}

/// Type and id of what a resource is in: `…/managedClusters/c` of `…/managedClusters/c/agentPools/p`.
fn parent<'a>(of: &'a str, path: &'a str) -> Option<(&'a str, &'a str)> {
    let (of, _) = of.rsplit_once('/').filter(|(of, _)| of.contains('/'))?;
    let (path, _) = path.rsplit_once('/')?;
    let (path, _) = path.rsplit_once('/')?;
    Some((of, path))
}

/// The ids of user-assigned identities in a body, as values and as names of members.
fn identities(body: &Json, into: &mut BTreeSet<String>) {
    let is_one = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.starts_with("/subscriptions/") && text.contains("/userassignedidentities/")
    };
    match body {
        Json::String(text) if is_one(text) => drop(into.insert(text.clone())),
        Json::Array(items) => items.iter().for_each(|item| identities(item, into)),
        Json::Object(members) => {
            for (name, member) in members {
                if is_one(name) {
                    into.insert(name.clone());
                }
                identities(member, into);
            }
        }
        _ => {}
    }
}

/// Whether a role's new holder is one of the subscription's identities, which do not tell since when they are.
async fn of_principal(
    client: &Client,
    context: &CallContext,
    request: &Request,
) -> Result<Standing, ProviderError> {
    let body = request.body.as_ref().unwrap_or(&Json::Null);
    let wanted = body["properties"]["principalId"]
        .as_str()
        .unwrap_or_default();
    let api = UserAssigned::API;
    let path = format!("{}/providers/{}", client.subscription(), api.name);
    let all = client
        .list(context, Request::get(api.name, api.version, path))
        .await?;
    let is = |identity: &Json| {
        let principal = identity["properties"]["principalId"].as_str();
        principal.is_some_and(|principal| principal.eq_ignore_ascii_case(wanted))
    };
    // Others, such as applications and resources' own, are not seen here.
    Ok(if all.iter().any(is) {
        Standing::New
    } else {
        Standing::Old
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::World;
    use serde_json::json;
    use std::sync::Arc;

    /// Whole in github.com/Azure/terraform-azurerm-avm-res-keyvault-vault/issues/78.
    const VAULT: &str = "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid=a;oid=o;iss=https://sts.windows.net/t/\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/kv/secrets/x'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: kv;location=l\r\n";

    #[test]
    fn refusals_that_may_be_early_are_told_from_those_that_are_meant() {
        use ErrorKind::{Conflict, Denied, Failed, Invalid};
        for (kind, code, message, expected) in [
            (Denied, "Forbidden", VAULT, Some(About::Caller)),
            (
                Denied,
                "Forbidden",
                "The user, group or application 'appid=a;oid=o' does not have secrets get permission on key vault 'kv;location=l'.",
                Some(About::Caller),
            ),
            // github.com/ansible-collections/azure/pull/1676
            (
                Invalid,
                "KeyVaultAccessForbidden",
                "Unable to access key vault resource 'k' to enable encryption at rest. Please grant get, wrap and unwrap key permissions to user-assigned identity 'i'.",
                Some(About::Identity),
            ),
            (
                Denied,
                "KeyVaultAuthenticationFailure",
                "The operation failed because of authentication issue on the keyvault.",
                Some(About::Identity),
            ),
            // github.com/Azure/AKS/issues/3575
            (
                Failed,
                "AzureKeyVaultKmsValidateIdentityPermissionCustomerError",
                "The identity does not have keys encrypt/decrypt permission on key vault \"v\"",
                Some(About::Identity),
            ),
            // github.com/MicrosoftDocs/azure-docs/issues/61015
            (
                Invalid,
                "BadRequest",
                "Failed to access KeyId 'k'. Verify that identity 'i' has 'Get, Wrap Key, Unwrap Key' permission on key 'k'.",
                Some(About::Identity),
            ),
            (
                Invalid,
                "AzureKeyVaultMissingPermissions",
                "missing",
                Some(About::Identity),
            ),
            // github.com/MicrosoftDocs/azure-docs/issues/33157, early as in github.com/mspnp/aks-baseline/issues/242
            (
                Failed,
                "ApplicationGatewayKeyVaultSecretException",
                "Problem occured while accessing and validating KeyVault Secrets associated with Application Gateway 'g'. See details below:; Access denied for KeyVault Secret 'https://kv.vault.azure.net/secrets/s' for Application Gateway 'g'. Make sure that Identity assigned to Application Gateway has access to the KeyVault associated with secret.",
                Some(About::Identity),
            ),
            // github.com/mspnp/aks-baseline/issues/385
            (
                Failed,
                "ApplicationGatewayKeyVaultSecretException",
                "Problem occured while accessing and validating KeyVault Secrets associated with Application Gateway 'g'. See details below:; Password specified for certificate c is incorrect.",
                None,
            ),
            (
                Conflict,
                "PrincipalNotFound",
                "Principal p does not exist",
                Some(About::Principal),
            ),
            // Whatever waiting does not change.
            (
                Denied,
                "AuthorizationFailed",
                "The client 'c' does not have authorization to perform action 'Microsoft.Storage/storageAccounts/write'",
                None,
            ),
            (
                Denied,
                "Forbidden",
                "Client address is not authorized and caller is not a trusted service.\r\nCaller: appid=a;oid=o\r\nVault: kv;location=l",
                None,
            ),
            (
                Denied,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.",
                None,
            ),
        ] {
            let error = ProviderError {
                code: code.to_owned(),
                ..ProviderError::new(kind, message)
            };
            assert_eq!(about(&error), expected, "{message}");
        }
    }

    #[test]
    fn the_vault_is_read_out_of_the_refusal() {
        let gateway = "See details below:; Access denied for KeyVault Secret 'https://kv/secrets/s/1' for Application Gateway 'g'.";
        assert_eq!(secret_in(gateway), Some("https://kv/secrets/s/1"));
        let vault = "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/kv";
        assert_eq!(vault_in(VAULT), Some(vault));
        assert_eq!(vault_in(&format!("Resource: '{vault}'")), Some(vault));
        assert_eq!(vault_in("no permission on key vault 'kv;location=l'"), None);
    }

    #[test]
    fn what_was_given_a_moment_ago_decides() {
        let world = Arc::new(World::default());
        let context = world.context();
        let given = |at: &str| json!({ "properties": { "createdOn": at } });
        let old = given("1969-12-31T23:00:00Z");
        let new = given("1969-12-31T23:55:00.1234567Z");
        for (all, expected) in [
            (vec![&old, &new], Standing::New),
            (vec![&old], Standing::Missing),
            (vec![], Standing::Missing),
        ] {
            assert_eq!(newest(&context, all.into_iter()), expected);
        }
    }

    #[test]
    fn parts_have_the_identities_of_what_they_are_in() {
        let cluster = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c";
        let pool = format!("{cluster}/agentPools/p");
        let kind = "Microsoft.ContainerService/managedClusters";
        let found = parent(
            "Microsoft.ContainerService/managedClusters/agentPools",
            &pool,
        );
        assert_eq!(found, Some((kind, cluster)));
        assert_eq!(parent(kind, cluster), None);
        let shown = json!({ "principalId": "a", "userAssignedIdentities": { "id": { "principalId": "b" }, "new": {} } });
        assert_eq!(principals_in(&shown), ["b", "a"]);
        assert!(principals_in(&Json::Null).is_empty());
    }

    #[test]
    fn identities_are_found_wherever_a_body_names_them() {
        let id = |name: &str| {
            format!(
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
            )
        };
        let body = json!({
            "identity": { "userAssignedIdentities": { id("a"): {} } },
            "properties": { "encryption": { "identity": { "userAssignedIdentity": id("b") } }, "name": "c" },
        });
        let mut found = BTreeSet::new();
        identities(&body, &mut found);
        assert_eq!(found, BTreeSet::from([id("a"), id("b")]));
    }
}
