//! IAM as far as clusters and nodes need it: roles, policies, instance profiles, OpenID Connect providers. Nothing
//! is authorised: whoever asks may do everything.

mod account;
mod aws_policies;
mod common;
mod instance_profile;
mod managed_policy;
pub(super) mod oidc_provider;
pub(crate) mod role;
mod role_policy;
pub(crate) mod trust;

pub(super) use self::account::tagged;

use super::context::Ctx;
use super::error::{AwsError, AwsResult};
use super::query::{QueryService, Style};

/// The service.
pub(super) const SERVICE: QueryService = QueryService {
    style: Style::Aws,
    namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    operations: &[
        account::OPERATIONS,
        role::OPERATIONS,
        role_policy::OPERATIONS,
        managed_policy::OPERATIONS,
        instance_profile::OPERATIONS,
        oidc_provider::OPERATIONS,
    ],
};

/// Checks the policies that narrow the session of a role: one that is given, and managed ones by their ARNs, ten at most.
pub(super) fn session_policies(ctx: &Ctx<'_>, own: Option<&str>, arns: &[&str]) -> AwsResult<()> {
    if let Some(text) = own {
        common::document(text, common::Purpose::Permissions)?;
    }
    if arns.len() > 10 {
        return Err(common::validation(
            "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10",
        ));
    }
    match arns.iter().find(|arn| !managed_policy::exists(ctx, arn)) {
        Some(arn) => Err(AwsError::new(
            "MalformedPolicyDocument",
            format!("Policy {arn} does not exist or is not attachable."),
        )),
        None => Ok(()),
    }
}
