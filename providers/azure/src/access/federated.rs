//! `azurerm_federated_identity_credential`.

use super::user_assigned::VERSION;
use crate::api::{self, Api};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;

/// Whose tokens a user-assigned identity accepts instead of a secret.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CredentialRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group of the identity, which its id tells already.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: Option<String>,
    /// The identity.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) parent_id: String,
    /// Whom the tokens are for, such as `["api://AzureADTokenExchange"]`.
    #[record(required)]
    pub(crate) audience: Vec<String>,
    /// Who makes them: the URL of an OpenID Connect issuer.
    #[record(required)]
    pub(crate) issuer: String,
    /// Whom they name, such as `system:serviceaccount:NAMESPACE:NAME`.
    #[record(required)]
    pub(crate) subject: String,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Federated;

#[async_trait::async_trait]
impl Kind for Federated {
    type Record = CredentialRecord;
    const TYPE: &'static str = "azurerm_federated_identity_credential";
    const API: Api = Api::new(
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        VERSION,
        "{parent_id}/federatedIdentityCredentials/{name}",
    )
    .untagged();
    const RULES: Rules = &[
        ("audience", Rule::At("properties/audiences")),
        ("resource_group_name", Rule::Own),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 3)
    }

    fn turn(id: &str) -> Option<&str> {
        // Azure: "Concurrent Federated Identity Credentials writes under the same managed identity are not supported".
        Some(api::parent(id))
    }
}
