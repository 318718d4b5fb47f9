//! Ephemeral resources: when they are opened, renewed and closed, and that nothing of them is kept.

use crate::bench::{Bench, actions};
use crate::cloud::Cloud;
use infra_engine::{ChangeAction, PlanMode};
use infra_model::provider_error::{ErrorKind, ProviderError};

const GATE: &str = r#"
[ephemeral.test_key.k]
purpose = "long"
[locals]
secret = "${ephemeral.test_key.k.secret}"
[resource.test_gate.a]
name = "a"
combination = "${local.secret}"
"#;

#[test]
fn it_is_opened_while_planning_and_again_for_the_first_step_that_uses_it() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let plan = bench.planned(&store, GATE, |_| {});
    assert_eq!(cloud.calls(), ["open key-1 long", "close key-1"]);
    assert_eq!(
        actions(&plan),
        [("test_gate.a".to_owned(), ChangeAction::Create)]
    );
    bench.done(&store, GATE, &plan);
    assert_eq!(
        cloud.calls(),
        ["open key-2 long", "create a with key-2", "close key-2"]
    );
    // Another key is no change; where no step uses it, apply opens none.
    let plan = bench.planned(&store, GATE, |_| {});
    assert_eq!(actions(&plan), []);
    cloud.calls();
    bench.done(&store, GATE, &plan);
    assert_eq!(cloud.calls(), Vec::<String>::new());
}

#[test]
fn nothing_of_it_is_kept() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let plan = bench.planned(&store, GATE, |_| {});
    let planned = format!("{plan:?}");
    assert!(!planned.contains("key-1"), "{planned}");
    assert!(!planned.contains("ephemeral.test_key"), "{planned}");
    bench.done(&store, GATE, &plan);
    let state = format!("{:?}", store.state());
    assert!(
        !state.contains("key-") && !state.contains("test_key"),
        "{state}"
    );
    let gate = "test_gate.a".parse().expect("an address");
    assert!(store.state().resource(&gate).is_some());
}

#[test]
fn it_waits_for_what_it_refers_to_and_so_does_its_user() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let text = r#"
[resource.test_safe.first]
name = "first"
[ephemeral.test_key.outer]
purpose = "${resource.test_safe.first.id}"
[ephemeral.test_key.inner]
for_each = '${toset(["x"])}'
purpose = "short ${ephemeral.test_key.outer.secret}"
[resource.test_gate.second]
name = "second"
combination = '${ephemeral.test_key.inner["x"].secret}'
"#;
    let plan = bench.planned(&store, text, |_| {});
    assert_eq!(
        cloud.calls(),
        Vec::<String>::new(),
        "its configuration is not known"
    );
    bench.done(&store, text, &plan);
    assert_eq!(
        cloud.calls(),
        [
            "create safe-1",
            "open key-1 safe-1",
            "open key-2 short key-1",
            // While the step that uses it goes on.
            "renew key-2",
            "create second with key-2",
            "close key-2'",
            "close key-1",
        ]
    );
    // The order is in the state, of what is stored.
    let second = "test_gate.second".parse().expect("an address");
    let state = store.state();
    let recorded = &state.resource(&second).expect("made").dependencies;
    let names: Vec<String> = recorded.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["test_safe.first"]);
    let plan = bench.planned(&store, text, |o| o.mode = PlanMode::Destroy);
    cloud.calls();
    bench.done(&store, text, &plan);
    assert_eq!(cloud.calls(), ["delete second", "delete safe-1"]);
}

#[test]
fn what_was_never_made_stands_in_no_destroys_way() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let text = r#"
[resource.test_safe.first]
name = "first"
[resource.test_safe.other]
name = "other"
[ephemeral.test_key.k]
purpose = "${resource.test_safe.other.id}"
[resource.test_gate.g]
name = "g"
combination = "${ephemeral.test_key.k.secret}"
"#;
    let first = "test_safe.first".parse().expect("a pattern");
    let plan = bench.planned(&store, text, |o| o.targets = vec![first]);
    bench.done(&store, text, &plan);
    let plan = bench.planned(&store, text, |o| o.mode = PlanMode::Destroy);
    cloud.calls();
    bench.done(&store, text, &plan);
    assert_eq!(cloud.calls(), ["delete safe-1"]);
}

#[test]
fn what_cannot_be_opened_stops_the_plan_and_what_uses_it() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let plan = bench.planned(&store, GATE, |_| {});
    cloud.calls();
    let sealed = ProviderError::new(ErrorKind::Denied, "the vault is sealed");
    cloud.world().failing.insert("open", sealed);
    let problem = bench.refused(&store, GATE, |_| {});
    assert!(problem.contains("ephemeral.test_key.k"), "{problem}");
    assert!(problem.contains("the vault is sealed"), "{problem}");
    let report = bench.apply(&store, &bench.program(GATE), &plan);
    let failed: Vec<String> = report
        .failures
        .iter()
        .map(|f| f.address.to_string())
        .collect();
    assert_eq!(failed, ["test_gate.a"]);
    assert!(cloud.world().calls.is_empty());
}

#[test]
fn what_cannot_be_closed_is_told() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let plan = bench.planned(&store, GATE, |_| {});
    let gone = ProviderError::new(ErrorKind::Other, "no answer");
    cloud.world().failing.insert("close", gone);
    let report = bench.apply(&store, &bench.program(GATE), &plan);
    let told: Vec<&str> = report.diagnostics.iter().map(|d| &*d.message).collect();
    assert!(
        told[0].contains("ephemeral.test_key.k") && told[0].contains("no answer"),
        "{told:?}"
    );
    assert!(report.is_complete(), "what was to be done is done");
}

#[test]
fn postconditions_see_it() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let text = GATE.replace(
        "purpose = \"long\"\n",
        "purpose = \"long\"\nlifecycle = { postcondition = [{ condition = '${self.secret != \"key-1\"}', message = \"worn out\" }] }\n",
    );
    let problem = bench.refused(&store, &text, |_| {});
    assert!(problem.contains("worn out"), "{problem}");
    // What was opened is closed all the same.
    assert_eq!(cloud.calls(), ["open key-1 long", "close key-1"]);
    bench.planned(&store, &text, |_| {});
}

#[test]
fn modules_hand_ephemeral_values_on() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![std::sync::Arc::new(cloud.clone())]);
    let store = bench.store();
    let files = infra_lang::files::MemoryFiles::new([(
        "stacks/keys.toml",
        "[ephemeral.test_key.k]\npurpose = \"module\"\n[outputs.secret]\nvalue = \"${ephemeral.test_key.k.secret}\"\nephemeral = true\nsensitive = true\n",
    )]);
    let text = "[module.keys]\nsource = \"./keys.toml\"\n[resource.test_gate.a]\nname = \"a\"\ncombination = \"${module.keys.secret}\"\n";
    bench.settle_with(&store, text, files);
    let calls = cloud.calls();
    assert_eq!(
        calls[2..5],
        ["open key-2 module", "create a with key-2", "close key-2"]
    );
    assert!(!format!("{:?}", store.state()).contains("key-"));
}
