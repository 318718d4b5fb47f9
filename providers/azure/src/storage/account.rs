//! `azurerm_storage_account`.

use super::VERSION;
use super::blobs::{self, BlobProperties};
use crate::api::{Api, grouped};
use crate::client::{Client, Method, Request};
use crate::identity::{self, Identity};
use crate::kind::{Kind, Update};
use crate::managed::recomputed;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::kept::Folder;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Value,
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A storage account. Deleting it deletes all that is in it. Its key is `azurerm_storage_account_customer_managed_key`.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AccountRecord {
    /// Its name, unique in the whole world: 3 to 24 lower-case letters and digits.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is, such as `West Europe`.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// `StorageV2`, `BlobStorage`, `BlockBlobStorage`, `FileStorage` or `Storage`.
    #[record(optional, force_new, default = "StorageV2")]
    pub(crate) account_kind: String,
    /// `Standard` or `Premium`.
    #[record(required, force_new)]
    pub(crate) account_tier: String,
    /// `LRS`, `ZRS`, `GRS`, `RAGRS`, `GZRS` or `RAGZRS`: where its copies are.
    #[record(required)]
    pub(crate) account_replication_type: String,
    /// `Hot`, `Cool`, `Cold` or `Premium`: the tier of objects that say none.
    #[record(optional, computed)]
    pub(crate) access_tier: Option<String>,
    /// Whether only HTTPS is spoken.
    #[record(optional, default = true)]
    pub(crate) https_traffic_only_enabled: bool,
    /// The oldest TLS: `TLS1_0`, `TLS1_1`, `TLS1_2` or `TLS1_3`.
    #[record(optional, default = "TLS1_2")]
    pub(crate) min_tls_version: String,
    /// Whether what is in it may be made public.
    #[record(optional, default = true)]
    pub(crate) allow_nested_items_to_be_public: bool,
    /// Whether its shared keys can be used.
    #[record(optional, default = true)]
    pub(crate) shared_access_key_enabled: bool,
    /// Whether the portal uses Entra by default.
    #[record(optional, default = false)]
    pub(crate) default_to_oauth_authentication: bool,
    /// Whether it is reached from the internet.
    #[record(optional, default = true)]
    pub(crate) public_network_access_enabled: bool,
    /// Whether local users can be made for SFTP.
    #[record(optional, default = true)]
    pub(crate) local_user_enabled: bool,
    /// Whether it speaks SFTP.
    #[record(optional, default = false)]
    pub(crate) sftp_enabled: bool,
    /// Whether it has folders (Data Lake Storage).
    #[record(optional, force_new, default = false)]
    pub(crate) is_hns_enabled: bool,
    /// Whether it speaks NFS 3.
    #[record(optional, force_new, default = false)]
    pub(crate) nfsv3_enabled: bool,
    /// Whether objects may be replicated to another tenant.
    #[record(optional, default = false)]
    pub(crate) cross_tenant_replication_enabled: bool,
    /// Whether it is encrypted twice.
    #[record(optional, force_new, default = false)]
    pub(crate) infrastructure_encryption_enabled: bool,
    /// Whether its shares may be larger than 5 TiB.
    #[record(optional, computed)]
    pub(crate) large_file_share_enabled: Option<bool>,
    /// `AAD` or `PrivateLink`: from where objects may be copied in.
    #[record(optional)]
    pub(crate) allowed_copy_scope: Option<String>,
    /// `Standard` or `AzureDnsZone`: what its names look like.
    #[record(optional, force_new, default = "Standard")]
    pub(crate) dns_endpoint_type: String,
    /// The identities that it acts with.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// What holds for its blobs.
    #[record(block, max = 1)]
    pub(crate) blob_properties: Vec<BlobProperties>,
    /// Who reaches it.
    #[record(block, max = 1)]
    pub(crate) network_rules: Vec<NetworkRules>,
    /// What holds for tokens that are signed with its keys.
    #[record(block, max = 1)]
    pub(crate) sas_policy: Vec<SasPolicy>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Where it is.
    #[record(computed)]
    pub(crate) primary_location: Option<String>,
    /// Where its copies are.
    #[record(computed)]
    pub(crate) secondary_location: Option<String>,
    /// The address of its blobs.
    #[record(computed)]
    pub(crate) primary_blob_endpoint: Option<String>,
    /// The host of that address.
    #[record(computed)]
    pub(crate) primary_blob_host: Option<String>,
    /// The address of the copies of its blobs.
    #[record(computed)]
    pub(crate) secondary_blob_endpoint: Option<String>,
    /// The address of its queues.
    #[record(computed)]
    pub(crate) primary_queue_endpoint: Option<String>,
    /// The address of its tables.
    #[record(computed)]
    pub(crate) primary_table_endpoint: Option<String>,
    /// The address of its shares.
    #[record(computed)]
    pub(crate) primary_file_endpoint: Option<String>,
    /// The address of its folders.
    #[record(computed)]
    pub(crate) primary_dfs_endpoint: Option<String>,
    /// The address of its web site.
    #[record(computed)]
    pub(crate) primary_web_endpoint: Option<String>,
    /// The first of its shared keys; none where they cannot be used.
    #[record(computed, sensitive)]
    pub(crate) primary_access_key: Option<String>,
    /// The second of its shared keys.
    #[record(computed, sensitive)]
    pub(crate) secondary_access_key: Option<String>,
    /// How programs connect with the first key.
    #[record(computed, sensitive)]
    pub(crate) primary_connection_string: Option<String>,
    /// How programs connect with the second key.
    #[record(computed, sensitive)]
    pub(crate) secondary_connection_string: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Who reaches an account.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NetworkRules {
    /// `Allow` or `Deny`: what holds for all others.
    #[record(required)]
    pub(crate) default_action: String,
    /// Which of `AzureServices`, `Logging` and `Metrics` reach it in any case; or `None`.
    #[record(optional, computed)]
    pub(crate) bypass: BTreeSet<String>,
    /// Public addresses, or ranges of them.
    #[record(optional)]
    pub(crate) ip_rules: BTreeSet<String>,
    /// Subnets, with the endpoint `Microsoft.Storage`.
    #[record(optional, compare = case_insensitive)]
    pub(crate) virtual_network_subnet_ids: BTreeSet<String>,
}

/// What holds for tokens that are signed with an account's keys.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SasPolicy {
    /// How long they last at most: `DD.HH:MM:SS`.
    #[record(required)]
    pub(crate) expiration_period: String,
    /// `Log` or `Block`: what becomes of those that last longer.
    #[record(optional, default = "Log")]
    pub(crate) expiration_action: String,
}

