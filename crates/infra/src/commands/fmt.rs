//! `infra fmt`: the canonical layout.

use crate::cli::Fmt;
use crate::error::{CommandError, Exit, Outcome};
use crate::system::replace;
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Sources};
use similar::TextDiff;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Top-level tables that only stack files have: other TOML files in a folder are left alone.
const TABLES: [&str; 15] = [
    "stack",
    "variables",
    "locals",
    "clouds",
    "resource",
    "data",
    "outputs",
    "module",
    "network",
    "cluster",
    "database",
    "bucket",
    "registry",
    "load_balancer",
    "hardening",
];

pub(super) fn run(arguments: &Fmt, ui: Ui) -> Outcome {
    if arguments.paths.iter().any(|p| p.as_os_str() == "-") {
        return standard_input(ui, arguments.check);
    }
    let given = if arguments.paths.is_empty() {
        let modules = Path::new("modules");
        let modules = modules.is_dir().then(|| modules.to_owned());
        std::iter::once(PathBuf::from("stacks"))
            .chain(modules)
            .collect()
    } else {
        arguments.paths.clone()
    };
    let mut files = Vec::new();
    for path in &given {
        if path.is_dir() {
            collect(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    let mut exit = Exit::Done;
    for file in files {
        let text =
            std::fs::read_to_string(&file).map_err(|e| CommandError::io("read", &file, &e))?;
        let formatted = match format(&file.to_string_lossy(), &text) {
            Ok(formatted) => formatted,
            Err(error) => {
                // One broken file does not keep the others from being formatted.
                ui.diagnostics(&error.diagnostics, &error.sources);
                exit = Exit::Error;
                continue;
            }
        };
        if formatted == text {
            continue;
        }
        ui.result(&format!("{}\n", file.display()));
        if arguments.diff {
            let name = file.to_string_lossy();
            let diff = TextDiff::from_lines(&text, &formatted);
            ui.result(&diff.unified_diff().header(&name, &name).to_string());
        }
        if arguments.check {
            exit = Exit::Error;
        } else {
            replace(&file, &formatted).map_err(|e| CommandError::io("write", &file, &e))?;
        }
    }
    Ok(exit)
}

fn standard_input(ui: Ui, check: bool) -> Outcome {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|e| Diagnostic::error(Code::System, format!("cannot read standard input: {e}")))?;
    let formatted = format("standard input", &text)?;
    if check {
        return Ok(if formatted == text {
            Exit::Done
        } else {
            Exit::Error
        });
    }
    ui.result(&formatted);
    Ok(Exit::Done)
}

fn format(name: &str, text: &str) -> Result<String, CommandError> {
    infra_lang::format(text).map_err(|diagnostics| {
        let mut sources = Sources::default();
        sources.add(name, text);
        CommandError::new(diagnostics, sources)
    })
}

/// The stack files of a folder, however deep; hidden folders are left alone.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let failed = |e: std::io::Error| CommandError::io("list", folder, &e);
    let mut entries = std::fs::read_dir(folder)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type().map_err(failed)?;
        if hidden {
            continue;
        }
        if kind.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "toml") && is_stack(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_stack(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else {
        return false;
    };
    match text.parse::<toml_edit::DocumentMut>() {
        Ok(document) => {
            TABLES.iter().any(|t| document.contains_key(t)) && !document.contains_key("package")
        }
        // A stack file with an error in it is told, not passed over.
        Err(_) => TABLES.iter().any(|t| text.contains(&format!("[{t}"))),
    }
}
