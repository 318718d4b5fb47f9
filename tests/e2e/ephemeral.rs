//! Ephemeral resources from the command line: a password that reaches the cloud, and nothing that is written or printed.

use crate::support::{Folder, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use std::path::Path;

/// What the password is made of, and therefore says.
const SECRET: &str = "ZZZZZZZZZZZZ";

const STACK: &str = r#"[stack]
name = "shop"

[ephemeral.random_password.admin]
length           = 24
upper            = false
lower            = false
numeric          = false
override_special = "Z"

[data.aws_availability_zones.here]
state = "available"

[resource.aws_vpc.net]
cidr_block = "10.135.0.0/16"

[resource.aws_subnet.private]
count             = 2
vpc_id            = "${aws_vpc.net.id}"
cidr_block        = "${cidrsubnet(aws_vpc.net.cidr_block, 4, count.index)}"
availability_zone = "${data.aws_availability_zones.here.names[count.index]}"

[resource.aws_db_subnet_group.private]
name       = "shop"
subnet_ids = "${aws_subnet.private[*].id}"

[resource.aws_db_instance.this]
identifier           = "shop"
engine               = "postgres"
engine_version       = "17.5"
instance_class       = "db.t4g.micro"
allocated_storage    = 20
username             = "dbadmin"
password_wo          = "${ephemeral.random_password.admin.result}"
password_wo_version  = 1
db_subnet_group_name = "${aws_db_subnet_group.private.name}"
skip_final_snapshot  = true

[resource.aws_db_instance.this.lifecycle]
precondition = [{ condition = "${length(ephemeral.random_password.admin.result) == 24}", message = "too short" }]
"#;

/// No file below has the text.
fn nowhere(folder: &Path, text: &str) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            nowhere(&path, text);
        } else {
            let bytes = std::fs::read(&path).expect("readable");
            let found = bytes.windows(text.len()).any(|w| w == text.as_bytes());
            assert!(!found, "{text} is in {}", path.display());
        }
    }
}

#[test]
fn an_ephemeral_password_reaches_the_cloud_and_nothing_else() {
    let server = Server::sandbox(&[]);
    let folder = Folder::against(&server);
    folder.write("stacks/shop.toml", STACK);
    folder.run(&["validate"]).expect(0);
    let runs: [&[&str]; 8] = [
        &["plan", "-out=p"],
        &["show", "-json", "p"],
        &["apply", "-json", "p"],
        &["show", "-json"],
        &["state", "pull"],
        &["plan", "-detailed-exitcode"],
        &["graph"],
        &["destroy", "-auto-approve"],
    ];
    for arguments in runs {
        let ran = folder.run(arguments).expect(0);
        for told in [&ran.stdout, &ran.stderr] {
            assert!(!told.contains(SECRET), "{arguments:?}: {told}");
        }
        if arguments[0] == "show" || arguments[0] == "state" {
            assert!(!ran.stdout.contains("ephemeral"), "{}", ran.stdout);
        }
        nowhere(folder.path(), SECRET);
    }
    // Were the password not there, RDS would refuse.
    let without = STACK.replace(
        "password_wo          = \"${ephemeral.random_password.admin.result}\"\n",
        "",
    );
    folder.write("stacks/shop.toml", &without);
    folder.run(&["apply", "-auto-approve"]).expect(1);
}

#[test]
fn what_would_store_one_is_refused_with_its_place() {
    let folder = Folder::new();
    folder.write(
        "stacks/s.toml",
        "[ephemeral.random_password.p]\nlength = 8\n\n[outputs.p]\nvalue = \"${ephemeral.random_password.p.result}\"\nsensitive = true\n",
    );
    let told = folder.run(&["plan"]).expect(1).stderr;
    assert!(told.contains("E0411"), "{told}");
    assert!(told.contains("stacks/s.toml:5"), "{told}");
    let docs = folder.run(&["docs", "ephemeral.random_password"]).expect(0);
    assert!(
        docs.stdout.contains("[ephemeral.random_password.main]"),
        "{}",
        docs.stdout
    );
    assert!(
        docs.stdout.contains("closed after its last user"),
        "{}",
        docs.stdout
    );
}

const DATABASE: &str = r#"
[stack]
name = "shop"

[network.main]
cloud = "google"

[database.orders]
network  = "main"
engine   = "postgres"
version  = "17"
clients  = []
override = { google_secret_manager_secret_version = { secret_data_wo_version = VERSION } }
"#;

#[test]
fn the_password_of_a_database_on_google_is_in_its_secret_alone_and_can_be_another() {
    let (server, folder) = (Server::sandbox(&["--latency", "none"]), Folder::new());
    let flag = server.flag();
    let run = |arguments: &[&str]| folder.run(&[arguments, &[&flag]].concat());
    let mut passwords = Vec::new();
    for version in 1..=2 {
        let text = DATABASE.replace("VERSION", &version.to_string());
        folder.write("stacks/shop.toml", &text);
        run(&["apply", "-auto-approve"]).expect(0);
        run(&["plan", "-detailed-exitcode"]).expect(0);
        let listed = "/v1/projects/sandbox-project/secrets";
        let secrets = server.ask_google("GET", listed, &Json::Null);
        let name = secrets["secrets"][0]["name"].as_str().expect("a secret");
        let id = name.rsplit('/').next().unwrap_or_default();
        let path = format!("{listed}/{id}/versions/latest:access");
        let held = server.ask_google("GET", &path, &Json::Null);
        let data = held["payload"]["data"].as_str().expect("data");
        let bytes = STANDARD.decode(data);
        let password = String::from_utf8(bytes.expect("base64")).expect("text");
        assert_eq!(password.len(), 32);
        let state = folder.run(&["show", "-json", "stacks/shop.toml"]);
        let state = state.expect(0).stdout;
        assert!(state.contains("google_sql_user"), "{state}");
        assert!(!state.contains(&password), "the state has the password");
        assert!(!state.contains("random_password"), "{state}");
        passwords.push(password);
    }
    assert_ne!(passwords[0], passwords[1]);
    let calls = server.get("/_sandbox/counts")["sql"].clone();
    assert_eq!(
        calls["users.update"], 1,
        "the user has the other one: {calls}"
    );
}
