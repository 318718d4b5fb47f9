//! The row of the roadmap that is not in a cluster: pipelines, which stand beside the code.

use super::rows::Finding;
use super::{Row, Seen};
use serde_json::{Value as Json, json};

/// The kind of what stands for the file of a pipeline among objects.
const PIPELINE: &str = "Pipeline";

/// Whether a path, from the root of a repository, is a pipeline of GitHub's or GitLab's.
#[must_use]
pub fn is_pipeline(path: &str) -> bool {
    let yaml = path.ends_with(".yml") || path.ends_with(".yaml");
    let github = path.strip_prefix(".github/workflows/");
    path == ".gitlab-ci.yml" || yaml && github.is_some_and(|name| !name.contains('/'))
}

/// What stands for a pipeline: its path and its text.
#[must_use]
pub fn pipeline(path: &str, text: &str) -> Json {
    json!({ "kind": PIPELINE, "metadata": { "name": path }, "spec": { "text": text } })
}

/// What the roadmap asks of pipelines: what is said, and the programs of which one does it.
const ASKED: &[(&str, &str, &[&str])] = &[
    (
        "code is linted",
        "nothing lints the code",
        &["ruff", "eslint", "clippy", "golangci-lint", "lint"],
    ),
    (
        "tests are run",
        "nothing runs the tests",
        &[
            "pytest",
            "vitest",
            "jest",
            "npm test",
            "go test",
            "cargo test",
            "mvn",
            "gradle",
        ],
    ),
    (
        "images are built and pushed",
        "nothing builds images",
        &[
            "buildah",
            "kaniko",
            "build-push-action",
            "docker build",
            "buildx",
        ],
    ),
];

pub(super) fn row(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "4. CI/CD & Automation",
        "Automated Pipelines (CI)",
        "# in the repository, .github/workflows/ci.yml or .gitlab-ci.yml:\n# ruff, eslint and pytest on every change, then buildah or kaniko",
    );
    let texts: Vec<String> = seen
        .all(PIPELINE)
        .iter()
        .filter_map(|p| p["spec"]["text"].as_str())
        .map(code)
        .collect();
    if texts.is_empty() {
        row.must(
            false,
            "",
            "no pipeline is found here: neither .github/workflows nor .gitlab-ci.yml",
        );
        return row.0;
    }
    for (found, open, programs) in ASKED {
        let done = texts.iter().any(|t| programs.iter().any(|p| t.contains(p)));
        row.must(done, *found, *open);
    }
    row.0
}

/// A text without its comments.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}
