//! `azurerm_postgresql_flexible_server`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::flexible::{self, HighAvailability, ManagedKey, Window, gibibytes};
use crate::found;
use crate::identity::{self, Identity};
use crate::kind::{Kind, Update};
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_cloud::wait::{LONG, Pace};
use infra_model::kept::Backups;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Path, PlanRequest, Planned, ProviderError, Record, Value, planning,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A PostgreSQL flexible server. A higher `version` is an upgrade in place; a lower one, and less storage, is another server.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ServerRecord {
    /// Its name, unique in the whole world: 3 to 63 lower-case letters, digits and hyphens.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is, such as `West Europe`.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// The major version, such as `17`.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// Its machine, with the tier's letters: `B_Standard_B2s`, `GP_Standard_D2ds_v5`, `MO_Standard_E4ds_v5`.
    #[record(optional, computed)]
    pub(crate) sku_name: Option<String>,
    /// Its storage, in MiB: 32768, 65536, …, 16777216, or 33553408.
    #[record(optional, computed)]
    pub(crate) storage_mb: Option<i64>,
    /// How fast its storage is, `P4` to `P80`.
    #[record(optional, computed)]
    pub(crate) storage_tier: Option<String>,
    /// Whether its storage grows by itself.
    #[record(optional, default = false)]
    pub(crate) auto_grow_enabled: bool,
    /// The name of its administrator.
    #[record(optional, computed, force_new)]
    pub(crate) administrator_login: Option<String>,
    /// The administrator's password, stored encrypted.
    #[record(optional, sensitive)]
    pub(crate) administrator_password: Option<String>,
    /// The administrator's password, never stored.
    #[record(optional, write_only, sensitive)]
    pub(crate) administrator_password_wo: Option<String>,
    /// Change it to send `administrator_password_wo` again.
    #[record(optional)]
    pub(crate) administrator_password_wo_version: Option<i64>,
    /// Who may log in, and how.
    #[record(block, max = 1, computed)]
    pub(crate) authentication: Vec<Authentication>,
    /// For how many days backups are kept, 7 to 35.
    #[record(optional, computed)]
    pub(crate) backup_retention_days: Option<i64>,
    /// Whether backups are kept in another region too.
    #[record(optional, force_new, default = false)]
    pub(crate) geo_redundant_backup_enabled: bool,
    /// `Default`, `PointInTimeRestore`, `GeoRestore`, `Replica` or `Update`: what it is made from.
    #[record(optional)]
    pub(crate) create_mode: Option<String>,
    /// The server that it is made from.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) source_server_id: Option<String>,
    /// The moment of that server that it is made from.
    #[record(optional, force_new)]
    pub(crate) point_in_time_restore_time_in_utc: Option<String>,
    /// The key that encrypts it.
    #[record(block, max = 1)]
    pub(crate) customer_managed_key: Vec<ManagedKey>,
    /// The identities it uses that key with.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// The subnet it stands in, delegated to `Microsoft.DBforPostgreSQL/flexibleServers`.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) delegated_subnet_id: Option<String>,
    /// The private zone that its name is in.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) private_dns_zone_id: Option<String>,
    /// Whether it has a public address.
    #[record(optional, default = true)]
    pub(crate) public_network_access_enabled: bool,
    /// A standby.
    #[record(block, max = 1)]
    pub(crate) high_availability: Vec<HighAvailability>,
    /// When it is maintained; otherwise Azure decides.
    #[record(block, max = 1)]
    pub(crate) maintenance_window: Vec<Window>,
    /// Its zone.
    #[record(optional, computed)]
    pub(crate) zone: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// The name that reaches it.
    #[record(computed)]
    pub(crate) fqdn: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Who may log in, and how.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Authentication {
    /// With a token of Entra.
    #[record(optional, default = false)]
    pub(crate) active_directory_auth_enabled: bool,
    /// With a password.
    #[record(optional, default = true)]
    pub(crate) password_auth_enabled: bool,
    /// The tenant whose tokens count.
    #[record(optional)]
    pub(crate) tenant_id: Option<String>,
}

pub(crate) struct Server;

/// Of the parts that a body has, what their attributes do not say.
fn complete_parts(body: &mut Json) {
    for (part, field, value) in [
        ("dataEncryption", "type", "AzureKeyVault"),
        ("maintenanceWindow", "customWindow", "Enabled"),
    ] {
        let there = body["properties"].get(part).is_some_and(Json::is_object);
        if there {
            body["properties"][part][field] = value.into();
        }
    }
}

#[async_trait]
impl Kind for Server {
    type Record = ServerRecord;
    const TYPE: &'static str = "azurerm_postgresql_flexible_server";
    const API: Api = Api::new(
        "Microsoft.DBforPostgreSQL/flexibleServers",
        VERSION,
        grouped!("Microsoft.DBforPostgreSQL/flexibleServers/{name}"),
    );
    const RULES: Rules = &[
        ("sku_name", Rule::Own),
        ("storage_mb", Rule::Own),
        ("storage_tier", Rule::At("properties/storage/tier")),
        (
            "auto_grow_enabled",
            Rule::Switch("properties/storage/autoGrow"),
        ),
        (
            "administrator_password",
            Rule::SentOnly("properties/administratorLoginPassword"),
        ),
        ("administrator_password_wo", Rule::Own),
        ("administrator_password_wo_version", Rule::Own),
        ("authentication", Rule::At("properties/authConfig")),
        (
            "authentication.active_directory_auth_enabled",
            Rule::Switch("activeDirectoryAuth"),
        ),
        (
            "authentication.password_auth_enabled",
            Rule::Switch("passwordAuth"),
        ),
        (
            "backup_retention_days",
            Rule::At("properties/backup/backupRetentionDays"),
        ),
        (
            "geo_redundant_backup_enabled",
            Rule::Switch("properties/backup/geoRedundantBackup"),
        ),
        ("create_mode", Rule::Own),
        (
            "source_server_id",
            Rule::SentOnly("properties/sourceServerResourceId"),
        ),
        (
            "point_in_time_restore_time_in_utc",
            Rule::SentOnly("properties/pointInTimeUTC"),
        ),
        (
            "customer_managed_key",
            Rule::At("properties/dataEncryption"),
        ),
        (
            "customer_managed_key.key_vault_key_id",
            Rule::At("primaryKeyURI"),
        ),
        (
            "customer_managed_key.geo_backup_key_vault_key_id",
            Rule::At("geoBackupKeyURI"),
        ),
        ("identity", Rule::Own),
        (
            "delegated_subnet_id",
            Rule::At("properties/network/delegatedSubnetResourceId"),
        ),
        (
            "private_dns_zone_id",
            Rule::At("properties/network/privateDnsZoneArmResourceId"),
        ),
        (
            "public_network_access_enabled",
            Rule::Switch("properties/network/publicNetworkAccess"),
        ),
        ("zone", Rule::At("properties/availabilityZone")),
        ("fqdn", Rule::At("properties/fullyQualifiedDomainName")),
    ];
    const PACE: Pace = LONG;
    const UPDATE: Update = Update::Patch;

    /// Azure makes backups for as long as there is a server, and archives what is written; it tells of the first moment that can be
    /// had back, and of the backups (`BackupsAutomaticAndOnDemand_ListByServer`), not how far the archive has come.
    async fn backups(
        client: &Client,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        let Some(found) = found::find::<Server>(client, context, id).await? else {
            return Ok(None);
        };
        flexible::backups(client, context, &Self::API, id, &found)
            .await
            .map(Some)
    }

    fn traits() -> Traits {
        Traits::default().seconds(420, 120, 120)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        for name in ["version", "storage_mb"] {
            let old = request.prior.and_then(|p| p.get(name));
            if flexible::goes_down(old, planned.value.get(name)) {
                planned.replace.push(Path::attribute(name));
            }
        }
        let unsaid = request
            .config
            .get("storage_tier")
            .is_none_or(Value::is_null);
        if let Some(prior) = request.prior
            && unsaid
            && prior.get("storage_mb") != planned.value.get("storage_mb")
        {
            planning::mark_unknown(planned, &ServerRecord::block(), &["storage_tier"]);
        }
        flexible::plan_standby(request, planned);
        identity::plan(request, planned);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        flexible::validate(config)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &ServerRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        complete_parts(body);
        identity::put(body, &[], &desired.identity);
        if let Some(name) = &desired.sku_name {
            body["sku"] = flexible::sku(name)?;
        }
        let mut put = |field: &str, json: Json| wire::put(body, field, json);
        if let Some(storage) = desired.storage_mb {
            put(
                "properties/storage/storageSizeGB",
                gibibytes(storage).into(),
            );
        }
        if let Some(mode) = desired.create_mode.as_deref().filter(|m| *m != "Update") {
            put("properties/createMode", mode.into());
        }
        if let Some(password) = &desired.administrator_password_wo {
            put(
                "properties/administratorLoginPassword",
                password.as_str().into(),
            );
        }
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &ServerRecord,
        desired: &ServerRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        complete_parts(body);
        identity::put(body, &prior.identity, &desired.identity);
        if let Some(name) = desired
            .sku_name
            .as_ref()
            .filter(|n| Some(*n) != prior.sku_name.as_ref())
        {
            body["sku"] = flexible::sku(name)?;
        }
        let mut put = |field: &str, json: Json| wire::put(body, field, json);
        if let Some(storage) = desired.storage_mb.filter(|s| Some(*s) != prior.storage_mb) {
            put(
                "properties/storage/storageSizeGB",
                gibibytes(storage).into(),
            );
        }
        if desired.version != prior.version {
            put("properties/createMode", "Update".into());
        }
        if desired.high_availability.is_empty() && !prior.high_availability.is_empty() {
            put("properties/highAvailability", json!({ "mode": "Disabled" }));
        }
        if desired.maintenance_window.is_empty() && !prior.maintenance_window.is_empty() {
            put(
                "properties/maintenanceWindow",
                json!({ "customWindow": "Disabled" }),
            );
        }
        if desired.customer_managed_key.is_empty() && !prior.customer_managed_key.is_empty() {
            put(
                "properties/dataEncryption",
                json!({ "type": "SystemManaged" }),
            );
        }
        let again =
            desired.administrator_password_wo_version != prior.administrator_password_wo_version;
        if let Some(password) = desired.administrator_password_wo.as_ref().filter(|_| again) {
            put(
                "properties/administratorLoginPassword",
                password.as_str().into(),
            );
        }
        Ok(())
    }

    fn shown(found: &mut Json) {
        let properties = &mut found["properties"];
        let is = |json: &Json, name: &str, value: &str| json[name].as_str() == Some(value);
        if !is(&properties["dataEncryption"], "type", "AzureKeyVault") {
            wire::remove(properties, "dataEncryption");
        }
        if is(&properties["highAvailability"], "mode", "Disabled") {
            wire::remove(properties, "highAvailability");
        }
        if !is(&properties["maintenanceWindow"], "customWindow", "Enabled") {
            wire::remove(properties, "maintenanceWindow");
        }
    }

    fn complete(_: &Client, found: &Json, prior: Option<&ServerRecord>, record: &mut ServerRecord) {
        record.administrator_password_wo = None;
        record.sku_name = flexible::sku_name(found);
        let storage = found["properties"]["storage"]["storageSizeGB"].as_i64();
        let said = prior.and_then(|p| p.storage_mb);
        record.storage_mb = match (storage, said) {
            (Some(size), Some(said)) if gibibytes(said) == size => Some(said),
            (size, _) => size.map(|size| size * 1024),
        };
        let said = prior.map(|p| &*p.identity).unwrap_or_default();
        record.identity = identity::found(found, said);
    }
}
