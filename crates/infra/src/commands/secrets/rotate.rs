//! `infra secrets rotate-backup`: all sealing keys of the state into a file, and the name of a new one into the stack file. The next
//! apply makes that key; what older ones have sealed they still open.

use crate::cli::SecretsRotateBackup;
use crate::commands::edit::Edit;
use crate::commands::harden::Seen;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::system::{SystemClock, write_new_for_owner};
use crate::ui::Ui;
use infra_hardening::yaml;
use infra_model::codes::Code;
use infra_model::program::ComponentInstance;
use infra_model::time::{Clock, Timestamp};
use serde_json::Value as Json;
use std::path::Path;
use toml_edit::{Array, Item, TableLike, Value};

/// The name of the key that there is when the stack says none.
const FIRST: &str = "first";

pub(super) fn run(arguments: &SecretsRotateBackup, ui: Ui) -> Outcome {
    let place = Place::find(arguments.stack.as_deref(), None)?;
    let seen = Seen::load(arguments.stack.as_deref(), None, &arguments.variables, ui)?;
    let hardening = chosen(&seen, arguments.hardening.as_deref())?;
    let name = hardening.step.name.to_string();
    if let Some(out) = &arguments.out {
        let keys = seen.sealing_keys(hardening);
        if keys.is_empty() {
            return Err(CommandError::hint(
                Code::Usage,
                format!("the state has no sealing keys of hardening.{name}"),
                "apply the stack first; keys are made before the cluster, by the control `secrets` with `engine = \"sealed-secrets\"`",
            ));
        }
        write(out, &keys)?;
        ui.talk(&format!(
            "{} in {}. Whoever has it opens all that is sealed for the cluster: keep it where neither the cluster nor the state is.",
            counted(keys.len()),
            out.display()
        ));
    }
    if arguments.keep {
        return Ok(Exit::Done);
    }
    let mut edit = Edit::open(&place.file)?;
    let table = edit.table(
        &["hardening", &name, "secrets"],
        "add a name to `keys` yourself",
    )?;
    let new = rotate(table, arguments.name.as_deref(), SystemClock.now())?;
    edit.save()?;
    let file = place.file.display();
    ui.talk(&format!(
        "The next apply makes the key `{new}`, with which is sealed from then on; older ones stay, and open what they sealed: infra apply {file}"
    ));
    ui.talk(&format!(
        "Then it has to be in the backup too: infra secrets rotate-backup -keep -out FILE {file}"
    ));
    Ok(Exit::Done)
}

fn counted(keys: usize) -> String {
    match keys {
        1 => "The sealing key is".to_owned(),
        keys => format!("{keys} sealing keys are"),
    }
}

fn chosen<'s>(seen: &'s Seen, name: Option<&str>) -> Result<&'s ComponentInstance, CommandError> {
    let all: Vec<&ComponentInstance> = seen.own_hardenings().collect();
    let names: Vec<&str> = all.iter().map(|h| &*h.step.name).collect();
    let found = match (name, all.as_slice()) {
        (Some(name), all) => all.iter().find(|h| &*h.step.name == name).copied(),
        (None, [one]) => Some(*one),
        (None, _) => None,
    };
    found.ok_or_else(|| match names.as_slice() {
        [] => CommandError::hint(
            Code::Usage,
            "this stack hardens no cluster",
            "write `[hardening.main]` with `cluster = \"main\"`",
        ),
        names => CommandError::hint(
            Code::Usage,
            "which hardening is meant?",
            format!("name it by -hardening: {}", names.join(", ")),
        ),
    })
}

/// Adds a key's name behind those that there are; the name.
fn rotate(
    table: &mut dyn TableLike,
    wanted: Option<&str>,
    now: Timestamp,
) -> Result<String, CommandError> {
    let refuse = |message: String, help: &str| Err(CommandError::hint(Code::Usage, message, help));
    match table.get("engine").and_then(Item::as_str) {
        None | Some("sealed-secrets") => {}
        Some(other) => {
            return refuse(
                format!("secrets are kept by `{other}`, which has no sealing keys"),
                "this is for `engine = \"sealed-secrets\"`",
            );
        }
    }
    if !table.contains_key("keys") {
        table.insert("keys", Item::Value(Value::Array(Array::from_iter([FIRST]))));
    }
    let keys = table.get_mut("keys").and_then(Item::as_array_mut);
    let Some(keys) = keys.filter(|keys| keys.iter().all(Value::is_str)) else {
        return refuse(
            "`keys` is no list of names that stands in the file itself".to_owned(),
            "add a name to it yourself, as its last",
        );
    };
    let there: Vec<String> = keys
        .iter()
        .filter_map(|k| k.as_str().map(str::to_owned))
        .collect();
    let new = match wanted {
        Some(name) if there.iter().any(|t| t == name) => {
            return refuse(
                format!("there is a key `{name}` already"),
                "give the new one a name of its own",
            );
        }
        Some(name) => name.to_owned(),
        None => fresh(&there, now),
    };
    keys.push(new.as_str());
    Ok(new)
}

/// This month; with a number where there was one this month already.
fn fresh(there: &[String], now: Timestamp) -> String {
    let month = jiff::Timestamp::from_millisecond(now.0)
        .map_or_else(|_| "next".to_owned(), |t| t.strftime("%Y-%m").to_string());
    let free = |name: &String| !there.contains(name);
    let numbered = (2..).map(|n| format!("{month}-{n}"));
    let mut names = std::iter::once(month.clone()).chain(numbered);
    names.find(free).unwrap_or(month)
}

/// A new file that only its owner reads.
fn write(path: &Path, keys: &[Json]) -> Result<(), CommandError> {
    let texts: Vec<String> = keys.iter().map(yaml::document).collect();
    let written = write_new_for_owner(path, texts.join("---\n").as_bytes());
    written.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => CommandError::hint(
            Code::FileAccess,
            format!("there is a file {} already", path.display()),
            "a backup never takes the place of another one: name a new file",
        ),
        _ => CommandError::io("write", path, &e),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml_edit::DocumentMut;

    const NOVEMBER: Timestamp = Timestamp(1_795_000_000_000);

    fn rotated(text: &str, name: Option<&str>) -> Result<String, String> {
        let mut document: DocumentMut = text.parse().expect("TOML");
        rotate(document.as_table_mut(), name, NOVEMBER)
            .map_err(|e| e.diagnostics[0].message.clone())?;
        Ok(document.to_string())
    }

    #[test]
    fn a_new_name_stands_last_and_the_others_stay() {
        assert_eq!(
            rotated("", None).as_deref(),
            Ok("keys = [\"first\", \"2026-11\"]\n")
        );
        assert_eq!(
            rotated("keys = [\"2026-11\"] # ours\n", None).as_deref(),
            Ok("keys = [\"2026-11\", \"2026-11-2\"] # ours\n")
        );
        assert_eq!(
            rotated("keys = [\"a\"]\n", Some("b")).as_deref(),
            Ok("keys = [\"a\", \"b\"]\n")
        );
        for (text, name, words) in [
            ("keys = [\"a\"]\n", Some("a"), "already"),
            ("keys = \"${var.keys}\"\n", None, "no list"),
            ("engine = \"vault\"\n", None, "no sealing keys"),
        ] {
            let told = rotated(text, name).expect_err("is refused");
            assert!(told.contains(words), "{told}");
        }
    }
}
