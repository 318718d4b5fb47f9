//! The sealing keys of the real stack: from the secret manager of its cloud, where they wait for the day on which cluster and state are
//! lost, and from the state, which tells whether those are the ones. A backup in files stands for both.

use super::clouds::Clouds;
use super::report::Report;
use crate::commands::harden::seen::{SEALING, Seen};
use crate::error::CommandError;
use infra_hardening::{SealingKey, seal};
use infra_model::Value;
use infra_model::program::{ComponentInstance, ResourceBlock};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where keys are kept in a cloud.
struct Manager {
    type_name: &'static str,
    /// The attribute that has the key.
    attribute: &'static str,
    /// What people call it.
    name: &'static str,
    /// Whether it is read as if nothing were known of it; otherwise it gives what is said to be in the state.
    whole: bool,
}

static MANAGERS: [Manager; 3] = [
    Manager {
        type_name: "aws_secretsmanager_secret_version",
        attribute: "secret_string",
        name: "AWS Secrets Manager",
        whole: true,
    },
    Manager {
        type_name: "google_secret_manager_secret_version",
        attribute: "secret_data",
        name: "Google Secret Manager",
        whole: true,
    },
    Manager {
        type_name: "azurerm_key_vault_secret",
        attribute: "value",
        name: "the Key Vault",
        whole: false,
    },
];
const WHAT: &str = "keys";
/// What the names of the Secrets begin with.
const SECRET: &str = "sealing-key-";

/// The keys of a hardening by their names.
pub(super) async fn find(
    seen: &Seen,
    hardening: &ComponentInstance,
    clouds: &Clouds,
    report: &mut Report,
) -> BTreeMap<String, SealingKey> {
    let mut found = BTreeMap::new();
    for (name, block) in names(seen, hardening) {
        let recorded = recorded(seen, hardening, &block);
        let kept = kept(seen, hardening, &block, clouds).await;
        match (kept, recorded) {
            (Ok((kept, manager)), recorded) => {
                let manager_name = manager.name;
                if recorded.is_some_and(|recorded| recorded.trim() != kept.trim()) {
                    report.lost(
                        WHAT,
                        format!("{name}: {manager_name} has another key than the state"),
                    );
                    continue;
                }
                report.holds(WHAT, format!("{name}: from {manager_name}"));
                found.insert(name, SealingKey(kept));
            }
            (Err(why), Some(recorded)) => {
                report.lost(
                    WHAT,
                    format!("{name}: only the state has it, with which it would be lost: {why}"),
                );
                found.insert(name, SealingKey(recorded));
            }
            (Err(why), None) => report.lost(
                WHAT,
                format!(
                    "{name}: neither the state has it nor the cloud: {why}; a backup of it is taken by `-key FILE`"
                ),
            ),
        }
    }
    found
}

/// The same from backups.
pub(super) fn of_files(
    seen: &Seen,
    hardening: &ComponentInstance,
    files: &[PathBuf],
    report: &mut Report,
) -> Result<BTreeMap<String, SealingKey>, CommandError> {
    let mut given = BTreeMap::new();
    for file in files {
        for secret in read(file)? {
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            if let (Some(name), Some(key)) = (name.strip_prefix(SECRET), seal::key_of(&secret)) {
                given.insert(name.to_owned(), SealingKey(key));
            }
        }
    }
    let mut found = BTreeMap::new();
    for (name, block) in names(seen, hardening) {
        match given.remove(&name) {
            None => report.lost(WHAT, format!("{name}: it is not in the backup")),
            Some(key) => {
                let recorded = recorded(seen, hardening, &block);
                if recorded.is_some_and(|recorded| recorded.trim() != key.0.trim()) {
                    report.lost(
                        WHAT,
                        format!("{name}: the backup has another key than the state"),
                    );
                } else {
                    report.holds(WHAT, format!("{name}: from the backup"));
                    found.insert(name, key);
                }
            }
        }
    }
    Ok(found)
}

fn read(file: &Path) -> Result<Vec<Json>, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|e| CommandError::io("read", file, &e))?;
    crate::commands::harden::audit::documents(file, &text)
}

/// The names of a hardening's keys, with those of their blocks.
fn names(seen: &Seen, hardening: &ComponentInstance) -> Vec<(String, String)> {
    let of = |block: &ResourceBlock| {
        if &*block.address.type_name != "kubernetes_secret"
            || !block.address.name.starts_with(SEALING)
        {
            return None;
        }
        let config = seen.plain(&block.config, hardening);
        let metadata = match &config["metadata"] {
            Json::Array(items) => items.first()?.clone(),
            table => table.clone(),
        };
        let name = metadata["name"].as_str()?.strip_prefix(SECRET)?.to_owned();
        Some((name, block.address.name.to_string()))
    };
    seen.blocks(hardening).filter_map(of).collect()
}

/// A key in the state.
fn recorded(seen: &Seen, hardening: &ComponentInstance, name: &str) -> Option<String> {
    let value = seen.recorded(hardening, "tls_private_key", name)?;
    text(value, "private_key_pem")
}

/// A key in the secret manager, and which that is; or why it is not there.
async fn kept(
    seen: &Seen,
    hardening: &ComponentInstance,
    name: &str,
    clouds: &Clouds,
) -> Result<(String, &'static Manager), String> {
    for manager in &MANAGERS {
        let Some(resource) = seen.resource(hardening, manager.type_name, name) else {
            continue;
        };
        let gone = || format!("{} has it no more", manager.name);
        let asking = &clouds.asking;
        let read = if manager.whole {
            let read = asking.whole(manager.type_name, resource).await;
            read.map(Some)
        } else {
            // Its value is read where the state is said to have one.
            let prior = seen.recorded(hardening, manager.type_name, name);
            let prior = prior.cloned().unwrap_or(Value::NULL);
            let prior = prior.with_attribute(manager.attribute, "".into());
            asking.now(manager.type_name, resource, &prior).await
        };
        let read = read.map_err(|e| format!("{} does not give it: {e}", manager.name))?;
        let value = read.ok_or_else(gone)?;
        if value.get("enabled").and_then(Value::as_bool) == Some(false) {
            return Err(format!("{} has switched it off", manager.name));
        }
        let key = text(&value, manager.attribute).ok_or_else(gone)?;
        return Ok((key, manager));
    }
    Err(if seen.is_without_state() {
        "no secret manager has what carries its marks".to_owned()
    } else {
        "the state knows of no secret manager that keeps it".to_owned()
    })
}

/// A text of a value, secret or not.
fn text(value: &Value, attribute: &str) -> Option<String> {
    let value = value.get(attribute)?.unmark_deep();
    value.as_str().map(str::to_owned)
}
