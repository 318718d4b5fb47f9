//! `google_sql_database_instance`.

use super::settings::Settings;
use crate::api::{Api, Labelled, Update};
use crate::client::{Client, Request};
use crate::family::SQL;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_cloud::absence::there;
use infra_cloud::fields::moment;
use infra_cloud::wait::{LONG, Pace};
use infra_model::kept::Backups;
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record, Value};
use serde_json::{Map, Value as Json};

/// A managed Postgres, MySQL or SQL Server.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct InstanceRecord {
    /// Its name. It is taken for a week after the instance was deleted.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// `POSTGRES_17`, `MYSQL_8_4`, `SQLSERVER_2022_STANDARD`, …
    #[record(required, force_new)]
    pub(crate) database_version: String,
    /// The region. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) region: Option<String>,
    /// The key of its disks.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) encryption_key_name: Option<String>,
    /// The instance that this one is a copy of.
    #[record(optional, computed, force_new)]
    pub(crate) master_instance_name: Option<String>,
    /// The password of the first user, never stored.
    #[record(optional, write_only, sensitive)]
    pub(crate) root_password_wo: Option<String>,
    /// Raise it to send `root_password_wo` again.
    #[record(optional)]
    pub(crate) root_password_wo_version: Option<i64>,
    /// Whether infra refuses to delete it.
    #[record(optional, protects, default = true)]
    pub(crate) deletion_protection: bool,
    /// Settings.
    #[record(block, min = 1, max = 1)]
    pub(crate) settings: Vec<Settings>,
    /// Its addresses.
    #[record(block, computed)]
    pub(crate) ip_address: Vec<Address>,
    /// The first address.
    #[record(computed)]
    pub(crate) first_ip_address: Option<String>,
    /// The address inside the network.
    #[record(computed)]
    pub(crate) private_ip_address: Option<String>,
    /// The address in the internet.
    #[record(computed)]
    pub(crate) public_ip_address: Option<String>,
    /// `PROJECT:REGION:NAME`, for the proxy.
    #[record(computed)]
    pub(crate) connection_name: Option<String>,
    /// The account that it acts as.
    #[record(computed)]
    pub(crate) service_account_email_address: Option<String>,
    /// The certificate of its authority.
    #[record(block, max = 1, computed)]
    pub(crate) server_ca_cert: Vec<Certificate>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/instances/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

/// An address.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Address {
    /// The address.
    #[record(computed)]
    pub(crate) ip_address: Option<String>,
    /// `PRIMARY`, `PRIVATE` or `OUTGOING`.
    #[record(computed)]
    pub(crate) r#type: Option<String>,
}

/// A certificate.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Certificate {
    /// PEM.
    #[record(computed)]
    pub(crate) cert: Option<String>,
    /// Whose.
    #[record(computed)]
    pub(crate) common_name: Option<String>,
    /// Until when.
    #[record(computed)]
    pub(crate) expiration_time: Option<String>,
    /// Its fingerprint.
    #[record(computed)]
    pub(crate) sha1_fingerprint: Option<String>,
}

pub(crate) struct Instance;

#[async_trait]
impl Kind for Instance {
    type Record = InstanceRecord;
    const TYPE: &'static str = "google_sql_database_instance";
    const API: Api = Api {
        labels: Labelled::At("settings.user_labels", "/settings/userLabels"),
        ..super::api(
            "sql.instances",
            "projects/{project}/instances",
            Update::Patch,
        )
    };
    const RULES: Rules = &[
        (
            "encryption_key_name",
            Rule::Named("diskEncryptionConfiguration/kmsKeyName"),
        ),
        ("root_password_wo", Rule::Own),
        ("root_password_wo_version", Rule::Own),
        ("deletion_protection", Rule::Own),
        ("ip_address", Rule::Named("ipAddresses")),
        ("server_ca_cert", Rule::ShownOnly),
        ("settings.disk_size", Rule::Named("dataDiskSizeGb")),
        ("settings.disk_type", Rule::Named("dataDiskType")),
        ("settings.disk_autoresize", Rule::Named("storageAutoResize")),
        (
            "settings.disk_autoresize_limit",
            Rule::Named("storageAutoResizeLimit"),
        ),
        ("settings.version", Rule::Named("settingsVersion")),
    ];
    const PACE: Pace = LONG;

