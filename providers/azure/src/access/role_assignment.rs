//! `azurerm_role_assignment`.

use crate::api::{Api, short};
use crate::client::{Client, Request};
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_cloud::absence::there;
use infra_cloud::wait::{Pace, QUICK};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use serde_json::{Value as Json, json};

/// The version of the calls of Microsoft.Authorization.
const VERSION: &str = "2022-04-01";

const DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";

/// What somebody may do, where.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AssignmentRecord {
    /// A UUID. Made by infra when it is left out.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// Where: a management group, subscription, resource group or resource, by its id.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) scope: String,
    /// What: the id of a role.
    #[record(optional, computed, force_new, compare = case_insensitive)]
    pub(crate) role_definition_id: Option<String>,
    /// What: the name of a role, such as `Network Contributor`.
    #[record(optional, computed, force_new)]
    pub(crate) role_definition_name: Option<String>,
    /// Who: a user, group, application or identity, as the directory knows it.
    #[record(required, force_new)]
    pub(crate) principal_id: String,
    /// `User`, `Group` or `ServicePrincipal`.
    #[record(optional, computed, force_new)]
    pub(crate) principal_type: Option<String>,
    /// In which cases.
    #[record(optional, force_new)]
    pub(crate) condition: Option<String>,
    /// The version of the condition's language: `2.0`.
    #[record(optional, force_new)]
    pub(crate) condition_version: Option<String>,
    /// A managed identity of another tenant.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) delegated_managed_identity_resource_id: Option<String>,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// Whether a service principal that was made just now, and that the directory may not show yet, is taken unseen.
    #[record(optional, computed)]
    pub(crate) skip_service_principal_aad_check: Option<bool>,
    /// `{scope}/providers/Microsoft.Authorization/roleAssignments/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct RoleAssignment;

/// The id of the role of a name that can be given at a scope.
async fn role_named(
    client: &Client,
    context: &CallContext,
    scope: &str,
    name: &str,
) -> Result<String, ProviderError> {
    let at = scope.trim_end_matches('/');
    let quoted = name.replace('\'', "''");
    let request = Request::get(
        DEFINITIONS,
        VERSION,
        format!("{at}/providers/{DEFINITIONS}"),
    )
    .query("$filter", format!("roleName eq '{quoted}'"));
    let found = client.list(context, request).await?;
    let named = |role: &&Json| {
        let role = role["properties"]["roleName"].as_str();
        role.is_some_and(|r| r.eq_ignore_ascii_case(name))
    };
    let id = found
        .iter()
        .find(named)
        .and_then(|role| role["id"].as_str());
    id.map(str::to_owned).ok_or_else(|| {
        ProviderError::invalid(
            "role_definition_name",
            format!("there is no role `{name}` at `{scope}`"),
        )
    })
}

#[async_trait::async_trait]
impl Kind for RoleAssignment {
    type Record = AssignmentRecord;
    const TYPE: &'static str = "azurerm_role_assignment";
    const API: Api = Api::new(
        "Microsoft.Authorization/roleAssignments",
        VERSION,
        "{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
    )
    .untagged();
    const ALL_SCOPES: bool = true;
    const RULES: Rules = &[
        ("role_definition_name", Rule::Own),
        ("skip_service_principal_aad_check", Rule::Own),
    ];
    const PACE: Pace = QUICK;

    fn traits() -> Traits {
        Traits::default().seconds(6, 2, 4)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        let wrong = match (said("role_definition_id"), said("role_definition_name")) {
            (false, false) => "`role_definition_name` or `role_definition_id` must be set",
            (true, true) => {
                "`role_definition_name` and `role_definition_id` say the same: set one of them"
            }
            _ => return Vec::new(),
        };
        vec![ProviderError::invalid("role_definition_name", wrong)]
    }

    fn default_of(_: &Client, operation: &Operation, name: &str) -> Option<String> {
        (name == "name").then(|| operation.token.as_uuid())
    }

    fn made_by(operation: &Operation, id: &str) -> bool {
        short(id) == operation.token.as_uuid()
    }

    async fn body(
        client: &Client,
        context: &CallContext,
        _: &str,
        desired: &AssignmentRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        if let (None, Some(name)) = (&desired.role_definition_id, &desired.role_definition_name) {
            let role = role_named(client, context, &desired.scope, name).await?;
            body["properties"]["roleDefinitionId"] = role.into();
        }
        if desired.skip_service_principal_aad_check == Some(true) {
            body["properties"]["principalType"] = json!("ServicePrincipal");
        }
        Ok(())
    }

    async fn more(
        client: &Client,
        context: &CallContext,
        _: &str,
        prior: Option<&AssignmentRecord>,
        found: &mut Json,
    ) -> Result<(), ProviderError> {
        let role = found["properties"]["roleDefinitionId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        // What the name means never changes, so that it is looked up once.
        let known = prior.filter(|p| {
            let same = p.role_definition_id.as_deref().map(short);
            p.role_definition_name.is_some()
                && same.is_none_or(|s| s.eq_ignore_ascii_case(short(&role)))
        });
        if known.is_none() {
            let request = Request::get(DEFINITIONS, VERSION, role);
            if let Some(definition) = there(client.call(context, &request).await)? {
                found["role_definition_name"] = definition["properties"]["roleName"].clone();
            }
        }
        Ok(())
    }

    fn complete(
        _: &Client,
        found: &Json,
        prior: Option<&AssignmentRecord>,
        record: &mut AssignmentRecord,
    ) {
        if let Some(name) = found["role_definition_name"].as_str() {
            let said = record.role_definition_name.take();
            let same = said.filter(|said| said.eq_ignore_ascii_case(name));
            record.role_definition_name = Some(same.unwrap_or_else(|| name.to_owned()));
        }
        // The same role is named with and without a subscription before it.
        let said = prior.and_then(|p| p.role_definition_id.as_deref());
        let found = record.role_definition_id.as_deref().map(short);
        if let Some(said) = said.filter(|s| found.is_some_and(|f| f.eq_ignore_ascii_case(short(s))))
        {
            record.role_definition_id = Some(said.to_owned());
        }
    }
}
