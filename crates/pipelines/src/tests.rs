//! What pipelines are, of every kind.

use super::*;
use serde_json::{Value as Json, json};

const GITHUB: &str = "https://token.actions.githubusercontent.com";

fn settings(more: Json) -> Settings {
    let mut all = json!({
        "owner": "prod/main",
        "platform": null,
        "server": null,
        "branch": "main",
        "runner": [],
        "builder": "buildah",
        "scanner": "trivy",
        "clair": "http://clair.clair:6060",
        "severity": "HIGH,CRITICAL",
        "unfixed": false,
        "sonarqube": null,
        "identities": [{ "issuer": GITHUB, "subject": null, "subject_regexp": "^https://github.com/acme/.+" }],
        "keys": [],
        "registries": ["ghcr.io/acme/"],
        "config": { "branch": "main", "path": "apps", "how": "commit", "automated": false },
        "apps": [{ "name": "shop", "repository": "acme/shop", "path": ".", "images": [
            { "name": "front", "context": "front", "file": "Dockerfile" },
            { "name": "back", "context": "back", "file": "Dockerfile" },
        ] }],
    });
    if let (Some(all), Json::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    serde_json::from_value(all).expect("settings")
}

fn place(registry: &str) -> Place {
    Place {
        registry: Some(registry.to_owned()),
        role: Some("arn:aws:iam::123456789012:role/prod-main-ci".to_owned()),
        client: Some("00000000-0000-0000-0000-000000000001".to_owned()),
        tenant: Some("00000000-0000-0000-0000-000000000002".to_owned()),
        provider: Some(
            "projects/1/locations/global/workloadIdentityPools/ci/providers/github".to_owned(),
        ),
        repository: Some("https://github.com/acme/shop-config".to_owned()),
        known_hosts: Some("github.com ssh-ed25519 AAAA".to_owned()),
    }
}

fn parsed(files: &[File], path: &str) -> Json {
    let file = files.iter().find(|f| f.path == path);
    let text = &file.unwrap_or_else(|| panic!("there is no {path}")).text;
    serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}\n{text}"))
}

fn github(settings: &Settings, place: &Place) -> Json {
    let files = render(settings, place, Platform::GitHub).expect("workflows");
    parsed(&files, ".github/workflows/shop.yml")
}

fn refused(settings: &Settings, place: &Place, platform: Platform) -> Error {
    render(settings, place, platform).expect_err("it is refused")
}

/// Where images go, and how one logs in there without a key.
#[test]
fn each_registry_is_logged_in_to_in_its_own_way() {
    let everywhere = settings(json!({ "registries": [] }));
    let of = |registry: &str| {
        let workflow = github(&everywhere, &place(registry));
        let job = workflow["jobs"]["image-front"].clone();
        let steps = job["steps"].as_array().expect("steps").clone();
        let login = steps.into_iter().find(|s| s["name"] == "login");
        (job, login.expect("a step")["env"].clone())
    };
    let (job, env) = of("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop");
    assert_eq!(env["LOGIN"], "aws");
    assert_eq!(env["AWS_REGION"], "eu-west-1");
    assert_eq!(
        env["AWS_ROLE"],
        "arn:aws:iam::123456789012:role/prod-main-ci"
    );
    // One repository of ECR's is one name: tags tell its images apart.
    assert_eq!(
        job["env"]["IMAGE"],
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop"
    );
    assert_eq!(
        job["env"]["IMAGE_TAG"],
        "shop-front-${{ needs.version.outputs.version }}"
    );
    assert_eq!(
        job["permissions"],
        json!({ "contents": "read", "id-token": "write" })
    );
    let (job, env) = of("europe-west1-docker.pkg.dev/acme/shop/shop");
    assert_eq!(env["LOGIN"], "google");
    assert_eq!(
        job["env"]["IMAGE"],
        "europe-west1-docker.pkg.dev/acme/shop/shop/shop/front"
    );
    let (_, env) = of("acme.azurecr.io/shop");
    assert_eq!(env["LOGIN"], "azure");
    assert_eq!(env["REGISTRY_HOST"], "acme.azurecr.io");
    // Each of Microsoft's clouds has a directory of its own, which takes tokens that are for it.
    for (domain, audience, authority, scope) in [
        (
            "azurecr.io",
            "api://AzureADTokenExchange",
            "https://login.microsoftonline.com",
            "https://management.azure.com/.default",
        ),
        (
            "azurecr.us",
            "api://AzureADTokenExchangeUSGov",
            "https://login.microsoftonline.us",
            "https://management.usgovcloudapi.net/.default",
        ),
        (
            "azurecr.cn",
            "api://AzureADTokenExchangeChina",
            "https://login.partner.microsoftonline.cn",
            "https://management.chinacloudapi.cn/.default",
        ),
    ] {
        let (_, env) = of(&format!("acme.{domain}/shop"));
        assert_eq!(env["LOGIN"], "azure", "{domain}");
        assert_eq!(env["AZURE_AUDIENCE"], audience);
        assert_eq!(env["AZURE_AUTHORITY"], authority);
        assert_eq!(env["AZURE_SCOPE"], scope);
    }
    let (job, env) = of("ghcr.io/acme");
    assert_eq!(env["GITHUB_TOKEN"], "${{ github.token }}");
    assert_eq!(job["permissions"]["packages"], "write");
    assert_eq!(job["env"]["IMAGE"], "ghcr.io/acme/shop/front");
    let (_, env) = of("harbor.example.com/acme/");
    assert_eq!(env["LOGIN"], "password");
    assert_eq!(env["REGISTRY_PASSWORD"], "${{ secrets.REGISTRY_PASSWORD }}");
}

