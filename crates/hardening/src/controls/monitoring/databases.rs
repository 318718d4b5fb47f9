//! What is alerted about databases of apps' own: what CloudNativePG and its plugin tell, or Patroni, which Zalando's operator runs.

use super::rules::alert;
use crate::controls::database::{self, zalando};
use crate::inside::Inside;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The databases that there are.
pub(super) struct Databases {
    /// Whether Zalando's operator runs them.
    pub(super) zalando: bool,
    all: Vec<Database>,
}

struct Database {
    namespace: String,
    instances: i64,
    /// Within how many hours there must be another backup; none where there are none.
    backup_within: Option<u32>,
}

/// CloudNativePG calls pods by their cluster, and each by a number.
const CLUSTER: &str = r#""cluster", "$1", "pod", "(.+)-[0-9]+""#;
const LAST_BACKUP: &str = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp";
/// A nightly backup.
const DAY: u32 = database::DAY;

impl Databases {
    /// What the apps declare, where somebody runs databases.
    pub(super) fn of(inside: &Inside<'_>) -> Option<Databases> {
        if !inside.on("database") {
            return None;
        }
        let config = inside.config::<database::Config>("database").ok()?;
        let all = inside.apps.iter().filter_map(|app| {
            let postgres = app.inputs.postgres.first()?;
            Some(Database {
                namespace: app.namespace().to_owned(),
                instances: postgres.instances,
                backup_within: postgres
                    .backup
                    .first()
                    .map(|b| database::within(&b.schedule)),
            })
        });
        Some(Databases {
            zalando: config.operator == "zalando",
            all: all.collect(),
        })
    }

