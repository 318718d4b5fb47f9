//! `infra harden restore`: a database as it was at a moment, beside the one that is. The objects are printed and not applied: which of the
//! two stays is for a person to decide, who has looked at both.

use super::seen::{LATER, Node, Seen};
use crate::cli::HardenRestore;
use crate::error::{CommandError, Exit, Outcome};
use crate::system::SystemClock;
use crate::ui::Ui;
use infra_hardening::{policies_of_restored, restore, yaml};
use infra_model::codes::Code;
use infra_model::time::Clock;
use serde_json::{Value as Json, json};

pub(super) fn run(arguments: &HardenRestore, ui: Ui) -> Outcome {
    if let Some(moment) = &arguments.to {
        not_to_come(moment)?;
    }
    let seen = Seen::load(
        arguments.stack.as_deref(),
        arguments.instance.as_deref(),
        &arguments.variables,
        ui,
    )?;
    for hardening in seen.hardenings() {
        let objects: Vec<Json> = seen.nodes(hardening).iter().filter_map(with_uid).collect();
        let Some(database) = database(&objects, arguments.namespace.as_deref())? else {
            continue;
        };
        let restored = restore(database, &arguments.name, arguments.to.as_deref())
            .map_err(|error| {
                CommandError::hint(
                    Code::Usage,
                    error.to_string(),
                    "write it as `infra harden restore -to 2026-01-31T12:00:00Z -name postgres-restored`",
                )
            })?;
        if restored.to_string().contains(LATER) {
            return Err(CommandError::hint(
                Code::Usage,
                "it is not known yet where the database archives to: the stack was not applied",
                "run `infra apply` first",
            ));
        }
        let mut all = policies_of_restored(&objects, database, &arguments.name);
        all.push(restored);
        let texts: Vec<String> = all.iter().map(yaml::document).collect();
        ui.result(&texts.join("---\n"));
        return Ok(Exit::Done);
    }
    Err(CommandError::hint(
        Code::Usage,
        "there is no such database in this stack",
        "databases are declared with `postgres` of an app: [hardening.main.apps.shop.postgres]",
    ))
}

/// No archive reaches a moment that is still to come: what restores would wait for it, and end in an error. What is no moment at all is
/// told where it is read.
fn not_to_come(moment: &str) -> Result<(), CommandError> {
    let now = SystemClock.now();
    match moment.parse::<jiff::Timestamp>() {
        Ok(asked) if asked.as_millisecond() > now.0 => Err(CommandError::hint(
            Code::Usage,
            format!("{moment} is still to come"),
            "leave -to out for the last change that was archived, or write a moment that has been, in UTC",
        )),
        _ => Ok(()),
    }
}

/// The object of a node, as it was applied, with what tells it from others of its name.
pub(super) fn with_uid(node: &Node) -> Option<Json> {
    let mut object = node.object()?;
    if let Some(uid) = &node.uid {
        object["metadata"]["uid"] = json!(uid);
    }
    Some(object)
}

/// Whether an object is a database of an operator's.
pub(super) fn is_database(object: &Json) -> bool {
    let (version, kind) = (&object["apiVersion"], &object["kind"]);
    version == "postgresql.cnpg.io/v1" && kind == "Cluster"
        || version == "acid.zalan.do/v1" && kind == "postgresql"
}

/// The database that is meant.
fn database<'o>(
    objects: &'o [Json],
    namespace: Option<&str>,
) -> Result<Option<&'o Json>, CommandError> {
    let is_one = |object: &&Json| {
        is_database(object) && namespace.is_none_or(|n| object["metadata"]["namespace"] == n)
    };
    let found: Vec<&Json> = objects.iter().filter(is_one).collect();
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            let names: Vec<&str> = found
                .iter()
                .filter_map(|o| o["metadata"]["namespace"].as_str())
                .collect();
            Err(CommandError::hint(
                Code::Usage,
                "the stack has several databases",
                format!("say whose with -namespace, one of: {}", names.join(", ")),
            ))
        }
    }
}