/// A job that builds what anybody asks for can push nothing and be nobody.
#[test]
fn every_job_has_the_rights_that_it_needs_and_no_others() {
    let workflow = github(&settings(json!({})), &place("ghcr.io/acme"));
    assert_eq!(workflow["permissions"], json!({}));
    let jobs = workflow["jobs"].as_object().expect("jobs");
    for (name, job) in jobs {
        assert!(job["timeout-minutes"].is_u64(), "{name}");
        let rights = &job["permissions"];
        if name == "version" {
            assert_eq!(*rights, json!({ "contents": "write" }));
        } else if name.starts_with("image-") {
            assert_eq!(rights["contents"], "read");
        } else {
            assert_eq!(*rights, json!({ "contents": "read" }), "{name}");
        }
        if rights.as_object().is_some_and(|r| r.len() > 1) || rights["contents"] == "write" {
            assert_eq!(job["if"], "github.event_name == 'push'", "{name}");
        }
        for step in job["steps"].as_array().expect("steps") {
            let run = step["run"].as_str().unwrap_or_default();
            assert!(
                !run.contains("${{"),
                "{name} puts a context into a shell: {run}"
            );
            if let Some(uses) = step["uses"].as_str() {
                let (_, commit) = uses.split_once('@').expect("a commit");
                assert!(
                    commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()),
                    "{uses}"
                );
            }
        }
    }
    // Secrets reach only what is released.
    for (name, job) in jobs {
        let asked = job["if"] == "github.event_name == 'pull_request'";
        assert!(!(asked && job.to_string().contains("secrets.")), "{name}");
    }
}

/// What is pinned is pinned by what nobody can move.
#[test]
fn nothing_is_named_by_a_tag_alone() {
    for image in [
        pins::DEBIAN,
        pins::PYTHON_IMAGE,
        pins::NODE_IMAGE,
        pins::KANIKO,
    ] {
        let (_, digest) = image.split_once("@sha256:").expect("a digest");
        assert!(digest.len() == 64, "{image}");
    }
    for (_, sum) in [pins::TRIVY, pins::COSIGN] {
        assert_eq!(sum.len(), 64);
    }
    for platform in [Platform::GitHub, Platform::GitLab] {
        for builder in ["buildah", "kaniko"] {
            let settings = settings(json!({
                "builder": builder, "sonarqube": "https://sonar.example.com", "identities": [],
            }));
            for file in render(&settings, &place("ghcr.io/acme"), platform).expect("files") {
                for line in file.text.lines().map(str::trim) {
                    let named = line.strip_prefix("image: ").or(line.strip_prefix("name: "));
                    if let Some(image) = named.filter(|i| i.contains('/')) {
                        assert!(image.contains("@sha256:"), "{image}");
                    }
                }
            }
        }
    }
}

