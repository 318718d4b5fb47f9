//! `infra harden audit`: the roadmap, row by row.

use super::seen::Seen;
use crate::cli::HardenAudit;
use crate::error::{CommandError, Exit, Outcome};
use crate::system::SystemClock;
use crate::ui::Ui;
use infra_hardening::audit::{KINDS, Row, audit};
use infra_model::CallContext;
use infra_model::codes::Code;
use infra_model::json::to_json;
use infra_model::program::ComponentInstance;
use infra_model::provider::{Environment, NoEvents, NoLimits};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(arguments: &HardenAudit, ui: Ui) -> Outcome {
    let objects = match (&arguments.manifests, &arguments.kubeconfig) {
        (_, Some(file)) => of_cluster(file)?,
        (Some(folder), None) => {
            let mut objects = Vec::new();
            read(folder, &mut objects)?;
            if objects.is_empty() {
                return Err(CommandError::hint(
                    Code::Usage,
                    format!("{} has no manifests", folder.display()),
                    "name a folder with files that end in .yaml, .yml or .json",
                ));
            }
            objects
        }
        (None, None) => {
            let seen = Seen::load(
                arguments.stack.as_deref(),
                arguments.instance.as_deref(),
                &arguments.variables,
                ui,
            )?;
            of_stack(&seen)
        }
    };
    let rows = audit(&objects);
    if arguments.json {
        ui.json(&rows.iter().map(as_json).collect());
    } else {
        ui.result(&told(&rows, ui));
    }
    let open = rows.iter().any(Row::is_open);
    Ok(if open { Exit::Changes } else { Exit::Done })
}

/// A kubeconfig, and what calls to its cluster are made with.
pub(super) fn cluster(file: &Path) -> Result<(String, CallContext), CommandError> {
    let kubeconfig = fs::read_to_string(file).map_err(|e| CommandError::io("read", file, &e))?;
    let context = CallContext {
        clock: Arc::new(SystemClock),
        gate: Arc::new(NoLimits),
        events: Arc::new(NoEvents),
        provider: "kubernetes",
    };
    Ok((kubeconfig, context))
}

/// What a live cluster has.
fn of_cluster(file: &Path) -> Result<Vec<Json>, CommandError> {
    let (kubeconfig, context) = cluster(file)?;
    let kinds = KINDS.iter().map(|k| (k.api_version, k.kind));
    let environment = Environment::default();
    let listed = infra_kubernetes::list(&kubeconfig, &environment, &context, kinds);
    crate::commands::runtime()?
        .block_on(listed)
        .map_err(|error| {
            CommandError::hint(
                Code::CloudUnreachable,
                format!("the cluster of {} cannot be asked: {error}", file.display()),
                "does `kubectl --kubeconfig` reach it, and may you list everything there?",
            )
        })
}

/// What the stack would bring into its clusters; a release stands for what its chart makes.
fn of_stack(seen: &Seen) -> Vec<Json> {
    let mut out = Vec::new();
    for hardening in seen.hardenings() {
        out.extend(of_hardening(seen, hardening));
    }
    out
}

/// The same of one hardening.
pub(super) fn of_hardening(seen: &Seen, hardening: &ComponentInstance) -> Vec<Json> {
    let mut out = Vec::new();
    for node in seen.nodes(hardening) {
        if let Some(object) = node.object() {
            out.push(object);
        } else if node.type_name == "helm_release" {
            out.push(json!({
                "kind": "HelmRelease",
                "metadata": { "name": node.text("name"), "namespace": node.text("namespace") },
                "spec": { "chart": { "spec": { "chart": node.text("chart") } } },
            }));
        }
    }
    out
}

/// Every manifest below a folder.
fn read(folder: &Path, objects: &mut Vec<Json>) -> Result<(), CommandError> {
    let listed = fs::read_dir(folder).map_err(|e| CommandError::io("read", folder, &e))?;
    let mut paths = Vec::new();
    for entry in listed {
        paths.push(
            entry
                .map_err(|e| CommandError::io("read", folder, &e))?
                .path(),
        );
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read(&path, objects)?;
            continue;
        }
        let end = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        if ["yaml", "yml", "json"].contains(&end) {
            let text =
                fs::read_to_string(&path).map_err(|e| CommandError::io("read", &path, &e))?;
            objects.extend(documents(&path, &text)?);
        }
    }
    Ok(())
}

/// The objects of a text; lists are taken apart.
pub(in crate::commands) fn documents(path: &Path, text: &str) -> Result<Vec<Json>, CommandError> {
    let found = infra_lang::yaml_documents(text).map_err(|why| {
        CommandError::hint(
            Code::FileAccess,
            format!("{}: {why}", path.display()),
            "is it a manifest? Templates of Helm must be rendered first",
        )
    })?;
    let mut out = Vec::new();
    for document in found.iter().map(to_json) {
        match document["items"].as_array() {
            Some(items)
                if document["kind"]
                    .as_str()
                    .is_some_and(|k| k.ends_with("List")) =>
            {
                out.extend(items.iter().cloned());
            }
            _ => out.push(document),
        }
    }
    Ok(out)
}

fn as_json(row: &Row) -> Json {
    json!({
        "section": row.section,
        "row": row.name,
        "open": row.is_open(),
        "found": row.found,
        "missing": row.open,
        "remedy": row.is_open().then_some(row.remedy),
    })
}

fn told(rows: &[Row], ui: Ui) -> String {
    let mut out = String::new();
    let mut section = "";
    for row in rows {
        if row.section != section {
            section = row.section;
            out.push_str(&format!("\n{section}\n"));
        }
        let sign = if row.is_open() {
            ui.out.red("✗")
        } else {
            ui.out.green("✓")
        };
        out.push_str(&format!("  {sign} {}\n", row.name));
        for missing in &row.open {
            out.push_str(&format!("      {missing}\n"));
        }
        if row.is_open() {
            for line in row.remedy.lines() {
                out.push_str(&format!("        {line}\n"));
            }
        }
    }
    let open = rows.iter().filter(|r| r.is_open()).count();
    let summary = match open {
        0 => "Every row of the roadmap is in place.".to_owned(),
        1 => "One row of the roadmap is open.".to_owned(),
        n => format!("{n} rows of the roadmap are open."),
    };
    out.push_str(&format!("\n{summary}\n"));
    out.trim_start_matches('\n').to_owned()
}
