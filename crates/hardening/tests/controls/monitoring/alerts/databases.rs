//! The alerts about databases, and about the snapshots of Vault.

use super::{Case, Exporter, Labels, Series, fires, quiet};
use infra_model::expand::Expansion;
use serde_json::json;

/// A series of each of three instances; none where there is no value.
fn instances(
    expansion: &Expansion,
    monitor: &str,
    series: &str,
    own: Labels<'_>,
    values: [&str; 3],
) -> Vec<Series> {
    let pods = ["postgres-1", "postgres-2", "postgres-3"];
    let there = pods.iter().zip(values).filter(|(_, v)| !v.is_empty());
    there
        .map(|(pod, value)| Exporter::of(expansion, "shop", monitor, pod).tells(series, own, value))
        .collect()
}

pub(super) fn cloudnative_pg(expansion: &Expansion) -> Vec<Case> {
    let tell = |series: &str, own: Labels<'_>, values| {
        instances(expansion, "postgres-9187", series, own, values)
    };
    let up = |values| tell("cnpg_collector_up", &[("cluster", "postgres")], values);
    let backup = |value| {
        let name = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp";
        let mut all = tell(name, &[], [value, value, value]);
        all.extend(up(["1+0x2000", "1+0x2000", "1+0x2000"]));
        all
    };
    let waiting = |value| {
        let name = "cnpg_collector_pg_wal_archive_status";
        tell(name, &[("value", "ready")], [value, "0+0x60", "0+0x60"])
    };
    let lag = |value| tell("cnpg_pg_replication_lag", &[], ["0+0x60", value, "0+0x60"]);
    let cluster = json!({ "severity": "critical", "namespace": "shop", "cluster": "postgres" });
    let pod = |severity: &str, pod: &str| json!({ "severity": severity, "namespace": "shop", "pod": pod });
    let mut cases = vec![
        // A backup of the hour 0, a day and a bit later; a database that never had one has another alert.
        quiet("DatabaseBackupIsOld", "25h", backup("60+0x2000")),
        quiet("DatabaseBackupIsOld", "27h", backup("0+0x2000")),
        fires(
            "DatabaseBackupIsOld",
            "27h",
            backup("60+0x2000"),
            cluster.clone(),
            "the last backup of the database shop/postgres is 1d 2h 59m 0s old",
        ),
        // The first one takes its time.
        quiet("DatabaseHasNoBackup", "1h", backup("0+0x200")),
        quiet("DatabaseHasNoBackup", "5h", backup("0+0x60 3600+0x600")),
        fires(
            "DatabaseHasNoBackup",
            "3h",
            backup("0+0x200"),
            cluster.clone(),
            "the database shop/postgres has no backup at all",
        ),
        // Without the plugin nothing tells of backups.
        fires(
            "DatabaseHasNoBackup",
            "3h",
            up(["1+0x200", "1+0x200", "1+0x200"]),
            cluster,
            "the database shop/postgres has no backup at all",
        ),
        quiet("DatabaseNotArchived", "30m", waiting("3+0x60")),
        fires(
            "DatabaseNotArchived",
            "30m",
            waiting("40+0x60"),
            pod("critical", "postgres-1"),
            "40 pieces of the log of shop/postgres-1 wait to be archived",
        ),
        quiet("DatabaseReplicaLags", "30m", lag("5+0x60")),
        fires(
            "DatabaseReplicaLags",
            "30m",
            lag("300+0x60"),
            pod("warning", "postgres-2"),
            "the replica shop/postgres-2 is 5m 0s behind",
        ),
    ];
    cases.extend(missing(up));
    cases
}

