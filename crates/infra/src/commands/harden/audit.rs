//! `infra harden audit`: the roadmap, row by row.

use super::seen::Seen;
use crate::cli::HardenAudit;
use crate::error::{CommandError, Exit, Outcome};
use crate::system::SystemClock;
use crate::ui::Ui;
use infra_hardening::audit::{KINDS, Row, audit, is_pipeline, more_kinds, pipeline};
use infra_model::codes::Code;
use infra_model::json::to_json;
use infra_model::program::ComponentInstance;
use infra_model::provider::{Environment, NoEvents, NoLimits};
use infra_model::{CallContext, ProviderError};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(arguments: &HardenAudit, ui: Ui) -> Outcome {
    let mut objects = match (&arguments.manifests, &arguments.kubeconfig) {
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
    // Pipelines stand beside the code, wherever the objects come from.
    let stack = arguments.stack.as_deref().and_then(Path::parent);
    let beside = arguments.manifests.as_deref().or(stack);
    objects.extend(pipelines(beside.unwrap_or(Path::new(".")))?);
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
    let environment = Environment::default();
    let listed = async {
        let kinds = KINDS.iter().map(|k| (k.api_version, k.kind));
        let mut all = infra_kubernetes::list(&kubeconfig, &environment, &context, kinds).await?;
        let more = more_kinds(&all);
        let found = infra_kubernetes::list(&kubeconfig, &environment, &context, more).await?;
        all.extend(found);
        Ok(all)
    };
    crate::commands::runtime()?
        .block_on(listed)
        .map_err(|error: ProviderError| {
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
            let place = [node.text("name"), node.text("namespace")];
            out.push(release(place, node.text("chart"), &node.body["values"]));
        }
    }
    out
}

/// What stands for a release of a chart.
fn release([name, namespace]: [&str; 2], chart: &str, values: &Json) -> Json {
    json!({
        "kind": "HelmRelease",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "chart": { "spec": { "chart": chart } }, "values": values },
    })
}

/// The release that a file of `infra harden render` names, in comments.
fn named_release(text: &str) -> Option<Json> {
    let (head, values) = text.split_once('\n')?;
    let mut words = head.strip_prefix("# helm upgrade --install ")?.split(' ');
    let (name, chart) = (words.next()?, words.next()?);
    let namespace = words.skip_while(|word| *word != "--namespace").nth(1)?;
    let lines = values
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or_default());
    let values = infra_lang::yaml_documents(&lines.collect::<Vec<_>>().join("\n")).ok()?;
    let values = values.first().map(to_json).unwrap_or_default();
    Some(release([name, namespace], chart, &values))
}

/// The pipelines of the repository that a folder is in; without a repository those of the folder.
fn pipelines(folder: &Path) -> Result<Vec<Json>, CommandError> {
    let folder = fs::canonicalize(folder).map_err(|e| CommandError::io("read", folder, &e))?;
    let mut all = folder.ancestors();
    let root = all.find(|f| f.join(".git").exists()).unwrap_or(&folder);
    let workflows = root.join(".github/workflows");
    let mut paths = vec![root.join(".gitlab-ci.yml")];
    if workflows.is_dir() {
        let listed = fs::read_dir(&workflows);
        let listed = listed.map_err(|e| CommandError::io("read", &workflows, &e))?;
        paths.extend(listed.flatten().map(|entry| entry.path()));
        paths.sort();
    }
    let mut out = Vec::new();
    for path in paths {
        let name = path.strip_prefix(root).unwrap_or(&path);
        let name = name.to_string_lossy().replace('\\', "/");
        if is_pipeline(&name) && path.is_file() {
            let text =
                fs::read_to_string(&path).map_err(|e| CommandError::io("read", &path, &e))?;
            out.push(pipeline(&name, &text));
        }
    }
    Ok(out)
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
            match named_release(&text) {
                Some(release) => objects.push(release),
                None => objects.extend(documents(&path, &text)?),
            }
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
