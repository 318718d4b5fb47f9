//! Thousands of expressions, good and bad, beside the answers that Terraform 1.11 gave to them. `expressions/*.jsonl` holds
//! one expression a line with its value as JSON or the summary of its error; `expressions/differences.tsv` names the few that
//! differ, and why.

use infra_lang::files::MemoryFiles;
use infra_lang::{Evaluator, parse_expression};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expand::NoComponents;
use infra_model::expr::Root;
use infra_model::{Timestamp, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Nothing;

impl Scope for Nothing {
    fn resolve(&self, _: &Root, _: &[KnownStep], _: Span) -> Result<Resolved, Diagnostic> {
        Err(Diagnostic::error(
            infra_model::Code::BadReference,
            "nothing is declared",
        ))
    }

    /// What a console may know: `timestamp()` and its like are unknown until apply.
    fn phase(&self) -> Phase {
        Phase::Apply
    }

    /// After 2020.
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }
}

/// The JSON of an expression's value, or what is wrong.
fn answer(evaluator: &Evaluator, expression: &str) -> Result<Json, String> {
    let text = format!("jsonencode({expression})");
    let said = |errors: Diagnostics| {
        let messages: Vec<String> = errors.into_iter().map(|d| d.message).collect();
        messages.join("; ")
    };
    let here = Path::new("/stack");
    let expr =
        parse_expression(&text, &NoComponents, here, &mut Sources::default()).map_err(said)?;
    match evaluator.evaluate(&expr, &Nothing).map_err(said)? {
        Value::String(json) => serde_json::from_str(&json).map_err(|e| e.to_string()),
        other => Err(format!("not known: {other:?}")),
    }
}

/// `tests/expressions`, where the recorded answers are.
fn folder() -> PathBuf {
    PathBuf::from("tests/expressions")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the recorded answers are there")
}

/// Every recorded line.
pub(crate) fn recorded() -> Vec<Json> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let lines = read(file);
            let parsed = lines
                .lines()
                .map(|l| serde_json::from_str(l).expect("a line of JSON"));
            parsed.collect::<Vec<Json>>()
        })
        .collect()
}

/// What lay in Terraform's working directory when it was asked, as `/stack`.
pub(crate) fn files() -> MemoryFiles {
    let mut files = MemoryFiles::default();
    let root = folder().join("files");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inner = path.strip_prefix(&root).expect("below it");
            let content = std::fs::read(&path).expect("a file");
            files.files.insert(Path::new("/stack").join(inner), content);
        }
    }
    files
}

#[test]
fn every_function_of_terraform_is_asked_for() {
    // Terraform's console does not know it: a test of evaluation does.
    const NOT_ASKED: [&str; 1] = ["plantimestamp"];
    let known: Vec<&str> = infra_lang::functions::signatures()
        .iter()
        .map(|f| f.name)
        .collect();
    let expressions: Vec<String> = recorded()
        .iter()
        .map(|line| line["expr"].as_str().expect("an expression").to_owned())
        .collect();
    let calls = |text: &str, name: &str| {
        text.match_indices(&format!("{name}("))
            .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    };
    let names = read(&folder().join("functions.txt"));
    assert_eq!(
        names.lines().count(),
        known.len(),
        "functions of infra's own"
    );
    for name in names.lines() {
        assert!(known.contains(&name), "there is no function {name}");
        if NOT_ASKED.contains(&name) {
            continue;
        }
        let asked = expressions.iter().filter(|e| calls(e, name)).count();
        assert!(asked >= 5, "{name} is asked {asked} times");
        let twin = format!("core::{name}");
        assert!(
            expressions.iter().any(|e| calls(e, &twin)),
            "{twin} is never asked"
        );
    }
    for operator in [
        "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "!", "?",
    ] {
        let asked = expressions.iter().filter(|e| e.contains(operator)).count();
        assert!(asked >= 20, "{operator} is asked {asked} times");
    }
}

#[test]
fn expressions_have_the_values_that_terraform_gives_them() {
    let differences = read(&folder().join("differences.tsv"));
    let mut expected_to_differ: BTreeMap<&str, &str> = differences
        .lines()
        .map(|line| {
            line.split_once('\t')
                .expect("an expression, a tab, a reason")
        })
        .collect();
    let evaluator = Evaluator::new(Arc::new(files()), PathBuf::from("/stack"));
    let mut checked = 0;
    let mut wrong = Vec::new();
    for recorded in recorded() {
        let expression = recorded["expr"].as_str().expect("an expression");
        let ours = answer(&evaluator, expression);
        let agrees = match (&ours, recorded.get("json")) {
            (Ok(ours), Some(theirs)) => same(ours, theirs),
            (Err(_), None) => true,
            _ => false,
        };
        checked += 1;
        let listed = expected_to_differ.remove(expression).is_some();
        if agrees == listed {
            let theirs = recorded.get("json").unwrap_or(&recorded["error"]);
            let note = if listed {
                "  (listed as different, but agrees)"
            } else {
                ""
            };
            wrong.push(format!(
                "{expression}\n    theirs {theirs}\n    ours   {ours:?}{note}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {checked} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(checked > 4000, "only {checked} expressions were found");
    assert!(
        expected_to_differ.is_empty(),
        "no such expressions: {expected_to_differ:?}"
    );
}

/// Equal JSON; numbers as near as a reader of long decimals gets. Exact digits are compared by expressions with `tostring`.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= a.abs() * 1e-15,
            _ => false,
        },
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}
