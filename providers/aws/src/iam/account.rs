//! Many roles and policies at once. `GetAccountAuthorizationDetails` has trust, permissions, boundary and tags of roles, and the
//! documents of policies; it has neither description nor session length of a role, which `ListRoles` has, nor tags of a policy
//! (IAM, `RoleDetail`, `ManagedPolicyDetail`). What a listing does not have yet is asked for by itself.

use super::list;
use crate::client::Client;
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, Role, RoleDetail};
use infra_model::{CallContext, ErrorKind, ProviderError};
use std::collections::BTreeMap;

/// From so many on, the account's listing is asked for instead of each.
const LIST_FROM: usize = 10;

/// The most that one page has.
const PAGE: i32 = 1000;

/// All roles by name, with their policies.
///
/// # Errors
/// As the calls; see [`for_many`].
pub(super) async fn details(
    client: &Client,
    context: &CallContext,
) -> Result<BTreeMap<String, RoleDetail>, ProviderError> {
    let roles = list!(client, context, "GetAccountAuthorizationDetails":
        get_account_authorization_details.set_filter(Some(vec![EntityType::Role])).max_items(PAGE)
        => a: a.role_detail_list.unwrap_or_default());
    let named = |detail: RoleDetail| Some((detail.role_name.clone()?, detail));
    Ok(roles.await?.into_iter().filter_map(named).collect())
}

/// All roles by name, as `GetRole` has them but for when they were last used.
///
/// # Errors
/// As the calls; see [`for_many`].
pub(super) async fn roles(
    client: &Client,
    context: &CallContext,
) -> Result<BTreeMap<String, Role>, ProviderError> {
    let listed = list!(client, context, "ListRoles":
        list_roles.max_items(PAGE) => a: a.roles);
    let (listed, mut details) = futures::try_join!(listed, details(client, context))?;
    let whole = |mut role: Role| {
        let detail = details.remove(&role.role_name)?;
        role.tags = detail.tags;
        role.permissions_boundary = detail.permissions_boundary;
        Some((role.role_name.clone(), role))
    };
    Ok(listed.into_iter().filter_map(whole).collect())
}

/// The account's own policies by ARN, and the documents of their default versions, percent-encoded.
///
/// # Errors
/// As the calls; see [`for_many`].
pub(super) async fn documents(
    client: &Client,
    context: &CallContext,
) -> Result<BTreeMap<String, (ManagedPolicyDetail, String)>, ProviderError> {
    let policies = list!(client, context, "GetAccountAuthorizationDetails":
        get_account_authorization_details
            .set_filter(Some(vec![EntityType::LocalManagedPolicy]))
            .max_items(PAGE)
        => a: a.policies.unwrap_or_default());
    let document = |mut policy: ManagedPolicyDetail| {
        let mut versions = policy.policy_version_list.take()?.into_iter();
        let current = versions.find(|v| v.is_default_version)?;
        Some((policy.arn.clone()?, (policy, current.document?)))
    };
    Ok(policies.await?.into_iter().filter_map(document).collect())
}

/// What a listing of the account gives for so many items; nothing where they are few, or where these credentials may not ask for
/// all, so that each is asked for by itself.
///
/// # Errors
/// Any other error.
pub(super) async fn for_many<T: Default>(
    items: usize,
    listing: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    if items < LIST_FROM {
        return Ok(T::default());
    }
    match listing.await {
        Err(error) if error.kind == ErrorKind::Denied => Ok(T::default()),
        listed => listed,
    }
}
