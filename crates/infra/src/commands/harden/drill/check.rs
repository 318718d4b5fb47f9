//! Whether what was made again is what the stack asks for: judged by what the copy's own cluster says of itself.

use super::clouds::Clouds;
use super::origin::{is_true, label};
use super::report::Report;
use crate::commands::harden::restore::is_database;
use infra_hardening::Origin;
use infra_hardening::audit::{KINDS, Row, audit, more_kinds};
use infra_model::ProviderError;
use serde_json::Value as Json;
use std::time::{Duration, Instant};

/// How long things that come by themselves, such as what the engine brings from the repository, are waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// In the sandbox nothing takes its time.
const SANDBOX: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(2);

/// What a copy is held against.
pub(super) struct Wanted<'a> {
    /// The rows of the roadmap, as the stack would make them.
    pub(super) rows: &'a [Row],
    /// What it was made from.
    pub(super) origin: &'a Origin,
}

/// Looks until all is well, or for as long as is reasonable.
pub(super) async fn copy(config: &Json, wanted: &Wanted<'_>, clouds: &Clouds) -> Report {
    let patience = if clouds.is_sandbox() {
        SANDBOX
    } else {
        PATIENCE
    };
    let begun = Instant::now();
    loop {
        let report = match listed(config, clouds).await {
            Ok(live) => judge(&live, wanted),
            Err(error) => {
                let mut report = Report::default();
                report.lost("cluster", format!("it cannot be asked: {error}"));
                report
            }
        };
        if !report.has_losses() || begun.elapsed() > patience {
            return report;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// All that is looked at.
async fn listed(config: &Json, clouds: &Clouds) -> Result<Vec<Json>, ProviderError> {
    let kinds = KINDS.iter().map(|k| (k.api_version, k.kind));
    let mut all = clouds.objects(config, kinds).await?;
    let found = clouds.objects(config, more_kinds(&all)).await?;
    all.extend(found);
    Ok(all)
}

fn judge(live: &[Json], wanted: &Wanted<'_>) -> Report {
    let mut report = Report::default();
    databases(live, wanted.origin, &mut report);
    sealed(live, &mut report);
    rows(&audit(live), wanted.rows, &mut report);
    report
}

fn databases(live: &[Json], origin: &Origin, report: &mut Report) {
    const WHAT: &str = "database";
    for archived in origin.archives.values() {
        let name = label(&archived.database);
        let same = |o: &&Json| {
            is_database(o) && o["kind"] == archived.database["kind"] && label(o) == name
        };
        let Some(found) = live.iter().find(same) else {
            report.lost(WHAT, format!("{name} was not made"));
            continue;
        };
        let (spec, status) = (&found["spec"], &found["status"]);
        if !spec["bootstrap"]["recovery"].is_object() && !spec["clone"].is_object() {
            report.lost(WHAT, format!("{name} began empty"));
        } else if is_true(found, "Ready") || status["PostgresClusterStatus"] == "Running" {
            let to = origin
                .moment
                .as_deref()
                .map_or("its last archived change".to_owned(), |m| {
                    format!("what it was at {m}")
                });
            report.holds(WHAT, format!("{name} is ready, recovered to {to}"));
        } else {
            let phase = ["phase", "PostgresClusterStatus"].map(|f| status[f].as_str());
            let phase = phase.into_iter().flatten().next();
            let phase = phase.unwrap_or("its operator says nothing");
            report.lost(WHAT, format!("{name} is not ready: {phase}"));
        }
    }
}

fn sealed(live: &[Json], report: &mut Report) {
    const WHAT: &str = "secrets";
    let all: Vec<&Json> = live
        .iter()
        .filter(|o| o["kind"] == "SealedSecret")
        .collect();
    let closed = all.iter().filter(|o| !is_true(o, "Synced"));
    let closed: Vec<String> = closed.map(|o| label(o)).collect();
    if !closed.is_empty() {
        let names = closed.join(", ");
        report.lost(WHAT, format!("the copy does not open {names}"));
    } else if !all.is_empty() {
        report.holds(WHAT, format!("the copy has opened {}", all.len()));
    }
}

/// What the stack closes must be closed; what it does not ask for is not missed.
fn rows(live: &[Row], stack: &[Row], report: &mut Report) {
    const WHAT: &str = "controls";
    let asked: Vec<&Row> = stack.iter().filter(|row| !row.is_open()).collect();
    let mut open = 0;
    for row in live {
        if row.is_open() && asked.iter().any(|a| a.name == row.name) {
            open += 1;
            report.lost(WHAT, format!("{}: {}", row.name, row.open.join("; ")));
        }
    }
    let rows = asked.len();
    if open == 0 {
        report.holds(WHAT, format!("{rows} rows of the roadmap are in place"));
    }
    let others = stack.iter().filter(|row| row.is_open()).map(|r| r.name);
    let others: Vec<&str> = others.collect();
    if !others.is_empty() {
        let others = others.join(", ");
        report.aside(WHAT, format!("not asked for by the stack: {others}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_hardening::Archived;
    use serde_json::json;

    fn cluster(bootstrap: Json, ready: &str) -> Json {
        json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
            "metadata": { "name": "postgres", "namespace": "shop" },
            "spec": { "bootstrap": bootstrap },
            "status": { "phase": "Setting up primary", "conditions": [{ "type": "Ready", "status": ready }] },
        })
    }

    fn told(live: &[Json], moment: Option<&str>) -> String {
        let archived = Archived {
            database: cluster(json!({}), "True"),
            ..Archived::default()
        };
        let origin = Origin {
            archives: [("shop".to_owned(), archived)].into(),
            moment: moment.map(str::to_owned),
            ..Origin::default()
        };
        let mut report = Report::default();
        databases(live, &origin, &mut report);
        sealed(live, &mut report);
        format!("{report:?}")
    }

    #[test]
    fn a_database_is_there_when_it_is_ready_and_was_recovered() {
        let recovery = json!({ "recovery": { "source": "origin" } });
        let good = [cluster(recovery.clone(), "True")];
        assert!(told(&good, None).contains("recovered to its last archived change"));
        let moment = "2026-01-31T12:00:00Z";
        assert!(told(&good, Some(moment)).contains(&format!("was at {moment}")));
        assert!(told(&[], None).contains("Lost, \"database\", \"shop/postgres was not made"));
        let waiting = told(&[cluster(recovery, "False")], None);
        assert!(
            waiting.contains("not ready: Setting up primary"),
            "{waiting}"
        );
        let empty = told(&[cluster(json!({ "initdb": {} }), "True")], None);
        assert!(empty.contains("began empty"), "{empty}");
    }

    #[test]
    fn what_the_copy_does_not_open_is_named() {
        let secret = |status: &str| {
            json!({
                "kind": "SealedSecret", "metadata": { "name": "api", "namespace": "shop" },
                "status": { "conditions": [{ "type": "Synced", "status": status }] },
            })
        };
        assert!(told(&[secret("False")], None).contains("does not open shop/api"));
        assert!(told(&[secret("True")], None).contains("has opened 1"));
    }

    #[test]
    fn rows_that_the_stack_does_not_ask_for_are_not_missed() {
        let row = |name: &'static str, open: &[&str]| Row {
            section: "",
            name,
            found: Vec::new(),
            open: open.iter().map(|t| (*t).to_owned()).collect(),
            remedy: "",
        };
        let stack = [row("a", &[]), row("b", &["never asked for"])];
        let mut report = Report::default();
        rows(
            &[row("a", &[]), row("b", &["is not there"])],
            &stack,
            &mut report,
        );
        assert!(!report.has_losses(), "{report:?}");
        rows(
            &[row("a", &["is gone"]), row("b", &[])],
            &stack,
            &mut report,
        );
        assert!(report.has_losses(), "{report:?}");
    }
}