pub(crate) struct Account;

/// `Standard_ZRS`
fn sku(record: &AccountRecord) -> Json {
    json!({ "name": format!("{}_{}", record.account_tier, record.account_replication_type) })
}

/// The list of services as the text that the API wants.
fn join_bypass(body: &mut Json) {
    let acls = &mut body["properties"]["networkAcls"];
    let Some(list) = acls["bypass"].as_array() else {
        return;
    };
    let list: Vec<&str> = list.iter().filter_map(Json::as_str).collect();
    acls["bypass"] = list.join(", ").into();
}

#[async_trait]
impl Kind for Account {
    type Record = AccountRecord;
    const TYPE: &'static str = "azurerm_storage_account";
    const API: Api = Api::new(
        "Microsoft.Storage/storageAccounts",
        VERSION,
        grouped!("Microsoft.Storage/storageAccounts/{name}"),
    );
    const RULES: Rules = &[
        ("account_kind", Rule::At("kind")),
        ("account_tier", Rule::ShownOnly("sku/tier")),
        (
            "account_replication_type",
            Rule::ShownOnly("sku/replication"),
        ),
        (
            "https_traffic_only_enabled",
            Rule::At("properties/supportsHttpsTrafficOnly"),
        ),
        ("min_tls_version", Rule::At("properties/minimumTlsVersion")),
        (
            "allow_nested_items_to_be_public",
            Rule::At("properties/allowBlobPublicAccess"),
        ),
        (
            "shared_access_key_enabled",
            Rule::At("properties/allowSharedKeyAccess"),
        ),
        (
            "default_to_oauth_authentication",
            Rule::At("properties/defaultToOAuthAuthentication"),
        ),
        (
            "public_network_access_enabled",
            Rule::Switch("properties/publicNetworkAccess"),
        ),
        (
            "local_user_enabled",
            Rule::At("properties/isLocalUserEnabled"),
        ),
        ("sftp_enabled", Rule::At("properties/isSftpEnabled")),
        ("nfsv3_enabled", Rule::At("properties/isNfsV3Enabled")),
        (
            "cross_tenant_replication_enabled",
            Rule::At("properties/allowCrossTenantReplication"),
        ),
        (
            "infrastructure_encryption_enabled",
            Rule::At("properties/encryption/requireInfrastructureEncryption"),
        ),
        (
            "large_file_share_enabled",
            Rule::Switch("properties/largeFileSharesState"),
        ),
        ("identity", Rule::Own),
        ("blob_properties", Rule::Own),
        ("network_rules", Rule::At("properties/networkAcls")),
        ("network_rules.ip_rules", Rule::Each("ipRules", "value")),
        (
            "network_rules.virtual_network_subnet_ids",
            Rule::Ref("virtualNetworkRules"),
        ),
        (
            "sas_policy.expiration_period",
            Rule::At("sasExpirationPeriod"),
        ),
        (
            "primary_blob_endpoint",
            Rule::At("properties/primaryEndpoints/blob"),
        ),
        ("primary_blob_host", Rule::Own),
        (
            "secondary_blob_endpoint",
            Rule::At("properties/secondaryEndpoints/blob"),
        ),
        (
            "primary_queue_endpoint",
            Rule::At("properties/primaryEndpoints/queue"),
        ),
        (
            "primary_table_endpoint",
            Rule::At("properties/primaryEndpoints/table"),
        ),
        (
            "primary_file_endpoint",
            Rule::At("properties/primaryEndpoints/file"),
        ),
        (
            "primary_dfs_endpoint",
            Rule::At("properties/primaryEndpoints/dfs"),
        ),
        (
            "primary_web_endpoint",
            Rule::At("properties/primaryEndpoints/web"),
        ),
        ("primary_access_key", Rule::ShownOnly("keys/key1")),
        ("secondary_access_key", Rule::ShownOnly("keys/key2")),
        ("primary_connection_string", Rule::Own),
        ("secondary_connection_string", Rule::Own),
    ];
    const UPDATE: Update = Update::Patch;

