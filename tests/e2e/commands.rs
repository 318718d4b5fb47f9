//! What commands print and how they exit.

use crate::support::{Folder, Server};

#[test]
fn a_secret_reaches_no_output_and_no_file() {
    let server = Server::sandbox(&[]);
    let flag = server.flag();
    let folder = Folder::new();
    folder.write(
        "stacks/s.toml",
        r#"
[variables.token]
type = "string"
sensitive = true
[resource.terraform_data.holder]
input = "prefix-${var.token}"
[outputs.token]
value = "${terraform_data.holder.output}"
sensitive = true
"#,
    );
    let secret = "correct-horse-battery";
    let variable = format!("token={secret}");
    let commands: [&[&str]; 7] = [
        &[
            "plan",
            "-out",
            "p",
            "stacks/s.toml",
            "-var",
            &variable,
            &flag,
        ],
        &["show", "p"],
        &[
            "apply",
            "-auto-approve",
            "stacks/s.toml",
            "-var",
            &variable,
            &flag,
        ],
        &["show", "stacks/s.toml"],
        &["output", "stacks/s.toml"],
        &["state", "show", "stacks/s.toml", "terraform_data.holder"],
        &["plan", "-json", "stacks/s.toml", "-var", &variable, &flag],
    ];
    for command in commands {
        let ran = folder.run(command).expect(0);
        assert!(
            !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
            "{command:?}: {ran:?}"
        );
    }
    let mut files = vec![folder.path().to_path_buf()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path)
                    .expect("a folder")
                    .flatten()
                    .map(|e| e.path()),
            );
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            assert!(
                !bytes.windows(secret.len()).any(|w| w == secret.as_bytes()),
                "{} has the secret in clear",
                path.display()
            );
        }
    }
    let raw = folder
        .run(&["output", "-raw", "stacks/s.toml", "token"])
        .expect(0);
    assert_eq!(
        raw.stdout.trim_end(),
        format!("prefix-{secret}"),
        "-raw is asked for by name"
    );
}

#[test]
fn exit_codes_are_terraforms() {
    let server = Server::sandbox(&[]);
    let flag = server.flag();
    let folder = Folder::new();
    folder.write("stacks/x.toml", "[resource.terraform_data.a]\ninput = 1\n");
    folder.run(&["plan", "stacks/x.toml", &flag]).expect(0);
    folder
        .run(&["plan", "-detailed-exitcode", "stacks/x.toml", &flag])
        .expect(2);
    folder.run(&["apply", "stacks/x.toml", &flag]).expect(1);
    folder
        .run(&["apply", "-auto-approve", "stacks/x.toml", &flag])
        .expect(0);
    folder
        .run(&["plan", "-detailed-exitcode", "stacks/x.toml", &flag])
        .expect(0);
    folder.run(&["plan", "--nonsense"]).expect(1);
    folder.run(&["validate", "stacks/none.toml"]).expect(1);
    folder.run(&["version"]).expect(0);
    folder.run(&["--help"]).expect(0);
}

#[test]
fn a_saved_plan_is_applied_exactly_or_refused() {
    let server = Server::sandbox(&[]);
    let flag = server.flag();
    let folder = Folder::new();
    folder.write("stacks/x.toml", "[resource.terraform_data.a]\ninput = 1\n");
    folder
        .run(&["plan", "-out", "first", "stacks/x.toml", &flag])
        .expect(0);
    folder
        .run(&["plan", "-out", "second", "stacks/x.toml", &flag])
        .expect(0);
    // What the file says by then does not matter.
    folder.write("stacks/x.toml", "[resource.terraform_data.b]\ninput = 2\n");
    folder.run(&["apply", "first", &flag]).expect(0);
    assert_eq!(
        folder
            .run(&["state", "list", "stacks/x.toml"])
            .expect(0)
            .stdout
            .trim(),
        "terraform_data.a"
    );
    let stale = folder.run(&["apply", "second", &flag]).expect(1);
    assert!(stale.stderr.contains("stale"), "{}", stale.stderr);
}

#[test]
fn a_stack_that_no_longer_parses_can_be_destroyed() {
    let server = Server::sandbox(&[]);
    let flag = server.flag();
    let folder = Folder::new();
    folder.write(
        "stacks/x.toml",
        "[resource.aws_vpc.a]\ncidr_block = \"10.0.0.0/16\"\n",
    );
    folder
        .run(&["apply", "-auto-approve", "stacks/x.toml", &flag])
        .expect(0);
    assert_eq!(server.resources().len(), 1);
    folder.write("stacks/x.toml", "this is no TOML [");
    folder
        .run(&["destroy", "-auto-approve", "stacks/x.toml", &flag])
        .expect(0);
    assert!(server.resources().is_empty());
}

