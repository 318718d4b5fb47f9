//! The pipelines of a stack's apps: lint, test, look for holes, build without a daemon, scan, push, sign, verify, and tell the
//! configuration repository. What they are follows from the stack; this crate writes the files and touches none.

mod common;
mod github;
mod gitlab;
mod pins;
mod secrets;
mod setup;
mod target;

pub use secrets::secrets;
pub use setup::{App, Config, Identity, Image, Place, Platform, Settings};

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The steps that both platforms' pipelines take, a program of the shell.
pub const SCRIPT: &str = include_str!("ci.sh");

/// Where that stands in a repository.
pub const SCRIPT_PATH: &str = "ci/infra.sh";

/// What cannot be written, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// The remedy.
    pub help: String,
}

fn wrong(message: impl Into<String>, help: impl Into<String>) -> Error {
    Error {
        message: message.into(),
        help: help.into(),
    }
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The repository that it is of, where the stack says which: `acme/shop`.
    pub repository: Option<String>,
    /// Its path from the repository's root.
    pub path: String,
    /// What stands in it, the seal in its head included.
    pub text: String,
    /// Whether it is run as a program.
    pub program: bool,
}

/// The files of all pipelines, in the order of apps.
///
/// # Errors
/// What the stack does not tell, or what its cluster would refuse.
pub fn render(settings: &Settings, place: &Place, platform: Platform) -> Result<Vec<File>, Error> {
    if settings.apps.iter().all(|app| app.images.is_empty()) {
        return Err(wrong(
            "this stack has no app with a service: there is nothing to build",
            "write `[hardening.….apps.shop.services.front]`",
        ));
    }
    check(settings, place)?;
    let registry = target::Registry::find(settings, place, platform)?;
    for app in &settings.apps {
        for image in &app.images {
            registry.check(settings, app, image)?;
        }
    }
    let mut repositories: Vec<Option<String>> = Vec::new();
    for app in settings.apps.iter().filter(|app| !app.images.is_empty()) {
        if !repositories.contains(&app.repository) {
            repositories.push(app.repository.clone());
        }
    }
    let mut files = Vec::new();
    for repository in repositories {
        let apps: Vec<&App> = settings
            .apps
            .iter()
            .filter(|app| app.repository == repository && !app.images.is_empty())
            .collect();
        let written = match platform {
            Platform::GitHub => github::files(settings, place, &registry, &apps)?,
            Platform::GitLab => gitlab::files(settings, place, &registry, &apps)?,
        };
        for (path, text) in written {
            files.push(File {
                repository: repository.clone(),
                text: sealed(&settings.owner, "", &text),
                path,
                program: false,
            });
        }
        let (first, rest) = SCRIPT.split_once('\n').unwrap_or((SCRIPT, ""));
        files.push(File {
            repository,
            path: SCRIPT_PATH.to_owned(),
            text: sealed(&settings.owner, &format!("{first}\n"), rest),
            program: true,
        });
    }
    Ok(files)
}

/// Names come into shell and YAML: they are held to what is harmless there, whoever has let them through before.
fn check(settings: &Settings, place: &Place) -> Result<(), Error> {
    let path = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut texts: Vec<(&str, &str, bool)> = vec![(
        "branch",
        settings.branch.as_str(),
        settings.branch.chars().all(path),
    )];
    for app in &settings.apps {
        texts.push(("the app", &app.name, app.name.chars().all(name)));
        let up = |text: &str| text.split('/').any(|part| part == "..") || text.starts_with('/');
        texts.push((
            "path",
            &app.path,
            app.path.chars().all(path) && !up(&app.path),
        ));
        if let Some(repository) = &app.repository {
            let fits = repository.contains('/') && repository.chars().all(path);
            texts.push(("repository", repository, fits && !up(repository)));
        }
        for image in &app.images {
            texts.push(("the service", &image.name, image.name.chars().all(name)));
            for text in [&image.context, &image.file] {
                texts.push(("path", text, text.chars().all(path) && !up(text)));
            }
        }
    }
    let url = |c: char| c.is_ascii_alphanumeric() || "-_./:@~".contains(c);
    for (what, text) in [
        ("repository", &place.repository),
        ("role", &place.role),
        ("client", &place.client),
        ("tenant", &place.tenant),
        ("identity_provider", &place.provider),
        ("sonarqube", &settings.sonarqube),
        ("server", &settings.server),
    ] {
        if let Some(text) = text {
            texts.push((what, text, text.chars().all(url)));
        }
    }
    match texts
        .iter()
        .find(|(_, text, fits)| !fits || text.is_empty())
    {
        None => Ok(()),
        Some((what, text, _)) => Err(wrong(
            format!("`{text}` has characters that do not belong into a pipeline ({what})"),
            "use letters, digits, `-`, `_`, `.` and `/`; paths are relative, and repositories are named OWNER/NAME",
        )),
    }
}

