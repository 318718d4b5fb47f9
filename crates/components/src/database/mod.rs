//! `database`: a managed relational database. Inputs and outputs, the same on every cloud.

mod aws;
mod azure;
mod google;

use crate::Component;
use crate::cloud::Cloud;
use crate::cluster::Target;
use crate::draft::Draft;
use crate::input::Input;
use crate::network::Site;
use infra_model::diagnostic::meant;
use infra_model::expand::OutputType;
use infra_model::{Record, Value};

/// A managed relational database: private, encrypted with its own key, reachable only over TLS and only by its clients. Its
/// password stands in the cloud's secret manager: on AWS it is made and rotated there and never seen here, on Google Cloud
/// and Azure it is made here and written there, and is nowhere else. There another number makes another one:
/// `override = { google_secret_manager_secret_version = { secret_data_wo_version = 2 } }`, and
/// `{ azurerm_key_vault_secret = { value_wo_version = 2 } }`.
///
/// In a stack with `protect = true` it refuses to be deleted, and leaves a last snapshot when it goes: on AWS `STACK-NAME-final`. That snapshot
/// is encrypted with the database's own key, which goes with it after 30 days: until then copy the snapshot under another key, or cancel the
/// key's deletion.
///
/// On Azure it is a flexible server, which has no last snapshot; in a protected stack a lock keeps it. Storage of PostgreSQL is of 32, 64,
/// 128, … GiB, the next that is enough, that of MySQL of 20 and more, and grows by itself where there is a standby. A `small` one with a
/// standby is as large as a `medium` one; a standby of MySQL is decided when it is made: later it is another server. All databases of an
/// engine share a subnet of their network: a client of one reaches the port of the others.
#[derive(Record)]
pub(crate) struct Inputs {
    /// The network it stands in, by name, such as `main`; for one of several `'main["eu"]'`. Must be known while planning.
    #[record(required)]
    pub(crate) network: Value,
    /// `postgres` or `mysql`.
    #[record(required)]
    pub(crate) engine: String,
    /// The engine's version: a major one such as `17` or `8.4`, whose minor updates come by themselves, or one such as `17.4`,
    /// which stays.
    #[record(required)]
    pub(crate) version: String,
    /// How large it is: `small`, `medium` or `large`. On AWS `db.t4g.medium`, `db.m7g.large`, `db.m7g.2xlarge`.
    #[record(optional)]
    pub(crate) size: Option<String>,
    /// The cloud's own name of a kind of machine, such as `db.m7g.large`, instead of `size`.
    #[record(optional)]
    pub(crate) instance: Option<String>,
    /// Its storage, in GiB.
    #[record(optional, default = 20)]
    pub(crate) storage_gb: i64,
    /// Its storage grows by itself up to so many GiB.
    #[record(optional)]
    pub(crate) max_storage_gb: Option<i64>,
    /// A standby in another zone that takes over by itself.
    #[record(optional, default = false)]
    pub(crate) high_availability: bool,
    /// Backups.
    #[record(block, max = 1)]
    pub(crate) backups: Vec<Backups>,
    /// Who reaches it: names of clusters, or ranges of addresses such as `10.8.0.0/16`. By default the clusters of its network.
    #[record(optional)]
    pub(crate) clients: Option<Vec<String>>,
    /// The name of the first database in it; by default the component's name.
    #[record(optional)]
    pub(crate) database: Option<String>,
    /// The name of its administrator.
    #[record(optional, default = "dbadmin")]
    pub(crate) username: Input<String>,
}

/// Backups of a database.
#[derive(Record)]
pub(crate) struct Backups {
    /// For how many days they are kept; 0 makes none.
    #[record(optional, default = 7)]
    pub(crate) retention_days: i64,
    /// Whether any moment in that time can be restored. AWS does so whenever there are backups.
    #[record(optional, default = true)]
    pub(crate) point_in_time: bool,
}

/// The engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    MySql,
}

/// Who may connect.
pub(crate) struct Clients {
    pub(crate) clusters: Vec<Target>,
    pub(crate) ranges: Vec<String>,
}

/// The kind.
pub(crate) struct Database;