#[test]
fn a_state_of_the_sandbox_is_refused_elsewhere() {
    let server = Server::sandbox(&[]);
    let other = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.write("stacks/x.toml", "[resource.terraform_data.a]\n");
    folder
        .run(&["apply", "-auto-approve", "stacks/x.toml", &server.flag()])
        .expect(0);
    let refused = folder
        .run(&["plan", "stacks/x.toml", &other.flag()])
        .expect(1);
    assert!(refused.stderr.contains("sandbox"), "{}", refused.stderr);
    folder.run(&["plan", "stacks/x.toml"]).expect(1);
}

#[cfg(unix)]
#[test]
fn state_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.write("stacks/x.toml", "[resource.terraform_data.a]\n");
    folder
        .run(&["apply", "-auto-approve", "stacks/x.toml", &server.flag()])
        .expect(0);
    let state = folder.path().join("state/x.json");
    assert_eq!(
        std::fs::metadata(&state)
            .expect("a state")
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
}

#[test]
fn variables_given_later_count_more_than_files_and_those_more_than_the_environment() {
    let folder = Folder::new();
    folder.write(
        "stacks/s.toml",
        "[variables.v]\ntype = \"string\"\ndefault = \"default\"\n[outputs.v]\nvalue = \"${var.v}\"\n",
    );
    folder.write("one.toml", "v = \"one\"\n");
    folder.write("two.toml", "v = \"two\"\n");
    // Terraform's order: the environment, then flags from the left to the right, whichever they are.
    let cases: [(Option<&str>, &[&str], &str); 7] = [
        (None, &[], "default"),
        (Some("env"), &[], "env"),
        (Some("env"), &["-var-file=one.toml"], "one"),
        (Some("env"), &["-var=v=var"], "var"),
        (Some("env"), &["-var-file=one.toml", "-var=v=var"], "var"),
        (Some("env"), &["-var=v=var", "-var-file=one.toml"], "one"),
        (None, &["-var-file=two.toml", "-var-file=one.toml"], "one"),
    ];
    for (environment, flags, wanted) in cases {
        let arguments = [&["apply", "-auto-approve"], flags].concat();
        let mut command = folder.command(&arguments);
        if let Some(value) = environment {
            command.env("INFRA_VAR_v", value);
        }
        let output = command.output().expect("the binary runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        let value = folder.run(&["output", "-raw", "v"]).expect(0).stdout;
        assert_eq!(value.trim(), wanted, "{environment:?} {flags:?}");
    }
}

#[test]
fn a_component_is_removed_as_a_whole() {
    let server = Server::sandbox(&[]);
    let folder = Folder::against(&server);
    let network = |name: &str| {
        format!("[network.{name}]\ncloud = \"aws\"\ncidr = \"10.0.0.0/16\"\nzones = 2\n")
    };
    let both = format!("{}{}", network("kept"), network("gone"));
    folder.write("stacks/s.toml", &both);
    folder.run(&["apply", "-auto-approve"]).expect(0);
    let before = server.resources().len();
    let removed = |destroy: bool| {
        format!(
            "{}[[removed]]\nfrom = \"network.gone\"\ndestroy = {destroy}\n",
            network("kept")
        )
    };
    folder.write("stacks/s.toml", &removed(false));
    let plan = folder.run(&["plan"]).expect(0).stdout;
    assert!(plan.contains("network.gone.aws_vpc.this"), "{plan}");
    assert!(!plan.contains("network.kept"), "{plan}");
    folder.run(&["apply", "-auto-approve"]).expect(0);
    assert_eq!(
        server.resources().len(),
        before,
        "forgotten, and still there"
    );
    let list = folder.run(&["state", "list"]).expect(0).stdout;
    assert!(
        list.contains("network.kept.") && !list.contains("network.gone."),
        "{list}"
    );
    folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    folder.write(
        "stacks/s.toml",
        "[[removed]]\nfrom = \"network.kept\"\ndestroy = true\n",
    );
    folder.run(&["apply", "-auto-approve"]).expect(0);
    assert_eq!(folder.run(&["state", "list"]).expect(0).stdout, "");
    assert!(server.resources().len() < before, "and this one is gone");
}
