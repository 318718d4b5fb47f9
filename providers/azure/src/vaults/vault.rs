//! `azurerm_key_vault`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::{Client, Method, Request};
use crate::kind::Kind;
use crate::tags::{self, MARKS};
use crate::wire::{self, Rule, Rules};
use crate::{found, operation};
use async_trait::async_trait;
use infra_cloud::absence::there;
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Value};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A vault for keys and secrets. Azure keeps a deleted vault for a while: it is purged, unless that is protected against, and a
/// new one of the same name in the same group is the old one, recovered.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VaultRecord {
    /// Its name, unique in the whole world: 3 to 24 letters, digits and hyphens.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is, such as `West Europe`.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// The tenant whose users and identities may use it.
    #[record(required, compare = case_insensitive)]
    pub(crate) tenant_id: String,
    /// `standard`, or `premium` with hardware modules.
    #[record(required, compare = case_insensitive)]
    pub(crate) sku_name: String,
    /// Whether roles decide who may do what in it, and not `access_policy`.
    #[record(optional, default = false)]
    pub(crate) rbac_authorization_enabled: bool,
    /// Whether nobody can delete for good what is in it before its time; cannot be taken back.
    #[record(optional, default = false)]
    pub(crate) purge_protection_enabled: bool,
    /// For how many days what is deleted can be recovered, 7 to 90; fixed for its life.
    #[record(optional, force_new, default = 90)]
    pub(crate) soft_delete_retention_days: i64,
    /// Whether virtual machines may take certificates from it.
    #[record(optional, default = false)]
    pub(crate) enabled_for_deployment: bool,
    /// Whether disk encryption may use it.
    #[record(optional, default = false)]
    pub(crate) enabled_for_disk_encryption: bool,
    /// Whether Resource Manager's templates may read secrets.
    #[record(optional, default = false)]
    pub(crate) enabled_for_template_deployment: bool,
    /// Whether it is reached from the internet.
    #[record(optional, default = true)]
    pub(crate) public_network_access_enabled: bool,
    /// Who may do what in it.
    #[record(block)]
    pub(crate) access_policy: Vec<AccessPolicy>,
    /// From where it is reached.
    #[record(block, max = 1)]
    pub(crate) network_acls: Vec<NetworkAcls>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its address.
    #[record(computed)]
    pub(crate) vault_uri: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Who may do what in a vault.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AccessPolicy {
    /// The tenant.
    #[record(required, compare = case_insensitive)]
    pub(crate) tenant_id: String,
    /// The user, group or identity.
    #[record(required, compare = case_insensitive)]
    pub(crate) object_id: String,
    /// The application through which they act.
    #[record(optional)]
    pub(crate) application_id: Option<String>,
    /// With keys: `Get`, `List`, `Create`, …
    #[record(optional, compare = case_insensitive)]
    pub(crate) key_permissions: Vec<String>,
    /// With secrets: `Get`, `List`, `Set`, …
    #[record(optional, compare = case_insensitive)]
    pub(crate) secret_permissions: Vec<String>,
    /// With certificates: `Get`, `List`, `Import`, …
    #[record(optional, compare = case_insensitive)]
    pub(crate) certificate_permissions: Vec<String>,
    /// With storage accounts.
    #[record(optional, compare = case_insensitive)]
    pub(crate) storage_permissions: Vec<String>,
}

/// From where a vault is reached.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NetworkAcls {
    /// `AzureServices` or `None`: who reaches it in any case.
    #[record(required)]
    pub(crate) bypass: String,
    /// `Allow` or `Deny`: what holds for all others.
    #[record(required)]
    pub(crate) default_action: String,
    /// Addresses, or ranges of them.
    #[record(optional)]
    pub(crate) ip_rules: BTreeSet<String>,
    /// Subnets, with the endpoint `Microsoft.KeyVault`.
    #[record(optional, compare = case_insensitive)]
    pub(crate) virtual_network_subnet_ids: BTreeSet<String>,
}

pub(crate) struct Vault;