    /// Up to when an instance can be restored Cloud SQL says where it archives what is written; else its last backup counts.
    async fn backups(
        client: &Client,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        let get = |call: &str, path: String| Request::get(SQL, call, path);
        let look = get("sql.instances.get", id.to_owned());
        let Some(found) = there(client.call(context, &look).await)? else {
            return Ok(None);
        };
        let settings = &found["settings"]["backupConfiguration"];
        let mut backups = Backups {
            automatic: settings["enabled"] == true,
            ..Backups::default()
        };
        if settings["pointInTimeRecoveryEnabled"] == true {
            let path = format!("{id}/getLatestRecoveryTime");
            let look = get("sql.projects.instances.getLatestRecoveryTime", path);
            let times = client.call(context, &look).await?;
            backups.first = moment(&times["earliestRecoveryTime"]);
            backups.last = moment(&times["latestRecoveryTime"]);
        } else if backups.automatic {
            // The newest are listed first.
            let look = get("sql.backupRuns.list", format!("{id}/backupRuns"));
            let runs = client
                .call(context, &look.query("maxResults", "50"))
                .await?;
            let whole = |run: &&Json| run["status"] == "SUCCESSFUL";
            let mut runs = runs["items"].as_array().into_iter().flatten();
            backups.last = runs.find(whole).and_then(|run| moment(&run["endTime"]));
        }
        Ok(Some(backups))
    }

    fn traits() -> Traits {
        Traits::default().seconds(480, 180, 120)
    }

    fn plan(
        request: &infra_model::PlanRequest<'_>,
        planned: &mut infra_model::Planned,
    ) -> Result<(), infra_model::ProviderError> {
        // The version of the settings grows with every change of them.
        let changes = request.prior.is_some_and(|p| *p != planned.value);
        if !changes || !planned.replace.is_empty() {
            return Ok(());
        }
        let settings = planned
            .value
            .get("settings")
            .cloned()
            .unwrap_or(Value::NULL);
        let (bare, marks) = settings.unmark();
        if let Some([inner]) = bare.elements().filter(|e| e.len() == 1).map(|e| [&e[0]]) {
            let unknown = Value::Unknown(infra_model::Type::Number);
            let inner = inner.clone().with_attribute("version", unknown);
            let list = Value::list(Settings::block().implied_type(), vec![inner]);
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("settings", list.with_marks(marks));
        }
        Ok(())
    }

    fn body(client: &Client, desired: &InstanceRecord, body: &mut Map<String, Json>) {
        let region = desired
            .region
            .clone()
            .or_else(|| client.config().region.clone());
        if let Some(region) = region {
            body.insert("region".to_owned(), region.into());
        }
        if let Some(password) = &desired.root_password_wo {
            body.insert("rootPassword".to_owned(), password.as_str().into());
        }
    }

    fn shown(found: &mut Json) {
        let addresses = found["ipAddresses"].as_array().cloned().unwrap_or_default();
        let of = |kind: &str| {
            let found = addresses.iter().find(|a| a["type"] == kind);
            found.map_or(Json::Null, |a| a["ipAddress"].clone())
        };
        found["firstIpAddress"] = addresses
            .first()
            .map_or(Json::Null, |a| a["ipAddress"].clone());
        found["privateIpAddress"] = of("PRIVATE");
        found["publicIpAddress"] = of("PRIMARY");
    }

    fn patch(prior: &InstanceRecord, desired: &InstanceRecord, patch: &mut Map<String, Json>) {
        if prior.root_password_wo_version != desired.root_password_wo_version
            && let Some(password) = &desired.root_password_wo
        {
            patch.insert("rootPassword".to_owned(), password.as_str().into());
        }
        // The version that was seen: a change made by others since is refused with it.
        let version = prior.settings.first().and_then(|s| s.version);
        if let (Some(Json::Object(settings)), Some(version)) = (patch.get_mut("settings"), version)
        {
            settings.insert("settingsVersion".to_owned(), version.to_string().into());
        }
    }
}
