//! `infra export crossplane`: what the state has, as manifests. No cloud and no cluster is asked; nothing secret is written.

use crate::cli::ExportCrossplane;
use crate::commands::written::write;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::ui::Ui;
use infra_crossplane::{Export, Options, Resource, Rights, export, label};
use infra_model::Mode;
use infra_model::codes::Code;
use infra_model::path::Step;
use infra_model::schema::Schemas;
use infra_repository::yaml;
use std::collections::BTreeSet;

pub(super) fn run(arguments: &ExportCrossplane, ui: Ui) -> Outcome {
    let place = Place::find(arguments.stack.as_deref(), arguments.instance.as_deref())?;
    let Some(store) = place.look("export")? else {
        return Err(CommandError::hint(
            Code::NoState,
            format!("{} has no state yet", place.file.display()),
            "what Crossplane is to find must be there: run `infra apply` first",
        ));
    };
    let state = store.state();
    let providers = Providers::new();
    let mut resources = Vec::new();
    for (address, resource) in &state.resources {
        if address.block.mode != Mode::Managed || resource.attributes.is_null() {
            continue;
        }
        if let Some(schema) = providers.resource(&address.block.type_name) {
            let secret = secret(&resource.sensitive_paths);
            resources.push((
                address.to_string(),
                address,
                &**resource,
                schema.clone(),
                secret,
            ));
        }
    }
    let seen: Vec<Resource<'_>> = resources
        .iter()
        .map(|(text, address, resource, schema, secret)| Resource {
            address: text,
            type_name: &address.block.type_name,
            alias: resource.provider.alias.as_deref(),
            id: &resource.id,
            attributes: &resource.attributes,
            secret,
            schema: &schema.block,
            region: resource.provider_config["region"].as_str(),
        })
        .collect();
    let stem = place.file.file_stem().unwrap_or_default();
    let namespace = arguments
        .namespace
        .clone()
        .unwrap_or_else(|| label(&stem.to_string_lossy()));
    let options = Options {
        namespace: namespace.clone(),
        config: arguments.provider_config.clone(),
        rights: match (arguments.own, arguments.keep) {
            (false, _) => Rights::Observe,
            (true, true) => Rights::Change,
            (true, false) => Rights::Own,
        },
    };
    let made = export(&seen, &options);
    if !made.unmanaged.is_empty() && !arguments.partial {
        return Err(CommandError::hint(
            Code::Usage,
            format!(
                "{} of {} resources have no managed kind that infra knows:\n  {}",
                made.unmanaged.len(),
                seen.len() - made.elsewhere.len(),
                unmanaged(&made)
            ),
            "nothing was written; with `--partial` the others are, and these stay infra's",
        ));
    }
    if made.manifests.is_empty() {
        return Err(CommandError::hint(
            Code::Usage,
            "nothing in this state is a cloud's",
            "what Crossplane is to find must be there: run `infra apply` first",
        ));
    }
    match &arguments.out {
        Some(out) => {
            for manifest in &made.manifests {
                let path = out.join(format!("{}.yaml", manifest.name));
                write(&path, &yaml::document(&manifest.object))?;
            }
            ui.talk(&format!(
                "{} manifests are in {}",
                made.manifests.len(),
                out.display()
            ));
        }
        None => {
            let texts: Vec<String> = made
                .manifests
                .iter()
                .map(|m| yaml::document(&m.object))
                .collect();
            ui.result(&texts.join("---\n"));
        }
    }
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join("\n  ");
    ui.talk(&format!(
        "They need the namespace {namespace}, and these providers:\n  {}",
        list(&mut made.providers.iter().cloned())
    ));
    ui.talk(&format!(
        "and these configurations:\n  {}",
        list(
            &mut made.configs.iter().map(|(cloud, name)| format!(
                "ClusterProviderConfig {name} of {cloud}.m.upbound.io"
            ))
        )
    ));
    if !made.secrets.is_empty() {
        ui.talk(&format!(
            "Nothing secret is written. Put these into Secrets of that namespace:\n  {}",
            list(
                &mut made
                    .secrets
                    .iter()
                    .map(|s| format!("{}, key {}: of {}", s.name, s.key, s.address))
            )
        ));
    }
    if !made.withheld.is_empty() {
        ui.talk(&format!(
            "Secret where Crossplane takes no Secret, and left out; these must be written in by hand before it may own them:\n  {}",
            list(&mut made.withheld.iter().map(|(address, name)| format!("{address}: {name}")))
        ));
    }
    if !made.apart.is_empty() {
        ui.talk(&format!(
            "Crossplane has kinds of their own for these, which are not written; it leaves them as they are:\n  {}",
            list(&mut made.apart.iter().map(|(address, name)| format!("{address}: {name}")))
        ));
    }
    if !made.unmanaged.is_empty() {
        ui.talk(&format!(
            "Without a managed kind, and still infra's:\n  {}",
            unmanaged(&made)
        ));
    }
    if !made.elsewhere.is_empty() {
        ui.talk(&format!(
            "{} resources are no cloud's (objects in clusters, what lives in the state) and are not written.",
            made.elsewhere.len()
        ));
    }
    Ok(Exit::Done)
}

/// The attributes and blocks that hold something secret.
fn secret(paths: &[infra_model::path::Path]) -> BTreeSet<String> {
    let first = paths.iter().filter_map(|path| match path.0.first() {
        Some(Step::Attribute(name)) => Some(name.to_string()),
        Some(Step::Key { key, .. }) => Some(key.to_string()),
        _ => None,
    });
    first.collect()
}

/// What has no managed kind, and why.
fn unmanaged(made: &Export) -> String {
    let each = made.unmanaged.iter();
    let each = each.map(|(address, reason)| format!("{address}: {reason}"));
    each.collect::<Vec<_>>().join("\n  ")
}
