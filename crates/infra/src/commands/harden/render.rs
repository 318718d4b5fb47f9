//! `infra harden render`: the objects as YAML. Charts are named with their values, definitions with where they are published; what
//! is secret is left out.

use super::seen::{Node, Seen};
use crate::cli::HardenRender;
use crate::commands::written::write;
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_hardening::yaml;
use infra_model::codes::Code;
use serde_json::Value as Json;

pub(super) fn run(arguments: &HardenRender, ui: Ui) -> Outcome {
    let seen = Seen::load(
        arguments.stack.as_deref(),
        arguments.instance.as_deref(),
        &arguments.variables,
        ui,
    )?;
    let mut files: Vec<(String, String)> = Vec::new();
    let several = seen.hardenings().count() > 1;
    for hardening in seen.hardenings() {
        let folder = if several {
            format!("{}/", hardening.step.name)
        } else {
            String::new()
        };
        let nodes = seen.nodes(hardening);
        for (index, (name, text)) in nodes.iter().filter_map(file).enumerate() {
            files.push((format!("{folder}{index:03}-{name}.yaml"), text));
        }
    }
    if files.is_empty() {
        return Err(CommandError::hint(
            Code::Usage,
            "this stack hardens no cluster",
            "write `[hardening.main]` with `cluster = \"main\"`",
        ));
    }
    match &arguments.out {
        Some(out) => {
            for (name, text) in &files {
                write(&out.join(name), text)?;
            }
            ui.talk(&format!("{} files are in {}", files.len(), out.display()));
        }
        None => {
            let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).collect();
            ui.result(&texts.join("---\n"));
        }
    }
    Ok(Exit::Done)
}

/// The file of a node; none for what is only secret.
fn file(node: &Node) -> Option<(String, String)> {
    if let Some(object) = node.object() {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Json::as_str)
                .unwrap_or_default()
        };
        let parts = [
            text("/kind"),
            text("/metadata/namespace"),
            text("/metadata/name"),
        ];
        let name: Vec<String> = parts
            .iter()
            .filter(|p| !p.is_empty())
            .map(|p| p.to_lowercase())
            .collect();
        return Some((name.join("-"), yaml::document(&object)));
    }
    match node.type_name.as_str() {
        "helm_release" => {
            let text = format!(
                "# helm upgrade --install {} {} --repo {} --version {} --namespace {} --values FILE\n{}",
                node.text("name"),
                node.text("chart"),
                node.text("repository"),
                node.text("version"),
                node.text("namespace"),
                commented(&yaml::document(&node.body["values"])),
            );
            Some((format!("release-{}", node.text("name")), text))
        }
        "kubernetes_crds" => {
            let urls = node.body["urls"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str);
            let lines: Vec<String> = urls
                .map(|url| format!("# kubectl apply --server-side -f {url}\n"))
                .collect();
            let name = lines
                .first()
                .and_then(|l| l.split('/').nth(4))
                .unwrap_or("definitions")
                .to_owned();
            Some((format!("definitions-{name}"), lines.concat()))
        }
        "kubernetes_secret" => {
            let metadata = match &node.body["metadata"] {
                Json::Array(items) => items.first().cloned().unwrap_or_default(),
                table => table.clone(),
            };
            let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
            let (namespace, name) = (text("namespace"), text("name"));
            let line = format!("# Secret {namespace}/{name}: not written out\n");
            Some((format!("secret-{namespace}-{name}"), line))
        }
        _ => None,
    }
}

fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {line}\n")).collect()
}
