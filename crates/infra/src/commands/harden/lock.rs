//! `infra harden lock`: the newest versions of the charts that a stack installs, with their digests, written into the stack file as
//! `[hardening.NAME.charts.CHART]`. Versions stay on the line that the controls are written for.

use super::seen::Seen;
use crate::cli::HardenLock;
use crate::commands::runtime;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::ui::Ui;
use infra_hardening::Chart;
use infra_kubernetes::{FoundChart, newest_chart};
use infra_model::codes::Code;
use std::collections::BTreeMap;
use std::path::Path;
use toml_edit::{DocumentMut, Item, Table, value};

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
    let mut document = read(&place.file)?;
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
        pin(&mut document, hardening, pinned.name, newest)?;
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
    write(&place.file, &document.to_string())?;
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
    for hardening in seen.hardenings().filter(|h| h.parent.is_root()) {
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

fn read(file: &Path) -> Result<DocumentMut, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|e| CommandError::io("read", file, &e))?;
    text.parse().map_err(|e: toml_edit::TomlError| {
        CommandError::hint(
            Code::Usage,
            format!("{} is no TOML: {}", file.display(), e.message()),
            "mend it; `infra validate` says more",
        )
    })
}

/// Whole or not at all.
fn write(file: &Path, text: &str) -> Result<(), CommandError> {
    let new = file.with_extension("toml.new");
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file));
    written.map_err(|e| CommandError::io("write", file, &e))
}

/// Writes a pin; what else the table says, such as a mirror, stays.
fn pin(
    document: &mut DocumentMut,
    hardening: &str,
    chart: &str,
    newest: &FoundChart,
) -> Result<(), CommandError> {
    let mut table = document.as_table_mut() as &mut dyn toml_edit::TableLike;
    for name in ["hardening", hardening, "charts", chart] {
        let fresh = || {
            let mut table = Table::new();
            table.set_implicit(name == "charts");
            Item::Table(table)
        };
        let item = table.entry(name).or_insert_with(fresh);
        table = item.as_table_like_mut().ok_or_else(|| {
            CommandError::hint(
                Code::Usage,
                format!(
                    "`{name}` of [hardening.{hardening}] is no table in which a pin could stand"
                ),
                format!(
                    "write the pin there yourself: version = \"{}\", digest = \"{}\"",
                    newest.version, newest.digest
                ),
            )
        })?;
    }
    table.insert("version", value(newest.version.as_str()));
    table.insert("digest", value(newest.digest.as_str()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_written_beside_what_is_there() {
        let text = "# A stack.\n[hardening.main]\ncluster = \"main\" # this one\n\n[hardening.main.charts.loki]\nrepository = \"oci://mirror\"\n\n[outputs.a]\nvalue = 1\n";
        let mut document: DocumentMut = text.parse().expect("TOML");
        let newest = FoundChart {
            version: "1.2.3".to_owned(),
            digest: format!("sha256:{}", "0".repeat(64)),
        };
        for chart in ["loki", "cert-manager"] {
            pin(&mut document, "main", chart, &newest).expect("is written");
        }
        let written = document.to_string();
        assert!(
            written.starts_with("# A stack.\n[hardening.main]\ncluster = \"main\" # this one\n")
        );
        let digest = &newest.digest;
        assert!(written.contains(&format!(
            "[hardening.main.charts.loki]\nrepository = \"oci://mirror\"\nversion = \"1.2.3\"\ndigest = \"{digest}\"\n"
        )), "{written}");
        assert!(
            written.contains("[hardening.main.charts.cert-manager]\nversion = \"1.2.3\""),
            "{written}"
        );
    }
}
