//! `lifecycle`, conditions, checks, and data of its own: create_before_destroy, prevent_destroy, ignore_changes.

use crate::bench::{Bench, actions, addresses, attribute};
use infra_engine::{ChangeAction, PlanMode};

#[test]
fn prevent_destroy_is_evaluated_whenever_something_would_go() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.keep]
input = true
[resource.terraform_data.a]
for_each = '${toset(["x", "y"])}'
triggers_replace = 1
lifecycle = { prevent_destroy = "${terraform_data.keep.output && each.key == \"x\"}" }
"#;
    bench.settle(&store, text);
    let refused = |text: &str, mode: PlanMode| bench.refused(&store, text, |o| o.mode = mode);
    // Replacing, taking the key away, destroying everything.
    for (changed, mode) in [
        (text.replace("= 1", "= 2"), PlanMode::Normal),
        (text.replace("\"x\", \"y\"", "\"y\""), PlanMode::Normal),
        (text.to_owned(), PlanMode::Destroy),
    ] {
        let problem = refused(&changed, mode);
        assert!(
            problem.contains("terraform_data.a[\"x\"] has prevent_destroy"),
            "{problem}"
        );
        assert!(!problem.contains("a[\"y\"]"), "{problem}");
    }
    let open = text.replace("input = true", "input = false");
    bench.settle(&store, &open);
    bench.settle(&store, &open.replace("\"x\", \"y\"", "\"y\""));
    assert!(!addresses(&store).contains(&"terraform_data.a[\"x\"]".to_owned()));
}

#[test]
fn ignored_paths_keep_what_is_there() {
    let bench = Bench::new();
    let store = bench.store();
    let text = |ignored: &str, keepers: &str| {
        format!(
            "[resource.random_pet.p]\nkeepers = {keepers}\nlifecycle = {{ ignore_changes = {ignored} }}\n"
        )
    };
    bench.settle(&store, &text("[]", "{ a = \"1\", b = \"1\" }"));
    let plan = |ignored: &str, keepers: &str| {
        actions(&bench.planned(&store, &text(ignored, keepers), |_| {}))
    };
    let changed = "{ a = \"2\", b = \"1\" }";
    assert_eq!(plan("[]", changed).len(), 1);
    assert_eq!(plan("['keepers[\"a\"]']", changed), []);
    assert_eq!(plan("['keepers[\"b\"]']", changed).len(), 1);
    assert_eq!(plan("[\"keepers\"]", changed), []);
    assert_eq!(plan("\"all\"", changed), []);
    // A key that goes or comes is ignored like one that changes.
    assert_eq!(plan("['keepers[\"a\"]']", "{ b = \"1\" }"), []);
    assert_eq!(
        plan("['keepers[\"c\"]']", "{ a = \"1\", b = \"1\", c = \"1\" }"),
        []
    );
}

#[test]
fn conditions_stop_and_checks_warn() {
    let bench = Bench::new();
    let store = bench.store();
    let text = |limit: u32| {
        format!(
            r#"
[resource.random_integer.n]
min = 5
max = 5
[resource.random_integer.n.lifecycle]
postcondition = [{{ condition = "${{self.max <= {limit}}}", message = "too much" }}]
[resource.terraform_data.d]
input = "${{random_integer.n.result}}"
[resource.terraform_data.d.lifecycle]
precondition = [{{ condition = "${{random_integer.n.result < 6}}", message = "no" }}]
[[check]]
name = "small"
assert = [{{ condition = "${{random_integer.n.result < 3}}", message = "n is large" }}]
"#
        )
    };
    // What is known while planning is checked then.
    let refused = bench.refused(&store, &text(4), |_| {});
    assert!(
        refused.contains("postcondition failed: too much"),
        "{refused}"
    );
    let plan = bench.planned(&store, &text(5), |_| {});
    assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
    // What is not is checked during apply; a check warns and stops nothing.
    let report = bench.done(&store, &text(5), &plan);
    let warnings: Vec<&str> = report
        .diagnostics
        .iter()
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(warnings, ["check `small` failed: n is large"]);
}

#[test]
fn create_before_destroy_spreads_and_is_remembered() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.base]
triggers_replace = "1"
[resource.terraform_data.mid]
triggers_replace = "${terraform_data.base.id}"
[resource.terraform_data.top]
input = "${terraform_data.mid.id}"
lifecycle = { create_before_destroy = true }
"#;
    bench.settle(&store, text);
    for name in ["base", "mid", "top"] {
        let address = format!("terraform_data.{name}")
            .parse()
            .expect("an address");
        assert!(
            store.read(|s| s
                .resource(&address)
                .is_some_and(|r| r.create_before_destroy)),
            "{name}"
        );
    }
    let plan = bench.settle(&store, &text.replace("\"1\"", "\"2\""));
    let replaced = actions(&plan);
    let cbd = replaced
        .iter()
        .filter(|(_, a)| *a == ChangeAction::CreateThenDelete);
    assert_eq!(cbd.count(), 2, "{replaced:?}");
    assert!(store.read(|s| s.resources.values().all(|r| r.deposed.is_empty())));
}

