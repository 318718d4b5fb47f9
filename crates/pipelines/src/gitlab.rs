//! GitLab CI: one file with the jobs of all apps. Tokens for clouds and for sigstore are GitLab's own
//! (`id_tokens`), one for each audience, in the job that needs it.

use crate::setup::{App, Image, Place, Platform, Settings};
use crate::target::{Registry, Signer};
use crate::{Error, SCRIPT_PATH, common, delivered, pins, tag_prefix};
use infra_repository::yaml;
use serde_json::{Map, Value as Json, json};

/// What jobs need of Debian's that its image has not.
const PROGRAMS: &str = "apt-get update -qq && apt-get install -qq --no-install-recommends buildah ca-certificates curl git jq openssh-client skopeo >/dev/null";

/// Paths and texts of the pipelines of a repository.
pub(crate) fn files(
    settings: &Settings,
    place: &Place,
    registry: &Registry,
    apps: &[&App],
) -> Result<Vec<(String, String)>, Error> {
    let Some(path) = apps.first().map(|app| common::path(app, Platform::GitLab)) else {
        return Ok(Vec::new());
    };
    let mut root = json!({
        "stages": ["check", "version", "image", "deploy"],
        // One pipeline for what is asked for and one for what is released, and none for tags, which pipelines make.
        "workflow": { "rules": [
            { "if": "$CI_PIPELINE_SOURCE == \"merge_request_event\"" },
            { "if": format!("$CI_COMMIT_BRANCH == \"{}\"", settings.branch) },
        ] },
    });
    for app in apps {
        let pipeline = Pipeline {
            settings,
            place,
            registry,
            app,
            signer: Signer::find(settings, app, Platform::GitLab, &path)?,
            prefix: tag_prefix(app, apps),
        };
        if let (Some(root), Json::Object(jobs)) = (root.as_object_mut(), pipeline.json()?) {
            root.extend(jobs);
        }
    }
    Ok(vec![(path, yaml::document(&root))])
}

/// When a job runs.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Always,
    /// For what is asked for.
    Asked,
    /// For what is released.
    Release,
}

struct Pipeline<'a> {
    settings: &'a Settings,
    place: &'a Place,
    registry: &'a Registry,
    app: &'a App,
    signer: Signer,
    prefix: String,
}

