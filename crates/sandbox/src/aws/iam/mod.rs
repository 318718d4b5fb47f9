//! IAM as far as clusters and nodes need it: roles, policies, instance profiles, OpenID Connect providers. Nothing
//! is authorised: whoever asks may do everything.

mod account;
mod aws_policies;
mod common;
mod instance_profile;
mod managed_policy;
mod oidc_provider;
pub(crate) mod role;
mod role_policy;

pub(super) use self::account::tagged;

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
