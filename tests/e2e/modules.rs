//! Modules from folders and from git repositories, by the commands that a person runs.

use crate::support::Folder;
use std::path::Path;
use std::process::Command;

const QUEUE: &str = r#"[variables.name]
type = "string"

[variables.depth]
type = "number"
default = 1

[locals]
label = "${var.name}-${var.depth}"

[resource.terraform_data.queue]
input = "${local.label}"

[outputs.label]
value = "${terraform_data.queue.output}"
"#;

fn git(at: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .current_dir(at)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git is needed for this test");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository with the module in it, tagged `v1`.
fn repository(folder: &Folder) -> std::path::PathBuf {
    let at = folder.path().join("repository");
    std::fs::create_dir_all(at.join("modules")).expect("a folder");
    git(folder.path(), &["init", "--quiet", "repository"]);
    std::fs::write(at.join("modules/queue.toml"), QUEUE).expect("written");
    git(&at, &["add", "."]);
    git(&at, &["commit", "--quiet", "-m", "one"]);
    git(&at, &["tag", "v1"]);
    at
}

#[test]
fn modules_are_instances_of_files_with_addresses_of_their_own() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("modules")).expect("a folder");
    folder.write("modules/queue.toml", QUEUE);
    folder.write(
        "modules/pair.toml",
        "[variables.prefix]\n\n[module.queue]\nsource = \"./queue.toml\"\ncount = 2\nname = \"${var.prefix}${count.index}\"\n\n[outputs.labels]\nvalue = \"${module.queue[*].label}\"\n",
    );
    folder.write(
        "stacks/s.toml",
        "[module.pair]\nsource = \"../modules/pair.toml\"\nfor_each = { eu = 1, us = 2 }\nprefix = \"${each.key}\"\n\n[outputs.all]\nvalue = \"${{ for k, m in module.pair : k => m.labels }}\"\n",
    );
    folder.run(&["validate"]).expect(0);
    folder.run(&["fmt"]).expect(0);
    folder.run(&["fmt", "--check"]).expect(0);
    let plan = folder.run(&["plan", "-out", "s.plan"]).expect(0);
    let address = "module.pair[\"eu\"].module.queue[1].terraform_data.queue";
    assert!(plan.stdout.contains(address), "{}", plan.stdout);
    // A saved plan holds the files of modules as they were.
    folder.write(
        "modules/queue.toml",
        &QUEUE.replace("${var.name}-", "${var.name}/"),
    );
    folder.run(&["apply", "s.plan"]).expect(0);
    folder.write("modules/queue.toml", QUEUE);
    let output = folder.run(&["output", "-json"]).expect(0).json();
    assert_eq!(
        output["all"]["value"]["us"],
        serde_json::json!(["us0-1", "us1-1"])
    );
    folder.run(&["plan", "-detailed-exitcode"]).expect(0);

    let listed = folder
        .run(&["state", "list", "module.pair[\"eu\"]"])
        .expect(0);
    assert_eq!(
        listed.stdout,
        "module.pair[\"eu\"].module.queue[0].terraform_data.queue\nmodule.pair[\"eu\"].module.queue[1].terraform_data.queue\n"
    );
    let shown = folder.run(&["show", "-json"]).expect(0).json();
    let children = &shown["values"]["root_module"]["child_modules"];
    assert_eq!(children[0]["address"], "module.pair[\"eu\"]");
    let deep = &children[0]["child_modules"][0];
    assert_eq!(deep["address"], "module.pair[\"eu\"].module.queue[0]");
    assert_eq!(
        deep["resources"][0]["address"],
        format!(
            "{}.terraform_data.queue",
            deep["address"].as_str().expect("text")
        )
    );

    let targeted = folder
        .run(&["plan", "-destroy", "-target", "module.pair[\"us\"]"])
        .expect(0);
    assert!(
        targeted.stdout.contains("module.pair[\"us\"]"),
        "{}",
        targeted.stdout
    );
    assert!(
        !targeted.stdout.contains("module.pair[\"eu\"]"),
        "{}",
        targeted.stdout
    );
    let modules = folder.run(&["modules", "list"]).expect(0);
    assert_eq!(
        modules.stdout,
        "module.pair               ../modules/pair.toml  (2 instances)\nmodule.pair.module.queue  ./queue.toml  (4 instances)\n"
    );
    let console = Command::new(crate::support::INFRA)
        .args(["graph"])
        .current_dir(folder.path())
        .output()
        .expect("runs");
    assert!(String::from_utf8_lossy(&console.stdout).contains("module.pair"));
    folder.run(&["destroy", "-auto-approve"]).expect(0);
}

