//! `infra validate`: everything that is wrong with a stack file, without a network.

use crate::cli::Validate;
use crate::error::{CommandError, Exit, Outcome};
use crate::place::Place;
use crate::providers::Providers;
use crate::render::json::diagnostic::diagnostic_json;
use crate::stack::{Loading, text_of};
use crate::ui::Ui;
use infra_engine::ProgramGraph;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources};
use serde_json::{Value as Json, json};

pub(super) fn run(arguments: &Validate, ui: Ui) -> Outcome {
    let places: Vec<Place> = if arguments.stacks.is_empty() {
        vec![Place::find(None, None)?]
    } else {
        arguments
            .stacks
            .iter()
            .map(|s| Place::find(Some(s), None))
            .collect::<Result<_, _>>()?
    };
    let providers = Providers::new();
    let mut loading = Loading::new(&providers, &arguments.variables)?;
    loading.require_variables = false;
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
            let s = if errors == 1 { "" } else { "s" };
            ui.talk(&format!("{errors} error{s}"));
        }
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Error })
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
