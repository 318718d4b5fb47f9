//! GitHub Actions: a workflow for each app. Every job has the rights that it needs and no others; what people write (branches, titles,
//! messages) reaches no shell, and what jobs hand on comes by the environment.

use crate::setup::{App, Image, Place, Platform, Settings};
use crate::target::{Login, Registry, Signer};
use crate::{Error, SCRIPT_PATH, common, delivered, pins, tag_prefix};
use infra_repository::yaml;
use serde_json::{Map, Value as Json, json};

/// Where a run is one of the branch that is released.
const RELEASE: &str = "github.event_name == 'push'";
const ASKED: &str = "github.event_name == 'pull_request'";

/// Paths and texts of the workflows of a repository.
pub(crate) fn files(
    settings: &Settings,
    place: &Place,
    registry: &Registry,
    apps: &[&App],
) -> Result<Vec<(String, String)>, Error> {
    apps.iter()
        .map(|app| {
            let path = common::path(app, Platform::GitHub);
            let signer = Signer::find(settings, app, Platform::GitHub, &path)?;
            let workflow = Workflow {
                settings,
                place,
                registry,
                app,
                signer,
                prefix: tag_prefix(app, apps),
            };
            let text = yaml::document(&workflow.json(&path)?);
            Ok((path, tagged(&text)))
        })
        .collect()
}

/// Actions with the tag that their commit had, for people and for what raises them.
fn tagged(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(line);
        let uses = line.trim_start().trim_start_matches("- ");
        if let Some(named) = uses.strip_prefix("uses: ")
            && let Some(action) = pins::ACTIONS.iter().find(|a| a.uses() == named)
        {
            out.push_str(&format!(" # {}", action.tag()));
        }
        out.push('\n');
    }
    out
}

struct Workflow<'a> {
    settings: &'a Settings,
    place: &'a Place,
    registry: &'a Registry,
    app: &'a App,
    signer: Signer,
    prefix: String,
}