#[test]
fn a_refresh_only_apply_writes_what_it_found_and_nothing_else() {
    let bench = Bench::new();
    let store = bench.store();
    let text = "
[resource.terraform_data.d]
input = \"1\"
[outputs.o]
value = \"${terraform_data.d.output}\"
";
    bench.settle(&store, text);
    let changed = text.replace("\"1\"", "\"2\"");
    let plan = bench.planned(&store, &changed, |o| o.mode = PlanMode::RefreshOnly);
    assert!(!plan.has_changes(), "{:?}", plan.outputs);
    let report = bench.done(&store, &changed, &plan);
    assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
    assert_eq!(attribute(&store, "terraform_data.d", "input"), "1");
    assert_eq!(
        crate::bench::output(&store, "o"),
        Some(infra_model::Value::from("1"))
    );
}

#[test]
fn dependencies_can_turn_round() {
    let bench = Bench::new();
    let store = bench.store();
    let a_first = "[resource.terraform_data.a]\ntriggers_replace = 1\n[resource.terraform_data.b]\ntriggers_replace = \"${terraform_data.a.id}\"\n";
    let b_first = "[resource.terraform_data.b]\ntriggers_replace = 2\n[resource.terraform_data.a]\ntriggers_replace = \"${terraform_data.b.id}\"\n";
    // Every plan is applied to its end, and leaves nothing to do.
    for text in [a_first, b_first, a_first] {
        let plan = bench.settle(&store, text);
        assert_eq!(actions(&plan).len(), 2);
    }
}

#[test]
fn what_is_no_secret_any_more_is_shown_again() {
    let bench = Bench::new();
    let store = bench.store();
    let text = "[variables.v]\ntype = \"string\"\ndefault = \"x\"\nsensitive = true\n[resource.terraform_data.a]\ninput = \"${var.v}\"\n[outputs.o]\nvalue = \"${terraform_data.a.output}\"\nsensitive = true\n";
    bench.settle(&store, text);
    let open = text.replace("sensitive = true\n", "");
    let plan = bench.settle(&store, &open);
    assert!(plan.outputs["o"].is_change());
    let state = store.state();
    assert!(!state.outputs["o"].sensitive);
    assert_eq!(
        actions(&plan).len(),
        1,
        "the mark is stored with the resource"
    );
}

#[test]
fn an_output_that_is_null_is_none() {
    let bench = Bench::new();
    let store = bench.store();
    let text = |value: &str| {
        format!(
            "[resource.terraform_data.a]\ninput = \"{value}\"\n[outputs.o]\nvalue = '${{terraform_data.a.output == \"x\" ? null : \"there\"}}'\n"
        )
    };
    for (value, there) in [("x", false), ("y", true), ("x", false)] {
        bench.settle(&store, &text(value));
        assert_eq!(store.state().outputs.contains_key("o"), there, "{value}");
    }
}

#[test]
fn preconditions_of_outputs_come_before_their_values() {
    let bench = Bench::new();
    let store = bench.store();
    let text = |limit: &str, size: &str| {
        format!(
            r#"
[resource.terraform_data.d]
input = {size}
[outputs.size]
value = "${{1 / terraform_data.d.output}}"
precondition = [
  {{ condition = "${{terraform_data.d.input > {limit}}}", message = "d must be larger than {limit}" }},
]
"#
        )
    };
    // Known while planning: refused then, and the value that it guards is not computed.
    let refused = bench.refused(&store, &text("0", "0"), |_| {});
    assert!(
        refused.contains("precondition of the output `size` failed: d must be larger than 0"),
        "{refused}"
    );
    assert!(!refused.contains("division"), "{refused}");
    bench.settle(&store, &text("0", "4"));
    // Refreshing warns, destroying does not ask.
    let plan = bench.planned(&store, &text("4", "4"), |o| {
        o.mode = infra_engine::PlanMode::RefreshOnly;
    });
    let told: Vec<&str> = plan.diagnostics.iter().map(|d| &*d.message).collect();
    assert_eq!(
        told,
        ["precondition of the output `size` failed: d must be larger than 4"]
    );
    let plan = bench.planned(&store, &text("4", "4"), |o| {
        o.mode = infra_engine::PlanMode::Destroy;
    });
    assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
}

#[test]
fn preconditions_of_outputs_that_were_unknown_are_asked_during_apply() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.random_integer.n]
min = 5
max = 5
[outputs.n]
value = "${random_integer.n.result}"
precondition = [{ condition = "${random_integer.n.result < 5}", message = "n is too large" }]
"#;
    let plan = bench.planned(&store, text, |_| {});
    let report = bench.apply(&store, &bench.program(text), &plan);
    assert!(!report.is_complete());
    let told: Vec<&str> = report.diagnostics.iter().map(|d| &*d.message).collect();
    assert_eq!(
        told,
        ["precondition of the output `n` failed: n is too large"]
    );
    assert!(store.read(|s| s.outputs.is_empty()), "its value counts");
}
