//! `azurerm_mysql_flexible_server`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::client::{Client, Method, Request};
use crate::flexible::{self, HighAvailability, ManagedKey, Window, block, mode};
use crate::identity::{self, Identity};
use crate::kind::{Kind, Update};
use crate::wire::{self, Rule, Rules};
use crate::{found, operation};
use async_trait::async_trait;
use infra_cloud::wait::{LONG, Pace};
use infra_model::kept::Backups;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, Path, PlanRequest, Planned, ProviderError, Record, Type, Value,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A MySQL flexible server. A higher `version` is an upgrade in place; a lower one, less storage, and outside of the `MO_` sizes a
/// standby in another zone for a server that has none, are another server.
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
    /// The version: `5.7`, `8.0.21` (which is any 8.0), or `8.4`.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// Its machine, with the tier's letters: `B_Standard_B2s`, `GP_Standard_D2ads_v5`, `MO_Standard_E4ds_v5`.
    #[record(optional, computed)]
    pub(crate) sku_name: Option<String>,
    /// Its storage.
    #[record(block, max = 1, computed)]
    pub(crate) storage: Vec<Storage>,
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
    /// For how many days backups are kept, 1 to 35.
    #[record(optional, computed)]
    pub(crate) backup_retention_days: Option<i64>,
    /// Whether backups are kept in another region too.
    #[record(optional, force_new, default = false)]
    pub(crate) geo_redundant_backup_enabled: bool,
    /// `Default`, `PointInTimeRestore`, `GeoRestore` or `Replica`: what it is made from.
    #[record(optional, force_new)]
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
    /// The identities it uses that key with: `UserAssigned`.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// The subnet it stands in, delegated to `Microsoft.DBforMySQL/flexibleServers`.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) delegated_subnet_id: Option<String>,
    /// The private zone that its name is in.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) private_dns_zone_id: Option<String>,
    /// `Enabled` or `Disabled`: whether it has a public address. One in a subnet has none.
    #[record(optional, computed)]
    pub(crate) public_network_access: Option<String>,
    /// A standby.
    #[record(block, max = 1)]
    pub(crate) high_availability: Vec<HighAvailability>,
    /// When it is maintained; otherwise Azure decides.
    #[record(block, max = 1)]
    pub(crate) maintenance_window: Vec<Window>,
    /// Its zone. It has no other one later, but for a failover.
    #[record(optional, computed, force_new)]
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
    /// How many replicas it may have.
    #[record(computed)]
    pub(crate) replica_capacity: Option<i64>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A server's storage.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Storage {
    /// Whether it grows by itself; with a standby it does.
    #[record(optional, default = true)]
    pub(crate) auto_grow_enabled: bool,
    /// Whether the operations a second follow the load.
    #[record(optional, default = false)]
    pub(crate) io_scaling_enabled: bool,
    /// Operations a second, 360 and more; which is the most depends on the machine.
    #[record(optional, computed)]
    pub(crate) iops: Option<i64>,
    /// Whether the redo log is on the server's own disk.
    #[record(optional, default = false)]
    pub(crate) log_on_disk_enabled: bool,
    /// GiB, 20 to 16384, with the `MO_` sizes to 32768.
    #[record(optional, computed)]
    pub(crate) size_gb: Option<i64>,
}

pub(crate) struct Server;

const ZONAL: &str = "ZoneRedundant";

/// Whether a standby is of another kind than it was, so that there is none in between.
fn other_standby(prior: &ServerRecord, desired: &ServerRecord) -> bool {
    let modes = [prior, desired].map(|r| r.high_availability.first().map(|h| &h.mode));
    matches!(modes, [Some(old), Some(new)] if old != new)
}

/// A window as the service has it.
fn window(desired: &[Window]) -> Json {
    match desired.first() {
        Some(window) => json!({
            "customWindow": "Enabled", "dayOfWeek": window.day_of_week, "startHour": window.start_hour, "startMinute": window.start_minute,
        }),
        None => json!({ "customWindow": "Disabled" }),
    }
}

/// Changes one thing by itself.
async fn alone(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    field: &str,
    value: Json,
) -> Result<(), ProviderError> {
    let body = json!({ "properties": { field: value } });
    let request = Request::new(Method::Patch, Server::API.name, VERSION, id).body(body);
    operation::run(client, context, operation, Server::PACE, request)
        .await
        .map(|_| ())
}