/// What may be given, as Terraform writes it (Azure: "Vaults - Create Or Update", `Permissions`).
const PERMISSIONS: [&str; 32] = [
    "Backup",
    "Create",
    "Decrypt",
    "Delete",
    "DeleteIssuers",
    "DeleteSAS",
    "Encrypt",
    "Get",
    "GetIssuers",
    "GetRotationPolicy",
    "GetSAS",
    "Import",
    "List",
    "ListIssuers",
    "ListSAS",
    "ManageContacts",
    "ManageIssuers",
    "Purge",
    "Recover",
    "RegenerateKey",
    "Release",
    "Restore",
    "Rotate",
    "Set",
    "SetIssuers",
    "SetRotationPolicy",
    "SetSAS",
    "Sign",
    "UnwrapKey",
    "Update",
    "Verify",
    "WrapKey",
];

/// Gives a permission the name that it has in [`PERMISSIONS`].
fn name_permission(given: &mut Json) {
    let text = given.as_str().unwrap_or_default();
    let known = PERMISSIONS.iter().find(|p| p.eq_ignore_ascii_case(text));
    if let Some(known) = known {
        *given = (*known).into();
    }
}

/// What every body says, and what none may say.
fn complete_body(body: &mut Json) {
    wire::put(body, "properties/sku/family", "A".into());
    wire::put(body, "properties/enableSoftDelete", true.into());
    // The API takes no `false` for it.
    if body["properties"]["enablePurgeProtection"] == false {
        wire::remove(body, "properties/enablePurgeProtection");
    }
    if body["properties"]["accessPolicies"].is_null() {
        wire::put(body, "properties/accessPolicies", json!([]));
    }
}

/// What Azure keeps of a deleted vault: its place, if it was ours to begin with.
pub(crate) async fn deleted(
    client: &Client,
    context: &CallContext,
    id: &str,
    location: &str,
) -> Result<Option<String>, ProviderError> {
    let name = crate::api::short(id);
    let location: String = location.chars().filter(|c| !c.is_whitespace()).collect();
    let path = format!(
        "{}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{name}",
        client.subscription(),
        location.to_ascii_lowercase()
    );
    let request = Request::get("Microsoft.KeyVault/deletedVaults", VERSION, &*path);
    let found = match there(client.call(context, &request).await) {
        // Whoever may not see deleted vaults makes new ones.
        Err(error) if error.kind == ErrorKind::Denied => None,
        other => other?,
    };
    let was = found
        .as_ref()
        .and_then(|f| f["properties"]["vaultId"].as_str());
    Ok(was.filter(|was| was.eq_ignore_ascii_case(id)).map(|_| path))
}

#[async_trait]
impl Kind for Vault {
    type Record = VaultRecord;
    const TYPE: &'static str = "azurerm_key_vault";
    const API: Api = Api::new(
        "Microsoft.KeyVault/vaults",
        VERSION,
        grouped!("Microsoft.KeyVault/vaults/{name}"),
    );
    const RULES: Rules = &[
        ("sku_name", Rule::At("properties/sku/name")),
        (
            "rbac_authorization_enabled",
            Rule::At("properties/enableRbacAuthorization"),
        ),
        (
            "purge_protection_enabled",
            Rule::At("properties/enablePurgeProtection"),
        ),
        (
            "soft_delete_retention_days",
            Rule::At("properties/softDeleteRetentionInDays"),
        ),
        (
            "public_network_access_enabled",
            Rule::Switch("properties/publicNetworkAccess"),
        ),
        ("access_policy", Rule::At("properties/accessPolicies")),
        (
            "access_policy.key_permissions",
            Rule::At("permissions/keys"),
        ),
        (
            "access_policy.secret_permissions",
            Rule::At("permissions/secrets"),
        ),
        (
            "access_policy.certificate_permissions",
            Rule::At("permissions/certificates"),
        ),
        (
            "access_policy.storage_permissions",
            Rule::At("permissions/storage"),
        ),
        ("network_acls.ip_rules", Rule::Each("ipRules", "value")),
        (
            "network_acls.virtual_network_subnet_ids",
            Rule::Ref("virtualNetworkRules"),
        ),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(30, 10, 20)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let legal = |name: &str| {
            (3..=24).contains(&name.len())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && name.starts_with(|c: char| c.is_ascii_alphabetic())
                && !name.ends_with('-')
                && !name.contains("--")
        };
        match config.get("name").and_then(Value::as_str) {
            Some(name) if !legal(name) => vec![ProviderError::invalid(
                "name",
                "a vault's name has 3 to 24 letters, digits and single hyphens, first a letter",
            )],
            _ => Vec::new(),
        }
    }

