//! Databases of apps' own, run by an operator: one instance writes, others follow and take over, every change is archived.

mod cnpg;
mod restore;
mod storage;
pub(in crate::controls) mod zalando;

use crate::app::{App, Postgres};
use crate::control::Control;
use crate::drill::Archived;
use crate::flow::{Peer, Pods, Port};
use crate::inside::Inside;
use crate::objects::resources;
use infra_draft::cloud::Cloud;
use infra_model::Record;
use infra_model::diagnostic::meant;
pub use restore::{RestoreError, is_moment, policies_of_restored, restore};
use serde_json::{Value as Json, json};

/// The operator of the databases that apps declare with `postgres`: highly available Postgres with continuous backups into a
/// bucket of the stack, from which any moment can be restored (`infra harden restore`).
#[derive(Record)]
pub(crate) struct Config {
    /// Who runs them: `cloudnative-pg` or `zalando`.
    #[record(optional, default = "cloudnative-pg")]
    pub(crate) operator: String,
    /// Whether apps connect through poolers, which keep many connections on few.
    #[record(optional, default = true)]
    pub(crate) pooler: bool,
    /// The class of the volumes. By default one of its own, which keeps volumes when claims are deleted.
    #[record(optional)]
    pub(crate) storage_class: Option<String>,
}

/// The control.
pub(crate) struct Database;

/// A database that an app declares, with everything checked.
struct Wanted<'a> {
    app: &'a App,
    /// Its place in the inputs.
    path: String,
    postgres: &'a Postgres,
    class: String,
    backup: Option<Archive>,
    /// The pods that connect.
    clients: Vec<Pods>,
    /// Processors and memory in MiB of each instance.
    size: (&'static str, &'static str, u32),
}

/// Where backups go.
struct Archive {
    /// How expressions reach the bucket.
    bucket: String,
    schedule: String,
    retention: String,
}

/// Within so many hours a nightly backup is made: it takes its time.
pub(in crate::controls) const DAY: u32 = 26;

/// What every database is called in its namespace.
const NAME: &str = "postgres";
/// What its poolers are called.
const POOLER: &str = "postgres-pooler";

impl Control for Database {
    const NAME: &'static str = "database";
    const BASELINE: bool = false;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        if !["cloudnative-pg", "zalando"].contains(&config.operator.as_str()) {
            let meant = meant(&config.operator, ["cloudnative-pg", "zalando"]);
            inside.draft.refuse(
                "database.operator",
                format!("databases are not run by `{}`{meant}", config.operator),
                "write \"cloudnative-pg\" or \"zalando\"",
            );
        }
        let apps: Vec<App> = inside
            .apps
            .iter()
            .filter(|a| !a.inputs.postgres.is_empty())
            .cloned()
            .collect();
        let class = match &config.storage_class {
            Some(class) => class.clone(),
            None => storage::class(inside),
        };
        let zalando = config.operator == "zalando";
        if zalando {
            zalando::install(inside);
        } else {
            cnpg::install(inside);
        }
        if !apps.is_empty() {
            inside.images.insert(if zalando {
                zalando::IMAGES
            } else {
                cnpg::IMAGES
            });
        }
        for app in &apps {
            let Some(wanted) = wanted(app, &class, inside) else {
                continue;
            };
            if zalando {
                zalando::database(config, &wanted, inside);
            } else {
                cnpg::database(config, &wanted, inside);
            }
        }
    }
}

/// Sizes: processors asked for and allowed, memory in MiB. Memory is the same asked for and allowed, so that a database is
/// never killed for what it was promised.
const SIZES: &[(&str, (&str, &str, u32))] = &[
    ("small", ("500m", "1", 1024)),
    ("medium", ("1", "2", 4096)),
    ("large", ("2", "4", 8192)),
    ("xlarge", ("4", "8", 16384)),
];

impl Wanted<'_> {
    fn namespace(&self) -> &str {
        self.app.namespace()
    }

    /// What it begins as, when it is a copy's.
    fn origin<'i>(&self, inside: &'i Inside<'_>) -> Option<&'i Archived> {
        inside.origin.as_ref()?.archives.get(self.namespace())
    }

    fn resources(&self) -> Json {
        let (asked, allowed, memory) = self.size;
        let memory = format!("{memory}Mi");
        resources([asked, &memory], [allowed, &memory])
    }

    /// Lets its clients connect, to the poolers too where there are any.
    fn connect(&self, instances: &Pods, pooler: Option<&Pods>, inside: &mut Inside<'_>) {
        for client in &self.clients {
            for target in std::iter::once(instances).chain(pooler) {
                let (from, to) = (client.clone(), target.clone());
                inside.allow(Peer::Pods(from), Peer::Pods(to), &[Port::tcp(5432)]);
            }
        }
    }

    /// Settings that follow from the memory: a quarter of it for Postgres' own cache, the rest for the system's.
    fn parameters(&self) -> Json {
        let memory = self.size.2;
        json!({
            "shared_buffers": format!("{}MB", memory / 4),
            "effective_cache_size": format!("{}MB", memory * 3 / 4),
            "maintenance_work_mem": format!("{}MB", memory / 16),
            "max_connections": "200",
            "log_min_duration_statement": "1000",
            "log_lock_waits": "on",
            "password_encryption": "scram-sha-256",
        })
    }
}

