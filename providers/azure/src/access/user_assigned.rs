//! `azurerm_user_assigned_identity`.

use crate::api::{Api, grouped};
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::BTreeMap;

/// The version of the calls of Microsoft.ManagedIdentity.
pub(crate) const VERSION: &str = "2024-11-30";

/// An identity that programs can have.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct IdentityRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// `None`, or `Regional`: whether only resources of its region can have it.
    #[record(optional)]
    pub(crate) isolation_scope: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// As applications know it.
    #[record(computed)]
    pub(crate) client_id: Option<String>,
    /// As the directory knows it, and role assignments.
    #[record(computed)]
    pub(crate) principal_id: Option<String>,
    /// Its tenant.
    #[record(computed)]
    pub(crate) tenant_id: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct UserAssigned;

#[async_trait::async_trait]
impl Kind for UserAssigned {
    type Record = IdentityRecord;
    const TYPE: &'static str = "azurerm_user_assigned_identity";
    const API: Api = Api::new(
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        VERSION,
        grouped!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}"),
    );

    fn traits() -> Traits {
        Traits::default().seconds(4, 3, 4)
    }
}