/// What pipelines sign is what the cluster asks for.
#[test]
fn signers_are_those_that_the_cluster_counts() {
    let verify = |more: Json| {
        let workflow = github(&settings(more), &place("ghcr.io/acme"));
        let steps = workflow["jobs"]["image-front"]["steps"].clone();
        let steps = steps.as_array().expect("steps").clone();
        let found = steps.into_iter().find(|s| s["name"] == "sign");
        found.expect("a step")["env"].clone()
    };
    assert_eq!(
        verify(json!({}))["SUBJECT_REGEXP"],
        "^https://github.com/acme/.+"
    );
    let exact = "https://github.com/acme/shop/.github/workflows/shop.yml@refs/heads/main";
    let one =
        json!({ "identities": [{ "issuer": GITHUB, "subject": exact, "subject_regexp": null }] });
    assert_eq!(verify(one.clone())["SUBJECT"], exact);
    assert_eq!(verify(json!({ "identities": [] }))["SUBJECT"], exact);
    let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
    let keyed = verify(json!({ "identities": [], "keys": [key] }));
    assert_eq!(keyed["PUBLIC_KEY"], key);
    assert_eq!(
        keyed["COSIGN_PRIVATE_KEY"],
        "${{ secrets.COSIGN_PRIVATE_KEY }}"
    );

    // Another branch, another organisation and another platform sign what the cluster refuses.
    let mut other = one;
    other["branch"] = json!("trunk");
    let error = refused(&settings(other), &place("ghcr.io/acme"), Platform::GitHub);
    assert!(error.help.contains("@refs/heads/trunk"), "{}", error.help);
    let foreign = json!({ "identities": [{ "issuer": GITHUB, "subject": null, "subject_regexp": "^https://github.com/other/.+" }] });
    let error = refused(&settings(foreign), &place("ghcr.io/acme"), Platform::GitHub);
    assert!(
        error.message.contains("^https://github.com/other/.+"),
        "{error}"
    );
    let error = refused(
        &settings(json!({})),
        &place("ghcr.io/acme"),
        Platform::GitLab,
    );
    assert!(
        error.help.contains(
            "issuer = \"https://gitlab.com\", subject = \"https://gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main\""
        ),
        "{}",
        error.help
    );
}

#[test]
fn what_the_cluster_would_refuse_is_refused() {
    let error = refused(
        &settings(json!({})),
        &place("docker.io/acme"),
        Platform::GitHub,
    );
    assert!(
        error.message.contains("docker.io/acme/shop/front"),
        "{error}"
    );
    let mut nowhere = place("ghcr.io/acme");
    nowhere.registry = None;
    let error = refused(&settings(json!({})), &nowhere, Platform::GitHub);
    assert!(error.message.contains("never applied"), "{error}");
    let mut nobody = place("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop");
    nobody.role = None;
    let error = refused(
        &settings(json!({ "registries": [] })),
        &nobody,
        Platform::GitHub,
    );
    assert!(error.message.contains("which role"), "{error}");
    let evil = json!({ "apps": [{ "name": "shop", "repository": null, "path": "a\"; rm -rf /; \"", "images": [
        { "name": "front", "context": "front", "file": "Dockerfile" },
    ] }] });
    let error = refused(&settings(evil), &place("ghcr.io/acme"), Platform::GitLab);
    assert!(error.message.contains("do not belong"), "{error}");
    let none = json!({ "apps": [] });
    refused(&settings(none), &place("ghcr.io/acme"), Platform::GitHub);
    let mut elsewhere = place("ghcr.io/acme");
    elsewhere.repository = Some("https://git.example.com/acme/config".to_owned());
    let asked = json!({ "config": { "branch": "main", "path": "apps", "how": "pull_request", "automated": false } });
    refused(&settings(asked), &elsewhere, Platform::GitHub);
}

/// GitLab gives a token for each audience, in the job that needs it.
#[test]
fn gitlab_gives_tokens_to_the_jobs_that_push() {
    let subject = "https://gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main";
    let settings = settings(json!({
        "identities": [{ "issuer": "https://gitlab.com", "subject": subject, "subject_regexp": null }],
        "registries": [],
    }));
    let place = place("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop");
    let files = render(&settings, &place, Platform::GitLab).expect("pipelines");
    let pipeline = parsed(&files, ".gitlab-ci.yml");
    assert_eq!(
        pipeline["shop:image:front"]["id_tokens"],
        json!({
            "CLOUD_ID_TOKEN": { "aud": "sts.amazonaws.com" }, "SIGSTORE_ID_TOKEN": { "aud": "sigstore" },
        })
    );
    assert_eq!(
        pipeline["shop:image:front"]["variables"]["SUBJECT"],
        subject
    );
    for (name, job) in pipeline.as_object().expect("jobs") {
        if !name.starts_with("shop:") {
            continue;
        }
        assert!(job["timeout"].is_string(), "{name}");
        let tokens = job.get("id_tokens").is_some();
        assert_eq!(tokens, name.starts_with("shop:image:"), "{name}");
        if tokens {
            let rules = json!([{ "if": "$CI_COMMIT_BRANCH == \"main\"" }]);
            assert_eq!(job["rules"], rules, "{name}");
        }
    }
}

