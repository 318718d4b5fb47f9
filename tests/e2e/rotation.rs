//! `infra secrets rotate-backup`: the keys in a file of their owner's alone, and a new name in the stack; what the old key has sealed
//! is opened by the backup.

use crate::support::{Folder, Server};
use std::os::unix::fs::PermissionsExt;

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
max  = 4

[hardening.main]
cluster = "main"
profile = ["quotas"]
[hardening.main.secrets]
certificate_file = "sealing.pem" # committed
"#;

#[test]
fn keys_are_backed_up_and_a_new_one_is_made() {
    let folder = Folder::new();
    folder.write("stacks/shop.toml", STACK);
    let rotate = |more: &[&str]| folder.run(&[&["secrets", "rotate-backup"], more].concat());
    let told = rotate(&["-out", "keys.yaml"]).expect(1).stderr;
    assert!(told.contains("has no sealing keys"), "{told}");
    let server = Server::sandbox(&["--latency", "none"]);
    let apply = || {
        folder
            .run(&["apply", "-auto-approve", &server.flag()])
            .expect(0)
    };
    apply();
    folder.write(
        "secret.yaml",
        "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: shop}, stringData: {password: hush}}",
    );
    let sealed = folder.run(&[
        "secrets",
        "seal",
        "-stack",
        "stacks/shop.toml",
        "secret.yaml",
    ]);
    folder.write("sealed.yaml", &sealed.expect(0).stdout);

    let ran = rotate(&["-out", "keys.yaml"]).expect(0);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
    let backup = folder.path().join("keys.yaml");
    let mode = std::fs::metadata(&backup)
        .expect("a backup")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let stack = std::fs::read_to_string(folder.path().join("stacks/shop.toml")).expect("a stack");
    assert!(
        stack.contains("certificate_file = \"sealing.pem\" # committed\nkeys = [\"first\", \"2"),
        "{stack}"
    );
    let opened = folder.run(&["secrets", "open", "-key", "keys.yaml", "sealed.yaml"]);
    assert!(opened.expect(0).stdout.contains("aHVzaA=="));
    // One backup never takes the place of another, and a name is taken once.
    let told = rotate(&["-out", "keys.yaml", "-keep"]).expect(1).stderr;
    assert!(told.contains("already"), "{told}");
    let told = rotate(&["-name", "first"]).expect(1).stderr;
    assert!(told.contains("there is a key `first` already"), "{told}");

    apply();
    rotate(&["-out", "both.yaml", "-keep"]).expect(0);
    let both = std::fs::read_to_string(folder.path().join("both.yaml")).expect("a backup");
    assert_eq!(both.matches("kind: Secret\n").count(), 2);
    folder
        .run(&["plan", "-detailed-exitcode", &server.flag()])
        .expect(0);
}
