//! What the pipelines of both platforms have: the checks that run in an app's folder, and what the script reads from the environment.

use crate::setup::{App, Config, Image, Platform, Settings};
use crate::{host_of, pins};
use serde_json::{Map, Value as Json, json};

/// The file that an app's pipeline stands in; sigstore calls pipelines by it.
pub(crate) fn path(app: &App, platform: Platform) -> String {
    match platform {
        Platform::GitHub => format!(".github/workflows/{}.yml", app.name),
        Platform::GitLab => ".gitlab-ci.yml".to_owned(),
    }
}

/// What lints Python.
pub(crate) fn ruff() -> Vec<String> {
    vec![
        format!(
            "pip install --quiet --disable-pip-version-check \"ruff=={}\"",
            pins::RUFF
        ),
        "ruff check .".to_owned(),
    ]
}

/// What lints JavaScript.
pub(crate) fn eslint() -> Vec<String> {
    ["npm ci --ignore-scripts", "npx --no-install eslint ."]
        .map(str::to_owned)
        .to_vec()
}

/// What tests Python.
pub(crate) fn pytest() -> Vec<String> {
    vec![
        "python -m venv \"${TMPDIR:-/tmp}/venv\"".to_owned(),
        ". \"${TMPDIR:-/tmp}/venv/bin/activate\"".to_owned(),
        format!(
            "pip install --quiet --disable-pip-version-check \"pytest=={}\"",
            pins::PYTEST
        ),
        "for list in requirements.txt requirements-dev.txt; do if [ -f \"$list\" ]; then pip install --quiet -r \"$list\"; fi; done".to_owned(),
        "if [ -f pyproject.toml ]; then pip install --quiet .; fi".to_owned(),
        "python -m pytest".to_owned(),
    ]
}

/// What every step knows of an app.
pub(crate) fn environment(settings: &Settings, app: &App, prefix: &str) -> Map<String, Json> {
    variables([
        ("APP", json!(app.name)),
        ("APP_PATH", json!(app.path)),
        ("TAG_PREFIX", json!(prefix)),
        ("SEVERITY", json!(settings.severity)),
        ("UNFIXED", json!(settings.unfixed.to_string())),
        ("SCANNER", json!(settings.scanner)),
        ("TRIVY_VERSION", json!(pins::TRIVY.0)),
        ("TRIVY_SHA256", json!(pins::TRIVY.1)),
        ("COSIGN_VERSION", json!(pins::COSIGN.0)),
        ("COSIGN_SHA256", json!(pins::COSIGN.1)),
    ])
}

/// What an image is built from.
pub(crate) fn building(image: &Image) -> Map<String, Json> {
    variables([
        ("CONTEXT", json!(image.context)),
        ("FILE", json!(image.file)),
    ])
}

/// Where versions are written.
pub(crate) fn delivery(config: &Config, url: &str) -> Map<String, Json> {
    variables([
        ("CONFIG_REPOSITORY", json!(url)),
        ("CONFIG_HOST", json!(host_of(url))),
        ("CONFIG_BRANCH", json!(config.branch)),
        ("CONFIG_PATH", json!(config.path)),
        ("CONFIG_HOW", json!(config.how)),
    ])
}

fn variables<const N: usize>(all: [(&str, Json); N]) -> Map<String, Json> {
    all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}