/// Checks what an app declares; what is wrong is refused.
fn wanted<'a>(app: &'a App, class: &str, inside: &mut Inside<'_>) -> Option<Wanted<'a>> {
    let postgres = app.inputs.postgres.first()?;
    let path = format!("{}.postgres", app.path());
    let names = SIZES.iter().map(|(name, _)| *name);
    let size = SIZES
        .iter()
        .find(|(name, _)| *name == postgres.size)
        .map(|(_, size)| *size);
    let draft = &mut inside.draft;
    let before = draft.is_refused();
    if size.is_none() {
        let meant = meant(&postgres.size, names.clone());
        draft.refuse(
            &format!("{path}.size"),
            format!("there is no size `{}`{meant}", postgres.size),
            format!("there is: {}", names.collect::<Vec<_>>().join(", ")),
        );
    }
    if postgres.instances < 1 {
        draft.refuse(
            &format!("{path}.instances"),
            "a database has at least one instance",
            "write `instances = 3`: one writes, two follow",
        );
    }
    if !["14", "15", "16", "17", "18"].contains(&postgres.version.as_str()) {
        draft.refuse(
            &format!("{path}.version"),
            format!("there is no Postgres `{}`", postgres.version),
            "write a major version from 14 to 18: `version = \"17\"`",
        );
    }
    let backup = match postgres.backup.first() {
        None => {
            draft.remark(
                &path,
                format!(
                    "the database of `{}` has no backups: what is deleted in it is gone",
                    app.name
                ),
                "write `backup = { bucket = \"backups\" }` with a bucket of this stack",
            );
            None
        }
        Some(backup) => {
            let good = cron_with_seconds(&backup.schedule);
            if !good {
                draft.refuse(
                    &format!("{path}.backup.schedule"),
                    format!("`{}` has not six fields", backup.schedule),
                    "write seconds, minutes, hours, day, month and weekday: `schedule = \"0 0 2 * * *\"` is every night at two",
                );
            }
            if !is_retention(&backup.retention) {
                draft.refuse(
                    &format!("{path}.backup.retention"),
                    format!(
                        "`{}` is no time that backups are kept for",
                        backup.retention
                    ),
                    "write days, weeks or months: `retention = \"14d\"`",
                );
            }
            let bucket = draft.find("bucket", &format!("{path}.backup.bucket"), &backup.bucket);
            if let Some(bucket) = &bucket {
                draft.outlived_by(&bucket.reference);
            }
            bucket.map(|bucket| Archive {
                bucket: bucket.reference,
                schedule: backup.schedule.clone(),
                retention: backup.retention.clone(),
            })
        }
    };
    let mut clients = Vec::new();
    for (index, from) in postgres.from.iter().enumerate() {
        let services = inside.services(&app.name);
        match services.iter().find(|s| s.name == *from) {
            Some(service) => clients.push(service.pods(app.namespace())),
            None => {
                let names: Vec<String> = services.iter().map(|s| s.name.clone()).collect();
                let meant = meant(from, names.iter().map(String::as_str));
                inside.draft.refuse(
                    &format!("{path}.from[{index}]"),
                    format!("`{}` has no service `{from}`{meant}", app.name),
                    format!(
                        "declare it: [hardening.{}.{}.services.{from}]",
                        inside.draft.instance.name,
                        app.path()
                    ),
                );
            }
        }
    }
    if inside.draft.is_refused() && !before {
        return None;
    }
    Some(Wanted {
        app,
        path,
        postgres,
        class: class.to_owned(),
        backup,
        clients,
        size: size?,
    })
}

/// Where an archive is, as the tools of the clouds write it.
fn destination(cloud: &Cloud, bucket: &str, folder: &str) -> String {
    match cloud {
        Cloud::Aws(_) => format!("s3://${{{bucket}.name}}/{folder}"),
        Cloud::Google(_) => format!("gs://${{{bucket}.name}}/{folder}"),
        Cloud::Azure(_) => format!("${{{bucket}.url}}/{folder}"),
    }
}

fn cron_with_seconds(schedule: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "*/,-?".contains(c);
    schedule.split_whitespace().count() == 6 && schedule.chars().all(|c| c == ' ' || legal(c))
}

fn is_retention(text: &str) -> bool {
    let Some(digits) = text.strip_suffix(['d', 'w', 'm']) else {
        return false;
    };
    !digits.starts_with('0') && digits.parse::<u32>().is_ok_and(|n| n > 0)
}

/// Within how many hours a schedule of six fields makes another backup.
pub(in crate::controls) fn within(schedule: &str) -> u32 {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let any = |index: usize| fields.get(index).is_none_or(|f| *f == "*" || *f == "?");
    match (any(3) && any(4), any(5)) {
        (true, true) => DAY,
        (true, false) => 7 * 24 + 2,
        (false, _) if any(4) => 31 * 24 + 2,
        (false, _) => 366 * 24,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_seconds() {
        assert!(cron_with_seconds("0 0 2 * * *"));
        assert!(cron_with_seconds("0 */15 * * * MON-FRI"));
        assert!(!cron_with_seconds("0 2 * * *"));
        assert!(!cron_with_seconds("0 0 2 * * ;"));
    }

    #[test]
    fn retentions_are_numbers_of_days_weeks_or_months() {
        assert!(is_retention("14d"));
        assert!(is_retention("3m"));
        assert!(!is_retention("0d"));
        assert!(!is_retention("14"));
        assert!(!is_retention("d"));
        assert!(!is_retention("1y"));
    }

    #[test]
    fn what_is_seldom_made_is_not_old_soon() {
        for (schedule, hours) in [
            ("0 0 2 * * *", 26),
            ("0 */15 * * * ?", 26),
            ("0 0 2 * * MON", 170),
            ("0 0 2 1 * *", 746),
            ("0 0 2 1 1 *", 8784),
        ] {
            assert_eq!(within(schedule), hours, "{schedule}");
        }
    }
}
