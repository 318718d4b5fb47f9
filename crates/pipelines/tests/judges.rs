//! What others say of the pipelines: actionlint of workflows, GitLab's own schema of GitLab's, git and the shell of the script.
#![allow(clippy::print_stderr, reason = "a test binary tells what it skips")]

use infra_pipelines::{File, Place, Platform, SCRIPT, Settings, render};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Everything that makes the files differ: registries, builders, scanners, signers, ways to deliver.
fn variants(platform: Platform) -> Vec<(Settings, Place)> {
    let issuer = match platform {
        Platform::GitHub => "https://token.actions.githubusercontent.com",
        Platform::GitLab => "https://gitlab.com",
    };
    let mut out = Vec::new();
    for (index, registry) in [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop",
        "europe-west1-docker.pkg.dev/acme/shop/shop",
        "acme.azurecr.io/shop",
        "ghcr.io/acme",
        "registry.gitlab.com/acme/shop",
        "harbor.example.com/acme",
    ]
    .into_iter()
    .enumerate()
    {
        for builder in ["buildah", "kaniko"] {
            let odd = index % 2 == 1;
            let app = |name: &str, path: &str| {
                json!({ "name": name, "repository": "acme/mono", "path": path, "images": [
                    { "name": "front", "context": format!("{path}/front"), "file": "Dockerfile" },
                    { "name": "back-end", "context": format!("{path}/back"), "file": "Containerfile" },
                ] })
            };
            let settings = json!({
                "owner": "prod/main",
                "platform": platform.name(),
                "server": null,
                "branch": "main",
                "runner": if odd { json!(["self-hosted", "linux"]) } else { json!([]) },
                "builder": builder,
                "scanner": if odd { "clair" } else { "trivy" },
                "clair": "http://clair.clair:6060",
                "severity": "HIGH,CRITICAL",
                "unfixed": odd,
                "sonarqube": odd.then_some("https://sonar.example.com"),
                "identities": if index < 4 {
                    json!([{ "issuer": issuer, "subject": null, "subject_regexp": "^https://git(hub|lab)\\.com/acme/.+$" }])
                } else { json!([]) },
                "keys": if index == 5 { json!(["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]) } else { json!([]) },
                "registries": [],
                "config": { "branch": "main", "path": "apps", "how": if odd { "pull_request" } else { "commit" }, "automated": false },
                "apps": if odd { json!([app("shop", "shop"), app("blog", "blog")]) } else { json!([app("shop", ".")]) },
            });
            let place = Place {
                registry: Some(registry.to_owned()),
                role: Some("arn:aws:iam::123456789012:role/ci".to_owned()),
                client: Some("00000000-0000-0000-0000-000000000001".to_owned()),
                tenant: Some("00000000-0000-0000-0000-000000000002".to_owned()),
                provider: Some(
                    "projects/1/locations/global/workloadIdentityPools/ci/providers/it".to_owned(),
                ),
                repository: Some(if odd || index == 0 {
                    "https://github.com/acme/config".to_owned()
                } else {
                    "ssh://git@github.com/acme/config".to_owned()
                }),
                known_hosts: Some("github.com ssh-ed25519 AAAA".to_owned()),
            };
            out.push((serde_json::from_value(settings).expect("settings"), place));
        }
    }
    out
}

/// Writes the files of a variant into a folder.
fn written(files: &[File], folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, &file.text).expect("written");
        out.push(path);
    }
    out
}

/// A program that `make tools` builds.
fn tool(name: &str) -> Option<PathBuf> {
    let tools = std::env::var_os("INFRA_TOOLS").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache/infra/tools"));
    let path = tools.or(home)?.join("bin").join(name);
    path.exists().then_some(path)
}

fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn actionlint_finds_nothing_in_workflows() {
    let Some(actionlint) = tool("actionlint") else {
        eprintln!("skipped: there is no actionlint (`make tools` builds it)");
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("actionlint.yaml");
    std::fs::write(&config, "self-hosted-runner:\n  labels: [linux]\n").expect("written");
    let mut all = Vec::new();
    for (index, (settings, place)) in variants(Platform::GitHub).iter().enumerate() {
        let files = render(settings, place, Platform::GitHub).expect("workflows");
        all.extend(written(&files, &dir.path().join(index.to_string())));
    }
    all.retain(|p| p.extension().is_some_and(|e| e == "yml"));
    assert!(all.len() > 12, "{all:?}");
    let run = |paths: &[PathBuf]| {
        let mut command = Command::new(&actionlint);
        command.arg("-config-file").arg(&config).args(paths);
        command.output().expect("actionlint runs")
    };
    let output = run(&all);
    assert!(output.status.success(), "{}", told(&output));

    // And it would find something: a context of whoever asks, in a shell.
    let text = std::fs::read_to_string(&all[0]).expect("a workflow");
    let bad = text.replacen(
        "ci/infra.sh sources",
        "echo ${{ github.event.pull_request.title }}",
        1,
    );
    assert_ne!(bad, text);
    std::fs::write(&all[0], bad).expect("written");
    let output = run(&all[..1]);
    assert!(told(&output).contains("untrusted"), "{}", told(&output));
}

/// The schemas that GitHub's and GitLab's editors use, as the package check-jsonschema has them.
#[test]
fn the_platforms_own_schemas_hold() {
    let Ok(python) = std::env::var("INFRA_PYTHON") else {
        eprintln!("skipped: INFRA_PYTHON names no Python with check-jsonschema");
        return;
    };
    for (platform, schema) in [
        (Platform::GitHub, "vendor.github-workflows"),
        (Platform::GitLab, "vendor.gitlab-ci"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut all = Vec::new();
        for (index, (settings, place)) in variants(platform).iter().enumerate() {
            let files = render(settings, place, platform).expect("pipelines");
            all.extend(written(&files, &dir.path().join(index.to_string())));
        }
        all.retain(|p| p.extension().is_some_and(|e| e == "yml"));
        let run = |paths: &[PathBuf]| {
            let mut command = Command::new(&python);
            command.args(["-m", "check_jsonschema", "--builtin-schema", schema]);
            command.args(paths).output().expect("Python runs")
        };
        let output = run(&all);
        assert!(output.status.success(), "{schema}: {}", told(&output));
        let bad = all[0].with_file_name("bad.yml");
        let text = std::fs::read_to_string(all.last().expect("a file")).expect("read");
        // Neither platform has a job whose time is a list.
        let text = text
            .replacen("timeout-minutes: 15", "timeout-minutes: [15]", 1)
            .replacen("timeout: \"15 minutes\"", "timeout: [15]", 1);
        std::fs::write(&bad, text).expect("written");
        assert!(
            !run(&[bad]).status.success(),
            "{schema} lets anything through"
        );
    }
}

/// A repository with commits.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Repository {
        let repository = Repository(tempfile::tempdir().expect("a folder"));
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.commit("begin");
        repository
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=it", "-c", "user.email=it@localhost"])
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// A step of the script, here.
    fn step(&self, step: &str, environment: &[(&str, &str)]) -> Output {
        let script = self.0.path().join(".git/ci.sh");
        std::fs::write(&script, SCRIPT).expect("written");
        Command::new("bash")
            .arg(&script)
            .arg(step)
            .current_dir(self.0.path())
            .env("TAG_PREFIX", "v")
            .env("WORK", self.0.path().join(".git/work"))
            .envs(environment.iter().copied())
            .output()
            .expect("bash runs")
    }

    fn version(&self) -> String {
        let output = self.step("version", &[]);
        assert!(output.status.success(), "{}", told(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Versions follow the commits: https://www.conventionalcommits.org
#[test]
fn versions_follow_what_commits_say() {
    let repository = Repository::new();
    assert_eq!(repository.version(), "0.1.0");
    repository.git(&["tag", "v1.9.3"]);
    assert_eq!(repository.version(), "1.9.3", "a commit keeps its version");
    // Neither what looks like one, nor another app's.
    repository.git(&["tag", "v9.x"]);
    repository.git(&["tag", "blog-v7.0.0"]);
    repository.commit("fix: a hole");
    assert_eq!(repository.version(), "1.9.4");
    repository.commit("feat(cart): more");
    assert_eq!(repository.version(), "1.10.0");
    repository.commit("refactor!: otherwise");
    assert_eq!(repository.version(), "2.0.0");
    repository.git(&["tag", "v2.0.0"]);
    repository.commit("docs: nothing\n\nBREAKING CHANGE: all of it");
    assert_eq!(repository.version(), "3.0.0");

    let young = Repository::new();
    young.git(&["tag", "v0.4.1"]);
    young.commit("feat!: all of it");
    assert_eq!(young.version(), "0.5.0", "before 1.0.0 anything may change");
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A release reaches the configuration repository once, and nothing that is not one does.
#[test]
fn releases_reach_the_configuration_repository() {
    let config = Repository::new();
    config.git(&["config", "receive.denyCurrentBranch", "updateInstead"]);
    let app = config.0.path().join("apps/shop");
    std::fs::create_dir_all(&app).expect("made");
    let url = format!("file://{}", config.0.path().display());
    let code = Repository::new();
    let bump = |how: &str, version: &str, digest: &str| {
        let images = format!("front ghcr.io/acme/shop/front {version} {digest}\n");
        code.step(
            "bump",
            &[
                ("APP", "shop"),
                ("VERSION", version),
                ("IMAGES", &images),
                ("CONFIG_REPOSITORY", &url),
                ("CONFIG_HOST", "other"),
                ("CONFIG_BRANCH", "main"),
                ("CONFIG_PATH", "apps"),
                ("CONFIG_HOW", how),
            ],
        )
    };
    std::fs::write(app.join("kustomization.yaml"), "resources: []\n").expect("written");
    config.git(&["add", "apps"]);
    config.commit("apps");
    let output = bump("commit", "1.0.0", DIGEST);
    assert!(
        told(&output).contains("does not name image.yaml"),
        "{}",
        told(&output)
    );
    let kustomization = "resources:\n  - deployment.yaml\ntransformers:\n  - image.yaml\n";
    std::fs::write(app.join("kustomization.yaml"), kustomization).expect("written");
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "front" },
        "spec": { "template": { "spec": { "containers": [{ "name": "front", "image": "front" }] } } },
    });
    std::fs::write(app.join("deployment.yaml"), deployment.to_string()).expect("written");
    config.git(&["add", "apps"]);
    config.commit("names it");

    let output = bump("commit", "1.0.0", DIGEST);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(config.git(&["log", "-1", "--format=%s"]), "shop 1.0.0");
    let image = std::fs::read_to_string(app.join("image.yaml")).expect("image.yaml");
    let read: Json = serde_saphyr::from_str(&image).expect("YAML");
    assert_eq!(
        read,
        json!({
            "apiVersion": "builtin", "kind": "ImageTagTransformer", "metadata": { "name": "front" },
            "imageTag": { "name": "front", "newName": "ghcr.io/acme/shop/front", "newTag": "1.0.0", "digest": DIGEST },
        })
    );
    let before = config.git(&["rev-parse", "HEAD"]);
    assert!(bump("commit", "1.0.0", DIGEST).status.success());
    assert_eq!(config.git(&["rev-parse", "HEAD"]), before, "said once");
    for bad in ["latest", "", "sha256:00; rm -rf /"] {
        assert!(!bump("commit", "1.0.1", bad).status.success(), "{bad}");
    }
    assert!(bump("pull_request", "1.1.0", DIGEST).status.success());
    assert_eq!(
        config.git(&["rev-parse", "main"]),
        before,
        "somebody takes it first"
    );
    assert_eq!(
        config.git(&["log", "-1", "--format=%s", "ci/shop-1.1.0"]),
        "shop 1.1.0"
    );

    // What the cluster's engine makes of it.
    let Some(kubectl) = tool("kubectl") else {
        eprintln!("not rendered: there is no kubectl (`make tools` builds it)");
        return;
    };
    let output = Command::new(kubectl)
        .arg("kustomize")
        .arg(&app)
        .output()
        .expect("kubectl runs");
    assert!(
        told(&output).contains(&format!("image: ghcr.io/acme/shop/front:1.0.0@{DIGEST}"))
            || told(&output).contains(&format!("image: ghcr.io/acme/shop/front@{DIGEST}")),
        "{}",
        told(&output)
    );
}