/// An instance that does not answer, one that is not there, and none at all.
fn missing(up: impl Fn([&'static str; 3]) -> Vec<Series>) -> Vec<Case> {
    let whole = ["1+0x60", "1+0x60", "1+0x60"];
    let shop = json!({ "severity": "critical", "namespace": "shop" });
    vec![
        quiet("DatabaseInstanceDown", "30m", up(whole)),
        fires(
            "DatabaseInstanceDown",
            "30m",
            up(["1+0x60", "1+0x60", "0+0x60"]),
            json!({ "severity": "critical", "namespace": "shop", "pod": "postgres-3" }),
            "the database instance shop/postgres-3 does not answer",
        ),
        quiet("DatabaseInstanceMissing", "30m", up(whole)),
        fires(
            "DatabaseInstanceMissing",
            "30m",
            up(["1+0x60", "1+0x60", ""]),
            shop.clone(),
            "2 of 3 instances of the database of shop run",
        ),
        fires(
            "DatabaseInstanceMissing",
            "30m",
            Vec::new(),
            shop,
            "0 of 3 instances of the database of shop run",
        ),
    ]
}

pub(super) fn patroni(expansion: &Expansion) -> Vec<Case> {
    let tell = |series: &str, values| {
        let own = [("scope", "postgres"), ("name", "postgres-0")];
        instances(expansion, "postgres-8008", series, &own, values)
    };
    let up = |values| tell("patroni_postgres_running", values);
    let primary = |value| tell("patroni_primary", [value, "0+0x60", "0+0x60"]);
    let behind = |value| {
        let mut all = tell(
            "patroni_xlog_location",
            ["1000000000+0x60", "0+0x60", "0+0x60"],
        );
        let replayed = ["0+0x60", value, "1000000000+0x60"];
        all.extend(tell("patroni_xlog_replayed_location", replayed));
        all
    };
    let mut cases = vec![
        quiet("DatabaseHasNoPrimary", "30m", primary("1+0x60")),
        fires(
            "DatabaseHasNoPrimary",
            "30m",
            primary("0+0x60"),
            json!({ "severity": "critical", "namespace": "shop", "scope": "postgres" }),
            "no instance of the database shop/postgres takes writes",
        ),
        quiet("DatabaseReplicaLags", "30m", behind("999000000+0x60")),
        fires(
            "DatabaseReplicaLags",
            "30m",
            behind("865782272+0x60"),
            json!({ "severity": "warning", "namespace": "shop", "scope": "postgres", "pod": "postgres-2" }),
            "the replica shop/postgres-2 is 128MiB of the log behind",
        ),
    ];
    cases.extend(missing(up));
    cases.extend(looked_for());
    cases
}

/// The job that looks for a young backup of Zalando's: it ends well every hour while there is one.
fn looked_for() -> Vec<Case> {
    let state = Exporter::of_chart("kube-state-metrics");
    let of = |job: &str, done: &str| {
        let labels = [("namespace", "postgres-operator"), ("cronjob", job)];
        let mut all = vec![state.tells("kube_cronjob_created", &labels, "0+0x3000")];
        if !done.is_empty() {
            let name = "kube_cronjob_status_last_successful_time";
            all.push(state.tells(name, &labels, done));
        }
        all
    };
    let shop = json!({ "severity": "critical", "namespace": "shop" });
    vec![
        quiet(
            "DatabaseBackupIsOld",
            "30h",
            of("backup-of-shop", "0+60x3000"),
        ),
        // The first one takes its time.
        quiet("DatabaseBackupIsOld", "2h", of("backup-of-shop", "")),
        quiet("DatabaseBackupIsOld", "30h", of("backup-of-others", "")),
        fires(
            "DatabaseBackupIsOld",
            "30h",
            of("backup-of-shop", "72000+0x3000"),
            shop.clone(),
            "for 10h 0m 0s no backup of the database of shop was younger than 26 hours",
        ),
        fires(
            "DatabaseBackupIsOld",
            "4h",
            of("backup-of-shop", ""),
            shop,
            "for 4h 0m 0s no backup of the database of shop was younger than 26 hours",
        ),
    ]
}

/// The job that takes snapshots of Vault, as kube-state-metrics tells of it.
pub(super) fn snapshots() -> Vec<Case> {
    let state = Exporter::of_chart("kube-state-metrics");
    let of = |job: &str, made: &str, done: &str| {
        let labels = [("namespace", "vault"), ("cronjob", job)];
        let mut all = vec![state.tells("kube_cronjob_created", &labels, made)];
        if !done.is_empty() {
            let name = "kube_cronjob_status_last_successful_time";
            all.push(state.tells(name, &labels, done));
        }
        all
    };
    let vault =
        json!({ "severity": "critical", "namespace": "vault", "cronjob": "vault-snapshot" });
    vec![
        quiet(
            "BackupIsOld",
            "40h",
            of("vault-snapshot", "0+0x3000", "86400+0x3000"),
        ),
        quiet("BackupIsOld", "35h", of("vault-snapshot", "0+0x3000", "")),
        // Somebody else's.
        quiet("BackupIsOld", "40h", of("tidy", "0+0x3000", "")),
        fires(
            "BackupIsOld",
            "40h",
            of("vault-snapshot", "0+0x3000", "3600+0x3000"),
            vault.clone(),
            "the job vault/vault-snapshot has not succeeded for 1d 15h 0m 0s",
        ),
        // It has never succeeded.
        fires(
            "BackupIsOld",
            "40h",
            of("vault-snapshot", "0+0x3000", ""),
            vault,
            "the job vault/vault-snapshot has not succeeded for 1d 16h 0m 0s",
        ),
    ]
}