/// Apps that share a repository have folders, workflows and versions of their own; others have repositories of their own.
#[test]
fn repositories_have_the_files_of_their_apps() {
    let app = |name: &str, repository: &str, path: &str| {
        json!({ "name": name, "repository": repository, "path": path, "images": [
            { "name": "web", "context": path, "file": "Dockerfile" },
        ] })
    };
    let settings = settings(json!({ "apps": [
        app("shop", "acme/mono", "shop"), app("blog", "acme/mono", "blog"), app("solo", "acme/solo", "."),
    ] }));
    let files = render(&settings, &place("ghcr.io/acme"), Platform::GitHub).expect("workflows");
    let named: Vec<(&str, &str)> = files
        .iter()
        .map(|f| (f.repository.as_deref().unwrap_or_default(), f.path.as_str()))
        .collect();
    assert_eq!(
        named,
        [
            ("acme/mono", ".github/workflows/shop.yml"),
            ("acme/mono", ".github/workflows/blog.yml"),
            ("acme/mono", "ci/infra.sh"),
            ("acme/solo", ".github/workflows/solo.yml"),
            ("acme/solo", "ci/infra.sh"),
        ]
    );
    let shop = parsed(&files, ".github/workflows/shop.yml");
    assert_eq!(shop["env"]["TAG_PREFIX"], "shop-v");
    assert_eq!(
        shop["on"]["push"]["paths"],
        json!(["shop/**", "ci/infra.sh", ".github/workflows/shop.yml"])
    );
    let solo = parsed(&files, ".github/workflows/solo.yml");
    assert_eq!(solo["env"]["TAG_PREFIX"], "v");
    assert!(solo["on"]["push"].get("paths").is_none());
}

/// The same stack gives the same files, and what a person changed is known.
#[test]
fn a_file_tells_who_changed_it() {
    let of = |severity: &str| {
        let settings = settings(json!({ "severity": severity }));
        render(&settings, &place("ghcr.io/acme"), Platform::GitHub).expect("workflows")
    };
    let first = of("HIGH,CRITICAL");
    assert_eq!(first, of("HIGH,CRITICAL"));
    let second = of("CRITICAL");
    for (old, new) in first.iter().zip(&second) {
        let same = old.text == new.text;
        let wanted = if same { Found::Same } else { Found::Ours };
        assert_eq!(found(&old.text, &new.text), wanted, "{}", old.path);
        let changed = format!("{}# mine\n", old.text);
        assert_eq!(found(&changed, &new.text), Found::Theirs, "{}", old.path);
    }
    assert_ne!(first[0].text, second[0].text);
    assert_eq!(found("name: mine\n", &first[0].text), Found::Theirs);
    let script = first.iter().find(|f| f.program).expect("the script");
    assert!(script.text.starts_with("#!/usr/bin/env bash\n# Made by"));
}

#[test]
fn what_must_be_given_is_told() {
    let names = |settings: &Settings, place: &Place| {
        let all = secrets(settings, place, Platform::GitHub).expect("secrets");
        all.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&settings(json!({})), &place("ghcr.io/acme")),
        ["CONFIG_TOKEN"]
    );
    let all = settings(json!({
        "identities": [], "keys": ["-----BEGIN PUBLIC KEY-----"], "sonarqube": "https://sonar.example.com",
    }));
    let mut ssh = place("harbor.example.com/acme");
    ssh.repository = Some("ssh://git@github.com/acme/config".to_owned());
    assert_eq!(
        names(&all, &ssh),
        [
            "REGISTRY_USERNAME",
            "REGISTRY_PASSWORD",
            "COSIGN_PRIVATE_KEY",
            "COSIGN_PASSWORD",
            "SONAR_TOKEN",
            "CONFIG_SSH_KEY"
        ]
    );
}