impl Pipeline<'_> {
    fn json(&self) -> Result<Json, Error> {
        let app = self.app;
        let mut all = Map::new();
        // What all of them have.
        all.insert(self.base(), self.common());
        all.insert(self.name("lint:python"), self.python(common::ruff(), 15));
        all.insert(self.name("lint:node"), self.node());
        all.insert(self.name("test"), self.python(common::pytest(), 30));
        all.insert(self.name("sources"), self.sources());
        if self.settings.sonarqube.is_some() {
            all.insert(self.name("sonarqube"), self.sonarqube());
        }
        let kaniko = self.settings.builder == "kaniko";
        for image in &app.images {
            if kaniko {
                all.insert(
                    self.name(&format!("kaniko:{}", image.name)),
                    self.kaniko(image),
                );
            }
            all.insert(
                self.name(&format!("check:{}", image.name)),
                self.check(image),
            );
        }
        all.insert(self.name("version"), self.version());
        for image in &app.images {
            all.insert(
                self.name(&format!("image:{}", image.name)),
                self.image(image),
            );
        }
        if let Some(deploy) = self.deploy()? {
            all.insert(self.name("deploy"), deploy);
        }
        Ok(Json::Object(all))
    }

    fn name(&self, job: &str) -> String {
        format!("{}:{job}", self.app.name)
    }

    fn base(&self) -> String {
        format!(".{}", self.app.name)
    }

    fn common(&self) -> Json {
        let mut variables = common::environment(self.settings, self.app, &self.prefix);
        for (name, value) in [
            // Without rights over the runner's kernel.
            ("BUILDAH_ISOLATION", "chroot"),
            ("STORAGE_DRIVER", "vfs"),
            // Not in the folder that is built.
            ("WORK", "/tmp/infra-ci"),
        ] {
            variables.insert(name.to_owned(), json!(value));
        }
        let mut common = json!({
            "image": pins::DEBIAN,
            "retry": { "max": 1, "when": ["runner_system_failure", "stuck_or_timeout_failure"] },
            "variables": variables,
        });
        if !self.settings.runner.is_empty() {
            common["tags"] = json!(self.settings.runner);
        }
        common
    }

    fn job(&self, stage: &str, minutes: u32, when: When, script: Vec<String>) -> Json {
        self.job_if(stage, minutes, when, None, script)
    }

    /// A job, only where a file is there.
    fn job_if(
        &self,
        stage: &str,
        minutes: u32,
        when: When,
        exists: Option<&str>,
        script: Vec<String>,
    ) -> Json {
        let mut rules = Vec::new();
        for (wanted, condition) in [
            (
                When::Asked,
                "$CI_PIPELINE_SOURCE == \"merge_request_event\"".to_owned(),
            ),
            (
                When::Release,
                format!("$CI_COMMIT_BRANCH == \"{}\"", self.settings.branch),
            ),
        ] {
            if when != When::Always && when != wanted {
                continue;
            }
            let mut rule = json!({ "if": condition });
            if self.app.path != "." {
                rule["changes"] = json!([format!("{}/**/*", self.app.path), SCRIPT_PATH]);
            }
            if let Some(pattern) = exists {
                rule["exists"] = json!([self.within(pattern)]);
            }
            rules.push(rule);
        }
        json!({
            "extends": self.base(),
            "stage": stage,
            "timeout": format!("{minutes} minutes"),
            // A release that has begun ends.
            "interruptible": when != When::Release,
            "rules": rules,
            "script": script,
        })
    }

    fn within(&self, pattern: &str) -> String {
        match self.app.path.as_str() {
            "." => pattern.to_owned(),
            path => format!("{path}/{pattern}"),
        }
    }

    fn python(&self, lines: Vec<String>, minutes: u32) -> Json {
        let script = Self::in_folder(lines);
        let mut job = self.job_if("check", minutes, When::Always, Some("**/*.py"), script);
        job["image"] = json!(pins::PYTHON_IMAGE);
        job
    }

    fn node(&self) -> Json {
        let script = Self::in_folder(common::eslint());
        let mut job = self.job_if("check", 15, When::Always, Some("package.json"), script);
        job["image"] = json!(pins::NODE_IMAGE);
        job
    }

    /// Lines that run in the app's folder.
    fn in_folder(lines: Vec<String>) -> Vec<String> {
        let there = "cd \"$APP_PATH\"".to_owned();
        std::iter::once(there).chain(lines).collect()
    }

    /// Steps of the script.
    fn steps(words: &[&str]) -> Vec<String> {
        let steps = words.iter().map(|word| format!("{SCRIPT_PATH} {word}"));
        std::iter::once(PROGRAMS.to_owned()).chain(steps).collect()
    }

    fn sources(&self) -> Json {
        self.job(
            "check",
            30,
            When::Always,
            Self::steps(&["tools", "sources"]),
        )
    }

    fn sonarqube(&self) -> Json {
        let scan = format!(
            "npx --yes \"@sonar/scan@{}\" -Dsonar.projectBaseDir=\"$APP_PATH\" -Dsonar.projectKey=\"$APP\" -Dsonar.qualitygate.wait=true",
            pins::SONAR
        );
        let mut job = self.job("check", 30, When::Always, vec![scan]);
        job["image"] = json!(pins::NODE_IMAGE);
        job["variables"] = json!({ "SONAR_HOST_URL": self.settings.sonarqube, "GIT_DEPTH": "0" });
        job
    }

    /// In the check stage everything of it that is made is waited for; what a repository has nothing for is not made.
    fn after_checks(&self) -> Vec<Json> {
        let mut jobs = vec!["lint:python", "lint:node", "test", "sources"];
        if self.settings.sonarqube.is_some() {
            jobs.push("sonarqube");
        }
        jobs.iter()
            .map(|job| json!({ "job": self.name(job), "optional": true, "artifacts": false }))
            .collect()
    }

    /// Kaniko runs in its own image only: what it built is handed on.
    fn kaniko(&self, image: &Image) -> Json {
        let script = "/kaniko/executor --context \"dir://$CI_PROJECT_DIR/$CONTEXT\" --dockerfile \"$FILE\" --no-push --tar-path \"$CI_PROJECT_DIR/image.tar\" --destination image:built --label \"org.opencontainers.image.revision=$CI_COMMIT_SHA\" --label \"org.opencontainers.image.source=$CI_PROJECT_URL\"";
        let mut job = self.job("check", 60, When::Always, vec![script.to_owned()]);
        job["image"] = json!({ "name": pins::KANIKO, "entrypoint": [""] });
        job["variables"] = Json::Object(common::building(image));
        job["artifacts"] = json!({ "paths": ["image.tar"], "expire_in": "1 day" });
        job
    }

    /// How an image comes to be, and what else a job waits for for it.
    fn built(&self, image: &Image, needs: &mut Vec<Json>) -> Vec<String> {
        if self.settings.builder == "kaniko" {
            needs.push(
                json!({ "job": self.name(&format!("kaniko:{}", image.name)), "artifacts": true }),
            );
            let mut steps = Self::steps(&[]);
            steps.push("mkdir -p \"$WORK\" && mv image.tar \"$WORK/image.tar\"".to_owned());
            return steps;
        }
        Self::steps(&["build"])
    }

    fn check(&self, image: &Image) -> Json {
        let mut needs = self.after_checks();
        let mut script = self.built(image, &mut needs);
        script.extend(["tools", "scan"].map(|w| format!("{SCRIPT_PATH} {w}")));
        let mut job = self.job("image", 60, When::Asked, script);
        job["needs"] = json!(needs);
        job["variables"] = Json::Object(common::building(image));
        job
    }

    fn version(&self) -> Json {
        let mut script = Self::steps(&[]);
        script.push(format!("VERSION=$({SCRIPT_PATH} version)"));
        script.push("export VERSION".to_owned());
        script.push(format!("{SCRIPT_PATH} tag"));
        script.push("echo \"VERSION=$VERSION\" > ci.env".to_owned());
        let mut job = self.job("version", 10, When::Release, script);
        job["needs"] = json!(self.after_checks());
        job["variables"] = json!({ "GIT_DEPTH": "0" });
        job["resource_group"] = json!(self.name("version"));
        job["artifacts"] = json!({ "reports": { "dotenv": "ci.env" }, "expire_in": "1 week" });
        job
    }

    /// The variable with an image's digest.
    fn digest(image: &Image) -> String {
        let name: String = image
            .name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        format!("DIGEST_{name}")
    }

    fn image(&self, image: &Image) -> Json {
        let mut needs = vec![json!({ "job": self.name("version"), "artifacts": true })];
        let mut script = self.built(image, &mut needs);
        let run = |word: &str| format!("{SCRIPT_PATH} {word}");
        let prefix = self.registry.tag_prefix(self.app, image);
        script.push(format!("export IMAGE_TAG=\"{prefix}$VERSION\""));
        script.extend(["tools", "scan", "login"].map(run));
        script.push(format!("DIGEST=$({SCRIPT_PATH} push)"));
        script.push("export DIGEST".to_owned());
        if self.settings.scanner == "clair" {
            script.push(run("clair"));
        }
        script.push(run("sign"));
        script.push(format!("echo \"{}=$DIGEST\" > ci.env", Self::digest(image)));
        let mut job = self.job("image", 60, When::Release, script);
        let mut tokens = Map::new();
        if let Some(audience) = self.registry.audience(self.place) {
            tokens.insert("CLOUD_ID_TOKEN".into(), json!({ "aud": audience }));
        }
        if matches!(self.signer, Signer::Keyless { .. }) {
            tokens.insert("SIGSTORE_ID_TOKEN".into(), json!({ "aud": "sigstore" }));
        }
        if !tokens.is_empty() {
            job["id_tokens"] = Json::Object(tokens);
        }
        let mut variables = common::building(image);
        variables.extend(self.registry.environment(self.place));
        variables.extend(self.signer.environment());
        if let Some(expression) = variables.get_mut("SUBJECT_REGEXP") {
            // It stands for itself: its `$` is no variable's.
            *expression = json!({ "value": expression, "expand": false });
        }
        variables.insert("IMAGE".into(), json!(self.registry.image(self.app, image)));
        if self.settings.scanner == "clair" {
            variables.insert("CLAIR_URL".into(), json!(self.settings.clair));
        }
        job["variables"] = Json::Object(variables);
        job["needs"] = json!(needs);
        job["artifacts"] = json!({ "reports": { "dotenv": "ci.env" }, "expire_in": "1 week" });
        job
    }

    fn deploy(&self) -> Result<Option<Json>, Error> {
        let Some((config, url)) = delivered(self.settings, self.place)? else {
            return Ok(None);
        };
        let mut needs = vec![json!({ "job": self.name("version"), "artifacts": true })];
        let mut images = Vec::new();
        for image in &self.app.images {
            needs.push(
                json!({ "job": self.name(&format!("image:{}", image.name)), "artifacts": true }),
            );
            images.push(format!(
                "{} {} {}$VERSION ${}",
                image.name,
                self.registry.image(self.app, image),
                self.registry.tag_prefix(self.app, image),
                Self::digest(image)
            ));
        }
        let mut script = Self::steps(&[]);
        script.push(format!("IMAGES=\"{}\"", images.join("\n")));
        script.push("export IMAGES".to_owned());
        script.push(format!("{SCRIPT_PATH} bump"));
        let mut job = self.job("deploy", 15, When::Release, script);
        let mut variables = common::delivery(config, url);
        if url.starts_with("ssh://") {
            let known = self.place.known_hosts.clone().unwrap_or_default();
            variables.insert("CONFIG_KNOWN_HOSTS".to_owned(), json!(known));
        }
        job["variables"] = Json::Object(variables);
        job["needs"] = json!(needs);
        Ok(Some(job))
    }
}
