//! Everything besides stack files that can go wrong, by its code: each is brought about by running commands.

use crate::support::Folder;
use infra_model::codes::Code;

const STACK: &str = "[resource.terraform_data.a]\ninput = 1\n";

/// A folder with a stack that has been applied.
fn applied(text: &str) -> Folder {
    let folder = Folder::new();
    folder.write("stacks/shop.toml", text);
    folder.run(&["apply", "-auto-approve"]).expect(0);
    folder
}

fn state(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path().join("state/shop.json")).expect("a state")
}

/// The command ends with 1, and its first error has the code, a message and a remedy.
#[track_caller]
fn fails(folder: &Folder, words: &str, code: Code) {
    let arguments: Vec<&str> = words.split(' ').collect();
    let ran = folder.run(&arguments).expect(1);
    shows(&ran.stderr, words, code);
    assert!(
        ran.stderr.contains("help: "),
        "{words}: no remedy\n{}",
        ran.stderr
    );
}

#[track_caller]
fn shows(stderr: &str, words: &str, code: Code) {
    assert!(
        stderr.lines().any(|line| line == code.as_str()),
        "{words}: no {code}\n{stderr}"
    );
}

#[test]
fn commands_called_wrongly() {
    let folder = Folder::new();
    folder.write("stacks/shop.toml", STACK);
    for words in [
        "plna",
        "plan --traget a",
        "plan a.toml b.toml",
        "plan --out",
        "explain E9999",
    ] {
        fails(&folder, words, Code::Usage);
    }
    fails(&folder, "plan nowhere.toml", Code::NoStack);
    fails(&folder, "plan -var-file=nowhere.toml", Code::FileAccess);
    fails(&folder, "plan --instance=a/b", Code::BadStackName);
    fails(&folder, "apply", Code::NeedsApproval);
    fails(&folder, "output", Code::NoState);
    fails(
        &folder,
        "plan --sandbox=http://127.0.0.1:1",
        Code::SandboxFails,
    );
    folder.write("stacks/other.toml", STACK);
    fails(&folder, "plan", Code::NoStack);
    folder.write("x.plan", "infra-plan but not really");
    fails(&folder, "show x.plan", Code::BadPlanFile);
    folder.write("x.plan", "INFRAPLAN1 but not really");
    fails(&folder, "show x.plan", Code::BadPlanFile);
    fails(&folder, "docs aws_vpx", Code::UnknownType);
    folder.run(&["init", "new"]).expect(0);
    fails(&folder, "init new", Code::FileExists);
    fails(
        &folder,
        "import -generate-config-out=new.toml stacks/shop.toml terraform_data.a[0] x",
        Code::NotGenerated,
    );
}

#[test]
fn what_a_state_is_not_made_to_do() {
    let folder = applied(STACK);
    folder.write("copy.json", "no state");
    fails(&folder, "state push copy.json", Code::NotPushed);
    fails(
        &folder,
        "state mv terraform_data.a random_id.a",
        Code::OtherKind,
    );
    fails(
        &folder,
        "state mv terraform_data.a terraform_data.a[",
        Code::BadAddress,
    );
    fails(&folder, "taint terraform_data.b", Code::NotInState);
    fails(
        &folder,
        "state replace-provider builtin aws",
        Code::WrongProvider,
    );
}

