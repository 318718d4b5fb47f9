//! `infra validate`: everything that is wrong with a stack file, without a network.

use crate::cli::Validate;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::render::json::diagnostic::diagnostic_json;
use crate::stack::{Loading, text_of};
use crate::ui::Ui;
use infra_engine::ProgramGraph;
use infra_model::diagnostic::{Diagnostic, Diagnostics, FileId, Sources};
use infra_model::fix::{apply, edits_of};
use serde_json::{Value as Json, json};
use std::path::Path;

/// One mend can make the next one visible; a file that needs more rounds has other troubles.
const ROUNDS: usize = 10;

pub(super) fn run(arguments: &Validate, ui: Ui) -> Outcome {
    let mut places = places(arguments)?;
    let providers = Providers::new();
    let mut loading = Loading::new(&providers, &arguments.variables)?;
    loading.require_variables = false;
    if arguments.fix {
        for _ in 0..ROUNDS {
            if !mend(&loading, &places, ui)? {
                break;
            }
            places = self::places(arguments)?;
        }
    }
    let mut found: Vec<(Diagnostics, Sources)> = Vec::new();
    for place in &places {
        found.push(check(&loading, place)?);
    }
    let errors = found
        .iter()
        .flat_map(|(d, _)| d)
        .filter(|d| d.is_error())
        .count();
    let warnings = found.iter().map(|(d, _)| d.len()).sum::<usize>() - errors;
    if arguments.json {
        let all: Vec<Json> = found
            .iter()
            .flat_map(|(ds, sources)| ds.iter().map(|d| diagnostic_json(d, sources)))
            .collect();
        ui.json(&json!({
            "format_version": "1.0",
            "valid": errors == 0,
            "error_count": errors,
            "warning_count": warnings,
            "diagnostics": all,
        }));
    } else {
        for (diagnostics, sources) in &found {
            ui.diagnostics(diagnostics, sources);
        }
        if errors == 0 {
            for place in &places {
                ui.result(&format!(
                    "{} {} is valid.\n",
                    ui.out.green("Success!"),
                    place.file.display()
                ));
            }
        } else {
            ui.talk(&summary(errors, &found));
        }
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Error })
}

fn places(arguments: &Validate) -> Result<Vec<Place>, CommandError> {
    if arguments.stacks.is_empty() {
        return Ok(vec![Place::find(None, None)?]);
    }
    arguments
        .stacks
        .iter()
        .map(|s| Place::find(Some(s), None))
        .collect()
}

/// How many errors, and what helps with them.
fn summary(errors: usize, found: &[(Diagnostics, Sources)]) -> String {
    let all = || found.iter().flat_map(|(d, _)| d);
    let s = if errors == 1 { "" } else { "s" };
    let code = all()
        .find(|d| d.is_error())
        .map_or("CODE", |d| d.code.as_str());
    let mendable = all().filter(|d| !d.fix.is_empty()).count();
    let mends = match mendable {
        0 => String::new(),
        1 if errors == 1 => "; `infra validate --fix` mends it".to_owned(),
        n => format!("; `infra validate --fix` mends {n} of them"),
    };
    format!("{errors} error{s}{mends}; `infra explain {code}` says more")
}

/// Writes the mends that are certain; whether there were any.
fn mend(loading: &Loading<'_>, places: &[Place], ui: Ui) -> Result<bool, CommandError> {
    for place in places {
        let (diagnostics, sources) = check(loading, place)?;
        for (i, file) in sources.files().iter().enumerate() {
            let id = FileId(u16::try_from(i).unwrap_or(u16::MAX));
            let edits = edits_of(&diagnostics, id);
            let path = Path::new(&*file.name);
            if edits.is_empty() {
                continue;
            }
            // Only what was checked is mended: the file may have changed since.
            let text =
                std::fs::read_to_string(path).map_err(|e| CommandError::io("read", path, &e))?;
            let Some(mended) = apply(&text, &edits).filter(|_| *text == *file.text) else {
                continue;
            };
            crate::system::replace(path, &mended)
                .map_err(|e| CommandError::io("write", path, &e))?;
            let s = if edits.len() == 1 { "" } else { "s" };
            ui.talk(&format!("{}: {} place{s} mended", file.name, edits.len()));
            return Ok(true);
        }
    }
    Ok(false)
}

fn check(loading: &Loading<'_>, place: &Place) -> Result<(Diagnostics, Sources), CommandError> {
    let loaded = loading.load(&place.file, text_of(place)?, None);
    let mut diagnostics = loaded.diagnostics;
    let cycle = loaded
        .program
        .as_ref()
        .and_then(|p| ProgramGraph::new(p).cycle(p));
    // One that the language has found already is not said twice.
    diagnostics.extend(cycle.filter(|_| !diagnostics.iter().any(Diagnostic::is_error)));
    Ok((diagnostics, loaded.sources))
}
