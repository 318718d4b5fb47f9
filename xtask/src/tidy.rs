//! The invariants of the house, checked on the source text.

use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this is two rooms.
const LINES: usize = 600;

/// Which rooms a room may know (besides itself). `infra` and `xtask` may know all.
const ARROWS: &[(&str, &[&str])] = &[
    ("crates/model", &["infra-model-derive"]),
    ("crates/model-derive", &[]),
    ("crates/lang", &["infra-model"]),
    ("crates/engine", &["infra-model", "infra-state"]),
    ("crates/state", &["infra-model"]),
    ("crates/draft", &["infra-model"]),
    ("crates/components", &["infra-model", "infra-draft"]),
    (
        "crates/hardening",
        &["infra-model", "infra-draft", "infra-repository"],
    ),
    ("crates/repository", &["infra-model"]),
    ("crates/pipelines", &["infra-repository"]),
    ("crates/crossplane", &["infra-model", "infra-draft"]),
    ("crates/sandbox", &[]),
    (
        "crates/simulation",
        &["infra-model", "infra-lang", "infra-engine", "infra-state"],
    ),
    ("crates/cloud", &["infra-model"]),
    ("providers/aws", &["infra-model", "infra-cloud"]),
    ("providers/google", &["infra-model", "infra-cloud"]),
    ("providers/azure", &["infra-model", "infra-cloud"]),
    ("providers/builtin", &["infra-model", "infra-repository"]),
    (
        "providers/kubernetes",
        &["infra-model", "infra-cloud", "infra-repository"],
    ),
];

/// What library crates must not do, and the files that may: there the outside world is let in on purpose.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("println!", &[]),
    ("eprintln!", &[]),
    ("std::env::", &[]),
    ("env::var", &[]),
    ("SystemTime::now", &["crates/sandbox/src/clock.rs"]),
    ("Instant::now", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("dbg!", &[]),
];

/// The only library files that touch the file system.
const FILES: &[&str] = &[
    "crates/state/src/local.rs",
    "crates/sandbox/src/journal.rs",
    "providers/aws/src/role.rs",
    "providers/azure/src/certificate.rs",
    "providers/builtin/src/files.rs",
    "providers/kubernetes/src/helm/files.rs",
];

/// Runs all checks.
pub(crate) fn run() -> Result<(), String> {
    let root = crate::root();
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    for folder in ["crates", "providers", "xtask", "tests"] {
        collect(&root.join(folder), &mut sources);
    }
    sources.sort();
    for path in &sources {
        let name = path
            .strip_prefix(&root)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(path).map_err(|e| format!("{name}: {e}"))?;
        check_file(&name, &text, &mut problems);
    }
    for (room, allowed) in ARROWS {
        check_arrows(&root, room, allowed, &mut problems)?;
    }
    if problems.is_empty() {
        println!("tidy: {} files, nothing to mend", sources.len());
        return Ok(());
    }
    Err(format!(
        "tidy: {} to mend\n{}",
        problems.len(),
        problems.join("\n")
    ))
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn check_file(name: &str, text: &str, problems: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > LINES {
        problems.push(format!("{name}: {lines} lines are two rooms"));
    }
    if !name.contains("/tests/") && !text.lines().take(3).any(|l| l.starts_with("//!")) {
        problems.push(format!("{name}: no `//!` line says what this room is for"));
    }
    let library = (name.starts_with("crates/") || name.starts_with("providers/"))
        && !name.starts_with("crates/infra/")
        && name.contains("/src/")
        && !name.contains("/examples/")
        && !name.ends_with("tests.rs")
        && !name.ends_with("testing.rs");
    if !library {
        return;
    }
    // Tests stand at the end of a file.
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    for (at, line) in code.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default();
        for (word, allowed) in FORBIDDEN {
            if line.contains(word) && !allowed.contains(&name) {
                problems.push(format!(
                    "{name}:{}: `{word}` has no place in a library",
                    at + 1
                ));
            }
        }
        if (line.contains("std::fs") || line.contains("fs::File")) && !FILES.contains(&name) {
            problems.push(format!(
                "{name}:{}: the file system is not this room's business",
                at + 1
            ));
        }
    }
    if name.starts_with("providers/")
        && !code.contains("trait ")
        && code.matches("impl Resource<").count() > 1
    {
        problems.push(format!("{name}: a resource type is one file"));
    }
}

fn check_arrows(
    root: &Path,
    room: &str,
    allowed: &[&str],
    problems: &mut Vec<String>,
) -> Result<(), String> {
    let manifest = root.join(room).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
    let mut runtime = false;
    for line in text.lines() {
        if line.starts_with('[') {
            runtime = line.trim() == "[dependencies]";
        }
        let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if runtime && dependency.starts_with("infra-") && !allowed.contains(&dependency) {
            problems.push(format!("{room}: knows {dependency}, which it must not"));
        }
    }
    Ok(())
}
