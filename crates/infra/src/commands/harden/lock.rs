//! `infra harden lock`: the newest versions of the charts that a stack installs, with their digests, written into the stack file as
//! `[hardening.NAME.charts.CHART]`. Versions stay on the line that the controls are written for.

use super::seen::Seen;
use crate::cli::HardenLock;
use crate::commands::edit::Edit;
use crate::commands::runtime;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::ui::Ui;
use infra_hardening::Chart;
use infra_kubernetes::{FoundChart, newest_chart};
use infra_model::codes::Code;
use std::collections::BTreeMap;
use toml_edit::value;

/// A chart of a hardening, as it is pinned now.
struct Used {
    hardening: String,
    pinned: Chart,
}

pub(super) fn run(arguments: &HardenLock, ui: Ui) -> Outcome {
    let place = Place::find(arguments.stack.as_deref(), None)?;
    let seen = Seen::load(arguments.stack.as_deref(), None, &arguments.variables, ui)?;
    let used = used(&seen, &arguments.chart)?;
    let runtime = runtime()?;
    let mut found: BTreeMap<(String, &str, String), FoundChart> = BTreeMap::new();
    let mut edit = Edit::open(&place.file)?;
    let mut changes = Vec::new();
    for Used { hardening, pinned } in &used {
        let key = (
            pinned.repository.clone(),
            pinned.chart,
            pinned.version.clone(),
        );
        if !found.contains_key(&key) {
            let asked = newest_chart(&pinned.repository, pinned.chart, &pinned.version);
            let newest = runtime.block_on(asked).map_err(|error| {
                CommandError::hint(
                    Code::CloudUnreachable,
                    format!("the chart {} cannot be looked up: {}", pinned.name, error.message),
                    "nothing was changed; where there is no internet, name a mirror: `repository` under [hardening.….charts]",
                )
            })?;
            found.insert(key.clone(), newest);
        }
        let newest = &found[&key];
        if pinned.version == newest.version && pinned.digest.as_ref() == Some(&newest.digest) {
            continue;
        }
        changes.push(format!(
            "{hardening}: {} {} -> {}, {}\n",
            pinned.name, pinned.version, newest.version, newest.digest
        ));
        pin(&mut edit, hardening, pinned.name, newest)?;
    }
    ui.result(&changes.concat());
    if changes.is_empty() {
        ui.talk(&format!(
            "All {} charts are pinned to their newest versions.",
            used.len()
        ));
        return Ok(Exit::Done);
    }
    if arguments.check {
        return Ok(Exit::Changes);
    }
    edit.save()?;
    let file = place.file.display();
    ui.talk(&format!(
        "{} pins are in {file}. What they change: infra plan {file}",
        changes.len()
    ));
    Ok(Exit::Done)
}

/// The charts of the hardenings that stand in the stack file itself.
fn used(seen: &Seen, wanted: &[String]) -> Result<Vec<Used>, CommandError> {
    let mut out = Vec::new();
    for hardening in seen.own_hardenings() {
        let name = hardening.step.name.to_string();
        for node in seen.nodes(hardening) {
            let known = match node.type_name.as_str() {
                "helm_release" => chart(&node.body, "chart"),
                "kubernetes_crds" => chart(&node.body["chart"], "name"),
                _ => None,
            };
            let Some(pinned) = known else { continue };
            let mut same = out.iter().map(|u: &Used| (&u.hardening, u.pinned.name));
            if !same.any(|(h, n)| *h == name && n == pinned.name) {
                out.push(Used {
                    hardening: name.clone(),
                    pinned,
                });
            }
        }
    }
    if out.is_empty() {
        return Err(CommandError::hint(
            Code::Usage,
            "this stack installs no chart",
            "charts are pinned where `[hardening.main]` stands in the stack file itself",
        ));
    }
    for name in wanted {
        if !out.iter().any(|u| u.pinned.name == name) {
            let all: Vec<&str> = out.iter().map(|u| u.pinned.name).collect();
            return Err(CommandError::hint(
                Code::Usage,
                format!("this stack installs no chart `{name}`"),
                format!("it installs: {}", all.join(", ")),
            ));
        }
    }
    out.retain(|u| wanted.is_empty() || wanted.iter().any(|w| w == u.pinned.name));
    Ok(out)
}

/// The chart that a body names.
fn chart(body: &serde_json::Value, name: &str) -> Option<Chart> {
    // A block in a body is a list of one.
    let body = body.get(0).unwrap_or(body);
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let called = text(name)?;
    let published = infra_hardening::charts().find(|c| c.chart == called)?;
    Some(Chart {
        repository: text("repository")?,
        version: text("version")?,
        digest: text("digest"),
        ..published
    })
}

/// Writes a pin; what else the table says, such as a mirror, stays.
fn pin(
    edit: &mut Edit,
    hardening: &str,
    chart: &str,
    newest: &FoundChart,
) -> Result<(), CommandError> {
    let path = ["hardening", hardening, "charts", chart];
    let instead = format!(
        "write the pin there yourself: version = \"{}\", digest = \"{}\"",
        newest.version, newest.digest
    );
    let table = edit.table(&path, &instead)?;
    table.insert("version", value(newest.version.as_str()));
    table.insert("digest", value(newest.digest.as_str()));
    Ok(())
}