    async fn folder(
        client: &Client,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        super::listing::folder(client, context, id, path).await
    }

    fn traits() -> Traits {
        Traits::default().seconds(25, 10, 5)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let name = config.get("name").and_then(Value::as_str);
        let legal = |name: &str| {
            (3..=24).contains(&name.len())
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        match name {
            Some(name) if !legal(name) => vec![ProviderError::invalid(
                "name",
                "a storage account's name has 3 to 24 lower-case letters and digits",
            )],
            _ => Vec::new(),
        }
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        identity::plan(request, planned);
        let mut follows =
            |of: &str, names: &[&str]| recomputed::<AccountRecord>(request, planned, &[of], names);
        follows(
            "account_replication_type",
            &["secondary_location", "secondary_blob_endpoint"],
        );
        follows(
            "shared_access_key_enabled",
            &[
                "primary_access_key",
                "secondary_access_key",
                "primary_connection_string",
                "secondary_connection_string",
            ],
        );
        Ok(())
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &AccountRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        body["sku"] = sku(desired);
        identity::put(body, &[], &desired.identity);
        // Encryption without a source is refused.
        if desired.infrastructure_encryption_enabled {
            wire::put(
                body,
                "properties/encryption/keySource",
                "Microsoft.Storage".into(),
            );
        } else {
            wire::remove(body, "properties/encryption");
        }
        join_bypass(body);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &AccountRecord,
        desired: &AccountRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        if prior.account_replication_type != desired.account_replication_type {
            body["sku"] = sku(desired);
        }
        identity::put(body, &prior.identity, &desired.identity);
        join_bypass(body);
        if desired.network_rules.is_empty() && !prior.network_rules.is_empty() {
            let open = json!({ "defaultAction": "Allow", "bypass": "AzureServices", "ipRules": [], "virtualNetworkRules": [] });
            wire::put(body, "properties/networkAcls", open);
        }
        Ok(())
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &AccountRecord,
    ) -> Result<(), ProviderError> {
        match desired.blob_properties.first() {
            Some(properties) => blobs::set(client, context, operation, id, properties).await,
            None => Ok(()),
        }
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &AccountRecord,
        desired: &AccountRecord,
    ) -> Result<(), ProviderError> {
        if prior.blob_properties == desired.blob_properties {
            return Ok(());
        }
        let none = BlobProperties::default();
        let properties = desired.blob_properties.first().unwrap_or(&none);
        blobs::set(client, context, operation, id, properties).await
    }

    async fn more(
        client: &Client,
        context: &CallContext,
        id: &str,
        prior: Option<&AccountRecord>,
        found: &mut Json,
    ) -> Result<(), ProviderError> {
        // Only who speaks of blobs pays for the look.
        if prior.is_none_or(|p| !p.blob_properties.is_empty()) {
            found["blobs"] = blobs::get(client, context, id).await?;
        }
        if found["properties"]["allowSharedKeyAccess"] == false {
            return Ok(());
        }
        let request = Request::new(
            Method::Post,
            Self::API.name,
            VERSION,
            format!("{id}/listKeys"),
        );
        match client.call(context, &request).await {
            Ok(answer) => {
                let keys = answer["keys"].as_array().into_iter().flatten();
                for (key, name) in keys.zip(["key1", "key2"]) {
                    wire::put(found, &format!("keys/{name}"), key["value"].clone());
                }
                Ok(())
            }
            // Whoever may not see the keys may still see the account.
            Err(error) if error.kind == ErrorKind::Denied => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn shown(found: &mut Json) {
        let sku = found["sku"]["name"].as_str().unwrap_or_default();
        if let Some((tier, replication)) = sku.split_once('_') {
            found["sku"] = json!({ "tier": tier, "replication": replication });
        }
        let acls = &mut found["properties"]["networkAcls"];
        let split = acls["bypass"].as_str().map(|text| {
            text.split(',')
                .map(|s| s.trim().into())
                .collect::<Vec<Json>>()
        });
        if let Some(list) = split {
            acls["bypass"] = list.into();
        }
    }

    fn complete(
        client: &Client,
        found: &Json,
        prior: Option<&AccountRecord>,
        record: &mut AccountRecord,
    ) {
        let said = prior.map(|p| &*p.identity).unwrap_or_default();
        record.identity = identity::found(found, said);
        if found.get("blobs").is_some() {
            record.blob_properties = blobs::shown(&found["blobs"], prior);
        }
        // What holds for everybody when nobody said anything.
        let unsaid = prior.is_none_or(|p| p.network_rules.is_empty());
        record.network_rules.retain(|rules| {
            let open = rules.default_action == "Allow"
                && rules.ip_rules.is_empty()
                && rules.virtual_network_subnet_ids.is_empty();
            !(unsaid && open)
        });
        let host = record.primary_blob_endpoint.as_deref().map(|url| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            rest.split('/').next().unwrap_or(rest).to_owned()
        });
        let suffix = host
            .as_deref()
            .and_then(|host| host.split_once(".blob."))
            .map_or(client.config().cloud().storage, |(_, suffix)| suffix)
            .to_owned();
        record.primary_blob_host = host;
        let name = &record.name;
        let connection = |key: &Option<String>| {
            key.as_ref().map(|key| {
                format!("DefaultEndpointsProtocol=https;AccountName={name};AccountKey={key};EndpointSuffix={suffix}")
            })
        };
        record.primary_connection_string = connection(&record.primary_access_key);
        record.secondary_connection_string = connection(&record.secondary_access_key);
    }
}