    /// The rules of the group.
    pub(super) fn rules(&self) -> Vec<Json> {
        let up = if self.zalando {
            "patroni_postgres_running"
        } else {
            "cnpg_collector_up"
        };
        let mut rules = if self.zalando {
            let mut rules = patroni();
            let backed_up = self.all.iter().filter(|d| d.backup_within.is_some());
            rules.extend(backed_up.map(job_finds_none));
            rules
        } else {
            self.cloudnative_pg()
        };
        rules.push(alert(
            "DatabaseInstanceDown",
            "critical",
            5,
            &format!("max by (namespace, pod) ({up}) == 0"),
            "the database instance {{ $labels.namespace }}/{{ $labels.pod }} does not answer",
        ));
        // One that is not there at all tells nothing.
        rules.extend(self.all.iter().map(|database| {
            let (namespace, instances) = (&database.namespace, database.instances);
            let none = format!(r#"label_replace(vector(0), "namespace", "{namespace}", "", "")"#);
            alert(
                "DatabaseInstanceMissing",
                "critical",
                15,
                &format!(
                    r#"(count by (namespace) ({up}{{namespace="{namespace}"}} == 1) or {none}) < {instances}"#
                ),
                &format!(
                    "{{{{ $value }}}} of {instances} instances of the database of {{{{ $labels.namespace }}}} run"
                ),
            )
        }));
        rules
    }

    fn cloudnative_pg(&self) -> Vec<Json> {
        let mut rules = self.backups_are_old();
        // The plugin says 0 until there is a first one, which is made at once. Without the plugin there is no series, and no backup.
        let last = by_cluster(LAST_BACKUP);
        let mut never = format!("{last} == 0");
        let backed_up = self.all.iter().filter(|d| d.backup_within.is_some());
        let backed_up: Vec<&str> = backed_up.map(|d| d.namespace.as_str()).collect();
        if !backed_up.is_empty() {
            let there = format!(
                r#"cnpg_collector_up{{namespace=~"{}"}}"#,
                backed_up.join("|")
            );
            never = format!(
                "{never} or ({} unless on (namespace, cluster) {last})",
                by_cluster(&there)
            );
        }
        rules.extend([
            alert(
                "DatabaseHasNoBackup",
                "critical",
                120,
                &never,
                "the database {{ $labels.namespace }}/{{ $labels.cluster }} has no backup at all",
            ),
            alert(
                "DatabaseNotArchived",
                "critical",
                15,
                r#"max by (namespace, pod) (cnpg_collector_pg_wal_archive_status{value="ready"}) > 10"#,
                "{{ $value }} pieces of the log of {{ $labels.namespace }}/{{ $labels.pod }} wait to be archived",
            ),
            alert(
                "DatabaseReplicaLags",
                "warning",
                5,
                "max by (namespace, pod) (cnpg_pg_replication_lag) > 60",
                "the replica {{ $labels.namespace }}/{{ $labels.pod }} is {{ $value | humanizeDuration }} behind",
            ),
        ]);
        rules
    }

    /// One rule for those that are backed up every day, one for those of each longer time.
    fn backups_are_old(&self) -> Vec<Json> {
        let mut seldom: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for database in &self.all {
            if let Some(hours) = database.backup_within.filter(|h| *h > DAY) {
                seldom.entry(hours).or_default().push(&database.namespace);
            }
        }
        let others: Vec<&str> = seldom.values().flatten().copied().collect();
        let daily = match others.as_slice() {
            [] => String::new(),
            others => format!(r#"{{namespace!~"{}"}}"#, others.join("|")),
        };
        let mut out = vec![backup_is_old(&daily, DAY)];
        out.extend(seldom.iter().map(|(hours, namespaces)| {
            let these = format!(r#"{{namespace=~"{}"}}"#, namespaces.join("|"));
            backup_is_old(&these, *hours)
        }));
        out
    }
}

/// A series by database: each of its instances tells the same.
fn by_cluster(series: &str) -> String {
    format!("max by (namespace, cluster) (label_replace({series}, {CLUSTER}))")
}

fn backup_is_old(selector: &str, hours: u32) -> Json {
    let last = by_cluster(&format!("{LAST_BACKUP}{selector} > 0"));
    alert(
        "DatabaseBackupIsOld",
        "critical",
        15,
        &format!("time() - {last} > {hours} * 3600"),
        "the last backup of the database {{ $labels.namespace }}/{{ $labels.cluster }} is {{ $value | humanizeDuration }} old",
    )
}

/// Whether the job that looks for a young backup finds one. One that never has is as old as it is.
fn job_finds_none(database: &Database) -> Json {
    let namespace = &database.namespace;
    let (job, hours) = (
        zalando::age::job(namespace),
        database.backup_within.unwrap_or(DAY),
    );
    let of = |series: &str| {
        format!(
            r#"max by (namespace, cronjob) ({series}{{namespace="{}", cronjob="{job}"}})"#,
            zalando::NAMESPACE
        )
    };
    let (done, made) = (
        of("kube_cronjob_status_last_successful_time"),
        of("kube_cronjob_created"),
    );
    let since = format!("time() - max({done} or {made})");
    alert(
        "DatabaseBackupIsOld",
        "critical",
        15,
        &format!(r#"label_replace({since}, "namespace", "{namespace}", "", "") > 3 * 3600"#),
        &format!(
            "for {{{{ $value | humanizeDuration }}}} no backup of the database of {{{{ $labels.namespace }}}} was younger than {hours} hours"
        ),
    )
}

/// What Patroni tells: <https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint>. Of archives and backups it says
/// nothing: a job does ([`zalando::age`]).
fn patroni() -> Vec<Json> {
    vec![
        alert(
            "DatabaseHasNoPrimary",
            "critical",
            3,
            "max by (namespace, scope) (patroni_primary) == 0",
            "no instance of the database {{ $labels.namespace }}/{{ $labels.scope }} takes writes",
        ),
        alert(
            "DatabaseReplicaLags",
            "warning",
            5,
            // Who writes has no position of a replica's: 0.
            r"max by (namespace, scope) (patroni_xlog_location)
  - on (namespace, scope) group_right max by (namespace, scope, pod) (patroni_xlog_replayed_location > 0) > 64 * 1024 * 1024",
            "the replica {{ $labels.namespace }}/{{ $labels.pod }} is {{ $value | humanize1024 }}B of the log behind",
        ),
    ]
}