#[test]
fn what_is_wrong_in_a_module_is_shown_in_its_file_with_the_instance() {
    let folder = Folder::new();
    folder.write(
        "stacks/q.toml",
        &QUEUE.replace("var.depth}\"", "var.dept}\""),
    );
    folder.write(
        "stacks/s.toml",
        "[module.q]\nsource = \"./q.toml\"\nname = \"x\"\ndepht = 2\n",
    );
    let said = folder.run(&["validate", "stacks/s.toml"]).expect(1);
    for part in [
        "stacks/q.toml",
        "there is no variable `dept`",
        "did you mean `var.depth`?",
        "the module `q` has no variable `depht`",
        "did you mean `depth`?",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    folder.write(
        "stacks/q.toml",
        &QUEUE.replace("\"${local.label}\"", "\"${tonumber(local.label)}\""),
    );
    folder.write(
        "stacks/s.toml",
        "[module.q]\nsource = \"./q.toml\"\nfor_each = { a = 1 }\nname = \"x\"\n",
    );
    let said = folder.run(&["plan", "stacks/s.toml"]).expect(1);
    assert!(
        said.stderr.contains("module.q[\"a\"].terraform_data.queue"),
        "{}",
        said.stderr
    );
}

#[test]
fn modules_in_git_are_locked_and_stay_what_they_were() {
    let folder = Folder::new();
    let repository = repository(&folder);
    let stack = |reference: &str| {
        format!(
            "[module.q]\nsource = \"git::{}//modules/queue.toml{reference}\"\nname = \"a\"\n\n[outputs.label]\nvalue = \"${{module.q.label}}\"\n",
            repository.display()
        )
    };
    folder.write("stacks/s.toml", &stack("?ref=v1"));
    let first = folder.run(&["apply", "-auto-approve"]).expect(0);
    let commit = git(&repository, &["rev-parse", "HEAD"]);
    assert!(
        first
            .stderr
            .contains(&format!("is locked at {}", &commit[..12])),
        "{}",
        first.stderr
    );
    let lock = std::fs::read_to_string(folder.path().join("stacks/infra.lock")).expect("a lock");
    assert!(
        lock.contains(&commit) && lock.contains("ref = \"v1\"") && lock.contains("sha256:"),
        "{lock}"
    );
    let output = folder.run(&["output", "-raw", "label"]).expect(0);
    assert_eq!(output.stdout.trim(), "a-1");

    // The tag moves, and nothing happens until it is asked for.
    let text = QUEUE.replace("default = 1", "default = 2");
    std::fs::write(repository.join("modules/queue.toml"), text).expect("written");
    git(&repository, &["commit", "--quiet", "-am", "two"]);
    git(&repository, &["tag", "--force", "v1"]);
    let plan = folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    assert!(!plan.stderr.contains("locked"), "{}", plan.stderr);
    // Not even on a machine that has never seen it.
    let cache = folder.path().join(".infra");
    std::fs::remove_dir_all(&cache).expect("removed");
    folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    assert_eq!(
        std::fs::read_to_string(cache.join(".gitignore")).expect("a mark"),
        "*\n"
    );

    let newer = git(&repository, &["rev-parse", "HEAD"]);
    let update = folder.run(&["modules", "update", "q"]).expect(0);
    assert!(
        update
            .stdout
            .contains(&format!("{} → {}", &commit[..12], &newer[..12])),
        "{}",
        update.stdout
    );
    folder.run(&["plan", "-detailed-exitcode"]).expect(2);
    let list = folder.run(&["modules", "list", "--json"]).expect(0).json();
    assert_eq!(list["modules"][0]["commit"], newer);
    folder.run(&["modules", "update", "r"]).expect(1);

    // What was fetched is not trusted when it is changed.
    let kept = std::fs::read_dir(cache.join("modules"))
        .expect("a folder")
        .flatten();
    let kept = kept
        .map(|e| e.path())
        .find(|p| p.to_string_lossy().ends_with(&newer));
    let file = kept
        .expect("the commit's folder")
        .join("modules/queue.toml");
    std::fs::write(&file, QUEUE).expect("written");
    let refused = folder.run(&["plan"]).expect(1);
    assert!(refused.stderr.contains("is not what"), "{}", refused.stderr);
    std::fs::remove_dir_all(&cache).expect("removed");

    // Without a ref, the commit of the default branch is locked.
    folder.write("stacks/s.toml", &stack(""));
    let said = folder.run(&["validate"]).expect(0);
    assert!(
        said.stderr
            .contains(&format!("is locked at {}", &newer[..12])),
        "{}",
        said.stderr
    );
    folder.write("stacks/s.toml", &stack("?ref=none"));
    let said = folder.run(&["validate"]).expect(1);
    assert!(
        said.stderr.contains("no branch, tag or commit `none`"),
        "{}",
        said.stderr
    );
}

#[test]
fn without_git_it_says_what_is_missing() {
    let folder = Folder::new();
    folder.write(
        "stacks/s.toml",
        "[module.q]\nsource = \"git::/nowhere//q.toml\"\n",
    );
    let output = folder
        .command(&["validate"])
        .env("PATH", "/nonexistent")
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("need the program `git`") && said.contains("install git"),
        "{said}"
    );
}

#[test]
fn an_override_of_a_component_in_a_module_has_its_place() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("modules")).expect("a folder");
    folder.write(
        "modules/net.toml",
        "[network.main]\ncloud = \"aws\"\ncidr = \"10.0.0.0/16\"\n\n[network.main.override.aws_vpc]\nenable_dns_suport = true\n",
    );
    folder.write(
        "stacks/s.toml",
        "[module.inner]\nsource = \"../modules/net.toml\"\n",
    );
    let told = folder.run(&["validate"]).expect(1).stderr;
    assert!(told.contains("net.toml:6:"), "{told}");
    assert!(told.contains("enable_dns_support"), "{told}");
    // And through another module.
    folder.write(
        "modules/outer.toml",
        "[module.inner]\nsource = \"./net.toml\"\ncount = 2\n",
    );
    folder.write(
        "stacks/s.toml",
        "[module.outer]\nsource = \"../modules/outer.toml\"\n",
    );
    let told = folder.run(&["validate"]).expect(1).stderr;
    assert!(told.contains("net.toml:6:"), "{told}");
}