const MARK: &str = "# Made by `infra ci render` from ";
const SEAL: &str = "# sha256:";

/// A text under a head that says whose it is, and by its seal whether a person has changed it since.
fn sealed(owner: &str, first: &str, body: &str) -> String {
    let body = format!("{first}{body}");
    let rest = body.strip_prefix(first).unwrap_or(&body);
    format!(
        "{first}{MARK}{owner}. What is changed here is asked about when it is made anew.\n{SEAL}{}\n{rest}",
        seal(&body)
    )
}

fn seal(body: &str) -> String {
    let mut out = hex::encode(Sha256::digest(body.as_bytes()));
    out.truncate(32);
    out
}

/// What stands where a file is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is what would be written.
    Same,
    /// It is what was written before, and nobody has changed it.
    Ours,
    /// A person wrote or changed it.
    Theirs,
}

/// What a text is, that stands where `new` is to stand.
#[must_use]
pub fn found(old: &str, new: &str) -> Found {
    if old == new {
        return Found::Same;
    }
    let mut body = String::new();
    let mut said = None;
    let mut marked = false;
    for line in old.split_inclusive('\n') {
        if !marked && line.starts_with(MARK) {
            marked = true;
        } else if marked && said.is_none() && line.starts_with(SEAL) {
            said = Some(line[SEAL.len()..].trim().to_owned());
        } else {
            let _ = write!(body, "{line}");
        }
    }
    if said.is_some_and(|s| s == seal(&body)) {
        Found::Ours
    } else {
        Found::Theirs
    }
}

/// How tags of an app's versions begin, among the apps of its repository.
fn tag_prefix(app: &App, apps: &[&App]) -> String {
    if apps.len() > 1 {
        format!("{}-v", app.name)
    } else {
        "v".to_owned()
    }
}

/// Where the configuration repository stands: `github`, `gitlab` or elsewhere.
fn host_of(url: &str) -> &'static str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    if host.starts_with("github.") || host == "github.com" {
        "github"
    } else if host.contains("gitlab") {
        "gitlab"
    } else {
        "other"
    }
}

/// The configuration repository that pipelines write to: what it is, and its address.
fn delivered<'a>(
    settings: &'a Settings,
    place: &'a Place,
) -> Result<Option<(&'a Config, &'a str)>, Error> {
    let Some(config) = settings.config.as_ref().filter(|c| !c.automated) else {
        return Ok(None);
    };
    let Some(url) = place.repository.as_deref() else {
        return Err(wrong(
            "it is not known which repository the cluster watches",
            "write `repository = \"https://github.com/acme/config\"` in [hardening.….gitops], or give the variable that it is of",
        ));
    };
    if config.how == "pull_request" && host_of(url) == "other" {
        return Err(wrong(
            format!(
                "nobody can be asked to take a change into {url}: it is neither GitHub's nor GitLab's"
            ),
            "write `deliver = \"commit\"` in [hardening.….ci]",
        ));
    }
    if config.how == "pull_request" && host_of(url) == "github" && !url.starts_with("https://") {
        return Err(wrong(
            "GitHub is asked for a pull request with a token, and ssh has none",
            "write `repository = \"https://github.com/OWNER/NAME\"` in [hardening.….gitops], or `deliver = \"commit\"` in [hardening.….ci]",
        ));
    }
    Ok(Some((config, url)))
}

#[cfg(test)]
mod tests;
