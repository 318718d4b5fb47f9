//! What a lost state told of, found again: everything of a stack carries its marks in its cloud. Only what a copy is made from is looked
//! for. What is found is put together as a state would have it, which nobody writes down.

use super::clouds::Clouds;
use super::report::Report;
use crate::commands::harden::seen::{SEALING, Seen};
use infra_model::address::Address;
use infra_model::program::{ComponentInstance, ResourceBlock};
use infra_model::value::Value;
use infra_state::{State, World};
use std::sync::Arc;

const WHAT: &str = "state";
/// What the vault of sealing keys is called on Azure.
const VAULT: &str = "sealing";

/// What is looked for: a type and, of what is a part of something else, the attribute that says of what. That comes before its parts.
const TYPES: [(&str, Option<&str>); 15] = [
    ("aws_kms_key", None),
    ("aws_s3_bucket", None),
    ("aws_db_instance", None),
    ("aws_secretsmanager_secret", None),
    ("aws_secretsmanager_secret_version", Some("secret_id")),
    ("google_storage_bucket", None),
    ("google_sql_database_instance", None),
    ("google_secret_manager_secret", None),
    ("google_secret_manager_secret_version", Some("secret")),
    ("azurerm_storage_account", None),
    ("azurerm_storage_container", Some("storage_account_id")),
    ("azurerm_mysql_flexible_server", None),
    ("azurerm_postgresql_flexible_server", None),
    ("azurerm_key_vault", None),
    ("azurerm_key_vault_secret", Some("key_vault_id")),
];

/// Puts all of a stack that is found, in a world, in the place of its state. Whether there is something, or it may be that.
pub(super) async fn find(
    seen: &mut Seen,
    world: World,
    clouds: &Clouds,
    report: &mut Report,
) -> bool {
    let mut state = State::empty("", "", world);
    let mut failed = false;
    for (type_name, of) in TYPES {
        for (address, config) in wanted(seen, type_name) {
            // What it would be a part of was not found.
            let known = |name| config.get(name).is_some_and(|v| v.as_str().is_some());
            if of.is_some_and(|of| !known(of)) {
                continue;
            }
            let asking = &clouds.asking;
            let answer = asking.found_again(seen.program(), &address, &config);
            match answer.await {
                Ok(mut found) if found.len() < 2 => match found.pop() {
                    Some((resource, _)) => {
                        drop(state.resources.insert(address, Arc::new(resource)));
                    }
                    None => report.warn(WHAT, seen.not_known(&address.to_string())),
                },
                Ok(found) => {
                    let ids: Vec<&str> = found.iter().map(|(r, _)| &*r.id).collect();
                    let text = format!(
                        "{address} may be any of {}: all carry its marks; take the marks from those that are not the stack's",
                        ids.join(", ")
                    );
                    report.warn(WHAT, text);
                }
                Err(error) => {
                    failed = true;
                    report.warn(WHAT, format!("{address} cannot be looked for: {error}"));
                }
            }
        }
        seen.take(state.clone());
    }
    let count = state.resources.len();
    if count > 0 {
        let text = format!("there is none: {count} resources were found by their marks");
        report.holds(WHAT, text);
    }
    count > 0 || failed
}

/// The blocks of a type that a copy is made from, with what is known of their configurations.
fn wanted(seen: &Seen, type_name: &str) -> Vec<(Address, Value)> {
    // No copy needs the key of a managed database, and KMS is asked for each key of the region.
    let kinds: &[&str] = match type_name {
        "aws_kms_key" => &["bucket"],
        _ => &["bucket", "database"],
    };
    let data = kinds.iter().flat_map(|kind| seen.components(kind));
    let data = data.flat_map(|c| blocks(seen, c, type_name, |_| true));
    let sealing = |name: &str| name == VAULT || name.starts_with(SEALING);
    let keys = seen.own_hardenings();
    let keys = keys.flat_map(|c| blocks(seen, c, type_name, sealing));
    data.chain(keys).collect()
}

fn blocks(
    seen: &Seen,
    component: &ComponentInstance,
    type_name: &str,
    is_one: impl Fn(&str) -> bool,
) -> Vec<(Address, Value)> {
    let of_type = |block: &&ResourceBlock| {
        let address = &block.address;
        *address.type_name == *type_name && is_one(&address.name)
    };
    let found = seen.blocks(component).filter(of_type);
    let known = |block: &ResourceBlock| {
        let config = seen.value(&block.config, component);
        (block.address.instance(None), config)
    };
    found.map(known).collect()
}