impl Component for Database {
    const NAME: &'static str = "database";
    const OUTPUTS: &'static [(&'static str, OutputType, &'static str)] = &[
        ("id", OutputType::Text, "Its id."),
        (
            "endpoint",
            OutputType::Text,
            "Its address and port, such as `shop.example.com:5432`.",
        ),
        ("address", OutputType::Text, "Its address."),
        ("port", OutputType::Number, "Its port."),
        (
            "database",
            OutputType::Text,
            "The name of the first database in it.",
        ),
        (
            "username",
            OutputType::Text,
            "The name of its administrator.",
        ),
        (
            "secret_id",
            OutputType::Text,
            "Where the cloud's secret manager keeps the administrator's password: the secret's ARN on AWS, its address on Azure.",
        ),
        (
            "secret_scope",
            OutputType::Text,
            "How grants name that secret: its ARN on AWS, its name on Google Cloud, its resource id on Azure.",
        ),
        ("security_group_id", OutputType::Text, "Its firewall group."),
    ];
    const NATIVES: &'static [&'static str] = &[
        "aws_db_instance",
        "aws_db_parameter_group",
        "aws_db_subnet_group",
        "aws_kms_alias",
        "aws_kms_key",
        "aws_security_group",
        "aws_vpc_security_group_ingress_rule",
        "google_compute_firewall",
        "google_kms_crypto_key",
        "google_kms_crypto_key_iam_member",
        "google_kms_key_ring",
        "google_project_service_identity",
        "google_secret_manager_secret",
        "google_secret_manager_secret_version",
        "google_sql_database",
        "google_sql_database_instance",
        "google_sql_user",
        "azurerm_key_vault",
        "azurerm_key_vault_key",
        "azurerm_key_vault_secret",
        "azurerm_management_lock",
        "azurerm_mysql_flexible_database",
        "azurerm_mysql_flexible_server",
        "azurerm_mysql_flexible_server_configuration",
        "azurerm_network_security_rule",
        "azurerm_postgresql_flexible_server",
        "azurerm_postgresql_flexible_server_configuration",
        "azurerm_postgresql_flexible_server_database",
        "azurerm_private_dns_zone",
        "azurerm_private_dns_zone_virtual_network_link",
        "azurerm_role_assignment",
        "azurerm_user_assigned_identity",
        "random_id",
        "random_password",
    ];
    type Inputs = Inputs;

    fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
        let site = Site::find("network", &inputs.network, draft);
        let engine = engine(inputs, draft);
        check(inputs, draft);
        let Some(site) = site else { return };
        let clients = clients(inputs, &site, draft);
        let Some(engine) = engine else { return };
        draft.fact("engine", Value::from(engine.name()));
        draft.fact("port", Value::from(engine.port()));
        match site.cloud {
            Cloud::Aws(_) => aws::expand(inputs, engine, &site, &clients, draft),
            Cloud::Google(_) => google::expand(inputs, engine, &site, &clients, draft),
            Cloud::Azure(_) => azure::expand(inputs, engine, &site, &clients, draft),
        }
    }
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Postgres => "postgres",
            Engine::MySql => "mysql",
        }
    }

    pub(crate) fn port(self) -> i64 {
        match self {
            Engine::Postgres => 5432,
            Engine::MySql => 3306,
        }
    }
}

impl Inputs {
    /// For how many days backups are kept.
    pub(crate) fn retention_days(&self) -> i64 {
        self.backups.first().map_or(7, |b| b.retention_days)
    }

    /// The name of the first database: letters, digits and `_`.
    pub(crate) fn database_name(&self, component: &str) -> String {
        self.database
            .clone()
            .unwrap_or_else(|| component.replace('-', "_"))
    }
}

fn engine(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<Engine> {
    let all = [Engine::Postgres, Engine::MySql];
    let found = all.into_iter().find(|e| e.name() == inputs.engine);
    if found.is_none() {
        let meant = meant(&inputs.engine, all.map(Engine::name));
        draft.refuse(
            "engine",
            format!("there is no engine `{}`{meant}", inputs.engine),
            "write \"postgres\" or \"mysql\"",
        );
    }
    found
}

fn check(inputs: &Inputs, draft: &mut Draft<'_>) {
    if inputs.size.is_some() && inputs.instance.is_some() {
        draft.refuse(
            "instance",
            "both say how large the database is: `size` and `instance`",
            "leave one of them out",
        );
    }
    if let Some(max) = inputs.max_storage_gb
        && max <= inputs.storage_gb
    {
        draft.refuse(
            "max_storage_gb",
            format!(
                "storage cannot grow from {} to {max} GiB",
                inputs.storage_gb
            ),
            "make `max_storage_gb` larger than `storage_gb`, or leave it out",
        );
    }
    if inputs
        .backups
        .first()
        .is_some_and(|b| b.retention_days == 0 && b.point_in_time)
    {
        draft.refuse(
            "backups.point_in_time",
            "without backups no moment can be restored",
            "write `retention_days = 7`, or `point_in_time = false` to go without backups",
        );
    }
    let name = inputs.database_name(draft.instance.name);
    let legal = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= 63;
    if !legal {
        draft.refuse(
            "database",
            format!("`{name}` cannot be the name of a database"),
            "write `database = \"…\"` of up to 63 letters, digits and `_`, first a letter",
        );
    }
}

fn clients(inputs: &Inputs, site: &Site, draft: &mut Draft<'_>) -> Clients {
    let mut clients = Clients {
        clusters: Vec::new(),
        ranges: Vec::new(),
    };
    let Some(given) = &inputs.clients else {
        clients.clusters = Target::in_network(&site.reference, draft);
        if clients.clusters.is_empty() {
            draft.remark(
                "clients",
                format!("nothing can reach this database: there is no cluster in {}", site.reference),
                "name who may: `clients = [\"10.0.0.0/16\"]`; `clients = []` says that it is meant so",
            );
        }
        return clients;
    };
    for (index, client) in given.iter().enumerate() {
        let path = format!("clients[{index}]");
        if !client.contains('/') {
            let name = Value::from(client.as_str());
            let Some(cluster) = Target::find(&path, &name, draft) else {
                continue;
            };
            if cluster.network == site.reference {
                clients.clusters.push(cluster);
            } else {
                draft.refuse(
                    &path,
                    format!(
                        "{} stands in {}, not in {}",
                        cluster.reference, cluster.network, site.reference
                    ),
                    "name clusters of the database's network; others come by ranges of addresses",
                );
            }
        } else if client
            .parse::<ipnet::Ipv4Net>()
            .is_ok_and(|range| range.prefix_len() > 0)
        {
            clients.ranges.push(client.clone());
        } else {
            draft.refuse(
                &path,
                format!("`{client}` is not a range of addresses that may reach a database"),
                "write one such as \"10.8.0.0/16\", or the name of a cluster",
            );
        }
    }
    clients
}
