//! The state by hand: addresses, locks, copies, history, and taking up what exists already.

use crate::support::{Folder, Server};
use serde_json::Value as Json;

const STACK: &str = "[resource.terraform_data.a]\ninput = 1\n[resource.terraform_data.b]\nfor_each = \"${toset([\\\"x\\\"])}\"\ninput = \"${terraform_data.a.id}\"\n";

fn applied() -> Folder {
    let folder = Folder::new();
    folder.write("stacks/s.toml", STACK);
    folder.run(&["apply", "-auto-approve"]).expect(0);
    folder
}

#[test]
fn resources_move_and_the_plan_finds_them_there() {
    let folder = applied();
    let tried = folder.run(&[
        "state",
        "mv",
        "-dry-run",
        "terraform_data.a",
        "terraform_data.c",
    ]);
    assert_eq!(
        tried.expect(0).stdout,
        "terraform_data.a -> terraform_data.c\n"
    );
    assert!(
        folder
            .run(&["state", "list"])
            .expect(0)
            .stdout
            .contains("terraform_data.a")
    );
    folder
        .run(&["state", "mv", "terraform_data.a", "terraform_data.c"])
        .expect(0);
    folder
        .run(&["state", "mv", "terraform_data.b", "terraform_data.d"])
        .expect(0);
    let renamed = STACK
        .replace("data.a", "data.c")
        .replace("data.b", "data.d");
    folder.write("stacks/s.toml", &renamed);
    folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    let wrong = folder
        .run(&["state", "mv", "terraform_data.e", "terraform_data.f"])
        .expect(1);
    assert!(wrong.stderr.contains("did you mean"), "{}", wrong.stderr);
}

#[test]
fn a_tainted_resource_is_replaced_and_a_forgotten_one_made_anew() {
    let folder = applied();
    folder.run(&["taint", "terraform_data.a"]).expect(0);
    let plan = folder.run(&["plan"]).expect(0).stdout;
    assert!(plan.contains("terraform_data.a is tainted"), "{plan}");
    folder.run(&["untaint", "terraform_data.a"]).expect(0);
    folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    folder.run(&["state", "rm", "terraform_data.b"]).expect(0);
    let plan = folder.run(&["plan"]).expect(0).stdout;
    assert!(
        plan.contains("Plan: 1 to add, 0 to change, 0 to destroy."),
        "{plan}"
    );
}

#[test]
fn a_state_is_pulled_and_pushed_and_the_history_tells_it() {
    let folder = applied();
    let copy = folder.run(&["state", "pull"]).expect(0).stdout;
    folder.write("copy.json", &copy);
    folder.run(&["state", "rm", "terraform_data.a"]).expect(0);
    let refused = folder.run(&["state", "push", "copy.json"]).expect(1);
    assert!(refused.stderr.contains("it is older"), "{}", refused.stderr);
    folder
        .run(&["state", "push", "-force", "copy.json"])
        .expect(0);
    folder.run(&["plan", "-detailed-exitcode"]).expect(0);
    let history = folder.run(&["history", "-json"]).expect(0).json();
    let commands: Vec<&str> = history["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .filter_map(|r| r["who"].as_str()?.split(": infra ").nth(1))
        .collect();
    assert_eq!(commands, ["apply", "state rm", "state push"]);
    assert_eq!(history["runs"][0]["counts"]["added"], 2);
    let text = folder.run(&["history", "-limit", "1"]).expect(0).stdout;
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains("2 pushed"), "{text}");
}

#[test]
fn a_run_that_fails_is_in_the_history_too() {
    let folder = Folder::new();
    // The parent of the second file is a file.
    folder.write(
        "stacks/f.toml",
        "[resource.local_file.a]\nfilename = \"x\"\ncontent = \"1\"\n[resource.local_file.b]\nfilename = \"x/y\"\ncontent = \"${local_file.a.content}\"\n",
    );
    folder.run(&["apply", "-auto-approve"]).expect(1);
    let history = folder.run(&["history", "-json"]).expect(0).json();
    assert_eq!(history["runs"][0]["result"], "failed");
    assert_eq!(history["runs"][0]["counts"]["failed"], 1);
}

#[test]
fn a_lock_that_nobody_holds_needs_no_force() {
    let folder = applied();
    let told = folder.run(&["force-unlock"]).expect(0);
    assert!(told.stderr.contains("not locked"), "{}", told.stderr);
    let path = folder.path().join("state/s.lock");
    let held = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .expect("the lock file");
    held.lock().expect("locked");
    std::fs::write(
        &path,
        r#"{"who":"ana: infra apply","where":"laptop, process 4711","since":0}"#,
    )
    .expect("written");
    let locked = folder.run(&["apply", "-auto-approve"]).expect(1);
    assert!(
        locked.stderr.contains("locked by ana: infra apply"),
        "{}",
        locked.stderr
    );
    let asks = folder.run(&["force-unlock"]).expect(1);
    assert!(asks.stderr.contains("-force"), "{}", asks.stderr);
    let other = folder.run(&["force-unlock", "-force", "4712"]).expect(1);
    assert!(
        other.stderr.contains("not that of process 4712"),
        "{}",
        other.stderr
    );
    folder.run(&["force-unlock", "-force", "4711"]).expect(0);
    folder.run(&["apply", "-auto-approve"]).expect(0);
}