/// What the service gives storage of another size, or on another machine, is not known yet where nothing is said.
fn forget_iops(request: &PlanRequest<'_>, planned: &mut Planned) {
    let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
        return;
    };
    let size = |value: &Value| block(value, "storage").and_then(|s| s.get("size_gb").cloned());
    let same = size(prior) == size(&planned.value)
        && prior.get("sku_name") == planned.value.get("sku_name");
    if !same {
        flexible::open::<Storage>(request, planned, ("storage", "iops"), Type::Number);
    }
}

#[async_trait]
impl Kind for Server {
    type Record = ServerRecord;
    const TYPE: &'static str = "azurerm_mysql_flexible_server";
    const API: Api = Api::new(
        "Microsoft.DBforMySQL/flexibleServers",
        VERSION,
        grouped!("Microsoft.DBforMySQL/flexibleServers/{name}"),
    );
    const RULES: Rules = &[
        ("version", Rule::Own),
        ("sku_name", Rule::Own),
        ("storage.auto_grow_enabled", Rule::Switch("autoGrow")),
        ("storage.io_scaling_enabled", Rule::Switch("autoIoScaling")),
        ("storage.log_on_disk_enabled", Rule::Switch("logOnDisk")),
        ("storage.size_gb", Rule::At("storageSizeGB")),
        (
            "administrator_password",
            Rule::SentOnly("properties/administratorLoginPassword"),
        ),
        ("administrator_password_wo", Rule::Own),
        ("administrator_password_wo_version", Rule::Own),
        (
            "backup_retention_days",
            Rule::At("properties/backup/backupRetentionDays"),
        ),
        (
            "geo_redundant_backup_enabled",
            Rule::Switch("properties/backup/geoRedundantBackup"),
        ),
        ("create_mode", Rule::SentOnly("properties/createMode")),
        (
            "source_server_id",
            Rule::SentOnly("properties/sourceServerResourceId"),
        ),
        (
            "point_in_time_restore_time_in_utc",
            Rule::SentOnly("properties/restorePointInTime"),
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
            Rule::At("properties/network/privateDnsZoneResourceId"),
        ),
        (
            "public_network_access",
            Rule::At("properties/network/publicNetworkAccess"),
        ),
        ("maintenance_window", Rule::Own),
        ("zone", Rule::At("properties/availabilityZone")),
        ("fqdn", Rule::At("properties/fullyQualifiedDomainName")),
    ];
    const PACE: Pace = LONG;
    const UPDATE: Update = Update::Patch;

