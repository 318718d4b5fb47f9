//! `infra ci render`, by the real binary: what it writes for the example stack, and for one whose registry the cloud has to make first.

use crate::kube::tool;
use crate::support::{Folder, Stack};
use serde_json::Value as Json;
use std::path::Path;
use std::process::Command;

const STACK: &str = r#"
[stack]
name = "shop"

[clouds.aws]
region = "eu-west-1"

[network.main]
cloud = "aws"

[cluster.main]
network    = "main"
kubernetes = "1.34"
api        = { public_from = [] }
[cluster.main.pools.general]
size = "small"
min  = 2
max  = 2

[registry.shop]
cloud = "aws"

[hardening.main]
cluster = "main"
profile = ["ci"]
[hardening.main.ci]
platform   = "github"
repository = "acme/shop"
builder    = "kaniko"
[hardening.main.apps.shop.services.front]
port = 3000
"#;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn judged(path: &Path, test: &str) {
    let Some(actionlint) = tool("actionlint", test) else {
        return;
    };
    let output = Command::new(actionlint)
        .arg(path)
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// The example stack says nothing of pipelines; what they are follows from its other controls.
#[test]
fn pipelines_follow_from_the_stack_and_are_written_once() {
    let folder = Folder::new();
    folder.example("prod.toml");
    let render = |more: &[&str]| {
        let base = ["ci", "render", "stacks/prod.toml", "-o", "code"];
        folder.run(&[&base, more].concat())
    };
    render(&["--github", "-check"]).expect(2);
    assert!(!folder.path().join("code").exists(), "nothing is written");
    let ran = render(&["-github"]).expect(0);
    ran.says(&["code/.github/workflows/shop.yml", "CONFIG_TOKEN"]);
    let workflow = folder.path().join("code/.github/workflows/shop.yml");
    let text = read(&workflow);
    for said in [
        "IMAGE: ghcr.io/acme/shop/front",
        "SUBJECT_REGEXP: \"^https://github.com/acme/.+\"",
        "CONFIG_REPOSITORY: https://github.com/acme/shop-config",
        "SEVERITY: HIGH,CRITICAL",
    ] {
        assert!(text.contains(said), "`{said}` is not in\n{text}");
    }
    judged(
        &workflow,
        "pipelines_follow_from_the_stack_and_are_written_once",
    );
    let script = folder.path().join("code/ci/infra.sh");
    let checked = Command::new("bash").arg("-n").arg(&script).status();
    assert!(checked.expect("bash runs").success());

    // Once more is nothing more.
    let again = render(&["-github"]).expect(0);
    again.says(&["are as they should be"]);
    assert_eq!(again.stdout, "");
    render(&["-github", "-check"]).expect(0);

    // What a person changed stays, until it is said.
    std::fs::write(&workflow, format!("{text}# mine\n")).expect("written");
    let refused = render(&["-github"]).expect(1);
    refused.says(&[
        "people have written or changed code/.github/workflows/shop.yml",
        "--overwrite",
    ]);
    assert!(read(&workflow).ends_with("# mine\n"));
    render(&["-github", "-overwrite"]).expect(0);
    assert_eq!(read(&workflow), text);

    // What another release of the stack changes is written without a word: nobody has touched it.
    let stack = folder.path().join("stacks/prod.toml");
    let changed = read(&stack).replace(
        "severity   = \"HIGH,CRITICAL\"",
        "severity   = \"CRITICAL\"",
    );
    std::fs::write(&stack, changed).expect("written");
    render(&["-github"]).expect(0);
    assert!(read(&workflow).contains("SEVERITY: CRITICAL"));

    // Its cluster counts no signature of GitLab's.
    render(&["-gitlab"])
        .expect(1)
        .says(&["would be refused", "issuer = \"https://gitlab.com\""]);
    render(&[]).expect(1).says(&["--github` or `--gitlab"]);
}

/// Where the registry is the stack's own, the cloud lets in the pipelines of one branch, and they are told as whom.
#[test]
fn a_registry_of_the_stacks_lets_its_pipelines_in() {
    let stack = Stack::sandboxed();
    stack.write(STACK);
    let render = |more: &[&str]| {
        stack
            .folder
            .run(&[&["ci", "render", "-o", "code"], more].concat())
    };
    render(&[]).expect(1).says(&["never applied"]);
    stack.run(&["apply", "-auto-approve"]).expect(0);
    render(&[]).expect(0);
    let text = read(&stack.folder.path().join("code/.github/workflows/shop.yml"));
    let shown = stack.folder.run(&["show", "-json"]).expect(0).json();
    let found = all(&shown);
    let role = found
        .iter()
        .find(|r| r["type"] == "aws_iam_role" && r["name"] == "ci")
        .expect("a role");
    let arn = role["values"]["arn"].as_str().expect("an ARN");
    assert!(
        text.contains(&format!("AWS_ROLE: \"{arn}\""))
            || text.contains(&format!("AWS_ROLE: {arn}")),
        "{text}"
    );
    let repository = found
        .iter()
        .find(|r| r["type"] == "aws_ecr_repository")
        .expect("a repository");
    let url = repository["values"]["repository_url"]
        .as_str()
        .expect("a URL");
    assert!(text.contains(url), "{text}");
    assert!(text.contains("AWS_REGION: eu-west-1"), "{text}");
    assert!(text.contains("BUILDER: kaniko"), "{text}");
    render(&["--gitlab"])
        .expect(1)
        .says(&["the stack says that pipelines are github's"]);
    render(&["--check"]).expect(0);
    stack
        .run(&["apply", "-auto-approve"])
        .expect(0)
        .says(&["No changes"]);
}

/// Every resource of a state in Terraform's JSON.
fn all(shown: &Json) -> Vec<Json> {
    fn within(module: &Json, out: &mut Vec<Json>) {
        out.extend(
            module["resources"]
                .as_array()
                .into_iter()
                .flatten()
                .cloned(),
        );
        for child in module["child_modules"].as_array().into_iter().flatten() {
            within(child, out);
        }
    }
    let mut out = Vec::new();
    within(&shown["values"]["root_module"], &mut out);
    out
}
