//! The happy life of every example stack: apply, nothing to do, drift, destroy, nothing left on the server.

use crate::support::{Folder, Server};

fn life(name: &str, variables: &[&str]) {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.example(name);
    let file = format!("stacks/{name}");
    let flag = server.flag();
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = arguments
            .iter()
            .copied()
            .chain([file.as_str(), flag.as_str()])
            .chain(variables.iter().copied())
            .collect();
        folder.run(&all)
    };
    run(&["plan", "-detailed-exitcode"]).expect(2);
    let applied = run(&["apply", "-auto-approve"]).expect(0);
    assert!(
        applied.stdout.contains("Apply complete!") || applied.stderr.contains("Apply complete!"),
        "{applied:?}"
    );
    run(&["plan", "-detailed-exitcode"]).expect(0);
    run(&["drift"]).expect(0);
    assert!(!server.resources().is_empty());
    // Deletion protection is the cloud's own: it is lifted by an apply before the stack can go.
    let text = std::fs::read_to_string(folder.path().join(&file)).expect("a stack");
    if text.contains("protect     = true") {
        folder.write(
            &file,
            &text.replace("protect     = true", "protect     = false"),
        );
        run(&["apply", "-auto-approve"]).expect(0);
    }
    run(&["destroy", "-auto-approve", "--unprotect"]).expect(0);
    let left = server.resources();
    assert!(left.is_empty(), "left on the server: {left:#?}");
    run(&["plan", "-detailed-exitcode"]).expect(2);
}

#[test]
fn quickstart_lives_and_leaves_nothing() {
    life("quickstart.toml", &[]);
}

#[test]
fn staging_lives_and_leaves_nothing() {
    life("staging.toml", &[]);
}

#[test]
fn prod_is_planned() {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.example("prod.toml");
    let certificate = "certificate_arn=arn:aws:acm:eu-west-1:123456789012:certificate/0f0e0d0c-0b0a-0908-0706-050403020100";
    folder
        .run(&[
            "plan",
            "-detailed-exitcode",
            "stacks/prod.toml",
            "-var",
            certificate,
            &server.flag(),
        ])
        .expect(2);
}

#[test]
fn native_lives_and_leaves_nothing() {
    life("native.toml", &[]);
}

#[test]
fn a_protected_stack_is_not_destroyed() {
    let server = Server::sandbox(&[]);
    let folder = Folder::new();
    folder.write(
        "stacks/p.toml",
        "[stack]\nname = \"p\"\nprotect = true\n[resource.terraform_data.x]\n",
    );
    folder
        .run(&["apply", "-auto-approve", "stacks/p.toml", &server.flag()])
        .expect(0);
    let refused = folder
        .run(&["destroy", "-auto-approve", "stacks/p.toml", &server.flag()])
        .expect(1);
    assert!(refused.stderr.contains("--unprotect"), "{}", refused.stderr);
}