#[test]
fn a_damaged_state_is_told_by_every_command_and_left_as_it_is() {
    let folder = applied();
    let path = folder.path().join("state/s.json");
    let good = std::fs::read(&path).expect("a state");
    let commands: [&[&str]; 8] = [
        &["plan"],
        &["apply", "-auto-approve"],
        &["destroy", "-auto-approve"],
        &["output"],
        &["show"],
        &["state", "list"],
        &["state", "rm", "terraform_data.a"],
        &["taint", "terraform_data.a"],
    ];
    for bytes in [&b""[..], &good[..good.len() / 2], b"{\"version\": 4}"] {
        std::fs::write(&path, bytes).expect("written");
        for command in commands {
            let told = folder.run(command).expect(1).stderr;
            let words = told.split_whitespace().filter(|w| *w != "│");
            let told = words.collect::<Vec<_>>().join(" ");
            assert!(
                told.contains("state/s.json is damaged") && told.contains("begin anew"),
                "{command:?}: {told}"
            );
            assert_eq!(std::fs::read(&path).expect("it"), bytes, "{command:?}");
        }
    }
    std::fs::write(&path, good).expect("written");
    folder.run(&["plan", "-detailed-exitcode"]).expect(0);
}

/// Made by hand, so to say: applied from another state.
#[test]
fn generated_blocks_plan_without_changes() {
    let server = Server::sandbox(&[]);
    let folder = Folder::against(&server);
    let clouds = "[clouds.aws]\nregion = \"eu-west-1\"\n";
    let made = format!(
        "{clouds}[resource.aws_vpc.v]\ncidr_block = \"10.9.0.0/16\"\nenable_dns_hostnames = true\ntags = {{ Name = \"by ${{\\\"hand\\\"}}\" }}\n[resource.aws_subnet.s]\nvpc_id = \"${{aws_vpc.v.id}}\"\ncidr_block = \"10.9.1.0/24\"\navailability_zone = \"eu-west-1a\"\n[resource.aws_security_group.g]\nvpc_id = \"${{aws_vpc.v.id}}\"\nname = \"g\"\n[resource.aws_iam_role.r]\nname = \"r\"\nassume_role_policy = '{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{{\"Service\":\"ec2.amazonaws.com\"}},\"Action\":\"sts:AssumeRole\"}}]}}'\n"
    );
    folder.write("made.toml", &made);
    folder
        .run(&["apply", "-auto-approve", "made.toml"])
        .expect(0);
    let state = folder.run(&["show", "-json", "made.toml"]).expect(0).json();
    let resources = state["values"]["root_module"]["resources"]
        .as_array()
        .expect("resources");
    folder.write("stacks/s.toml", clouds);
    let mut whole = clouds.to_owned();
    let addresses: Vec<(&str, &str)> = resources
        .iter()
        .filter_map(|r: &Json| Some((r["address"].as_str()?, r["values"]["id"].as_str()?)))
        .collect();
    assert_eq!(addresses.len(), 4);
    for (address, id) in &addresses {
        let file = format!("{address}.toml");
        folder
            .run(&["import", "-generate-config-out", &file, address, id])
            .expect(0);
        whole += &std::fs::read_to_string(folder.path().join(&file)).expect("generated");
        let again = folder
            .run(&["import", "-generate-config-out", &file, address, id])
            .expect(1);
        assert!(again.stderr.contains("left as it is"), "{}", again.stderr);
    }
    // Each is imported by the command, whose block is there now; then there is nothing to do.
    let blocks: String = whole
        .split("[[import]]")
        .map(|part| match part.find("[resource") {
            Some(at) if part.starts_with("\nto") => &part[at..],
            _ => part,
        })
        .collect();
    folder.write("stacks/s.toml", &blocks);
    for (address, id) in &addresses {
        folder.run(&["import", address, id]).expect(0);
    }
    let plan = folder.run(&["plan", "-detailed-exitcode"]);
    assert_eq!(
        plan.code,
        Some(0),
        "{blocks}\n{}{}",
        plan.stdout,
        plan.stderr
    );
}

#[test]
fn a_plan_generates_the_blocks_that_its_imports_lack() {
    let server = Server::sandbox(&[]);
    let folder = Folder::against(&server);
    let clouds = "[clouds.aws]\nregion = \"eu-west-1\"\n";
    folder.write(
        "made.toml",
        &format!("{clouds}[resource.aws_vpc.v]\ncidr_block = \"10.9.0.0/16\"\n"),
    );
    folder
        .run(&["apply", "-auto-approve", "made.toml"])
        .expect(0);
    let state = folder.run(&["show", "-json", "made.toml"]).expect(0).json();
    let id = state["values"]["root_module"]["resources"][0]["values"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    folder.write(
        "stacks/s.toml",
        &format!("{clouds}[[import]]\nto = \"aws_vpc.taken\"\nid = \"{id}\"\n"),
    );
    folder
        .run(&["plan", "-generate-config-out", "new.toml"])
        .expect(0);
    let text = std::fs::read_to_string(folder.path().join("new.toml")).expect("generated");
    assert!(
        text.contains("[resource.aws_vpc.taken]") && text.contains("10.9.0.0/16"),
        "{text}"
    );
    folder.write("stacks/s.toml", &format!("{clouds}{text}"));
    let none = folder
        .run(&["plan", "-generate-config-out", "more.toml"])
        .expect(1);
    assert!(
        none.stderr.contains("has its block already"),
        "{}",
        none.stderr
    );
}