impl Workflow<'_> {
    fn json(&self, path: &str) -> Result<Json, Error> {
        let app = self.app;
        let mut on = json!({ "branches": [self.settings.branch] });
        if app.path != "." {
            on["paths"] = json!([format!("{}/**", app.path), SCRIPT_PATH, path]);
        }
        let mut jobs = Map::new();
        jobs.insert("lint".into(), self.lint());
        jobs.insert("test".into(), self.test());
        jobs.insert("sources".into(), self.sources());
        for image in &app.images {
            jobs.insert(format!("check-{}", image.name), self.check(image));
        }
        jobs.insert("version".into(), self.version());
        for image in &app.images {
            jobs.insert(format!("image-{}", image.name), self.image(image));
        }
        if let Some(deploy) = self.deploy()? {
            jobs.insert("deploy".into(), deploy);
        }
        Ok(json!({
            "name": app.name,
            "on": { "pull_request": on, "push": on },
            // Nobody may do anything that no job asks for.
            "permissions": {},
            "concurrency": {
                "group": format!("{}-${{{{ github.ref }}}}", app.name),
                // A release that has begun ends.
                "cancel-in-progress": format!("${{{{ {ASKED} }}}}"),
            },
            "defaults": { "run": { "shell": "bash" } },
            "env": common::environment(self.settings, app, &self.prefix),
            "jobs": jobs,
        }))
    }

    /// A job, without its steps' environment.
    fn job(&self, minutes: u32, permissions: Json, steps: Vec<Json>) -> Json {
        let runner = &self.settings.runner;
        json!({
            "runs-on": if runner.is_empty() { json!(pins::RUNNER) } else { json!(runner) },
            "timeout-minutes": minutes,
            "permissions": permissions,
            "steps": steps,
        })
    }

    /// Where files of this kind are, for `hashFiles`.
    fn there(&self, pattern: &str) -> String {
        let pattern = match self.app.path.as_str() {
            "." => pattern.to_owned(),
            path => format!("{path}/{pattern}"),
        };
        format!("hashFiles('{pattern}') != ''")
    }

    fn python(&self) -> Json {
        json!({
            "if": self.there("**/*.py"),
            "uses": pins::PYTHON.uses(),
            "with": { "python-version": pins::PYTHON_VERSION },
        })
    }

    fn lint(&self) -> Json {
        let node = self.there("package.json");
        let steps = vec![
            checkout(1),
            self.python(),
            json!({
                "name": "ruff",
                "if": self.there("**/*.py"),
                "working-directory": self.app.path,
                "run": common::ruff().join("\n"),
            }),
            json!({ "if": node, "uses": pins::NODE.uses(), "with": { "node-version": pins::NODE_VERSION } }),
            json!({
                "name": "eslint",
                "if": node,
                "working-directory": self.app.path,
                "run": common::eslint().join("\n"),
            }),
        ];
        self.job(15, json!({ "contents": "read" }), steps)
    }

    fn test(&self) -> Json {
        let steps = vec![
            checkout(1),
            self.python(),
            json!({
                "name": "pytest",
                "if": self.there("**/*.py"),
                "working-directory": self.app.path,
                "run": common::pytest().join("\n"),
            }),
        ];
        self.job(30, json!({ "contents": "read" }), steps)
    }

    /// What is wrong with the sources.
    fn sources(&self) -> Json {
        let mut steps = vec![
            checkout(if self.settings.sonarqube.is_some() {
                0
            } else {
                1
            }),
            step("trivy", &["tools", "sources"], Map::new()),
        ];
        if let Some(url) = &self.settings.sonarqube {
            steps.push(json!({
                "name": "SonarQube",
                // What comes from a fork has no secrets.
                "if": format!("{RELEASE} || github.event.pull_request.head.repo.full_name == github.repository"),
                "uses": pins::SONARQUBE.uses(),
                "env": { "SONAR_TOKEN": secret("SONAR_TOKEN"), "SONAR_HOST_URL": url },
                "with": {
                    "projectBaseDir": self.app.path,
                    "args": format!("-Dsonar.projectKey={} -Dsonar.qualitygate.wait=true", self.app.name),
                },
            }));
        }
        self.job(30, json!({ "contents": "read" }), steps)
    }

    fn build_environment(&self, image: &Image) -> Map<String, Json> {
        let mut out = common::building(image);
        out.insert("BUILDER".into(), json!(self.settings.builder));
        if self.settings.builder == "kaniko" {
            out.insert("KANIKO_IMAGE".into(), json!(untagged(pins::KANIKO)));
        }
        out
    }

    /// An image, built and looked into, of what is only asked for.
    fn check(&self, image: &Image) -> Json {
        let steps = vec![
            checkout(1),
            step("build", &["build"], self.build_environment(image)),
            step("scan", &["tools", "scan"], Map::new()),
        ];
        let mut job = self.job(60, json!({ "contents": "read" }), steps);
        job["if"] = json!(ASKED);
        job["needs"] = json!(["lint", "test", "sources"]);
        job
    }

    /// The version, which is the commit's from here on: a run that is begun again gives the same.
    fn version(&self) -> Json {
        let steps = vec![
            checkout(0),
            json!({
                "name": "version",
                "id": "version",
                "run": format!("echo \"version=$({SCRIPT_PATH} version)\" >> \"$GITHUB_OUTPUT\""),
            }),
            json!({
                "name": "tag",
                "env": { "VERSION": "${{ steps.version.outputs.version }}", "GITHUB_TOKEN": "${{ github.token }}" },
                "run": format!("{SCRIPT_PATH} tag"),
            }),
        ];
        let mut job = self.job(10, json!({ "contents": "write" }), steps);
        job["if"] = json!(RELEASE);
        job["needs"] = json!(["lint", "test", "sources"]);
        job["outputs"] = json!({ "version": "${{ steps.version.outputs.version }}" });
        job
    }

    /// An image: built, looked into, and only then pushed, signed and verified.
    fn image(&self, image: &Image) -> Json {
        let mut login = self.registry.environment(self.place);
        match self.registry.login {
            Login::GitHub => {
                login.insert("GITHUB_TOKEN".into(), json!("${{ github.token }}"));
            }
            Login::Password => {
                for name in ["REGISTRY_USERNAME", "REGISTRY_PASSWORD"] {
                    login.insert(name.into(), json!(secret(name)));
                }
            }
            _ => {}
        }
        let name = self.registry.image(self.app, image);
        let mut signing = self.signer.environment();
        signing.insert("DIGEST".into(), json!("${{ steps.push.outputs.digest }}"));
        if matches!(self.signer, Signer::Key(_)) {
            for name in ["COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD"] {
                signing.insert(name.into(), json!(secret(name)));
            }
        }
        let mut steps = vec![
            checkout(1),
            step("build", &["build"], self.build_environment(image)),
            step("scan", &["tools", "scan"], Map::new()),
            step("login", &["login"], login),
            json!({
                "name": "push",
                "id": "push",
                "run": format!("echo \"digest=$({SCRIPT_PATH} push)\" >> \"$GITHUB_OUTPUT\""),
            }),
        ];
        if self.settings.scanner == "clair" {
            let mut clair = Map::new();
            clair.insert("DIGEST".into(), json!("${{ steps.push.outputs.digest }}"));
            clair.insert("CLAIR_URL".into(), json!(self.settings.clair));
            steps.push(step("clair", &["clair"], clair));
        }
        steps.push(step("sign", &["sign"], signing));
        let mut permissions = json!({ "contents": "read" });
        let exchanged = self.registry.audience(self.place).is_some();
        if exchanged || matches!(self.signer, Signer::Keyless { .. }) {
            permissions["id-token"] = json!("write");
        }
        if self.registry.login == Login::GitHub {
            permissions["packages"] = json!("write");
        }
        let mut job = self.job(60, permissions, steps);
        let prefix = self.registry.tag_prefix(self.app, image);
        job["if"] = json!(RELEASE);
        job["needs"] = json!(["version"]);
        job["outputs"] = json!({ "digest": "${{ steps.push.outputs.digest }}" });
        job["env"] = json!({
            "VERSION": "${{ needs.version.outputs.version }}",
            "REGISTRY_HOST": self.registry.host,
            "IMAGE": name,
            "IMAGE_TAG": format!("{prefix}${{{{ needs.version.outputs.version }}}}"),
        });
        job
    }

    /// What the cluster runs, written where it looks.
    fn deploy(&self) -> Result<Option<Json>, Error> {
        let Some((config, url)) = delivered(self.settings, self.place)? else {
            return Ok(None);
        };
        let mut images = String::new();
        let mut needs = vec!["version".to_owned()];
        for image in &self.app.images {
            let job = format!("image-{}", image.name);
            let name = self.registry.image(self.app, image);
            let prefix = self.registry.tag_prefix(self.app, image);
            images.push_str(&format!(
                "{} {name} {prefix}${{{{ needs.version.outputs.version }}}} ${{{{ needs.{job}.outputs.digest }}}}\n",
                image.name
            ));
            needs.push(job);
        }
        let mut env = Map::new();
        let version = "${{ needs.version.outputs.version }}";
        env.insert("VERSION".into(), json!(version));
        env.insert("IMAGES".into(), json!(images));
        env.extend(common::delivery(config, url));
        if url.starts_with("ssh://") {
            env.insert("CONFIG_SSH_KEY".into(), json!(secret("CONFIG_SSH_KEY")));
            let known = self.place.known_hosts.clone().unwrap_or_default();
            env.insert("CONFIG_KNOWN_HOSTS".into(), json!(known));
        } else {
            env.insert("CONFIG_TOKEN".into(), json!(secret("CONFIG_TOKEN")));
        }
        let steps = vec![checkout(1), step("bump", &["bump"], env)];
        let mut job = self.job(15, json!({ "contents": "read" }), steps);
        job["if"] = json!(RELEASE);
        job["needs"] = json!(needs);
        Ok(Some(job))
    }
}

fn secret(name: &str) -> String {
    format!("${{{{ secrets.{name} }}}}")
}

fn checkout(depth: u32) -> Json {
    json!({
        "uses": pins::CHECKOUT.uses(),
        // The token of the job stays out of the folder that the code runs in.
        "with": { "persist-credentials": false, "fetch-depth": depth },
    })
}

/// Steps of the script.
fn step(name: &str, words: &[&str], env: Map<String, Json>) -> Json {
    let lines: Vec<String> = words.iter().map(|w| format!("{SCRIPT_PATH} {w}")).collect();
    let mut out = json!({ "name": name });
    if !env.is_empty() {
        out["env"] = Json::Object(env);
    }
    out["run"] = json!(lines.join("\n"));
    out
}

/// An image by its digest alone: not every program takes a tag beside it.
fn untagged(image: &str) -> String {
    match image.split_once('@') {
        Some((name, digest)) => {
            let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
            format!("{name}@{digest}")
        }
        None => image.to_owned(),
    }
}