#[test]
fn what_a_plan_refuses() {
    let folder = applied(STACK);
    fails(&folder, "import terraform_data.a x", Code::ManagedAlready);
    fails(&folder, "state show terraform_data.b", Code::NotInState);
    folder.run(&["plan", "-out", "old.plan"]).expect(0);
    folder.write(
        "stacks/shop.toml",
        "[resource.terraform_data.a]\ninput = 2\n",
    );
    folder.run(&["apply", "-auto-approve"]).expect(0);
    folder.write("stacks/shop.toml", STACK);
    fails(&folder, "apply old.plan", Code::StalePlan);

    let kept = "[resource.terraform_data.a.lifecycle]\nprevent_destroy = true\n";
    fails(&applied(kept), "plan -destroy", Code::PreventDestroy);
    let protected = applied(&format!("[stack]\nprotect = true\n{STACK}"));
    fails(&protected, "destroy -auto-approve", Code::Protected);
    fails(&protected, "plan -destroy", Code::Protected);

    let checked = format!(
        "{STACK}[[check]]\nname = \"c\"\nassert = [{{ condition = \"${{terraform_data.a.input == 2}}\", message = \"m\" }}]\n"
    );
    let ran = applied(&checked).run(&["plan"]).expect(0);
    shows(&ran.stderr, "plan", Code::CheckFailed);
    folder.write("stacks/shop.toml", "[resource.terraform_data.a\n");
    let ran = folder.run(&["destroy", "-auto-approve"]).expect(0);
    shows(&ran.stderr, "destroy", Code::StateAlone);
}

#[test]
fn states_that_cannot_be_used() {
    let folder = applied(STACK);
    let good = state(&folder);
    folder.write("state/shop.json", &good[..good.len() / 2]);
    fails(&folder, "plan", Code::StateDamaged);
    folder.write("state/shop.json", &good);

    folder.write(
        "stacks/shop.toml",
        &format!("[stack]\nname = \"web\"\n{STACK}"),
    );
    fails(&folder, "plan", Code::Renamed);
    folder.write("stacks/shop.toml", STACK);
    folder.write(
        "stacks/copy.toml",
        &format!("[stack]\nname = \"shop\"\n{STACK}"),
    );
    fails(&folder, "plan stacks/copy.toml", Code::StateForeign);
}

#[test]
fn a_key_that_is_none() {
    let stack = "[variables.p]\ndefault = \"x\"\nsensitive = true\n[resource.terraform_data.a]\ninput = \"${var.p}\"\n";
    let folder = applied(stack);
    let output = folder
        .command(&["plan"])
        .env("INFRA_STATE_KEY", "secret")
        .output()
        .expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    shows(&stderr, "plan", Code::BadKey);
}

#[test]
fn a_key_that_is_another_one() {
    let stack = "[variables.p]\ndefault = \"x\"\nsensitive = true\n[resource.terraform_data.a]\ninput = \"${var.p}\"\n";
    let (folder, other) = (applied(stack), applied(stack));
    let key = |folder: &Folder| {
        std::fs::read_to_string(folder.path().join(".config/infra/key")).expect("a key")
    };
    for command in [&["plan"][..], &["apply", "-auto-approve"]] {
        let output = folder
            .command(command)
            .env("INFRA_STATE_KEY", key(&other))
            .output()
            .expect("the binary runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        shows(&stderr, "plan", Code::WrongKey);
    }
    let own = folder
        .command(&["plan", "-detailed-exitcode"])
        .env("INFRA_STATE_KEY", key(&folder))
        .output();
    assert_eq!(own.expect("the binary runs").status.code(), Some(0));
    std::fs::remove_dir_all(folder.path().join(".config")).expect("removed");
    fails(&folder, "plan", Code::KeyMissing);
}

#[test]
fn a_cloud_that_does_not_answer() {
    let folder = Folder::new();
    folder.write(
        "stacks/shop.toml",
        "[resource.aws_vpc.main]\ncidr_block = \"10.0.0.0/16\"\n",
    );
    let output = folder
        .command(&["plan"])
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_MAX_ATTEMPTS", "1")
        .output()
        .expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    shows(&stderr, "plan", Code::CloudUnreachable);
    assert!(stderr.contains("127.0.0.1:1"), "which endpoint?\n{stderr}");
    assert!(stderr.contains("help: "), "{stderr}");
    for dump in ["DispatchFailure", "ConnectorError", "Os {"] {
        assert!(!stderr.contains(dump), "a debug dump\n{stderr}");
    }
}