    /// Azure makes backups for as long as there is a server, and archives its log; it tells of the first moment that can be had back, and
    /// of the backups (`Backups_ListByServer`), not how far the archive has come.
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
        if let Some(prior) = request.prior {
            let size = |value: &Value| block(value, "storage")?.get("size_gb").cloned();
            let (old, new) = (size(prior), size(&planned.value));
            if flexible::goes_down(old.as_ref(), new.as_ref()) {
                planned.replace.push(Path::attribute("storage"));
            }
            if flexible::goes_down(prior.get("version"), planned.value.get("version")) {
                planned.replace.push(Path::attribute("version"));
            }
            // Azure, "High availability concepts": only servers of the largest tier get it after they were made.
            let sku = planned.value.get("sku_name").and_then(Value::as_str);
            let late = mode(&planned.value) == Some(ZONAL) && mode(prior) != Some(ZONAL);
            if late && sku.is_some_and(|sku| !sku.starts_with("MO_")) {
                planned.replace.push(Path::attribute("high_availability"));
            }
        }
        forget_iops(request, planned);
        flexible::plan_standby(request, planned);
        identity::plan(request, planned);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = flexible::validate(config);
        let Some(storage) = block(config, "storage") else {
            return errors;
        };
        let flag = |name: &str| storage.get(name).and_then(Value::as_bool);
        if flag("auto_grow_enabled") == Some(false) && block(config, "high_availability").is_some()
        {
            errors.push(ProviderError::invalid(
                "storage",
                "with a standby the storage grows by itself: `auto_grow_enabled` cannot be false",
            ));
        }
        let iops = storage.get("iops").is_some_and(|v| !v.is_null());
        if iops && flag("io_scaling_enabled") == Some(true) {
            errors.push(ProviderError::invalid(
                "storage",
                "the operations a second are given either by `iops` or by `io_scaling_enabled`",
            ));
        }
        errors
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &ServerRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        identity::put(body, &[], &desired.identity);
        if let Some(name) = &desired.sku_name {
            body["sku"] = flexible::sku(name)?;
        }
        let mut put = |field: &str, json: Json| wire::put(body, field, json);
        if !desired.customer_managed_key.is_empty() {
            put("properties/dataEncryption/type", "AzureKeyVault".into());
        }
        if let Some(version) = &desired.version {
            put("properties/version", version.as_str().into());
        }
        if let Some(password) = &desired.administrator_password_wo {
            put(
                "properties/administratorLoginPassword",
                password.as_str().into(),
            );
        }
        Ok(())
    }

    /// A window cannot be said while a server is made.
    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &ServerRecord,
    ) -> Result<(), ProviderError> {
        let wanted = &desired.maintenance_window;
        if wanted.is_empty() {
            return Ok(());
        }
        let field = "maintenanceWindow";
        alone(client, context, operation, id, field, window(wanted)).await
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &ServerRecord,
        desired: &ServerRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        identity::put(body, &prior.identity, &desired.identity);
        if let Some(name) = desired
            .sku_name
            .as_ref()
            .filter(|n| Some(*n) != prior.sku_name.as_ref())
        {
            body["sku"] = flexible::sku(name)?;
        }
        let mut put = |field: &str, json: Json| wire::put(body, field, json);
        match desired.customer_managed_key.first() {
            None if !prior.customer_managed_key.is_empty() => {
                let off = json!({ "type": "SystemManaged" });
                put("properties/dataEncryption", off);
            }
            Some(_) if desired.customer_managed_key != prior.customer_managed_key => {
                put("properties/dataEncryption/type", "AzureKeyVault".into());
            }
            _ => {}
        }
        let gone = desired.high_availability.is_empty() && !prior.high_availability.is_empty();
        if gone || other_standby(prior, desired) {
            put("properties/highAvailability", json!({ "mode": "Disabled" }));
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

    /// What must be said by itself: the other standby, a version ("Major version upgrade": no other property in the same request), a window.
    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &ServerRecord,
        desired: &ServerRecord,
    ) -> Result<(), ProviderError> {
        let mut steps: Vec<(&str, Json)> = Vec::new();
        if let Some(standby) = desired
            .high_availability
            .first()
            .filter(|_| other_standby(prior, desired))
        {
            let mut json = json!({ "mode": standby.mode });
            if let Some(zone) = &standby.standby_availability_zone {
                json["standbyAvailabilityZone"] = zone.as_str().into();
            }
            steps.push(("highAvailability", json));
        }
        if let Some(version) = desired
            .version
            .as_deref()
            .filter(|v| Some(*v) != prior.version.as_deref())
        {
            steps.push(("version", version.into()));
        }
        let wanted = window(&desired.maintenance_window);
        if wanted != window(&prior.maintenance_window) {
            steps.push(("maintenanceWindow", wanted));
        }
        for (field, value) in steps {
            alone(client, context, operation, id, field, value).await?;
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
    }

    fn complete(_: &Client, found: &Json, prior: Option<&ServerRecord>, record: &mut ServerRecord) {
        let properties = &found["properties"];
        record.administrator_password_wo = None;
        record.version = properties["version"].as_str().map(str::to_owned);
        record.sku_name = flexible::sku_name(found);
        let window = &properties["maintenanceWindow"];
        let number = |name: &str| window[name].as_i64().unwrap_or_default();
        let own = window["customWindow"] == "Enabled";
        let told = own.then(|| Window {
            day_of_week: number("dayOfWeek"),
            start_hour: number("startHour"),
            start_minute: number("startMinute"),
        });
        record.maintenance_window = told.into_iter().collect();
        let said = prior.map(|p| &*p.identity).unwrap_or_default();
        record.identity = identity::found(found, said);
    }
}
