//! The settings of a database instance.

use infra_model::Record;
use std::collections::BTreeMap;

/// Settings.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Settings {
    /// The machine: `db-f1-micro`, `db-custom-2-7680`, `db-perf-optimized-N-2`.
    #[record(required)]
    pub(crate) tier: String,
    /// `ENTERPRISE` or `ENTERPRISE_PLUS`.
    #[record(optional, computed)]
    pub(crate) edition: Option<String>,
    /// `ZONAL`, or `REGIONAL` for a second one that takes over.
    #[record(optional, default = "ZONAL")]
    pub(crate) availability_type: String,
    /// `ALWAYS` or `NEVER`.
    #[record(optional, default = "ALWAYS")]
    pub(crate) activation_policy: String,
    /// GB. It can grow only.
    #[record(optional, computed)]
    pub(crate) disk_size: Option<i64>,
    /// `PD_SSD`, `PD_HDD`, `HYPERDISK_BALANCED`.
    #[record(optional, default = "PD_SSD")]
    pub(crate) disk_type: String,
    /// Whether it grows by itself.
    #[record(optional, default = true)]
    pub(crate) disk_autoresize: bool,
    /// GB up to which it grows by itself; 0 for no limit.
    #[record(optional, default = 0)]
    pub(crate) disk_autoresize_limit: i64,
    /// Whether Google refuses to delete it.
    #[record(optional, protects)]
    pub(crate) deletion_protection_enabled: Option<bool>,
    /// Labels.
    #[record(optional)]
    pub(crate) user_labels: BTreeMap<String, String>,
    /// Options of the database.
    #[record(block)]
    pub(crate) database_flags: Vec<Flag>,
    /// Addresses and TLS.
    #[record(block, max = 1, computed)]
    pub(crate) ip_configuration: Vec<IpConfiguration>,
    /// Backups.
    #[record(block, max = 1, computed)]
    pub(crate) backup_configuration: Vec<Backup>,
    /// Where it stands.
    #[record(block, max = 1, computed)]
    pub(crate) location_preference: Vec<Place>,
    /// When Google may change it.
    #[record(block, max = 1)]
    pub(crate) maintenance_window: Vec<Window>,
    /// What slow queries tell.
    #[record(block, max = 1)]
    pub(crate) insights_config: Vec<Insights>,
    /// Grows with every change: one made by others in between is refused.
    #[record(computed)]
    pub(crate) version: Option<i64>,
}

/// An option.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Flag {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Its value.
    #[record(required)]
    pub(crate) value: String,
}

/// Addresses and TLS.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct IpConfiguration {
    /// Whether it has a public address.
    #[record(optional, default = true)]
    pub(crate) ipv4_enabled: bool,
    /// The network in which it has a private address; it needs a connection to Google's services.
    #[record(optional, compare = resource_name)]
    pub(crate) private_network: Option<String>,
    /// The range of that address, by name.
    #[record(optional)]
    pub(crate) allocated_ip_range: Option<String>,
    /// `ALLOW_UNENCRYPTED_AND_ENCRYPTED`, `ENCRYPTED_ONLY` or `TRUSTED_CLIENT_CERTIFICATE_REQUIRED`.
    #[record(optional, computed)]
    pub(crate) ssl_mode: Option<String>,
    /// Whether Google's services reach it inside.
    #[record(optional)]
    pub(crate) enable_private_path_for_google_cloud_services: Option<bool>,
    /// Who may reach the public address.
    #[record(block, set)]
    pub(crate) authorized_networks: Vec<Network>,
}

/// A range.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Network {
    /// Its addresses.
    #[record(required)]
    pub(crate) value: String,
    /// Who is there.
    #[record(optional)]
    pub(crate) name: Option<String>,
}

/// Backups.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Backup {
    /// Whether there are any.
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
    /// `02:00`, UTC.
    #[record(optional, computed)]
    pub(crate) start_time: Option<String>,
    /// Where they lie.
    #[record(optional)]
    pub(crate) location: Option<String>,
    /// Whether it can be restored to any moment.
    #[record(optional)]
    pub(crate) point_in_time_recovery_enabled: Option<bool>,
    /// Whether MySQL's log is kept.
    #[record(optional)]
    pub(crate) binary_log_enabled: Option<bool>,
    /// Days of logs, 1 to 7 (35 with Enterprise Plus).
    #[record(optional, computed)]
    pub(crate) transaction_log_retention_days: Option<i64>,
    /// How long.
    #[record(block, max = 1, computed)]
    pub(crate) backup_retention_settings: Vec<Retention>,
}

/// How long.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Retention {
    /// So many.
    #[record(required)]
    pub(crate) retained_backups: i64,
    /// `COUNT`.
    #[record(optional, default = "COUNT")]
    pub(crate) retention_unit: String,
}

/// Where it stands.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Place {
    /// The zone.
    #[record(optional, computed)]
    pub(crate) zone: Option<String>,
    /// The zone of the one that takes over.
    #[record(optional)]
    pub(crate) secondary_zone: Option<String>,
}

/// When Google may change it.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Window {
    /// 1 is Monday, 7 is Sunday.
    #[record(optional)]
    pub(crate) day: Option<i64>,
    /// 0 to 23, UTC.
    #[record(optional)]
    pub(crate) hour: Option<i64>,
    /// `canary`, `stable` or `week5`.
    #[record(optional)]
    pub(crate) update_track: Option<String>,
}

/// What slow queries tell.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Insights {
    /// Whether they do.
    #[record(optional)]
    pub(crate) query_insights_enabled: Option<bool>,
    /// The longest query, bytes.
    #[record(optional, default = 1024)]
    pub(crate) query_string_length: i64,
    /// Whether applications' tags are kept.
    #[record(optional)]
    pub(crate) record_application_tags: Option<bool>,
    /// Whether clients' addresses are kept.
    #[record(optional)]
    pub(crate) record_client_address: Option<bool>,
    /// So many plans a minute.
    #[record(optional, computed)]
    pub(crate) query_plans_per_minute: Option<i64>,
}