    async fn body(
        client: &Client,
        context: &CallContext,
        id: &str,
        desired: &VaultRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        complete_body(body);
        if deleted(client, context, id, &desired.location)
            .await?
            .is_some()
        {
            wire::put(body, "properties/createMode", "recover".into());
        }
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        _: &VaultRecord,
        _: &VaultRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        complete_body(body);
        for shown in [
            "privateEndpointConnections",
            "hsmPoolResourceId",
            "createMode",
        ] {
            wire::remove(body, &format!("properties/{shown}"));
        }
        Ok(())
    }

    /// A vault that was recovered is as it was: it is made what was asked for.
    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &VaultRecord,
    ) -> Result<(), ProviderError> {
        let Some(found) = found::fetch(client, context, &Self::API, id).await? else {
            return Ok(());
        };
        let prior = found::record_of::<Self>(client, id, found.clone(), Some(desired))?;
        let same = |name: &str| {
            let (a, b) = (prior.to_value(), desired.to_value());
            a.get(name) == b.get(name)
        };
        let as_asked = [
            "rbac_authorization_enabled",
            "sku_name",
            "access_policy",
            "tags",
        ];
        if MARKS.made_by(operation, &tags::of(&found)) && as_asked.into_iter().all(same) {
            return Ok(());
        }
        let mut body = found::without_shown_only(&found);
        let asked = wire::body(
            &VaultRecord::block(),
            &desired.to_value(),
            Self::RULES,
            id,
            &["name", "resource_group_name"],
        );
        for (name, json) in asked["properties"].as_object().into_iter().flatten() {
            wire::put(&mut body, &format!("properties/{name}"), json.clone());
        }
        complete_body(&mut body);
        wire::remove(&mut body, "properties/createMode");
        let own = found::tags_of(&desired.to_value());
        body["tags"] = tags::json(&MARKS.for_create(&client.config().tags, &own, operation));
        let request = Request::new(Method::Put, Self::API.name, VERSION, id).body(body);
        operation::run(client, context, operation, Self::PACE, request)
            .await
            .map(|_| ())
    }

    async fn deleted(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &VaultRecord,
    ) -> Result<(), ProviderError> {
        if prior.purge_protection_enabled {
            return Ok(());
        }
        let Some(path) = deleted(client, context, id, &prior.location).await? else {
            return Ok(());
        };
        let of = "Microsoft.KeyVault/deletedVaults";
        let request = Request::new(Method::Post, of, VERSION, format!("{path}/purge"));
        match operation::run(client, context, operation, Self::PACE, request).await {
            // Then it goes by itself, when its time has come.
            Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Permissions that nobody gave are none, and have their names whatever the letter case that they were given with.
    fn shown(found: &mut Json) {
        let policies = found["properties"]["accessPolicies"].as_array_mut();
        for policy in policies.into_iter().flatten() {
            if let Some(permissions) = policy["permissions"].as_object_mut() {
                permissions.retain(|_, given| given.as_array().is_none_or(|g| !g.is_empty()));
                let given = permissions.values_mut().filter_map(Json::as_array_mut);
                given.flatten().for_each(name_permission);
            }
        }
    }

    fn complete(_: &Client, found: &Json, prior: Option<&VaultRecord>, record: &mut VaultRecord) {
        let _ = found;
        // What holds for everybody when nobody said anything.
        let unsaid = prior.is_none_or(|p| p.network_acls.is_empty());
        record.network_acls.retain(|acls| {
            let open = acls.default_action == "Allow"
                && acls.ip_rules.is_empty()
                && acls.virtual_network_subnet_ids.is_empty();
            !(unsaid && open)
        });
    }
}
