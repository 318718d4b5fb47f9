//! The managed databases of the real stack, which a drill does not restore: whether their clouds make backups of them, and up to when
//! they could be had back.

use super::clouds::Clouds;
use super::report::Report;
use crate::commands::harden::seen::Seen;
use infra_model::kept::Backups;
use infra_model::program::ComponentInstance;
use infra_model::time::Timestamp;
use serde_json::json;
use std::time::Duration;

const WHAT: &str = "managed";
/// The types of which a database is one, by cloud.
const TYPES: [&str; 4] = [
    "aws_db_instance",
    "google_sql_database_instance",
    "azurerm_mysql_flexible_server",
    "azurerm_postgresql_flexible_server",
];
/// Clouds make a backup a day, and archive what is written between them within minutes.
const LATE: Duration = Duration::from_hours(26);

/// Tells of each.
pub(super) async fn look(seen: &Seen, clouds: &Clouds, now: Timestamp, report: &mut Report) {
    for component in seen.components("database") {
        let name = component.scope().to_string();
        match backups(seen, component, clouds).await {
            Ok(backups) => tell(&name, backups, now, report),
            Err(why) => {
                report.database(json!({ "database": name, "problem": why }));
                report.warn(WHAT, format!("{name}: {why}"));
            }
        }
    }
}

async fn backups(
    seen: &Seen,
    component: &ComponentInstance,
    clouds: &Clouds,
) -> Result<Backups, String> {
    for block in seen.blocks(component) {
        let (type_name, name) = (&*block.address.type_name, &*block.address.name);
        if !TYPES.contains(&type_name) {
            continue;
        }
        let Some(resource) = seen.resource(component, type_name, name) else {
            return Err(seen.not_known(&block.address.to_string()));
        };
        return match clouds.asking.backups(type_name, resource).await {
            Ok(Some(backups)) => Ok(backups),
            Ok(None) => Err("it is gone".to_owned()),
            Err(error) => Err(format!("its backups cannot be asked for: {error}")),
        };
    }
    Err("it is of no kind that tells of backups".to_owned())
}

fn tell(name: &str, backups: Backups, now: Timestamp, report: &mut Report) {
    report.database(json!({
        "database": name,
        "automatic_backups": backups.automatic,
        "first_restorable": backups.first.map(written),
        "last_restorable": backups.last.map(written),
    }));
    if !backups.automatic {
        let why = "makes no backups: what is in it is lost with it";
        return report.warn(WHAT, format!("{name} {why}"));
    }
    let Some(last) = backups.last else {
        let why = "backups are on, and there is none yet: what is in it is lost with it";
        return report.warn(WHAT, format!("{name}: {why}"));
    };
    let age = now.since(last);
    let told = format!(
        "{name}: backups are on, the last restorable moment is {}, {} ago; the drill does not restore it",
        written(last),
        crate::live::duration(age)
    );
    if age > LATE {
        report.warn(WHAT, told);
    } else {
        report.aside(WHAT, told);
    }
}

/// A moment, as people write it.
pub(super) fn written(moment: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(moment.0)
        .ok()
        .and_then(|m| m.round(jiff::Unit::Second).ok())
        .map_or_else(|| moment.0.to_string(), |m| m.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(automatic: bool, last: Option<i64>) -> String {
        let day = 24 * 60 * 60 * 1000;
        let backups = Backups {
            automatic,
            first: None,
            last: last.map(|days| Timestamp(days * day)),
        };
        let mut report = Report::default();
        tell("database.main", backups, Timestamp(10 * day), &mut report);
        format!("{report:?}")
    }

    #[test]
    fn what_cannot_be_had_back_is_a_warning() {
        assert!(told(false, None).contains("Warning, \"managed\", \"database.main makes no"));
        assert!(told(true, None).contains("there is none yet"));
        let old = told(true, Some(8));
        assert!(
            old.contains("Warning") && old.contains("1970-01-09T00:00:00Z, 48h00m ago"),
            "{old}"
        );
        assert!(
            told(true, Some(10)).contains("Aside"),
            "{}",
            told(true, Some(10))
        );
    }
}
